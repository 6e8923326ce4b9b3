from __future__ import annotations

import numpy as np
import pytest
import yaml

from calibration.errors import CalibrationError
from calibration.quality import Settings, calibrate, fragment, refused
from fusion.policy import load_policy

FAITHFUL, HARDENED = load_policy("faithful"), load_policy("hardened")


def shots(count, brightness=120.0, blur=80.0, coverage=0.3, spread=0.1, seed=1):
    rng = np.random.default_rng(seed)

    def about(value):
        return value * (1 + spread * rng.standard_normal(count))

    columns = zip(about(brightness), about(blur), about(coverage), strict=True)
    return [
        {"face_px": 200.0, "brightness": b, "blur_variance": s, "face_coverage": c}
        for b, s, c in columns
    ]


def test_a_camera_that_the_references_limit_refuses_is_let_through():
    good = shots(300)
    assert refused(FAITHFUL.quality, good) == 300  # a Laplacian of 80 is below 300
    found = calibrate(FAITHFUL, good, [], Settings())
    assert [proposal.name for proposal in found.proposals] == ["brightness", "blur", "face_size"]
    assert found.refused_good <= 0.04 * 300  # four limits of a percent each
    blur = found.quality.blur
    assert blur is not None
    assert blur.least is not None
    assert 45 < blur.least.limit < 65  # 80 less 2.3 and a bit of its deviations of 8


def test_limits_lie_beyond_the_percentile_by_the_margin():
    good = [
        {"face_px": 1.0, "blur_variance": float(value)} for value in range(101)
    ]  # 0, 1, … 100: the 10th percentile is 10, the median 50
    for margin, expected in ((0.0, 10.0), (0.25, 0.0)):
        found = calibrate(FAITHFUL, good, [], Settings(10.0, margin))
        assert found.quality.blur.least.limit == expected
    (proposal,) = calibrate(FAITHFUL, good, [], Settings(10.0, 0.0)).proposals
    assert proposal.refused_good == 10


def test_both_sides_are_proposed_where_the_policy_has_both():
    check = calibrate(FAITHFUL, shots(200), [], Settings()).quality.brightness
    assert 80 < check.least.limit < 100
    assert 140 < check.most.limit < 165


def test_bad_shots_are_counted_and_move_nothing():
    good = shots(200)
    alone = calibrate(FAITHFUL, good, [], Settings())
    beside = calibrate(FAITHFUL, good, shots(50, blur=5.0, seed=2), Settings())
    assert beside.quality == alone.quality
    blur = next(proposal for proposal in beside.proposals if proposal.name == "blur")
    assert blur.refused_bad == beside.refused_bad == 50


def test_rounding_refuses_nobody():
    good = [{"face_px": 1.0, "blur_variance": 123.456}] * 40
    found = calibrate(FAITHFUL, good, [], Settings(0.0, 0.0))
    assert found.quality.blur.least.limit == 123
    assert found.refused_good == 0


def test_angles_are_calibrated_by_their_size():
    good = [{"face_px": 1.0, "yaw_deg": yaw} for yaw in np.linspace(-40, 40, 201)]
    yaw = calibrate(HARDENED, good, [], Settings(1.0, 0.0)).quality.yaw
    assert yaw.least is None
    assert 39 < yaw.most.limit <= 40


def test_what_depends_on_people_is_loosened_and_never_tightened():
    """A dozen of them look straight ahead from near; the next one need not."""
    good = [shot | {"yaw_deg": 1.0, "margin": -0.2} for shot in shots(50, coverage=0.6)]
    found = calibrate(HARDENED, good, [], Settings())
    assert found.quality.yaw == HARDENED.quality.yaw
    assert found.quality.face_size == HARDENED.quality.face_size
    assert found.quality.margin.least.limit == -0.2
    # Light and sharpness are the camera's.
    assert found.quality.brightness.least.limit > HARDENED.quality.brightness.least.limit


def test_what_no_camera_changes_and_what_was_not_measured_stays():
    found = calibrate(HARDENED, shots(50), [], Settings())
    assert found.quality.faces == HARDENED.quality.faces
    assert found.quality.mouth == HARDENED.quality.mouth
    assert found.quality.blur is None  # a check that the policy does not make is not proposed


def test_the_fragment_is_a_part_of_a_policy_and_says_where_it_comes_from():
    found = calibrate(HARDENED, shots(120), shots(30, brightness=20.0), Settings(2.0, 0.2))
    text = fragment(found)
    merged = {**HARDENED.model_dump(mode="json"), **yaml.safe_load(text)}
    assert load_policy(merged).quality == found.quality
    for said in ("120 good shots", "percentile 2, margin 0.2", "hardened v", "30 of 30 bad"):
        assert said in text


def test_shots_without_a_face_teach_nothing():
    blank = {"brightness": 3.0, "blur_variance": 0.1}
    good = shots(50)
    found = calibrate(FAITHFUL, [*good, blank, blank], [blank], Settings())
    assert found.good == 50
    assert found.bad == 0
    assert found.quality == calibrate(FAITHFUL, good, [], Settings()).quality
    with pytest.raises(CalibrationError, match="no face"):
        calibrate(FAITHFUL, [blank], [], Settings())


def test_shots_that_are_all_alike_still_make_a_policy():
    found = calibrate(FAITHFUL, shots(1, spread=0.0), [], Settings())
    assert found.refused_good == 0
    fragment(found)
