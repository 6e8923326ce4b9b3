"""The barcode reader against plain zxing-cpp: codes as they are, turned, blurred and reduced.

``python -m benchmarks.barcodes MANIFEST`` takes what ``palisade evaluate barcode`` takes; the truth
stands beside each image.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
import zxingcpp
from rich.table import Table

from detectors.pixels import Pixels, grey
from docfraud.symbols import decode
from evaluation.intervals import proportion
from evaluation.items import Item, read_items
from evaluation.pictures import decode as decode_image
from evaluation.truth import of_bytes, one_ending, true_text
from offline.files import opened
from terminal import out, progress


def turned(degrees: float, image: Pixels) -> Pixels:
    """Turn an image on white, whole."""
    if degrees % 90 == 0:  # without a loss
        return np.ascontiguousarray(np.rot90(image, round(degrees / 90)))
    height, width = image.shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    turn = np.asarray(cv2.getRotationMatrix2D(centre, degrees, 1.0), np.float64)
    cosine, sine = abs(turn[0])[:2]
    wide = int(np.ceil(width * cosine + height * sine))
    high = int(np.ceil(width * sine + height * cosine))
    turn[:, 2] += ((wide - width) / 2, (high - height) / 2)
    white = (255, 255, 255)
    return np.asarray(cv2.warpAffine(image, turn, (wide, high), borderValue=white), np.uint8)


def blurred(sigma: float, image: Pixels) -> Pixels:
    """Blur an image by a Gaussian of ``sigma`` pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def reduced(factor: float, image: Pixels) -> Pixels:
    """Reduce an image."""
    area = cv2.INTER_AREA
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=area), np.uint8)


Change = Callable[[Pixels], Pixels]

CHANGES: Mapping[str, tuple[Change, ...]] = {
    "as it is": (lambda image: image,),
    "turned by 90, 180": tuple(partial(turned, a) for a in (90, 180)),
    "turned by 7 to 45": tuple(partial(turned, a) for a in (7, -15, 22, 30, 45)),
    "blurred, sigma 1 to 3 px": tuple(partial(blurred, s) for s in (1.0, 1.5, 2.0, 3.0)),
    "reduced to 0.75 to 0.35": tuple(partial(reduced, f) for f in (0.75, 0.5, 0.35)),
    "turned by 15, sigma 1.5 px": (lambda image: blurred(1.5, turned(15, image)),),
}


@dataclass(frozen=True, slots=True)
class Read:
    """One image under one change.

    Attributes:
        symbology: of the code.
        change: of :data:`CHANGES`.
        plain, ours: whether it was read right.
        plain_ms, ours_ms: CPU time.
    """

    symbology: str
    change: str
    plain: bool
    ours: bool
    plain_ms: float
    ours_ms: float


def measure(item: Item) -> list[Read]:
    """Read an image under every change; nothing for one without a truth."""
    truth = true_text(item)
    if truth is None:
        return []
    # Kinds are folders such as `zxing_js/pdf417-2`.
    symbology = item.kind.rpartition("/")[2].partition("-")[0]
    with opened(item.location) as (stream, _):
        image = decode_image(bytes(stream.read())).pixels
    return [
        _compared(symbology, name, change(image), truth)
        for name, changes in CHANGES.items()
        for change in changes
    ]


def _compared(symbology: str, change: str, image: Pixels, truth: str) -> Read:
    bgr, level = np.ascontiguousarray(image[..., ::-1]), np.ascontiguousarray(grey(image))
    started = time.thread_time()
    plain = [(code.text, code.bytes) for code in zxingcpp.read_barcodes(bgr)]
    between = time.thread_time()
    ours = [(symbol.text, symbol.payload) for symbol in decode(level)]
    ended = time.thread_time()
    return Read(
        symbology,
        change,
        plain=_right(plain, truth),
        ours=_right(ours, truth),
        plain_ms=1e3 * (between - started),
        ours_ms=1e3 * (ended - between),
    )


def _right(codes: list[tuple[str, bytes]], truth: str) -> bool:
    said = (
        one_ending(text)
        for words, data in codes
        for text in (words, data.decode("utf-8", "replace"), of_bytes(data))
    )
    return truth in said


def main(
    manifest: Annotated[str, typer.Argument(help="As for `palisade evaluate barcode`.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write JSON.")] = None,
) -> None:
    """Count what plain zxing-cpp and Palisade read right, and what only one of them does."""
    items = read_items(manifest).images
    reads: list[Read] = []
    with ProcessPoolExecutor(workers) as pool, progress("Reading") as update:
        for done, several in enumerate(pool.map(measure, items), start=1):
            reads += several
            update(done, len(items))
    groups: dict[tuple[str, str], list[Read]] = defaultdict(list)
    for read in reads:
        groups[read.symbology, read.change].append(read)
    head = ("symbology", "change", "n", "plain zxing-cpp", "Palisade [95%]", "lost", "CPU ms")
    table = Table(*head, box=None)
    for (symbology, change), own in groups.items():
        plain = proportion(sum(read.plain for read in own), len(own), "wilson")
        ours = proportion(sum(read.ours for read in own), len(own), "wilson")
        lost = sum(read.plain and not read.ours for read in own)
        cost = f"{statistics.mean(r.ours_ms for r in own):.0f}"
        table.add_row(
            symbology, change, str(len(own)), f"{plain.value:.3f}", str(ours), str(lost), cost
        )
    out.print(table)
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(read) for read in reads]) + "\n", "utf-8")


if __name__ == "__main__":
    typer.run(main)
