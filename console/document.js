// What was found on a document: its checks, and whether its sides say the same.
import { h } from "./dom.js";
import { figures } from "./pictures.js";
import { signalList } from "./verdict.js";
import { checkAbout, checkName, explain, plain, statusMeaning } from "./words.js";

const OUTCOMES = { match: ["same", "good"], mismatch: ["differs", "bad"], not_comparable: ["only one side has it", ""] };
const SIDES = { barcode: "barcode", mrz: "machine-readable zone", text: "printed text" };
const READERS = new Set(["barcode", "mrz"]);
const THRESHOLD = 0.4; // colours the bars of the checks only; what it means is the policy's

/** @param findings of the verdict @param {object[]} pictures heatmaps of this document */
export function documentSection(findings, pictures) {
  const shown = figures(pictures);
  const scored = findings.checks.filter(({ name }) => !READERS.has(name));
  const readers = findings.checks.filter(({ name }) => READERS.has(name));
  return h("section", { class: "card stack", "aria-labelledby": "document" },
    h("div", { class: "row spread" }, h("h2", { id: "document" }, "Document"),
      h("span", { class: `chip ${findings.passed ? "good" : "warn"}` }, findings.passed ? "nothing found" : "look at it")),
    findings.status !== "ok" && h("p", {}, statusMeaning(findings.status)),
    findings.reasons.length > 0 && h("ul", { class: "why" }, findings.reasons.map((word) => h("li", { title: word }, explain(word)))),
    findings.score !== null && h("p", { class: "soft" }, `Score ${findings.score.toFixed(3)} of 1, from ${Math.round(findings.coverage * 100)} % of what the policy counts.`),
    signalList(scored, findings.weights, THRESHOLD, checkName, checkAbout),
    findings.comparisons.length > 0 && comparisons(findings.comparisons),
    readers.length > 0 && h("details", {}, h("summary", {}, "What could be read"), signalList(readers, {}, THRESHOLD, checkName, checkAbout)),
    shown.length > 0 && [h("h3", {}, "Where the checks saw something"), h("div", { class: "pictures" }, shown)]);
}

function comparisons(compared) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Fields compared" }, h("table", {},
    h("caption", { class: "unseen" }, "Fields of the document, and who says the same"),
    h("thead", {}, h("tr", {}, ["Field", "Compared", "Who says the same"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, compared.map(({ field, outcome, agreeing }) => {
      const [text, tone] = OUTCOMES[outcome] ?? [plain(outcome), ""];
      const groups = agreeing.map((group) => group.map((side) => SIDES[side] ?? side).join(" = ")).join("  |  ");
      return h("tr", {}, h("th", { scope: "row" }, plain(field)), h("td", {}, h("span", { class: `chip ${tone}` }, text)), h("td", { class: "soft" }, groups));
    }))));
}
