"""The modules without a page around them, in the browser that runs them."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from detectors.face import FaceProblem
from detectors.registry import DETECTORS
from docfraud.registry import CHECKS, READERS


@pytest.fixture
def call(visit: Any) -> Any:
    """Call ``name`` of a module with JSON."""
    page: Page = visit().page

    def go(module: str, name: str, *arguments: Any) -> Any:
        return page.evaluate(
            """async ([module, name, given]) => {
              const found = (await import(new URL(module, document.baseURI)))[name];
              return found(...given);
            }""",
            [f"console/{module}.js", name, list(arguments)],
        )

    return go


def still(call: Any, grey: float, contrast: float) -> dict[str, float]:
    """What is measured of a checkerboard of two greys."""
    side = 60
    pixels = []
    for y in range(side):
        for x in range(side):
            value = grey + contrast * (1 if (x // 2 + y // 2) % 2 else -1)
            pixels += [value, value, value, 255]
    measured: dict[str, float] = call(
        "guidance", "glance", {"data": pixels, "width": side, "height": side}
    )
    return measured


def test_light_and_sharpness_of_a_still(call: Any) -> None:
    flat, sharp = still(call, 120, 0), still(call, 120, 40)
    assert flat == {"brightness": pytest.approx(120), "sharpness": pytest.approx(0, abs=1e-6)}
    assert sharp["brightness"] == pytest.approx(120, abs=1)
    assert sharp["sharpness"] > 1000
    assert call("guidance", "faults", flat) == ["blur"]
    assert call("guidance", "faults", sharp) == []
    assert call("guidance", "faults", still(call, 30, 20)) == ["low_brightness"]
    assert call("guidance", "faults", still(call, 235, 10)) == ["high_brightness"]


FRAME = {"width": 640, "height": 480}


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ([220, 110, 200, 250], []),
        ([270, 180, 100, 120], ["face_too_small"]),
        ([140, 20, 360, 440], ["face_too_close"]),
        # The picture is not mirrored: on its left is the person's right.
        ([20, 110, 200, 250], ["to_left"]),
        ([420, 110, 200, 250], ["to_right"]),
        ([220, 0, 200, 250], ["down"]),
        ([220, 229, 200, 250], ["up"]),
        (None, []),
    ],
)
def test_where_the_face_should_go(call: Any, box: list[int] | None, words: list[str]) -> None:
    assert call("guidance", "placement", box, FRAME) == words


def test_one_hint_at_a_time_and_the_gravest_first(call: Any) -> None:
    fine = {"brightness": 120, "sharpness": 500}
    told = {
        "words": ["uneven_light", "head_turned", "low_resolution"],
        "face_bbox": [270, 180, 100, 120],
    }
    guide = call("guidance", "guide", fine, {**told, "still": FRAME})
    assert guide == {
        "hint": "Move closer",
        "ready": False,
        "face": "warn",
        "light": "warn",
        "sharpness": "good",
    }
    alone = call("guidance", "guide", {"brightness": 20, "sharpness": 500}, None)
    assert alone["hint"] == "More light on your face"
    assert alone["face"] == "unknown"


def test_ticks_are_round_numbers_inside_the_range(call: Any) -> None:
    assert call("charts", "ticks", 0, 3, 5) == [0, 1, 2, 3]
    assert call("charts", "ticks", 40, 180, 5) == [50, 100, 150]
    assert call("charts", "ticks", -1.7, 1.7, 4) == [-1, 0, 1]
    assert call("charts", "ticks", 5, 5) == [5]
    assert [call("charts", "brief", v) for v in (0, 0.5, 1234, 12345678, 0.00012)] == [
        "0",
        "0.5",
        "1230",
        "1.2e7",
        "1.2e-4",
    ]


def test_a_chart_of_nothing_is_still_a_chart(visit: Any) -> None:
    said = visit().page.evaluate(
        """async () => {
          const {plot} = await import(new URL("console/charts.js", document.baseURI));
          const labels = {title: "The pulse.", x_label: "s", y_label: "c"};
          return [[[], []], [[1], [2]], [[0, 1], [null, null]], [[0, 1], [5, 5]]].map(([x, y]) => {
            const chart = plot({...labels, x, y});
            return [chart.getAttribute("aria-label"), chart.outerHTML.includes("NaN")];
          });
        }"""
    )
    assert [broken for _, broken in said] == [False] * 4
    assert said[0][0] == said[2][0] == "The pulse. There is nothing to draw."


def test_every_signal_check_and_problem_of_a_face_has_words(call: Any) -> None:
    signals = [detector.name for detector in DETECTORS]
    for name in signals:
        assert call("words", "signalAbout", name), name
    for name in (sensor.name for sensor in (*CHECKS, *READERS)):
        assert call("words", "checkAbout", name), name
    for problem in FaceProblem:
        assert call("words", "explain", problem) != problem


def test_an_unknown_word_is_shown_as_it_is(call: Any) -> None:
    assert call("words", "explain", "a_word_of_tomorrow") == "a_word_of_tomorrow"
    assert call("words", "signalName", "gait_analysis") == "Gait analysis"
    assert "Head turn" in call("words", "explain", "veto:parallax")
