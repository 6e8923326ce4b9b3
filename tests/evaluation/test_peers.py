from __future__ import annotations

import math

import pytest

from detectors.contracts import Measurement, Status
from evaluation.peers import peer_scores


def odds(p: float) -> float:
    return math.log(p / (1 - p))


EVERYTHING = {"v2_2_7": odds(0.8), "v1se_4_0": odds(0.4), "v2se_1_5": odds(0.9), "room": 2.0}


def test_the_systems_are_combined_as_they_are_published() -> None:
    abstained = Measurement(EVERYTHING, Status.ABSTAINED, ("crop_too_tight",))
    nothing = Measurement(status=Status.UNAVAILABLE, reasons=("no_face",))
    found = peer_scores([abstained, nothing])
    assert {name: scores[0] for name, scores in found.items()} == pytest.approx(
        {"Silent-Face pair": 0.6, "MiniFASNetV2-SE": 0.9, "their mean": 0.75}
    )
    assert all(math.isnan(scores[1]) for scores in found.values())


def test_a_system_whose_networks_are_not_here_is_left_out() -> None:
    measures = {name: EVERYTHING[name] for name in ("v2_2_7", "v1se_4_0")}
    assert list(peer_scores([Measurement(measures)])) == ["Silent-Face pair"]
    assert peer_scores([Measurement({"own": 1.0})]) == {}
