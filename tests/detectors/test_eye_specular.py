"""Eyes are drawn with highlights at known places; landmarks are placed to fit."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.contracts import LANDMARKS, FaceBundle, Measurement, NoOpinion, Score, Status
from detectors.eye_specular import EyeSpecular, EyeSpecularMapping
from detectors.pictures import BLUE, RED, Image, Picture
from detectors.topology import (
    LEFT_EYE_CONTOUR,
    LEFT_EYE_SOCKET,
    LEFT_IRIS,
    RIGHT_EYE_CONTOUR,
    RIGHT_EYE_SOCKET,
    RIGHT_IRIS,
)
from fusion.policy import load_policy

COMPONENTS = ("presence", "symmetry", "area", "brightness")

Pixels = NDArray[np.uint8]
Points = NDArray[np.float32]
Spot = tuple[float, float, float]
"""x, y and radius of a highlight, in iris radii from the centre of the iris."""

WIDTH, HEIGHT = 240, 120
RADIUS = 20.0
CENTRES = {"right": (60.0, 60.0), "left": (180.0, 60.0)}
SKIN, SCLERA, IRIS, PUPIL, LIGHT = 150, 230, 80, 25, 255


def draw(
    right: tuple[Spot, ...] = (), left: tuple[Spot, ...] = (), gap: float = 0.8, iris: int = IRIS
) -> Pixels:
    """Two eyes on skin, uint8 RGB; ``gap`` is half the opening of the lids in iris radii.

    The sclera is brighter than the floor for highlights on purpose: it must not count.
    """
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    grey = np.full((HEIGHT, WIDTH), SKIN, np.uint8)
    for side, spots in (("right", right), ("left", left)):
        u, v = (x - CENTRES[side][0]) / RADIUS, (y - CENTRES[side][1]) / RADIUS
        rings = [(1.0, iris), (0.4, PUPIL)] if iris == IRIS else [(1.0, iris)]
        opening = (u / 2) ** 2 + (v / gap) ** 2 <= 1
        grey[opening] = SCLERA
        for size, level in rings:
            grey[opening & (np.hypot(u, v) <= size)] = level
        for at_x, at_y, size in spots:
            grey[opening & (np.hypot(u - at_x, v - at_y) <= size)] = LIGHT
    return np.repeat(grey[..., None], 3, axis=2)


def landmarks(gap: float = 0.8) -> Points:
    points = np.zeros((LANDMARKS, 3), np.float32)
    turn = np.arange(16) * 2 * np.pi / 16
    outline = RADIUS * np.column_stack([2 * np.cos(turn), gap * np.sin(turn)])
    socket = RADIUS * np.column_stack([2.6 * np.cos(turn), 1.8 * np.sin(turn)])
    rim = RADIUS * np.array([(0, 0), (1, 0), (0, -1), (-1, 0), (0, 1)])
    for iris, lids, around, side, outward in (
        (RIGHT_IRIS, RIGHT_EYE_CONTOUR, RIGHT_EYE_SOCKET, "right", -1),
        (LEFT_IRIS, LEFT_EYE_CONTOUR, LEFT_EYE_SOCKET, "left", 1),
    ):
        points[list(around), :2] = CENTRES[side] + socket * (outward, 1)
        points[list(iris), :2] = CENTRES[side] + rim
        points[list(lids), :2] = CENTRES[side] + outline * (outward, 1)
    return points


def mirrored(points: Points, width: int) -> Points:
    flipped = points.copy()
    for one, other in (
        (RIGHT_IRIS, LEFT_IRIS),
        (RIGHT_EYE_CONTOUR, LEFT_EYE_CONTOUR),
        (RIGHT_EYE_SOCKET, LEFT_EYE_SOCKET),
    ):
        flipped[list(one)], flipped[list(other)] = points[list(other)], points[list(one)]
    flipped[:, 0] = width - flipped[:, 0]
    return flipped


def rescaled(pixels: Pixels, points: Points, scale: float) -> tuple[Pixels, Points]:
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how)
    return resized.astype(np.uint8), (points * scale).astype(np.float32)


def bundle(pixels: Pixels, points: Points) -> FaceBundle:
    pixels, points = pixels.copy(), points.copy()
    pixels.setflags(write=False)
    points.setflags(write=False)
    height, width = pixels.shape[:2]
    return FaceBundle(
        crop=pixels,
        frame=pixels[:0],
        box=(0.0, 0.0, float(width), float(height)),
        crop_origin=(0.0, 0.0),
        crop_scale=1.0,
        frame_size=(width, height),
        landmarks=points,
    )


def measure(pixels: Pixels, points: Points | None = None) -> Measurement:
    return EyeSpecular().measure(bundle(pixels, landmarks() if points is None else points))


def score(pixels: Pixels, points: Points | None = None) -> Score:
    measured = measure(pixels, points)
    assert measured.status is Status.OK
    return EyeSpecular.score(measured.measures, EyeSpecularMapping())


LAMP: Spot = (0.3, -0.2, 0.12)
WINDOW: Spot = (-0.4, 0.1, 0.15)


def test_one_lamp_in_both_eyes_is_genuine() -> None:
    scored = score(draw((LAMP,), (LAMP,)))
    assert scored.components == dict.fromkeys(COMPONENTS, 1.0)
    assert scored.value == pytest.approx(1.0)


def test_measures_of_known_highlights() -> None:
    found = measure(draw((LAMP, WINDOW), (LAMP,))).measures

    assert found["right_iris_px"] == pytest.approx(2 * RADIUS)
    assert (found["right_count"], found["left_count"]) == (2, 1)
    # The lamp's area over that of the disc (0.9 radii) between lids 0.8 radii from its centre.
    disc = 0.9**2 * np.pi
    lens = disc * found["left_visible"]
    assert found["left_visible"] == pytest.approx(0.90, abs=0.05)
    assert found["left_area_ratio"] == pytest.approx(0.12**2 * np.pi / lens, rel=0.15)
    assert found["left_spot_ratio"] == found["left_area_ratio"]
    both = (0.12**2 + 0.15**2) * np.pi / lens
    assert found["right_area_ratio"] == pytest.approx(both, rel=0.15)
    assert LIGHT - IRIS <= found["left_contrast"] <= LIGHT - PUPIL


def test_positions_are_of_the_largest_highlight_in_iris_radii() -> None:
    found = measure(draw((LAMP, WINDOW), (LAMP,))).measures
    assert (found["right_x"], found["right_y"]) == pytest.approx(WINDOW[:2], abs=0.02)
    assert (found["left_x"], found["left_y"]) == pytest.approx(LAMP[:2], abs=0.02)


def test_sides_are_the_subject_s() -> None:
    found = measure(draw(right=(LAMP,))).measures
    assert (found["right_count"], found["left_count"]) == (1, 0)


@pytest.mark.parametrize("count", [pytest.param(n, id=f"{n} highlights") for n in (1, 2, 3, 5)])
def test_counts(count: int) -> None:
    turn = np.arange(count) * 2 * np.pi / count
    spots = tuple((0.5 * float(np.cos(t)), 0.5 * float(np.sin(t)), 0.1) for t in turn)
    assert measure(draw(spots, (LAMP,))).measures["right_count"] == count


def test_no_highlight_is_a_print() -> None:
    scored = score(draw())
    assert scored.components == dict.fromkeys(COMPONENTS, 0.0)
    assert scored.value == 0.0


def test_one_eye_alone_worked_by_hand() -> None:
    scored = score(draw(right=(LAMP,)))
    assert scored.components == {"presence": 0, "symmetry": 0, "area": 0.5, "brightness": 0.5}
    assert scored.value == pytest.approx(0.20 * 0.5 + 0.20 * 0.5)


def test_unlike_counts_worked_by_hand() -> None:
    scored = score(draw((LAMP, WINDOW, (0.0, 0.6, 0.08)), (LAMP,)))
    assert scored.components["symmetry"] == pytest.approx(1 / 3)
    assert scored.value == pytest.approx(0.35 + 0.25 / 3 + 0.20 + 0.20)


@pytest.mark.parametrize("level", [210, 235, 255])
@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_an_even_glow_has_no_small_bright_spots(level: int, noise: float) -> None:
    pixels = draw(iris=level).astype(np.float64)
    pixels += np.random.default_rng(1).normal(0, noise, pixels.shape[:2])[..., None]
    scored = score(np.clip(pixels, 0, 255).astype(np.uint8))
    assert scored.components["area"] == 0.0
    assert scored.components["brightness"] == 0.0
    assert scored.value <= 0.60


def test_dark_noise_is_no_highlight() -> None:
    noisy = draw() + np.random.default_rng(2).normal(0, 12, (HEIGHT, WIDTH, 1))
    found = measure(np.clip(noisy, 0, 255).astype(np.uint8)).measures
    assert (found["right_count"], found["left_count"]) == (0, 0)


def test_light_below_the_floor_is_no_highlight() -> None:
    dimmed = draw((LAMP,), (LAMP,))
    dimmed[dimmed == LIGHT] = 199
    assert measure(dimmed).measures["right_count"] == 0
    dimmed[dimmed == 199] = 200
    found = measure(dimmed).measures
    assert found["right_count"] == 1
    assert found["right_area_ratio"] == found["right_spot_ratio"] > 0


def test_above_the_floor_the_brightest_twentieth_is_bright() -> None:
    pixels = draw(iris=210)
    pixels[:, 40:80] = np.linspace(205, 250, 40).astype(np.uint8)[None, :, None]
    found = measure(pixels).measures
    assert found["right_count"] == 1
    assert found["right_spot_ratio"] == pytest.approx(0.05, abs=0.02)
    assert found["right_area_ratio"] == 1.0


def test_a_glare_round_a_highlight_lowers_the_area() -> None:
    """The percentile finds the brighter core, the area sees the glare."""
    pixels = draw(((0.0, 0.0, 0.6),), (LAMP,))
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    glare = np.hypot(x - 60, y - 60) <= 0.6 * RADIUS
    pixels[glare] = 205
    pixels[np.hypot(x - 60, y - 60) <= 0.1 * RADIUS] = LIGHT
    found = measure(pixels).measures
    assert found["right_area_ratio"] == pytest.approx(0.6**2 / (0.9**2 * 0.9), rel=0.1)
    assert EyeSpecular.score(found, EyeSpecularMapping()).components["area"] < 0.6


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(0.0, 0.0), (0.001, 0.5), (0.002, 1.0), (0.1, 1.0), (0.2, 0.5), (0.3, 0.0), (1.0, 0.0)],
)
def test_area_is_a_band(ratio: float, expected: float) -> None:
    found = dict(measure(draw((LAMP,), (LAMP,))).measures)
    found |= {"right_area_ratio": ratio, "left_area_ratio": ratio}
    mapped = EyeSpecular.score(found, EyeSpecularMapping())
    assert mapped.components["area"] == pytest.approx(expected)


def test_presence_of_one_eye_is_a_parameter() -> None:
    found = measure(draw(right=(LAMP,))).measures
    scored = EyeSpecular.score(found, EyeSpecularMapping(one_eye=0.5))
    assert scored.components["presence"] == 0.5


def test_a_mirrored_face_measures_the_same_with_sides_swapped() -> None:
    pixels = draw((LAMP, WINDOW), (LAMP,))
    original = measure(pixels).measures
    flipped = measure(pixels[:, ::-1], mirrored(landmarks(), WIDTH)).measures

    for name, value in original.items():
        side, _, what = name.partition("_")
        if side not in ("right", "left"):
            assert flipped[name] == pytest.approx(value, abs=1e-6), name
            continue
        twin = flipped[("left_" if side == "right" else "right_") + what]
        assert twin == pytest.approx(-value if what == "x" else value, abs=1e-6), name
    assert EyeSpecular.score(flipped, EyeSpecularMapping()) == EyeSpecular.score(
        original, EyeSpecularMapping()
    )


@pytest.mark.parametrize("scale", [0.75, 0.9, 1.25, 2.0])
def test_a_rescaled_face_measures_much_the_same(scale: float) -> None:
    pixels = draw((LAMP, WINDOW), (LAMP, WINDOW))
    scaled, points = rescaled(pixels, landmarks(), scale)
    original, found = measure(pixels).measures, measure(scaled, points).measures

    assert found["right_count"] == original["right_count"]
    assert found["right_x"] == pytest.approx(original["right_x"], abs=0.05)
    assert found["right_area_ratio"] == pytest.approx(original["right_area_ratio"], abs=0.015)
    assert score(scaled, points).value == pytest.approx(score(pixels).value, abs=0.02)


@pytest.mark.parametrize("gap", [0.05, 0.15])
def test_closed_eyes_are_not_judged(gap: float) -> None:
    measured = measure(draw((LAMP,), (LAMP,), gap), landmarks(gap))
    assert measured.status is Status.ABSTAINED
    assert measured.reasons == ("iris_hidden",)
    assert measured.measures["right_visible"] < 0.3


def test_one_closed_eye_is_enough_to_abstain() -> None:
    points = landmarks()
    lids = list(LEFT_EYE_CONTOUR)
    points[lids, 1] = CENTRES["left"][1] + 0.1 * (points[lids, 1] - CENTRES["left"][1])
    measured = measure(draw((LAMP,), (LAMP,)), points)
    assert measured.status is Status.ABSTAINED
    assert measured.measures["right_count"] == 1


def test_an_eye_cut_by_the_edge_of_the_frame_is_not_judged() -> None:
    pixels = draw((LAMP,), (LAMP,))[:, : int(CENTRES["left"][0] - 0.5 * RADIUS)]
    assert measure(pixels).reasons == ("iris_hidden",)


def test_an_eye_outside_the_crop_is_not_judged() -> None:
    assert measure(draw((LAMP,), (LAMP,)), landmarks() + np.float32(500)).reasons == (
        "iris_hidden",
    )


def test_a_tiny_iris_is_not_judged() -> None:
    measured = measure(*rescaled(draw((LAMP,), (LAMP,)), landmarks(), 5 / (2 * RADIUS)))
    assert measured.status is Status.ABSTAINED
    assert measured.reasons == ("iris_too_small",)


def test_needs_name_all_that_is_read() -> None:
    whole = bundle(draw((LAMP,), (LAMP,)), landmarks())
    whole = replace(whole, blendshapes=np.zeros(52, np.float32))
    assert EyeSpecular().measure(whole.only(EyeSpecular.needs)) == EyeSpecular().measure(whole)


@pytest.fixture(scope="module")
def astronaut_landmarks(astronaut: Pixels) -> Points:
    from mediapipe.python.solutions.face_mesh import FaceMesh

    with FaceMesh(static_image_mode=True, refine_landmarks=True) as mesh:
        found = mesh.process(astronaut).multi_face_landmarks[0].landmark
    height, width = astronaut.shape[:2]
    return np.array([(p.x * width, p.y * height, p.z * width) for p in found], np.float32)


def test_a_real_face(astronaut: Pixels, astronaut_landmarks: Points) -> None:
    found = measure(astronaut, astronaut_landmarks).measures
    assert found["right_iris_px"] == pytest.approx(8, abs=0.8)
    assert found["left_iris_px"] == pytest.approx(8, abs=0.8)
    assert min(found["right_visible"], found["left_visible"]) > 0.7


def test_highlights_planted_in_a_real_face(astronaut: Pixels, astronaut_landmarks: Points) -> None:
    large, points = rescaled(astronaut, astronaut_landmarks, 4)
    # Its left cornea mirrors the studio's light; paint over both irises, then plant the lights.
    irises = [points[iris[0], :2].astype(int).tolist() for iris in (RIGHT_IRIS, LEFT_IRIS)]
    for x, y in irises:
        cv2.circle(large, (x, y), 12, (60, 45, 35), cv2.FILLED)
    assert score(large, points).value == 0.0
    for x, y in irises:
        cv2.circle(large, (x + 4, y - 3), 2, (255, 255, 250), cv2.FILLED)
    scored = score(large, points)
    assert scored.components["presence"] == scored.components["symmetry"] == 1.0
    assert scored.value > 0.95


def outlined(picture: Picture, colour: tuple[int, int, int]) -> tuple[float, float]:
    """Centre of the outline in ``colour``, in the picture's width from its left and upper edge."""
    assert isinstance(picture, Image)
    rows, columns = np.nonzero((picture.pixels == np.array(colour)).all(axis=2))
    assert len(rows) > 0
    width = picture.pixels.shape[1]
    return (columns.min() + columns.max()) / 2 / width, (rows.min() + rows.max()) / 2 / width


