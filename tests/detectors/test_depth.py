from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import depth_network
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from detectors.contracts import FaceBundle, Status
from detectors.depth import (
    SIDE,
    Depth,
    DepthMapping,
    depth_measures,
    face_box,
)
from detectors.pictures import MAX_SIDE, RED, Image
from detectors.pixels import IMAGENET_MEAN, IMAGENET_STD
from detectors.runner import Runner
from models import manifest
from models.store import ModelUnavailable

FAITHFUL = DepthMapping()
BOX = (150.0, 130.0, 350.0, 390.0)


def relief(depth: float, tilt: float = 0.0, size: int = SIDE) -> NDArray[np.float32]:
    """A paraboloid whose range over BOX is ``depth``, on a plane that falls by ``tilt``."""
    y, x = (np.mgrid[0:size, 0:size] + 0.5) * SIDE / size
    u, v = (x - 250) / 200, (y - 260) / 260
    return np.asarray(0.6 - 2 * depth * (u**2 + v**2) + tilt * u, np.float32)


def bundle(frame: NDArray[np.uint8], box: tuple[float, float, float, float] = BOX) -> FaceBundle:
    """A bundle whose crop is the frame and whose landmarks fill ``box``, given in map pixels."""
    height, width = frame.shape[:2]
    corners = np.array([box[:2], box[2:]]) * (width / SIDE, height / SIDE)
    share = np.random.default_rng(0).random((478, 3))
    share[:2] = [[0, 0, 0], [1, 1, 0]]
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:, :2] = corners[0] + share[:, :2] * (corners[1] - corners[0])
    frame.setflags(write=False)
    return FaceBundle(
        crop=frame,
        frame=frame,
        box=(0.0, 0.0, float(width), float(height)),
        crop_origin=(0.0, 0.0),
        crop_scale=1.0,
        frame_size=(width, height),
        landmarks=landmarks,
    )


