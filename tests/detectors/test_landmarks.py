from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from detectors import landmarks
from detectors.distilled import shipped
from detectors.landmarks import (
    FullRangeDetector,
    MeshLandmarker,
    TasksLandmarker,
    Tracker,
    load_landmarker,
)
from detectors.topology import LEFT_IRIS, NOSE_TIP, RIGHT_IRIS
from models.store import ModelUnavailable

# Read off the picture by eye, in pixels.
RIGHT_PUPIL, LEFT_PUPIL, NOSE = (203, 101), (247, 103), (223, 127)


@pytest.fixture(scope="module")
def mesh():
    return MeshLandmarker()


@pytest.fixture(scope="module")
def tasks(models_dir):
    return TasksLandmarker(str(models_dir / "face_landmarker.task"))


def assert_astronaut(face):
    assert face.landmarks.shape == (478, 3)
    assert face.landmarks.dtype == np.float32
    found = [face.landmarks[index, :2] for index in (RIGHT_IRIS[0], LEFT_IRIS[0], NOSE_TIP)]
    np.testing.assert_allclose(found, [RIGHT_PUPIL, LEFT_PUPIL, NOSE], atol=4)
    nose, ear = face.landmarks[NOSE_TIP, 2], face.landmarks[234, 2]
    assert nose < ear  # smaller is nearer


def assert_smiles(face):
    assert face.blendshapes.shape == (52,)
    assert face.blendshapes.dtype == np.float32
    smile = face.blendshapes[[44, 45]]  # mouthSmileLeft, mouthSmileRight
    assert (smile > 0.7).all()
    assert face.blendshapes[0] < 0.01  # _neutral


def test_bundled_model_finds_a_face(mesh, astronaut):
    [face] = mesh.find(astronaut)
    assert_astronaut(face)
    assert_smiles(face)
    np.testing.assert_array_equal(mesh.blendshapes(face.landmarks), face.blendshapes)
    assert mesh.model == shipped().sha256


@pytest.mark.weights
def test_tasks_model_finds_the_same_face_and_its_smile(tasks, mesh, astronaut):
    [face], [other] = tasks.find(astronaut), mesh.find(astronaut)
    assert_astronaut(face)
    apart = np.linalg.norm((face.landmarks - other.landmarks)[:, :2], axis=1)
    assert apart.mean() < 0.03 * np.ptp(face.landmarks[:, 0])
    assert_smiles(face)


def test_nothing_is_found_in_noise(mesh):
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert mesh.find(noise) == []
    assert FullRangeDetector().find(noise) == []


def test_landmarks_are_in_pixels_of_images_that_are_not_square(mesh, astronaut):
    [face] = mesh.find(astronaut[:300])
    assert_astronaut(face)


def test_many_threads_get_what_one_gets(mesh, astronaut):
    images = [np.roll(astronaut, shift, axis=1) for shift in (0, 30, 60, 90)] * 4
    alone = [mesh.find(image)[0].landmarks for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = [faces[0].landmarks for faces in pool.map(mesh.find, images)]
    np.testing.assert_allclose(together, alone, atol=1e-3)


def test_full_range_detector_finds_the_box(astronaut):
    [(x0, y0, x1, y1)] = FullRangeDetector().find(astronaut)
    for x, y in (RIGHT_PUPIL, LEFT_PUPIL, NOSE):
        assert x0 < x < x1
        assert y0 < y < y1
    assert 60 < x1 - x0 < 140


def test_tracker_follows_a_face(astronaut):
    with Tracker() as tracker:
        for shift in (0, 4, 8):
            found = tracker.follow(np.roll(astronaut, shift, axis=1))
            np.testing.assert_allclose(found[468, :2], np.add(RIGHT_PUPIL, (shift, 0)), atol=4)
        assert tracker.follow(np.zeros_like(astronaut)) is None


def test_tracker_without_irises_says_so(astronaut):
    with Tracker(irises=False) as tracker:
        found = tracker.follow(astronaut)
    assert np.isfinite(found[:468]).all()
    assert np.isnan(found[468:]).all()


def test_bundled_model_stands_in_for_missing_weights(monkeypatch, astronaut):
    def missing(name):
        raise ModelUnavailable("weights_missing", name)

    monkeypatch.setattr(landmarks, "find", missing)
    landmarker = load_landmarker()
    assert landmarker.model == shipped().sha256
    assert_smiles(*landmarker.find(astronaut))


@pytest.mark.weights
def test_tasks_model_is_used_where_it_is(models_dir):
    landmarker = load_landmarker()
    assert landmarker.model == landmarks.digest("face_landmarker")


def test_pool_lends_one_at_a_time_and_drops_what_failed():
    made = []
    pool = landmarks._Pool(lambda: made.append(object()) or made[-1])
    with pool.borrow() as first, pool.borrow() as second:
        assert first is not second
    with pytest.raises(ValueError, match="graph"), pool.borrow():
        raise ValueError("graph")
    with pool.borrow(), pool.borrow():
        pass
    assert len(made) == 3
