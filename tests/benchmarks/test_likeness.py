from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bundles import bundle_with

from benchmarks.blendshapes import Both
from benchmarks.likeness import (
    Asked,
    Watched,
    clip_table,
    correlations,
    likeness,
    mean,
    picture_table,
    window_table,
)
from detectors.contracts import BLENDSHAPES, Clip
from detectors.expression import BLENDSHAPE_NAMES
from detectors.landmarks import MeshLandmarker

BLINKS = [BLENDSHAPE_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]
JAW = BLENDSHAPE_NAMES.index("jawOpen")


def answers(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).beta(0.5, 2.0, (count, BLENDSHAPES)).astype(np.float32)


def cells(table: str, row: int = 0) -> list[str]:
    return [cell.strip() for cell in table.splitlines()[2 + row].strip("|").split("|")]


def asked(count: int, wrong: float = 0.0) -> list[Asked]:
    right = answers(count)
    said = np.clip(right + wrong, 0, 1)
    return [
        Asked("set", str(at), bundle_with(blendshapes=said[at]), said[at], right[at], None)
        for at in range(count)
    ]


def test_correlations_are_pearsons_and_heed_weights() -> None:
    said, right = answers(40).astype(float), answers(40, 1).astype(float)
    weights = np.repeat([1.0, 0.0], 20)
    found = correlations(said, right, weights)
    assert found[JAW] == pytest.approx(np.corrcoef(said[:20, JAW], right[:20, JAW])[0, 1])
    right[:, JAW] = 0.5
    assert np.isnan(correlations(said, right, np.ones(40))[JAW])


def test_likeness_of_the_same_answers_is_whole() -> None:
    right = answers(30).astype(float)
    found = likeness(right, right, np.ones(30), np.ones(30))
    assert found["error"] == 0
    assert found["same"] == 1
    assert [found[key] for key in ("correlation", "blink", "jaw", "smile")] == pytest.approx(
        [1] * 4
    )
    off = likeness(right + 0.1, right, np.zeros(30), np.ones(30))
    assert off["error"] == pytest.approx(0.1)
    assert off["same"] == 0


def test_a_mean_of_nothing_is_unknown() -> None:
    assert np.isnan(mean(np.array([1.0]), np.zeros(1))["mean"])
    assert mean(np.array([1.0, 4.0]), np.array([2.0, 1.0]))["mean"] == pytest.approx(2.0)


def test_the_table_of_pictures_has_an_interval_for_each_figure() -> None:
    row = cells(picture_table(asked(25), 0))
    assert row[:3] == ["set", "25", "0.0000 [0.0000, 0.0000]"]
    assert row[4] == "1.00 [1.00, 1.00]"
    assert row[-2:] == ["—", "1.00 [1.00, 1.00]"]  # the Tasks model found no face
    dead = cells(picture_table(asked(25, wrong=-1.0), 0))
    assert dead[-1] == "0.00 [0.00, 0.00]"


def clip(rows: np.ndarray) -> Clip:
    count = len(rows)
    return Clip(
        times=np.arange(count) / 10,
        roi_rgb=np.zeros((count, 4, 3), np.float32),
        boxes=np.tile(np.float32([100, 100, 300, 350]), (count, 1)),
        landmarks=np.zeros((count, 478, 3), np.float32),
        blendshapes=rows,
        tracks=(),
        frame_size=(640, 480),
    )


def blinking(depth: float) -> np.ndarray:
    """Four seconds with a blink in every one of them."""
    rows = np.full((40, BLENDSHAPES), 0.1, np.float32)
    rows[5::10, BLINKS[0]] += depth
    rows[5::10, BLINKS[1]] += depth
    return rows


def watched(depth: float) -> Watched:
    bundle = bundle_with(blendshapes=answers(1)[0], clip=clip(blinking(depth)))
    return Watched("live", "a", bundle, clip(blinking(0.6)), answers(1)[0])


def test_over_a_clip_what_does_not_move_says_nothing() -> None:
    row = cells(clip_table([watched(0.3)], 0))
    assert row[:2] == ["live", "1"]
    assert row[2] == row[5] == "1.00, n = 1"
    assert row[3] == row[4] == "—"


def test_windows_are_judged_with_either_answer() -> None:
    same = cells(window_table([watched(0.6)]))
    assert same[:3] == ["live", "3 s", "1"]
    assert same[5:] == ["0.000", "100%", "100%", "100%"]
    blind = cells(window_table([watched(0.05)]))
    assert blind[6:] == ["100%", "0%", "0%"]


def test_both_networks_are_asked_about_the_same_landmarks(astronaut: np.ndarray) -> None:
    class Teacher:
        def coefficients(self, landmarks: np.ndarray) -> np.ndarray:
            return landmarks[:BLENDSHAPES, 0]

    both = Both(Teacher())  # type: ignore[arg-type]
    [face] = both.find(astronaut)
    said = both.blendshapes(face.landmarks)
    np.testing.assert_array_equal(said, MeshLandmarker().blendshapes(face.landmarks))
    np.testing.assert_array_equal(both.kept, [face.landmarks[:BLENDSHAPES, 0]])


def test_a_watched_clip_without_blendshapes_is_refused() -> None:
    one = watched(0.3)
    bare = replace(one.bundle.clip, blendshapes=None)  # type: ignore[type-var]
    with pytest.raises(ValueError, match="without blendshapes"):
        clip_table([replace(one, bundle=replace(one.bundle, clip=bare))], 0)
