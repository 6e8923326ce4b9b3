"""A real browser with a fake camera, and what it said and asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from benchmarks.browser import CHROMIUM, started

expect.set_options(timeout=30_000)  # a machine that does other things as well is slow


@contextmanager
def chromium(camera: Path) -> Iterator[Browser]:
    """Start Chromium with ``camera``, a Y4M file, as its webcam; skips where there is none."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with started(camera) as browser:
        yield browser


class Visit:
    """One page in a browser of its own memory, watched.

    Attributes:
        page: Playwright's.
        complaints: errors and warnings of the console, and exceptions nobody caught.
        requests: everything that the page asked for.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[Request] = []
        self._origin = urlsplit(url).netloc
        self.page.set_default_timeout(30_000)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request))
        self.page.goto(url)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    @property
    def strangers(self) -> list[str]:
        """What was asked of anybody but the server of the page."""
        return [
            request.url
            for request in self.requests
            if not request.url.startswith(("data:", "blob:"))
            and urlsplit(request.url).netloc != self._origin
        ]

    def overflow(self) -> int:
        """How many pixels the page is wider than the window."""
        return int(
            self.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, name: str, most: int = 60) -> None:
        """Move the focus with the tabulator until it is on what is called ``name``."""
        for _ in range(most):
            if self.page.evaluate(FOCUSED).startswith(name):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the tabulator does not come to {name!r}")


FOCUSED = """() => {
  const e = document.activeElement;
  return (e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent).trim();
}"""


@contextmanager
def visiting(browser: Browser, url: str, **options: Any) -> Iterator[Visit]:
    """Open ``url`` in a context of its own; ``options`` are those of ``new_context``."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
    try:
        yield Visit(context, url)
    finally:
        context.close()


def violations(page: Page) -> list[str]:
    """Let axe-core look at ``page`` as it is; skips where PALISADE_AXE names no copy of it."""
    script = os.environ.get("PALISADE_AXE", "")
    if not Path(script).is_file():
        pytest.skip("PALISADE_AXE does not name axe.min.js")
    # Through the debugger: the page's own policy refuses scripts that are put into it.
    page.evaluate(Path(script).read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def until(done: Callable[[], bool], page: Page, seconds: float = 30.0) -> None:
    """Let the page run until ``done``."""
    for _ in range(int(seconds * 20)):
        if done():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not come to that")
