// Single keys, for those who review many sessions. They can be turned off: people who dictate press
// keys that they do not mean (WCAG 2.1.4).
import { dialog, h } from "./dom.js";

const NAME = "palisade-keys-off";
const off = () => localStorage.getItem(NAME) === "yes";

/**
 * Listen for keys until the returned function is called.
 * @param {Object<string, () => void>} actions by `KeyboardEvent.key`
 */
export function onKeys(actions) {
  const listen = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key !== "Escape" && (typing || (off() && event.key !== "?"))) return;
    if (!(event.key in actions)) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return; // it has its own
    event.preventDefault();
    actions[event.key]();
  };
  document.addEventListener("keydown", listen);
  return () => document.removeEventListener("keydown", listen);
}

const HELP = [["j", "next session"], ["k", "session before"], ["Enter", "open"], ["u", "back to the list (also Esc)"], ["/", "go to the filters"], ["1", "accepted only"], ["2", "for review only"], ["3", "rejected only"], ["4", "all"], ["n", "next page"], ["p", "page before"], ["?", "this list"]];

export async function help() {
  const tick = h("input", { type: "checkbox", id: "keys-on", change: () => (tick.checked ? localStorage.removeItem(NAME) : localStorage.setItem(NAME, "yes")) });
  tick.checked = !off();
  const close = h("button", { type: "button", class: "primary", value: "close" }, "Close");
  await dialog(h("div", { class: "stack" },
    h("h2", {}, "Keys"),
    h("dl", { class: "keys" }, HELP.map(([name, text]) => [h("dt", {}, h("kbd", {}, name)), h("dd", {}, text)])),
    h("label", { class: "tick", for: "keys-on" }, tick, "Listen to single keys"),
    close), { label: "Keys", focus: close });
}
