from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import single_logit
from toy_faces import draw, write_manifest

from benchmarks.trainings import BEGIN, END, PICTURE, RECIPES, _publish, apart, tables
from evaluation.errors import EvaluationError
from evaluation.intervals import Figure
from training.crops import cutter
from training.examples import LOOKED, look
from training.recipe import read_recipe, shipped


def figure(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.1, "high": value, "n": 40, "method": "bootstrap"}


def report(elsewhere: dict[str, float]) -> Any:
    """As a run writes it; the same after a trip through JSON."""
    words = ("auc", "accuracy", "precision", "recall", "f1", "apcer_chosen", "bpcer_chosen")
    epochs = [
        {"train_loss": 0.7, "val_loss": 0.6, "best": True, "seconds": 90.0},
        {"train_loss": 0.5, "val_loss": 0.4, "best": True, "seconds": 90.0},
        {"train_loss": 0.3, "val_loss": 0.5, "best": False, "seconds": 60.0},
    ]
    made = {
        "recipe": {"side": 112},
        "epochs": epochs,
        "model": {"bytes": 6_100_000},
        "pictures": {"train": 70, "validation": 15, "test": 15},
        "worth": {"figures": {word: figure(0.9) for word in words}},
        "elsewhere": {
            name: {"figures": {word: figure(value) for word in words}}
            for name, value in elsewhere.items()
        },
    }
    return json.loads(json.dumps(made))


def test_every_shipped_recipe_is_trained_with_what_it_was_made_for() -> None:
    names = {path.stem for path in RECIPES.glob("*.yaml")}
    assert set(shipped()) <= names
    for name in names & set(shipped()):
        own, wanted = read_recipe(str(RECIPES / f"{name}.yaml")), read_recipe(name)
        assert (own.network, own.crop, own.purpose) == (wanted.network, wanted.crop, wanted.purpose)
        assert own.start == "random"


def test_in_domain_and_other_sources_stand_side_by_side() -> None:
    trained, inside, outside = tables({"one": report({"others": 0.6, "more": 0.95})}, {})
    assert trained.rows == (("one", 112, "70 / 15 / 15", "3, 2", "4", "6"),)
    assert inside.rows[0][:2] == ("one", "0.900 [0.800, 0.900]")
    assert [row[:5] for row in outside.rows] == [
        ("one", "0.900 [0.800, 0.900]", "others", "0.600 [0.500, 0.600]", "+0.300"),
        ("one", "0.900 [0.800, 0.900]", "more", "0.950 [0.850, 0.950]", "-0.050"),
    ]


def test_the_page_keeps_what_people_wrote(tmp_path: Path) -> None:
    page = tmp_path / "TRAINING.md"
    page.write_text(f"before\n{BEGIN}old\n{END}after\n")
    _publish(
        {"one": report({}), "two": report({"others": 0.6})},
        {"two": {"as trained": Figure(**figure(0.9)), "one video": Figure(**figure(0.7))}},
        tmp_path,
    )
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}")
    assert text.endswith(f"{END}after\n")
    assert "old" not in text
    assert "| two |" in text
    assert "| two | 0.900 [0.800, 0.900], n = 40 | 0.700 [0.600, 0.700], n = 40 |" in text
    assert (tmp_path / PICTURE).stat().st_size > 5000
    page.write_text("no place")
    with pytest.raises(EvaluationError, match="has no place"):
        _publish({"one": report({})}, {}, tmp_path)


def test_pictures_are_put_together_in_other_ways(tmp_path: Path) -> None:
    """Each person has two videos of two frames: one live, the other of a print."""
    pytest.importorskip("torch")
    rows = []
    for subject in range(6):
        for genuine, label, kind in ((True, "live", ""), (False, "spoof", "print")):
            for frame in (0, 90):
                name = f"{subject}_{label}_frame_{frame:05}.png"
                draw(tmp_path / name, genuine, 100 * subject + frame + genuine)
                rows.append((name, label, kind, f"person{subject}"))
    looked = look(str(write_manifest(tmp_path, rows)), cutter("whole"), 0.0, lambda done, of: None)
    (tmp_path / "looked.json").write_bytes(b"stamp\n" + LOOKED.dump_json(looked))
    model = single_logit.write(tmp_path / "blue.onnx", (0.0, 0.0, 1.0), side=32, images=4)
    recipe = read_recipe("vit_mean").model_copy(update={"crop": "whole", "side": 32})
    run = {"recipe": recipe.model_dump(mode="json"), "model": {"name": str(model)}}
    found = apart(tmp_path, run)
    assert {way: (auc.value, auc.n) for way, auc in found.items()} == {
        "as trained": (1, 2),
        "one video": (1, 2),
        "one picture": (1, 4),
    }
