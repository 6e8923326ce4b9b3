"""Fits calibrated fusion to labelled captures; :mod:`fusion.calibration` is what it is used by.

Two steps, as is usual since Brümmer and du Preez (2006). A map of its own takes each signal's score
to a log-likelihood ratio, kept within what the data can carry: with n people of the rarer class,
nobody has seen a ratio of more than about n, so that the bound is ln(1 + n). Then a logistic
regression over those ratios finds what each adds to the others. A signal that abstained stands
there with an indicator of its own, and 0 for its ratio.

Both classes weigh the same in each manifest, whatever their numbers, so that log-odds are
log-likelihood ratios, and it says nothing of a capture which manifest it is like. The items of a
person resemble each other, so that people are what is counted: the weights add up to their number,
and against that the penalty is to be seen.

Coefficients are kept in [0, 1] and the worth of absence at or below 0 (why: see there), which is
why this is SciPy's bounded minimiser and not scikit-learn, whose logistic regression takes neither
bounds nor an offset for the signals that are stated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from calibration.errors import CalibrationError
from detectors.contracts import Status
from evaluation.items import Item
from evaluation.sessions import Session
from fusion.calibration import (
    EDGE,
    Absence,
    CalibratedSignals,
    Calibration,
    Isotonic,
    Labelled,
    Platt,
    SignalCalibration,
    fuse,
    log_odds,
)
from fusion.judge import Judge
from fusion.policy import Policy
from fusion.verdict import Signal

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]

LEAST_SUBJECTS = 5
"""People of each class below which nothing is fitted."""

PLACES = 4
"""Decimal places of a constant, whose unit is nats or a share of them."""

SCORE_PLACES = 6
"""Decimal places of a score."""

Method = Literal["platt", "isotonic"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How constants are fitted.

    Attributes:
        method: of the maps: ``platt`` has two constants, ``isotonic`` as many as the data ask for.
        prior: share of genuine captures that is expected, in (0, 1).
        withheld: share of genuine applicants who do not send what they are asked for, in (0, 1].
            An attacker need not either, so that ln of it is what withholding is worth.
        bound: nats that a signal may say at most; None for ln(1 + people of the rarer class).
        l2: weight of the penalty on coefficients, in people.
        folds: of the cross-validation.
        seed: of the folds.
    """

    method: Method = "platt"
    prior: float = 0.5
    withheld: float = 0.1
    bound: float | None = None
    l2: float = 1.0
    folds: int = 5
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Captures:
    """Labelled captures as a policy sees them, N of them, all with a face.

    Attributes:
        signals: of each capture, by name.
        means: float64 (N,), the weighted mean; NaN where no weighted signal answered.
        bona_fide: bool (N,).
        subjects: str (N,); a capture without one is a subject of its own.
        kinds: str (N,), of an attack its species.
        sources: int (N,), which manifest it is of.
    """

    signals: Sequence[Mapping[str, Signal]]
    means: Values
    bona_fide: Mask
    subjects: NDArray[np.str_]
    kinds: NDArray[np.str_]
    sources: NDArray[np.int_]

    def only(self, chosen: Mask) -> Captures:
        """The captures that ``chosen``, bool (N,), picks."""
        return Captures(
            [one for one, taken in zip(self.signals, chosen, strict=True) if taken],
            self.means[chosen],
            self.bona_fide[chosen],
            self.subjects[chosen],
            self.kinds[chosen],
            self.sources[chosen],
        )

    def scores(self, name: str) -> Values:
        """The scores of a signal, float64 (N,); NaN where it is not ``ok``."""
        found = (one.get(name) for one in self.signals)
        return np.array([math.nan if s is None or s.score is None else s.score for s in found])

    def having(self, name: str, status: Status) -> Mask:
        """Where a signal has a status, bool (N,)."""
        return np.array([name in one and one[name].status is status for one in self.signals], bool)

    def people(self, chosen: Mask) -> tuple[int, int]:
        """How many subjects of bona fide captures and of attacks ``chosen`` has."""
        sides = (self.bona_fide, ~self.bona_fide)
        bona_fide, attack = (len(np.unique(self.subjects[chosen & side])) for side in sides)
        return bona_fide, attack

    def labelled(self, name: str) -> Labelled:
        """What there is to fit a signal on."""
        answered = np.isfinite(self.scores(name))
        bona_fide, attack = self.people(answered)
        return Labelled(
            bona_fide=int((answered & self.bona_fide).sum()),
            attack=int((answered & ~self.bona_fide).sum()),
            bona_fide_subjects=bona_fide,
            attack_subjects=attack,
        )


