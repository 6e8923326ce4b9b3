from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from bundles import bundle_with

from deployments import detector as module
from deployments.detector import Signal
from detectors.contracts import Detector, FaceBundle, Measurement, Measures, Score
from detectors.pictures import Image
from fusion.pictures import ShownImage


class Waits(Detector[None]):
    name = "waits"
    needs = ("crop",)
    mapping = type(None)
    gate = threading.Event()

    def measure(self, bundle: FaceBundle) -> Measurement:
        self.gate.wait(20)
        return Measurement({"value": 1.0})

    @staticmethod
    def score(measures: Measures, mapping: None) -> Score:
        return Score(1.0, {})


def test_a_replica_whose_call_does_not_return_asks_to_be_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    signal = Signal(Waits)
    signal.check_health()

    answers: list[Any] = []
    call = threading.Thread(target=lambda: answers.append(signal(bundle_with())))
    call.start()
    while not signal._started:
        pass
    clock[0] += module.STUCK_S - 1
    signal.check_health()
    clock[0] += 2
    with pytest.raises(RuntimeError, match="waits is stuck"):
        signal.check_health()

    Waits.gate.set()
    call.join()
    signal.check_health()
    assert answers[0].measures == {"value": 1.0}


class Draws(Waits):
    name = "draws"

    def pictures(self, bundle: FaceBundle) -> tuple[Image, ...]:
        return (Image("crop", "The crop", bundle.crop),)


def test_a_replica_draws_what_is_small_enough_to_be_sent() -> None:
    seen = bundle_with(crop=np.zeros((900, 900, 3), np.uint8))
    (shown,) = Signal(Draws).pictures(seen, "document_draws")
    assert isinstance(shown, ShownImage)
    assert (shown.signal, shown.name) == ("document_draws", "crop")
    assert len(shown.png) < 2000
    assert Signal(Waits).pictures(seen, "waits") == ()
