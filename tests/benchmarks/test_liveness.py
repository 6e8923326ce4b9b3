from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.liveness import (
    SOURCES,
    Part,
    Seen,
    elsewhere,
    halves,
    rows_of,
    systems,
    video_of,
    videos,
)


def seen(source: str, live: bool, score: float, subject: str, kind: str = "live") -> Seen:
    path = f"{source}/{subject}_{kind}_{score}_frame_00000.jpg"
    found = {"v2_2_7": score, "v1se_4_0": score, "v2_1_5": score}
    return Seen(source, path, live, kind, subject, {"liveness": found})


def score_of(one: Seen) -> float:
    return np.nan if one.liveness is None else one.liveness["v2_2_7"]


def half(source: str, attack: float) -> list[Seen]:
    """Four people: live faces at 1, a print at -1, and a screen that may pass for live."""
    return [
        one
        for person in "abcd"
        for one in (
            seen(source, True, 1.0, source + person),
            seen(source, False, -1.0, source + person, "print"),
            seen(source, False, attack, source + person, "screen"),
        )
    ]


def test_a_half_at_the_threshold_of_the_other() -> None:
    part = Part.of(half("train", 2.0), score_of)
    hter, apcer, worst, auc = part.figures(0.0, seed=0).split(" | ")
    # Half of the attacks pass, no live face is stopped; all of one species pass.
    assert hter == "0.250 [0.250, 0.250]"
    assert apcer == "0.500 [0.500, 0.500]"
    assert worst == "1.000 [1.000, 1.000]"
    assert auc == "0.500 [0.500, 0.500]"


def test_non_responses_have_no_part_in_the_figures() -> None:
    silent = [Seen("train", "x", live, "print", "e", {}) for live in (True, False)]
    part = Part.of([*half("train", -2.0), *silent], score_of)
    assert part.figures(0.0, seed=0).startswith("0.000 [0.000, 0.000] | 0.000")


def test_all_three_ways_to_choose_a_threshold_are_told() -> None:
    lines = list(halves(half("devel", -0.5) + half("train", 2.0), {"one": score_of}, 0))
    rows = [line for line in lines if line.startswith("| one")]
    assert len(rows) == 3
    # What was chosen on separable people lets the other half's screens pass.
    assert rows[0].startswith("| one | 0.250")
    assert rows[1].count("0.000 [0.000, 0.000]") >= 2


def test_collectors_stand_alone_and_together() -> None:
    two = [
        *(seen("collectors", True, 3.0, name) for name in ("x", "y")),
        seen("collectors", False, 2.0, "x", "screen"),
        seen("collectors", False, 4.0, "y", "screen"),
    ]
    head, _, row = [line for line in elsewhere(two, {"one": score_of}, 0) if line[:1] == "|"]
    assert head == "| system | x | y | all collectors | all samples | all clips |"
    cells = [cell.strip()[:5] for cell in row.split("|")[2:-1]]
    assert cells[:3] == ["1.000", "0.000", "0.500"]


@pytest.mark.parametrize("research", [False, True])
def test_every_system_scores_what_it_has_measures_for(research: bool) -> None:
    measures = dict.fromkeys(("v2_1_5", "v2_2_7", "v1se_4_0", "v2se_1_5", "v2se_2_0"), 1.0)
    colours = {"colours": 0.1, "hue_spread_deg": 8.0, "fine_detail": 0.3}
    one = Seen("train", "p", True, "live", "a", {"liveness": measures, "recapture": colours})
    compared = systems(research)
    assert ("V2-SE" in compared) is research
    assert all(0 < score(one) < 1 for score in compared.values())
    silent = Seen("train", "p", True, "live", "a", {})
    assert all(np.isnan(score(silent)) for score in compared.values())


def test_a_still_video_loses_by_its_sway() -> None:
    both = [*half("devel", 1.0), *half("train", 1.0)]
    still = {video_of(one.path): 0.1 if one.kind == "screen" else 3.0 for one in both}
    lines = list(videos(both, {"x and colour": lambda one: 0.5 + score_of(one) / 4}, still, 0))
    without, moved = (
        [line for line in lines if line.startswith(f"| {name}")]
        for name in ("x and colour", "the same")
    )
    assert "0.500 [0.500, 0.500]" in without[0]  # screens score as live faces do
    assert moved[0].count("0.000 [0.000, 0.000]") == 3


def test_only_sources_with_a_known_label_are_read(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(
        "path,label,kind,subject\n"
        "pad/replay_attack/devel/a.jpg,live,live,a\n"
        "pad/collectors/x/b.png,attack,screen_replay,x\n"
        "faces/pairs_deepface/pairs.csv,csv,,\n"
        "documents/c.png,specimen,,\n"
    )
    assert [(source, row["subject"]) for source, row in rows_of(tmp_path)] == [
        ("devel", "a"),
        ("collectors", "x"),
    ]
    assert next(iter(SOURCES)) == "devel"
