"""What the readers read stays out of the evidence; what fails costs itself alone."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detectors.contracts import Measurement, Score, Status
from docfraud import examination
from docfraud.contracts import Check, Page, Reader, Reading
from docfraud.crossref import Outcome
from docfraud.examination import Evidence, Examiner, conclude, open_page
from docfraud.registry import CHECKS, READERS, SENSORS
from media.errors import MediaError
from media.limits import ImageLimits

PAGE = Page(np.zeros((40, 60, 3), np.uint8), "png", b"")


class Mean(Check[Any]):
    name = "mean"
    mapping = dict

    def measure(self, page: Page) -> Measurement:
        return Measurement({"mean": float(page.pixels.mean())})

    @staticmethod
    def score(measures: Any, mapping: Any) -> Score:
        return Score(1.0, {})

    def picture(self, page: Page) -> Any:
        return page.pixels


class Broken(Mean):
    name = "broken"

    def measure(self, page: Page) -> Measurement:
        raise RuntimeError("KOWALSKI")

    def picture(self, page: Page) -> Any:
        raise RuntimeError("KOWALSKI")


class Reads(Reader):
    name = "reads"

    def measure(self, page: Page) -> Reading:
        return Reading({"lines": 2.0}, sides={"mrz": {"surname": "KOWALSKI"}, "text": {}})


@pytest.fixture
def examiner(monkeypatch: pytest.MonkeyPatch) -> Examiner:
    monkeypatch.setattr(examination, "SENSORS", (Mean, Broken, Reads))
    return Examiner()


def test_every_check_looks_and_a_broken_one_costs_itself(examiner: Examiner) -> None:
    examined = examiner(PAGE)
    statuses = {name: m.status for name, m in examined.evidence.measured.items()}
    assert statuses == {"mean": Status.OK, "broken": Status.ERROR, "reads": Status.OK}


def test_what_a_document_says_is_not_in_the_evidence(
    examiner: Examiner, caplog: pytest.LogCaptureFixture
) -> None:
    examined = examiner(PAGE)
    assert examined.sides == {"mrz": {"surname": "KOWALSKI"}}
    assert [c.outcome for c in examined.evidence.comparisons] == [Outcome.NOT_COMPARABLE]
    assert "KOWALSKI" not in repr(examined.evidence)
    assert "KOWALSKI" not in caplog.text


def test_only_what_can_be_drawn_is(examiner: Examiner) -> None:
    drawn = examiner.heatmaps(PAGE)
    assert set(drawn) == {"mean"}
    assert Image.open(io.BytesIO(drawn["mean"])).size == (60, 40)


def test_sides_of_several_readers_are_compared() -> None:
    examined = conclude(
        {
            "barcode": Reading(sides={"barcode": {"birth_date": "1974-08-12"}}),
            "mrz": Reading(sides={"mrz": {"birth_date": "1984-08-12"}}),
            "late": Measurement(status=Status.LATE),
        },
        1.0,
    )
    assert [c.outcome for c in examined.evidence.comparisons] == [Outcome.MISMATCH]


def test_without_a_document_every_sensor_says_why() -> None:
    evidence = Evidence.none(Status.WITHHELD, "no_document")
    assert {name: m.reasons for name, m in evidence.measured.items()} == {
        sensor.name: ("no_document",) for sensor in SENSORS
    }


def test_a_page_that_cannot_be_decoded_is_blamed() -> None:
    with pytest.raises(MediaError) as caught:
        open_page(b"%PDF-1.7", ImageLimits(), "upload")
    assert caught.value.part == "document"


def test_names_are_unique() -> None:
    names = [sensor.name for sensor in (*CHECKS, *READERS)]
    assert len(set(names)) == len(names)


def test_pictures_are_the_panels_of_those_that_were_asked(examiner: Examiner) -> None:
    drawn = examiner.pictures(PAGE, ["mean", "broken", "reads"])
    assert {node: len(pictures) for node, pictures in drawn.items()} == {
        "document_mean": 1,
        "document_broken": 0,
        "document_reads": 0,
    }
    assert set(examiner.pictures(PAGE, ["mean"])) == {"document_mean"}
