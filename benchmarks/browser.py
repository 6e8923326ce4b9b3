"""A real browser with a webcam that plays a file."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""The system's browser, without the windows that nobody sees if there is one; or None."""

SWITCHES = (
    "--no-sandbox",  # it would need a user of its own, and shows pages of this machine only
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--use-fake-ui-for-media-stream",  # allows the camera without asking
    "--use-fake-device-for-media-stream",
)

WIDTH, HEIGHT, FPS = 640, 480, 30


@contextmanager
def started(camera: Path) -> Iterator[Browser]:
    """Run Chromium, headless, for the length of a block, with the video ``camera`` as its webcam.

    Args:
        camera: of :func:`write_y4m`; it is played over and over.
    """
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=[*SWITCHES, f"--use-file-for-fake-video-capture={camera}"],
        )
        try:
            yield browser
        finally:
            browser.close()


def write_y4m(path: Path, frames: Iterable[NDArray[np.uint8]]) -> Path:
    """Write uint8 RGB (480, 640, 3) frames, 30 a second, as the raw video that Chromium plays."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            file.write(b"FRAME\n" + frame.to_ndarray().tobytes())
    return path


def frames_of(clip: Path, most: int) -> Iterator[NDArray[np.uint8]]:
    """Decode the first ``most`` frames of a clip, fitted into uint8 RGB (480, 640, 3)."""
    with av.open(str(clip)) as container:
        for frame, _ in zip(container.decode(video=0), range(most), strict=False):
            scale = min(WIDTH / frame.width, HEIGHT / frame.height)
            size = round(frame.width * scale), round(frame.height * scale)
            pixels = frame.to_ndarray(format="rgb24", width=size[0], height=size[1])
            fitted = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            x, y = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
            fitted[y : y + size[1], x : x + size[0]] = pixels
            yield fitted