def test_a_highlight_is_outlined_where_it_is() -> None:
    right, left = EyeSpecular().pictures(bundle(draw((LAMP,), (WINDOW,)), landmarks()))
    assert (right.name, left.name) == ("right_eye", "left_eye")
    for picture, (x, y, _) in ((right, LAMP), (left, WINDOW)):
        # The eye is four radii wide, the picture one and a half times as wide and 0.6 as high.
        at_x, at_y = outlined(picture, RED)
        assert at_x == pytest.approx(0.5 + x / 6, abs=0.015)
        assert at_y == pytest.approx(0.3 + y / 6, abs=0.015)
        assert outlined(picture, BLUE)[0] == pytest.approx(0.5, abs=0.015)
        assert "one highlight" in picture.title


def test_right_and_left_are_the_subjects() -> None:
    right, left = EyeSpecular().pictures(bundle(draw((LAMP,), ()), landmarks()))
    assert right.title.startswith("The subject's right eye: one highlight")
    assert left.title.startswith("The subject's left eye: no highlight")


def test_a_closed_eye_is_drawn_without_outlines() -> None:
    points = landmarks(gap=0.05)
    right, _ = EyeSpecular().pictures(bundle(draw(gap=0.05), points))
    assert isinstance(right, Image)
    assert "hidden" in right.title
    for colour in (BLUE, RED):
        assert not (right.pixels == np.array(colour)).all(axis=2).any()


