"""The console on the real graph: a face clip before a real browser's camera, to the verdict."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Visit, chromium, visiting
from playwright.sync_api import Browser, expect
from serving import Graph

from benchmarks.browser import frames_of, write_y4m

pytestmark = [pytest.mark.serve, pytest.mark.data, pytest.mark.timeout(600)]

PATIENCE_MS = 90_000  # two cores, and the browser takes one

KEEP_TIMES = """() => {
  const send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.send = function (form) {
    window.times = JSON.parse(form.get("metadata")).frame_times;
    send.call(this, form);
  };
}"""
"""A debugger is not shown the body of a request with files."""


@pytest.fixture(scope="module")
def browser(
    data_dir: Path, tmp_path_factory: pytest.TempPathFactory, served: Graph
) -> Iterator[Browser]:
    clip = data_dir / "videos" / "pulse" / "evm_face.mp4"
    camera = tmp_path_factory.mktemp("camera") / "face.y4m"
    with chromium(write_y4m(camera, frames_of(clip, 180))) as browser:
        yield browser


@pytest.fixture
def visited(browser: Browser, served: Graph) -> Iterator[Visit]:
    with visiting(browser, str(served.client.base_url)) as visited:
        yield visited


def test_a_whole_capture_of_a_real_face(visited: Visit, served: Graph) -> None:
    page = visited.page
    page.get_by_role("checkbox", name="I agree").check()
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("button", name="Record", exact=True).wait_for()
    # The server has seen the face, and it says so.
    expect(page.get_by_label("How it looks").locator("li", has_text="Face")).not_to_contain_text(
        "not checked", timeout=PATIENCE_MS
    )
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_role("button", name="Send").wait_for(timeout=PATIENCE_MS)
    page.evaluate(KEEP_TIMES)
    page.get_by_role("button", name="Send").click()
    heading = page.get_by_role("heading", name="Verdict", exact=True)
    heading.wait_for(timeout=PATIENCE_MS)

    record = latest(served)
    assert record["face"]["problems"] == []
    pulse = next(signal for signal in record["signals"] if signal["name"] == "rppg")
    assert pulse["measures"]["duration_s"] > 2.5
    times = page.evaluate("window.times")
    assert len(times) == 90
    assert all(a < b for a, b in itertools.pairwise(times))
    assert pulse["measures"]["duration_s"] == pytest.approx(times[-1], abs=0.2)

    expect(page.get_by_role("region", name="Decision")).to_contain_text(record["session_id"])
    rows = page.get_by_role("region", name="Signals").locator(".signals > li")
    expect(rows).to_have_count(len(record["signals"]))
    drawn = page.get_by_role("region", name="What was measured")
    expect(drawn.get_by_role("img", name="Line chart").first).to_be_visible()
    images = drawn.locator("figure img")
    assert images.count() >= 1
    assert all(image.evaluate("img => img.naturalWidth") > 0 for image in images.all())

    page.get_by_role("link", name="Review").click()
    page.get_by_role("link", name=f"Session {record['session_id'][:8]}").click()
    expect(page.get_by_role("region", name="Signals").locator(".signals > li")).to_have_count(
        len(record["signals"])
    )
    page.get_by_role("link", name="Simulator").click()
    expect(page.get_by_role("status").filter(has_text="At 0.40")).to_be_visible()
    assert visited.complaints == []
    assert visited.strangers == []


def test_the_gate_refuses_with_hints(visited: Visit, tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    dark = tmp_path / "dark.jpg"
    Image.fromarray(np.full((480, 640, 3), 8, np.uint8)).save(dark)
    page = visited.page
    page.get_by_role("tab", name="Upload files").click()
    page.get_by_role("checkbox", name="I agree").check()
    page.get_by_role("checkbox", name="Quality gate").check()
    page.get_by_label("Selfie").set_input_files(dark)
    page.get_by_role("button", name="Send").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("More light on your face", timeout=PATIENCE_MS)
    expect(alert).to_contain_text("Put your face in the oval")


def latest(served: Graph) -> dict[str, Any]:
    newest = served.client.get("/v1/sessions?limit=1").json()["sessions"][0]["session_id"]
    record: dict[str, Any] = served.client.get(f"/v1/sessions/{newest}").json()
    return record
