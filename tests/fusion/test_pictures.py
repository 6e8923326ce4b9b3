"""Pictures are made small and put beside a verdict, which stays as it is."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import numpy as np
import PIL.Image
import pytest
from pydantic import TypeAdapter
from verdicts import verdict_with

from detectors.pictures import MAX_POINTS, MAX_SIDE, Image, Plot
from fusion.pictures import Illustrated, ShownImage, ShownPlot, illustrate, show
from fusion.plots import draw, files


def plot(points: int = 5, marks: Mapping[str, float] | None = None) -> Plot:
    x = np.linspace(0, 1, points)
    return Plot("pulse", "A pulse", "time in s", "colour in %", x, np.sin(7 * x), marks or {})


PORTRAIT = Image("eye", "An eye", np.full((600, 300, 3), (200, 10, 90), np.uint8))


def test_what_is_shown_is_small() -> None:
    curve, image = show("rppg", [plot(9000, {"peak": 1 / 3}), PORTRAIT])
    assert isinstance(curve, ShownPlot)
    assert (curve.signal, curve.name, curve.kind) == ("rppg", "pulse", "plot")
    assert len(curve.x) == len(curve.y) == MAX_POINTS
    assert curve.marks == {"peak": 0.33333}
    assert curve.y == pytest.approx(np.sin(7 * np.array(curve.x)), abs=1e-3)
    assert isinstance(image, ShownImage)
    decoded = PIL.Image.open(io.BytesIO(image.png))
    assert decoded.size == (MAX_SIDE // 2, MAX_SIDE)
    assert decoded.convert("RGB").getpixel((50, 50)) == (200, 10, 90)


def test_the_verdict_stays_as_it_is_to_the_byte() -> None:
    body = verdict_with().to_json()
    for pictures in ((), show("rppg", [plot(), PORTRAIT])):
        answer = illustrate(body, pictures)
        assert answer.startswith(b'{"verdict":' + body + b",")
        parsed = json.loads(answer)
        assert parsed["verdict"] == json.loads(body)
        assert [picture["kind"] for picture in parsed["pictures"]] == ["plot", "image"][
            : len(pictures)
        ]
        again = TypeAdapter(Illustrated).validate_json(answer)
        assert again.pictures == pictures
        assert again.verdict.to_json() == body


def test_every_picture_is_a_file_for_people() -> None:
    written = files(show("rppg", [plot(marks={"peak": 0.5}), PORTRAIT]))
    assert list(written) == ["rppg_pulse", "rppg_eye"]
    assert PIL.Image.open(io.BytesIO(written["rppg_pulse"])).size == (640, 320)


def test_a_drawn_plot_shows_its_marks() -> None:
    (bare,), (marked,) = show("rppg", [plot(400)]), show("rppg", [plot(400, {"peak": 0.5})])
    assert isinstance(bare, ShownPlot)
    assert isinstance(marked, ShownPlot)
    pixels = [
        np.asarray(PIL.Image.open(io.BytesIO(draw(p))).convert("RGB")) for p in (bare, marked)
    ]
    red = [(p[..., 0].astype(int) - p[..., 2] > 80).sum() for p in pixels]
    assert red[0] == 0
    assert red[1] > 50
