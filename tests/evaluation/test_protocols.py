from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any, ClassVar

import pytest
from PIL import Image

from detectors.contracts import Sensor
from docfraud.contracts import Page
from docfraud.moire import Moire
from evaluation.errors import EvaluationError
from evaluation.protocols import Run, measure_check, measure_reader, profile_of
from evaluation.readings import Transcript
from evaluation.scores import Profile
from evaluation.truth import true_lines
from fusion.policy import load_policy

from .conftest import Level, LevelMapping, MakeSet

ROWS = [
    ("a1.png", "real", "", "a", 200),
    ("a2.png", "screen", "lcd", "a", 40),
    ("b1.png", "real", "", "b", 180),
    ("b2.png", "screen", "oled", "b", 90),
    ("c1.png", "real", "", "c", 0),
    ("c2.png", "screen", "lcd", "c", 150),
]
PROFILES = [Profile("hardened", LevelMapping(), 0.5), Profile("faithful", LevelMapping(0.5), 0.4)]


def report_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "report.json").read_text("utf-8"))
    return found


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "items.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_check_from_manifest_to_report(level: Level, make_set: MakeSet, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = measure_check(level, PROFILES, Run("level", make_set(ROWS), out, jobs=2))

    found = report_of(out)
    assert next(iter(found)) == "headline"
    assert found["headline"]["auc"] == 1.0
    assert found["headline"]["auc_faithful"] == 1.0
    assert found["headline"]["apcer"] == pytest.approx(1 / 3)  # 150 / 255 passes
    assert found["headline"]["non_response"] == pytest.approx(1 / 6)
    assert found["about"]["images"] == 6
    assert found["profiles"]["faithful"]["mapping"] == {"gain": 0.5}

    rows = rows_of(out)
    assert [row["path"] for row in rows] == [row[0] for row in ROWS]
    assert float(rows[0]["score_hardened"]) == pytest.approx(200 / 255)
    assert float(rows[0]["level"]) == 200
    assert (rows[4]["status"], rows[4]["reasons"], rows[4]["score_hardened"]) == (
        "abstained",
        "too_dark",
        "",
    )

    assert summary == (out / "summary.md").read_text("utf-8")
    for said in ("hardened, threshold 0.50", "left out apcer", "lcd", "too_dark 1", "| darkness |"):
        assert said in summary
    for plot in ("roc.png", "histogram.png"):
        with Image.open(out / plot) as image:
            assert min(image.size) > 300


def test_the_same_run_gives_the_same_figures(
    level: Level, make_set: MakeSet, tmp_path: Path
) -> None:
    manifest = make_set(ROWS)
    found = []
    for out, jobs in ((tmp_path / "1", 1), (tmp_path / "2", 3)):
        measure_check(level, PROFILES, Run("level", manifest, out, jobs=jobs))
        found.append(report_of(out)["headline"])
    assert found[0] == found[1]


def test_a_threshold_from_another_manifest_and_what_both_share(
    level: Level, make_set: MakeSet, tmp_path: Path
) -> None:
    other = make_set(
        [("1.png", "real", "", "a", 250), ("2.png", "screen", "", "z", 190)], name="other"
    )
    run = Run("level", make_set(ROWS), tmp_path / "out", threshold_from=other)
    summary = measure_check(level, PROFILES, run)
    found = report_of(tmp_path / "out")
    assert found["headline"]["from_other_bpcer"] == 1.0  # 220 / 255
    assert found["about"]["in_both"] == {"images": 0, "subjects": 1}
    assert "0 images and 1 subjects are in both" in summary


def test_one_class_alone_still_makes_a_report(
    level: Level, make_set: MakeSet, tmp_path: Path
) -> None:
    summary = measure_check(level, PROFILES, Run("level", make_set(ROWS[::2]), tmp_path / "out"))
    assert report_of(tmp_path / "out")["headline"]["bpcer"] == 0
    assert "No image is an attack" in summary


def test_labels_of_both_manifests_are_checked_before_anything_is_looked_at(
    level: Level, make_set: MakeSet, tmp_path: Path
) -> None:
    other = make_set([("1.png", "odd", "", "", 1)], name="other")
    run = Run(
        "level",
        make_set(ROWS),
        tmp_path / "out",
        threshold_from=other,
        on_progress=lambda done, of: pytest.fail("looked"),
    )
    with pytest.raises(EvaluationError, match="'odd'"):
        measure_check(level, PROFILES, run)
    assert not (tmp_path / "out").exists()


def test_a_profile_is_what_a_policy_makes_of_a_document() -> None:
    profile = profile_of("hardened", Moire)
    documents = load_policy("hardened").documents
    assert profile == Profile("hardened", documents.check("moire").mapping, documents.threshold)
    assert profile.mapping != profile_of("faithful", Moire).mapping


class Grey(Sensor[Page]):
    """Reads the grey level; fails at 13."""

    name: ClassVar[str] = "grey"

    def measure(self, page: Page) -> Transcript:
        level = int(page.pixels[0, 0, 0])
        if level == 13:
            raise ValueError("SECRET")
        return Transcript({"lines": 1.0}, texts=(f"SECRET{level}",), valid=level > 50)


def test_a_reader_from_manifest_to_report(make_set: MakeSet, tmp_path: Path) -> None:
    manifest = make_set([(f"{v}.png", "x", "", f"s{v}", v) for v in (7, 13, 70)])
    for value in (7, 13, 71):
        Path(manifest).with_name(f"{value}.txt").write_text(f"SECRET{value}")
    out = tmp_path / "out"
    summary = measure_reader(Grey(), true_lines, Run("grey", manifest, out))
    headline = report_of(out)["headline"]
    assert headline["read_rate"] == 1 / 2
    assert headline["character_error"] == pytest.approx(8 / 15)
    assert headline["valid_rate"] == pytest.approx(1 / 3)
    assert headline["with_truth"] == 2
    assert [row["exact_texts"] for row in rows_of(out)] == ["1", "0", "0"]
    assert rows_of(out)[1]["status"] == "error"
    assert "2 of 3 images have a truth" in summary
    for name in ("report.json", "report.html", "summary.md", "items.csv"):
        assert "SECRET" not in (out / name).read_text("utf-8")
    assert sorted(os.listdir(out)) == [
        "items.csv",
        "rates.png",
        "report.html",
        "report.json",
        "summary.md",
    ]
