"""``palisade calibrate fusion``, from a manifest to a policy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image
from poor_faces import blurred, exposed
from typer.testing import CliRunner

from calibration.commands import app
from calibration.errors import CalibrationError
from calibration.notes import notes
from detectors.contracts import Measurement, Status
from detectors.registry import DETECTORS
from evaluation import sessions as measuring
from evaluation.errors import EvaluationError
from evaluation.items import Item
from evaluation.sessions import Session
from fusion.policy import load_policy
from fusion.verdict import FaceSummary

SEEN = FaceSummary(quality={"faces": 1.0})


def run(*arguments: object) -> str:
    result = CliRunner().invoke(
        app, ["fusion", *map(str, arguments)], catch_exceptions=False, env={"COLUMNS": "110"}
    )
    assert result.exit_code == 0, result.output
    return result.output


def listed(path: Path, rows: Sequence[tuple[str, str, str, str]]) -> Path:
    path.write_text("path,label,kind,subject\n" + "".join(",".join(row) + "\n" for row in rows))
    return path


def people(first: int, count: int) -> list[tuple[str, str, str, str]]:
    """Four captures of each person, half of them attacks."""
    return [
        (f"{label}{person}-{take}.jpg", label, "" if label == "live" else "print", f"p{person}")
        for person in range(first, first + count)
        for label in ("live", "attack")
        for take in range(2)
    ]


def session(item: Item) -> Session:
    """Live people's eyes shine more brightly; a file ``hidden`` has no face."""
    if "hidden" in item.path:
        return Session({}, FaceSummary(problems=("no_face",)))
    rng = np.random.default_rng(sum(item.path.encode()))
    contrast = float(rng.normal(85 if item.label == "live" else 50, 15))
    measures = {
        f"{eye}_{measure}": value
        for eye in ("right", "left")
        for measure, value in {"count": 1.0, "area_ratio": 0.03, "contrast": contrast}.items()
    }
    nothing = Measurement(status=Status.UNAVAILABLE)
    measured = {d.name: nothing for d in DETECTORS} | {"eye_specular": Measurement(measures)}
    return Session(measured, SEEN)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """In place of detectors; how many captures were asked for each time."""
    asked: list[int] = []

    def measure(items: Sequence[Item], folder: Path, **_: Any) -> list[Session]:
        asked.append(len(items))
        return [session(item) for item in items]

    monkeypatch.setattr(measuring, "measure_sessions", measure)
    return asked


def test_a_manifest_becomes_a_policy_that_says_where_it_comes_from(
    made_up: list[int], tmp_path: Path
) -> None:
    rows = people(0, 12)
    ours = listed(tmp_path / "ours.csv", [*rows, ("hidden.jpg", "live", "", "p1")])
    more = listed(tmp_path / "more.csv", [*people(20, 3), rows[0]])
    out = tmp_path / "new" / "out"
    printed = run(ours, more, "--out", out, "--policy", "faithful", "--prior", 0.8)
    assert made_up == [12 * 4 + 1 + 3 * 4]
    assert "listed twice, taken once: 1" in printed
    assert "30 bona fide captures and 30 attacks with a face, 1 without" in printed
    assert "Not enough labelled captures for blendshapes, gan_texture" in printed
    assert sorted(path.name for path in out.iterdir()) == [
        "fusion.png",
        "policy.yaml",
        "report.json",
    ]
    policy = load_policy(out / "policy.yaml")
    assert policy.calibration is not None
    assert policy.calibration.fitted == ("eye_specular",)
    assert policy.calibration.prior == 0.8
    assert notes(policy) == (
        "blendshapes, gan_texture, depth, rppg counts for coverage and says nothing",
    )
    provenance = policy.calibration.provenance
    assert provenance is not None
    assert [manifest.rows for manifest in provenance.manifests] == [49, 13]
    assert provenance.bona_fide_subjects == 15
    report = json.loads((out / "report.json").read_text())
    assert next(iter(report)) == "headline"
    assert report["headline"]["cllr"] < 0.9
    assert report["figures"]["cllr"]["method"].startswith("bootstrap of 15 subjects")
    assert report["test"] == {}
    with Image.open(out / "fusion.png") as picture:
        assert picture.size[0] > 600
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 20
    names = (out / "policy.yaml").read_text() + (out / "report.json").read_text()
    assert "ours.csv" not in names
    assert "p1" not in names


