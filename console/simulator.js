// What another threshold would have meant for the stored sessions. The server judges every one of
// them again; here it is only shown.
import { ask, query } from "./api.js";
import { histogram } from "./charts.js";
import { fresh, h, show } from "./dom.js";
import { failed, sessionTable } from "./review.js";

const WAIT_MS = 250; // until the slider rests

const many = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;

export function page(asked) {
  const id = fresh("threshold");
  const start = Number(asked.threshold);
  const slider = h("input", { id, type: "range", min: 0, max: 1, step: 0.01, value: 0.4, input: () => turned(slider) });
  const exact = h("input", { type: "number", min: 0, max: 1, step: 0.01, value: 0.4, "aria-label": "Threshold, as a number", input: () => turned(exact) });
  const said = h("p", { role: "status", class: "answer" }, "Loading…");
  const outcome = h("div", { class: "stack" });
  let request = new AbortController(), timer = null;

  function turned(source) {
    const value = Number(source.value);
    if (source.value === "" || !source.validity.valid) return;
    (source === slider ? exact : slider).value = source.value;
    slider.setAttribute("aria-valuetext", value.toFixed(2));
    clearTimeout(timer);
    timer = setTimeout(() => load(value), WAIT_MS);
  }

  async function load(threshold) {
    request.abort();
    clearTimeout(timer);
    request = new AbortController();
    outcome.setAttribute("aria-busy", "true");
    try {
      render(await ask(`v1/simulation${query({ threshold })}`, { signal: request.signal }));
    } catch (problem) {
      if (problem.name === "AbortError") return;
      if (problem.code === "overloaded") { // one simulation at a time, perhaps our own last one
        timer = setTimeout(() => load(threshold), 1e3 * (problem.retryAfter ?? 1));
        return;
      }
      said.textContent = problem.status === 404 ? "This server cannot simulate." : "The sessions could not be judged again.";
      failed(outcome, problem);
    }
  }

  function render({ threshold, sessions, would_fail, newly_failing, newly_passing, scores, unreadable, truncated }) {
    outcome.setAttribute("aria-busy", "false");
    const at = `At ${threshold.toFixed(2)}`;
    said.textContent = !sessions ? "No session is stored yet."
      : newly_failing.length ? `${at}, ${many(newly_failing.length, "session that passed", "sessions that passed")} would have been blocked.`
        : newly_passing.length ? `${at}, no further session would have been blocked.` : `${at}, nothing would have changed.`;
    show(outcome,
      h("section", { class: "card stack", "aria-label": "All scores" },
        scores.length > 0 && histogram(scores, threshold, Math.max(300, said.clientWidth - 50)),
        h("p", { class: "soft" }, `${would_fail} of ${many(sessions, "stored session")} would fail at this threshold, those with a veto included.`, truncated && " Only the newest were judged: there are more.",
          unreadable > 0 && ` ${unreadable} of an earlier version could not be judged again.`)),
      newly_failing.length > 0 && h("section", { class: "card stack", "aria-labelledby": "failing" },
        h("h2", { id: "failing" }, `${many(newly_failing.length, "would have been blocked", "would have been blocked")}`), sessionTable(newly_failing, "Sessions that passed and would fail")),
      newly_passing.length > 0 && h("section", { class: "card stack", "aria-labelledby": "passing" },
        h("h2", { id: "passing" }, `${many(newly_passing.length, "would have passed", "would have passed")}`), sessionTable(newly_passing, "Sessions that failed and would pass")));
  }

  async function begin() {
    // The policy's own threshold is where thinking starts.
    const threshold = asked.threshold && start >= 0 && start <= 1 ? start : (await ask("v1/policy")).policy.threshold;
    slider.value = exact.value = threshold;
    slider.setAttribute("aria-valuetext", threshold.toFixed(2));
    await load(threshold);
  }
  begin().catch((problem) => { said.textContent = ""; failed(outcome, problem); });

  return {
    title: "Simulator",
    element: [h("div", { class: "stack" },
      h("h1", { tabindex: -1 }, "Threshold simulator"),
      h("p", { class: "soft" }, "Judges the stored sessions again, from their measurements, under the policy in force with another threshold. Nothing is changed by it."),
      h("div", { class: "card" },
        h("div", { class: "row spread" }, h("label", { for: id }, h("b", {}, "Threshold")), exact),
        slider,
        h("div", { class: "row spread small soft", "aria-hidden": "true" }, h("span", {}, "0 lets everybody pass"), h("span", {}, "1 blocks nearly everybody"))),
      said, outcome)],
    stop: () => { clearTimeout(timer); request.abort(); },
  };
}
