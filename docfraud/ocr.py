"""The recognisers behind one small interface: images of single lines in, characters out.

Two read machine-readable zones. :class:`RapidOcr` runs the ONNX models that come inside the
wheels of RapidOCR (PaddleOCR's PP-OCRv6 recogniser), with its output restricted to the alphabet of
the zone. :class:`Tesseract` runs ``mrz.traineddata``, which is trained on that type face, in the
Tesseract that comes inside tesserocr's wheel. RapidOCR also finds and reads all other text.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from detectors.pixels import Pixels
from docfraud.icao9303 import ALPHABET
from docfraud.text_lines import Quad
from models import onnx, store
from models.store import ModelUnavailable

if TYPE_CHECKING:
    import onnxruntime as ort

log = logging.getLogger(__name__)

LINE_HEIGHT = 48
"""Height in pixels of the recognisers' input."""

MAX_ASPECT = 60.0
"""Width by height beyond which a crop is no line of text; it bounds time and memory."""

_DETECTION = ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx")
"""PP-OCRv4's detector, from the older wheel: a third of the time of PP-OCRv6's."""

_RECOGNITION = ("rapidocr", "models/PP-OCRv6_rec_small.onnx")

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


@dataclass(frozen=True, slots=True)
class Line:
    """One recognised line.

    Attributes:
        text: its characters.
        confidence: geometric mean of the characters' probabilities, 0..1; 0 without any.
    """

    text: str
    confidence: float


class LineReader(Protocol):
    """Reads lines of a machine-readable zone."""

    name: str
    digest: str

    def read(self, lines: Sequence[Pixels]) -> list[Line]:
        """Read lines, each uint8 RGB (H, W, 3) or grey (H, W), upright, cut close to the text."""


class RapidOcr:
    """RapidOCR's models without its code, on one thread.

    Attributes:
        name: ``rapidocr``.
        digest: SHA-256 of the recogniser.

    Raises:
        ModelUnavailable: the wheels or onnxruntime are not installed.
    """

    name = "rapidocr"

    def __init__(self) -> None:
        path = _of_wheel(*_RECOGNITION)
        self.digest = store.sha256(path)
        self._recogniser = onnx.session(path)
        self._detector = onnx.session(_of_wheel(*_DETECTION))
        stored = self._recogniser.get_modelmeta().custom_metadata_map["character"]
        # Class 0 is the blank of CTC, the last one a space that the file leaves out.
        self._characters = ["", *stored.split("\n"), " "]
        self._zone = [0, *(self._characters.index(char) for char in ALPHABET)]

    def read(self, lines: Sequence[Pixels]) -> list[Line]:
        """Read lines of a machine-readable zone: only its alphabet competes."""
        return [
            _decode(self._probabilities(line)[:, self._zone], ("", *ALPHABET)) for line in lines
        ]

    def read_text(self, lines: Sequence[Pixels]) -> list[Line]:
        """Read lines of any text."""
        return [_decode(self._probabilities(line), self._characters) for line in lines]

    def find(self, pixels: Pixels, side: int) -> list[Quad]:
        """Find lines of text.

        Differentiable binarisation (Liao et al. 2020): the network marks shrunken lines, whose
        rectangles are grown again by area / perimeter times 1.6.

        Args:
            pixels: uint8 RGB (H, W, 3).
            side: the longer side is reduced to this many pixels before the search.

        Returns:
            rectangles in pixels of the image, their longer side running from the first corner to
            the second.
        """
        height, width = pixels.shape[:2]
        scale = min(side / max(height, width), 4.0)
        size = tuple(max(round(length * scale / 32) * 32, 32) for length in (width, height))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        resized = cv2.resize(pixels, size, interpolation=how)
        # Blue first, but with the means and deviations of red first: that is how it was trained.
        scaled = (resized[..., ::-1].astype(np.float32) / 255 - _MEAN) / _STD
        heat = _run(self._detector, scaled.transpose(2, 0, 1)[None])[0, 0]
        outlines, _ = cv2.findContours(
            (heat > 0.3).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE
        )
        back = np.array([width / size[0], height / size[1]], np.float32)
        quads = (_grown(outline, heat) for outline in outlines)
        return [np.asarray(quad * back, np.float32) for quad in quads if quad is not None]

    def _probabilities(self, line: Pixels) -> NDArray[np.float32]:
        """Class probabilities of each step along the line: float32 (T, C)."""
        resized = _to_height(line, LINE_HEIGHT)
        if resized.ndim == 2:
            resized = np.repeat(resized[..., None], 3, axis=2)
        scaled = resized[..., ::-1].astype(np.float32) / 127.5 - 1
        return np.asarray(_run(self._recogniser, scaled.transpose(2, 0, 1)[None])[0], np.float32)


