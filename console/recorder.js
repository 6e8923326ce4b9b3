// A recording: stills of the camera as JPEG, each with the time at which it was taken.
import { eachFrame, snapshot } from "./camera.js";

const SAID = document.querySelector('meta[name="palisade-recording"]').content;
/** What the server wants recorded: `{seconds, frames, still_bytes, longest_s}`. */
export const PLAN = Object.fromEntries(SAID.split(", ").map((part) => part.split("=")).map(([name, value]) => [name, Number(value)]));
const LONGEST = 640; // pixels of a still's longer side
const QUALITIES = [0.98, 0.96, 0.94, 0.92, 0.9, 0.87, 0.84, 0.8, 0.75, 0.7, 0.6];
const FEWEST = 30;

/** Encodes bitmaps, in a worker where the browser has a canvas there. */
export class Encoder {
  #waiting = new Map();
  #id = 0;

  constructor() {
    this.worker = typeof OffscreenCanvas === "function" ? new Worker(new URL("./encoder.js", import.meta.url)) : null;
    this.worker?.addEventListener("message", ({ data: { id, blob, error } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      blob ? resolve(blob) : reject(new Error(error));
    });
  }

  /** Encode `bitmap`, and let go of it. */
  encode(bitmap, quality) {
    if (!this.worker) return encodeHere(bitmap, quality);
    return new Promise((resolve, reject) => {
      const id = ++this.#id;
      this.#waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, bitmap, quality }, [bitmap]);
    });
  }

  close() { this.worker?.terminate(); }
}

async function encodeHere(bitmap, quality) {
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d", { alpha: false }).drawImage(bitmap, 0, 0);
  bitmap.close();
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
}

/**
 * Find the best quality within the budget. It is one for all stills: if it changed on the way, so
 * would the colours, by more than a pulse changes them.
 */
export async function settle(video, encoder, budget = PLAN.still_bytes) {
  let [low, high] = [0, QUALITIES.length - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const { size } = await encoder.encode(await snapshot(video, LONGEST), QUALITIES[middle]);
    size <= budget ? (high = middle) : (low = middle + 1);
  }
  return QUALITIES[low];
}

/**
 * Record stills.
 * @param {HTMLVideoElement} video
 * @param {Encoder} encoder
 * @param {number} quality of `settle`
 * @param {{onProgress: (share: number) => void, signal: AbortSignal}} options
 * @returns {Promise<{frames: Blob[], times: number[]}>} seconds from the first one, increasing
 */
export function record(video, encoder, quality, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const encoded = [], times = [];
    let stop = () => {};
    const end = async () => {
      stop();
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      const kept = encoded.length;
      if (kept < FEWEST) {
        reject(new Error(`The camera gave ${kept} pictures in ${PLAN.longest_s} seconds. Close other programs and try again.`));
        return;
      }
      try {
        resolve({ frames: await Promise.all(encoded), times });
      } catch (error) {
        reject(error);
      }
    };
    const abort = () => {
      stop();
      clearTimeout(timer);
      Promise.allSettled(encoded); // what is on its way may fail now, and nobody waits for it
      reject(new DOMException("Cancelled", "AbortError"));
    };
    const timer = setTimeout(end, PLAN.longest_s * 1e3);
    signal.addEventListener("abort", abort);
    let first = null;
    stop = eachFrame(video, (seconds) => {
      first ??= seconds;
      const at = Math.round((seconds - first) * 1e6) / 1e6;
      if (times.length && at <= times.at(-1)) return; // shown twice
      // Of a camera that is faster than the plan, each frame that comes nearest to an even beat.
      if (at < (times.length - 0.25) * (PLAN.seconds / PLAN.frames)) return;
      times.push(at);
      encoded.push(snapshot(video, LONGEST).then((bitmap) => encoder.encode(bitmap, quality)));
      onProgress(times.length / PLAN.frames);
      if (times.length === PLAN.frames) end();
    });
  });
}
