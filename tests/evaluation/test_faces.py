from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from detectors.contracts import Measurement, Status
from detectors.registry import DETECTORS
from evaluation import faces, plots, scores
from evaluation.errors import EvaluationError
from evaluation.faces import (
    DEEPFAKE,
    FUSED,
    PAD,
    Question,
    headed,
    measure_faces,
    of_deepfakes,
    score_of,
    signals_here,
    threshold_of,
    verdicts,
)
from evaluation.intervals import bootstrap
from evaluation.items import Item
from evaluation.protocols import Run
from evaluation.sessions import Session
from fusion.policy import Policy, load_policy
from fusion.verdict import FaceSummary


def policy(name: str) -> Policy:
    """A shipped policy with a mean, whose liveness is undecided at log-odds of 1, by networks."""
    raw = load_policy(name).model_dump(mode="json") | {"calibration": None}
    raw["signals"]["liveness"]["mapping"] |= {"shift": 1.0, "colour_cap": 0.0}
    return load_policy(raw)


POLICIES = {name: policy(name) for name in ("hardened", "faithful")}
NAMES = [detector.name for detector in DETECTORS]


def session(log_odds: float | None, status: Status = Status.OK) -> Session:
    """A session in which only liveness says something; None for one without a face."""
    lost = Measurement(status=Status.UNAVAILABLE, reasons=("no_clip",))
    if log_odds is None:
        lost = replace(lost, reasons=("no_face",))
        return Session(dict.fromkeys(NAMES, lost), FaceSummary(("no_face",), {"faces": 0.0}))
    measures = {"v2_2_7": log_odds, "v1se_4_0": log_odds, "room": 3.0}
    reasons = () if status is Status.OK else ("crop_too_tight",)
    seen = Measurement(measures, status, reasons)
    return Session(dict.fromkeys(NAMES, lost) | {"liveness": seen}, FaceSummary((), {"faces": 1.0}))


Row = tuple[str, str, str, Session]
"""Label, kind, subject and what is measured."""

ROWS: list[Row] = [
    ("live", "", "a", session(4.0)),
    ("live", "", "b", session(3.0)),
    ("live", "", "c", session(0.5)),
    ("attack", "print", "a", session(-4.0)),
    ("attack", "print", "b", session(-3.0)),
    ("attack", "tablet", "c", session(1.0)),
]

Evaluate = Callable[..., dict[str, Any]]


@pytest.fixture
def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    """Evaluate sessions that are already measured; returns report.json."""
    measured: dict[str, Session] = {}

    def remembered(items: Sequence[Item], folder: Path, **_: object) -> list[Session]:
        folder.mkdir(parents=True, exist_ok=True)
        return [measured[item.path] for item in items]

    monkeypatch.setattr(faces, "measure_sessions", remembered)
    monkeypatch.setattr(faces, "_missing", lambda signal: None)
    monkeypatch.setattr(scores, "bootstrap", partial(bootstrap, rounds=20))
    monkeypatch.setattr(plots, "save", lambda path, draw: None)
    monkeypatch.setattr(plots, "svg", lambda draw: "<svg ></svg>")

    def manifest(name: str, rows: Sequence[Row], columns: dict[str, list[str]]) -> str:
        lines = [",".join(["path", "label", "kind", "subject", *columns])]
        for at, (label, kind, subject, found) in enumerate(rows):
            path = f"{name}{at}.png"
            measured[path] = found
            own = (values[at] for values in columns.values())
            lines.append(",".join([path, label, kind, subject, *own]))
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n", "utf-8")
        return str(tmp_path / f"{name}.csv")

    def evaluate(
        rows: Sequence[Row],
        question: Question | None = None,
        *,
        other: Sequence[Row] | None = None,
        **columns: list[str],
    ) -> dict[str, Any]:
        run = Run(
            "pad",
            manifest("of", rows, columns),
            tmp_path / "out",
            None if other is None else manifest("other", other, {}),
        )
        measure_faces(question or Question("liveness"), POLICIES, run)
        found: dict[str, Any] = json.loads((run.out / "report.json").read_text("utf-8"))
        return found

    return evaluate


def value(figure: dict[str, Any]) -> float | None:
    found: float | None = figure["value"]
    return found


def test_the_headline_of_attacks_is_that_of_the_asked_signal(evaluated: Evaluate) -> None:
    found = evaluated(ROWS)
    assert tuple(found["headline"])[: len(PAD)] == PAD
    assert found["headline"]["auc"] == pytest.approx(8 / 9)  # the tablet beats one live face
    assert found["headline"]["worst_species_apcer"] == 1.0
    assert found["about"]["signal"] == "liveness"
    assert list(found["profiles"]) == ["hardened", "faithful"]
    assert found["profiles"]["hardened"]["threshold"] == POLICIES["hardened"].liveness.threshold