def grey(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture that shows ``depth`` as brightness."""
    return np.repeat(np.clip(depth * 255, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def framed(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The same, with one black and one white corner to fix the range of the frame.

    They are blurred because the cubic resize overshoots at a sharp edge.
    """
    drawn = depth.copy()
    drawn[:40, :40], drawn[-40:, -40:] = 0, 1
    return grey(np.asarray(cv2.GaussianBlur(drawn, (0, 0), 4), np.float32))


def write_model(path: Path, node: onnx.NodeProto, shape: tuple[int, ...], name: str) -> Path:
    graph = helper.make_graph(
        [node],
        "tiny",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="module")
def brightness(tmp_path_factory: pytest.TempPathFactory) -> Depth:
    """The detector on a network that takes brightness for disparity, so that depth can be drawn."""
    node = helper.make_node(
        "ReduceMean", ["pixel_values"], ["predicted_depth"], axes=[1], keepdims=0
    )
    path = tmp_path_factory.mktemp("depth") / "brightness.onnx"
    depth = Depth(write_model(path, node, (1, 3, SIDE, SIDE), "predicted_depth"))
    depth.load()
    return depth


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return depth_network.write(tmp_path_factory.mktemp("depth") / "random.onnx")


def test_a_plane_has_no_relief() -> None:
    measures = depth_measures(relief(0.0), BOX)
    assert measures["depth_range"] == 0
    assert measures["nose_protrusion"] == pytest.approx(0, abs=1e-6)
    assert measures["gradient_std"] == pytest.approx(0, abs=1e-4)
    score = Depth.score(measures, FAITHFUL)
    assert score.value == pytest.approx(0, abs=1e-3)
    assert score.reasons == ("flat_face",)


def test_a_tilted_plane_has_range_but_neither_nose_nor_varied_gradient() -> None:
    measures = depth_measures(relief(0.0, tilt=0.3), BOX)
    assert measures["depth_range"] == pytest.approx(0.3, rel=0.02)
    assert measures["nose_protrusion"] == pytest.approx(0, abs=1e-3)
    assert measures["gradient_std"] == pytest.approx(0, abs=1e-3)
    score = Depth.score(measures, FAITHFUL)
    assert score.value == pytest.approx(FAITHFUL.range_weight, abs=0.01)


@pytest.mark.parametrize("depth", [0.05, 0.15, 0.3])
def test_a_dome_measures_what_its_formula_says(depth: float) -> None:
    measures = depth_measures(relief(depth), BOX)
    assert measures["depth_range"] == pytest.approx(depth, rel=0.02)
    # 2 r (mean u² over the outer fifths - over the centre fifth) = 2 r (.163 - .0033)
    assert measures["nose_protrusion"] == pytest.approx(0.33 * depth, rel=0.05)
    assert measures["gradient_std"] == pytest.approx(0.4714 * depth, rel=0.03)
    assert measures["face_share"] == pytest.approx(200 * 260 / SIDE**2, rel=1e-6)


def test_the_references_limits_are_where_the_score_turns() -> None:
    assert Depth.score(depth_measures(relief(0.05), BOX), FAITHFUL).components["range"] < 0.02
    real = Depth.score(depth_measures(relief(0.16), BOX), FAITHFUL)
    assert real.value == pytest.approx(1.0)
    assert real.reasons == ()
    hollow = Depth.score(depth_measures(relief(-0.16), BOX), FAITHFUL)
    assert hollow.components == {"range": 1.0, "protrusion": 0.0, "smoothness": 1.0}
    assert hollow.value == pytest.approx(0.65)


def test_a_relief_of_noise_is_not_smooth() -> None:
    noise = np.random.default_rng(0).random((SIDE, SIDE)).astype(np.float32)
    measures = depth_measures(np.kron(noise[:64, :64], np.ones((8, 8), np.float32)), BOX)
    assert Depth.score(measures, FAITHFUL).components["smoothness"] == 0


def test_hair_and_background_in_the_corners_count_only_for_the_range() -> None:
    face, cornered = relief(0.2), relief(0.2)
    x0, y0 = int(BOX[0]), int(BOX[1])
    cornered[y0 : y0 + 25, x0 : x0 + 25] = 0
    plain, behind = depth_measures(face, BOX), depth_measures(cornered, BOX)
    assert behind["depth_range"] > plain["depth_range"] + 0.3
    assert behind["nose_protrusion"] == pytest.approx(plain["nose_protrusion"])
    assert behind["gradient_std"] == pytest.approx(plain["gradient_std"])


def test_measures_do_not_depend_on_size_or_side() -> None:
    lopsided = relief(0.2, tilt=0.1)
    once = depth_measures(lopsided, BOX)
    mirrored = depth_measures(
        np.ascontiguousarray(lopsided[:, ::-1]), (SIDE - BOX[2], BOX[1], SIDE - BOX[0], BOX[3])
    )
    twice = depth_measures(
        relief(0.2, tilt=0.1, size=2 * SIDE), (2 * BOX[0], 2 * BOX[1], 2 * BOX[2], 2 * BOX[3])
    )
    assert mirrored == pytest.approx(once, abs=1e-5)
    assert twice == pytest.approx(once, rel=0.01)


def test_the_mapping_can_be_changed() -> None:
    measures = depth_measures(relief(0.1), BOX)
    strict = replace(FAITHFUL, depth_range=(0.2, 0.4), range_weight=1.0)
    assert Depth.score(measures, strict).components["range"] == 0
    assert Depth.score(measures, FAITHFUL).components["range"] == pytest.approx(0.5, abs=0.02)


def test_the_face_box_comes_through_the_crops_geometry() -> None:
    base = bundle(np.zeros((8, 8, 3), np.uint8))
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:, :2] = (100, 50)
    landmarks[0, :2] = (150, 150)
    moved = replace(
        base,
        landmarks=landmarks,
        crop_origin=(200.0, 100.0),
        crop_scale=0.5,
        frame_size=(1000, 500),
    )
    assert face_box(moved, 100) == pytest.approx((40, 40, 50, 80))
    beyond = replace(moved, crop_origin=(-250.0, 0.0))
    assert face_box(beyond, 100) == pytest.approx((0, 20, 5, 60))


def test_the_network_is_fed_as_it_was_trained(brightness: Depth) -> None:
    colour = np.array([200, 100, 50], np.uint8)
    disparity = brightness.disparity(np.tile(colour, (90, 120, 1)))
    expected = ((colour / 255 - IMAGENET_MEAN) / IMAGENET_STD).mean()
    assert disparity.shape == (SIDE, SIDE)
    assert disparity.dtype == np.float32
    np.testing.assert_allclose(disparity, expected, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(SIDE, SIDE), (480, 640), (640, 360)])
def test_a_drawn_dome_is_a_face_and_a_drawn_plane_is_not(
    brightness: Depth, height: int, width: int
) -> None:
    y = (np.arange(height) * SIDE / height).astype(int)[:, None]
    x = (np.arange(width) * SIDE / width).astype(int)
    dome = brightness.measure(bundle(framed(relief(0.25)[y, x])))
    plane = brightness.measure(bundle(framed(relief(0.0)[y, x])))
    assert dome.status is plane.status is Status.OK
    assert dome.measures["depth_range"] == pytest.approx(0.25, abs=0.03)
    assert Depth.score(dome.measures, FAITHFUL).value > 0.95
    assert Depth.score(plane.measures, FAITHFUL).value < 0.05
    assert dome.model == brightness.measure(bundle(framed(relief(0.1)))).model


