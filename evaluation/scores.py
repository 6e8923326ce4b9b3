"""How well a score tells bona fide presentations from attacks.

For each policy, with intervals by subject:

- of the score alone: AUC, EER, APCER at a BPCER of at most 1, 5 and 10%; the AUC again with
  non-responses as a toss-up, because a check that stays silent on hard images must not gain by it;
  and the mean of the AUCs within single subjects, where neither class can be told by its camera;
- APCER and BPCER at the policy's own threshold;
- the APCER of the worst PAI species there and at a BPCER of at most 5%, and ACER, the mean of the
  first and the BPCER: an attacker chooses the species;
- APCER and BPCER at thresholds chosen on the *other* subjects (leave one subject out), or on
  another manifest: what an operator can expect of a threshold that was not chosen on their data.

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
from evaluation.metrics import Curve, curve, errors, share

BPCER_LIMITS = (0.01, 0.05, 0.10)
SPECIES_LIMIT = 0.05
"""BPCER at which the worst species is looked for."""


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


def evaluate(
    trials: Trials,
    check: type[Scored[Any]],
    profiles: Sequence[Profile],
    *,
    seed: int,
    development: Trials | None = None,
    criterion: Criterion = BALANCED,
) -> tuple[dict[str, Any], dict[str, Sample]]:
    """Work out every figure of a report.

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
    described: dict[str, Any] = {}
    samples = {}
    for profile in profiles:
        sample = samples[profile.name] = trials.scored(check, profile.mapping)
        other = None if development is None else development.scored(check, profile.mapping)
        described[profile.name] = _describe(trials, sample, profile, other, criterion, seed)
    non_response = _non_response(trials)
    headline: dict[str, float] = {}
    for at, (name, parts) in enumerate(described.items()):
        for key, figure in parts["figures"].items():
            if at == 0 or key == "auc":
                headline |= figure.flat(key if at == 0 else f"{key}_{name}")
    for key in ("non_response", "apnrr", "bpnrr"):
        headline |= non_response[key].flat(key)
    bona_fide = int(trials.bona_fide.sum())
    report = {
        "headline": headline | {"bona_fide": bona_fide, "attack": len(trials.items) - bona_fide},
        "profiles": described,
        "measures": _measures(trials, seed),
        "non_response": non_response,
        "notes": _notes(trials),
    }
    return report, samples


def _describe(
    trials: Trials,
    sample: Sample,
    profile: Profile,
    other: Sample | None,
    criterion: Criterion,
    seed: int,
) -> dict[str, Any]:
    thresholds = {
        "": np.full(len(sample.scores), profile.threshold),
        "left_out_": sample.left_out(criterion),
    }
    if other is not None:
        thresholds["from_other_"] = np.full(len(sample.scores), criterion.choose(other.curve()))
    within, shares = _within_subjects(sample)
    kinds = np.array([item.kind for item in trials.items], str)
    species = {str(kind): (kinds == kind) & ~sample.bona_fide for kind in np.unique(kinds)}

    def statistics(weights: Weights) -> dict[str, float]:
        return (
            _ranking(sample, weights)
            | {"auc_within_subjects": share(within, weights * shares)}
            | _worst(sample, species, profile.threshold, weights)
            | {
                prefix + name: rate
                for prefix, limits in thresholds.items()
                for name, rate in _decided(sample, limits, weights).items()
            }
        )

    return {
        "threshold": profile.threshold,
        "thresholds": {
            prefix.rstrip("_"): _range(limits) for prefix, limits in thresholds.items() if prefix
        },
        "mapping": asdict(profile.mapping),
        "figures": bootstrap(statistics, sample.subjects, seed=seed),
        "subjects": _groups(sample, [item.subject for item in trials.items], profile.threshold),
        "kinds": _groups(sample, [item.kind for item in trials.items], profile.threshold),
    }


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


def _groups(sample: Sample, names: Sequence[str], threshold: float) -> list[dict[str, Any]]:
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
