// The list of stored sessions. What is filtered stands in the address, so that it can be kept.
import { ask, query } from "./api.js";
import { h, show } from "./dom.js";
import { help, onKeys } from "./keyboard.js";
import { DECISIONS, bar, toneOf } from "./verdict.js";

const PAGE = 25;
const TITLE = "Review";
const FILTERS = ["decision", "mode", "min_score", "max_score"];

/** A row's date, short. */
export const when = (iso) => new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

export const chip = (decision) => h("span", { class: `chip ${DECISIONS[decision]?.tone ?? ""}` }, DECISIONS[decision]?.word ?? decision);

/** The score of a summary as a small bar; its threshold is not in the list, so its colour is the decision's. */
function mini({ score, passed }) {
  if (score === null) return h("span", { class: "soft" }, "none");
  return h("span", { class: "mini" }, bar(score, passed ? "good" : "bad", `Score ${score.toFixed(2)}, ${passed ? "passed" : "failed"}`), score.toFixed(2));
}

/** A table of summaries; `rows` are its links, in order. */
export function sessionTable(sessions, caption) {
  const table = h("table", { class: "sessions" },
    h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, ["Session", "Decision", "Score", "Mode", "Coverage", "Policy", "Made"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, sessions.map((session) => h("tr", { click: (event) => { if (!event.target.closest("a")) location.hash = `#/review/${session.session_id}`; } },
      h("td", {}, h("a", { href: `#/review/${session.session_id}`, "aria-label": `Session ${session.session_id.slice(0, 8)}…` }, `${session.session_id.slice(0, 8)}…`)),
      h("td", {}, chip(session.decision)),
      h("td", {}, mini(session)),
      h("td", { class: "extra" }, session.mode.toUpperCase(), session.enforced && " enforced"),
      h("td", { class: "extra wide-only" }, `${Math.round(session.coverage * 100)} %`),
      h("td", { class: "extra wide-only" }, session.policy),
      h("td", { class: "extra" }, when(session.created_at))))));
  return h("div", { class: "scroll" }, table);
}

export function page(asked) {
  const list = h("div", { class: "card", "aria-busy": "true" }, h("p", { class: "soft" }, "Loading…"));
  const said = h("p", { class: "small soft", role: "status" });
  const pager = h("nav", { class: "row", "aria-label": "Pages of the list" });
  const left = new AbortController();
  const before = (asked.before ?? "").split(" ").filter(Boolean); // cursors of the pages before
  const go = (changes) => {
    const next = { ...Object.fromEntries(FILTERS.map((name) => [name, asked[name]])), ...changes };
    location.hash = `#/review${query(next)}`;
  };

  const select = (name, label, options) => {
    const element = h("select", { change: () => go({ [name]: element.value }) }, options.map(([value, text]) => h("option", { value, selected: (asked[name] ?? "") === value }, text)));
    return { element, field: h("label", { class: "field" }, label, element) };
  };
  const number = (name, label) => {
    const element = h("input", { type: "number", min: 0, max: 1, step: 0.05, value: asked[name] ?? "", change: () => { if (element.reportValidity()) go({ [name]: element.value }); } });
    return h("label", { class: "field" }, label, element);
  };
  const decision = select("decision", "Decision", [["", "all"], ...Object.entries(DECISIONS).map(([value, { word }]) => [value, word])]);
  const mode = select("mode", "Mode", [["", "all"], ["ids", "IDS, watching"], ["ips", "IPS, blocking"]]);

  let links = [], next = null;
  const move = (by) => {
    if (!links.length) return;
    const at = links.indexOf(document.activeElement.closest("tr")?.querySelector("a"));
    links[at < 0 ? 0 : Math.max(0, Math.min(links.length - 1, at + by))].focus();
  };
  const forward = () => next && go({ cursor: next, before: [...before, asked.cursor ?? "-"].join(" ") });
  const back = () => before.length && go({ cursor: before.at(-1) === "-" ? "" : before.at(-1), before: before.slice(0, -1).join(" ") });
  const stopKeys = onKeys({
    j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
    "/": () => decision.element.focus(), "?": help, n: forward, p: back, Escape: () => (links[0] ?? decision.element).focus(),
    1: () => go({ decision: "accept" }), 2: () => go({ decision: "review" }), 3: () => go({ decision: "reject" }), 4: () => go({ decision: "" }),
  });

  async function load() {
    const filters = Object.fromEntries(FILTERS.map((name) => [name, asked[name]]));
    const page = await ask(`v1/sessions${query({ ...filters, cursor: asked.cursor, limit: PAGE })}`, { signal: left.signal });
    next = page.next;
    list.setAttribute("aria-busy", "false");
    const some = page.sessions.length;
    said.textContent = some ? `${some} ${some === 1 ? "session" : "sessions"} on this page, the newest first` : "";
    show(list, some ? sessionTable(page.sessions, "Stored sessions") : h("p", {}, FILTERS.some((name) => asked[name]) ? "No session fits these filters." : "No session is stored yet. Make one under Capture."));
    links = [...list.querySelectorAll("tbody a")];
    show(pager,
      before.length > 0 && h("button", { type: "button", class: "small", click: back }, "Newer"),
      next && h("button", { type: "button", class: "small", click: forward }, "Older"));
  }
  load().catch((problem) => { if (problem.name !== "AbortError") failed(list, problem); });

  return {
    title: TITLE,
    element: [h("div", { class: "stack" },
      h("div", { class: "row spread" }, h("h1", { tabindex: -1 }, TITLE), h("button", { type: "button", class: "small quiet", click: help }, "Keys ", h("kbd", {}, "?"))),
      h("div", { class: "filters", role: "search", "aria-label": "Filters" }, decision.field, mode.field, number("min_score", "Score from"), number("max_score", "Score to"),
        FILTERS.some((name) => asked[name]) && h("button", { type: "button", class: "quiet small", click: () => { location.hash = "#/review"; } }, "Clear")),
      said, list, pager)],
    stop: () => { stopKeys(); left.abort(); },
  };
}

/** Say in `place` why something could not be loaded. */
export function failed(place, problem) {
  place.setAttribute("aria-busy", "false");
  show(place, h("div", { role: "alert" }, h("p", {}, problem.message), h("p", { class: "soft" }, problem.wantsKey ? "Load this page again to give a key." : "Load this page again in a moment.")));
}
