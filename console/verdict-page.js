// The newest verdict: all of it for an operator, a friendly word for an applicant.
import { h } from "./dom.js";
import { latest } from "./latest.js";
import { decisionWord, verdictView } from "./verdict.js";
import { explain } from "./words.js";

const FRIENDLY = {
  accept: ["You are verified", "Thank you. Nothing more is needed from you."],
  review: ["Thank you, we will look at it", "A person will look at your pictures’ measurements. You will hear from whoever asked you to do this."],
  reject: ["You could not be verified", "Ask whoever sent you here what to do next."],
};

export function page() {
  const answer = latest();
  const again = h("p", {}, h("a", { class: "button", href: "#/capture" }, "New capture"));
  if (!answer) {
    return { title: "Verdict", element: [h("div", { class: "stack" }, h("h1", { tabindex: -1 }, "No verdict here"),
      h("p", { class: "lead" }, "A verdict with its pictures is shown once, right after its capture. The record is under Review."), again)] };
  }
  const { verdict, pictures } = answer;
  if (!verdict.signals) return { title: "Result", element: [coarse(verdict, again)] };
  return { title: "Verdict", element: [
    h("div", { class: "stack" }, h("div", { class: "row spread" }, h("h1", { tabindex: -1 }, "Verdict"), again), verdictView(verdict, pictures)),
  ] };
}

function coarse({ decision, reasons, session_id }, again) {
  const [word, said] = FRIENDLY[decision] ?? FRIENDLY.review;
  return h("div", { class: "stack" },
    h("h1", { tabindex: -1 }, "Your result"),
    h("section", { class: "card stack", "aria-label": "Result" },
      decisionWord(decision, "h2", word),
      h("p", {}, said),
      reasons.length > 0 && h("ul", { class: "why" }, reasons.map((reason) => h("li", {}, explain(reason)))),
      h("p", { class: "small soft" }, "Your session number, with which the result can be found or deleted: ", h("span", { class: "mono" }, session_id))),
    again);
}
