// The page for the person in front of the camera, and for files that exist already.
import { cameraPanel } from "./camera-panel.js";
import { fresh, h, show } from "./dom.js";
import { fileField } from "./files.js";
import { keep } from "./latest.js";
import { PLAN } from "./recorder.js";
import { Cancelled, formOf, refusal, send } from "./sending.js";

/** What the camera and the upload have in common: consent, options, sending. */
class Desk {
  constructor() {
    this.outcome = h("div");
    const id = fresh("consent");
    this.tick = h("input", { id, type: "checkbox", change: () => this.onConsent?.() });
    this.terms = h("ul", { class: "why small" },
      h("li", {}, "Captured: a still of your face, ", `${PLAN.frames} small stills over about ${PLAN.seconds} seconds`, ", and the document if you add one. While you line up, a still goes to this server twice a second at most, so that it can say how to sit."),
      h("li", {}, "Kept: the decision with scores and measurements, for 30 days unless this server is set otherwise. No picture, no video, no face template and nothing of what a document says."),
      h("li", {}, "Deleted: whoever runs this server deletes a result by its session number, which you are shown at the end, at any time."));
    this.heading = h("h2", { id: `${id}-h` }, "Before you start");
    this.consent = h("section", { class: "card stack consent", "aria-labelledby": `${id}-h` },
      this.heading,
      this.terms,
      h("label", { class: "tick", for: id }, this.tick, h("span", {}, "I agree that these pictures are taken and examined for this purpose.")));
    const gate = fresh("gate");
    this.gate = h("input", { id: gate, type: "checkbox" });
    this.options = () => h("label", { class: "tick", for: gate }, this.gate,
      h("span", {}, h("b", {}, "Quality gate"), h("span", { class: "small soft" }, " – refuse a dark, blurred or turned picture at once, before anything is judged")));
  }

  /** Show the whole terms, or the tick alone where the camera's picture needs the room. */
  whole(shown) { this.heading.hidden = this.terms.hidden = !shown; }

  get agreed() { return this.tick.checked; }

  /** Send a capture; shows the verdict, or why there is none and `again`. */
  async send(capture, again) {
    const panel = this.panel;
    panel.hidden = true;
    this.sending = new AbortController();
    try {
      keep(await send(this.outcome, formOf({ ...capture, gate: this.gate.checked }), this.sending));
      location.hash = "#/verdict";
    } catch (problem) {
      panel.hidden = false;
      if (problem instanceof Cancelled) show(this.outcome, h("p", { class: "notice", role: "status" }, problem.message));
      else if (problem.status === undefined) throw problem;
      else show(this.outcome, refusal(problem));
      again(problem);
    }
  }
}

/** @returns {{element: HTMLElement[], title: string, stop: () => void}} */
export function page() {
  const desk = new Desk();
  const panel = h("div", { role: "tabpanel", id: fresh("panel") });
  desk.panel = panel;
  let current = null;
  const tabs = [["camera", "Use the camera", cameraPanel], ["upload", "Upload files", uploadPanel]].map(([name, text, make]) => ({
    name, make, button: h("button", { type: "button", role: "tab", id: fresh("tab"), "aria-controls": panel.id, click: () => choose(name) }, text),
  }));
  const bar = h("div", { class: "tabs", role: "tablist", "aria-label": "How to capture", keydown: (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const other = tabs.find(({ button }) => button.getAttribute("aria-selected") === "false");
    choose(other.name);
    other.button.focus();
  } }, tabs.map(({ button }) => button));

  function choose(name) {
    desk.sending?.abort();
    current?.stop();
    show(desk.outcome);
    for (const tab of tabs) {
      const chosen = tab.name === name;
      tab.button.setAttribute("aria-selected", String(chosen));
      tab.button.tabIndex = chosen ? 0 : -1;
      if (!chosen) continue;
      panel.setAttribute("aria-labelledby", tab.button.id);
      current = tab.make(desk);
      show(panel, current.element);
    }
  }
  choose("camera");
  return {
    title: "Capture",
    element: [h("div", { class: "stack" },
      h("h1", { tabindex: -1 }, "Verify a person"),
      h("p", { class: "lead" }, `A selfie, ${PLAN.seconds} seconds of video as stills, and a document where there is one. Independent detectors look for what an attack cannot hide.`),
      bar, desk.outcome, panel)],
    stop: () => {
      desk.sending?.abort();
      current.stop();
    },
  };
}

function uploadPanel(desk) {
  const fields = [
    fileField({ label: "Selfie", about: "one face, as the camera wrote it", kind: "image", changed: () => ready() }),
    fileField({ label: "Clip", about: "optional: the same face, 3 seconds or more, better 10", kind: "clip" }),
    fileField({ label: "Document", about: "optional: a photograph of it, unedited", kind: "image" }),
  ];
  const [selfie, clip, document] = fields;
  const button = h("button", { type: "button", class: "primary", disabled: true, click: () => desk.send({ selfie: selfie.file(), clip: clip.file(), document: document.file(), channel: "upload" }, () => button.focus()) }, "Send");
  const missing = h("p", { class: "small soft" });
  function ready() {
    button.disabled = !(desk.agreed && selfie.file());
    missing.textContent = !desk.agreed ? "Agree above first." : selfie.file() ? "" : "Choose a selfie first.";
  }
  desk.onConsent = ready;
  desk.whole(true);
  ready();
  return {
    element: h("div", { class: "stack" }, desk.consent, h("div", { class: "drops" }, fields.map(({ element }) => element)), desk.options(), h("div", { class: "row" }, button, missing)),
    stop: () => fields.forEach((field) => field.stop()),
  };
}
