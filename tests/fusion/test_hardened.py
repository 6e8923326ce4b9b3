"""What the shipped calibrated policy keeps to, whatever its constants are."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from calibration.notes import notes
from detectors.contracts import Measurement, Score, Status
from detectors.registry import DETECTORS
from fusion import judge as judge_module
from fusion.calibration import fuse
from fusion.judge import Judge
from fusion.policy import load_policy
from fusion.verdict import Decision, FaceSummary, Signal, Verdict

HARDENED = load_policy("hardened")
NAMES = tuple(HARDENED.weights)


class Told:
    """Stands for a detector whose score is the measure ``score``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def score(self, measures: Any, mapping: Any) -> Score:
        return Score(measures["score"], {})


def decide(**found: float | Status) -> Verdict:
    measured = {
        name: Measurement(status=value)
        if isinstance(value, Status)
        else Measurement({"score": value})
        for name, value in found.items()
    }
    return Judge(HARDENED).verdict("session", measured, FaceSummary())


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_module, "DETECTORS", tuple(Told(d.name) for d in DETECTORS))


def test_its_provenance_describes_it_and_every_weighted_signal_says_something() -> None:
    """Fails where a mapping was changed without a new fit; docs/CALIBRATION.md has the command."""
    assert notes(HARDENED) == ()


def test_a_plane_fails_however_well_everything_else_looks() -> None:
    verdict = decide(**{**dict.fromkeys(NAMES, 1.0), "parallax": 0.0})
    assert not verdict.passed
    assert verdict.reasons[0] == "veto:parallax"


def test_nothing_is_accepted_without_a_head_that_turns() -> None:
    for status in (s for s in Status if s is not Status.OK):
        verdict = decide(**{**dict.fromkeys(NAMES, 1.0), "parallax": status})
        assert verdict.decision is not Decision.ACCEPT


def test_a_head_that_turns_is_accepted_with_and_without_the_weights_of_liveness() -> None:
    good = dict.fromkeys(NAMES, 0.9)
    assert decide(**good).decision is Decision.ACCEPT
    assert decide(**{**good, "liveness": Status.UNAVAILABLE}).decision is Decision.ACCEPT


def test_that_no_pulse_was_found_is_no_attack() -> None:
    assert HARDENED.calibration is not None
    signals = [Signal(name, Status.OK, 0.7) for name in NAMES if name != "rppg"]
    without = fuse(HARDENED.calibration, signals).score
    none = fuse(HARDENED.calibration, [*signals, Signal("rppg", Status.OK, 0.0)]).score
    assert none == without


def test_a_signal_that_is_stated_to_be_a_hint_decides_nothing() -> None:
    """Of a capture on which liveness is sure, they do not change the side, all together."""
    hints = ("eye_specular", "blendshapes", "gan_texture", "depth", "rppg")
    for liveness, ends in product((0.06, 0.95), ((0.2, 0.0), (1.0, 1.0))):
        scores = dict.fromkeys(hints, ends[0 if liveness > 0.5 else 1])
        verdict = decide(**scores, liveness=liveness, parallax=0.5)
        assert verdict.score is not None
        assert (verdict.score >= HARDENED.threshold) is (liveness > 0.5)
