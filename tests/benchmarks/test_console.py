from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from canned_server import serving_canned

from benchmarks import console
from benchmarks.browser import CHROMIUM, frames_of, started, write_y4m


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_console_is_measured(tmp_path: Path) -> None:
    camera = write_y4m(tmp_path / "camera.y4m", console.portrait())
    with serving_canned() as server, started(camera) as browser:
        first, everything = console.weight(browser, server.url)
        files = Path(console.__file__).parents[1] / "console"
        assert first < everything <= sum(path.stat().st_size for path in files.iterdir())
        assert len(console.paints(browser, server.url, 2)) == 2
        (sent,) = console.captures(browser, server.url, 1)
        assert not server.posted
    assert sent.frames == 90
    assert 2.5 < sent.seconds < 15
    assert 1e6 < sent.total < 6e6


@pytest.mark.data
def test_a_clip_is_fitted_into_the_camera(data_dir: Path) -> None:
    frames = list(frames_of(data_dir / "videos" / "pulse" / "evm_face.mp4", 3))
    assert [frame.shape for frame in frames] == [(480, 640, 3)] * 3
    assert np.std(frames[0]) > 10