@pytest.mark.usefixtures("made_up")
def test_the_section_goes_into_a_policy_and_the_rest_of_it_stays(tmp_path: Path) -> None:
    ours = listed(tmp_path / "ours.csv", people(0, 9))
    mine = tmp_path / "mine.yaml"
    raw = load_policy("faithful").model_dump(mode="json")
    del raw["calibration"]
    before = "# why it is so\n" + yaml.safe_dump(raw | {"name": "mine"})
    mine.write_text(before)
    assert str(mine) in run(ours, "--out", tmp_path / "out", "--policy", mine, "--into", mine)
    once = mine.read_text()
    assert once.startswith(before)
    assert load_policy(mine).name == "mine"
    run(ours, "--out", tmp_path / "out", "--policy", mine, "--into", mine, "--prior", 0.9)
    assert mine.read_text() == once.replace("prior: 0.5", "prior: 0.9")
    run(ours, "--out", tmp_path / "out", "--policy", mine, "--into", mine)
    assert mine.read_text() == once.replace("prior: 0.5", "prior: 0.9")  # the policy's own


@pytest.mark.usefixtures("made_up")
def test_other_people_are_judged_by_the_fit(tmp_path: Path) -> None:
    ours = listed(tmp_path / "ours.csv", people(0, 9))
    others = listed(tmp_path / "others.csv", people(50, 6))
    out = tmp_path / "out"
    assert "--test  " in run(ours, "--out", out, "--policy", "faithful", "--test", others)
    tested = json.loads((out / "report.json").read_text())["test"]
    assert tested["auc"]["n"] == 24
    with pytest.raises(CalibrationError, match="9 subjects that are fitted on"):
        run(ours, "--out", out, "--policy", "faithful", "--test", ours)


@pytest.mark.usefixtures("made_up")
def test_what_cannot_be_fitted_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    rows = people(0, 9)
    good = listed(tmp_path / "good.csv", rows)
    out = tmp_path / "out"
    cases: list[tuple[list[object], str]] = [
        ([listed(tmp_path / "live.csv", [r for r in rows if r[1] == "live"])], "no attack capture"),
        ([listed(tmp_path / "few.csv", people(0, 4))], "of 4 subjects"),
        ([listed(tmp_path / "both.csv", [*rows, (rows[0][0], "attack", "", "p0")])], "listed as"),
        ([good, "--prior", 1], "--prior"),
        ([good, "--withheld", 0], "--withheld"),
        ([good, "--signal", "iris"], "no signal iris"),
        ([good, "--signal", "depth"], "no signal of the policy has a score"),
        ([good, "--into", tmp_path / "absent.yaml"], "absent.yaml: No such file"),
    ]
    for arguments, says in cases:
        with pytest.raises(CalibrationError, match=says):
            run(*arguments, "--out", out, "--policy", "faithful")
        assert not out.exists()
    with pytest.raises(EvaluationError, match="'perhaps'"):
        run(listed(tmp_path / "odd.csv", [("a.jpg", "perhaps", "", "")]), "--out", out)


def test_being_stopped_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stopped(*_: Any, **__: Any) -> list[Session]:
        raise KeyboardInterrupt

    monkeypatch.setattr(measuring, "measure_sessions", stopped)
    ours = listed(tmp_path / "ours.csv", people(0, 9))
    result = CliRunner().invoke(app, ["fusion", str(ours), "--out", str(tmp_path / "out")])
    assert result.exit_code == 130
    assert "the same command goes on" in result.output


def test_real_captures_go_through_every_detector(
    astronaut: NDArray[np.uint8], tmp_path: Path
) -> None:
    rows = []
    for person in range(5):
        live = exposed(np.ascontiguousarray(astronaut[:280, 84:364]), 0.8 + 0.05 * person)
        for label, pixels in (("live", live), ("attack", blurred(live, 3.0))):
            name = f"{label}{person}.png"
            Image.fromarray(pixels).save(tmp_path / name)
            rows.append((name, label, "", f"p{person}"))
    ours = listed(tmp_path / "ours.csv", rows)
    out = tmp_path / "out"
    printed = run(ours, "--out", out, "--policy", "faithful", "--jobs", 1)
    assert "5 bona fide captures and 5 attacks" in printed
    calibration = load_policy(out / "policy.yaml").calibration
    assert calibration is not None
    assert calibration.by_name["eye_specular"].ceiling == pytest.approx(np.log(6), abs=1e-4)
    measured = out / "measured" / "measured.jsonl"
    kept = measured.read_bytes()
    run(ours, "--out", out, "--policy", "faithful", "--jobs", 1, "--method", "isotonic")
    assert measured.read_bytes() == kept
