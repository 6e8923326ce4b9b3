"""The document branch in one process: a page, every check and reader at it, what they found."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from detectors.contracts import Measurement, Status
from detectors.pictures import Picture
from detectors.runner import Runner
from docfraud.contracts import Fields, Page, Reading, node_of
from docfraud.crossref import Comparison, compare
from docfraud.heatmaps import heatmap
from docfraud.registry import SENSORS
from media.capture import Channel
from media.errors import blame
from media.images import decode_image
from media.limits import ImageLimits


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the branch found, without what the document says: this may be decided on and stored.

    Attributes:
        measured: one measurement for each check and reader, by name.
        comparisons: of the fields that some side has.
        elapsed_ms: wall time from the first look to the last answer.
    """

    measured: Mapping[str, Measurement]
    comparisons: tuple[Comparison, ...] = ()
    elapsed_ms: float = 0.0

    @classmethod
    def none(cls, status: Status, *reasons: str) -> Evidence:
        """Say of every check and reader why it has nothing to look at."""
        return cls({sensor.name: Measurement(status=status, reasons=reasons) for sensor in SENSORS})


@dataclass(frozen=True, slots=True)
class Examined:
    """What the branch found, and what the document says.

    Attributes:
        evidence: fit for a record.
        sides: what ``barcode``, ``mrz`` and ``text`` say: personal data, for the caller only.
    """

    evidence: Evidence
    sides: Mapping[str, Fields] = field(default_factory=dict)


def open_page(data: bytes, limits: ImageLimits, channel: Channel) -> Page:
    """Decode the photograph of a document.

    Raises:
        MediaError: the bytes break a limit or cannot be decoded.
    """
    with blame("document"):
        return Page.of(decode_image(data, limits), channel)


def conclude(measured: Mapping[str, Measurement], elapsed_ms: float) -> Examined:
    """Compare what the readers read, and keep what they read apart from what they measured."""
    readings = [reading for reading in measured.values() if isinstance(reading, Reading)]
    sides = {side: said for reading in readings for side, said in reading.sides.items() if said}
    bare = {name: _without_sides(measurement) for name, measurement in measured.items()}
    return Examined(Evidence(bare, compare(sides), elapsed_ms), sides)


def _without_sides(measured: Measurement) -> Measurement:
    return replace(measured, sides={}) if isinstance(measured, Reading) else measured


class Examiner:
    """Every check and reader, with its state loaded."""

    def __init__(self) -> None:
        self._runners = {sensor.name: Runner(sensor()) for sensor in SENSORS}
        self._pool = ThreadPoolExecutor(len(SENSORS), thread_name_prefix="document")

    def __call__(self, page: Page) -> Examined:
        """Examine a page, every check and reader in a thread of its own."""
        started = time.perf_counter()
        looking = {n: self._pool.submit(runner, page) for n, runner in self._runners.items()}
        measured = {name: result.result() for name, result in looking.items()}
        return conclude(measured, (time.perf_counter() - started) * 1e3)

    def heatmaps(self, page: Page) -> dict[str, bytes]:
        """Draw what every check saw, as PNG, where it has something to show."""
        drawn = {name: heatmap(runner.pictures(page)) for name, runner in self._runners.items()}
        return {name: picture for name, picture in drawn.items() if picture is not None}

    def pictures(self, page: Page, names: Collection[str]) -> dict[str, tuple[Picture, ...]]:
        """Draw what those of ``names`` saw, by the names of their nodes."""
        return {node_of(name): self._runners[name].pictures(page) for name in names}
