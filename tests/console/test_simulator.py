"""The threshold simulator shows what the server worked out, and works out nothing itself."""

from __future__ import annotations

from typing import Any

from canned_server import Canned, some_sessions
from playwright.sync_api import expect


def test_it_says_who_would_have_been_blocked(visit: Any, server: Canned) -> None:
    server.sessions = some_sessions()
    visited = visit("#/simulator?threshold=0.45")
    page = visited.page
    blocked = [v for v in server.sessions if v.passed and (v.score or 0) < 0.45]
    assert len(blocked) > 1
    said = f"At 0.45, {len(blocked)} sessions that passed would have been blocked."
    expect(page.get_by_role("status").filter(has_text=said)).to_be_visible()
    listed = page.get_by_role("region", name="would have been blocked").locator("tbody tr")
    expect(listed).to_have_count(len(blocked))
    below = sum((v.score or 0) < 0.45 for v in server.sessions)
    expect(page.get_by_role("img", name=f"{below} are below 0.45")).to_be_visible()
    listed.first.get_by_role("link").click()
    page.get_by_role("region", name="Signals").wait_for()
    assert visited.complaints == []


def test_the_slider_starts_at_the_policy_and_moves_by_keys(visit: Any, server: Canned) -> None:
    server.sessions = some_sessions()
    page = visit("#/simulator").page
    expect(page.get_by_text("At 0.40, nothing would have changed.")).to_be_visible()
    slider = page.get_by_role("slider", name="Threshold")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    let_in = sum(not v.passed and (v.score or 0) >= 0.3 for v in server.sessions)
    assert let_in
    expect(page.get_by_text("At 0.30, no further session would have been blocked.")).to_be_visible()
    expect(page.get_by_text(f"{let_in} would have passed")).to_be_visible()
    page.get_by_label("Threshold, as a number").fill("0.9")
    expect(slider).to_have_value("0.9")
    expect(page.get_by_text("At 0.90,")).to_be_visible()


def test_an_empty_store_is_said(visit: Any) -> None:
    expect(visit("#/simulator").page.get_by_text("No session is stored yet.")).to_be_visible()


def test_it_waits_while_another_simulation_runs(visit: Any, server: Canned) -> None:
    server.sessions = some_sessions(3)
    server.simulating = 1
    expect(visit("#/simulator").page.get_by_text("At 0.40, nothing would")).to_be_visible()
    assert server.simulating == 0