def test_every_signal_and_the_fused_score_stand_beside_each_other(evaluated: Evaluate) -> None:
    found = evaluated(ROWS)
    assert list(found["signals"]) == ["hardened", "faithful"]
    for signals in found["signals"].values():
        assert set(signals) == set(signals_here())
        assert value(signals["liveness"]["auc"]) == pytest.approx(8 / 9)
        assert value(signals["rppg"]["auc"]) is None
        assert value(signals["rppg"]["non_response"]) == 1.0
    # `faithful` gives liveness no weight, so that nothing is left to fuse.
    assert value(found["signals"]["faithful"][FUSED]["non_response"]) == 1.0
    assert value(found["signals"]["hardened"][FUSED]["auc"]) == pytest.approx(8 / 9)
    decided = found["decisions"]["hardened"]
    assert value(decided["bona_fide"]["review"]) == 1.0  # without parallax nothing is accepted
    assert value(decided["attack"]["passed"]) == pytest.approx(1 / 3)


def test_the_headline_can_be_that_of_the_fused_score(evaluated: Evaluate) -> None:
    found = evaluated(ROWS, Question(FUSED))
    assert found["about"]["signal"] == FUSED
    assert found["profiles"]["hardened"]["threshold"] == POLICIES["hardened"].threshold
    assert found["headline"]["auc"] == pytest.approx(8 / 9)


def test_published_systems_are_measured_on_the_same_images(evaluated: Evaluate) -> None:
    found = evaluated(ROWS, other=ROWS)
    assert list(found["peers"]) == ["Silent-Face pair"]  # the other's network did not answer
    assert value(found["peers"]["Silent-Face pair"]["auc"]) == pytest.approx(8 / 9)


def test_the_threshold_comes_from_the_other_manifest(evaluated: Evaluate) -> None:
    higher = [(*row[:3], session(at)) for row, at in zip(ROWS, (9, 9, 9, 8, 8, 8), strict=True)]
    found = evaluated(ROWS, other=higher)
    assert found["headline"]["from_other_bpcer"] == 1.0
    assert found["headline"]["hter"] == 0.5
    assert found["headline"]["specificity"] == 0.0
    assert found["about"]["in_both"] == {"images": 0, "subjects": 3}
    fused = found["signals"]["hardened"]["liveness"]
    assert value(fused["hter"]) == 0.5


def test_what_the_signal_abstains_on_counts_where_somebody_insists(evaluated: Evaluate) -> None:
    rows = [*ROWS[:5], ("attack", "tablet", "c", session(1.0, Status.ABSTAINED))]
    assert evaluated(rows)["headline"]["non_response"] == pytest.approx(1 / 6)
    insisted = evaluated(rows, Question("liveness", insist=True))
    assert insisted["headline"]["non_response"] == 0.0
    assert insisted["headline"]["auc"] == pytest.approx(8 / 9)


def test_files_that_cannot_be_read_are_counted_and_the_rest_is_measured(
    evaluated: Evaluate,
) -> None:
    lost = Measurement(status=Status.UNAVAILABLE, reasons=("file-missing",))
    gone = Session(dict.fromkeys(NAMES, lost), FaceSummary(("file-missing",)), "", "file-missing")
    found = evaluated([*ROWS, ("attack", "print", "c", gone), ("live", "", "a", session(None))])
    assert found["headline"]["non_response"] == pytest.approx(2 / 8)
    assert found["headline"]["auc"] == pytest.approx(8 / 9)
    assert found["non_response"]["reasons"] == {"file-missing": 1, "no_face": 1}
    assert value(found["non_response"]["failure_to_acquire"]) == pytest.approx(2 / 8)
    assert "1 of 8 files of" in found["notes"][0]
    assert "(file-missing 1)" in found["notes"][0]


@pytest.mark.parametrize("label", ["live", "attack"])
def test_one_class_alone_says_what_can_be_known(label: str, evaluated: Evaluate) -> None:
    rows = [row for row in ROWS if row[0] == label]
    found = evaluated(rows, other=rows)
    assert "auc" not in found["headline"]
    assert found["headline"]["non_response"] == 0.0
    assert any("what needs both classes is not defined" in note for note in found["notes"])
    assert any("has one class only" in note for note in found["notes"])
    rate = "bpcer" if label == "live" else "apcer"
    assert found["headline"][rate] == pytest.approx(1 / 3)


def test_one_subject_alone_is_told(evaluated: Evaluate) -> None:
    found = evaluated([(label, kind, "a", of) for label, kind, _, of in ROWS])
    assert any("There is one subject" in note for note in found["notes"])
    assert found["headline"]["auc"] == pytest.approx(8 / 9)


def test_groups_of_people_stand_beside_each_other(evaluated: Evaluate) -> None:
    rows = [*ROWS, ("live", "", "d", session(None)), ("live", "", "e", session(-2.0))]
    found = evaluated(rows, sex=["F", "M", "F", "F", "M", "M", "F", "F"])
    groups = found["profiles"]["faithful"]["groups"]["sex"]
    women, men = groups["rows"]
    assert (women["name"], women["bona_fide"], men["name"], men["bona_fide"]) == ("F", 4, "M", 1)
    assert value(women["non_response"]) == pytest.approx(1 / 5)
    assert value(women["bpcer"]) == pytest.approx(1 / 3)
    assert value(groups["gaps"]["non_response"]) == pytest.approx(1 / 5)
    assert value(groups["gaps"]["bpcer"]) == pytest.approx(1 / 3)
    assert groups["gaps"]["bpcer"]["low"] >= 0


