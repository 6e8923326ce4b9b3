from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from detectors.face import FaceLocator
from detectors.fingerprint import RINGS, shipped_head, spectrum
from evaluation.metrics import curve
from training.controls import Table
from training.faces import Source, gather
from training.photographs import NAME
from training.texture import GENERATED, fit_on, unseen, written

SEED = 1
"""Of other scales than those that the head was fitted on."""


def table(seed: int = 0) -> Table:
    """Spectra of two sources that may be trained on and of one that may not."""
    rng = np.random.default_rng(seed)
    sources = np.repeat([NAME, GENERATED, "stylegan2"], 30)
    real = sources == NAME
    features = rng.normal(size=(90, RINGS - 1))
    features[:, 0] += 2.0 * real
    features[:, 1] += 50.0 * (sources == "stylegan2")
    subjects = np.array([str(at) for at in range(90)])
    return Table(features, features, real, sources, subjects)


def test_the_shipped_head_is_fitted_on_nothing_but_what_is_permitted() -> None:
    faces = table()
    head = fit_on(faces, np.ones(90, bool))
    others = faces.sources != "stylegan2"
    changed = Table(
        np.where(others[:, None], faces.features, 0.0),
        faces.blurred,
        faces.real,
        faces.sources,
        faces.subjects,
    )
    assert (fit_on(changed, np.ones(90, bool)).weights == head.weights).all()


def test_answers_come_from_heads_that_have_not_seen_the_face() -> None:
    faces = table()
    noise = Table(
        np.random.default_rng(7).normal(size=(90, RINGS - 1)),
        faces.blurred,
        faces.real,
        faces.sources,
        faces.subjects,
    )
    said = unseen(noise, 0)
    trained = faces.sources != "stylegan2"
    assert curve(said[trained], faces.real[trained]).auc < 0.75  # seen, it would be near 1


def test_the_file_says_what_it_was_fitted_on() -> None:
    faces = table()
    head = fit_on(faces, np.ones(90, bool))
    content = json.loads(written(head, faces))
    assert content["trained_on"] == {GENERATED: 30, NAME: 30}
    assert content["weights"] == pytest.approx(head.weights.tolist(), abs=1e-6)
    assert content["intercept"] == pytest.approx(head.intercept, abs=1e-6)


@pytest.mark.data
def test_the_shipped_head_does_what_its_card_says(data_dir: Path) -> None:
    """On faces that it was never fitted on, at other scales: it prefers webcams to generated faces,
    and hardly knows StyleGAN2 from the photographs that StyleGAN2 was trained on."""
    cv2.setNumThreads(1)
    locator = FaceLocator()
    locator.load()
    sources = [
        Source("webcam", True, "pad/replay_attack", "webcam_authenticate", most=24),
        Source("ffhq", True, "synthetic/ffhq_real", most=30),
        Source("stylegan2", False, "synthetic/stylegan2", most=30),
    ]
    faces = list(gather(data_dir, SEED, locator, sources))
    said = shipped_head().log_odds(np.array([spectrum(face.patch) for face in faces]))
    names = np.array([face.source for face in faces])

    def auc(camera: str) -> float:
        chosen = np.isin(names, (camera, "stylegan2"))
        return curve(said[chosen], names[chosen] == camera).auc

    assert auc("webcam") > 0.85
    assert 0.35 < auc("ffhq") < 0.80
