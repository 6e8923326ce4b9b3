// The record as JSON: to look at, to copy, to take along.
import { h } from "./dom.js";

/** @param verdict as the server stores it */
export function recordSection(verdict) {
  const text = JSON.stringify(verdict, null, 2);
  const said = h("span", { role: "status", class: "small soft" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "Copied.";
    } catch {
      said.textContent = "The browser does not allow copying; download it instead.";
    }
  };
  const download = () => {
    const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    h("a", { href: url, download: `${verdict.session_id}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  return h("section", { class: "card stack-s", "aria-labelledby": "record" },
    h("h2", { id: "record" }, "Record"),
    h("p", { class: "small soft" }, "Everything that is kept of this session."),
    h("div", { class: "row" },
      h("button", { type: "button", class: "small", click: copy }, "Copy"),
      h("button", { type: "button", class: "small", click: download }, "Download"), said),
    h("details", {}, h("summary", {}, "Show as JSON"), h("pre", { class: "record", tabindex: 0, role: "region", "aria-label": "Record as JSON" }, text)));
}
