// The API key: asked for only when the server wants one, kept for this tab only.
import { dialog, fresh, h } from "./dom.js";

const NAME = "palisade-key";
const changed = new EventTarget();
let asking = null;

export const key = () => sessionStorage.getItem(NAME);

export function forget() {
  sessionStorage.removeItem(NAME);
  changed.dispatchEvent(new Event("change"));
}

/** Call `listener` whenever a key came or went. */
export const onKey = (listener) => changed.addEventListener("change", listener);

/**
 * Ask for a key. However many requests need one, there is one dialog.
 * @param {string} why what the server said
 * @returns {Promise<boolean>} whether one was given
 */
export function askForKey(why) {
  asking ??= ask(why).finally(() => { asking = null; });
  return asking;
}

async function ask(why) {
  const id = fresh("key");
  const input = h("input", { id, type: "password", required: true, autocomplete: "off", spellcheck: "false", placeholder: "pk_…" });
  const form = h("form", { class: "stack", submit: (event) => {
    event.preventDefault();
    form.closest("dialog").close(input.value.trim());
  } },
    h("h2", {}, "A key is needed"),
    h("p", { class: "soft" }, why),
    h("label", { class: "field", for: id }, "API key", input),
    h("p", { class: "small soft" }, "It stays in this tab and is gone when you close it."),
    h("div", { class: "row" },
      h("button", { class: "primary" }, "Use the key"),
      h("button", { type: "button", value: "" }, "Cancel")));
  const given = await dialog(form, { label: "A key is needed", focus: input });
  if (!given) return false;
  sessionStorage.setItem(NAME, given);
  changed.dispatchEvent(new Event("change"));
  return true;
}
