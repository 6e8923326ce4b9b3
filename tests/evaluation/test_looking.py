from __future__ import annotations

import time
from pathlib import Path

import pytest

from detectors.contracts import Measurement, Status
from detectors.runner import Runner
from docfraud.contracts import Page
from evaluation.errors import EvaluationError
from evaluation.items import read_items
from evaluation.looking import counted, look

from .conftest import Level, MakeSet

ROWS = [(f"{at}.png", "real", "", "", 10 * at) for at in range(6)]


def test_every_image_is_looked_at_and_stays_in_its_place(level: Level, make_set: MakeSet) -> None:
    told: list[tuple[int, int]] = []
    found = look(
        read_items(make_set(ROWS)).images,
        Runner(level),
        jobs=3,
        on_progress=lambda done, of: told.append((done, of)),
    )
    assert [one.measures.get("level") for one in found] == [None, 10, 20, 30, 40, 50]
    assert found[0].status is Status.ABSTAINED
    assert told == [(done, 6) for done in range(1, 7)]


def test_a_file_that_is_no_image_is_a_status_and_counted(level: Level, make_set: MakeSet) -> None:
    manifest = make_set([*ROWS[:2], ("bad.png", "real", "", "", 0), ("no.jpg", "real", "", "", 0)])
    folder = Path(manifest).parent
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "no.jpg").unlink()
    found = look(read_items(manifest).images, Runner(level))
    assert [one.status for one in found] == [
        Status.ABSTAINED,
        Status.OK,
        Status.UNAVAILABLE,
        Status.UNAVAILABLE,
    ]
    assert found[3].reasons == ("file-missing",)
    assert counted(found) == {
        "statuses": {"abstained": 1, "ok": 1, "unavailable": 2},
        "reasons": {"file-missing": 1, found[2].reasons[0]: 1, "too_dark": 1},
    }


def test_a_set_without_its_files_is_an_error(level: Level, make_set: MakeSet) -> None:
    manifest = make_set(ROWS[:2])
    for image in Path(manifest).parent.glob("*.png"):
        image.unlink()
    with pytest.raises(EvaluationError, match="none of the 2 files is there"):
        look(read_items(manifest).images, Runner(level))


def test_a_check_without_its_weights_is_an_error(make_set: MakeSet) -> None:
    def see(page: Page) -> Measurement:
        return Measurement(status=Status.UNAVAILABLE, reasons=("model_missing",), lasting=True)

    with pytest.raises(EvaluationError, match="cannot be measured here: model_missing"):
        look(read_items(make_set(ROWS)).images, see)


def test_an_interrupted_run_waits_for_the_images_under_way_only(make_set: MakeSet) -> None:
    seen = 0

    def see(page: Page) -> Measurement:
        nonlocal seen
        seen += 1
        time.sleep(0.05)
        return Measurement()

    def interrupt(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look(read_items(make_set(ROWS)).images, see, on_progress=interrupt)
    assert 1 <= seen < len(ROWS)