def as_judged(
    policy: Policy,
    items: Sequence[Item],
    sessions: Sequence[Session],
    bona_fide: Mask,
    sources: NDArray[np.int_],
) -> Captures:
    """Map what was measured with a policy; captures without a face are left out.

    Args:
        policy: whose mappings and weights are used.
        items: the captures, N of them.
        sessions: what was measured on each.
        bona_fide: bool (N,), what their labels say.
        sources: int (N,), which manifest each is of.
    """
    judge = Judge(policy.model_copy(update={"calibration": None}))
    kept = [at for at, session in enumerate(sessions) if session.acquired]
    verdicts = [judge.verdict("", sessions[at].measured, sessions[at].face) for at in kept]
    return Captures(
        [{signal.name: signal for signal in verdict.signals} for verdict in verdicts],
        np.array([math.nan if v.score is None else v.score for v in verdicts]),
        bona_fide[kept],
        np.array([items[at].subject or f"\0{at}" for at in kept], str),
        np.array([items[at].kind for at in kept], str),
        sources[kept],
    )


def fittable(captures: Captures, names: Sequence[str]) -> list[str]:
    """Choose the signals of which there is enough to fit them.

    Raises:
        CalibrationError: there is one class only, there are too few people, or no such signal.
    """
    everyone = captures.people(np.ones(len(captures.means), bool))
    counts = dict(zip(("bona fide", "attack"), everyone, strict=True))
    for what, people in counts.items():
        if people == 0:
            raise CalibrationError(f"there is no {what} capture with a face: both are needed")
        if people < LEAST_SUBJECTS:
            raise CalibrationError(
                f"the {what} captures with a face are of {people} subjects; "
                f"{LEAST_SUBJECTS} and more are needed, and thirty are a beginning"
            )
    enough = []
    for name in names:
        found = captures.labelled(name)
        if min(found.bona_fide_subjects, found.attack_subjects) >= LEAST_SUBJECTS:
            enough.append(name)
    if not enough:
        raise CalibrationError("no signal of the policy has a score for enough of these captures")
    return enough


def fit(base: Policy, captures: Captures, names: Sequence[str], settings: Settings) -> Calibration:
    """Fit some signals; those that ``base`` states itself stay as they are.

    Args:
        base: the policy that was started from.
        captures: what is fitted on.
        names: of the signals to fit; one that is not scored in both classes is left out.
        settings: how.
    """
    stated = {} if base.calibration is None else base.calibration.by_name
    stated = {n: e for n, e in stated.items() if e.basis == "stated" and n not in names}
    weights = balanced(captures)
    maps: dict[str, Platt | Isotonic] = {}
    bounds: dict[str, float] = {}
    for name in names:
        found = captures.labelled(name)
        people = min(found.bona_fide_subjects, found.attack_subjects)
        if people == 0:
            continue
        maps[name] = _map(captures, captures.scores(name), settings.method)
        bound = settings.bound if settings.bound is not None else math.log1p(people)
        bounds[name] = _rounded(bound)
    said = [_nats(maps[n], bounds[n], captures.scores(n)) for n in maps]
    silent = {n: captures.having(n, Status.ABSTAINED) for n in maps}
    silent = {n: mask for n, mask in silent.items() if mask.any()}
    design = np.column_stack([*said, *silent.values(), np.ones(len(weights))])
    limits = (
        [(0.0, 1.0)] * len(maps)
        + [(_worst_absence(mask, captures.bona_fide), 0.0) for mask in silent.values()]
        + [(None, None)]
    )
    penalty = np.full(design.shape[1], settings.l2)
    penalty[-1] = 0.0
    offset = np.array(
        [sum(e.nats(one.get(n)) for n, e in stated.items()) for one in captures.signals]
    )
    beta = logistic_regression(
        design, captures.bona_fide.astype(float), weights, penalty, limits, offset
    )
    coefficients = dict(zip(maps, beta, strict=False))
    absences = dict(zip(silent, beta[len(maps) :], strict=False))
    entries = dict(stated)
    for name, llr in maps.items():
        coefficient, bound = _rounded(coefficients[name]), bounds[name]
        # Withholding hides no more than the worst that would have been seen.
        withheld = max(math.log(settings.withheld), -coefficient * bound)
        entries[name] = SignalCalibration(
            basis="fitted",
            llr=llr,
            floor=-bound,
            ceiling=bound,
            coefficient=coefficient,
            absent=Absence(
                withheld=_rounded(withheld), abstained=_rounded(absences.get(name, 0.0))
            ),
            labelled=captures.labelled(name),
        )
    return Calibration(
        prior=settings.prior,
        intercept=_rounded(beta[-1]),
        signals=CalibratedSignals(**entries),
    )


