"""Calibrated fusion: what each signal says becomes a log-likelihood ratio, and these add up.

    log-odds(genuine) = log-odds(prior) + intercept + Σ coefficient · llr(score)   where it is ok
                                                    + Σ what its absence is worth  where it is not

A mean of scores lets any two signals be beaten by the others, and takes a score that is hardly ever
seen of an attack for as strong as one that always is. Log-likelihood ratios are on one scale
whatever was measured, in nats: how many times likelier, as a natural logarithm, it is of a genuine
capture than of an attack. Each is kept between a floor and a ceiling, so that none says more than
the data behind it can carry. The coefficients (logistic regression, as in Brümmer and du Preez
2006, "Application-independent evaluation of speaker detection") take out what signals say twice.

Coefficients and slopes are never negative: a score that rises cannot lower the posterior. And
absence is never worth more than nothing: whoever attacks chooses what he leaves out. What was asked
for and withheld counts once, by the signal for which it is worth most.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, create_model, model_validator

from detectors.contracts import LOST, Status, logistic
from detectors.registry import DETECTORS
from fusion.strict import Strict
from fusion.verdict import Signal

EDGE = 0.001
"""Scores nearer to 0 or 1 than this are taken for this far: their log-odds would be infinite."""

PRIOR = "prior"
"""Of the contributions, that of the prior and the intercept; no signal has this name."""


def log_odds(probability: float) -> float:
    """Map a probability in (0, 1) to ln(p / (1 - p))."""
    return math.log(probability) - math.log1p(-probability)


class Platt(Strict):
    """A straight line from the log-odds of the score to nats (Platt 1999).

    Attributes:
        slope: nats for each nat of log-odds.
        intercept: nats at a score of 0.5.
    """

    kind: Literal["platt"]
    slope: float = Field(ge=0.0)
    intercept: float

    def llr(self, score: float) -> float:
        """Map a score in [0, 1] to nats."""
        return self.slope * log_odds(min(max(score, EDGE), 1 - EDGE)) + self.intercept


class Isotonic(Strict):
    """A line that never falls, through some points (Zadrozny and Elkan 2002).

    Attributes:
        scores: of the points, rising, 0..1.
        nats: of the points, never falling; beyond the outer points it stays as it is there.
    """

    kind: Literal["isotonic"]
    scores: tuple[float, ...] = Field(min_length=1)
    nats: tuple[float, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if len(self.scores) != len(self.nats):
            raise ValueError("scores and nats are not as many")
        if any(b <= a for a, b in zip(self.scores, self.scores[1:], strict=False)):
            raise ValueError("scores do not rise")
        if any(b < a for a, b in zip(self.nats, self.nats[1:], strict=False)):
            raise ValueError("nats fall")
        return self

    def llr(self, score: float) -> float:
        """Map a score in [0, 1] to nats."""
        after = bisect_right(self.scores, score)
        if after == 0 or after == len(self.scores):
            return self.nats[0 if after == 0 else -1]
        low, high = self.scores[after - 1 : after + 1]
        part = (score - low) / (high - low)
        return self.nats[after - 1] * (1 - part) + self.nats[after] * part


class Absence(Strict):
    """What it is worth, in nats, that a signal did not answer; never more than nothing.

    Attributes:
        unavailable: there is no model, or the capture has no such input: not the applicant's doing.
        withheld: it was asked for and not sent.
        abstained: the detector looked and could not judge.
    """

    unavailable: float = Field(default=0.0, le=0.0)
    withheld: float = Field(default=0.0, le=0.0)
    abstained: float = Field(default=0.0, le=0.0)


class Labelled(Strict):
    """What labelled captures a map was fitted on: those on which the signal answered.

    Attributes:
        bona_fide, attack: how many.
        bona_fide_subjects, attack_subjects: of how many people or sources.
    """

    bona_fide: int = Field(ge=0)
    attack: int = Field(ge=0)
    bona_fide_subjects: int = Field(ge=0)
    attack_subjects: int = Field(ge=0)


class SignalCalibration(Strict):
    """What one signal is worth in nats.

    Attributes:
        basis: ``fitted`` to labelled captures, or ``stated`` by whoever wrote the policy, where
            there are none.
        llr: from the score to nats, before the bounds.
        floor: the least that it may say against a capture, nats.
        ceiling: the most that it may say for one, nats.
        coefficient: of its part in the sum; below 1 where other signals say the same.
        absent: what it is worth that it did not answer.
        labelled: what it was fitted on; None where it is stated.
        note: why it is as it is, in words.
    """

    basis: Literal["fitted", "stated"]
    llr: Annotated[Platt | Isotonic, Field(discriminator="kind")]
    floor: float = Field(le=0.0)
    ceiling: float = Field(ge=0.0)
    coefficient: float = Field(default=1.0, ge=0.0)
    absent: Absence = Absence()
    labelled: Labelled | None = None
    note: str = ""

    def bounded(self, score: float) -> float:
        """Map a score to nats between floor and ceiling, before the coefficient."""
        return min(max(self.llr.llr(score), self.floor), self.ceiling)

    def nats(self, signal: Signal | None) -> float:
        """What a signal adds to the log-odds; one that was lost, nothing.

        Args:
            signal: as it was mapped, or None where it was not measured at all.
        """
        if signal is None:
            return self.absent.unavailable
        if signal.score is not None:
            return self.coefficient * self.bounded(signal.score)
        return 0.0 if signal.status in LOST else float(getattr(self.absent, signal.status))

    @property
    def worst(self) -> float:
        """The least that it could have added, whatever it had seen."""
        absent = self.absent
        return min(
            self.coefficient * self.bounded(0.0),
            absent.unavailable,
            absent.withheld,
            absent.abstained,
        )


class Bounded(Strict):
    """A figure with its interval of 95%, by subject."""

    value: float
    low: float | None = None
    high: float | None = None


class Manifest(Strict):
    """A list of labelled captures: never their names."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    rows: int = Field(ge=1)


