from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bundles import bundle_with
from numpy.typing import NDArray

from detectors.blendshapes import (
    BARS,
    BLENDSHAPE_NAMES,
    FULL_PX,
    ROW,
    Blendshapes,
    BlendshapesMapping,
)
from detectors.contracts import BLENDSHAPES, Clip, FaceBundle, Measures, Score, Status
from detectors.pictures import BLUE, Image
from detectors.runner import Runner

Vector = NDArray[np.float32]


def bundle(coefficients: Vector | None) -> FaceBundle:
    return bundle_with(blendshapes=coefficients)


def vector(**coefficients: float) -> Vector:
    values = np.zeros(BLENDSHAPES, np.float32)
    for name, value in coefficients.items():
        values[BLENDSHAPE_NAMES.index(name)] = value
    values.setflags(write=False)
    return values


def spread(count: int, energy: float) -> Vector:
    """``energy`` in equal shares over the last ``count`` coefficients, none of them a blink."""
    values = np.zeros(BLENDSHAPES, np.float32)
    values[BLENDSHAPES - count :] = energy / count
    return values


def measure(coefficients: Vector) -> Measures:
    return Blendshapes().measure(bundle(coefficients)).measures


def score(coefficients: Vector, mapping: BlendshapesMapping | None = None) -> Score:
    return Blendshapes.score(measure(coefficients), mapping or BlendshapesMapping())


def test_names_are_the_52_of_mediapipe() -> None:
    assert len(set(BLENDSHAPE_NAMES)) == BLENDSHAPES
    assert BLENDSHAPE_NAMES[0] == "_neutral"
    assert "tongueOut" not in BLENDSHAPE_NAMES


def test_measures_of_a_known_vector() -> None:
    found = measure(vector(eyeBlinkLeft=0.2, eyeBlinkRight=0.1, jawOpen=0.5, mouthLeft=0.005))

    assert found["active_ratio"] == pytest.approx(3 / 51)  # mouthLeft is below 0.01
    assert found["energy"] == pytest.approx(0.805)
    assert found["blink_left"] == pytest.approx(0.2)
    assert found["blink_right"] == pytest.approx(0.1)
    mean_square = (0.2**2 + 0.1**2 + 0.5**2 + 0.005**2) / 51
    assert found["variance"] == pytest.approx(mean_square - (0.805 / 51) ** 2)


def test_neutral_is_no_expression() -> None:
    assert measure(vector(_neutral=1.0)) == measure(vector())


def test_a_score_worked_by_hand() -> None:
    """5 of 51 active, energy 0.2, no blink, equal shares."""
    scored = score(spread(5, 0.2))

    active = (5 / 51 - 0.05) / 0.10
    variance = 0.2**2 / 5 / 51 - (0.2 / 51) ** 2
    diversity = (variance - 7e-5) / (2e-4 - 7e-5)
    assert scored.components == pytest.approx(
        {"active": active, "energy": 0.5, "blink": 0.0, "diversity": diversity}
    )
    assert scored.value == pytest.approx(0.30 * active + 0.30 * 0.5 + 0.25 * diversity)
    assert scored.reasons == ()


@pytest.mark.parametrize(
    ("count", "expected"), [(2, 0.0), (5, (5 / 51 - 0.05) / 0.1), (8, 1.0), (30, 1.0), (51, 0.0)]
)
def test_active_ratio(count: int, expected: float) -> None:
    """The reference: 15-60% for a real face, below 5% for a flat photograph."""
    assert score(spread(count, 2.0)).components["active"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("energy", "expected"),
    [(0.1, 0.0), (0.2, 0.5), (0.3, 1.0), (8.0, 1.0), (12.0, 0.5), (16.0, 0.0), (50.0, 0.0)],
)
def test_energy(energy: float, expected: float) -> None:
    """The reference: 0.3-8.0 for a real face, below 0.1 for a dead one."""
    assert score(spread(51, energy)).components["energy"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("eye", ["eyeBlinkLeft", "eyeBlinkRight"])
def test_either_eye_blinks(eye: str) -> None:
    assert score(vector(jawOpen=0.5, **{eye: 0.011})).components["blink"] == 1.0
    assert score(vector(jawOpen=0.5, **{eye: 0.010})).components["blink"] == 0.0


def test_equal_activations_have_no_diversity() -> None:
    assert score(np.full(BLENDSHAPES, 0.05, np.float32)).components["diversity"] == 0.0
    assert score(vector(mouthSmileLeft=0.9, mouthSmileRight=0.8)).components["diversity"] == 1.0


def test_diversity_s_corners_are_the_variances_of_the_reference_s_own_limits() -> None:
    def variance(share: float, energy: float) -> float:
        return float(energy**2 / share / 51**2 - (energy / 51) ** 2)

    flat, real = BlendshapesMapping().diversity
    assert flat == pytest.approx(variance(0.05, 0.1), rel=0.05)
    assert real == pytest.approx(variance(0.15, 0.3), rel=0.05)


@pytest.mark.parametrize("energy", [0.0, 0.05, 0.0999])
def test_a_dead_vector_is_flagged(energy: float) -> None:
    scored = score(spread(10, energy))
    assert scored.value == 0.0
    assert scored.reasons == ("dead_blendshapes",)


def test_a_dead_vector_scores_zero_whatever_its_parts() -> None:
    """Two blinking eyes alone are below the pre-filter."""
    scored = score(vector(eyeBlinkLeft=0.045, eyeBlinkRight=0.045))
    assert scored.components["blink"] == 1.0
    assert scored.value == 0.0


def test_the_mapping_decides_and_the_measures_stay() -> None:
    weak = spread(10, 0.05)
    assert score(weak, BlendshapesMapping(dead_energy=0.01)).reasons == ()
    assert score(vector(eyeBlinkLeft=0.3), BlendshapesMapping(blink=0.5)).components["blink"] == 0


def test_a_mirrored_face_scores_the_same_with_sides_swapped() -> None:
    generator = np.random.default_rng(3)
    values = generator.beta(0.3, 3.0, BLENDSHAPES).astype(np.float32)
    swapped = [
        name.replace("Left", "#").replace("Right", "Left").replace("#", "Right")
        for name in BLENDSHAPE_NAMES
    ]
    mirrored = values[[BLENDSHAPE_NAMES.index(name) for name in swapped]]

    assert measure(mirrored)["blink_left"] == measure(values)["blink_right"]
    assert score(mirrored).value == pytest.approx(score(values).value)


@pytest.mark.parametrize("coefficients", [None, np.zeros(51, np.float32)])
def test_a_wrong_vector_is_an_error(coefficients: Vector | None) -> None:
    assert Runner(Blendshapes())(bundle(coefficients)).status is Status.ERROR


@pytest.mark.weights
def test_a_real_face_and_the_model_s_own_order(
    models_dir: Path, astronaut: NDArray[np.uint8]
) -> None:
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(models_dir / "face_landmarker.task")),
        output_face_blendshapes=True,
    )
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=astronaut)
        found = landmarker.detect(image).face_blendshapes[0]

    assert tuple(category.category_name for category in found) == BLENDSHAPE_NAMES
    smiling = np.array([category.score for category in found], np.float32)
    assert smiling[BLENDSHAPE_NAMES.index("mouthSmileLeft")] > 0.8
    scored = score(smiling)
    assert scored.components["energy"] == 1.0
    assert scored.value > 0.9