def balanced(captures: Captures) -> Values:
    """Weights of the captures, float64 (N,): the same for both classes; people, in all.

    In each manifest that has both classes they weigh the same as well; the others are taken
    together.
    """
    bona_fide, sources = captures.bona_fide, captures.sources
    mixed = [s for s in np.unique(sources) if 0 < bona_fide[sources == s].mean() < 1]
    strata = np.where(np.isin(sources, mixed), sources, -1)
    weights = np.zeros(len(bona_fide))
    for stratum in np.unique(strata):
        own = strata == stratum
        people = len(np.unique(captures.subjects[own]))
        for side in (own & bona_fide, own & ~bona_fide):
            weights[side] = people / max(side.sum(), 1)
    for side in (bona_fide, ~bona_fide):
        weights[side] *= len(np.unique(captures.subjects)) / 2 / max(weights[side].sum(), 1e-9)
    return weights


def logistic_regression(
    design: Values,
    targets: Values,
    weights: Values,
    penalty: Values,
    limits: Sequence[tuple[float | None, float | None]],
    offset: Values,
) -> Values:
    """Minimise the weighted cross-entropy of σ(design · β + offset) plus Σ ½ penalty β².

    Args:
        design: float64 (N, K).
        targets: float64 (N,), 0..1.
        weights: float64 (N,).
        penalty: float64 (K,).
        limits: of each coefficient.
        offset: float64 (N,), nats.

    Returns:
        float64 (K,), the coefficients β.
    """

    def loss(beta: Values) -> tuple[float, Values]:
        z = design @ beta + offset
        value = (weights * (np.logaddexp(0.0, z) - targets * z)).sum()
        slope = design.T @ (weights * (special.expit(z) - targets))
        return float(value + 0.5 * (penalty * beta**2).sum()), slope + penalty * beta

    start = np.zeros(design.shape[1])
    found = optimize.minimize(loss, start, jac=True, bounds=limits, method="L-BFGS-B")
    return np.asarray(found.x, np.float64)


def platt(scores: Values, captures: Captures) -> Platt:
    """Fit a straight line from log-odds to nats (Platt 1999, with his targets off 0 and 1)."""
    design = np.column_stack([_log_odds(scores), np.ones(len(scores))])
    limits = [(0.0, None), (None, None)]
    slope, intercept = logistic_regression(
        design,
        _targets(captures),
        balanced(captures),
        np.zeros(2),
        limits,
        np.zeros(len(scores)),
    )
    return Platt(kind="platt", slope=_rounded(slope), intercept=_rounded(intercept))


