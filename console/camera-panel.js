// The camera on the capture page: guidance, countdown, recording, and a look before it is sent.
import { admitted, ask } from "./api.js";
import { CameraError, openCamera, snapshot, within } from "./camera.js";
import { h, show, svg } from "./dom.js";
import { fileField, size } from "./files.js";
import { GLANCE_SIDE, glance, guide } from "./guidance.js";
import { Encoder, PLAN, record, settle } from "./recorder.js";

const GLANCE_MS = 200;
const ASK_MS = 500; // the server is asked twice a second at most
const STILL_SIDE = 640;
const STALE_MS = 2500;
const SELFIE_QUALITY = 0.95;
const TURNS = [[0, "Look straight at the camera"], [0.3, "Turn your head slowly to one side"], [0.7, "And slowly back"]];
const METERS = { face: "Face", light: "Light", sharpness: "Sharpness" };
const STATES = { good: "good", warn: "not yet", unknown: "not checked" };

/** @param desk of the capture page */
export function cameraPanel(desk) {
  const video = h("video", { playsinline: true, muted: true, "aria-label": "Your camera, as in a mirror" });
  video.muted = true;
  const oval = svg("ellipse", { class: "oval", cx: 50, cy: 48, rx: 26, ry: 35 });
  const ring = svg("ellipse", { class: "ring", cx: 52, cy: 50, rx: 37, ry: 28, pathLength: 100, "stroke-dasharray": "0 100", visibility: "hidden" });
  const hint = h("p", { class: "hint", role: "status" }, "The camera is off");
  const count = h("p", { class: "count", "aria-hidden": "true", hidden: true });
  const stage = h("div", { class: "stage" }, video,
    svg("svg", { viewBox: "0 0 100 100", "aria-hidden": "true" },
      svg("path", { class: "veil", "fill-rule": "evenodd", d: "M-200-200H300V300H-200ZM24 48a26 35 0 1 0 52 0a26 35 0 1 0-52 0Z" }), oval, ring),
    count, hint);
  const meters = Object.fromEntries(Object.keys(METERS).map((name) => [name, h("span", {})]));
  const board = h("ul", { class: "meters", "aria-label": "How it looks" }, Object.entries(METERS).map(([name, label]) => h("li", {}, h("b", {}, label), meters[name])));
  const buttons = h("div", { class: "row" });
  const result = h("div");
  const paper = fileField({ label: "Document", about: "optional: a photograph of it, unedited", kind: "image" });
  const encoder = new Encoder();
  let closeCamera = null, guiding = null, cancel = new AbortController(), urls = [];

  const say = (text) => { if (hint.textContent !== text) hint.textContent = text; };
  const button = (text, click, className) => h("button", { type: "button", class: className, click }, text);

  function offer(...offered) {
    show(buttons, offered);
    if (document.activeElement === document.body || !document.activeElement.isConnected) offered[0].focus();
  }

  function mark({ face = "unknown", light = "unknown", sharpness = "unknown", ready = false } = {}) {
    for (const [name, state] of Object.entries({ face, light, sharpness })) {
      meters[name].textContent = STATES[state];
      meters[name].className = state;
    }
    oval.classList.toggle("good", ready);
  }

  function forget() {
    urls.forEach((url) => URL.revokeObjectURL(url));
    urls = [];
    show(result);
    stage.hidden = false;
  }

  function turn(share) {
    ring.setAttribute("stroke-dasharray", `${share * 100} 100`);
    ring.setAttribute("visibility", share > 0 ? "visible" : "hidden"); // a round cap is a dot at nothing
  }

  function off() {
    guiding?.();
    guiding = null;
    closeCamera?.();
    closeCamera = null;
    count.hidden = true;
    turn(0);
    mark();
    board.hidden = true;
  }

  function idle(text = "The camera is off") {
    off();
    forget();
    say(text);
    desk.whole(true);
    const start = button("Start the camera", live, "primary");
    const note = h("p", { class: "small soft" });
    desk.onConsent = () => {
      start.disabled = !desk.agreed;
      note.textContent = desk.agreed ? "" : "Agree above first.";
    };
    desk.onConsent();
    show(buttons, start, note);
    return start;
  }

  async function live() {
    desk.onConsent = () => {
      if (desk.agreed) return;
      cancel.abort();
      idle();
    };
    forget();
    show(desk.outcome);
    say("Starting the camera…");
    await admitted().catch(() => false); // what it refuses, it says when it is asked
    try {
      closeCamera ??= await openCamera(video);
    } catch (error) {
      if (!(error instanceof CameraError)) throw error;
      idle("The camera is off").focus();
      show(desk.outcome, h("p", { class: "notice bad", role: "alert" }, error.message));
      return;
    }
    if (!stage.isConnected || !desk.agreed) { // left or withdrawn meanwhile
      off();
      return;
    }
    desk.whole(false);
    stage.style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
    guiding?.();
    board.hidden = false;
    guiding = guidance(video, encoder, (told) => { say(told.hint); mark(told); });
    offer(button("Record", take, "primary"), button("Stop the camera", () => idle().focus()));
    stage.scrollIntoView({ block: "nearest" });
  }

  async function take() {
    guiding?.();
    guiding = null;
    cancel = new AbortController();
    offer(button("Cancel", () => cancel.abort()));
    try {
      const settled = settle(video, encoder); // while the countdown runs
      settled.catch(() => {}); // it is awaited below, unless this ends before
      for (const left of [3, 2, 1]) {
        say(`Look straight at the camera. Recording in ${left}`);
        count.textContent = left;
        count.hidden = false;
        await pause(800, cancel.signal);
      }
      count.hidden = true;
      const quality = await settled;
      const selfie = encoder.encode(await snapshot(video), SELFIE_QUALITY);
      const recording = await record(video, encoder, quality, {
        signal: cancel.signal,
        onProgress: (share) => {
          turn(share);
          say(TURNS.findLast(([from]) => share >= from)[1]);
        },
      });
      review({ ...recording, selfie: await selfie });
    } catch (error) {
      count.hidden = true;
      turn(0);
      if (!stage.isConnected || !desk.agreed) return;
      await live();
      if (error.name !== "AbortError") show(desk.outcome, h("p", { class: "notice bad", role: "alert" }, error.message));
    }
  }

  function review({ selfie, frames, times }) {
    off();
    stage.hidden = true;
    const url = (blob) => { urls.push(URL.createObjectURL(blob)); return urls.at(-1); };
    const some = Array.from({ length: 6 }, (_, i) => frames[Math.round((i * (frames.length - 1)) / 5)]);
    const bytes = frames.reduce((sum, frame) => sum + frame.size, 0);
    show(result, h("section", { class: "card stack", "aria-labelledby": "recorded" },
      h("h2", { id: "recorded" }, "Recorded: this will be sent"),
      h("img", { class: "thumb", src: url(selfie), alt: "The selfie" }),
      h("div", { class: "film", "aria-hidden": "true" }, some.map((frame) => h("img", { src: url(frame), alt: "" }))),
      h("p", { class: "small soft", role: "status" }, "The camera is off. ", `${frames.length} stills over ${times.at(-1).toFixed(1)} seconds, ${size(bytes)}`, frames.length < PLAN.frames && ` (fewer than ${PLAN.frames}: the camera is slow)`)));
    const post = button("Send", () => {
      desk.send({ selfie, frames, times, document: paper.file(), channel: "browser" }, (problem) => {
        (problem.code === "quality-failed" ? retake : post).focus();
      });
    }, "primary");
    const retake = button("Record again", live);
    desk.onConsent = () => { post.disabled = !desk.agreed; };
    offer(post, retake);
  }

  idle();
  return {
    element: h("div", { class: "capture" }, desk.consent,
      h("div", { class: "stack scene" }, stage, result, buttons),
      h("div", { class: "stack extras" }, board, desk.options(), paper.element)),
    stop: () => {
      cancel.abort();
      off();
      forget();
      paper.stop();
      encoder.close();
    },
  };
}

