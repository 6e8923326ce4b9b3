from __future__ import annotations

import numpy as np
import pytest
from media_corpus import clip, encode

from media.errors import MediaError
from media.limits import ClipLimits, ImageLimits
from media.stills import HELD, evenly, read_any


@pytest.mark.parametrize("count", [1, 3, 10])
@pytest.mark.parametrize("total", [0, 1, 5, 9, 10, 11, 40, 41, 90, 243, 900])
def test_items_are_chosen_at_even_distances(total: int, count: int) -> None:
    chosen = evenly(range(total), count)
    assert len(chosen) == min(total, count)
    assert sorted(set(chosen)) == chosen
    if total > count > 1:
        wanted = np.linspace(0, total - 1, count)
        distance = (total - 1) / (count - 1)
        # Rounding, half a stride for the choice, and up to one for the end that was let go.
        assert np.abs(np.array(chosen) - wanted).max() <= 0.5 + distance / 2


def test_few_items_are_held_at_once() -> None:
    alive: list[int] = []

    class Item:
        def __init__(self) -> None:
            alive.append(1)

        def __del__(self) -> None:
            alive.pop()

    most = 0
    for count in (3, 10):

        def items() -> object:
            nonlocal most
            for _ in range(500):
                most = max(most, len(alive))
                yield Item()

        assert len(evenly(items(), count)) == count  # type: ignore[arg-type]
    assert most <= HELD * 10 + 2


def test_a_photograph_is_one_frame() -> None:
    found = read_any(encode(), 10)
    assert not found.moving
    assert [frame.shape for frame in found.frames] == [(240, 320, 3)]


def test_a_clip_is_as_many_frames_as_are_wanted_in_their_order() -> None:
    found = read_any(clip(frames=60), 10)
    assert found.moving
    assert [frame.shape for frame in found.frames] == [(64, 96, 3)] * 10
    tops = [float(frame[0].mean()) for frame in found.frames]
    assert tops == sorted(tops, reverse=True)
    assert len(read_any(clip(frames=4), 10).frames) == 4


def test_what_is_neither_or_over_a_limit_is_refused() -> None:
    with pytest.raises(MediaError, match="image-format-unsupported"):
        read_any(b"neither", 10)
    with pytest.raises(MediaError, match="clip-too-many-frames"):
        read_any(clip(frames=30), 10, clip_limits=ClipLimits(max_frames=20))
    with pytest.raises(MediaError, match="image-too-large"):
        read_any(encode(), 10, ImageLimits(max_bytes=10))