class Provenance(Strict):
    """Where fitted constants come from.

    Attributes:
        date: of the fit, UTC.
        palisade: the version that fitted.
        manifests: the labelled captures.
        bona_fide, attack: captures with a face, by class.
        bona_fide_subjects, attack_subjects: people or sources that they are of.
        not_acquired: captures without a face, or that could not be read; not fitted on.
        method: of the maps.
        l2: weight of the penalty on coefficients.
        folds, seed: of the cross-validation, in which no subject is on both sides.
        cllr: cost of the log-likelihood ratios there, bits; 0 is perfect, 1 says nothing.
        eer, apcer_at_bpcer_5: error rates there.
        mean_eer, mean_apcer_at_bpcer_5: the same of the weighted mean.
        mappings: SHA-256 of the mappings whose scores were fitted.
        constants: SHA-256 of what was fitted.
    """

    date: date
    palisade: str
    manifests: tuple[Manifest, ...]
    bona_fide: int
    attack: int
    bona_fide_subjects: int
    attack_subjects: int
    not_acquired: int
    method: Literal["platt", "isotonic"]
    l2: float
    folds: int
    seed: int
    cllr: Bounded
    eer: Bounded
    apcer_at_bpcer_5: Bounded
    mean_eer: Bounded
    mean_apcer_at_bpcer_5: Bounded
    mappings: str
    constants: str


_OPTIONAL: Any = (SignalCalibration | None, None)

CalibratedSignals = create_model(
    "CalibratedSignals", __base__=Strict, **{d.name: _OPTIONAL for d in DETECTORS}
)
"""One optional entry per detector of the registry; anything else is refused by name."""


class Calibration(Strict):
    """How scores become the probability that a capture is genuine.

    Attributes:
        prior: share of genuine captures that is expected, in (0, 1). With 0.5 the score says what
            was seen and nothing else: it is above 0.5 where that speaks for the capture.
        intercept: of the logistic regression, nats.
        signals: those that count.
        provenance: of what was fitted; None where nothing was.
    """

    prior: float = Field(gt=0.0, lt=1.0)
    intercept: float = 0.0
    signals: CalibratedSignals
    provenance: Provenance | None = None

    @property
    def by_name(self) -> dict[str, SignalCalibration]:
        """The signals that count, in the order of the registry."""
        entries = {d.name: getattr(self.signals, d.name) for d in DETECTORS}
        return {name: entry for name, entry in entries.items() if entry is not None}

    @property
    def fitted(self) -> tuple[str, ...]:
        """Names of the signals that were fitted."""
        return tuple(name for name, entry in self.by_name.items() if entry.basis == "fitted")

    @property
    def constants_sha256(self) -> str:
        """Digest of what was fitted; the prior and stated signals may be changed without it."""
        fitted = {name: self.by_name[name].model_dump(mode="json") for name in self.fitted}
        return _digest({"intercept": self.intercept, "signals": fitted})

    def outdated(self, mappings: Mapping[str, Any]) -> tuple[str, ...]:
        """Say in words why its provenance does not describe it any more; empty where it does.

        Args:
            mappings: the policy's mapping of each signal, by name.
        """
        if self.provenance is None:
            return ("fitted signals without provenance",) if self.fitted else ()
        said = []
        if self.provenance.constants != self.constants_sha256:
            said.append("constants were changed after the fit")
        if self.provenance.mappings != mappings_sha256(self.fitted, mappings):
            said.append("mappings of fitted signals were changed after the fit")
        return tuple(said)


def mappings_sha256(names: Iterable[str], mappings: Mapping[str, Any]) -> str:
    """Digest of the mappings of some signals: with others, their scores mean something else.

    Args:
        names: of the signals.
        mappings: as JSON values, by the name of the signal.
    """
    return _digest({name: mappings.get(name) for name in names})


@dataclass(frozen=True, slots=True)
class Fused:
    """Signals fused.

    Attributes:
        score: posterior probability of a genuine capture, in (0, 1); None when no calibrated
            signal is ``ok``.
        floor: what it would be if every signal that was lost had said the worst it can.
        contributions: nats that each signal adds, and the prior with the intercept
            (:data:`PRIOR`): their sum is the log-odds of ``score``.
    """

    score: float | None
    floor: float
    contributions: Mapping[str, float]


def fuse(calibration: Calibration, signals: Iterable[Signal]) -> Fused:
    """Add up what the signals say."""
    by_name = {signal.name: signal for signal in signals}
    entries = calibration.by_name
    answered = [n for n in entries if n in by_name and by_name[n].status is Status.OK]
    if not answered:
        return Fused(None, 0.0, {})
    contributions = {PRIOR: log_odds(calibration.prior) + calibration.intercept} | {
        name: entry.nats(by_name.get(name)) for name, entry in entries.items()
    }
    withheld = [n for n in entries if n in by_name and by_name[n].status is Status.WITHHELD]
    # One clip that was not sent silences several signals, and is one thing that was done.
    for name in sorted(withheld, key=contributions.__getitem__)[1:]:
        contributions[name] = 0.0
    lost = [n for n in entries if n in by_name and by_name[n].status in LOST]
    # Summed in the same order both times: rounding cannot put the floor above the score.
    worst = contributions | {name: entries[name].worst for name in lost}
    return Fused(
        logistic(sum(contributions.values())), logistic(sum(worst.values())), contributions
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