def test_a_mirrored_frame_scores_the_same(brightness: Depth) -> None:
    frame = framed(relief(0.12, tilt=0.1))
    once = brightness.measure(bundle(frame))
    mirrored = brightness.measure(
        bundle(np.ascontiguousarray(frame[:, ::-1]), (SIDE - BOX[2], BOX[1], SIDE - BOX[0], BOX[3]))
    )
    assert mirrored.measures == pytest.approx(once.measures, abs=1e-4)


def test_a_frame_without_any_depth_is_not_judged(brightness: Depth) -> None:
    measured = brightness.measure(bundle(np.full((300, 300, 3), 90, np.uint8)))
    assert (measured.status, measured.reasons) == (Status.ABSTAINED, ("no_depth_in_frame",))


def test_a_face_of_a_few_pixels_is_not_judged(brightness: Depth) -> None:
    measured = brightness.measure(bundle(framed(relief(0.2)), (100.0, 100.0, 120.0, 300.0)))
    assert (measured.status, measured.reasons) == (Status.ABSTAINED, ("face_too_small",))


def test_the_architecture_is_that_of_the_published_file(network: Path) -> None:
    published = manifest.models()["depth_anything_v2_small"].bytes
    assert network.stat().st_size == pytest.approx(published, rel=0.005)


def test_the_full_network_runs_on_a_real_face(network: Path, astronaut: NDArray[np.uint8]) -> None:
    depth = Depth(network)
    runner = Runner(depth)
    face = bundle(astronaut, (170.0, 65.0, 285.0, 215.0)).only(Depth.needs)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(runner, [face, face])
    assert first.status is Status.OK
    assert first.measures == second.measures
    assert first.model == hashlib.sha256(network.read_bytes()).hexdigest()
    assert 0 < first.measures["depth_range"] <= 1
    assert 0 <= Depth.score(first.measures, FAITHFUL).value <= 1
    changed = astronaut.copy()
    changed[100:160, 200:260] = 0
    other = depth.measure(bundle(changed, (170.0, 65.0, 285.0, 215.0)))
    assert other.measures != first.measures


def test_without_weights_the_detector_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    measured = Runner(Depth())(bundle(framed(relief(0.2))))
    assert (measured.status, measured.reasons) == (Status.UNAVAILABLE, ("weights_missing",))


def test_other_weights_under_the_right_name_are_refused(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / manifest.models()["depth_anything_v2_small"].file).symlink_to(network)
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelUnavailable) as refused:
        Depth().load()
    assert refused.value.reason == "weights_mismatch"


@pytest.mark.parametrize(
    ("shape", "output"), [((1, 3, 224, 224), "predicted_depth"), ((1, 3, SIDE, SIDE), "depth")]
)
def test_a_model_with_another_interface_is_refused(
    tmp_path: Path, shape: tuple[int, ...], output: str
) -> None:
    node = helper.make_node("ReduceMean", ["pixel_values"], [output], axes=[1], keepdims=0)
    with pytest.raises(ModelUnavailable, match="predicted_depth") as refused:
        Depth(write_model(tmp_path / "other.onnx", node, shape, output)).load()
    assert refused.value.reason == "weights_interface"


def test_a_detector_that_was_not_loaded_says_so() -> None:
    with pytest.raises(RuntimeError, match="load"):
        Depth().measure(bundle(framed(relief(0.2))))


def test_the_map_is_drawn_with_the_face_in_a_box(brightness: Depth) -> None:
    wide = np.asarray(cv2.resize(framed(relief(0.2)), (1000, 500)), np.uint8)
    (image,) = brightness.pictures(bundle(wide))
    assert isinstance(image, Image)
    assert image.pixels.shape == (MAX_SIDE // 2, MAX_SIDE, 3)  # as the frame, not as the network
    rows, columns = np.nonzero((image.pixels == np.array(RED)).all(axis=2))
    scale = MAX_SIDE / SIDE
    assert (columns.min(), columns.max()) == pytest.approx((BOX[0] * scale, BOX[2] * scale), abs=2)
    assert (rows.min(), rows.max()) == pytest.approx(
        (BOX[1] * scale / 2, BOX[3] * scale / 2), abs=2
    )
    violet, yellow = image.pixels[2, 2].astype(int), image.pixels[-2, -2].astype(int)
    assert violet[2] > violet[1]  # the black corner is far
    assert min(yellow[:2]) > 200 > yellow[2]  # the white one near


def test_what_has_no_depth_or_no_weights_is_not_drawn(
    brightness: Depth, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    even = bundle(np.full((300, 300, 3), 90, np.uint8))
    assert brightness.pictures(even) == ()
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Runner(Depth()).pictures(even) == ()
