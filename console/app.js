// Starts the page: one hash route at a time, each a module that is fetched when it is needed.
import { show, h } from "./dom.js";
import { forget, key, onKey } from "./key.js";
import { me } from "./api.js";

const PAGES = {
  capture: () => import("./capture.js"),
  verdict: () => import("./verdict-page.js"),
  review: () => import("./review.js"),
  session: () => import("./session-page.js"),
  simulator: () => import("./simulator.js"),
};

const main = document.getElementById("main");
let leave = null; // how to stop the page that is shown
let turn = 0;

/** Take `#/review?decision=reject` apart. */
function parse(hash) {
  const [path, search = ""] = hash.replace(/^#\//, "").split("?");
  const [page, ...rest] = path.split("/");
  const query = Object.fromEntries(new URLSearchParams(search));
  if (page === "review" && rest[0]) return { page: "session", query: { ...query, id: rest[0] } };
  return { page: page in PAGES ? page : "capture", query };
}

async function open(first = false) {
  const mine = ++turn;
  const { page, query } = parse(location.hash);
  leave?.();
  leave = null;
  for (const link of document.querySelectorAll(".top nav a")) {
    const here = link.hash.startsWith(`#/${page === "session" ? "review" : page === "verdict" ? "capture" : page}`);
    here ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  try {
    const module = await PAGES[page]();
    if (mine !== turn) return;
    const { element, title, stop } = module.page(query);
    show(main, element);
    document.title = `${title} · Palisade`;
    leave = stop ?? null;
  } catch (error) {
    console.error(error);
    show(main, h("h1", { tabindex: -1 }, "This page could not be opened"), h("p", { class: "lead" }, "Load it again; the server may be restarting."));
  }
  if (!first) {
    main.querySelector("h1")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
}

/** What an applicant may not open is not offered. */
async function tidy() {
  document.getElementById("key").hidden = !key();
  const { scope } = await me().catch(() => ({ scope: null }));
  for (const link of document.querySelectorAll('.top nav a:not([href="#/capture"])')) link.hidden = scope === "applicant";
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
document.getElementById("key").addEventListener("click", forget);
onKey(tidy);
window.addEventListener("hashchange", (event) => {
  if (new URL(event.newURL).hash.startsWith("#/")) open();
});
open(true);
tidy();
