"""From the tick to the verdict, with a face before the camera."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import Visit, until, visiting
from canned_server import Canned, serving_canned
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, expect

from benchmarks.console import portrait
from deployments.recording import Recording


def start(visited: Visit) -> None:
    visited.page.get_by_role("checkbox", name="I agree").check()
    visited.page.get_by_role("button", name="Start the camera").click()
    visited.page.get_by_role("button", name="Record", exact=True).wait_for()


def record(visited: Visit) -> None:
    visited.page.get_by_role("button", name="Record", exact=True).click()
    visited.page.get_by_role("button", name="Send").wait_for()


def test_a_capture_is_ninety_stills_with_their_times_and_shows_its_verdict(
    visit: Any, server: Canned
) -> None:
    visited = visit()
    start(visited)
    expect(visited.page.get_by_role("status").first).to_have_text("Good. Hold still and record")
    record(visited)
    assert not server.posted, "nothing leaves before it is sent"
    visited.page.get_by_role("button", name="Send").click()
    expect(visited.page.get_by_role("heading", name="Verdict", exact=True)).to_be_focused()
    (posted,) = server.posted
    assert len(posted.sizes["frames"]) == 90
    times = posted.metadata["frame_times"]
    assert len(times) == 90
    assert times[0] == 0
    assert all(a < b for a, b in itertools.pairwise(times))
    assert 2.5 < times[-1] < 15
    assert posted.metadata == {"channel": "browser", "frame_times": times}
    assert posted.query == {"pictures": "true"}
    assert posted.length < 6e6
    assert np.median(posted.sizes["frames"]) > 30e3, "the budget is spent on quality"
    assert visited.complaints == []
    assert visited.strangers == []


def test_a_recording_is_as_long_and_as_large_as_the_server_wants_it(browser: Browser) -> None:
    wanted = Recording(seconds=4.0, frames=48, still_bytes=20_000)
    with serving_canned(wanted) as server, visiting(browser, f"{server.url}/") as visited:
        server.quality = {"is_valid": True, "reasons": [], "words": [], "face_bbox": None}
        expect(visited.page.get_by_text("48 small stills over about 4 seconds")).to_be_visible()
        start(visited)
        record(visited)
        visited.page.get_by_role("button", name="Send").click()
        visited.page.get_by_role("heading", name="Verdict", exact=True).wait_for()
        (posted,) = server.posted
    times = np.array(posted.metadata["frame_times"])
    assert len(times) == 48
    assert 3.5 < times[-1] < 15
    assert np.median(np.diff(times)) > 0.06, "a camera of 30 frames a second is not taken whole"
    assert np.mean(posted.sizes["frames"]) < 25e3
    assert visited.complaints == []


def test_the_camera_waits_for_the_tick_and_stops_without_it(visit: Any) -> None:
    page = visit().page
    expect(page.get_by_role("button", name="Start the camera")).to_be_disabled()
    assert page.evaluate("document.querySelector('video').srcObject") is None
    page.get_by_role("checkbox", name="I agree").check()
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("button", name="Record", exact=True).wait_for()
    page.get_by_role("checkbox", name="I agree").uncheck()
    expect(page.get_by_role("button", name="Start the camera")).to_be_disabled()
    assert page.evaluate("document.querySelector('video').srcObject") is None


def test_leaving_the_page_stops_the_camera(visit: Any) -> None:
    visited = visit()
    start(visited)
    track = visited.page.evaluate_handle("document.querySelector('video').srcObject.getTracks()[0]")
    assert track.evaluate("track => track.readyState") == "live"
    visited.page.get_by_role("link", name="Review").click()
    until(lambda: track.evaluate("track => track.readyState") == "ended", visited.page)


def test_the_server_is_asked_about_quality_twice_a_second_at_most(
    visit: Any, server: Canned
) -> None:
    visited = visit()
    start(visited)
    until(lambda: len(server.asked_quality) >= 5, visited.page)
    gaps = np.diff(server.asked_quality)
    # They are sent half a second apart; the network may bring two a little closer.
    assert (server.asked_quality[-1] - server.asked_quality[0]) / len(gaps) > 0.45


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"words": ["face_too_small"]}, "Move closer"),
        ({"words": ["head_turned"]}, "Look straight at the camera"),
        ({"face_bbox": [20, 110, 200, 250]}, "Move a little to your left"),
        ({"face_bbox": None, "words": ["no_face"]}, "Put your face in the oval"),
        ({"words": ["a_word_of_tomorrow"]}, "a_word_of_tomorrow"),
    ],
)
def test_what_the_server_says_of_the_face_becomes_a_hint(
    visit: Any, server: Canned, change: dict[str, Any], hint: str
) -> None:
    server.quality = {**(server.quality or {}), **change}
    visited = visit()
    start(visited)
    expect(visited.page.get_by_role("status").first).to_have_text(hint)


def test_without_that_route_the_browser_looks_for_itself(visit: Any, server: Canned) -> None:
    server.quality = None
    visited = visit()
    start(visited)
    expect(visited.page.get_by_role("status").first).to_have_text("Good. Hold still and record")
    visited.page.wait_for_timeout(1500)
    assert len(server.asked_quality) == 1, "it is not asked again"
    expect(visited.page.get_by_label("How it looks")).to_contain_text("not checked")


def test_a_refused_picture_says_what_to_do_and_can_be_taken_again(
    visit: Any, server: Canned
) -> None:
    server.problems = [
        (
            422,
            {
                "type": "urn:palisade:problem:quality-failed",
                "title": "Unprocessable Entity",
                "status": 422,
                "detail": "The selfie does not pass the quality gate.",
                "reasons": ["low_brightness", "eyes_covered"],
                "scores": {"low_brightness": 12.0},
            },
        )
    ]
    visited = visit()
    visited.page.get_by_role("checkbox", name="Quality gate").check()
    start(visited)
    record(visited)
    visited.page.get_by_role("button", name="Send").click()
    alert = visited.page.get_by_role("alert")
    expect(alert).to_contain_text("The selfie does not pass the quality gate.")
    expect(alert).to_contain_text("More light on your face")
    expect(alert).to_contain_text("Take off sunglasses")
    assert server.posted[0].metadata["gate"] is True
    expect(visited.page.get_by_role("button", name="Record again")).to_be_focused()
    visited.press("Enter")
    record(visited)
    visited.page.get_by_role("button", name="Send").click()
    visited.page.get_by_role("heading", name="Verdict", exact=True).wait_for()


def test_a_recording_can_be_cancelled(visit: Any, server: Canned) -> None:
    visited = visit()
    start(visited)
    visited.page.get_by_role("button", name="Record", exact=True).click()
    visited.page.get_by_role("button", name="Cancel").click()
    expect(visited.page.get_by_role("button", name="Record", exact=True)).to_be_focused()
    assert visited.complaints == []


def test_a_tick_that_is_taken_back_ends_the_recording(visit: Any) -> None:
    visited = visit()
    start(visited)
    track = visited.page.evaluate_handle("document.querySelector('video').srcObject.getTracks()[0]")
    visited.page.get_by_role("button", name="Record", exact=True).click()
    visited.page.get_by_text("Recording in 1").wait_for()
    visited.page.get_by_role("checkbox", name="I agree").uncheck()
    expect(visited.page.get_by_role("button", name="Start the camera")).to_be_disabled()
    until(lambda: track.evaluate("track => track.readyState") == "ended", visited.page)
    visited.page.wait_for_timeout(1500)
    assert visited.page.evaluate("document.querySelector('video').srcObject") is None
    assert visited.complaints == []


def test_leaving_ends_what_is_being_sent(visit: Any, server: Canned, selfie: Path) -> None:
    server.delay_s = 3.0
    visited = upload(visit, selfie)
    visited.page.get_by_text("The detectors are at work").wait_for()
    visited.page.get_by_role("link", name="Review").click()
    visited.page.get_by_role("heading", name="Review").wait_for()
    visited.page.wait_for_timeout(4000)
    expect(visited.page.get_by_role("heading", name="Review")).to_be_visible()


def test_a_key_is_asked_for_before_the_camera_starts(visit: Any, server: Canned) -> None:
    server.key = "pk_right"
    visited = visit()
    visited.page.get_by_role("checkbox", name="I agree").check()
    visited.page.get_by_role("button", name="Start the camera").click()
    visited.page.get_by_label("API key").fill("pk_right")
    visited.press("Enter")
    visited.page.get_by_role("button", name="Record", exact=True).wait_for()
    expect(visited.page.get_by_label("How it looks")).to_contain_text("good")
    until(lambda: len(server.asked_quality) > 0, visited.page)
    assert visited.complaints == []


def test_while_the_graph_works_it_can_be_cancelled(
    visit: Any, server: Canned, selfie: Path
) -> None:
    server.delay_s = 20.0
    visited = upload(visit, selfie)
    visited.page.get_by_text("The detectors are at work").wait_for()
    visited.page.get_by_role("button", name="Cancel").click()
    visited.page.get_by_text("Cancelled. It had arrived").wait_for()
    expect(visited.page.get_by_role("button", name="Send")).to_be_focused()


def test_a_camera_that_is_not_allowed_is_explained(visit: Any, server: Canned) -> None:
    visited = visit()
    visited.page.evaluate(
        """() => {
          navigator.mediaDevices.getUserMedia = async () => {
            throw new DOMException("no", "NotAllowedError");
          };
        }"""
    )
    visited.page.get_by_role("checkbox", name="I agree").check()
    visited.page.get_by_role("button", name="Start the camera").click()
    expect(visited.page.get_by_role("alert")).to_contain_text("not allowed to use the camera")


@pytest.fixture
def selfie(astronaut: NDArray[np.uint8], tmp_path: Path) -> Path:
    path = tmp_path / "selfie.jpg"
    Image.fromarray(astronaut).save(path, quality=92)
    return path


def upload(visit: Any, selfie: Path) -> Visit:
    visited: Visit = visit()
    visited.page.get_by_role("tab", name="Upload files").click()
    visited.page.get_by_role("checkbox", name="I agree").check()
    visited.page.get_by_label("Selfie").set_input_files(selfie)
    visited.page.get_by_role("button", name="Send").click()
    return visited


def test_files_are_sent_as_they_are(visit: Any, server: Canned, selfie: Path) -> None:
    visited = upload(visit, selfie)
    visited.page.get_by_role("heading", name="Verdict", exact=True).wait_for()
    (posted,) = server.posted
    assert posted.sizes == {"selfie": [selfie.stat().st_size]}
    assert posted.metadata == {"channel": "upload"}
    assert visited.complaints == []


def test_a_file_can_be_dropped(visit: Any, selfie: Path) -> None:
    page = visit().page
    page.get_by_role("tab", name="Upload files").click()
    page.evaluate(
        """bytes => {
          const carried = new DataTransfer();
          carried.items.add(new File([new Uint8Array(bytes)], "card.jpg", {type: "image/jpeg"}));
          const place = [...document.querySelectorAll(".drop")].at(-1);
          place.dispatchEvent(new DragEvent("drop", {dataTransfer: carried, bubbles: true}));
        }""",
        list(selfie.read_bytes()),
    )
    expect(page.get_by_role("img", name="Document as it will be sent")).to_be_visible()
    page.get_by_role("button", name="Remove document").click()
    expect(page.get_by_role("img", name="Document as it will be sent")).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "mime", "content", "said"),
    [
        ("notes.txt", "text/plain", b"x", "not of a type"),
        ("empty.jpg", "image/jpeg", b"", "is empty"),
        ("large.jpg", "image/jpeg", bytes(10 * 2**20 + 1), "has 10.5 MB"),
    ],
)
def test_a_file_that_would_be_refused_is_not_sent(
    visit: Any, name: str, mime: str, content: bytes, said: str
) -> None:
    page = visit().page
    page.get_by_role("tab", name="Upload files").click()
    page.get_by_role("checkbox", name="I agree").check()
    page.get_by_label("Selfie").set_input_files({"name": name, "mimeType": mime, "buffer": content})
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()


def test_a_server_that_is_full_or_gone_is_explained(
    visit: Any, server: Canned, selfie: Path
) -> None:
    server.problems = [(503, {"type": "urn:palisade:problem:overloaded", "detail": "Full."})]
    visited = upload(visit, selfie)
    expect(visited.page.get_by_role("alert")).to_contain_text("The server is busy.")
    visited.page.route("**/v1/verify*", lambda route: route.abort())
    visited.page.get_by_role("button", name="Send").click()
    expect(visited.page.get_by_role("alert")).to_contain_text("The server does not answer.")


def test_what_is_recorded_is_what_the_camera_saw(visit: Any) -> None:
    visited = visit()
    start(visited)
    record(visited)
    shown = visited.page.get_by_role("img", name="The selfie")
    pixels = shown.evaluate(
        """img => {
          const canvas = new OffscreenCanvas(img.naturalWidth, img.naturalHeight);
          const context = canvas.getContext("2d");
          context.drawImage(img, 0, 0);
          const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
          return [canvas.width, canvas.height, ...data.filter((_, i) => i % 4 == 1)];
        }"""
    )
    assert pixels[:2] == [640, 480]
    seen = np.reshape(pixels[2:], (480, 640)).astype(np.float32)
    shown_to_it = [np.asarray(frame, np.float32)[..., 1] for frame in portrait()]
    # The picture as the camera gives it, not as in the mirror of the preview.
    assert min(float(np.abs(seen - frame).mean()) for frame in shown_to_it) < 6
    assert min(float(np.abs(seen[:, ::-1] - frame).mean()) for frame in shown_to_it) > 20
