// One stored session: the same verdict, without pictures, since none are kept.
import { ask } from "./api.js";
import { dialog, h, show } from "./dom.js";
import { help, onKeys } from "./keyboard.js";
import { failed } from "./review.js";
import { verdictView } from "./verdict.js";

export function page({ id }) {
  const body = h("div", { class: "card", "aria-busy": "true" }, h("p", { class: "soft" }, "Loading…"));
  const place = h("div", {}, body);
  const left = new AbortController();
  const path = `v1/sessions/${encodeURIComponent(id)}`;
  const back = () => history.length > 1 ? history.back() : (location.hash = "#/review");
  const stopKeys = onKeys({ u: back, Escape: back, "?": help });
  const remove = h("button", { type: "button", class: "danger small", disabled: true, click: () => erase() }, "Delete…");

  async function erase() {
    const no = h("button", { type: "button", value: "" }, "Keep it");
    const answer = await dialog(h("div", { class: "stack" },
      h("h2", {}, "Delete this session?"),
      h("p", {}, "Its record is deleted for good, on every node. This cannot be undone."),
      h("div", { class: "row" }, h("button", { type: "button", class: "danger", value: "yes" }, "Delete"), no)), { label: "Delete this session?", focus: no });
    if (answer !== "yes") {
      remove.focus();
      return;
    }
    try {
      await ask(path, { method: "DELETE" });
      remove.disabled = true;
      show(place, h("p", { class: "card", role: "status", tabindex: -1 }, "Deleted."));
      place.firstChild.focus();
    } catch (problem) {
      failed(place, problem);
    }
  }

  ask(path, { signal: left.signal }).then((verdict) => {
    show(place, verdictView(verdict));
    remove.disabled = false;
  }).catch((problem) => { if (problem.name !== "AbortError") failed(body, problem); });

  return {
    title: "Session",
    element: [h("div", { class: "stack" },
      h("p", {}, h("a", { href: "#/review", click: (event) => { event.preventDefault(); back(); } }, "Back to the list")),
      h("div", { class: "row spread" }, h("h1", { tabindex: -1 }, "Session"), remove),
      place)],
    stop: () => { stopKeys(); left.abort(); },
  };
}
