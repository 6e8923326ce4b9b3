"""The list of sessions, one of them, and the key that opens both."""

from __future__ import annotations

from typing import Any

import pytest
from canned_server import Canned, some_sessions
from playwright.sync_api import Locator, Page, expect


@pytest.fixture
def page(visit: Any, server: Canned) -> Page:
    server.sessions = some_sessions()
    page: Page = visit("#/review").page
    rows(page).first.wait_for()
    return page


def rows(page: Page) -> Locator:
    return page.locator("table.sessions tbody tr")


def link(page: Page, number: int) -> Locator:
    return page.get_by_role("link", name=f"Session {number:08x}…")


def test_a_page_of_sessions_and_the_next(page: Page) -> None:
    expect(rows(page)).to_have_count(25)
    page.get_by_role("button", name="Older").click()
    expect(link(page, 25)).to_be_visible()
    page.get_by_role("button", name="Older").click()
    expect(rows(page)).to_have_count(10)
    expect(page.get_by_role("button", name="Older")).to_be_hidden()
    page.get_by_role("button", name="Newer").click()
    page.get_by_role("button", name="Newer").click()
    expect(link(page, 0)).to_be_visible()
    expect(page.get_by_role("button", name="Newer")).to_be_hidden()


def test_filters_are_those_of_the_api_and_stand_in_the_address(page: Page, server: Canned) -> None:
    page.get_by_label("Decision").select_option("Rejected")
    rejected = [v for v in server.sessions if v.decision == "reject"]
    expect(rows(page)).to_have_count(len(rejected))
    expect(page.locator(".chip.bad")).to_have_count(len(rejected))
    page.get_by_label("Score to").fill("0.3")
    page.get_by_label("Score to").press("Enter")
    expect(rows(page)).to_have_count(sum((v.score or 0) <= 0.3 for v in rejected))
    page.reload()
    expect(page.get_by_label("Decision")).to_have_value("reject")
    expect(rows(page)).to_have_count(sum((v.score or 0) <= 0.3 for v in rejected))
    page.get_by_role("button", name="Clear").click()
    expect(rows(page)).to_have_count(25)
    page.get_by_label("Mode").select_option("IPS, blocking")
    expect(page.get_by_text("IPS enforced").first).to_be_visible()


def test_nothing_stored_is_said(visit: Any) -> None:
    expect(visit("#/review").page.get_by_text("No session is stored yet")).to_be_visible()


def test_it_is_driven_by_keys(page: Page) -> None:
    press = page.keyboard.press
    press("j")
    expect(link(page, 0)).to_be_focused()
    press("j")
    press("ArrowDown")
    press("k")
    expect(link(page, 1)).to_be_focused()
    press("Enter")
    expect(page.get_by_role("heading", name="Session", exact=True)).to_be_focused()
    page.get_by_role("region", name="Signals").wait_for()
    press("u")
    expect(page.get_by_role("heading", name="Review")).to_be_focused()
    press("/")
    expect(page.get_by_label("Decision")).to_be_focused()
    press("Escape")
    expect(link(page, 0)).to_be_focused()
    press("3")
    expect(page.get_by_label("Decision")).to_have_value("reject")
    press("4")
    expect(page.get_by_label("Decision")).to_have_value("")
    expect(link(page, 1)).to_be_visible()  # it was not rejected
    press("n")
    expect(link(page, 25)).to_be_visible()
    press("p")
    expect(link(page, 0)).to_be_visible()


def test_the_keys_are_explained_and_can_be_turned_off(page: Page) -> None:
    page.keyboard.press("?")
    help_box = page.get_by_role("dialog", name="Keys")
    expect(help_box).to_contain_text("next session")
    help_box.get_by_label("Listen to single keys").uncheck()
    page.keyboard.press("Escape")
    expect(help_box).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("3")
    expect(page.get_by_label("Decision")).to_have_value("")
    page.keyboard.press("?")
    help_box.get_by_label("Listen to single keys").check()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("3")
    expect(page.get_by_label("Decision")).to_have_value("reject")


def test_a_session_is_deleted_only_after_a_question(page: Page, server: Canned) -> None:
    first = server.sessions[0].session_id
    link(page, 0).click()
    page.get_by_role("region", name="Signals").wait_for()
    expect(page.get_by_role("region", name="What was measured")).to_be_hidden()
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Delete…")).to_be_focused()
    assert server.sessions[0].session_id == first
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Deleted.")).to_be_focused()
    assert first not in {verdict.session_id for verdict in server.sessions}
    page.get_by_role("link", name="Back to the list").click()
    expect(rows(page)).to_have_count(25)


def test_a_session_that_is_gone_is_said(visit: Any) -> None:
    page = visit(f"#/review/{7:032x}").page
    expect(page.get_by_role("alert")).to_contain_text("There is no such session")


def test_a_key_is_asked_for_only_where_one_is_needed(visit: Any, server: Canned) -> None:
    server.sessions = some_sessions(3)
    server.key = "pk_right"
    page = visit("#/review").page
    box = page.get_by_role("dialog", name="A key is needed")
    expect(box).to_contain_text("This door needs a key.")
    box.get_by_label("API key").fill("pk_wrong")
    page.keyboard.press("Enter")
    expect(box.get_by_label("API key")).to_have_value("")  # asked again
    box.get_by_label("API key").fill("pk_right")
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(3)
    stored = page.evaluate("[JSON.stringify({...localStorage}), sessionStorage.length]")
    assert stored == ["{}", 1], "it is gone with the tab"
    page.reload()
    expect(rows(page)).to_have_count(3)
    page.get_by_role("button", name="Forget the key").click()
    assert page.evaluate("sessionStorage.length") == 0
    page.reload()
    box.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("This door needs a key.")
