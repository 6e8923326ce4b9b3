"""What the console weighs, how soon it is seen, and how large a capture is that it sends.

``python -m benchmarks.console URL`` opens the page of a running ``palisade serve`` in Chromium,
every time in a fresh profile, and records the face of a clip, or else of the portrait that comes
with scikit-image, which moves before the camera. The capture is not sent: its request is read and
given up in the browser.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, Response
from rich.table import Table
from scipy.stats import quantile_test

from benchmarks.browser import CHROMIUM, FPS, HEIGHT, WIDTH, frames_of, started, write_y4m
from terminal import err, out

LOOP_S = 4
"""Seconds of video before the camera; then they begin again."""

PAGES = ("", "#/verdict", "#/review", f"#/review/{0:032x}", "#/simulator")
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


@dataclass(frozen=True, slots=True)
class Sent:
    """One capture as the page would have sent it.

    Attributes:
        frames: of the recording.
        seconds: from the first to the last of them.
        total: bytes of the whole request.
    """

    frames: int
    seconds: float
    total: int


def weight(browser: Browser, url: str) -> tuple[int, int]:
    """Return the bytes of the capture page's files, and of those of all pages together."""
    sizes: dict[str, int] = {}
    totals = []
    for path in PAGES:
        page = browser.new_context().new_page()
        answers = _answers(page, f"{url}/{path}")
        sizes |= {one.url: len(one.body()) for one in answers if "/v1/" not in one.url}
        page.context.close()
        totals.append(sum(sizes.values()))
    return totals[0], totals[-1]


def _answers(page: Page, url: str) -> list[Response]:
    """Open ``url`` and return everything that came for it."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(url, wait_until="networkidle")
    return answers


def paints(browser: Browser, url: str, rounds: int) -> list[float]:
    """Return the first contentful paint of ``rounds`` first visits, in ms from the navigation."""
    taken = []
    for _ in range(rounds):
        page = browser.new_context().new_page()
        page.goto(url)
        page.get_by_role("tab", name="Use the camera").wait_for()
        taken.append(float(page.evaluate(PAINT)))
        page.context.close()
    return taken


def captures(browser: Browser, url: str, rounds: int) -> list[Sent]:
    """Record ``rounds`` captures and return what would have been sent."""
    return [_capture(browser.new_context().new_page(), url) for _ in range(rounds)]


def _capture(page: Page, url: str) -> Sent:
    # A debugger is not shown the body of a request with files; so it is weighed where it is sent.
    page.add_init_script(
        """const send = XMLHttpRequest.prototype.send;
        XMLHttpRequest.prototype.send = async function (form) {
          const times = JSON.parse(form.get("metadata")).frame_times;
          const body = await new Response(form).blob();
          window.sent = {frames: times.length, seconds: times.at(-1), total: body.size};
          send.call(this, form);
        };"""
    )
    page.route("**/v1/verify*", lambda route: route.abort())
    page.goto(url)
    page.get_by_role("checkbox", name="I agree").check()
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_role("button", name="Send").click()
    page.get_by_role("alert").wait_for()
    sent = Sent(**page.evaluate("window.sent"))
    page.context.close()
    return sent


def portrait() -> Iterator[NDArray[np.uint8]]:
    """Move a portrait from side to side before the camera."""
    from skimage import data

    picture = data.astronaut()  # type: ignore[no-untyped-call]
    for i in range(LOOP_S * FPS):
        x = round(70 + 30 * np.sin(2 * np.pi * i / (LOOP_S * FPS)))
        yield np.asarray(cv2.resize(picture[:300, x : x + 400], (WIDTH, HEIGHT)), np.uint8)


def main(
    url: Annotated[str, typer.Argument(help="Of a running `palisade serve`.")],
    clip: Annotated[Path | None, typer.Option(help="A face before the camera.")] = None,
    rounds: Annotated[int, typer.Option(min=8, help="First visits.")] = 30,
    recordings: Annotated[int, typer.Option(min=1, help="Captures.")] = 6,
) -> None:
    """Measure the console."""
    if CHROMIUM is None:
        err.print("Chromium is not installed: apt-get install chromium-headless-shell")
        raise typer.Exit(2)
    url = url.rstrip("/")
    with tempfile.TemporaryDirectory() as folder, err.status("Looking at the console …"):
        frames = portrait() if clip is None else frames_of(clip, LOOP_S * FPS)
        with started(write_y4m(Path(folder) / "camera.y4m", frames)) as browser:
            first, everything = weight(browser, url)
            seen = paints(browser, url, rounds)
            sent = captures(browser, url, recordings)
    low, high = quantile_test(seen, p=0.5).confidence_interval(0.95)
    table = Table("what", "measured", box=None)
    table.add_row("capture page, kB", f"{first / 1e3:.1f}")
    table.add_row("all pages together, kB", f"{everything / 1e3:.1f}")
    table.add_row(
        f"first paint, ms, median of {rounds} first visits (95% interval; most)",
        f"{median(seen):.0f} ({low:.0f} to {high:.0f}; {max(seen):.0f})",
    )
    table.add_row(
        f"request of a capture, MB, most of {recordings}",
        f"{max(one.total for one in sent) / 1e6:.2f}",
    )
    table.add_row(
        "frames of a capture, and seconds, least to most",
        f"{min(one.frames for one in sent)} to {max(one.frames for one in sent)}, "
        f"{min(one.seconds for one in sent):.2f} to {max(one.seconds for one in sent):.2f}",
    )
    out.print(table)


if __name__ == "__main__":
    typer.run(main)
