// A verdict as people read it. Used for a fresh one, with pictures, and for one from the store.
import { h, svg } from "./dom.js";
import { documentSection } from "./document.js";
import { brief } from "./charts.js";
import { gallery } from "./pictures.js";
import { recordSection } from "./record.js";
import { componentName, explain, plain, signalAbout, signalName, statusMeaning, statusName } from "./words.js";

export const DECISIONS = {
  accept: { word: "Accepted", tone: "good", said: "The score reached the threshold, and enough was seen to say so." },
  review: { word: "For review", tone: "warn", said: "Somebody should look at this session before it is decided." },
  reject: { word: "Rejected", tone: "bad", said: "The session failed, and the policy blocks what fails." },
};

const SHAPES = { good: "M4 12.5l5.5 5.5L20 6.5", warn: "M12 4v10M12 19v.5", bad: "M5.5 5.5l13 13M18.5 5.5l-13 13" };

export const toneOf = (score, threshold) => (score === null ? "" : score < threshold ? "bad" : score < threshold + 0.15 ? "warn" : "good");

/** The decision in a word, with a shape so that it does not hang on the colour. */
export function decisionWord(decision, tag = "p", word = DECISIONS[decision]?.word ?? plain(decision)) {
  const tone = DECISIONS[decision]?.tone ?? "warn";
  return h(tag, { class: `word ${tone}` }, svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: SHAPES[tone] })), word);
}

/** A bar from 0 to 1. */
export function bar(score, tone, label) {
  return h("div", { class: `bar ${tone}`, role: "img", "aria-label": label }, h("i", { "width%": 100 * (score ?? 0) }));
}

/** @param {{signals: object[]}} verdict @param {object[]} pictures */
export function verdictView(verdict, pictures = []) {
  return h("div", {},
    headline(verdict),
    signals(verdict),
    gallery(pictures.filter(({ signal }) => !signal.startsWith("document_"))),
    quality(verdict.face),
    verdict.document && documentSection(verdict.document, pictures.filter(({ signal }) => signal.startsWith("document_"))),
    recordSection(verdict));
}

function headline(verdict) {
  const { decision, enforcement, score, threshold, reasons, face } = verdict;
  const why = [...new Set([...reasons, ...face.problems])];
  return h("section", { class: `card decision ${DECISIONS[decision]?.tone ?? ""}`, "aria-label": "Decision" },
    h("div", { class: "stack-s" },
      decisionWord(decision, "h2"),
      h("p", {}, DECISIONS[decision]?.said),
      h("p", { class: "soft" }, mode(verdict)),
      why.length > 0 && h("ul", { class: "why" }, why.map((word) => h("li", { title: word }, explain(word))))),
    h("div", { class: "stack" },
      scoreMeter(score, threshold),
      h("dl", { class: "figures" },
        figure("Coverage", `${Math.round(verdict.coverage * 100)} %`),
        figure("Mode", enforcement.mode.toUpperCase()),
        figure("Policy", `${verdict.policy.name} v${verdict.policy.version}`)),
      h("p", { class: "small soft" }, "Session ", h("span", { class: "mono" }, verdict.session_id), `, ${new Date(verdict.created_at).toLocaleString()}`)));
}

const figure = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

// With these there is too little to go by, and the decision is a review whatever the mode.
const INSUFFICIENT = new Set(["quorum_not_met", "coverage_below_minimum", "required_signal_missing", "no_face", "face_too_small", "several_faces", "no_face_in_clip", "clip_frozen", "clip_looped"]);

function mode({ enforcement: { mode, percent, bucket }, enforced, passed, reasons }) {
  if (mode === "ids") {
    const would = !passed && !reasons.some((word) => INSUFFICIENT.has(word)) ? " Were it blocking, this one would be rejected." : "";
    return `The policy is watching (IDS): what fails is flagged, not blocked.${would}`;
  }
  const share = percent < 100 ? ` for ${brief(percent)} % of people, and this one (at ${bucket.toFixed(1)}) is ${enforced ? "among them" : "not among them"}` : "";
  return `The policy is blocking (IPS)${share}.`;
}

/** The fused score on a line from 0 to 1, with the threshold marked. */
export function scoreMeter(score, threshold) {
  const said = score === null ? "No score: no signal could be measured." : `Score ${score.toFixed(3)}, threshold ${threshold.toFixed(2)}`;
  return h("div", { class: "meter" },
    h("div", { class: "row spread" }, h("b", {}, score === null ? "No score" : `Score ${score.toFixed(3)}`), h("span", { class: "soft small" }, `threshold ${threshold.toFixed(2)}`)),
    h("div", { class: "scale" }, bar(score, toneOf(score, threshold), said), h("span", { class: "mark", "left%": threshold * 100, "aria-hidden": "true" })),
    h("div", { class: "row spread small soft", "aria-hidden": "true" }, h("span", {}, "0 attack"), h("span", {}, "1 genuine")));
}