def test_an_eye_outside_the_crop_is_left_out() -> None:
    points = landmarks()
    points[:, 0] -= 130  # the right eye is beyond the edge
    (left,) = EyeSpecular().pictures(bundle(draw((), ()), points))
    assert left.name == "left_eye"


HARDENED = load_policy("hardened").signal("eye_specular").mapping


def hardened(pixels: Pixels, points: Points | None = None) -> Score:
    return EyeSpecular.score(measure(pixels, points).measures, HARDENED)


def test_equal_lights_at_equal_places_have_no_gap() -> None:
    found = measure(draw((LAMP, WINDOW), (LAMP, WINDOW))).measures
    assert found["position_gap"] == pytest.approx(0, abs=0.01)
    assert found["pattern_gap"] == pytest.approx(0, abs=0.01)
    assert hardened(draw((LAMP, WINDOW), (LAMP, WINDOW))).value == pytest.approx(1.0)


@pytest.mark.parametrize("apart", [0.2, 0.6, 1.0])
def test_a_light_at_another_place_is_as_far_off_as_it_is(apart: float) -> None:
    here, there = (-apart / 2, 0.1, 0.15), (apart / 2, 0.1, 0.15)
    found = measure(draw((here,), (there,))).measures
    assert found["position_gap"] == pytest.approx(apart, abs=0.03)
    assert found["pattern_gap"] == pytest.approx(0, abs=0.03)