def test_the_strongest_are_drawn_as_bars_of_their_length() -> None:
    coefficients = vector(mouthSmileLeft=0.75, jawOpen=0.25, _neutral=1.0)
    (image,) = Blendshapes().pictures(bundle(coefficients))
    assert isinstance(image, Image)
    assert image.pixels.shape[0] == BARS * ROW
    blue = (image.pixels == np.array(BLUE)).all(axis=2)
    lengths = [blue[row * ROW + ROW // 2].sum() / FULL_PX for row in range(BARS)]
    assert lengths[:3] == pytest.approx([0.75, 0.25, 0.0], abs=0.02)  # a frame is drawn over them


def test_without_coefficients_nothing_is_drawn() -> None:
    assert Blendshapes().pictures(bundle(None)) == ()


def clip_of(rows: NDArray[np.float32], rate: float = 10.0) -> Clip:
    count = len(rows)
    return Clip(
        times=np.arange(count) / rate,
        roi_rgb=np.zeros((count, 4, 3), np.float32),
        boxes=np.tile(np.float32([100, 100, 300, 350]), (count, 1)),
        landmarks=np.zeros((count, 478, 3), np.float32),
        blendshapes=rows,
        tracks=(),
        frame_size=(640, 480),
    )


STILL = np.tile(
    vector(mouthSmileLeft=0.6, mouthSmileRight=0.5, jawOpen=0.2, browInnerUp=0.1), (40, 1)
)


def test_the_record_says_which_network_answered() -> None:
    seen = bundle_with(blendshapes=STILL[0], blendshape_model="a" * 64).only(Blendshapes.needs)
    assert Blendshapes().measure(seen).model == "a" * 64
    assert Blendshapes().measure(bundle(STILL[0])).model is None


def test_a_clip_is_measured_where_there_is_one_and_the_reference_does_not_look() -> None:
    alone = Blendshapes().measure(bundle_with(blendshapes=STILL[0])).measures
    seen = bundle_with(blendshapes=STILL[0], clip=clip_of(STILL)).only(Blendshapes.needs)
    both = Blendshapes().measure(seen).measures
    assert both["motion"] == pytest.approx(0, abs=1e-6)
    assert {name: both[name] for name in alone} == alone
    faithful = [Blendshapes.score(found, BlendshapesMapping()) for found in (alone, both)]
    assert faithful[0] == faithful[1]
    assert faithful[0].value > 0.5


def test_a_policy_may_take_a_part_of_the_score_from_the_clip() -> None:
    seen = bundle_with(blendshapes=STILL[0], clip=clip_of(STILL))
    measures = Blendshapes().measure(seen).measures
    one_frame = Blendshapes.score(measures, BlendshapesMapping()).value
    half = Blendshapes.score(measures, BlendshapesMapping(over_time=0.5))
    assert half.value == pytest.approx(one_frame / 2)
    assert half.components["alive"] == 0.0
    assert half.reasons == ("still_face",)
    alive = {**measures, "motion": 0.34, "blink_depth": 0.0}
    scored = Blendshapes.score(alive, BlendshapesMapping(over_time=1.0))
    assert scored.value == pytest.approx((0.34 - 0.28) / (0.40 - 0.28))
    assert scored.reasons == ()


def test_a_clip_too_short_leaves_the_frame_to_judge() -> None:
    seen = bundle_with(blendshapes=STILL[0], clip=clip_of(STILL[:10]))
    measures = Blendshapes().measure(seen).measures
    assert "motion" not in measures
    mapping = BlendshapesMapping(over_time=1.0)
    one_frame = Blendshapes.score(measures, BlendshapesMapping())
    assert Blendshapes.score(measures, mapping) == one_frame