const percent = (weight) => `${Math.round(weight * 100)} %`;
const nats = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)} nats`;

function signals({ signals, weights, contributions = {}, threshold }) {
  const calibrated = "prior" in contributions; // else, and in earlier records, a weighted mean
  const shares = calibrated ? contributions : weights;
  const share = (signal) => Math.abs(shares[signal.name] ?? 0);
  const counted = signals.filter((signal) => share(signal) > 0).sort((a, b) => share(b) - share(a));
  const others = signals.filter((signal) => !(share(signal) > 0));
  const said = calibrated
    ? `1 is genuine; nats say how strongly it speaks for the capture (+) or against it (−): added to ${nats(contributions.prior)} at the start, they make the score.`
    : "1 is genuine; the weights are those of the signals that could be measured.";
  return h("section", { class: "card stack-s", "aria-labelledby": "signals" },
    h("h2", { id: "signals" }, "Signals"),
    h("p", { class: "small soft" }, `Each looks for one trace. ${said}`),
    signalList([...counted, ...others], shares, threshold, signalName, signalAbout, calibrated ? nats : percent));
}

/** One row for each signal or check: name, bar, its share, status, reasons; its measures on demand. */
export function signalList(entries, shares, threshold, nameOf, aboutOf, written = percent) {
  const share = ({ name }) => (name in shares ? written(shares[name]) : null);
  return h("ul", { class: "signals" }, entries.map((entry) => h("li", {}, row(entry, share(entry), threshold, nameOf(entry.name), aboutOf(entry.name)))));
}

function row(entry, share, threshold, name, about) {
  const { status, score, reasons, components, measures } = entry;
  const ok = status === "ok";
  const why = reasons.filter((word) => word !== status);
  const said = score === null ? statusName(status) : `${name}: ${score.toFixed(2)} of 1`;
  return h("div", {},
    h("div", { class: "signal" },
      h("span", { class: "name" }, name),
      h("span", { class: "bar-cell" }, score === null ? h("span", { class: `chip ${ok ? "" : tone(status)}`, title: statusMeaning(status) }, ok ? "no score" : statusName(status)) : bar(score, toneOf(score, threshold), said)),
      h("span", { class: "value" }, score === null ? "" : score.toFixed(2)),
      h("span", { class: "weight" }, share ?? h("span", { "aria-label": "not counted" }, "–")),
      h("span", { class: "said" },
        about && `Looks for ${about}. `,
        !ok && !why.length && statusMeaning(status),
        why.map((word) => h("span", { title: word }, `${explain(word)} `)))),
    (Object.keys(components).length > 0 || Object.keys(measures).length > 0) && h("details", {},
      h("summary", {}, "Measured", h("span", { class: "unseen" }, ` by ${name}`)),
      Object.keys(components).length > 0 && [h("p", { class: "small soft" }, "Parts of the score, 0 to 1"), values(components)],
      Object.keys(measures).length > 0 && [h("p", { class: "small soft" }, "Raw measures"), values(measures)]));
}

const tone = (status) => (status === "error" || status === "withheld" ? "bad" : status === "late" || status === "overloaded" ? "warn" : "");

/** Numbers by name. */
export function values(numbers) {
  return h("dl", { class: "values" }, Object.entries(numbers).map(([name, value]) => h("div", {}, h("dt", {}, plain(name)), h("dd", {}, brief(value)))));
}

function quality({ assessment, quality: measures }) {
  if (!assessment && !Object.keys(measures).length) return null;
  return h("section", { class: "card stack", "aria-labelledby": "quality" },
    h("h2", { id: "quality" }, "Quality of the capture"),
    assessment && [
      h("p", { class: "soft" }, h("b", {}, `${Math.round(assessment.score)} of 100. `), assessment.is_valid ? "Good enough." : "The quality gate would refuse it:"),
      assessment.reasons.length > 0 && h("ul", { class: "why" }, assessment.reasons.map((word) => h("li", { title: word }, explain(word)))),
      h("ul", { class: "components" }, Object.entries(assessment.components).map(([name, value]) => h("li", {},
        h("span", {}, componentName(name)), bar(value / 100, value < 30 ? "bad" : value < 60 ? "warn" : "good", `${componentName(name)}: ${Math.round(value)} of 100`), h("b", {}, Math.round(value))))),
    ],
    Object.keys(measures).length > 0 && h("details", {}, h("summary", {}, "Raw measures"), values(measures)));
}