def isotonic(scores: Values, captures: Captures) -> Isotonic:
    """Fit a line that never falls (pool adjacent violators)."""
    points, which = np.unique(np.round(scores, SCORE_PLACES), return_inverse=True)
    weights = balanced(captures)
    total = np.bincount(which, weights)
    shares = np.bincount(which, weights * _targets(captures)) / total
    pooled = optimize.isotonic_regression(shares, weights=total).x
    nats = [_rounded(log_odds(float(share))) for share in pooled]
    # Of a level part, its two ends.
    ends = [
        at
        for at in range(len(points))
        if at in (0, len(points) - 1) or not nats[at - 1] == nats[at] == nats[at + 1]
    ]
    return Isotonic(
        kind="isotonic",
        scores=tuple(float(points[at]) for at in ends),
        nats=tuple(nats[at] for at in ends),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Validated:
    """What fits that had not seen a person said of that person's captures, N of them.

    Attributes:
        llrs: float64 (N,), nats of the calibrated fusion, without the prior; NaN where none of its
            signals answered.
        mean_llrs: float64 (N,), the same of the weighted mean, calibrated alone (Platt).
    """

    llrs: Values
    mean_llrs: Values


def cross_validate(
    base: Policy, captures: Captures, names: Sequence[str], settings: Settings
) -> Validated:
    """Judge each capture by a fit to other people.

    Raises:
        CalibrationError: the people of one fold are all there are of a class.
    """
    llrs, means = np.full((2, len(captures.means)), math.nan)
    for fold in _folds(captures, settings):
        train = captures.only(~fold)
        if not (train.bona_fide.any() and (~train.bona_fide).any()):
            raise CalibrationError("too few people for so many --folds")
        found = judge_others(fit(base, train, names, settings), train, captures.only(fold))
        llrs[fold], means[fold] = found.llrs, found.mean_llrs
    return Validated(llrs, means)


def judge_others(calibration: Calibration, train: Captures, others: Captures) -> Validated:
    """Judge captures of people by a fit to other people.

    Args:
        calibration: that was fitted.
        train: what it was fitted on.
        others: what is judged.
    """
    fused = [fuse(calibration, signals.values()) for signals in others.signals]
    prior = log_odds(calibration.prior)
    llrs = [math.nan if f.score is None else sum(f.contributions.values()) - prior for f in fused]
    scored = np.isfinite(train.means)
    line = platt(train.means[scored], train.only(scored))
    means = [math.nan if math.isnan(mean) else line.llr(float(mean)) for mean in others.means]
    return Validated(np.array(llrs), np.array(means))


def _folds(captures: Captures, settings: Settings) -> list[Mask]:
    """Deal the subjects out, those with both classes first, so that every fold has some of each."""
    subjects = np.unique(captures.subjects)
    drawn = np.random.default_rng(settings.seed).permutation(subjects)
    classes = {s: captures.bona_fide[captures.subjects == s] for s in subjects}
    order = sorted(drawn, key=lambda s: (classes[s].all(), not classes[s].any()))
    folds = min(settings.folds, len(order))
    return [np.isin(captures.subjects, order[start::folds]) for start in range(folds)]


def _map(captures: Captures, scores: Values, method: Method) -> Platt | Isotonic:
    answered = np.isfinite(scores)
    fitted = platt if method == "platt" else isotonic
    return fitted(scores[answered], captures.only(answered))


def _nats(llr: Platt | Isotonic, bound: float, scores: Values) -> Values:
    """What a map makes of scores, within its bounds; 0 where there is none."""
    found = [0.0 if math.isnan(score) else llr.llr(float(score)) for score in scores]
    return np.clip(found, -bound, bound)


def _targets(captures: Captures) -> Values:
    """Platt's targets: a class with n members is not taken to be beyond doubt."""
    bona_fide = captures.bona_fide.sum()
    attack = len(captures.bona_fide) - bona_fide
    return np.where(captures.bona_fide, (bona_fide + 1) / (bona_fide + 2), 1 / (attack + 2))


def _worst_absence(silent: Mask, bona_fide: Mask) -> float:
    """The least that abstaining can be worth: if every attacker could bring it about.

    Then it would be the logarithm of the share of genuine captures on which it happens.
    """
    return math.log((int((silent & bona_fide).sum()) + 1) / (int(bona_fide.sum()) + 2))


def _log_odds(scores: Values) -> Values:
    return np.asarray(special.logit(np.clip(scores, EDGE, 1 - EDGE)), np.float64)


def _rounded(value: float) -> float:
    return round(float(value), PLACES) + 0.0  # no negative zero
