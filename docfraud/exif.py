"""Do the metadata of a photograph tell of a camera, or of what came after it?

Idea: FaceVault, "Document Fraud Detection", EXIF: flag editing software, completely stripped
metadata, and dimensions that fit no document. The reference gives no formula; the mapping to a
score is ours.

Metadata are easily removed and easily forged. What they say against a picture counts, since honest
programs write it; what they say for it hardly does. A canvas in a browser strips everything, so
that the absence is only judged where the channel should carry metadata.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.contracts import Measurement, Measures, Score, Status, ramp
from docfraud.cameras import first_possible_day
from docfraud.contracts import Check, Page
from docfraud.software import CATEGORIES, Program, find_programs, known_programs
from docfraud.thumbnail import SAME_RATIO, compare, decode_thumbnail, ratio_error, reduced
from media.capture import Channel
from media.metadata import Metadata, read_metadata

CARRIES_METADATA: frozenset[Channel] = frozenset({"sdk", "upload"})
"""Channels on which a camera's metadata survive; a browser's canvas strips them."""

DOCUMENT_RATIOS = (85.60 / 53.98, 105 / 74, 125 / 88)
"""Long to short side of ID-1, ID-2 and ID-3 (ISO/IEC 7810): 1.586, 1.419, 1.420."""

CAMERA_RATIOS = (1.0, 5 / 4, 4 / 3, 3 / 2, 16 / 9, 2.0, 19 / 9, 19.5 / 9, 20 / 9)
"""Long to short side of what cameras and phones deliver."""

DAY = timedelta(days=1)

UTC_RANGE = timedelta(hours=14)
"""How far a local time may be ahead of UTC."""

TIME_ZONES = timedelta(hours=26)
"""How far two local times of one moment can be apart."""


@dataclass(frozen=True, slots=True)
class ExifMapping:
    """How metadata become a score; the reference says what is flagged, and gives no numbers.

    The components are the reference's three, which are the software, the metadata's presence and
    the dimensions, and two of ours without weight unless given one: contradictions in the
    picture's history, and the thumbnail. The score is their weighted mean, drawn towards the worst
    component of any weight by ``worst``.

    The reference takes dimensions for suspicious that fit no document. Hardly any camera's do
    (4:3 is 6% from ID-3), so that it flags photographs as they come; ``camera_ratios`` lets
    those pass. Reasons are said whatever the weights.

    Attributes:
        editor, generator, injector, screenshot, metadata_editor, scanner: the software component
            where a program of the category is named; the lowest counts.
        stripped: the metadata component where there are none; where there are, it rises to 1 with
            the camera's name, the time of capture and the exposure, a third each.
        ratio: relative error of the dimensions, against the nearest ratio of a document, at which
            their component is 1 and 0.
        camera_ratios: the ratios of cameras count as well as those of documents.
        modified: the history component where the file was modified more than
            ``modified_seconds`` after it was taken, or (two time zones apart) before.
        resized, cropped: where EXIF gives another size in the same or another ratio.
        impossible: where it was taken more than ``future_days`` from now, or more than
            ``camera_days`` before the camera or its system was sold (both are tried out, and
            betas are given away, months before).
        cropped_ratio: relative difference of ratios from which a picture counts as cropped.
        thumbnail: local difference at which the thumbnail component is 1 and 0. Of 28 camera
            files whose thumbnail shows the picture (ianare/exif-samples) the median is 0.14, the
            largest 0.39; a portrait replaced on a tenth of a test picture makes 0.78.
        thumbnail_cropped: the thumbnail component where the thumbnail has another ratio; some
            honest cameras cut theirs.
        software_weight, metadata_weight, dimensions_weight, history_weight, thumbnail_weight: of
            the components.
        worst: 0 for the mean as in the reference, 1 for the worst component alone.
    """

    editor: float = 0.0
    generator: float = 0.0
    injector: float = 0.0
    screenshot: float = 1.0
    metadata_editor: float = 1.0
    scanner: float = 1.0
    stripped: float = 0.0
    ratio: tuple[float, float] = (0.02, 0.05)
    camera_ratios: bool = False
    modified: float = 0.5
    modified_seconds: float = 60.0
    resized: float = 0.7
    cropped: float = 0.4
    cropped_ratio: float = 0.02
    impossible: float = 0.0
    future_days: float = 1.0
    camera_days: float = 120.0
    thumbnail: tuple[float, float] = (0.4, 0.7)
    thumbnail_cropped: float = 0.5
    software_weight: float = 0.5
    metadata_weight: float = 0.3
    dimensions_weight: float = 0.2
    history_weight: float = 0.0
    thumbnail_weight: float = 0.0
    worst: float = 0.0


class Exif(Check[ExifMapping]):
    """EXIF, XMP, IPTC, comments and C2PA of the file as it came.

    Abstains where a channel that strips metadata delivers none
    (``no_metadata_in_this_channel``). Reasons are ``no_metadata``, ``malformed_metadata``, and
    each program found, such as ``editor:photoshop`` (``editors.toml`` lists them); the score adds
    ``unusual_dimensions``, ``modified_after_capture``, ``modified_before_capture``,
    ``cropped_after_capture``, ``resized_after_capture``, ``taken_in_the_future``,
    ``taken_before_the_camera`` and ``thumbnail_differs``. Nothing is quoted from the file, and a
    position is neither read nor recorded.

    Measures:
        metadata: 1 where there are any.
        metadata_expected: 1 where the channel carries them.
        malformed_blocks: blocks of metadata that were damaged, or too many.
        camera, capture_time, maker_note, gps, c2pa: 1 where the file names a camera, gives the
            time it was taken, has the camera's own block, a position, a C2PA manifest (whose
            signature is not checked).
        exposure_tags: how many of exposure time, f-number, sensitivity and focal length, 0..4.
        editor_tags, generator_tags, … : programs found, for each category of ``editors.toml``.
        edit_events: entries of the XMP edit history.
        aspect_ratio: long to short side.
        document_ratio_error, camera_ratio_error: relative distance to the nearest of
            :data:`DOCUMENT_RATIOS` and :data:`CAMERA_RATIOS`.
        exif_scale, exif_ratio_error: long side of the picture over that which EXIF gives, and the
            relative difference of the ratios; only where EXIF gives a size.
        seconds_to_modification: from taken to modified; only where both are known.
        days_in_future: from now to taken, 0 where it is past; only where the time is known.
        days_before_camera: from taken to the first sale of the camera or its system, 0 where it
            is later; only where both are known.
        thumbnail_ratio_error, thumbnail_difference, thumbnail_local_difference: see
            :class:`~docfraud.thumbnail.Comparison`; only where there is a thumbnail.
    """

    name: ClassVar[str] = "exif"
    mapping: ClassVar[type] = ExifMapping
    panels: ClassVar[tuple[tuple[str, str], ...]] = (
        ("thumbnail", "The small preview inside the file, made when it was taken"),
        ("page", "The picture itself at the same size"),
        ("difference", "Where the two differ: the brighter, the more was changed afterwards"),
    )

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now

    def measure(self, page: Page) -> Measurement:
        """Measure what the metadata say."""
        metadata = read_metadata(page.original, page.format)
        programs = find_programs(metadata, known_programs())
        expected = page.channel in CARRIES_METADATA
        measures = {
            "metadata_expected": float(expected),
            **_presence(metadata),
            **_counts(programs),
            **_dimensions(page.pixels, metadata),
            **self._history(metadata),
            **_thumbnail(page.pixels, metadata),
        }
        reasons = [program.reason for program in programs]
        if metadata.malformed:
            reasons.append("malformed_metadata")
        if metadata.empty and not expected:
            return Measurement(measures, Status.ABSTAINED, ("no_metadata_in_this_channel",))
        if metadata.empty:
            reasons.append("no_metadata")
        return Measurement(measures, reasons=tuple(reasons))

    def picture(self, page: Page) -> NDArray[np.uint8] | None:
        """Draw the thumbnail, the picture at its size, and their absolute difference, abreast."""
        encoded = read_metadata(page.original, page.format).thumbnail
        thumbnail = decode_thumbnail(encoded) if encoded else None
        if thumbnail is None:
            return None
        thumbnail = np.rot90(thumbnail, compare(thumbnail, page.pixels).quarters)
        height, width = thumbnail.shape[:2]
        small = reduced(page.pixels, width, height)
        apart = np.abs(thumbnail.astype(np.int16) - small).astype(np.uint8)
        return np.hstack([thumbnail, small, apart])

    @staticmethod
    def score(measures: Measures, mapping: ExifMapping) -> Score:
        """Map what the metadata say to a score."""
        reasons: list[str] = []
        components = {"software": (_software(measures, mapping), mapping.software_weight)}
        if measures["metadata_expected"]:
            components["metadata"] = (_completeness(measures, mapping), mapping.metadata_weight)
        error = measures["document_ratio_error"]
        if mapping.camera_ratios:
            error = min(error, measures["camera_ratio_error"])
        standard, odd = mapping.ratio
        components["dimensions"] = (ramp(error, odd, standard), mapping.dimensions_weight)
        if error >= odd:
            reasons.append("unusual_dimensions")

        contradictions = _contradictions(measures, mapping)
        history = min(contradictions.values(), default=1.0)
        components["history"] = (history, mapping.history_weight)
        reasons += contradictions
        if "thumbnail_ratio_error" in measures:
            value = _same_thumbnail(measures, mapping)
            components["thumbnail"] = (value, mapping.thumbnail_weight)
            if value <= mapping.thumbnail_cropped:
                reasons.append("thumbnail_differs")

        mean = Score.weighted(components, tuple(reasons))
        worst = min(mean.components[name] for name, (_, weight) in components.items() if weight)
        value = (1 - mapping.worst) * mean.value + mapping.worst * worst
        return Score(value, mean.components, mean.reasons)

    def _history(self, metadata: Metadata) -> dict[str, float]:
        taken = metadata.taken or metadata.digitised
        if taken is None:
            return {}
        latest = self._now().astimezone(UTC).replace(tzinfo=None) + UTC_RANGE
        measures = {"days_in_future": max((taken - latest) / DAY, 0.0)}
        if metadata.modified is not None:
            measures["seconds_to_modification"] = (metadata.modified - taken).total_seconds()
        if (sold := first_possible_day(metadata)) is not None:
            before = (datetime.combine(sold, time()) - taken) / DAY
            measures["days_before_camera"] = max(before, 0.0)
        return measures


def _presence(metadata: Metadata) -> dict[str, float]:
    return {
        "metadata": float(not metadata.empty),
        "malformed_blocks": float(metadata.malformed),
        "camera": float(bool(metadata.make or metadata.model)),
        "capture_time": float(metadata.taken is not None),
        "exposure_tags": float(metadata.exposure_tags),
        "maker_note": float(metadata.maker_note),
        "gps": float(metadata.gps),
        "c2pa": float(metadata.c2pa),
        "edit_events": float(metadata.events),
    }


def _counts(programs: tuple[Program, ...]) -> dict[str, float]:
    return {
        f"{category}_tags": float(sum(program.category == category for program in programs))
        for category in CATEGORIES
    }


def _dimensions(pixels: NDArray[np.uint8], metadata: Metadata) -> dict[str, float]:
    height, width = pixels.shape[:2]
    ratio = max(height, width) / min(height, width)
    measures = {
        "aspect_ratio": ratio,
        "document_ratio_error": min(ratio_error(ratio, other) for other in DOCUMENT_RATIOS),
        "camera_ratio_error": min(ratio_error(ratio, other) for other in CAMERA_RATIOS),
    }
    if metadata.size is not None:  # in either order, as turning a picture swaps them
        long, short = max(metadata.size), min(metadata.size)
        measures["exif_scale"] = max(height, width) / long
        measures["exif_ratio_error"] = ratio_error(ratio, long / short)
    return measures


def _thumbnail(pixels: NDArray[np.uint8], metadata: Metadata) -> dict[str, float]:
    thumbnail = decode_thumbnail(metadata.thumbnail) if metadata.thumbnail else None
    if thumbnail is None:
        return {}
    found = compare(thumbnail, pixels)
    measures = {"thumbnail_ratio_error": found.ratio_error}
    if found.difference is not None and found.local_difference is not None:
        measures["thumbnail_difference"] = found.difference
        measures["thumbnail_local_difference"] = found.local_difference
    return measures


def _software(measures: Measures, mapping: ExifMapping) -> float:
    values = {
        "editor_tags": mapping.editor,
        "generator_tags": mapping.generator,
        "injector_tags": mapping.injector,
        "screenshot_tags": mapping.screenshot,
        "metadata_editor_tags": mapping.metadata_editor,
        "scanner_tags": mapping.scanner,
    }
    return min((value for name, value in values.items() if measures[name]), default=1.0)


def _completeness(measures: Measures, mapping: ExifMapping) -> float:
    if not measures["metadata"]:
        return mapping.stripped
    said = (measures["camera"], measures["capture_time"], min(measures["exposure_tags"], 1.0))
    return mapping.stripped + (1 - mapping.stripped) * sum(said) / len(said)


def _contradictions(measures: Measures, mapping: ExifMapping) -> dict[str, float]:
    """Name each contradiction, with the history component that follows from it."""
    found = {}
    later = measures.get("seconds_to_modification", 0.0)
    if later > mapping.modified_seconds:
        found["modified_after_capture"] = mapping.modified
    elif later < -TIME_ZONES.total_seconds():
        found["modified_before_capture"] = mapping.modified
    if measures.get("exif_ratio_error", 0.0) > mapping.cropped_ratio:
        found["cropped_after_capture"] = mapping.cropped
    elif abs(math.log(measures.get("exif_scale", 1.0))) > mapping.cropped_ratio:
        found["resized_after_capture"] = mapping.resized
    if measures.get("days_in_future", 0.0) > mapping.future_days:
        found["taken_in_the_future"] = mapping.impossible
    if measures.get("days_before_camera", 0.0) > mapping.camera_days:
        found["taken_before_the_camera"] = mapping.impossible
    return found


def _same_thumbnail(measures: Measures, mapping: ExifMapping) -> float:
    local = measures.get("thumbnail_local_difference")
    if local is not None:
        same, different = mapping.thumbnail
        return ramp(local, different, same)
    return mapping.thumbnail_cropped if measures["thumbnail_ratio_error"] > SAME_RATIO else 1.0
