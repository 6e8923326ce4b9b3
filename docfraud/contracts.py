"""What flows between the nodes of the document branch, as plain frozen dataclasses.

The rules are those of :mod:`detectors.contracts`: 1.0 means *genuine*, measures stand apart from
their mapping to a score, and a check that cannot look says so instead of guessing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic

import numpy as np
from numpy.typing import NDArray

from detectors.contracts import M, Measurement, Scored, Sensor
from detectors.pictures import Image as Panel
from detectors.pictures import Picture
from media.capture import Channel
from media.headers import ImageFormat
from media.images import Image


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One decoded photograph of a document, ready for every check.

    Attributes:
        pixels: uint8 RGB (H, W, 3), upright as its metadata says, at full size, read-only.
        format: the container of ``original``.
        original: the bytes as they came.
        channel: how the photograph reached the client.
    """

    pixels: NDArray[np.uint8]
    format: ImageFormat
    original: bytes
    channel: Channel = "upload"

    @classmethod
    def of(cls, image: Image, channel: Channel = "upload") -> Page:
        """Make a page of a decoded image."""
        return cls(image.pixels, image.format, image.original, channel)


def node_of(name: str) -> str:
    """Name the node that serves a check or reader: a signal of the face may be called the same."""
    return f"document_{name}"


Fields = Mapping[str, str]
"""What one side of a document says, by the names of :data:`FIELDS`. Personal data: it is neither
logged nor stored."""

FIELDS = (
    "surname",
    "given_names",
    "document_number",
    "birth_date",
    "expiry_date",
    "issue_date",
    "sex",
    "nationality",
    "issuer",
    "personal_number",
)
"""Fields that can be compared. Dates are ISO 8601 (``1974-08-12``), sex is ``M``, ``F`` or ``X``,
nationality and issuer are ICAO 9303 codes (``UTO``, ``D``), names and numbers are upper case."""


@dataclass(frozen=True, slots=True)
class Reading(Measurement):
    """What a reader found.

    Attributes:
        sides: what each machine- or human-readable part says: ``barcode``, ``mrz``, ``text``.
    """

    sides: Mapping[str, Fields] = field(default_factory=dict)


class Check(Sensor[Page], Scored[M], Generic[M]):
    """One independent look at a document, with a score.

    To add one: write a subclass in a file of its own, list it in ``docfraud/registry.py`` and give
    it a weight in the policy.

    Attributes:
        panels: names and titles of the parts of equal width that :meth:`picture` has abreast.
    """

    panels: ClassVar[tuple[tuple[str, str], ...]] = (("heatmap", "What the check saw"),)

    def picture(self, page: Page) -> NDArray[np.uint8] | None:
        """Draw where the check looked and what it saw, or None where there is nothing to see.

        Returns:
            uint8 RGB (h, w, 3), of any size.
        """
        return None

    def pictures(self, page: Page) -> Sequence[Picture]:
        """Take the picture apart into its panels."""
        drawn = self.picture(page)
        if drawn is None:
            return ()
        parts = np.hsplit(drawn, len(self.panels))
        return [Panel(*panel, part) for panel, part in zip(self.panels, parts, strict=True)]


class Reader(Sensor[Page]):
    """Reads what a document says; informational, it has no score.

    ``measure`` returns a :class:`Reading`.
    """
