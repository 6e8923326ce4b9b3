"""From judged sessions to the figures of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.metrics import auc, auc_interval, share_interval
from benchmarks.sessions import Sample, Session
from detectors.contracts import Measurement, Status
from fusion.verdict import Decision, Verdict

MIN_FILES = 5
"""Scores of either class below which an AUC is an anecdote and is not given."""

MIN_SUBJECTS = 5
"""People of either class below which their bootstrap says nothing, and no interval is given."""

RULE_SNR_DB, RULE_BPM = 5.0, (50.0, 120.0)
"""The reference's rule for a pulse: an SNR above it, and a rate between them."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One session and its verdict under each policy."""

    sample: Sample
    session: Session
    verdicts: Mapping[str, Verdict]


def summarise(
    rows: Sequence[Judged], signals: Iterable[str], policy: str, seed: int
) -> dict[str, Any]:
    """Describe one data set: its captures, each signal, and the fused score of each policy.

    Args:
        rows: of one data set, at least one.
        signals: names of the signals to describe.
        policy: the policy whose mapping the signals' scores are.
        seed: of the bootstrap.
    """
    return {
        **_classes(rows, _captures),
        "signals": [
            {"signal": name}
            | _classes(rows, partial(_statuses, name))
            | _apart(rows, partial(_score, name, policy), seed)
            for name in signals
        ],
        "fused": [
            {"policy": name}
            | _classes(rows, partial(_decisions, name))
            | _apart(rows, partial(_fused, name), seed)
            for name in rows[0].verdicts
        ],
    }


def pulse_rule(clips: Iterable[tuple[Sample, Session]], seed: int) -> list[dict[str, Any]]:
    """Count the windows in which the reference's rule finds a pulse, in faces and in walls."""
    looks: dict[tuple[str, int], list[tuple[Sample, Measurement]]] = {}
    for sample, session in clips:
        if session.seconds is None or session.background is None:
            continue
        kind = "live" if sample.real else sample.path.split("/")[1]
        looks.setdefault((kind, session.seconds), []).append((sample, session.measured["rppg"]))
        looks.setdefault(("background", session.seconds), []).append((sample, session.background))
    rows = []
    for (kind, seconds), windows in sorted(looks.items(), key=lambda item: item[0]):
        able = [(sample, look) for sample, look in windows if look.status is Status.OK]
        hits = [_is_pulse(look) for _, look in able]
        subjects = [sample.subject for sample, _ in able]
        known = len(set(subjects)) >= MIN_SUBJECTS
        rows.append(
            {
                "what": kind,
                "seconds": seconds,
                "windows": len(windows),
                "judged": len(able),
                "subjects": len(set(subjects)),
                "passed": _rounded(np.mean(hits)) if hits else None,
                "interval": _rounded(share_interval(hits, subjects, seed)) if known else None,
            }
        )
    return rows


def _is_pulse(look: Measurement) -> bool:
    slow, fast = RULE_BPM
    return look.measures["snr_db"] > RULE_SNR_DB and slow <= look.measures["bpm"] <= fast


def _classes(
    rows: Sequence[Judged], describe: Callable[[list[Judged]], dict[str, Any]]
) -> dict[str, Any]:
    return {
        name: describe([row for row in rows if row.sample.real is real])
        for name, real in (("real", True), ("attack", False))
    }


def _captures(group: Sequence[Judged]) -> dict[str, Any]:
    widths = [row.session.face.quality["face_px"] for row in group if row.session.acquired]
    lost = [row.session.face.problems for row in group if not row.session.acquired]
    return {
        "files": len(group),
        "subjects": len({row.sample.subject for row in group}),
        "not_acquired": len(lost),
        "not_acquired_reasons": dict(Counter(str(word) for words in lost for word in words)),
        "median_face_px": _median(widths),
    }


def _statuses(name: str, group: Sequence[Judged]) -> dict[str, Any]:
    looks = [row.session.measured[name] for row in group if row.session.acquired]
    return {
        "statuses": dict(Counter(str(look.status) for look in looks)),
        "reasons": dict(Counter(str(word) for look in looks for word in look.reasons)),
    }


def _decisions(policy: str, group: Sequence[Judged]) -> dict[str, Any]:
    verdicts = [row.verdicts[policy] for row in group]
    accepted = [verdict.decision is Decision.ACCEPT for verdict in verdicts]
    return {
        "accepted": _rounded(np.mean(accepted)) if accepted else None,
        "reasons": dict(Counter(str(word) for verdict in verdicts for word in verdict.reasons)),
    }


def _score(name: str, policy: str, row: Judged) -> float | None:
    signals = row.verdicts[policy].signals
    return next((signal.score for signal in signals if signal.name == name), None)


def _fused(policy: str, row: Judged) -> float | None:
    return row.verdicts[policy].score


def _apart(
    rows: Sequence[Judged], score_of: Callable[[Judged], float | None], seed: int
) -> dict[str, Any]:
    """Medians, AUC and interval of the two classes, as far as there is enough of them."""
    scored = [(row.sample, score) for row in rows if (score := score_of(row)) is not None]
    real = [score for sample, score in scored if sample.real]
    attack = [score for sample, score in scored if not sample.real]
    result: dict[str, Any] = {
        "scored": {"real": len(real), "attack": len(attack)},
        "median": {"real": _median(real), "attack": _median(attack)},
        "auc": None,
        "interval": None,
    }
    if min(len(real), len(attack)) >= MIN_FILES:
        result["auc"] = _rounded(auc(real, attack))
        live = [sample.subject for sample, _ in scored if sample.real]
        faked = [sample.subject for sample, _ in scored if not sample.real]
        if min(len(set(live)), len(set(faked))) >= MIN_SUBJECTS:
            result["interval"] = _rounded(auc_interval(real, attack, live, faked, seed))
    return result


def _median(values: Sequence[float]) -> float | None:
    return _rounded(np.median(values)) if values else None


def _rounded(value: Any) -> Any:
    """Plain floats of four digits, for JSON."""
    return np.round(value, 4).tolist()