class Tesseract:
    """Tesseract with ``mrz.traineddata``, in this process.

    Attributes:
        name: ``tesseract``.
        digest: SHA-256 of the traineddata.

    Raises:
        ModelUnavailable: tesserocr is not installed or the traineddata is not in the store.
    """

    name = "tesseract"

    def __init__(self) -> None:
        if importlib.util.find_spec("tesserocr") is None:
            raise ModelUnavailable("tesseract_missing", "tesserocr is not installed")
        import tesserocr

        path = store.find("mrz_tesseract")
        self.digest = store.sha256(path)
        self._symbol = tesserocr.RIL.SYMBOL
        self._engine = tesserocr.PyTessBaseAPI(
            path=str(path.parent), lang=path.stem, psm=tesserocr.PSM.SINGLE_LINE
        )
        self._engine.SetVariable("tessedit_char_whitelist", ALPHABET)
        self._lock = threading.Lock()  # an engine holds one image at a time

    def read(self, lines: Sequence[Pixels]) -> list[Line]:
        """Read lines of a machine-readable zone."""
        return [self._line(line) for line in lines]

    def _line(self, line: Pixels) -> Line:
        grey = line if line.ndim == 2 else cv2.cvtColor(line, cv2.COLOR_RGB2GRAY)
        # Its page segmentation drops a line that touches the border of the image.
        edge = np.median(np.r_[grey[0], grey[-1]])
        grey = cv2.copyMakeBorder(
            _to_height(np.asarray(grey, np.uint8), LINE_HEIGHT),
            12, 12, 20, 20, cv2.BORDER_CONSTANT, value=(float(edge),),
        )  # fmt: skip
        with self._lock:
            self._engine.SetImage(PIL.Image.fromarray(grey))
            self._engine.Recognize()
            symbols = list(self._symbols())
            self._engine.Clear()
        return _line("".join(char for char, _ in symbols), [likely for _, likely in symbols])

    def _symbols(self) -> Iterator[tuple[str, float]]:
        found = self._engine.GetIterator()
        while found is not None and not found.Empty(self._symbol):
            char = found.GetUTF8Text(self._symbol).strip()
            if len(char) == 1:
                yield char, found.Confidence(self._symbol) / 100
            if not found.Next(self._symbol):
                break


def zone_readers(embedded: RapidOcr) -> tuple[LineReader, ...]:
    """Return the readers of zones on this machine, that for photographs before that for crops.

    Measured (``docs/MRZ.md``): on lines that others cut out and binarised, Tesseract reads half as
    many more without an error; on photographs RapidOCR errs less, and where it does, a check digit
    mostly tells. Tesseract invents characters at high confidence, also in names, which no check
    digit covers.
    """
    try:
        return embedded, Tesseract()
    except ModelUnavailable as missing:
        log.info("reading zones with %s alone: %s", embedded.name, missing)
        return (embedded,)


def _of_wheel(package: str, file: str) -> Path:
    """Return a file inside an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / file).is_file():
            return path
    raise ModelUnavailable("weights_missing", f"the wheel of {package} is not installed")


def _run(session: ort.InferenceSession, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    import onnxruntime as ort

    # Pages and lines come in all sizes: kept for each, the arena would grow to hundreds of MB.
    options = ort.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    name = session.get_inputs()[0].name
    outputs = session.run(None, {name: np.ascontiguousarray(batch, np.float32)}, options)
    return np.asarray(outputs[0], np.float32)


def _to_height(line: Pixels, height: int) -> Pixels:
    scale = height / line.shape[0]
    width = int(np.clip(round(line.shape[1] * scale), 16, MAX_ASPECT * height))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(line, (width, height), interpolation=how), np.uint8)


def _decode(probabilities: NDArray[np.float32], characters: Sequence[str]) -> Line:
    """Decode CTC greedily: repeats are merged, then blanks (class 0) are dropped.

    Args:
        probabilities: float32 (T, C) of C classes at T steps.
        characters: the C classes.
    """
    best = probabilities.argmax(axis=1)
    starts = np.flatnonzero((best != 0) & (np.diff(best, prepend=0) != 0))
    ends = np.flatnonzero((best != 0) & (np.diff(best, append=0) != 0)) + 1
    # Where the whole alphabet is not among the classes, the rest of the mass counts as doubt.
    likely = [
        float(probabilities[start:end, best[start]].max())
        for start, end in zip(starts, ends, strict=True)
    ]
    return _line("".join(characters[best[start]] for start in starts), likely)


def _line(text: str, likely: Sequence[float]) -> Line:
    floored = np.maximum(likely, 1e-3)
    return Line(text, float(np.exp(np.log(floored).mean())) if text else 0.0)


def _grown(outline: NDArray[np.int32], heat: NDArray[np.float32]) -> Quad | None:
    """Return the rectangle about a shrunken line, grown to the text; None where too faint."""
    (x, y), (w, h), angle = cv2.minAreaRect(outline)
    if min(w, h) < 2:
        return None
    x0, y0, width, height = cv2.boundingRect(outline)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [outline - (x0, y0)], (1,))
    if cv2.mean(heat[y0 : y0 + height, x0 : x0 + width], mask)[0] < 0.5:
        return None
    grow = 1.6 * w * h / (w + h)  # both sides: twice area / perimeter
    if w < h:
        w, h, angle = h, w, angle - 90
    along = np.deg2rad(angle)
    right = np.array([np.cos(along), np.sin(along)]) * (w + grow) / 2
    down = np.array([-np.sin(along), np.cos(along)]) * (h + grow) / 2
    centre = np.array([x, y])
    corners = (-right - down, right - down, right + down, down - right)
    return np.array([centre + corner for corner in corners], np.float32)