/** Look at `video` five times a second, ask the server twice; tell what both say. */
function guidance(video, encoder, tell) {
  const canvas = h("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const left = new AbortController();
  let newest = null, asking = false, notBefore = 0, last = "";

  function look() {
    if (!video.videoWidth) return;
    const { width, height } = within(video.videoWidth, video.videoHeight, GLANCE_SIDE);
    canvas.width = width;
    canvas.height = height;
    context.drawImage(video, 0, 0, width, height);
    const now = performance.now();
    if (newest && now - newest.at > STALE_MS) newest = null;
    const told = guide(glance(context.getImageData(0, 0, width, height)), newest);
    // Said once it held for two looks: a live region that chatters is of no help.
    if (told.hint === last) tell(told);
    last = told.hint;
    if (!asking && now >= notBefore) {
      asking = true;
      notBefore = now + ASK_MS;
      askServer().finally(() => { asking = false; });
    }
  }

  async function askServer() {
    try {
      const still = within(video.videoWidth, video.videoHeight, STILL_SIDE);
      const form = new FormData();
      form.append("file", await encoder.encode(await snapshot(video, STILL_SIDE), 0.85), "still.jpg");
      const answer = await ask("v1/quality", { method: "POST", body: form, signal: left.signal, quietly: true });
      newest = { ...answer, still, at: performance.now() };
    } catch (problem) {
      if (problem.name === "AbortError") return;
      // Not there, or not for us: the client's own eyes remain. Busy: later.
      notBefore = [401, 403, 404, 405].includes(problem.status) ? Infinity : performance.now() + 1e3 * (problem.retryAfter ?? 3);
    }
  }

  const timer = setInterval(look, GLANCE_MS);
  return () => {
    clearInterval(timer);
    left.abort();
  };
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => { clearTimeout(timer); reject(new DOMException("Cancelled", "AbortError")); };
    const timer = setTimeout(() => { signal.removeEventListener("abort", abort); resolve(); }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
}
