// A place for a file: to drop it on, or to choose it with the keyboard.
import { fresh, h, show } from "./dom.js";

const MIB = 2 ** 20;

// The server's limits by default. It checks again; this saves an upload that would be refused.
export const KINDS = {
  image: { accept: "image/jpeg,image/png,image/webp", types: /^image\/(jpeg|png|webp)$/, most: 10 * MIB, said: "JPEG, PNG or WebP, at most 10 MB" },
  clip: { accept: "video/mp4,video/quicktime,video/webm,video/x-msvideo,.avi", types: /^video\/(mp4|quicktime|webm|x-msvideo|avi|msvideo)$/, most: 50 * MIB, said: "MP4, MOV, WebM or AVI, at most 50 MB and 30 seconds" },
};

/** Write a size for people. */
export const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

/** Say what is wrong with a file, or return null. */
export function wrong(file, kind) {
  const { types, most, said } = KINDS[kind];
  if (!types.test(file.type)) return `“${file.name}” is not of a type that can be read: ${said}.`;
  if (file.size === 0) return `“${file.name}” is empty.`;
  if (file.size > most) return `“${file.name}” has ${size(file.size)}: ${said}.`;
  return null;
}

/**
 * Make a place for one file.
 * @param {{label: string, about: string, kind: "image"|"clip", changed?: () => void}} options
 * @returns {{element: HTMLElement, file: () => File|null, stop: () => void}}
 */
export function fileField({ label, about, kind, changed = () => {} }) {
  const id = fresh("file"), note = fresh("note");
  let chosen = null, url = null;
  const preview = h("div");
  const message = h("p", { id: note, class: "small soft", role: "status" }, KINDS[kind].said);
  const input = h("input", { id, type: "file", accept: KINDS[kind].accept, "aria-describedby": note, change: () => take(input.files[0] ?? null) });
  const remove = h("button", { type: "button", class: "quiet small", hidden: true, click: () => { input.value = ""; take(null); input.focus(); } }, "Remove");
  const element = h("div", { class: "drop",
    dragover: (event) => { event.preventDefault(); element.classList.add("over"); },
    dragleave: () => element.classList.remove("over"),
    drop: (event) => { event.preventDefault(); element.classList.remove("over"); take(event.dataTransfer.files[0] ?? null); },
  }, h("label", { for: id }, h("b", {}, label), h("span", { class: "small soft" }, ` ${about}`)), preview, input, message, h("div", {}, remove));

  function take(file) {
    if (url) URL.revokeObjectURL(url);
    url = null;
    const fault = file && wrong(file, kind);
    chosen = fault ? null : file;
    element.classList.toggle("full", Boolean(chosen));
    element.classList.toggle("wrong", Boolean(fault));
    remove.hidden = !chosen;
    remove.setAttribute("aria-label", `Remove ${label.toLowerCase()}`);
    message.textContent = fault ?? (chosen ? `${chosen.name}, ${size(chosen.size)}` : KINDS[kind].said);
    if (chosen) url = URL.createObjectURL(chosen);
    show(preview, chosen && (kind === "image"
      ? h("img", { class: "thumb", src: url, alt: `${label} as it will be sent` })
      : h("video", { class: "thumb", src: url, controls: true, muted: true, preload: "metadata", "aria-label": `${label} as it will be sent` })));
    changed();
  }
  return { element, file: () => chosen, stop: () => { if (url) URL.revokeObjectURL(url); } };
}
