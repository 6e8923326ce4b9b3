"""How well a score tells bona fide presentations from attacks.

For each policy, with intervals by subject:

- of the score alone: AUC, EER, APCER at a BPCER of at most 1, 5 and 10%; the AUC again with
  non-responses as a toss-up, because a check that stays silent on hard images must not gain by it;
  and the mean of the AUCs within single subjects, where neither class can be told by its camera;
- APCER and BPCER at the policy's own threshold;
- the APCER of the worst PAI species there and at a BPCER of at most 5%, and ACER, the mean of the
  first and the BPCER: an attacker chooses the species;
- APCER and BPCER at thresholds chosen on the *other* subjects (leave one subject out), or on
  another manifest: what an operator can expect of a threshold that was not chosen on their data;
- accuracy, precision, recall, specificity, F1 and MCC of attacks being detected, at the threshold
  from the other manifest where there is one, else at the policy's own;
- the same rates for each group of people or cameras that the manifest tells apart, and how far the
  best and the worst of them are apart.

APCER and BPCER are over the images that got a score; APNRR and BPNRR are the shares of attacks
and of bona fide presentations that did not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.contracts import Measurement, Scored, Status
from evaluation.intervals import Figure, Weights, bootstrap, proportion
from evaluation.items import Item
from evaluation.looking import counted
from evaluation.metrics import Confusion, Curve, confusion, curve, errors, share

BPCER_LIMITS = (0.01, 0.05, 0.10)
SPECIES_LIMIT = 0.05
"""BPCER at which the worst species is looked for."""

CLASSIFICATION = ("accuracy", "precision", "recall", "specificity", "f1", "mcc")
"""Of :class:`evaluation.metrics.Confusion`: what is detected is an attack."""

GROUPS = ("sex", "group", "age", "skin", "camera", "device")
"""Columns of a manifest that people, or what they are seen through, can be grouped by."""


BRIEF = (
    "auc",
    "auc_with_non_response",
    "eer",
    *(f"apcer_at_bpcer_{limit:.0%}".rstrip("%") for limit in BPCER_LIMITS),
    "hter",
)
"""Figures of a signal that stands beside others."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """How a threshold is chosen.

    Attributes:
        words: that name it in a report.
        choose: finds it on a curve.
    """

    words: str
    choose: Callable[[Curve], float]


BALANCED = Criterion("best balanced accuracy", lambda found: found.best_threshold)
EQUAL = Criterion("equal error rate", lambda found: found.eer_threshold)


@dataclass(frozen=True, slots=True)
class Profile:
    """What one policy makes of a check's measures.

    Attributes:
        name: of the policy, as it was asked for.
        mapping: the parameters of the check's ``score``.
        threshold: lowest score that is accepted.
    """

    name: str
    mapping: Any
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Images that were looked at, N of them.

    Attributes:
        items: the images.
        bona_fide: bool (N,), what their labels say.
        found: what was measured.
    """

    items: Sequence[Item]
    bona_fide: NDArray[np.bool_]
    found: Sequence[Measurement]

    def sample(self, scores: Sequence[float]) -> Sample:
        """Put scores, NaN for a non-response, beside labels and subjects."""
        subjects = [item.subject or f"\0{at}" for at, item in enumerate(self.items)]
        return Sample(np.array(scores, float), self.bona_fide, np.array(subjects, str))

    def scored(self, check: type[Scored[Any]], mapping: Any) -> Sample:
        """Map what was measured to scores."""
        return self.sample(
            [
                check.score(one.measures, mapping).value if one.status is Status.OK else math.nan
                for one in self.found
            ]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Scores as arrays.

    Attributes:
        scores: float64 (N,), high for bona fide; NaN where there was no response.
        bona_fide: bool (N,).
        subjects: str (N,); an image without one is a subject of its own.
    """

    scores: NDArray[np.float64]
    bona_fide: NDArray[np.bool_]
    subjects: NDArray[np.str_]

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Where there is a score, bool (N,)."""
        return np.isfinite(self.scores)

    def only(self, chosen: NDArray[np.bool_]) -> Sample:
        """The images that ``chosen``, bool (N,), picks."""
        return Sample(self.scores[chosen], self.bona_fide[chosen], self.subjects[chosen])

    def curve(self, weights: Weights | None = None) -> Curve:
        """The error rates of those that got a score, at every threshold."""
        answered = self.answered
        drawn = None if weights is None else weights[answered]
        return curve(self.scores[answered], self.bona_fide[answered], drawn)

    def left_out(self, criterion: Criterion) -> NDArray[np.float64]:
        """For each image, the threshold that is chosen on all other subjects.

        Returns:
            float64 (N,); NaN where the others lack one of the classes.
        """
        thresholds = np.full(len(self.scores), math.nan)
        for name in np.unique(self.subjects):
            own = self.subjects == name
            thresholds[own] = criterion.choose(self.only(~own).curve())
        return thresholds


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """What one policy makes of a set.

    Attributes:
        threshold: lowest score that is accepted.
        mapping: the parameters that made the scores, for the record.
        sample: the scores.
        other: scores of other images, that a threshold is chosen on.
    """

    threshold: float
    mapping: Mapping[str, Any]
    sample: Sample
    other: Sample | None = None


def evaluate(
    trials: Trials,
    check: type[Scored[Any]],
    profiles: Sequence[Profile],
    *,
    seed: int,
    development: Trials | None = None,
    criterion: Criterion = BALANCED,
) -> tuple[dict[str, Any], dict[str, Sample]]:
    """Map what was measured to scores, and work out every figure of a report.

    Args:
        trials: what is judged; without one of the classes, what needs it is None.
        check: maps measures to scores.
        profiles: the first gives the headline, the others stand beside it.
        seed: of the bootstrap.
        development: other images, that a threshold is chosen on.
        criterion: how thresholds are chosen.

    Returns:
        The content of ``report.json`` with figures as :class:`Figure`, and the scores by the names
        of policies.
    """
    scorings = {
        profile.name: Scoring(
            profile.threshold,
            asdict(profile.mapping),
            trials.scored(check, profile.mapping),
            None if development is None else development.scored(check, profile.mapping),
        )
        for profile in profiles
    }
    report = describe(trials, scorings, seed=seed, criterion=criterion)
    return report, {name: scoring.sample for name, scoring in scorings.items()}


def describe(
    trials: Trials,
    scorings: Mapping[str, Scoring],
    *,
    seed: int,
    criterion: Criterion = BALANCED,
) -> dict[str, Any]:
    """Work out every figure of a report; see :func:`evaluate`.

    Args:
        trials: what is judged.
        scorings: by the names of policies; the first gives the headline.
        seed: of the bootstrap.
        criterion: how thresholds are chosen.
    """
    described = {
        name: _described(trials, scoring, criterion, seed) for name, scoring in scorings.items()
    }
    non_response = _non_response(trials)
    headline: dict[str, float] = {}
    for at, (name, parts) in enumerate(described.items()):
        for key, figure in parts["figures"].items():
            if at == 0 or key == "auc":
                headline |= figure.flat(key if at == 0 else f"{key}_{name}")
        if at == 0:
            for key, figure in parts["classification"]["figures"].items():
                headline |= figure.flat(key)
    for key in ("non_response", "apnrr", "bpnrr"):
        headline |= non_response[key].flat(key)
    bona_fide = int(trials.bona_fide.sum())
    return {
        "headline": headline | {"bona_fide": bona_fide, "attack": len(trials.items) - bona_fide},
        "profiles": described,
        "measures": _measures(trials, seed),
        "non_response": non_response,
        "notes": _notes(trials),
    }


def brief(scoring: Scoring, *, seed: int, criterion: Criterion = BALANCED) -> dict[str, Figure]:
    """Work out the figures of one row of a table in which signals stand beside each other.

    Returns:
        ``auc``, ``auc_with_non_response``, ``eer``, ``apcer_at_bpcer_…``, and ``hter`` at the
        threshold from the other images where there are some, else at the shipped one; and
        ``non_response``.
    """
    sample = scoring.sample
    silent = int((~sample.answered).sum())
    silence = {"non_response": proportion(silent, len(sample.scores))}
    if silent == len(sample.scores):
        nothing = Figure(None, None, None, silent, "none")
        return dict.fromkeys(BRIEF, nothing) | silence
    limit = scoring.threshold if scoring.other is None else criterion.choose(scoring.other.curve())
    limits = np.full(len(sample.scores), limit)

    def statistics(weights: Weights) -> dict[str, float]:
        ranked = _ranking(sample, weights)
        found = ranked | {"hter": _decided(sample, limits, weights)["hter"]}
        return {name: found[name] for name in BRIEF}

    return bootstrap(statistics, sample.subjects, seed=seed) | silence


def worst_species(scoring: Scoring, kinds: Sequence[str], seed: int) -> Figure:
    """The APCER of the species that does best where at most 5% of bona fide are rejected."""
    sample, of = scoring.sample, np.array(kinds, str)
    species = {str(kind): (of == kind) & ~sample.bona_fide for kind in np.unique(of)}
    key = f"worst_species_apcer_at_bpcer_{SPECIES_LIMIT:.0%}".rstrip("%")

    def statistics(weights: Weights) -> dict[str, float]:
        return {key: _worst(sample, species, scoring.threshold, weights)[key]}

    return bootstrap(statistics, sample.subjects, seed=seed)[key]


def _described(trials: Trials, scoring: Scoring, criterion: Criterion, seed: int) -> dict[str, Any]:
    sample, threshold = scoring.sample, scoring.threshold
    thresholds = {
        "": np.full(len(sample.scores), threshold),
        "left_out_": sample.left_out(criterion),
    }
    decisive = threshold
    if scoring.other is not None:
        decisive = criterion.choose(scoring.other.curve())
        thresholds["from_other_"] = np.full(len(sample.scores), decisive)
    within, shares = _within_subjects(sample)
    kinds = np.array([item.kind for item in trials.items], str)
    species = {str(kind): (kinds == kind) & ~sample.bona_fide for kind in np.unique(kinds)}

    def statistics(weights: Weights) -> dict[str, float]:
        return (
            _ranking(sample, weights)
            | {"auc_within_subjects": share(within, weights * shares)}
            | _worst(sample, species, threshold, weights)
            | {
                prefix + name: rate
                for prefix, limits in thresholds.items()
                for name, rate in _decided(sample, limits, weights).items()
            }
        )

    columns = [name for name in GROUPS if any(item.row.get(name) for item in trials.items)]
    return {
        "threshold": threshold,
        "thresholds": {
            prefix.rstrip("_"): _range(limits) for prefix, limits in thresholds.items() if prefix
        },
        "mapping": scoring.mapping,
        "figures": bootstrap(statistics, sample.subjects, seed=seed),
        "exact": _exact(sample, decisive),
        "classification": _classification(sample, decisive, seed),
        "subjects": _groups(sample, [item.subject for item in trials.items], threshold),
        "kinds": _groups(sample, kinds, threshold),
        "groups": {
            column: {
                "rows": _groups(sample, _column(trials, column), threshold),
                "gaps": gaps(sample, _column(trials, column), threshold, seed),
            }
            for column in columns
        },
    }


def _exact(sample: Sample, threshold: float) -> dict[str, Figure]:
    """Both error rates with intervals that take images for independent, but hold for no errors."""
    if not math.isfinite(threshold):
        return {}
    judged = sample.only(sample.answered)
    wrong = (judged.scores >= threshold) != judged.bona_fide
    return {
        name: proportion(int(wrong[own].sum()), int(own.sum()))
        for name, own in (("apcer", ~judged.bona_fide), ("bpcer", judged.bona_fide))
    }


def _column(trials: Trials, name: str) -> list[str]:
    return [item.row.get(name, "") for item in trials.items]


def _classification(sample: Sample, threshold: float, seed: int) -> dict[str, Any]:
    """What a classifier is usually judged by, at one threshold, of those that got a score."""
    judged = sample.answered & math.isfinite(threshold)
    accepted = sample.scores >= threshold

    def counted_with(weights: Weights) -> Confusion:
        return confusion(accepted[judged], sample.bona_fide[judged], weights[judged])

    def statistics(weights: Weights) -> dict[str, float]:
        found = counted_with(weights)
        return {name: getattr(found, name) for name in CLASSIFICATION}

    found = counted_with(np.ones(len(sample.scores)))
    return {
        "threshold": _defined(threshold),
        "figures": bootstrap(statistics, sample.subjects, seed=seed),
        "classes": {
            name: {
                "precision": _defined(of.precision),
                "recall": _defined(of.recall),
                "f1": _defined(of.f1),
                "support": int(of.support),
            }
            for name, of in (("attack", found), ("bona_fide", found.turned))
        },
    }


def gaps(sample: Sample, names: Sequence[str], threshold: float, seed: int) -> dict[str, Figure]:
    """How far the best and the worst of some groups are apart, in non-response and in BPCER.

    The largest of several differences is never below 0, so that its interval is not either.
    """
    of = np.array(names)
    groups = [of == name for name in np.unique(of) if name]
    rejected = sample.answered & (sample.scores < threshold)

    def statistics(weights: Weights) -> dict[str, float]:
        def gap(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
            rates = [share(hits, weights * (among & group)) for group in groups]
            known = [rate for rate in rates if math.isfinite(rate)]
            return max(known) - min(known) if len(known) > 1 else math.nan

        return {
            "non_response": gap(~sample.answered, np.ones(len(of), bool)),
            "bpcer": gap(rejected, sample.answered & sample.bona_fide),
        }

    return bootstrap(statistics, sample.subjects, seed=seed)


def _ranking(sample: Sample, weights: Weights) -> dict[str, float]:
    found = sample.curve(weights)
    # Every pair of which one has no score counts a half.
    pairs = share(sample.answered, weights * sample.bona_fide) * share(
        sample.answered, weights * ~sample.bona_fide
    )
    toss_up = 0.5 if pairs == 0 else 0.5 + pairs * (found.auc - 0.5)
    return {
        "auc": found.auc,
        "auc_with_non_response": toss_up,
        "eer": found.eer,
        **{
            f"apcer_at_bpcer_{limit:.0%}".rstrip("%"): found.apcer_at_bpcer(limit)
            for limit in BPCER_LIMITS
        },
    }


def _worst(
    sample: Sample, species: Mapping[str, NDArray[np.bool_]], threshold: float, weights: Weights
) -> dict[str, float]:
    """What the species of attack that does best achieves; NaN where nothing is known of any."""

    def highest(limit: float) -> float:
        accepted = sample.answered & (sample.scores >= limit)
        rates = [share(accepted, weights * sample.answered * own) for own in species.values()]
        return max((rate for rate in rates if math.isfinite(rate)), default=math.nan)

    at_shipped = highest(threshold)
    rejected = share(sample.scores < threshold, weights * sample.answered * sample.bona_fide)
    limit = sample.curve(weights).threshold_at_bpcer(SPECIES_LIMIT)
    return {
        "acer": (at_shipped + rejected) / 2,
        "worst_species_apcer": at_shipped,
        f"worst_species_apcer_at_bpcer_{SPECIES_LIMIT:.0%}".rstrip("%"): (
            math.nan if math.isnan(limit) else highest(limit)
        ),
    }


def _decided(
    sample: Sample, thresholds: NDArray[np.float64], weights: Weights | None = None
) -> dict[str, float]:
    """Accept what reaches its threshold, and count the errors; NaN thresholds do not count."""
    judged = sample.answered & np.isfinite(thresholds)
    accepted = sample.scores[judged] >= thresholds[judged]
    drawn = None if weights is None else weights[judged]
    found = errors(accepted, sample.bona_fide[judged], drawn)
    return {"apcer": found.apcer, "bpcer": found.bpcer, "hter": found.hter}


def _within_subjects(sample: Sample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each image the AUC within its subject, and its share of the subject; 0 without one."""
    aucs, shares = np.zeros(len(sample.scores)), np.zeros(len(sample.scores))
    for name in np.unique(sample.subjects):
        own = sample.subjects == name
        auc = sample.only(own).curve().auc
        if math.isfinite(auc):
            aucs[own], shares[own] = auc, 1 / own.sum()
    return aucs, shares


def _groups(
    sample: Sample, names: Sequence[str] | NDArray[np.str_], threshold: float
) -> list[dict[str, Any]]:
    """What each group got: error rates at a threshold, and an AUC.

    The AUC is within the group where it has both classes, else against all of the other class. For
    groups that are PAI species, ``apcer`` is the APCER of ISO/IEC 30107-3, which is stated for each
    species; ``apcer_at_bpcer_5`` is that where 5% of all bona fide presentations are rejected.
    """
    rows = []
    strict = sample.curve().threshold_at_bpcer(SPECIES_LIMIT)
    of = np.array(names)
    for name in np.unique(of):
        mine = of == name
        own = sample.only(mine)
        one_class = own.bona_fide.all() or not own.bona_fide.any()
        opposed = mine | (sample.bona_fide != own.bona_fide[0]) if one_class else mine
        scores = own.scores[own.answered]
        wrong = (scores >= threshold) != own.bona_fide[own.answered]
        attack = ~own.bona_fide[own.answered]
        rows.append(
            {
                "name": str(name),
                "bona_fide": int(own.bona_fide.sum()),
                "attack": int((~own.bona_fide).sum()),
                "scored": len(scores),
                "median": float(np.median(scores)) if len(scores) else None,
                "apcer": proportion(int((wrong & attack).sum()), int(attack.sum())),
                "apcer_at_bpcer_5": proportion(
                    int((attack & (scores >= strict)).sum()),
                    0 if math.isnan(strict) else int(attack.sum()),
                ),
                "bpcer": proportion(int((wrong & ~attack).sum()), int((~attack).sum())),
                "non_response": proportion(len(own.scores) - len(scores), len(own.scores)),
                "auc": _defined(sample.only(opposed).curve().auc),
            }
        )
    return rows


def _measures(trials: Trials, seed: int) -> dict[str, Figure]:
    """The AUC of every measure alone: 1 where bona fide is always higher, 0 where always lower."""
    ok = [one.measures if one.status is Status.OK else {} for one in trials.found]
    names = sorted({name for measures in ok for name in measures})
    samples = {name: trials.sample([m.get(name, math.nan) for m in ok]) for name in names}
    if not samples:
        return {}
    return bootstrap(
        lambda weights: {name: sample.curve(weights).auc for name, sample in samples.items()},
        samples[names[0]].subjects,
        seed=seed,
    )


def _non_response(trials: Trials) -> dict[str, Any]:
    silent = np.array([one.status is not Status.OK for one in trials.found])
    shares = {
        name: proportion(int((silent & group).sum()), int(group.sum()))
        for name, group in (
            ("non_response", np.ones(len(silent), bool)),
            ("apnrr", ~trials.bona_fide),
            ("bpnrr", trials.bona_fide),
        )
    }
    return {**shares, **counted(trials.found)}


def _notes(trials: Trials) -> list[str]:
    """What a reader of the figures must know."""
    notes = []
    for missing, name in (
        (not trials.bona_fide.any(), "bona fide"),
        (trials.bona_fide.all(), "an attack"),
    ):
        if missing:
            notes.append(f"No image is {name}: what needs both classes is not defined.")
    subjects = {item.subject for item in trials.items} - {""}
    if not subjects:
        notes.append("No image names its subject: intervals take all images for independent.")
    elif len(subjects) == 1:
        notes.append("There is one subject: intervals take its images for independent.")
    return notes


def _range(thresholds: NDArray[np.float64]) -> tuple[float, float] | None:
    known = thresholds[np.isfinite(thresholds)]
    return (float(known.min()), float(known.max())) if len(known) else None


def _defined(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
