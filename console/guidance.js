// From what is seen to what to say: pure functions over numbers, so that they can be tested.
import { advice } from "./words.js";

// Of the reduced still that `glance` sees, whose longer side is GLANCE_SIDE pixels. Coarse on
// purpose: the policy's own limits are the server's, on the whole picture.
export const GLANCE_SIDE = 240;
const DARK = 55;
const BRIGHT = 215;
const SHARP = 25;

// Of the shorter side of the picture: how wide a face should be, and how far off the middle.
const NARROWEST = 0.3;
const WIDEST = 0.72;
const OFF_CENTRE = 0.14;

// What is said first when several things are wrong.
const ORDER = ["no_face", "several_faces", "face_too_small", "face_too_close", "face_at_edge", "to_left", "to_right", "up", "down", "low_brightness", "high_brightness", "face_dark", "face_bright", "uneven_light", "blur", "head_turned", "head_nodded", "head_tilted", "eyes_covered", "eye_covered", "eyes_closed", "mouth_open"];
const DIRECTIONS = { to_left: "Move a little to your left", to_right: "Move a little to your right", up: "Move up a little", down: "Move down a little" };
const LIGHT = new Set(["low_brightness", "high_brightness", "face_dark", "face_bright", "uneven_light"]);
// A still that was reduced and compressed for a quick look says nothing of these.
const NOT_OF_A_STILL = new Set(["blur", "face_blurry", "low_resolution", "compressed"]);

/**
 * Measure a still: mean grey of its middle, and the variance of its Laplacian.
 * @param {ImageData} still
 * @returns {{brightness: number, sharpness: number}} 0..255, and grey levels squared
 */
export function glance({ data, width, height }) {
  const grey = new Float32Array(width * height);
  for (let i = 0; i < grey.length; i += 1) grey[i] = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
  const [x0, x1] = [Math.round(width * 0.3), Math.round(width * 0.7)];
  const [y0, y1] = [Math.round(height * 0.15), Math.round(height * 0.85)];
  let light = 0, sum = 0, squares = 0, count = 0;
  for (let y = y0; y < y1; y += 1) {
    for (let x = x0; x < x1; x += 1) {
      const i = y * width + x;
      const bend = grey[i - 1] + grey[i + 1] + grey[i - width] + grey[i + width] - 4 * grey[i];
      light += grey[i];
      sum += bend;
      squares += bend * bend;
      count += 1;
    }
  }
  return { brightness: light / count, sharpness: squares / count - (sum / count) ** 2 };
}

/** Name what is wrong with what `glance` measured. */
export function faults({ brightness, sharpness }) {
  const found = [];
  if (brightness < DARK) found.push("low_brightness");
  if (brightness > BRIGHT) found.push("high_brightness");
  if (sharpness < SHARP) found.push("blur");
  return found;
}

/**
 * Say where a face should go. Left and right are the person's own, as in a mirror.
 * @param {number[]|null} box x, y, width, height in pixels of the still, which is not mirrored
 * @param {{width: number, height: number}} still
 */
export function placement(box, { width, height }) {
  if (!box) return [];
  const side = Math.min(width, height);
  const [x, y, w, h] = box;
  const found = [];
  if (w < NARROWEST * side) found.push("face_too_small");
  if (w > WIDEST * side) found.push("face_too_close");
  const right = (x + w / 2 - width / 2) / side, down = (y + h / 2 - height / 2) / side;
  if (right < -OFF_CENTRE) found.push("to_left");
  if (right > OFF_CENTRE) found.push("to_right");
  if (down < -OFF_CENTRE) found.push("down");
  if (down > OFF_CENTRE) found.push("up");
  return found;
}

/**
 * Put the client's glance and the server's answer together.
 * @param {{brightness: number, sharpness: number}} seen
 * @param {{words?: string[], reasons: string[], face_bbox: number[]|null, still: {width: number, height: number}}|null} quality
 *   the newest answer of `POST /v1/quality`, or null where the server gives none
 * @returns {{hint: string, ready: boolean, face: string, light: string, sharpness: string}}
 *   what to say, and `good`, `warn` or `unknown` for each of the three meters
 */
export function guide(seen, quality) {
  const own = faults(seen);
  const told = quality ? [...(quality.words ?? quality.reasons).filter((word) => !NOT_OF_A_STILL.has(word)), ...placement(quality.face_bbox, quality.still)] : [];
  const words = [...new Set([...own, ...told])];
  words.sort((a, b) => rank(a) - rank(b));
  const state = (among) => (words.some(among) ? "warn" : "good");
  return {
    hint: words.length ? DIRECTIONS[words[0]] ?? advice(words[0]) : "Good. Hold still and record",
    ready: words.length === 0,
    face: quality ? state((word) => !LIGHT.has(word) && word !== "blur") : "unknown",
    light: state((word) => LIGHT.has(word)),
    sharpness: state((word) => word === "blur"),
  };
}

function rank(word) {
  const place = ORDER.indexOf(word);
  return place < 0 ? ORDER.length : place;
}
