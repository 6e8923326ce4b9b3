from __future__ import annotations

import pytest

from deployments import absences
from deployments.absences import Absences
from detectors.contracts import Measurement, Status

MISSING = Measurement(
    status=Status.UNAVAILABLE, reasons=("weights_missing",), elapsed_ms=3.0, lasting=True
)


def test_remembers_only_answers_that_last() -> None:
    known = Absences()
    known.learn(
        {
            "depth": MISSING,
            "rppg": Measurement(status=Status.UNAVAILABLE, reasons=("no_clip",)),
            "eye_specular": Measurement(),
        }
    )
    answers = known.among(["depth", "rppg", "eye_specular"])
    assert list(answers) == ["depth"]
    assert answers["depth"].reasons == ("weights_missing",)
    assert answers["depth"].elapsed_ms == 0.0, "nobody was asked"
    assert known.among(["rppg"]) == {}


def test_asks_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absences, "FOR_S", 0.0)
    known = Absences()
    known.learn({"depth": MISSING})
    assert known.among(["depth"]) == {}


def test_what_the_graph_has_no_replica_of_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absences, "FOR_S", 0.0)
    known = Absences(["deepfake"])
    answer = known.among(["deepfake", "depth"])
    assert list(answer) == ["deepfake"]
    assert (answer["deepfake"].status, answer["deepfake"].reasons) == (
        Status.UNAVAILABLE,
        ("weights_missing",),
    )