def test_fakes_are_told_apart_by_method_and_family(evaluated: Evaluate) -> None:
    question = Question("liveness", DEEPFAKE, methods=True)
    found = evaluated(ROWS, question, family=["", "", "", "flat", "flat", "glass"])
    assert next(iter(found["headline"])) == "auc"
    assert [row["name"] for row in found["methods"]] == ["print", "tablet"]
    assert [row["name"] for row in found["families"]] == ["flat", "glass"]
    flat, glass = found["methods"]
    assert (flat["fake"], flat["real"], flat["auc"]) == (2, 3, 1.0)
    assert value(glass["fake_detection"]) == 0.0
    assert glass["auc"] == pytest.approx(2 / 3)
    classes = found["profiles"]["faithful"]["classification"]["classes"]
    assert classes["attack"]["support"] == 3
    assert classes["attack"]["recall"] == pytest.approx(2 / 3)
    assert classes["bona_fide"]["recall"] == 1.0


def test_the_page_and_the_summary_say_it_to_people(evaluated: Evaluate, tmp_path: Path) -> None:
    evaluated(ROWS)
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.count("<svg ") == 4
    assert "<script" not in page
    for text in ("DET curve", "What becomes of a session", "Published systems", "tablet"):
        assert text in page
    summary = (tmp_path / "out" / "summary.md").read_text("utf-8")
    assert "Every signal and the fused score, hardened" in summary
    rows = (tmp_path / "out" / "items.csv").read_text("utf-8").splitlines()
    assert "fused_hardened" in rows[0]
    assert "liveness_faithful" in rows[0]
    assert len(rows) == 1 + len(ROWS)


def test_alone_the_signal_is_measured_without_the_others(evaluated: Evaluate) -> None:
    found = evaluated(ROWS, Question("liveness", whole=False))
    assert found["headline"]["auc"] == pytest.approx(8 / 9)
    assert "signals" not in found
    assert "decisions" not in found


def test_without_weights_the_error_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(EvaluationError, match="palisade models fetch depth_anything_v2_small"):
        measure_faces(Question("depth"), POLICIES, Run("pad", "nowhere.csv", tmp_path / "out"))


def test_deepfakes_are_measured_by_the_signal_that_can_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(faces, "signals_here", lambda: ("gan_texture", "deepfake"))
    monkeypatch.setattr(faces, "_missing", lambda signal: None)
    assert of_deepfakes() == "deepfake"
    monkeypatch.setattr(faces, "_missing", lambda signal: "no weights")
    assert of_deepfakes() == "gan_texture"
    monkeypatch.setattr(faces, "signals_here", lambda: ("gan_texture",))
    monkeypatch.setattr(faces, "_missing", lambda signal: None)
    assert of_deepfakes() == "gan_texture"


def test_a_score_is_what_the_judge_makes_of_the_session() -> None:
    policy = POLICIES["hardened"]
    live, empty = verdicts(policy, [session(4.0), session(None)])
    assert score_of(live, FUSED) == live.score
    assert score_of(live, "liveness") == next(s.score for s in live.signals if s.name == "liveness")
    assert score_of(empty, FUSED) != score_of(empty, FUSED)  # not a number
    assert threshold_of(policy, FUSED) == policy.threshold
    assert threshold_of(policy, "liveness") == policy.liveness.threshold
    assert threshold_of(policy, "gan_texture") == 0.5


FLAT = {"auc": 0.9, "hter": 0.2, "hter_low": 0.1, "hter_high": 0.3, "eer": 0.15, "bona_fide": 4.0}
FLAT |= {"apcer_at_bpcer_5": 0.4, "worst_species_apcer_at_bpcer_5": 0.6, "non_response": 0.0}


def test_the_headline_begins_with_the_standards_figures() -> None:
    found = headed(FLAT, PAD)
    assert tuple(found)[: len(PAD)] == PAD
    assert found["hter"] == found["shipped_hter"] == 0.2
    assert found.keys() >= FLAT.keys()


def test_with_another_manifest_hter_is_at_its_threshold() -> None:
    other = {"from_other_hter": 0.25, "from_other_hter_low": 0.2, "from_other_hter_high": 0.35}
    found = headed(FLAT | other, PAD)
    assert (found["hter"], found["hter_low"], found["hter_high"]) == (0.25, 0.2, 0.35)
    assert (found["shipped_hter"], found["shipped_hter_low"]) == (0.2, 0.1)


def test_what_is_not_defined_is_left_out() -> None:
    assert headed({"non_response": 1.0, "bpcer": 0.1}, PAD) == {"non_response": 1.0, "bpcer": 0.1}
