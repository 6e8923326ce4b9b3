"""Find and decode the matrix codes of a page: PDF417, QR, Aztec and Data Matrix.

zxing-cpp reads; this module decides what it is shown. First the page as it is, so that nothing is
lost that zxing-cpp reads alone. Then the regions that look like a code, cut out, turned upright and
made clearer in a few ways, until one is read or the budget is spent. The budget counts pixels, so
that a busy machine reads the same; CPU time ends only the rare search in which zxing-cpp tries
thousands of ways to correct a bad PDF417.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray
from zxingcpp import Barcode, BarcodeFormat, TextMode

from docfraud.regions import Region, directions, find_regions

FORMATS = {
    BarcodeFormat.PDF417: "pdf417",
    BarcodeFormat.QRCode: "qr",
    BarcodeFormat.Aztec: "aztec",
    BarcodeFormat.DataMatrix: "datamatrix",
}

MAX_SYMBOLS = 16
"""Symbols of a page; a card has one to four."""

MIN_PX = 12
"""Shorter side of a page below which there is no room for a code: Data Matrix has 10 modules."""

WHOLE_PX = 4_000_000
"""Pixels up to which the whole page is shown at once; zxing-cpp takes 30 to 45 ms a million. A
larger page is shown reduced to that, then its regions at full size, and whole only if nothing was
read."""

SMALL_PX = 500_000
"""Pixels up to which the whole page is searched as a region too: a picture of little else."""

SEARCHED = 3
"""Regions that are searched, the best first."""

MIN_CROSS = 0.15
"""``cross`` of a region from which it is searched. Codes that were read after a search had 0.16 and
more (190 degraded photographs of ``documents/barcodes``); foliage, cloth and wood have less."""

MAX_VIEW_PX = 1_500_000
"""Pixels of one picture of a region."""

BUDGET_PX = 4_000_000
"""Pixels of all pictures of regions of one page, from which none is begun: some 200 ms."""

BUDGET_S = 1.0
"""CPU seconds of a search, after the page was shown as it is, from which no picture of a region is
begun: 5 times what most take. One call has taken 1.1 s."""


_BORDER = 8
"""Pixels added around a region that is turned, of what its edge shows."""

Grey = NDArray[np.uint8]
Matrix = NDArray[np.float64]
"""float64 (3, 3), an affine map of homogeneous pixel coordinates."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Symbol:
    """One decoded code.

    Attributes:
        format: ``pdf417``, ``qr``, ``aztec`` or ``datamatrix``.
        payload: the bytes as encoded, untrusted; personal data.
        text: the payload by its stated or likely character set; of binary ones, nonsense.
        position: corners in pixels of the page, in the code's own order: top left, top right,
            bottom right, bottom left.
    """

    format: str
    payload: bytes = field(repr=False)
    text: str = field(repr=False)
    position: tuple[Point, Point, Point, Point]

    @property
    def centre(self) -> Point:
        """Of the corners."""
        xs, ys = zip(*self.position, strict=True)
        return sum(xs) / 4, sum(ys) / 4


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found and what it took.

    Attributes:
        symbols: in the order found.
        attempts: pictures that zxing-cpp was shown.
        regions: parts of the page that look like a code and were searched.
        exhausted: the budget ended before the ideas did.
    """

    symbols: tuple[Symbol, ...] = ()
    attempts: int = 0
    regions: int = 0
    exhausted: bool = False


def decode(grey: Grey) -> tuple[Symbol, ...]:
    """Decode the codes of a page.

    Args:
        grey: uint8 (H, W), of any size.
    """
    return search(grey).symbols


def search(grey: Grey) -> Search:
    """Decode the codes of a page and say what it took.

    Args:
        grey: uint8 (H, W), of any size.
    """
    if min(grey.shape) < MIN_PX:
        return Search()
    return _Searching(np.ascontiguousarray(grey)).search()


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """A region of the page as it is searched.

    Attributes:
        pixels: uint8 (h, w), contiguous, at most :data:`MAX_VIEW_PX`.
        region: of the page.
        to_page: float64 (3, 3), from its pixels to those of the page.
    """

    pixels: Grey
    region: Region
    to_page: Matrix


class _Searching:
    """One search, with what it has found and spent."""

    def __init__(self, grey: Grey) -> None:
        self.grey = grey
        self.symbols: list[Symbol] = []
        self.attempts = 0
        self.spent = 0
        self.ends = 0.0
        self.exhausted = False

    def search(self) -> Search:
        regions = [region for region in find_regions(self.grey) if region.cross >= MIN_CROSS]
        cuts = [self._cut(region) for region in regions[:SEARCHED]]
        self._plainly(cuts)
        if self.grey.size <= SMALL_PX:
            height, width = self.grey.shape
            cuts.append(self._cut(Region((0, 0, width, height), *directions(self.grey))))
        cuts = [cut for cut in cuts if not any(cut.region.holds(*s.centre) for s in self.symbols)]
        self.ends = time.thread_time() + BUDGET_S
        for idea in IDEAS:
            for cut in cuts:
                self._try(idea, cut)
            if self.symbols:
                break
        found = tuple(self.symbols[:MAX_SYMBOLS])
        return Search(found, self.attempts, len(cuts), self.exhausted)

    def _plainly(self, cuts: list[_Cut]) -> None:
        """Show the page as it is; of a large one first what may suffice."""
        if self.grey.size > WHOLE_PX:
            self._read(*_limited(self.grey, WHOLE_PX))
            for cut in cuts:
                self._read(cut.pixels, cut.to_page)
        if self.grey.size <= WHOLE_PX or not self.symbols:
            self._read(self.grey, np.eye(3))

    def _cut(self, region: Region) -> _Cut:
        x0, y0, x1, y1 = region.box
        pixels, back = _limited(self.grey[y0:y1, x0:x1], MAX_VIEW_PX)
        moved = np.array([[1, 0, x0], [0, 1, y0], [0, 0, 1]], np.float64)
        return _Cut(pixels, region, moved @ back)

    def _try(self, idea: Idea, cut: _Cut) -> None:
        if self.spent > BUDGET_PX or time.thread_time() >= self.ends:
            self.exhausted = True
            return
        upright, back = turn(cut.pixels, cut.region.angle, idea.scale)
        self.spent += upright.size
        self._read(sharpen(upright, idea.sigma, idea.amount), cut.to_page @ back)

    def _read(self, view: Grey, to_page: Matrix) -> None:
        """Show zxing-cpp a picture and keep the symbols that are new.

        Args:
            view: uint8 (h, w), contiguous.
            to_page: float64 (3, 3), from pixels of ``view`` to those of the page.
        """
        self.attempts += 1
        # Made here: at the end of a process, the library complains of one that is left.
        formats = zxingcpp.BarcodeFormats(list(FORMATS))
        read = zxingcpp.read_barcodes(view, formats=formats, text_mode=TextMode.Plain)
        for symbol in (_symbol(barcode, to_page) for barcode in read if barcode.bytes):
            if not any(_same(symbol, known) for known in self.symbols):
                self.symbols.append(symbol)


def _symbol(barcode: Barcode, to_page: Matrix) -> Symbol:
    at = barcode.position
    corners = [
        (float(x), float(y))
        for x, y, _ in (
            to_page @ (corner.x, corner.y, 1.0)
            for corner in (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
        )
    ]
    return Symbol(
        FORMATS[barcode.symbology],
        barcode.bytes,
        _text(barcode),
        (corners[0], corners[1], corners[2], corners[3]),
    )


def _text(barcode: Barcode) -> str:
    """Decode a payload: UTF-8 where it is, else what zxing-cpp says, unless it guessed Shift JIS.

    It does of Latin-1 with few accents, and no document says a name in half-width katakana.
    """
    try:
        return barcode.bytes.decode("utf-8")
    except UnicodeDecodeError:
        guessed: str = barcode.text
    if any("\uff61" <= character <= "\uff9f" for character in guessed):
        return barcode.bytes.decode("latin-1")
    return guessed


def _same(a: Symbol, b: Symbol) -> bool:
    """Do both say the same in the same place? A page may hold one payload twice."""
    if (a.format, a.payload) != (b.format, b.payload):
        return False
    size = np.ptp(np.array(b.position), axis=0).max()
    return float(np.hypot(*np.subtract(a.centre, b.centre))) < 0.5 * float(size) + 1.0


def _grey(pixels: object) -> Grey:
    """What OpenCV returns, by its type."""
    return np.ascontiguousarray(pixels, np.uint8)


def _limited(grey: Grey, pixels: int) -> tuple[Grey, Matrix]:
    """Reduce ``grey`` to at most so many pixels, and say how to come back."""
    scale = float(np.sqrt(pixels / grey.size))
    if scale >= 1:
        return _grey(grey), np.eye(3)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return _grey(small), np.diag((1 / scale, 1 / scale, 1.0))


def turn(grey: Grey, angle: float, scale: float) -> tuple[Grey, Matrix]:
    """Turn ``grey`` back by ``angle`` degrees and scale it, onto a canvas that holds all of it.

    Args:
        grey: uint8 (h, w).
        angle: by which what it shows is turned, clockwise as seen, in degrees.
        scale: wanted; less where the canvas would exceed :data:`MAX_VIEW_PX`.

    Returns:
        The picture, its border repeated outwards, and the map from it back to ``grey``.
    """
    height, width = grey.shape
    cosine, sine = abs(np.cos(np.radians(angle))), abs(np.sin(np.radians(angle)))
    sides = np.array([width * cosine + height * sine, width * sine + height * cosine])
    scale = min(scale, float(np.sqrt(MAX_VIEW_PX / (sides[0] * sides[1]))))
    out = np.ceil(sides * scale).astype(int) + _BORDER
    centre = ((width - 1) / 2, (height - 1) / 2)
    forward = np.eye(3)
    forward[:2] = cv2.getRotationMatrix2D(centre, angle, scale)
    forward[:2, 2] += (out - 1) / 2 - centre
    kernel = cv2.INTER_AREA if scale < 0.6 else cv2.INTER_CUBIC
    turned = cv2.warpAffine(
        grey,
        forward[:2],
        (int(out[0]), int(out[1])),
        flags=kernel,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return _grey(turned), np.linalg.inv(forward)


def sharpen(grey: Grey, sigma: float, amount: float) -> Grey:
    """Unsharp mask: add ``amount`` times what a Gaussian of ``sigma`` pixels removes.

    Args:
        grey: uint8 (h, w).
        sigma: standard deviation in pixels.
        amount: at least 0.
    """
    wide = cv2.GaussianBlur(grey, (0, 0), sigma)
    return _grey(cv2.addWeighted(grey, 1.0 + amount, wide, -amount, 0.0))


@dataclass(frozen=True, slots=True)
class Idea:
    """One way to show a region, after it was turned upright.

    Attributes:
        scale: of the picture to the page.
        sigma: of :func:`sharpen`, in pixels of the picture.
        amount: of :func:`sharpen`.
    """

    scale: float
    sigma: float
    amount: float


IDEAS = (Idea(2.0, 3.0, 2.0), Idea(2.0, 2.0, 5.0), Idea(3.0, 5.0, 5.0))
"""The most often successful first. Chosen among some 40, with Wiener filters, contrast stretching
and averages along the bars among them, on turned, blurred and reduced photographs of one half of
the codes of ``documents/barcodes``: the first reads 76 of 87 that any of them reads, the three 31
of 37 where none was only turned."""
