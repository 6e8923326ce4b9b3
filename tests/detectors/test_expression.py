from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from detectors.expression import BlendshapeNetwork
from detectors.landmarks import TasksLandmarker, Tracker


@pytest.fixture(scope="module")
def task(models_dir):
    return str(models_dir / "face_landmarker.task")


@pytest.mark.weights
def test_the_same_landmarks_give_the_same_blendshapes(task, astronaut):
    [face] = TasksLandmarker(task).find(astronaut)
    network = BlendshapeNetwork(task)
    np.testing.assert_allclose(network.coefficients(face.landmarks), face.blendshapes, atol=1e-3)
    moved = 1.7 * face.landmarks + np.float32([31, -12, 0])
    np.testing.assert_allclose(network.coefficients(moved), face.blendshapes, atol=0.02)


@pytest.mark.weights
def test_tracked_landmarks_give_much_the_same(task, astronaut):
    landmarker = TasksLandmarker(task)
    [face] = landmarker.find(astronaut)
    with Tracker() as tracker:
        shapes = landmarker.blendshapes(tracker.follow(astronaut))
    assert shapes.shape == (52,)
    assert shapes.dtype == np.float32
    assert np.corrcoef(shapes, face.blendshapes)[0, 1] > 0.9


@pytest.mark.weights
def test_many_threads_can_ask_at_once(task, astronaut):
    [face] = TasksLandmarker(task).find(astronaut)
    network = BlendshapeNetwork(task)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(network.coefficients, [face.landmarks] * 32))
    np.testing.assert_allclose(found, [face.blendshapes] * 32, atol=1e-3)
