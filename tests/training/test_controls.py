"""Sources that differ in known ways: the controls must tell what the head goes by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.fingerprint import Head
from training.controls import FOLDS, Pair, Table, compare
from training.heads import fit

CAMERAS, GENERATORS = ("camera_a", "camera_b", "camera_c"), ("gan", "diffusion")
EACH = 40


def table(seed: int = 0, mark: float = 3.0, camera: float = 0.0) -> Table:
    """Five sources of 40 faces.

    Args:
        mark: what every generator leaves in the first feature; blur removes it.
        camera: what camera_b has in the second feature, and blur does not remove.
    """
    rng = np.random.default_rng(seed)
    sources = np.repeat(CAMERAS + GENERATORS, EACH)
    real = np.isin(sources, CAMERAS)
    blurred = rng.normal(size=(len(sources), 4))
    blurred[:, 1] += camera * (sources == "camera_b")
    plain = blurred.copy()
    plain[:, 0] += mark * ~real
    subjects = np.array([f"{source}/{at // 2}" for at, source in enumerate(sources)])
    return Table(plain, blurred, real, sources, subjects)


@dataclass(frozen=True)
class Compared:
    """What a comparison found, and the faces that each of its heads was trained on."""

    pairs: list[Pair]
    trained_on: list[NDArray[np.bool_]]


def compared(
    faces: Table, trainable: tuple[str, ...] = CAMERAS + GENERATORS, **options: Any
) -> Compared:
    trained_on: list[NDArray[np.bool_]] = []

    def train(chosen: NDArray[np.bool_]) -> Head:
        trained_on.append(chosen)
        return fit(faces.features[chosen], faces.real[chosen], faces.sources[chosen])

    allowed = {name: name in trainable for name in CAMERAS + GENERATORS}
    return Compared(compare(faces, allowed, 0, train, **options), trained_on)


def mean(found: list[Pair], control: str, faces: Table) -> float:
    weights = np.ones(len(faces.real))
    return float(np.mean([pair.auc(weights) for pair in found if pair.control == control]))


def test_a_mark_that_all_generators_leave_passes_every_control() -> None:
    faces = table()
    found = compared(faces).pairs
    assert mean(found, "known", faces) > 0.95
    assert mean(found, "left_out", faces) > 0.95
    assert mean(found, "real", faces) == pytest.approx(0.5, abs=0.1)
    assert mean(found, "blur", faces) == pytest.approx(0.5, abs=0.1)


def test_a_head_that_knows_a_camera_is_found_out() -> None:
    """Nothing is left by generators; what the head learns is one camera's."""
    faces = table(mark=0.0, camera=5.0)
    real = {
        (pair.upper, pair.lower): pair.auc(np.ones(len(faces.real)))
        for pair in compared(faces).pairs
        if pair.control == "real"
    }
    assert real["camera_a", "camera_b"] < 0.2  # unseen camera_a is called less real than camera_b
    assert real["camera_a", "camera_c"] == pytest.approx(0.5, abs=0.15)


def test_what_is_compared_was_never_trained_on() -> None:
    faces = table()
    seen = compared(faces).trained_on
    assert len(seen) == len(CAMERAS) * (FOLDS + len(GENERATORS))
    for chosen in seen:
        assert len(set(faces.sources[chosen & faces.real])) == len(CAMERAS) - 1
    folds = faces.folds(0)
    for subject in set(faces.subjects):
        assert len(set(folds[faces.subjects == subject])) == 1


def test_only_permitted_sources_are_trained_on() -> None:
    faces = table()
    found = compared(faces, ("camera_a", "gan"))
    for chosen in found.trained_on:
        assert set(faces.sources[chosen]) == {"camera_a", "gan"}
    # camera_a cannot be left out: there would be no photograph to train on.
    assert {pair.upper for pair in found.pairs} == {"camera_b", "camera_c"}
    assert {pair.lower for pair in found.pairs if pair.control == "left_out"} == {"diffusion"}


def test_faces_that_stand_apart_are_compared_and_not_trained_on() -> None:
    faces = table()
    found = compared(faces, apart={"diffusion"})
    assert all("diffusion" not in faces.sources[chosen] for chosen in found.trained_on)
    assert {pair.lower for pair in found.pairs if pair.control == "apart"} == {"diffusion"}
    assert {pair.lower for pair in found.pairs if pair.control == "known"} == {"gan"}


def test_an_auc_counts_ties_half_and_follows_the_weights() -> None:
    wins = np.array([[1.0, 0.5], [0.0, 0.0]])
    pair = Pair("known", "a", "b", np.array([0, 1]), np.array([2, 3]), wins)
    assert pair.auc(np.ones(4)) == pytest.approx(1.5 / 4)
    assert pair.auc(np.array([1.0, 0.0, 1.0, 0.0])) == 1.0
    assert np.isnan(pair.auc(np.array([0.0, 0.0, 1.0, 1.0])))
