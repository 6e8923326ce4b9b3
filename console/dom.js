// Elements without a framework, and never from text that is parsed as HTML.

/** Make an element. Attributes that are functions are listeners; `null` and `false` leave out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "width%") element.style.width = `${value}%`; // the policy refuses style=""
    else if (name === "left%") element.style.left = `${value}%`;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Show one thing in place of what `parent` shows. */
export function show(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter(Boolean));
}

let ids = 0;
/** A fresh id, for `aria-labelledby` and its like. */
export const fresh = (stem) => `${stem}-${++ids}`;

/** Ask in a modal dialog. Resolves with the `value` of the button that was pressed, or "". */
export function dialog(content, { label, focus } = {}) {
  return new Promise((resolve) => {
    const box = h("dialog", { "aria-label": label, close: () => { box.remove(); resolve(box.returnValue); } }, content);
    box.addEventListener("click", (event) => {
      const button = event.target.closest("button[value]");
      if (button && button.type === "button") box.close(button.value);
    });
    document.body.append(box);
    box.showModal();
    if (focus) focus.focus();
  });
}
