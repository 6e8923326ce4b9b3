"""The adapters against stand-ins, and against the real readers where they are installed."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from detectors.contracts import Status
from detectors.runner import Runner
from docfraud.contracts import Page, Reading
from evaluation import documents
from evaluation.documents import TRANSCRIBERS, TRUTHS, BarcodeTranscriber, ZoneTranscriber, check_of
from evaluation.errors import EvaluationError
from evaluation.manifests import rows_of
from evaluation.protocols import Run, measure_reader
from evaluation.readings import Transcript


def page(width: int, height: int) -> Page:
    return Page(np.zeros((height, width, 3), np.uint8), "png", b"")


@dataclass
class Barcode:
    """Stands in for ``docfraud.barcode.Barcode``."""

    def load(self) -> None:
        pass

    def measure(self, page: Page) -> Reading:
        return Reading(sides={"barcode": {"surname": "DOE"}})


@dataclass
class Mrz:
    """Stands in for ``docfraud.mrz.Mrz``."""

    lines: tuple[str, ...] = ("P<UTODOE<<JANE", "L898")
    zone: Any = None
    read_alone: list[tuple[int, ...]] = field(default_factory=list)

    def load(self) -> None:
        pass

    def read(self, page: Page) -> Any:
        return SimpleNamespace(
            lines=[SimpleNamespace(text=line) for line in self.lines], zone=self.zone
        )

    def read_lines(self, crops: list[NDArray[np.uint8]]) -> list[Any]:
        self.read_alone += [crop.shape for crop in crops]
        return [SimpleNamespace(text="ONE<LINE") for _ in crops]


def stand_in(monkeypatch: pytest.MonkeyPatch, **by_name: Any) -> None:
    monkeypatch.setattr(documents, "_resolved", lambda name: by_name[name.rpartition(":")[2]])


def transcript(reader: BarcodeTranscriber | ZoneTranscriber, seen: Page) -> Transcript:
    found = Runner(reader)(seen)
    assert isinstance(found, Transcript)
    assert found.status is Status.OK
    return found


def test_a_barcode_says_text_or_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    symbols = [
        SimpleNamespace(text="é\r\n", payload=b"\xe9\r\n"),
        SimpleNamespace(text=None, payload=b"\xff\x00"),
    ]
    stand_in(monkeypatch, decode=lambda grey: symbols, Barcode=Barcode)
    found = transcript(BarcodeTranscriber(), page(40, 40))
    assert {"é", "\xff\x00"} <= set(found.texts)
    assert found.fields == {"surname": "DOE"}
    assert found.measures == {"symbols": 2.0}
    assert found.valid is None


def test_a_long_crop_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Mrz()
    stand_in(monkeypatch, Mrz=lambda: reader)
    found = transcript(ZoneTranscriber(), page(80, 10))
    assert (found.texts, found.valid) == (("ONE<LINE",), None)
    assert reader.read_alone == [(10, 80, 3)]


def test_a_document_has_a_zone_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = SimpleNamespace(rows=("CORRECTED",), fields={"sex": "F"}, valid=True)
    for reader, texts, fields, valid in (
        (Mrz(), ("P<UTODOE<<JANE", "L898"), {}, False),  # read, but in no layout
        (Mrz(lines=()), (), {}, False),
        (Mrz(zone=zone), ("CORRECTED",), {"sex": "F"}, True),
    ):
        stand_in(monkeypatch, Mrz=lambda reader=reader: reader)
        found = transcript(ZoneTranscriber(), page(79, 10))
        assert (found.texts, found.fields, found.valid) == (texts, fields, valid)


def test_what_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CHECKS", {"moire": "docfraud.nowhere:Moire"})
    with pytest.raises(EvaluationError, match=r"No module named 'docfraud\.nowhere'"):
        check_of("moire")


@pytest.mark.parametrize("kind", ["moire", "tamper"])
def test_the_real_checks_can_be_made(kind: str) -> None:
    pytest.importorskip(documents.CHECKS[kind].partition(":")[0])
    check = check_of(kind)
    assert 0.0 <= check.score(Runner(check)(noise()).measures, check.mapping()).value <= 1.0


def noise() -> Page:
    import io

    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=90)
    return Page(pixels, "jpeg", data.getvalue())


def test_the_real_barcode_reader(tmp_path: Path) -> None:
    pytest.importorskip("docfraud.barcode")
    import zxingcpp

    code = zxingcpp.create_barcode("HELLO <1>", zxingcpp.BarcodeFormat.QRCode)
    pixels = np.array(code.to_image(scale=6))
    found = transcript(
        BarcodeTranscriber(), Page(np.repeat(pixels[..., None], 3, axis=2), "png", b"")
    )
    assert "HELLO <1>" in found.texts


@pytest.mark.data
def test_the_real_zone_reader(data_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("docfraud.mrz")
    rows = [*rows_of("mrz", data_dir)[:3], *rows_of("mrz-documents", data_dir)[-1:]]
    manifest = tmp_path / "manifest.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    measure_reader(
        TRANSCRIBERS["mrz"](), TRUTHS["mrz"], Run("mrz", str(manifest), tmp_path / "out")
    )
    headline = json.loads((tmp_path / "out" / "report.json").read_text())["headline"]
    assert headline["with_truth"] == 3
    assert headline["character_error"] < 0.1
    assert headline["valid_rate"] == 1.0
