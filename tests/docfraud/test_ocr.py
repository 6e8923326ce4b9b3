from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from docfraud_pages import TD3, drawn

from docfraud import ocr
from docfraud.ocr import RapidOcr, Tesseract, zone_readers
from models.store import ModelUnavailable


@pytest.fixture(scope="module")
def rapid() -> RapidOcr:
    return RapidOcr()


def test_lines_of_a_zone(rapid: RapidOcr) -> None:
    pixels = drawn()
    upper, lower = rapid.read([pixels[706:762], pixels[766:822]])
    assert lower.text.replace("O", "0") == TD3[1].replace("O", "0")
    assert upper.text.startswith("P<UT")
    assert 0.5 < lower.confidence <= 1


def test_lines_of_text(rapid: RapidOcr) -> None:
    (line,) = rapid.read_text([drawn(text=("Surname Łukasz 12.08.1974",))[50:100, 370:760]])
    assert line.text.replace(" ", "").startswith("Surname")
    assert "12.08.1974" in line.text


def test_lines_are_found_where_they_are(rapid: RapidOcr) -> None:
    quads = rapid.find(drawn(text=("Surname",)), 640)
    centres = sorted(tuple(quad.mean(axis=0)) for quad in quads)
    assert len(quads) == 3
    assert [round(y / 10) for _, y in sorted(centres, key=lambda c: c[1])] == [8, 74, 80]


@pytest.mark.parametrize("size", [(1, 1), (20, 20), (3, 900), (900, 3)])
def test_pages_of_any_shape(rapid: RapidOcr, size: tuple[int, int]) -> None:
    assert rapid.find(np.zeros((*size, 3), np.uint8), 640) == []


def test_an_empty_line(rapid: RapidOcr) -> None:
    (line,) = rapid.read([np.full((48, 400, 3), 255, np.uint8)])
    assert (line.text, line.confidence) == ("", 0.0)


def test_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelUnavailable) as missing:
        RapidOcr()
    assert missing.value.reason == "onnxruntime_missing"


def test_without_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "_RECOGNITION", ("no_such_package", "models/x.onnx"))
    with pytest.raises(ModelUnavailable) as missing:
        RapidOcr()
    assert missing.value.reason == "weights_missing"


def test_without_tesseract_the_embedded_reader_is_the_only_one(
    rapid: RapidOcr, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert zone_readers(rapid) == (rapid,)


@pytest.mark.weights
def test_tesseract_reads_a_zone(models_dir: Path) -> None:
    pixels = drawn()
    _, lower = Tesseract().read([pixels[706:762], pixels[766:822]])
    assert lower.text[13:27] == TD3[1][13:27]
