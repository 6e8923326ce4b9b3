"""Which check or reader of :mod:`docfraud` an evaluation measures."""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any, ClassVar

from detectors.contracts import Sensor
from detectors.pixels import grey
from docfraud.contracts import Check, Page
from evaluation.errors import EvaluationError
from evaluation.readings import Transcript, TruthOf
from evaluation.truth import of_bytes, one_ending, true_lines, true_text

CHECKS: Mapping[str, str] = {"moire": "docfraud.moire:Moire", "tamper": "docfraud.ela:Ela"}
"""What tells bona fide documents from attacks. Imported only when it is measured: a check may need
a package that is not on this machine."""

LINE = 8.0
"""Width by height from which an image is a crop of one line and no document: lines of 30
characters have 12 and more when they are cut close, and the flattest documents 3."""


def check_of(kind: str) -> Check[Any]:
    """Make the check of an evaluation.

    Raises:
        EvaluationError: a package that it needs is not installed.
    """
    made: Check[Any] = _resolved(CHECKS[kind])()
    return made


class BarcodeTranscriber(Sensor[Page]):
    """Reads the barcodes of a page, word for word.

    Measures:
        symbols: that were decoded.
    """

    name: ClassVar[str] = "barcode"

    def load(self) -> None:
        """Import the reader."""
        self._decode = _resolved("docfraud.symbols:decode")
        self._reader = _resolved("docfraud.barcode:Barcode")()
        self._reader.load()

    def measure(self, page: Page) -> Transcript:
        """Read; a barcode's text, and its bytes as two encodings say them, are texts of it."""
        symbols = self._decode(grey(page.pixels))
        texts = {
            text: None  # in order, each once
            for symbol in symbols
            for text in (
                symbol.text,
                symbol.payload.decode("utf-8", "replace"),
                of_bytes(symbol.payload),
            )
            if text is not None
        }
        # The reader decodes again; where nothing is to be found, that would take longest.
        fields = self._reader.measure(page).sides.get("barcode", {}) if symbols else {}
        return Transcript(
            {"symbols": float(len(symbols))}, texts=tuple(map(one_ending, texts)), fields=fields
        )


class ZoneTranscriber(Sensor[Page]):
    """Reads a machine-readable zone, or one line of it that is all there is in the image.

    Measures:
        lines: that were read.
    """

    name: ClassVar[str] = "mrz"

    def load(self) -> None:
        """Open the recogniser."""
        self._reader = _resolved("docfraud.mrz:Mrz")()
        self._reader.load()

    def measure(self, page: Page) -> Transcript:
        """Read."""
        height, width = page.pixels.shape[:2]
        if width >= LINE * height:
            (line,) = self._reader.read_lines([page.pixels])
            return Transcript({"lines": float(bool(line.text))}, texts=(line.text,))
        found = self._reader.read(page)
        rows = tuple(line.text for line in found.lines) if found.zone is None else found.zone.rows
        return Transcript(
            {"lines": float(len(rows))},
            texts=rows,
            fields={} if found.zone is None else found.zone.fields,
            valid=found.zone is not None and found.zone.valid,
        )


TRANSCRIBERS: Mapping[str, type[Sensor[Page]]] = {
    sensor.name: sensor for sensor in (BarcodeTranscriber, ZoneTranscriber)
}

TRUTHS: Mapping[str, TruthOf] = {
    "barcode": lambda item: (text,) if (text := true_text(item)) else (),
    "mrz": true_lines,
}


def _resolved(name: str) -> Any:
    try:
        return resolve_name(name)
    except ModuleNotFoundError as missing:
        raise EvaluationError(f"{name} cannot be imported: {missing}") from None
