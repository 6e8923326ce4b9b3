"""Signals on faces, and the fused score: from a manifest to a report.

Whole sessions are measured, :mod:`evaluation.sessions`; each policy then judges all of them, so
that one run says what every signal separates and what becomes of the sessions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.contracts import Detector, Measurement, Status
from detectors.registry import DETECTORS
from evaluation import plots, report
from evaluation.blocks import Plot
from evaluation.errors import EvaluationError
from evaluation.intervals import Figure, proportion
from evaluation.items import Item, Items, bona_fide, read_items
from evaluation.methods import by_method
from evaluation.peers import THRESHOLD, peer_scores
from evaluation.protocols import Run, about_run, row_of
from evaluation.scores import EQUAL, Sample, Scoring, Trials, brief, describe
from evaluation.sessions import Session, Whole, measure_sessions
from fusion.judge import Judge
from fusion.policy import Policy
from fusion.verdict import Decision, Verdict
from models.store import ModelUnavailable

FUSED = "fused"
"""The score of the session, in place of that of one signal."""

UNDECIDED = 0.5
"""Threshold of a signal for which a policy has none."""

PAD = (
    "hter",
    "eer",
    "auc",
    "apcer_at_bpcer_5",
    "worst_species_apcer_at_bpcer_5",
    "non_response",
)
DEEPFAKE = ("auc", "accuracy", "f1", "eer", "hter", "non_response")
"""Headlines: first, and in this order."""

FAMILY = "family"
"""Column of a manifest: what sort of threat a generation method is."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a set.

    Attributes:
        signal: whose score the headline is about; :data:`FUSED` for the session's.
        headline: what it begins with.
        whole: measure every signal, and judge sessions; else the one signal alone.
        insist: take what a signal measured where it abstains for an answer.
        methods: tell attacks apart by the method that made them.
    """

    signal: str
    headline: tuple[str, ...] = PAD
    whole: bool = True
    insist: bool = False
    methods: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Set:
    """A manifest after the detectors.

    Attributes:
        items: its images and clips.
        bona_fide: bool (N,).
        sessions: N of them.
    """

    items: Items
    bona_fide: NDArray[np.bool_]
    sessions: Sequence[Session]


def signals_here() -> tuple[str, ...]:
    """Every name that ``--signal`` takes."""
    return (*(detector.name for detector in DETECTORS), FUSED)


def of_deepfakes() -> str:
    """The signal that deepfakes are measured by: ``deepfake`` if it can look here."""
    if "deepfake" in signals_here() and _missing("deepfake") is None:
        return "deepfake"
    return "gan_texture"


def measure_faces(question: Question, policies: Mapping[str, Policy], run: Run) -> str:
    """Measure how well the signals and their fusion tell bona fide presentations from attacks.

    Args:
        question: what is asked.
        policies: by the names they get in the report; the first gives the headline.
        run: what is measured, and where to. Its folder also keeps what was measured.

    Returns:
        The summary, Markdown.

    Raises:
        BatchError: a manifest cannot be read.
        EvaluationError: a manifest does not suit, the signal cannot be measured here, or the
            folder cannot be written to.
    """
    if question.signal != FUSED and (missing := _missing(question.signal)):
        raise EvaluationError(f"{question.signal} cannot be measured here: {missing}")
    sources = [run.manifest] if run.threshold_from is None else [run.manifest, run.threshold_from]
    lists = [read_items(source) for source in sources]
    labels = [bona_fide(items) for items in lists]  # of both, before any image is looked at
    sessions = _sessions([item for items in lists for item in items.images], question, run)
    sets = []
    for items, known in zip(lists, labels, strict=True):
        own, sessions = sessions[: len(known)], sessions[len(known) :]
        sets.append(Set(items, known, own))
    found, rows, scorings = _evaluated(question, policies, sets, run.seed)
    about = about_run(lists[0], run, other=next(iter(lists[1:]), None)) | {
        "signal": question.signal,
        "criterion": EQUAL.words,
        "policies": {name: policy.sha256 for name, policy in policies.items()},
    }
    samples = {name: scoring.sample for name, scoring in scorings.items()}
    thresholds = {name: scoring.threshold for name, scoring in scorings.items()}
    with report.staged(run.out) as folder:
        drawn = plots.of_scores(folder, samples, thresholds)
        if question.whole:
            drawn.append(_every_signal(found["signals"]))
        return report.write(folder, found, about, rows, drawn)


def _sessions(items: Sequence[Item], question: Question, run: Run) -> list[Session]:
    whole = Whole() if question.whole or question.signal == FUSED else Whole((question.signal,))
    measured = measure_sessions(
        items, run.out, whole=whole, jobs=run.jobs, on_progress=run.on_progress
    )
    if question.insist:
        return [_insisted(session, question.signal) for session in measured]
    return measured


def _insisted(session: Session, signal: str) -> Session:
    """Take an abstention of ``signal`` for an answer, where it has measured something."""
    one = session.measured.get(signal)
    if one is None or one.status is not Status.ABSTAINED or not one.measures:
        return session
    answered = replace(one, status=Status.OK, reasons=())
    return replace(session, measured={**session.measured, signal: answered})


def _evaluated(
    question: Question, policies: Mapping[str, Policy], sets: Sequence[Set], seed: int
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Scoring]]:
    judged = {
        name: [verdicts(policy, of.sessions) for of in sets] for name, policy in policies.items()
    }
    first = next(iter(policies))
    trials = [
        Trials(of.items.images, of.bona_fide, _looks(question.signal, of, judged[first][at]))
        for at, of in enumerate(sets)
    ]

    def scoring(policy: str, signal: str) -> Scoring:
        samples = [
            one.sample([score_of(verdict, signal) for verdict in of])
            for one, of in zip(trials, judged[policy], strict=True)
        ]
        return Scoring(
            threshold_of(policies[policy], signal),
            _parameters(policies[policy], signal),
            samples[0],
            next(iter(samples[1:]), None),
        )

    scorings = {policy: scoring(policy, question.signal) for policy in policies}
    found = describe(trials[0], scorings, seed=seed, criterion=EQUAL)
    found["non_response"] = _acquisition(sets[0]) | found["non_response"]
    found["notes"] = [*_refusals(sets), *found["notes"], *_one_class(sets[1:])]
    if question.whole:
        found["signals"] = {
            policy: {
                name: brief(scoring(policy, name), seed=seed, criterion=EQUAL)
                for name in reversed(signals_here())
            }
            for policy in policies
        }
        found["decisions"] = {
            policy: _decisions(of[0], sets[0].bona_fide) for policy, of in judged.items()
        }
    found["peers"] = _peers(trials, sets, seed)
    if question.methods:
        found |= _methods(trials[0], scorings[first], found["profiles"][first])
    found["headline"] = headed(found["headline"], question.headline)
    named = {
        f"{name}_{policy}": scoring(policy, name).sample
        for policy in policies
        for name in (signals_here() if question.whole else (question.signal,))
    }
    return found, _rows(trials[0], scorings, named), scorings


def verdicts(policy: Policy, sessions: Sequence[Session]) -> list[Verdict]:
    """Judge sessions."""
    judge = Judge(policy)
    return [judge.verdict("evaluation", one.measured, one.face) for one in sessions]


def score_of(verdict: Verdict, signal: str) -> float:
    """The score of a signal, or of the session; NaN where there is none."""
    if signal == FUSED:
        return math.nan if verdict.score is None else verdict.score
    scores = {one.name: one.score for one in verdict.signals}
    score = scores.get(signal)
    return math.nan if score is None else score


def threshold_of(policy: Policy, signal: str) -> float:
    """What a policy accepts a score from; half for signals that do not decide alone."""
    if signal == FUSED:
        return policy.threshold
    # Signals that answer alone have a section of their own name, such as `liveness`.
    return float(getattr(getattr(policy, signal, None), "threshold", UNDECIDED))


def _parameters(policy: Policy, signal: str) -> dict[str, Any]:
    if signal == FUSED:
        return {"policy": policy.name, "version": policy.version, "sha256": policy.sha256}
    entry = policy.signal(signal)
    return {} if entry is None else asdict(entry.mapping)


def _looks(signal: str, of: Set, judged: Sequence[Verdict]) -> list[Measurement]:
    """What stands for an image: what the signal measured, or whether its session got a score."""
    if signal != FUSED:
        return [session.measured[signal] for session in of.sessions]
    return [
        Measurement()
        if verdict.score is not None
        else Measurement(
            status=Status.UNAVAILABLE, reasons=(*verdict.face.problems, *verdict.reasons)
        )
        for verdict in judged
    ]


def _acquisition(of: Set) -> dict[str, Figure]:
    """How often there was no face to judge, whatever the signals would have said."""
    lost = np.array([not session.acquired for session in of.sessions])
    return {
        "failure_to_acquire": proportion(int(lost.sum()), len(lost)),
        "failure_to_acquire_bona_fide": proportion(
            int((lost & of.bona_fide).sum()), int(of.bona_fide.sum())
        ),
    }


def _decisions(judged: Sequence[Verdict], genuine: NDArray[np.bool_]) -> dict[str, Any]:
    decided = np.array([verdict.decision for verdict in judged], str)
    passed = np.array([verdict.passed for verdict in judged], bool)
    return {
        name: {
            **{
                str(d): proportion(int((decided[own] == d).sum()), int(own.sum())) for d in Decision
            },
            "passed": proportion(int(passed[own].sum()), int(own.sum())),
        }
        for name, own in (("bona_fide", genuine), ("attack", ~genuine))
    }


def _peers(trials: Sequence[Trials], sets: Sequence[Set], seed: int) -> dict[str, Any]:
    if any("liveness" not in session.measured for of in sets for session in of.sessions):
        return {}
    scores = [peer_scores([s.measured["liveness"] for s in of.sessions]) for of in sets]
    names = [name for name in scores[0] if all(name in of for of in scores)]
    samples = {
        name: [one.sample(of[name]) for one, of in zip(trials, scores, strict=True)]
        for name in names
    }
    return {
        name: brief(
            Scoring(THRESHOLD, {}, of[0], next(iter(of[1:]), None)), seed=seed, criterion=EQUAL
        )
        for name, of in samples.items()
    }


def _methods(trials: Trials, scoring: Scoring, described: Mapping[str, Any]) -> dict[str, Any]:
    decisive = described["classification"]["threshold"]
    threshold = math.nan if decisive is None else decisive
    families = [item.row.get(FAMILY, "") for item in trials.items]
    return {
        "methods": by_method(scoring.sample, [item.kind for item in trials.items], threshold),
        "families": by_method(scoring.sample, families, threshold) if any(families) else [],
    }


def _rows(
    trials: Trials, scorings: Mapping[str, Scoring], named: dict[str, Sample]
) -> list[dict[str, Any]]:
    scores = {f"score_{name}": scoring.sample for name, scoring in scorings.items()} | named
    return [
        {
            **row_of(item, one),
            # An empty cell for a non-response.
            **{name: s.scores[at] for name, s in scores.items() if s.answered[at]},
            **one.measures,
        }
        for at, (item, one) in enumerate(zip(trials.items, trials.found, strict=True))
    ]


def _refusals(sets: Sequence[Set]) -> list[str]:
    """What of each manifest could not be read: told first, and counted as non-responses."""
    notes = []
    for of in sets:
        codes = [session.refused for session in of.sessions if session.refused]
        if codes:
            said = ", ".join(f"{code} {codes.count(code)}" for code in sorted(set(codes)))
            notes.append(
                f"{len(codes)} of {len(of.sessions)} files of {of.items.source} could not be read "
                f"({said}): they count as non-responses."
            )
        if of.items.repeated:
            notes.append(
                f"{of.items.repeated} rows of {of.items.source} name a file of an earlier row: "
                "each counts."
            )
    return notes


def _one_class(others: Sequence[Set]) -> list[str]:
    return [
        f"{of.items.source} has one class only: no threshold can be chosen on it."
        for of in others
        if of.bona_fide.all() or not of.bona_fide.any()
    ]


def headed(headline: dict[str, float], first: tuple[str, ...]) -> dict[str, float]:
    """Put what an evaluation begins with first.

    ``hter`` is at the threshold of another manifest where there is one; that at the policy's own
    threshold is ``shipped_hter``.
    """
    ends = ("", "_low", "_high")
    known = {f"shipped_hter{e}": headline[f"hter{e}"] for e in ends if f"hter{e}" in headline}
    for end in ends:
        if f"from_other_hter{end}" in headline:
            known[f"hter{end}"] = headline[f"from_other_hter{end}"]
    everything = headline | known
    return {name: everything[name] for name in first if name in everything} | everything


def _missing(signal: str) -> str | None:
    """Why a signal cannot look on this machine."""
    detector: type[Detector[Any]] = next(d for d in DETECTORS if d.name == signal)
    try:
        detector().load()
    except ModelUnavailable as missing:
        return str(missing)
    return None


def _every_signal(signals: Mapping[str, Mapping[str, Mapping[str, Figure]]]) -> Plot:
    """AUC of every signal under every policy, as far as it has one."""
    figures = {
        f"{name}, {policy}": found["auc"]
        for policy, of in signals.items()
        for name, found in of.items()
        if found["auc"].value is not None
    }
    drawn = plots.svg(lambda: plots.rates(figures, "AUC", chance=0.5))
    return Plot(drawn, "AUC of every signal and of the fused score, with intervals of 95%")