def test_another_pattern_at_the_same_place() -> None:
    """Two lamps, 0.4 radii from their middle, against one there: each lamp is 0.3 from its edge."""
    two = ((-0.4, 0.0, 0.1), (0.4, 0.0, 0.1))
    found = measure(draw(two, ((0.0, 0.0, 0.1),))).measures
    assert found["position_gap"] == pytest.approx(0, abs=0.03)
    assert 0.25 < found["pattern_gap"] < 0.4


def test_eyes_that_mirror_different_rooms_score_low_where_the_reference_is_content() -> None:
    unlike = draw(((-0.6, -0.3, 0.12),), ((0.6, 0.3, 0.12),))
    assert score(unlike).value == pytest.approx(1.0)
    assert hardened(unlike).components["position"] == 0.0
    assert hardened(unlike).value == pytest.approx(0.65)


def test_a_light_in_one_eye_alone_agrees_with_nothing() -> None:
    found = measure(draw(right=(LAMP,))).measures
    assert "position_gap" not in found
    components = EyeSpecular.score(found, HARDENED).components
    assert components["position"] == components["pattern"] == 0.0


def test_a_mirror_that_fills_the_iris_stays_cheap_to_compare() -> None:
    large, points = rescaled(draw(iris=250), landmarks(), 8)
    assert measure(large, points).measures["pattern_gap"] < 0.1


