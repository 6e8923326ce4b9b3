"""Fits to captures that are made up, so that the truth is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from calibration.errors import CalibrationError
from calibration.fusion import (
    Captures,
    Settings,
    balanced,
    cross_validate,
    fit,
    fittable,
    isotonic,
    logistic_regression,
    platt,
)
from calibration.fusion_report import Source, cllr, described, figures, manifest_of, replaced, whole
from detectors.contracts import Status, logistic
from fusion.calibration import Calibration, fuse
from fusion.policy import Policy, load_policy
from fusion.verdict import Signal

NAMES = ("eye_specular", "gan_texture", "depth")


def world(
    people: int = 30,
    each: int = 6,
    seed: int = 0,
    silent: float = 0.0,
    strength: tuple[float, float, float] = (2.0, 1.0, 0.0),
) -> Captures:
    """Log-odds of three independent signals, normal with unit variance around ± half a strength.

    Their log-likelihood ratio is strength times the log-odds. Each person has as many bona fide
    captures as attacks; the first signal abstains on a share ``silent`` of the attacks.
    """
    rng = np.random.default_rng(seed)
    n = people * each * 2
    bona_fide = np.arange(n) % 2 == 0
    side = np.where(bona_fide, 0.5, -0.5)
    log_odds = rng.normal(side[:, None] * np.array(strength), 1.0)
    signals = []
    for at in range(n):
        found = {
            name: Signal(name, Status.OK, logistic(float(value)))
            for name, value in zip(NAMES, log_odds[at], strict=True)
        }
        if not bona_fide[at] and rng.random() < silent:
            found[NAMES[0]] = Signal(NAMES[0], Status.ABSTAINED)
        signals.append(found)
    means = [np.mean([s.score for s in one.values() if s.score is not None]) for one in signals]
    return Captures(
        signals,
        np.array(means),
        bona_fide,
        np.array([f"person {at // (2 * each)}" for at in range(n)]),
        np.array(["live" if own else f"species {at % 3}" for at, own in enumerate(bona_fide)]),
        np.zeros(n, int),
    )


@pytest.fixture(scope="module")
def base() -> Policy:
    return load_policy("faithful")


@pytest.fixture(scope="module")
def large() -> Captures:
    return world(people=400)


def test_the_ratios_that_made_the_captures_are_found_again(base: Policy, large: Captures) -> None:
    found = fit(base, large, NAMES, Settings(l2=0.0, bound=20.0))
    slopes = {n: e.coefficient * e.llr.slope for n, e in found.by_name.items()}  # type: ignore[union-attr]
    assert slopes["eye_specular"] == pytest.approx(2.0, rel=0.1)
    assert slopes["gan_texture"] == pytest.approx(1.0, rel=0.1)
    assert slopes["depth"] == pytest.approx(0.0, abs=0.1)
    assert found.intercept == pytest.approx(0.0, abs=0.15)


def test_what_two_signals_both_say_counts_once(base: Policy) -> None:
    once = world(people=100)
    twins = [
        {**s, "depth": Signal("depth", Status.OK, s["eye_specular"].score)} for s in once.signals
    ]
    twice = replace(once, signals=twins)
    found = fit(base, twice, NAMES, Settings(l2=0.1)).by_name
    assert found["eye_specular"].coefficient + found["depth"].coefficient == pytest.approx(
        1, abs=0.2
    )
    assert found["depth"].coefficient < 0.7


def test_a_signal_that_is_the_wrong_way_round_is_worth_nothing(base: Policy) -> None:
    found = fit(base, world(strength=(2.0, -1.5, 0.0)), NAMES, Settings()).by_name["gan_texture"]
    assert found.llr.kind == "platt"
    assert found.llr.slope == 0.0
    assert found.coefficient * found.bounded(1.0) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_no_signal_says_more_than_its_people_can_carry(base: Policy, method: Any) -> None:
    certain = world(people=9, strength=(30.0, 1.0, 0.0))
    found = fit(base, certain, NAMES, Settings(method=method)).by_name["eye_specular"]
    assert (found.floor, found.ceiling) == pytest.approx((-math.log(10), math.log(10)), abs=1e-4)
    assert found.bounded(1.0) == found.ceiling
    assert found.coefficient <= 1.0
    free = fit(base, certain, NAMES, Settings(method=method, bound=1.5)).by_name["eye_specular"]
    assert free.ceiling == 1.5


def test_absence_is_worth_what_it_is_seen_to_be_and_never_speaks_for_a_capture(
    base: Policy,
) -> None:
    attacks = fit(base, world(people=60, silent=0.4), NAMES, Settings()).by_name["eye_specular"]
    assert -math.log(362) < attacks.absent.abstained < -1.0
    assert attacks.absent.unavailable == 0.0
    assert attacks.absent.withheld == pytest.approx(math.log(0.1), abs=1e-3)
    turned = world(people=60, silent=0.4)
    genuine = replace(turned, bona_fide=~turned.bona_fide)
    strange = fit(base, genuine, NAMES, Settings()).by_name["eye_specular"]
    assert strange.absent.abstained == 0.0
    worthless = fit(base, world(), NAMES, Settings()).by_name["depth"]
    assert worthless.absent.withheld == pytest.approx(
        -worthless.coefficient * worthless.ceiling, abs=1e-4
    )


def test_stated_signals_stay_and_are_taken_into_account(base: Policy, large: Captures) -> None:
    stated = {
        "basis": "stated",
        "llr": {"kind": "platt", "slope": 1.0, "intercept": 0.5},
        "floor": -9.0,
        "ceiling": 9.0,
        "note": "as it was made",
    }
    raw = base.model_dump(mode="json")
    raw["calibration"] = {"prior": 0.5, "signals": {"gan_texture": stated}}
    found = fit(load_policy(raw), large, ["eye_specular"], Settings(l2=0.0, bound=20.0))
    assert found.by_name["gan_texture"].model_dump(exclude_unset=True, mode="json") == stated
    assert found.fitted == ("eye_specular",)
    assert found.intercept == pytest.approx(-0.5, abs=0.15)  # takes back what was stated wrongly
    again = fit(load_policy(raw), large, NAMES, Settings())
    assert again.fitted == NAMES  # what is fitted now is no longer stated


def test_the_regression_is_that_of_scikit_learn_where_both_can() -> None:
    captures = world(people=20)
    rng = np.random.default_rng(1)
    design = np.column_stack([captures.scores(name) for name in NAMES])
    weights = rng.uniform(0.5, 2.0, len(design))
    theirs = LogisticRegression(C=1 / 0.7, tol=1e-8, max_iter=1000).fit(
        design, captures.bona_fide, weights
    )
    ours = logistic_regression(
        np.column_stack([design, np.ones(len(design))]),
        captures.bona_fide.astype(float),
        weights,
        np.array([0.7, 0.7, 0.7, 0.0]),
        [(None, None)] * 4,
        np.zeros(len(design)),
    )
    assert ours == pytest.approx([*theirs.coef_[0], theirs.intercept_[0]], abs=1e-3)


def test_isotonic_steps_follow_the_shares_of_both_classes() -> None:
    captures = world(people=200)
    steps = isotonic(captures.scores("eye_specular"), captures)
    for log_odds in (-1.0, 0.0, 1.0):
        assert steps.llr(logistic(log_odds)) == pytest.approx(2 * log_odds, abs=0.8)


def test_both_classes_weigh_the_same() -> None:
    captures = world(people=300)
    kept = captures.bona_fide | (np.arange(len(captures.means)) % 10 == 1)
    few = captures.only(kept)
    weights = balanced(few)
    assert weights[few.bona_fide].sum() == pytest.approx(weights[~few.bona_fide].sum())
    assert weights.sum() == pytest.approx(300)
    line = platt(few.scores("eye_specular"), few)
    assert line.intercept == pytest.approx(0.0, abs=0.4)


def test_which_manifest_a_capture_is_like_says_nothing_of_it(base: Policy) -> None:
    """One has mostly attacks, and in the other a signal abstains: silence is no sign of either."""
    first, second = world(people=40), world(people=40, seed=1)
    mostly = first.only(first.bona_fide & (np.arange(480) % 4 == 0) | ~first.bona_fide)
    silent = [{**one, NAMES[0]: Signal(NAMES[0], Status.ABSTAINED)} for one in second.signals]
    both = Captures(
        [*mostly.signals, *silent],
        np.concatenate([mostly.means, second.means]),
        np.concatenate([mostly.bona_fide, second.bona_fide]),
        np.concatenate([mostly.subjects, [f"other {name}" for name in second.subjects]]),
        np.concatenate([mostly.kinds, second.kinds]),
        np.concatenate([mostly.sources, second.sources + 1]),
    )
    weights = balanced(both)
    for source in (0, 1):
        own = both.sources == source
        assert weights[own & both.bona_fide].sum() == pytest.approx(
            weights[own & ~both.bona_fide].sum()
        )
    found = fit(base, both, NAMES, Settings())
    assert found.intercept == pytest.approx(0.0, abs=0.2)
    pooled = fit(base, replace(both, sources=np.zeros_like(both.sources)), NAMES, Settings())
    assert pooled.intercept > found.intercept + 0.05


def test_manifests_of_one_class_each_are_taken_together() -> None:
    captures = world()
    parted = replace(captures, sources=captures.bona_fide.astype(int))
    assert balanced(parted) == pytest.approx(balanced(captures))


def test_nobody_is_judged_by_a_fit_that_has_seen_him(
    base: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    import calibration.fusion as module

    captures = world(people=11)
    seen: list[set[str]] = []
    real = fit

    def spy(base: Policy, train: Captures, names: Any, settings: Settings) -> Calibration:
        seen.append(set(train.subjects))
        return real(base, train, names, settings)

    monkeypatch.setattr(module, "fit", spy)
    validated = cross_validate(base, captures, NAMES, Settings(folds=4))
    everybody = set(captures.subjects)
    left_out = [everybody - train for train in seen]
    assert len(seen) == 4
    assert set().union(*left_out) == everybody
    assert sum(map(len, left_out)) == 11
    assert np.isfinite(validated.llrs).all()
    assert np.isfinite(validated.mean_llrs).all()


def test_a_capture_on_which_nothing_answered_has_no_ratio(base: Policy) -> None:
    captures = world(people=10)
    signals = list(captures.signals)
    signals[0] = {name: Signal(name, Status.ABSTAINED) for name in NAMES}
    means = captures.means.copy()
    means[0] = math.nan
    holed = replace(captures, signals=signals, means=means)
    validated = cross_validate(base, holed, NAMES, Settings())
    assert math.isnan(validated.llrs[0])
    assert figures(holed, validated, base, Settings(), 0)["cllr"].n == len(means) - 1


# What it is worth


def test_cllr_by_hand() -> None:
    bona_fide = np.array([True, True, False])
    even = np.ones(3)
    assert cllr(np.zeros(3), bona_fide, even) == pytest.approx(1.0)
    right = np.array([math.log(3), math.log(3), -math.log(7)])
    expected = (math.log2(1 + 1 / 3) + math.log2(1 + 1 / 7)) / 2
    assert cllr(right, bona_fide, even) == pytest.approx(expected)
    assert cllr(-right, bona_fide, even) > 1.0
    assert math.isnan(cllr(right[:2], bona_fide[:2], even[:2]))


def test_calibrated_fusion_beats_a_mean_where_signals_differ_in_worth(base: Policy) -> None:
    captures = world(people=60, strength=(3.0, 0.2, 0.0))
    settings = Settings()
    validated = cross_validate(base, captures, NAMES, settings)
    found = figures(captures, validated, base, settings, 0)
    assert (found["gain_cllr"].low or 0.0) > 0.0
    assert (found["gain_eer"].low or 0.0) > 0.0
    assert found["mean_eer"].value == pytest.approx(
        (found["eer"].value or 0) + (found["gain_eer"].value or 0)
    )
    assert (found["worst_species_apcer_at_bpcer_5"].value or 0) >= (
        found["apcer_at_bpcer_5"].value or 0
    ) - 1e-9


@pytest.mark.parametrize(
    ("captures", "says"),
    [
        (world(people=4), "of 4 subjects; 5 and more"),
        (world(people=9).only(np.arange(108) % 2 == 0), "no attack capture"),
        (world(people=9).only(np.arange(108) % 2 == 1), "no bona fide capture"),
    ],
)
def test_too_little_to_fit_is_one_line(captures: Captures, says: str) -> None:
    with pytest.raises(CalibrationError, match=says):
        fittable(captures, NAMES)


def test_signals_without_scores_are_not_fitted() -> None:
    assert fittable(world(people=9), ["parallax", "depth"]) == ["depth"]
    with pytest.raises(CalibrationError, match="no signal"):
        fittable(world(people=9), ["parallax"])


# The policy


def fitted(base: Policy) -> Calibration:
    captures, settings = world(people=9), Settings()
    validated = cross_validate(base, captures, NAMES, settings)
    found = figures(captures, validated, base, settings, 0)
    source = Source((manifest_of(b"path,label\n", 108),), 3)
    return described(fit(base, captures, NAMES, settings), captures, found, source, base, settings)


@pytest.fixture(scope="module")
def made(base: Policy) -> Calibration:
    return fitted(base)


def test_the_whole_policy_loads_and_says_where_it_comes_from(
    base: Policy, made: Calibration
) -> None:
    policy = load_policy(yaml.safe_load(whole(base, made)))
    assert policy.calibration == made
    assert policy.version == base.version + 1
    assert policy.signals == base.signals
    provenance = made.provenance
    assert provenance is not None
    assert (provenance.bona_fide, provenance.attack, provenance.not_acquired) == (54, 54, 3)
    assert provenance.cllr.low is not None
    assert provenance.cllr.low < provenance.cllr.value
    assert policy.calibration.outdated(policy.mappings) == ()


def test_what_was_changed_by_hand_is_noticed(base: Policy, made: Calibration) -> None:
    raw = yaml.safe_load(whole(base, made))
    raw["calibration"]["prior"] = 0.9
    raw["coverage"]["quorum"] = 1
    untouched = load_policy(raw)
    assert untouched.calibration is not None
    assert untouched.calibration.outdated(untouched.mappings) == ()
    raw["calibration"]["signals"]["depth"]["ceiling"] = 9.0
    raw["signals"]["eye_specular"]["mapping"]["brightness"] = [1, 2]
    changed = load_policy(raw)
    assert changed.calibration is not None
    assert changed.calibration.outdated(changed.mappings) == (
        "constants were changed after the fit",
        "mappings of fitted signals were changed after the fit",
    )
    del raw["calibration"]["provenance"]
    nameless = load_policy(raw)
    assert nameless.calibration is not None
    assert nameless.calibration.outdated(nameless.mappings) == (
        "fitted signals without provenance",
    )


@pytest.mark.parametrize("after", ["", "# of the documents\ndocuments: {threshold: 0.3}\n"])
def test_a_section_takes_the_place_of_another_and_touches_nothing_else(
    base: Policy, made: Calibration, after: str
) -> None:
    plain = yaml.safe_dump({k: v for k, v in base.model_dump(mode="json").items() if v is not None})
    plain = "# mine\n" + "".join(
        line for line in plain.splitlines(keepends=True) if not line.startswith("#")
    )
    if after:
        raw = yaml.safe_load(plain)
        raw.pop("documents")
        plain = "# mine\n" + yaml.safe_dump(raw)
    old = (
        "calibration:\n  # by hand\n  prior: 0.5\n\n  signals:\n    depth:\n      basis: stated\n"
        "      llr: {kind: platt, slope: 1, intercept: 0}\n      floor: -1\n      ceiling: 1\n"
    )
    once = replaced(plain + old + after, made)
    assert once.startswith(plain + "calibration:\n")
    assert once.endswith(after)
    assert "by hand" not in once
    assert replaced(once, made) == once
    added = replaced(plain + after, made)
    assert load_policy(yaml.safe_load(added)).calibration == made
    assert added.startswith(plain + after)


def test_a_section_that_cannot_be_found_is_not_written_twice(
    base: Policy, made: Calibration
) -> None:
    odd = "{name: mine, version: 1, calibration: null}\n"
    with pytest.raises(CalibrationError, match="no policy can be made"):
        replaced(odd, made)


def test_the_fit_is_what_the_policy_says(base: Policy, made: Calibration) -> None:
    captures = world(people=9)
    fused = fuse(made, captures.signals[0].values())
    loaded = load_policy(yaml.safe_load(whole(base, made))).calibration
    assert loaded is not None
    assert fuse(loaded, captures.signals[0].values()) == fused
