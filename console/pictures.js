// What was measured, as pictures: charts are drawn here, images come inside the answer.
import { plot } from "./charts.js";
import { h } from "./dom.js";
import { plain, signalName } from "./words.js";

/** One figure for each picture that this page can show. */
export function figures(pictures) {
  return pictures.map(figure).filter(Boolean);
}

function figure(picture) {
  const title = picture.title ?? plain(picture.name);
  const shown = picture.kind === "plot" ? plot({ ...picture, title })
    : picture.kind === "image" ? h("img", { src: `data:image/png;base64,${picture.png}`, alt: `${title}, as ${signalName(picture.signal)} saw it` })
      : null;
  return shown && h("figure", {}, h("figcaption", {}, signalName(picture.signal), h("span", {}, title)), shown);
}

/** @param {object[]} pictures of the answer; none were asked for, or came, where it is empty */
export function gallery(pictures) {
  const shown = figures(pictures);
  return shown.length > 0 && h("section", { class: "card stack", "aria-labelledby": "pictures" },
    h("h2", { id: "pictures" }, "What was measured"),
    h("p", { class: "small soft" }, "Drawn for you now and stored nowhere: they are gone when you close or reload this page."),
    h("div", { class: "pictures" }, shown));
}
