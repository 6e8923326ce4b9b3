"""Light, focus, eyes and compression of a real face, and of what was done to it."""

from __future__ import annotations

import cv2
import numpy as np
import poor_faces
import pytest

from detectors.landmarks import Face, MeshLandmarker
from detectors.pose import head_pose
from detectors.quality import measure_face


@pytest.fixture(scope="module")
def portrait(astronaut):
    """A face as a selfie has it, 250 px wide, and its landmarks."""
    pixels = cv2.resize(astronaut[:280, 84:364], (840, 840), interpolation=cv2.INTER_AREA)
    pixels = np.ascontiguousarray(pixels)
    return pixels, MeshLandmarker().find(pixels)[0]


def measured(pixels, face):
    height, width = pixels.shape[:2]
    return measure_face(pixels, face, head_pose(face.landmarks, (width, height)))


@pytest.fixture(scope="module")
def before(portrait):
    return measured(*portrait)


def test_a_good_face(before):
    assert before["lighter_eye"] == pytest.approx(1.0, abs=0.15)
    assert before["darker_eye"] == pytest.approx(1.0, abs=0.15)
    assert before["light_ratio"] > 0.75
    assert before["face_dark"] < 0.05
    assert before["face_bright"] < 0.01
    assert before["blockiness"] == pytest.approx(1.1, abs=0.15)
    assert all(map(np.isfinite, before.values()))


def test_blur_of_the_face_counts_and_that_of_the_background_does_not(portrait, before):
    pixels, face = portrait
    smooth = poor_faces.blurred(pixels, 6)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    hull = cv2.convexHull(np.rint(face.landmarks[:, :2]).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1)
    mask = cv2.dilate(mask, np.ones((21, 21), np.uint8))[..., None]
    background = measured(np.where(mask, pixels, smooth), face)
    foreground = measured(np.where(mask, smooth, pixels), face)
    assert background["face_sharpness"] == pytest.approx(before["face_sharpness"], rel=0.02)
    assert foreground["face_sharpness"] < 0.3 * before["face_sharpness"]


def test_sharpness_and_eyes_do_not_depend_on_how_dark_a_face_is(portrait, before):
    """A third of the light, as from skin that reflects a third of it."""
    pixels, face = portrait
    dark = measured(poor_faces.exposed(pixels, 0.33), face)
    assert dark["face_sharpness"] == pytest.approx(before["face_sharpness"], rel=0.25)
    assert dark["lighter_eye"] == pytest.approx(before["lighter_eye"], abs=0.05)
    assert dark["light_ratio"] == pytest.approx(before["light_ratio"], abs=0.03)
    assert dark["face_brightness"] == pytest.approx(before["face_brightness"] / 3, rel=0.05)


def test_exposure_is_that_of_the_face(portrait):
    pixels, face = portrait
    assert measured(poor_faces.exposed(pixels, 0.1), face)["face_dark"] > 0.95
    assert measured(poor_faces.exposed(pixels, 4.0), face)["face_bright"] > 0.5


def test_light_from_one_side(portrait, before):
    pixels, face = portrait
    lit = measured(poor_faces.lit_from_the_left(pixels, face.landmarks[:, :2], 0.1), face)
    assert lit["light_ratio"] < 0.4 < before["light_ratio"]


def test_sunglasses_darken_both_eyes_and_hair_one(portrait):
    pixels, face = portrait
    points = face.landmarks[:, :2]
    behind = measured(poor_faces.with_sunglasses(pixels, points), face)
    assert behind["lighter_eye"] < 0.15
    strand = measured(poor_faces.with_hair_over_the_right_eye(pixels, points), face)
    assert strand["darker_eye"] < 0.3
    assert strand["lighter_eye"] > 0.85


def test_dark_rims_leave_the_eyes_to_be_seen(portrait):
    pixels, face = portrait
    framed = pixels.copy()
    for eye in ((33, 133), (362, 263)):
        corners = face.landmarks[list(eye), :2]
        x, y = (int(value) for value in corners.mean(axis=0))
        half = int(np.linalg.norm(corners[0] - corners[1]) * 0.85)
        cv2.ellipse(framed, (x, y), (half, int(half * 0.8)), 0, 0, 360, (15, 15, 15), half // 6)
    assert measured(framed, face)["darker_eye"] > 0.75


def test_compression_shows_as_blocks_wherever_their_edges_lie(portrait, before):
    pixels, face = portrait
    poor = poor_faces.compressed(pixels, 12)
    assert measured(poor, face)["blockiness"] > 2.5
    moved = Face(face.landmarks - np.array([3, 5, 0], np.float32))
    cropped = measured(np.ascontiguousarray(poor[5:, 3:]), moved)
    assert cropped["blockiness"] > 2.5
    assert measured(poor_faces.compressed(pixels, 92), face)["blockiness"] < 1.4


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_face_is_measured_and_finite(portrait, level):
    _, face = portrait
    measures = measured(np.full((840, 840, 3), level, np.uint8), face)
    assert all(map(np.isfinite, measures.values()))
    assert measures["face_sharpness"] == 0.0
    assert measures["blockiness"] == 1.0


@pytest.mark.parametrize("shift", [(-400, 0), (500, 0), (0, -480), (430, 430), (2000, 2000)])
def test_a_face_that_leaves_the_frame_is_measured_as_far_as_it_is_there(portrait, shift):
    pixels, face = portrait
    gone = Face(face.landmarks + np.array([*shift, 0], np.float32))
    measures = measured(pixels, gone)
    assert all(map(np.isfinite, measures.values()))
    assert measures["margin"] < 0


def test_mirroring_changes_nothing(portrait, before):
    pixels, _ = portrait
    mirrored = np.ascontiguousarray(pixels[:, ::-1])
    after = measured(mirrored, MeshLandmarker().find(mirrored)[0])
    for name in ("lighter_eye", "darker_eye", "light_ratio", "face_coverage"):
        assert after[name] == pytest.approx(before[name], abs=0.08)
    assert after["face_sharpness"] == pytest.approx(before["face_sharpness"], rel=0.2)
