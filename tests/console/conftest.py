"""A browser with a moving face before its camera, and a server of canned answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest
from browsing import Visit, chromium, visiting
from canned_server import Canned, serving_canned
from numpy.typing import NDArray
from playwright.sync_api import Browser

from benchmarks.browser import write_y4m
from benchmarks.console import portrait

Visiting = Callable[..., Visit]

GOOD = {
    "is_valid": True,
    "scores": {"brightness": 120.4, "blur_variance": 500.3, "face_coverage": 0.25},
    "reasons": [],
    "face_bbox": [220, 110, 200, 250],
    "words": [],
    "score": 80.0,
    "components": {},
}


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait that moves from side to side."""
    return write_y4m(tmp_path_factory.mktemp("camera") / "face.y4m", portrait())


# Not for longer than a module: Playwright keeps an event loop in this thread.
@pytest.fixture(scope="module")
def browser(camera: Path) -> Iterator[Browser]:
    with chromium(camera) as browser:
        yield browser


@pytest.fixture(scope="session")
def astronaut_jpeg(astronaut: NDArray[np.uint8]) -> bytes:
    _, jpeg = cv2.imencode(".jpg", astronaut[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return jpeg.tobytes()


@pytest.fixture
def server() -> Iterator[Canned]:
    with serving_canned() as canned:
        canned.quality = dict(GOOD)
        yield canned


@pytest.fixture
def visit(browser: Browser, server: Canned) -> Iterator[Visiting]:
    """Open a page of the console, such as ``#/review``, in a browser of its own memory."""
    with ExitStack() as open_pages:

        def go(page: str = "", **options: object) -> Visit:
            return open_pages.enter_context(visiting(browser, f"{server.url}/{page}", **options))

        yield go
