// Small charts in SVG: a line with marks, and a histogram with a threshold. Colours are the style
// sheet's, so that both are right in light and dark.
import { svg } from "./dom.js";

const WIDTH = 360; // about as wide as it is shown, so that its letters have the page's size
const HEIGHT = 220;
const INSET = { top: 26, right: 14, bottom: 44, left: 50 };

/** Round numbers that divide a range into about `count` parts. */
export function ticks(low, high, count = 5) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) found.push(Number(at.toPrecision(12)));
  return found;
}

/** Write a number for a label: as short as it can be told apart. */
export function brief(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

/**
 * Draw a line chart.
 * @param {{title: string, x_label: string, y_label: string, x: number[], y: (number|null)[], marks?: Object<string, number>}} data
 *   numbers that are not finite leave a gap
 */
export function plot({ title, x_label, y_label, x, y, marks = {} }) {
  const points = x.map((at, i) => [at, y[i]]).filter(([at]) => Number.isFinite(at));
  const seen = points.filter(([, value]) => Number.isFinite(value));
  const [left, right] = span(seen.map(([at]) => at));
  const [bottom, top] = span(seen.map(([, value]) => value));
  const frame = axes({ left, right, bottom, top, x_label, y_label });
  const marked = Object.entries(marks).filter(([, at]) => Number.isFinite(at) && at >= left && at <= right);
  return svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": describe(title, x_label, y_label, seen, marked) },
    frame.lines,
    svg("path", { class: "line", d: path(points, frame) }),
    marked.map(([label, at], i) => mark(label, frame.px(at), frame.right, i)));
}

function span(values) {
  if (!values.length) return [0, 1];
  const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  const air = high > low ? 0 : Math.abs(high) * 0.1 || 1;
  return [low - air, high + air];
}

function path(points, { px, py }) {
  let drawing = false;
  return points.map(([at, value]) => {
    if (!Number.isFinite(value)) { drawing = false; return ""; }
    const step = `${drawing ? "L" : "M"}${px(at).toFixed(1)} ${py(value).toFixed(1)}`;
    drawing = true;
    return step;
  }).join("");
}

function axes({ left, right, bottom, top, x_label, y_label, width = WIDTH, whole = false }) {
  const inner = { width: width - INSET.left - INSET.right, height: HEIGHT - INSET.top - INSET.bottom };
  const px = (at) => INSET.left + ((at - left) / (right - left)) * inner.width;
  const py = (value) => INSET.top + (1 - (value - bottom) / (top - bottom)) * inner.height;
  const floor = INSET.top + inner.height;
  const lines = [
    ...ticks(bottom, top, 4).filter((value) => !whole || Number.isInteger(value)).map((value) => [
      svg("line", { class: "grid", x1: INSET.left, x2: width - INSET.right, y1: py(value), y2: py(value) }),
      svg("text", { x: INSET.left - 6, y: py(value) + 4, "text-anchor": "end" }, brief(value)),
    ]),
    svg("line", { class: "axis", x1: INSET.left, x2: width - INSET.right, y1: floor, y2: floor }),
    ...ticks(left, right, 5).map((at) => svg("text", { x: px(at), y: floor + 17, "text-anchor": "middle" }, brief(at))),
    svg("text", { x: INSET.left + inner.width / 2, y: HEIGHT - 6, "text-anchor": "middle" }, x_label),
    svg("text", { x: 2, y: 12 }, y_label), // above its axis: it may be long, and is not to be read sideways
  ];
  return { px, py, lines: lines.flat(), floor, right: width - INSET.right };
}

function mark(label, at, edge, row) {
  const right = at > edge * 0.62; // the label stays inside
  return svg("g", {},
    svg("line", { class: "mark", x1: at, x2: at, y1: INSET.top, y2: HEIGHT - INSET.bottom }),
    svg("text", { class: "mark-text", x: at + (right ? -5 : 5), y: INSET.top + 11 + 15 * row, "text-anchor": right ? "end" : "start" }, label));
}

function describe(title, x_label, y_label, seen, marked) {
  if (!seen.length) return `${title} There is nothing to draw.`;
  const lowest = seen.reduce((a, b) => (b[1] < a[1] ? b : a)), highest = seen.reduce((a, b) => (b[1] > a[1] ? b : a));
  const of = ([at, value]) => `${brief(value)} at ${brief(at)}`;
  const ends = `${x_label} from ${brief(seen[0][0])} to ${brief(seen.at(-1)[0])}`;
  const marks = marked.length ? ` Marked: ${marked.map(([label, at]) => `${label} at ${brief(at)}`).join(", ")}.` : "";
  return `Line chart: ${title} ${y_label} over ${ends}; lowest ${of(lowest)}, highest ${of(highest)}.${marks}`;
}

/**
 * Draw how many scores fall where, with those below a threshold apart.
 * @param {number[]} scores 0..1
  * @param {number} threshold 0..1
 * @param {number} width pixels that there are for it
 */
export function histogram(scores, threshold, width = WIDTH, bins = 20) {
  const counts = new Array(bins).fill(0);
  for (const score of scores) counts[Math.min(bins - 1, Math.floor(score * bins))] += 1;
  const tallest = Math.max(1, ...counts);
  const frame = axes({ left: 0, right: 1, bottom: 0, top: tallest, x_label: "fused score", y_label: "sessions", width, whole: true });
  const wide = frame.px(1 / bins) - frame.px(0);
  const label = `Histogram of ${scores.length} fused scores; ${scores.filter((score) => score < threshold).length} are below ${threshold.toFixed(2)}.`;
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label },
    frame.lines,
    counts.map((count, i) => count && svg("rect", {
      class: (i + 1) / bins <= threshold + 1e-9 ? "column fails" : "column",
      x: frame.px(i / bins) + 1, y: frame.py(count), width: wide - 2, height: frame.floor - frame.py(count), rx: 1.5,
    })),
    mark(threshold.toFixed(2), frame.px(threshold), frame.right, 0));
}