def doubts(pixels: Pixels, points: Points | None = None, **quality: float) -> tuple[str, ...]:
    seen = replace(bundle(pixels, landmarks() if points is None else points), quality=quality)
    with pytest.raises(NoOpinion) as doubt:
        EyeSpecular.score(EyeSpecular().measure(seen).measures, HARDENED)
    return doubt.value.reasons


def test_hardened_abstains_without_a_light_to_compare() -> None:
    assert doubts(draw()) == ("no_highlight",)


def test_hardened_abstains_on_a_small_iris() -> None:
    small = rescaled(draw((LAMP,), (LAMP,)), landmarks(), 14 / (2 * RADIUS))
    assert doubts(*small) == ("iris_too_small",)


def test_hardened_abstains_on_eyes_half_closed() -> None:
    lamp = (0.3, 0.0, 0.2)
    gap = 0.3
    assert 0.3 < measure(draw((lamp,), (lamp,), gap), landmarks(gap)).measures["left_visible"] < 0.5
    assert doubts(draw((lamp,), (lamp,), gap), landmarks(gap)) == ("iris_hidden",)


def test_hardened_abstains_behind_dark_glasses() -> None:
    lit = draw((LAMP,), (LAMP,))
    assert doubts(lit, darker_eye=0.3) == ("eyes_covered",)
    seen = replace(bundle(lit, landmarks()), quality={"darker_eye": 0.9})
    assert EyeSpecular.score(EyeSpecular().measure(seen).measures, HARDENED).value > 0.9


def test_hardened_abstains_where_something_shines_beside_an_eye() -> None:
    shining = draw((LAMP,), (LAMP,))
    at_x, at_y = CENTRES["left"]
    cv2.circle(shining, (int(at_x), int(at_y - 1.2 * RADIUS)), 8, (255, 255, 255), cv2.FILLED)
    found = measure(shining).measures
    assert found["left_glare"] > 0.04
    assert found["right_glare"] == 0.0
    assert doubts(shining) == ("glare_beside_eyes",)


def test_bright_skin_is_no_glare() -> None:
    bright = draw((LAMP,), (LAMP,))
    bright[bright == SKIN] = 210
    assert measure(bright).measures["left_glare"] == 0.0


def test_a_socket_out_of_sight_has_no_glare() -> None:
    found = measure(draw((LAMP,), (LAMP,)), landmarks() + np.float32(500)).measures
    assert "left_glare" not in found
