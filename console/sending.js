// Sending a capture: the form, the progress, and what to do when it is refused.
import { me, verify } from "./api.js";
import { h, show } from "./dom.js";
import { advice } from "./words.js";

/**
 * Put a capture into the form of `POST /v1/verify`.
 * @param {{selfie: Blob, frames?: Blob[], times?: number[], clip?: File|null, document?: File|null, gate: boolean, channel: string}} capture
 */
export function formOf({ selfie, frames = [], times = [], clip, document, gate, channel }) {
  const form = new FormData();
  form.append("selfie", selfie, selfie.name ?? "selfie.jpg");
  frames.forEach((frame, i) => form.append("frames", frame, `frame-${i}.jpg`));
  if (clip) form.append("clip", clip, clip.name);
  if (document) form.append("document", document, document.name);
  const metadata = { channel };
  if (times.length) metadata.frame_times = times;
  if (gate) metadata.gate = true;
  form.append("metadata", JSON.stringify(metadata));
  return form;
}

/** Somebody did not want to wait. */
export class Cancelled extends Error {
  constructor(arrived) {
    super(arrived
      ? "Cancelled. It had arrived, so its scores may be kept all the same; its pictures are not."
      : "Cancelled before all of it had arrived. Nothing was kept.");
  }
}

/**
 * Send `form`, and show in `place` how far it is.
 * @param {AbortController} cancel also pressed by a button here
 * @returns {Promise<{verdict: object, pictures: object[]}>}
 * @throws {Problem|Cancelled}
 */
export async function send(place, form, cancel) {
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Upload" });
  const said = h("p", { role: "status" }, "Sending…");
  const clock = h("span", { class: "soft" });
  const button = h("button", { type: "button", click: () => cancel.abort() }, "Cancel");
  show(place, h("div", { class: "card stack" }, h("h2", {}, "On its way"), said, bar, h("div", { class: "row spread" }, clock, button)));
  button.focus();
  let arrived = null;
  const ticking = setInterval(() => {
    if (arrived) clock.textContent = `${Math.round((performance.now() - arrived) / 1e3)} s`;
  }, 250);
  const onUpload = (share) => {
    if (arrived) return;
    bar.value = share;
    clock.textContent = `${Math.round(share * 100)} %`;
    if (share < 1) return;
    arrived = performance.now();
    bar.removeAttribute("value"); // how long the graph takes nobody knows
    bar.setAttribute("aria-label", "The detectors are at work");
    said.textContent = "It has arrived. The detectors are at work…";
  };
  try {
    const { scope } = await me().catch(() => ({ scope: null }));
    return await verify(form, { pictures: scope === "operator", onUpload, signal: cancel.signal });
  } catch (error) {
    throw error.name === "AbortError" ? new Cancelled(arrived !== null) : error;
  } finally {
    clearInterval(ticking);
  }
}

const NEXT = {
  "quality-failed": "Nothing was judged. Put this right and take the picture again.",
  overloaded: "The server is busy. Wait a moment and send it again.",
  "rate-limited": "Too many requests came with this key. Wait and send it again.",
  unreachable: "Nothing was lost: send it again when the server is back.",
  "key-required": "Send it again with a key.",
  "key-unknown": "Send it again with another key.",
  "scope-missing": "Send it again with another key.",
};

/** Say what went wrong and what to do next. */
export function refusal(problem) {
  const wait = problem.retryAfter ? ` It asks for ${problem.retryAfter} ${problem.retryAfter === 1 ? "second" : "seconds"}.` : "";
  return h("div", { class: `notice ${problem.code === "quality-failed" ? "warn" : "bad"}`, role: "alert" },
    h("h2", {}, problem.code === "quality-failed" ? "The picture is not good enough yet" : "That did not work"),
    h("p", {}, problem.message),
    problem.reasons.length > 0 && h("ul", {}, problem.reasons.map((word) => h("li", {}, advice(word)))),
    h("p", { class: "soft" }, (NEXT[problem.code] ?? (problem.status >= 500 ? "Send it again; if it fails once more, tell whoever runs the server." : "Change what it names, and send it again.")) + wait));
}
