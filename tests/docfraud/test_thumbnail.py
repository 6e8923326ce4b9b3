from __future__ import annotations

import metadata_blocks as blocks
import numpy as np
import PIL.Image

from docfraud.thumbnail import compare


def test_bars_and_turns_of_an_honest_thumbnail() -> None:
    image = blocks.scene(720, 480)
    barred = PIL.Image.new("RGB", (160, 120))
    barred.paste(image.resize((160, 106), PIL.Image.Resampling.BOX), (0, 7))
    for thumbnail in (barred, barred.transpose(PIL.Image.Transpose.ROTATE_90)):
        found = compare(np.asarray(thumbnail), np.asarray(image))
        assert found.ratio_error < 0.05
        assert found.local_difference is not None
        assert found.local_difference < 0.3


def test_an_even_picture_is_not_compared() -> None:
    even = np.full((120, 160, 3), 128, np.uint8)
    assert compare(even, even).difference is None
