from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.contracts import BLENDSHAPES, LANDMARKS
from detectors.distilled import SEEN, Distilled, features, read, shipped
from detectors.expression import BLENDSHAPE_NAMES
from detectors.landmarks import MeshLandmarker

Points = NDArray[np.float32]

SMILE = [BLENDSHAPE_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")]
BLINK = [BLENDSHAPE_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]


@pytest.fixture(scope="module")
def landmarks(astronaut: NDArray[np.uint8]) -> Points:
    return MeshLandmarker().find(astronaut)[0].landmarks


def noise(count: int = 5) -> Points:
    return np.random.default_rng(0).normal(0, 50, (count, LANDMARKS, 3)).astype(np.float32)


def test_a_smile_is_seen_and_open_eyes_are_not_closed(landmarks: Points) -> None:
    found = shipped().coefficients(landmarks)
    assert found.shape == (BLENDSHAPES,)
    assert found.dtype == np.float32
    assert (found[SMILE] > 0.7).all()
    assert (found[BLINK] < 0.3).all()


def test_closing_lids_close_the_eyes(landmarks: Points) -> None:
    closed = landmarks.copy()
    for upper, lower in ((159, 145), (158, 153), (160, 144), (386, 374), (385, 380), (387, 373)):
        closed[upper] = closed[lower]
    opened, shut = shipped().coefficients(landmarks), shipped().coefficients(closed)
    assert (shut[BLINK] > opened[BLINK] + 0.2).all()


def test_place_and_size_do_not_matter_and_depth_does_not(landmarks: Points) -> None:
    network = shipped()
    found = network.coefficients(landmarks)
    moved = 1.7 * landmarks + np.float32([310, -120, 0])
    np.testing.assert_allclose(network.coefficients(moved), found, atol=1e-3)
    np.testing.assert_array_equal(network.coefficients(landmarks * np.float32([1, 1, 9])), found)


def test_only_the_points_that_the_teacher_sees_are_looked_at(landmarks: Points) -> None:
    others = np.setdiff1d(np.arange(LANDMARKS), SEEN)
    changed = landmarks.copy()
    changed[others] += 100
    network = shipped()
    np.testing.assert_array_equal(network.coefficients(changed), network.coefficients(landmarks))


def test_features_have_no_place_and_one_size() -> None:
    values = features(noise()[:, : len(SEEN), :2]).reshape(5, len(SEEN), 2)
    np.testing.assert_allclose(values.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(np.mean(np.sum(values**2, axis=2), axis=1), 1, rtol=1e-5)


def test_many_faces_at_once_and_on_many_threads_are_as_one_by_one() -> None:
    network, faces = shipped(), noise()
    alone = [network.coefficients(face) for face in faces]
    np.testing.assert_allclose(network.coefficients(faces), alone, atol=1e-5)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(network.coefficients, faces))
    np.testing.assert_array_equal(together, alone)


def test_the_layers_are_a_perceptron() -> None:
    network = Distilled(
        np.ones(2, np.float32),
        np.full(2, 2.0, np.float32),
        [np.eye(2, dtype=np.float32), np.array([[3.0], [-1.0]], np.float32)],
        [np.zeros(2, np.float32), np.array([0.5], np.float32)],
    )
    first, second = 1.0, -2.0  # (3 - 1) / 2 and (-3 - 1) / 2
    hidden = [x / (1 + np.exp(-x)) for x in (first, second)]
    expected = 1 / (1 + np.exp(-(3 * hidden[0] - hidden[1] + 0.5)))
    assert network.answers(np.array([3.0, -3.0], np.float32)) == pytest.approx(expected)


def test_answers_are_shares_whatever_the_landmarks() -> None:
    found = shipped().coefficients(noise() * np.float32(1e4))
    assert ((found >= 0) & (found <= 1)).all()


def test_the_file_is_small_and_its_digest_is_known() -> None:
    data = files("models").joinpath("blendshapes.npz").read_bytes()
    assert len(data) < 300_000
    network = read(data)
    assert network.sha256 == shipped().sha256
    assert [len(network.weights[0]), network.weights[-1].shape[1]] == [2 * len(SEEN), BLENDSHAPES]


def test_a_file_with_objects_is_refused() -> None:
    file = io.BytesIO()
    np.savez(file, mean=np.array([{}], object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read(file.getvalue())
