from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from detectors.contracts import BLENDSHAPES
from detectors.distilled import SEEN
from detectors.expression import BLENDSHAPE_NAMES
from detectors.landmarks import MeshLandmarker
from detectors.topology import (
    CHIN,
    INNER_LIP_LOWER,
    INNER_LIP_UPPER,
    LEFT_EYE_OUTER,
    LEFT_IRIS,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    NOSE_TIP,
    RIGHT_EYE_OUTER,
    RIGHT_IRIS,
)
from training.shapes import (
    TWINS,
    Array,
    Modeller,
    along_skin,
    frontal,
    mirrored,
    muscles,
    on_screen,
)

FOREHEAD_TOP = 10
JAW = BLENDSHAPE_NAMES.index("jawOpen")
CHIN_SEEN = SEEN.index(CHIN)


@pytest.fixture(scope="module")
def face(astronaut: NDArray[np.uint8]) -> Array:
    return frontal(MeshLandmarker().find(astronaut)[0].landmarks)


def chin_is_the_jaw(points: Array) -> NDArray[np.float32]:
    """A teacher to whom the jaw is open as far as the chin is low."""
    answers = np.full((len(points), BLENDSHAPES), 0.5)
    answers[:, JAW] = 1 / (1 + np.exp(-points[:, CHIN_SEEN, 1] / 10))
    answers += 1e-4 * points.reshape(len(points), -1)[:, :BLENDSHAPES]  # none is constant
    return answers.astype(np.float32)


@pytest.fixture(scope="module")
def modeller(face: Array) -> Modeller:
    faces = np.array([face, face * (1.1, 0.9, 1.0)])
    return Modeller.of(faces, muscles(chin_is_the_jaw, faces))


def test_a_head_is_turned_to_the_camera(face: Array) -> None:
    turned = Rotation.from_euler("yxz", (25, -10, 15), degrees=True).apply(face)
    pixels = (30 * turned * (1, -1, -1) + (200, 300, 0)).astype(np.float32)
    np.testing.assert_allclose(frontal(pixels), face, atol=1e-3)
    assert face[NOSE_TIP, 2] > face[234, 2]  # the nose is nearer than an ear
    assert face[LEFT_IRIS[0], 0] > face[RIGHT_IRIS[0], 0]


def test_the_way_from_lip_to_lip_leads_round_the_corner(face: Array) -> None:
    face = face.copy()
    face[INNER_LIP_UPPER] = face[INNER_LIP_LOWER]
    distances = along_skin(face)
    np.testing.assert_allclose(distances, distances.T)
    assert distances[INNER_LIP_UPPER, INNER_LIP_LOWER] > 3.0
    assert np.isinf(distances[RIGHT_IRIS[0], NOSE_TIP])
    assert distances[RIGHT_IRIS[1], RIGHT_IRIS[3]] < 2.0
    straight = np.linalg.norm(face[NOSE_TIP] - face[FOREHEAD_TOP])
    assert straight <= distances[NOSE_TIP, FOREHEAD_TOP] < 1.5 * straight


def test_a_mirrored_face_has_its_left_eye_right(face: Array) -> None:
    [other] = mirrored(face[None])
    pairs = (
        (LEFT_IRIS[0], RIGHT_IRIS[0]),
        (LEFT_EYE_OUTER, RIGHT_EYE_OUTER),
        (MOUTH_LEFT, MOUTH_RIGHT),
        (NOSE_TIP, NOSE_TIP),
    )
    for left, right in pairs:
        # Not exactly: in one face, which smiles on one side, twins are the nearest points.
        np.testing.assert_allclose(other[right], face[left] * (-1, 1, 1), atol=0.2)
        np.testing.assert_allclose(other[left], face[right] * (-1, 1, 1), atol=0.2)


def test_what_is_nearer_is_larger() -> None:
    points = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 10.0]])
    np.testing.assert_allclose(on_screen(points, 20.0), [[1.0, -2.0], [2.0, -4.0]])
    np.testing.assert_allclose(on_screen(points), [[1.0, -2.0], [1.0, -2.0]])


def test_a_muscle_moves_what_the_teacher_looks_at(face: Array) -> None:
    [jaw] = muscles(chin_is_the_jaw, face[None])[[JAW]]
    far = SEEN.index(FOREHEAD_TOP)
    assert np.linalg.norm(jaw, axis=1).argmax() == CHIN_SEEN
    assert jaw[CHIN_SEEN] == pytest.approx([0.0, -1.0], abs=0.05)  # down
    assert np.linalg.norm(jaw[SEEN.index(148)]) > 0.1  # beside the chin
    assert np.linalg.norm(jaw[far]) < 1e-3


def test_every_side_has_its_twin() -> None:
    assert all(TWINS[TWINS[at]] == at for at in TWINS)
    names = {BLENDSHAPE_NAMES[at] for at in TWINS}
    assert {"eyeBlinkLeft", "mouthSmileRight"} <= names
    assert not {"jawLeft", "mouthRight", "jawOpen"} & names


def test_faces_are_drawn_anew_and_the_same_for_a_seed(modeller: Modeller) -> None:
    rng = np.random.default_rng(3)
    one, other = modeller.draw(rng), modeller.draw(rng)
    assert one.shape == (len(SEEN), 2)
    assert np.isfinite(one).all()
    assert np.abs(one - other).max() > 0.1
    np.testing.assert_array_equal(modeller.draw(np.random.default_rng(3)), one)


def test_drawn_faces_are_still_faces(modeller: Modeller) -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([modeller.draw(rng) for _ in range(200)])
    top = SEEN.index(FOREHEAD_TOP)
    assert (drawn[:, CHIN_SEEN, 1] > drawn[:, top, 1]).all()  # y down
    assert np.ptp(drawn[:, :, 0], axis=1).mean() == pytest.approx(15, abs=3)  # centimetres


def test_the_portraits_are_not_changed_by_drawing(modeller: Modeller) -> None:
    before = modeller.faces.copy()
    rng = np.random.default_rng(0)
    for _ in range(20):
        modeller.draw(rng)
    np.testing.assert_array_equal(modeller.faces, before)
