"""Pages whose earlier steps are known, and oracles that other libraries give."""

from __future__ import annotations

import io

import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from detectors.pixels import Pixels, grey
from docfraud.quantisation import (
    FREQUENCIES,
    WINDOWS,
    _requantised,
    coefficients,
    foreign_evidence,
    foreign_map,
    history,
    libjpeg_table,
)


def saved(pixels: Pixels, quality: int) -> Pixels:
    return _decoded(pixels, quality=quality)


def _decoded(pixels: Pixels, **options: object) -> Pixels:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "JPEG", **options)
    return np.array(PIL.Image.open(file))


@pytest.mark.parametrize("quality", [50, 63, 75, 90, 98, 100])
def test_steps_are_those_that_libjpeg_writes(quality: int) -> None:
    file = io.BytesIO()
    PIL.Image.new("L", (16, 16)).save(file, "JPEG", quality=quality)
    with PIL.Image.open(file) as written:
        tables: dict[int, list[int]] = written.quantization  # type: ignore[attr-defined]
    assert libjpeg_table(quality).ravel().tolist() == list(tables[0])


def test_coefficients_are_those_of_opencv(astronaut: Pixels) -> None:
    luma = grey(astronaut)[:43, :61]
    found = coefficients(luma, FREQUENCIES).reshape(5, 7, 63)
    for row, column in ((0, 0), (4, 6), (2, 3)):
        block = luma[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].astype(np.float32)
        expected = cv2.dct(block).ravel()[1:]
        assert found[row, column] == pytest.approx(expected, abs=1e-3)


def test_what_a_coefficient_becomes() -> None:
    """A multiple of 8 quantised by 5: 8 becomes 10, 16 becomes 15, 24 becomes 25, 0 stays 0."""
    chances = _requantised(8, 5)
    assert chances[0].sum() == pytest.approx(0, abs=1e-3)
    assert chances[1, :3] == pytest.approx([0.2, 0.8, 0.0], abs=0.01)  # 7.5 is half a level away
    assert chances[2, 2] > 0.98
    assert chances[3, 4] > 0.98
    assert chances.max() <= 1
    assert chances[1:20].sum(axis=1) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("before", "after"), [(60, 90), (75, 90), (80, 92), (90, 95), (70, 85)])
def test_the_earlier_quality_is_found(astronaut: Pixels, before: int, after: int) -> None:
    luma = grey(saved(saved(astronaut, before), after))
    found = history(luma, libjpeg_table(after))
    assert len(found.traces) > 10
    expected = libjpeg_table(before)
    assert {trace.frequency: trace.step for trace in found.traces} == {
        trace.frequency: expected[trace.frequency] for trace in found.traces
    }
    assert found.evidence > 0.5


def test_steps_of_another_encoder_are_found(astronaut: Pixels) -> None:
    """The same step of 9 at all frequencies, which no quality of libjpeg has."""
    earlier = _decoded(astronaut, qtables=[[9] * 64, [9] * 64])
    found = history(grey(saved(earlier, 92)), libjpeg_table(92))
    assert len(found.traces) > 8
    assert {trace.step for trace in found.traces} == {9}


def test_a_page_that_was_moved_off_its_grid_shows_no_traces(astronaut: Pixels) -> None:
    moved = saved(astronaut, 75)[3:-5, 5:-3]
    assert history(grey(saved(moved, 90)), libjpeg_table(90)).traces == ()


@pytest.mark.parametrize("scale", [0.5, 0.8])
def test_a_page_that_was_resized_shows_no_traces(astronaut: Pixels, scale: float) -> None:
    small = cv2.resize(saved(astronaut, 75), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    luma = grey(saved(np.asarray(small, np.uint8), 90))
    assert history(luma, libjpeg_table(90)).traces == ()


def test_an_even_page_has_no_coefficients() -> None:
    found = history(np.full((128, 128), 200, np.uint8), libjpeg_table(75))
    assert found.coefficients == 0
    assert found.traces == ()
    assert found.evidence == 0


def test_blocks_that_were_pasted_are_foreign(astronaut: Pixels) -> None:
    """Every block by itself, which the windows then need not be."""
    canvas = saved(astronaut, 70).copy()
    canvas[200:296, 304:424] = astronaut[203:299, 301:421]
    stored = saved(canvas, 92)
    table = libjpeg_table(92)
    evidence = foreign_map(stored, table, history(grey(stored), table).traces)
    pasted = np.zeros(evidence.shape, bool)
    pasted[25:37, 38:53] = True
    speaking = evidence != 0
    assert (evidence[pasted & speaking] > 0).mean() > 0.8
    assert (evidence[~pasted & speaking] < 0).mean() > 0.9


def test_a_block_with_a_full_colour_says_nothing(astronaut: Pixels) -> None:
    stored = saved(saved(astronaut, 70), 92)
    table = libjpeg_table(92)
    traces = history(grey(stored), table).traces
    row, column = np.argwhere(foreign_map(stored, table, traces))[0]
    marked = stored.copy()
    marked[8 * row + 3, 8 * column + 5, 0] = 255
    assert foreign_map(marked, table, traces)[row, column] == 0


def test_without_traces_nothing_is_foreign(astronaut: Pixels) -> None:
    evidence = foreign_map(astronaut, libjpeg_table(90), ())
    assert evidence.shape == (64, 64)
    assert not evidence.any()
    assert foreign_evidence(evidence) == 0


@pytest.mark.parametrize("side", WINDOWS)
def test_evidence_of_a_window(side: int) -> None:
    evidence = np.full((60, 80), -1.0, np.float32)
    evidence[20 : 20 + side, 30 : 30 + side] = 2.0
    assert foreign_evidence(evidence) == pytest.approx(2 * side**2 - np.log(4800), rel=1e-5)


def test_evidence_at_the_edge_counts_once() -> None:
    evidence: NDArray[np.float32] = np.full((60, 80), -1.0, np.float32)
    evidence[:3, :3] = 2.0
    assert foreign_evidence(evidence) == pytest.approx(18 - np.log(4800), rel=1e-5)


def test_a_part_is_foreign_only_as_far_as_the_rest_is_not() -> None:
    evidence: NDArray[np.float32] = np.zeros((60, 80), np.float32)
    evidence[20:29, 30:39] = 2.0
    assert foreign_evidence(evidence) == 0
    evidence[50, :] = -1.0
    assert foreign_evidence(evidence) == pytest.approx(80 - np.log(4800), rel=1e-5)


def test_a_page_that_looks_foreign_everywhere_is_not() -> None:
    assert foreign_evidence(np.ones((60, 80), np.float32)) == 0


def test_wide_windows_are_left_out_on_small_pages() -> None:
    """Nine blocks are more than half of seventeen."""
    evidence: NDArray[np.float32] = np.full((17, 17), -1.0, np.float32)
    evidence[4:13, 4:13] = 2.0
    assert foreign_evidence(evidence) == pytest.approx(50 - np.log(289), rel=1e-5)
