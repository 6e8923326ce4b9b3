"""What people see of a verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from browsing import Visit
from canned_server import Canned, full_verdict, pictures, with_assessment
from playwright.sync_api import expect

from fusion.enforcement import Enforcement
from fusion.verdict import Decision


@pytest.fixture
def send(visit: Any, server: Canned, astronaut_jpeg: bytes) -> Any:
    """Send a picture and come to the answer, which is ``answer`` where one is given."""

    def go(answer: dict[str, Any] | None = None) -> Visit:
        server.answer = answer
        visited: Visit = visit()
        page = visited.page
        page.get_by_role("tab", name="Upload files").click()
        page.get_by_role("checkbox", name="I agree").check()
        page.get_by_label("Selfie").set_input_files(
            {"name": "selfie.jpg", "mimeType": "image/jpeg", "buffer": astronaut_jpeg}
        )
        page.get_by_role("button", name="Send").click()
        page.locator("h1", has_text="Your result").or_(
            page.locator("h1", has_text="Verdict")
        ).wait_for()
        return visited

    return go


def test_everything_in_the_record_is_told(send: Any) -> None:
    page = send().page
    decision = page.get_by_role("region", name="Decision")
    expect(decision).to_contain_text("For review")
    expect(decision).to_contain_text("watching (IDS)")
    expect(decision).to_contain_text("The sides of the document differ on: birth date.")
    expect(page.get_by_role("img", name="Score 0.538, threshold 0.40")).to_be_visible()
    signals = page.get_by_role("region", name="Signals").locator(".signals > li")
    expect(signals).to_have_count(7)
    expect(signals.nth(0)).to_contain_text("Skin texture")  # the heaviest comes first
    expect(signals.nth(0)).to_contain_text("46 %")
    expect(signals.filter(has_text="Pulse")).to_contain_text("That alone is no attack")
    expect(signals.filter(has_text="Head turn")).to_contain_text("abstained")
    signals.filter(has_text="Eye reflections").get_by_text("Measured").click()
    expect(signals.filter(has_text="Eye reflections")).to_contain_text("22.4")
    quality = page.get_by_role("region", name="Quality of the capture")
    expect(quality).to_contain_text("41 of 100.")
    expect(quality).to_contain_text("The eyes are covered.")
    expect(quality.get_by_role("img", name="turned to the camera: 96 of 100")).to_be_visible()
    document = page.get_by_role("region", name="Document", exact=True)
    expect(document.get_by_role("row", name="birth date")).to_contain_text("differs")
    expect(document).to_contain_text("it may be pasted")


def test_a_posterior_is_shown_with_what_each_signal_added(send: Any) -> None:
    contributions = {"prior": 0.42, "eye_specular": 0.2, "gan_texture": 0.0, "rppg": -1.27}
    record = with_assessment(full_verdict(contributions=contributions))
    page = send({"verdict": record, "pictures": []}).page
    region = page.get_by_role("region", name="Signals")
    expect(region).to_contain_text("added to +0.4 nats at the start")
    signals = region.locator(".signals > li")
    expect(signals.nth(0)).to_contain_text("Pulse")  # what says most comes first
    expect(signals.nth(0)).to_contain_text("\N{MINUS SIGN}1.3 nats")
    expect(signals.nth(1)).to_contain_text("+0.2 nats")
    expect(signals.filter(has_text="Skin texture")).to_contain_text("+0.0 nats")
    expect(region).not_to_contain_text("%")


def test_what_was_measured_is_drawn_with_a_text_beside_it(send: Any) -> None:
    page = send().page
    gallery = page.get_by_role("region", name="What was measured")
    expect(gallery.get_by_role("figure")).to_have_count(3)
    chart = gallery.get_by_role("img", name="Line chart: Spectrum of the pulse.")
    expect(chart).to_be_visible()
    said = chart.get_attribute("aria-label")
    assert "highest 1 at 52.9" in said
    assert "strongest at 53.2" in said
    eyes = gallery.get_by_role("img", name="Both eyes, with their highlights")
    assert eyes.evaluate("img => img.naturalWidth") == 160
    document = page.get_by_role("region", name="Document", exact=True)
    expect(document.get_by_role("img", name="Compression of the document")).to_be_visible()


def test_a_verdict_without_pictures_is_shown_too(send: Any) -> None:
    bare = json.loads(full_verdict(document=None).to_json())  # as older servers answer
    page = send(bare).page
    expect(page.get_by_role("region", name="Signals")).to_be_visible()
    expect(page.get_by_role("region", name="What was measured")).to_be_hidden()
    expect(page.get_by_role("region", name="Document", exact=True)).to_be_hidden()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"decision": Decision.ACCEPT, "reasons": ()}, "Accepted"),
        (
            {"passed": False, "score": 0.2, "reasons": ("below_threshold",)},
            "Were it blocking, this one would be rejected.",
        ),
        (
            {"decision": Decision.REJECT, "enforcement": Enforcement("ips", 25.0, 3.1)},
            "blocking (IPS) for 25 % of people, and this one (at 3.1)",
        ),
        ({"score": None, "weights": {}, "passed": False}, "No score"),
    ],
)
def test_decision_and_mode_are_words(send: Any, fields: dict[str, Any], said: str) -> None:
    page = send({"verdict": with_assessment(full_verdict(**fields)), "pictures": []}).page
    expect(page.get_by_role("region", name="Decision")).to_contain_text(said)


def test_an_applicant_gets_a_friendly_word_and_no_pictures(send: Any, server: Canned) -> None:
    server.me = {"scope": "applicant", "open": False}
    coarse = {
        "session_id": "5b0f2a9c6a9e4c0f8f6b4b1f0c7d9e21",
        "decision": "review",
        "reasons": ["try_again_better_capture"],
        "created_at": "2026-01-01T00:00:00Z",
    }
    page = send(coarse).page
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("Thank you, we will look at it")
    expect(result).to_contain_text("Try again in better light")
    expect(result).to_contain_text(coarse["session_id"])
    assert server.posted[0].query == {}
    expect(page.get_by_role("link", name="Review")).to_be_hidden()


def test_words_of_a_server_never_become_markup(send: Any) -> None:
    bad = "<img src=x onerror=alert(1)>"
    record = with_assessment(full_verdict(reasons=(bad,)))
    record["face"]["assessment"]["components"] = {bad: 50.0}
    drawn = [{**pictures()[0], "title": bad, "marks": {bad: 1.0}}]
    visited = send({"verdict": record, "pictures": drawn})
    expect(visited.page.get_by_role("region", name="Decision")).to_contain_text(bad)
    assert visited.page.locator("img[src=x]").count() == 0
    assert visited.complaints == []


def test_the_record_can_be_copied_and_downloaded(send: Any, tmp_path: Path) -> None:
    record = with_assessment(full_verdict())
    visited = send({"verdict": record, "pictures": pictures()})
    page = visited.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == record
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"{record['session_id']}.json"
    download.value.save_as(tmp_path / "record.json")
    assert json.loads((tmp_path / "record.json").read_text()) == record


def test_a_verdict_is_gone_with_its_page(send: Any) -> None:
    visited = send()
    visited.page.reload()
    expect(visited.page.get_by_role("heading", name="No verdict here")).to_be_visible()
