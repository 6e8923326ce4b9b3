"""A run of the same student without a teacher, which says what the teacher was good for."""

from __future__ import annotations

import json
from pathlib import Path

from models import own
from models.store import ModelUnavailable
from training.errors import TrainingError
from training.exported import Exported
from training.recipe import Recipe


def baseline_of(folder: Path, recipe: Recipe, data: str, seed: int) -> Exported:
    """Open the model of a run of ``palisade train``.

    Args:
        folder: of the run.
        recipe: of the student.
        data: SHA-256 of what the student learns from.
        seed: of the student's run; with that and the data, the parts are the same.

    Raises:
        TrainingError: there is no finished run, it is of another student, or may have learnt from
            the people that the student is measured on; or its model is not in the store any more.
    """
    try:
        report = json.loads((folder / "report.json").read_bytes())
        theirs = Recipe.model_validate(report["recipe"])
        trained_on = report["key"].split()[1:]
        name, sha256 = report["model"]["name"], report["model"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"--baseline {folder}: there is no report of a finished `palisade train` in it"
        ) from error
    if theirs.model_copy(update={"distillation": recipe.distillation}) != recipe:
        raise TrainingError(f"--baseline {folder}: it was trained by another recipe")
    if trained_on != [data, str(seed)]:
        raise TrainingError(
            f"--baseline {folder}: it was trained on other data, with another seed or by a teacher"
        )
    try:
        if own.find(name).card.sha256 == sha256:
            return Exported(name)
    except ModelUnavailable:
        pass
    raise TrainingError(
        f"--baseline {folder}: its model {name} is not in the store any more; run it again with a "
        "--name of its own"
    )
