"""Pictures as they leave: beside a verdict, never inside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from detectors.pictures import Picture, Plot, small_png
from fusion.answers import Base64
from fusion.verdict import Verdict

DIGITS = 5
"""Significant digits of a point of a plot."""


@dataclass(frozen=True, slots=True)
class ShownPlot:
    """One curve that a signal took its measures from.

    Attributes:
        signal: whose it is: ``rppg``, ``document_moire`` and so on.
        name: unique among the pictures of the signal.
        title: what a reviewer sees here.
        x_label, y_label: the axes, with the unit.
        x, y: the points; as many of both.
        marks: positions on x that are worth a line, by their labels.
    """

    signal: str
    name: str
    title: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    marks: Mapping[str, float]
    kind: Literal["plot"] = "plot"


@dataclass(frozen=True, slots=True)
class ShownImage:
    """One image that a signal took its measures from; it may show the face.

    Attributes:
        signal: whose it is: ``eye_specular``, ``document_moire`` and so on.
        name: unique among the pictures of the signal.
        title: what a reviewer sees here.
        png: at most 400 pixels a side.
    """

    signal: str
    name: str
    title: str
    png: Base64
    kind: Literal["image"] = "image"


Shown = Annotated[ShownPlot | ShownImage, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class Illustrated:
    """A verdict, and what was measured as pictures.

    Attributes:
        verdict: as it is on record; the pictures are not.
        pictures: in the order of the signals, then of the document's checks; those that were
            drawn in time.
    """

    verdict: Verdict
    pictures: tuple[Shown, ...]


def show(signal: str, pictures: Iterable[Picture]) -> tuple[Shown, ...]:
    """Make the pictures of ``signal`` small, and ready to be sent."""
    return tuple(_shown(signal, picture) for picture in pictures)


def illustrate(body: bytes, pictures: Iterable[Shown]) -> bytes:
    """Put pictures beside the JSON of a verdict, which stays as it is to the byte."""
    return b'{"verdict":' + body + b',"pictures":' + _JSON.dump_json(list(pictures)) + b"}"


def _shown(signal: str, picture: Picture) -> Shown:
    if isinstance(picture, Plot):
        x, y = picture.thinned()
        return ShownPlot(
            signal,
            picture.name,
            picture.title,
            picture.x_label,
            picture.y_label,
            _rounded(x),
            _rounded(y),
            dict(zip(picture.marks, _rounded(np.array([*picture.marks.values()])), strict=True)),
        )
    return ShownImage(signal, picture.name, picture.title, small_png(picture.pixels))


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)


_JSON = TypeAdapter(list[Shown])
