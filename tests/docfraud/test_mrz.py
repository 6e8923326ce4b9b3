from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from docfraud_pages import TD3, drawn, page

from detectors.contracts import Status
from detectors.runner import Runner
from docfraud.contracts import FIELDS, Page, Reading
from docfraud.mrz import Mrz
from media.images import decode_image

TEXT = (
    "Surname", "ERIKSSON", "Given names", "ANNA MARIA", "Date of birth", "12 AUG 1974",
    "Passport No.", "L898902C3", "Date of expiry", "15 APR 2012",
)  # fmt: skip
READ = {
    "surname": "ERIKSSON",
    "given_names": "ANNA MARIA",
    "birth_date": "1974-08-12",
    "document_number": "L898902C3",
    "expiry_date": "2012-04-15",
}


@pytest.fixture(scope="module")
def run() -> Runner[Page]:
    return Runner(Mrz())


def reading(run: Runner[Page], pixels: np.ndarray) -> Reading:
    found = run(page(pixels))
    assert isinstance(found, Reading)
    return found


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_page_in_any_orientation(run: Runner[Page], turns: int) -> None:
    found = reading(run, np.rot90(drawn(text=TEXT), -turns))
    assert found.status is Status.OK
    assert found.reasons == ()
    assert found.measures["checks_passed"] == found.measures["checks"] == 5
    off = found.measures["rotation"] - 90 * turns
    assert abs((off + 180) % 360 - 180) < 2
    assert found.sides["mrz"]["document_number"] == "L898902C3"
    assert found.sides["mrz"]["surname"] == "ERIKSSON"
    assert {**found.sides["text"], "given_names": "ANNA MARIA"} == READ
    assert found.sides["text"]["given_names"].replace(" ", "") == "ANNAMARIA"


@pytest.mark.parametrize("turns", [0, 2])
def test_a_card_without_a_zone(run: Runner[Page], turns: int) -> None:
    found = reading(run, np.rot90(drawn((), TEXT), turns))
    assert found.status is Status.OK
    assert found.reasons == ("no_mrz",)
    assert found.sides.keys() == {"text"}
    assert found.sides["text"]["birth_date"] == "1974-08-12"


def test_an_edited_number_fails_its_check(run: Runner[Page]) -> None:
    found = reading(run, drawn((TD3[0], TD3[1].replace("L898902", "L898972"))))
    assert found.reasons == ("mrz_check_failed:document_number", "mrz_check_failed:composite")
    assert found.measures["checks_passed"] == 3
    assert found.sides["mrz"]["document_number"] == "L898972C3"


@pytest.mark.parametrize("name", ["blank", "noise", "tiny", "grid", "astronaut"])
def test_pages_that_are_no_document(run: Runner[Page], name: str, astronaut: np.ndarray) -> None:
    blank = np.full((600, 900, 3), 200, np.uint8)
    grid = blank.copy()
    grid[::8] = grid[:, ::8] = 0
    pages = {
        "blank": blank,
        "noise": np.random.default_rng(0).integers(0, 256, blank.shape, np.uint8),
        "tiny": blank[:20, :20],
        "grid": grid,
        "astronaut": astronaut,
    }
    found = reading(run, pages[name])
    assert found.status is Status.ABSTAINED
    assert found.reasons == ("no_mrz",)
    assert not found.sides
    assert found.measures["lines"] == 0


def test_a_page_of_fillers_is_no_zone_with_fields(run: Runner[Page]) -> None:
    found = reading(run, drawn(("<" * 44, "<" * 44), ()))
    assert found.status in (Status.OK, Status.ABSTAINED)
    assert "document_number" not in found.sides.get("mrz", {})


def test_without_onnxruntime_it_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    found = Runner(Mrz())(page(drawn()))
    assert found.status is Status.UNAVAILABLE
    assert found.reasons == ("onnxruntime_missing",)


def test_fields_stay_out_of_the_log(run: Runner[Page], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        reading(run, drawn())
    assert "ERIKSSON" not in caplog.text


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    ["passporteye/100_pass-lux.jpg", "passporteye/0_pass-lva.jpg", "passporteye/53_id-d.jpg"],
)
def test_real_specimens(run: Runner[Page], data_dir: Path, name: str) -> None:
    file = data_dir / "documents" / "mrz_docs" / name
    found = run(Page.of(decode_image(file.read_bytes())))
    assert isinstance(found, Reading)
    assert found.measures["checks_passed"] == found.measures["checks"] > 0
    assert set(found.sides["mrz"]) <= set(FIELDS)
