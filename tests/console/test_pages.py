"""What holds on every page: access for everybody, small screens, little weight, nobody else."""

from __future__ import annotations

import statistics
from typing import Any, Literal

import httpx2
import pytest
from browsing import Visit, violations
from canned_server import Canned, some_sessions
from playwright.sync_api import expect

PAGES = {
    "": "Verify a person",
    "#/review": "Review",
    f"#/review/{1:08x}{0:024x}": "Session",
    "#/simulator?threshold=0.45": "Threshold simulator",
    "#/verdict": "No verdict here",
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {},
    "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
}


@pytest.fixture(autouse=True)
def stored(server: Canned) -> None:
    server.sessions = some_sessions()


def settled(visited: Visit, heading: str) -> None:
    visited.page.get_by_role("heading", name=heading, exact=True).wait_for()
    visited.page.wait_for_load_state("networkidle")


def assert_for_everybody(visited: Visit) -> None:
    """Look at the page as it is, in light and dark."""
    assert visited.overflow() == 0
    for scheme in SCHEMES:
        visited.page.emulate_media(color_scheme=scheme)
        assert violations(visited.page) == [], scheme


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("page", PAGES)
def test_everybody_can_use_each_page(visit: Any, page: str, screen: str) -> None:
    visited = visit(page, **SCREENS[screen])
    settled(visited, PAGES[page])
    assert_for_everybody(visited)
    assert visited.complaints == []
    assert visited.strangers == []


@pytest.mark.parametrize("screen", SCREENS)
def test_everybody_can_use_the_way_to_a_verdict(
    visit: Any, server: Canned, astronaut_jpeg: bytes, screen: str
) -> None:
    visited = visit(**SCREENS[screen])
    page = visited.page
    page.get_by_role("checkbox", name="I agree").check()
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("button", name="Record", exact=True).wait_for()
    expect(page.get_by_role("status").first).to_have_text("Good. Hold still and record")
    assert_for_everybody(visited)
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_role("button", name="Send").wait_for()
    assert_for_everybody(visited)
    server.problems = [
        (422, {"type": "urn:palisade:problem:quality-failed", "detail": "No.", "reasons": ["blur"]})
    ]
    page.get_by_role("button", name="Send").click()
    page.get_by_role("alert").wait_for()
    assert_for_everybody(visited)
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="Verdict", exact=True).wait_for()
    for summary in page.locator("summary").all():
        summary.click()
    assert_for_everybody(visited)
    page.get_by_role("link", name="Capture", exact=True).click()
    page.get_by_role("tab", name="Upload files").click()
    page.get_by_label("Selfie").set_input_files(
        {"name": "selfie.jpg", "mimeType": "image/jpeg", "buffer": astronaut_jpeg}
    )
    assert_for_everybody(visited)
    page.get_by_role("link", name="Review").click()
    page.get_by_role("button", name="Keys").click()
    assert_for_everybody(visited)


def test_the_whole_way_with_the_keyboard_only(visit: Any, server: Canned) -> None:
    visited = visit()
    page = visited.page
    page.get_by_role("tab", name="Use the camera").wait_for()
    visited.press("Tab")
    visited.tab_to("Skip to the content")
    visited.press("Enter")
    visited.tab_to("I agree")
    visited.press("Space")
    visited.tab_to("Start the camera")
    visited.press("Enter")
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_focused()
    visited.press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.get_by_role("button", name="Send").wait_for()
    expect(page.get_by_role("button", name="Send")).to_be_focused()
    visited.press("Enter")
    expect(page.get_by_role("heading", name="Verdict", exact=True)).to_be_focused()
    visited.tab_to("Copy")
    page.keyboard.press("Home")
    page.evaluate("document.activeElement.blur()")
    visited.tab_to("Review")
    visited.press("Enter")
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_focused()
    page.locator("tbody tr").first.wait_for()
    visited.press("j", "j", "Enter")
    page.get_by_role("region", name="Signals").wait_for()
    visited.press("u")
    page.locator("tbody tr").first.wait_for()
    visited.tab_to("Session")
    visited.press("Enter")
    page.get_by_role("region", name="Signals").wait_for()
    visited.tab_to("Delete…")
    visited.press("Enter")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    visited.press("Shift+Tab", "Enter")
    expect(page.get_by_text("Deleted.")).to_be_focused()
    assert len(server.sessions) == 59
    assert visited.complaints == []


def test_the_pages_weigh_less_than_200_kb_together(visit: Any, server: Canned) -> None:
    visited = visit()
    for page, heading in PAGES.items():
        visited.page.goto(f"{server.url}/{page}")
        settled(visited, heading)
    urls = {request.url for request in visited.requests if "/v1/" not in request.url}
    weights = {url: len(httpx2.get(url).content) for url in urls}
    assert len(weights) > 20
    assert sum(weights.values()) < 200_000


def test_the_first_paint_comes_within_a_second(visit: Any) -> None:
    paints = []
    for _ in range(5):
        page = visit().page
        page.get_by_role("tab", name="Use the camera").wait_for()
        paints.append(
            page.evaluate(
                "performance.getEntriesByName('first-contentful-paint').map(e => e.startTime)"
            )
        )
    assert statistics.median(paint for (paint,) in paints) < 1000


def test_an_unknown_page_is_the_first_one(visit: Any) -> None:
    visited = visit("#/nowhere")
    settled(visited, "Verify a person")
    visited.page.evaluate("location.hash = '#/review'")
    visited.page.get_by_role("heading", name="Review", exact=True).wait_for()
    expect(visited.page.get_by_role("link", name="Review")).to_have_attribute(
        "aria-current", "page"
    )
    assert visited.page.title() == "Review · Palisade"
