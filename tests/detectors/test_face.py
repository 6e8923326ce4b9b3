from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from moving_faces import Frame

from detectors.blendshapes import Blendshapes
from detectors.distilled import shipped
from detectors.face import FaceLocator, FaceProblem, FaceSettings
from detectors.landmarks import MeshLandmarker
from detectors.quality import measure_frame
from models.store import digest

RIGHT_PUPIL, LEFT_PUPIL = (203, 101), (247, 103)  # read off the astronaut by eye


@pytest.fixture(scope="module")
def locator():
    locator = FaceLocator(landmarker=MeshLandmarker())
    locator.load()
    return locator


def canvas(height, width, *faces):
    """Grey, with pictures (pixels, x, y) pasted on it."""
    pixels = np.full((height, width, 3), 110, np.uint8)
    for face, x, y in faces:
        pixels[y : y + face.shape[0], x : x + face.shape[1]] = face
    return pixels


def scaled(pixels, factor):
    return cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def in_frame(bundle):
    """The landmarks in pixels of the frame, as a detector would compute them."""
    return bundle.landmarks[:, :2] / bundle.crop_scale + bundle.crop_origin


def test_a_face_is_located(locator, astronaut):
    located = locator.locate(astronaut, channel="sdk")
    assert located.problems == ()
    bundle = located.bundle
    points = in_frame(bundle)
    np.testing.assert_allclose(points[[468, 473]], [RIGHT_PUPIL, LEFT_PUPIL], atol=3)
    x0, y0, x1, y1 = bundle.box
    for x, y in (RIGHT_PUPIL, LEFT_PUPIL):
        assert x0 < x < x1
        assert y0 < y < y1
    assert bundle.channel == "sdk"
    assert bundle.frame_size == (512, 512)
    assert bundle.clip is None
    assert bundle.quality == located.quality
    assert bundle.box == located.box


def test_the_crop_is_the_frame_around_the_face(locator, astronaut):
    bundle = locator.locate(astronaut).bundle
    x, y = (int(value) for value in bundle.crop_origin)
    height, width = bundle.crop.shape[:2]
    assert bundle.crop_scale == 1.0
    np.testing.assert_array_equal(bundle.crop, astronaut[y : y + height, x : x + width])
    np.testing.assert_array_equal(bundle.frame, astronaut)
    x0, y0, x1, y1 = bundle.box
    assert width == pytest.approx(2 * (x1 - x0), abs=2)
    assert height == pytest.approx(2 * (y1 - y0), abs=2)


def test_pictures_are_read_only_and_own_their_pixels(locator, astronaut):
    bundle = locator.locate(astronaut).bundle
    for pixels in (bundle.crop, bundle.frame):
        assert pixels.dtype == np.uint8
        assert pixels.base is None
        assert not pixels.flags.writeable


def test_quality_is_in_pixels_and_degrees(locator, astronaut):
    quality = locator.locate(astronaut).quality
    assert quality["faces"] == 1
    assert quality["frame_mp"] == pytest.approx(512 * 512 / 1e6)
    assert quality["interocular_px"] == pytest.approx(np.hypot(44, 2), abs=3)
    assert 80 < quality["face_px"] < 100
    assert 0.7 < quality["margin"] < 0.9  # the top of the frame is about 70 px away
    assert abs(quality["yaw_deg"]) < 8
    assert abs(quality["roll_deg"]) < 8


def test_a_large_face_is_reduced(astronaut):
    locator = FaceLocator(FaceSettings(crop_side=100, frame_side=128), MeshLandmarker())
    locator.load()
    bundle = locator.locate(astronaut).bundle
    assert max(bundle.crop.shape) == 100
    assert bundle.frame.shape == (128, 128, 3)
    assert bundle.crop_scale < 1
    np.testing.assert_allclose(in_frame(bundle)[[468, 473]], [RIGHT_PUPIL, LEFT_PUPIL], atol=3)
    assert bundle.landmarks[:468, 0].max() < 100


def test_megapixels_do_not_move_the_landmarks(locator, astronaut):
    large = cv2.resize(astronaut, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    bundle = locator.locate(large).bundle
    points = in_frame(bundle)[[468, 473]] / 5
    np.testing.assert_allclose(points, [RIGHT_PUPIL, LEFT_PUPIL], atol=3)
    assert bundle.frame_size == (2560, 2560)
    assert bundle.crop.shape[0] == pytest.approx(
        (bundle.box[3] - bundle.box[1]) * 2 * bundle.crop_scale, abs=2
    )


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((480, 640, 3), np.uint8),
        np.full((64, 64, 3), 255, np.uint8),
        np.random.default_rng(1).integers(0, 256, (480, 640, 3), dtype=np.uint8),
    ],
    ids=["black", "small white", "noise"],
)
def test_no_face(locator, pixels):
    located = locator.locate(pixels)
    assert located.bundle is None
    assert located.problems == (FaceProblem.NO_FACE,)
    assert located.box is None
    assert located.quality == {"faces": 0, "frame_mp": pixels.size / 3e6, **measure_frame(pixels)}


@pytest.mark.parametrize("large_first", [True, False])
def test_the_larger_of_two_faces_is_taken(locator, astronaut, large_first):
    large, small = astronaut[:300, 60:360], scaled(astronaut[:300, 60:360], 0.7)
    first, second = (large, small) if large_first else (small, large)
    pixels = canvas(320, 620, (first, 0, 0), (second, first.shape[1] + 10, 0))
    located = locator.locate(pixels)
    assert located.problems == (FaceProblem.SEVERAL_FACES,)
    assert located.quality["faces"] == 2
    x = 0 if large_first else first.shape[1] + 10
    pupil = in_frame(located.bundle)[468]
    np.testing.assert_allclose(pupil, (x + RIGHT_PUPIL[0] - 60, RIGHT_PUPIL[1]), atol=4)


def test_a_small_face_behind_does_not_count(locator, astronaut):
    large, small = astronaut[:300, 60:360], scaled(astronaut[:300, 60:360], 0.45)
    located = locator.locate(canvas(320, 460, (large, 0, 0), (small, 310, 0)))
    assert located.problems == ()
    assert located.quality["faces"] == 1


def test_a_face_too_small(locator, astronaut):
    small = scaled(astronaut[:300, 60:360], 0.45)  # the face is about 40 px wide
    located = locator.locate(canvas(200, 200, (small, 20, 20)))
    assert located.bundle is None
    assert located.problems == (FaceProblem.FACE_TOO_SMALL,)
    assert located.box[2] - located.box[0] == pytest.approx(located.quality["face_px"])
    assert 35 < located.quality["face_px"] < 48


def test_a_distant_face_in_a_large_frame_is_found(locator, astronaut):
    """MediaPipe's own detector misses it: it sees the frame at 128 px."""
    pixels = canvas(720, 1280, (scaled(astronaut, 0.9), 700, 100))
    assert locator.landmarker.find(pixels) == []
    bundle = locator.locate(pixels).bundle
    expected = np.array([RIGHT_PUPIL, LEFT_PUPIL]) * 0.9 + np.array([700, 100])
    np.testing.assert_allclose(in_frame(bundle)[[468, 473]], expected, atol=4)


def test_a_face_that_fills_the_frame_is_found(locator, astronaut):
    tight = cv2.resize(astronaut[86:160, 190:258], (408, 444), interpolation=cv2.INTER_CUBIC)
    assert locator.landmarker.find(tight) == []
    located = locator.locate(tight)
    expected = (np.array([RIGHT_PUPIL, LEFT_PUPIL]) - (190, 86)) * 6
    np.testing.assert_allclose(in_frame(located.bundle)[[468, 473]], expected, atol=12)
    assert located.quality["margin"] < 0
    x0, y0, x1, y1 = located.bundle.box
    assert (x0, y0) >= (0, 0)
    assert (x1, y1) <= (408, 444)


def test_mirroring_mirrors(locator, astronaut):
    straight, mirrored = (
        locator.locate(pixels) for pixels in (astronaut, np.ascontiguousarray(astronaut[:, ::-1]))
    )
    x0, y0, x1, y1 = straight.bundle.box
    np.testing.assert_allclose(mirrored.bundle.box, (512 - x1, y0, 512 - x0, y1), atol=4)
    # What was the subject's right is now their left.
    pupil = in_frame(mirrored.bundle)[473]
    np.testing.assert_allclose(pupil, (512 - RIGHT_PUPIL[0], RIGHT_PUPIL[1]), atol=4)


@pytest.mark.parametrize("factor", [0.8, 1.25, 1.7])
def test_rescaling_rescales(locator, astronaut, factor):
    bundle, resized = (
        locator.locate(pixels).bundle
        for pixels in (astronaut, cv2.resize(astronaut, None, fx=factor, fy=factor))
    )
    np.testing.assert_allclose(np.divide(resized.box, factor), bundle.box, atol=4)
    apart = np.linalg.norm(in_frame(resized) / factor - in_frame(bundle), axis=1)
    assert apart.mean() < 2


def filmed(pixels, count):
    """A clip of a still picture, with the noise of a sensor."""
    rng = np.random.default_rng(0)
    return [
        Frame(index / 10, np.clip(pixels + rng.normal(0, 2, pixels.shape), 0, 255).astype(np.uint8))
        for index in range(count)
    ]


def test_a_clip_without_a_face_is_a_problem_and_not_a_failure(locator, astronaut):
    frames = [Frame(index / 10, np.zeros((120, 160, 3), np.uint8)) for index in range(5)]
    located = locator.locate(astronaut, frames)
    assert located.problems == (FaceProblem.NO_FACE_IN_CLIP,)
    assert located.bundle.clip is None
    assert locator.locate(astronaut, []).problems == (FaceProblem.NO_FACE_IN_CLIP,)


def test_a_clip_is_traced(locator, astronaut):
    located = locator.locate(astronaut, filmed(astronaut, 4))
    assert located.problems == ()
    np.testing.assert_allclose(located.bundle.clip.times, (0, 0.1, 0.2, 0.3))


def test_a_face_can_be_located_first_and_followed_later(locator, astronaut):
    frames = filmed(astronaut, 4)
    still = locator.locate(astronaut)
    assert still.bundle.clip is None
    both, at_once = locator.follow(still, frames), locator.locate(astronaut, frames)
    np.testing.assert_array_equal(both.bundle.clip.times, at_once.bundle.clip.times)
    assert both.quality == at_once.quality == {**still.quality, **both.bundle.clip.continuity}
    assert both.bundle.quality == both.quality
    assert locator.follow(still, None) is still


def test_one_picture_again_and_again_is_a_problem(locator, astronaut):
    located = locator.locate(astronaut, [Frame(index / 10, astronaut) for index in range(4)])
    assert located.problems == (FaceProblem.CLIP_FROZEN,)
    assert located.quality["clip_repeated"] == 1


def test_a_clip_that_starts_over_is_a_problem(locator, astronaut):
    frames = [frame.pixels for frame in filmed(astronaut, 3)]
    again = [Frame(index / 10, frames[index % 3]) for index in range(9)]
    located = locator.locate(astronaut, again)
    assert located.problems == (FaceProblem.CLIP_LOOPED,)
    assert located.quality["clip_returned"] == 6 / 8


def test_a_clip_is_left_alone_without_a_face(locator):
    faceless = locator.locate(np.zeros((480, 640, 3), np.uint8))

    def frames():
        raise AssertionError("the clip was looked at")
        yield

    assert locator.follow(faceless, frames()) is faceless


def test_errors_of_the_clip_reach_the_caller(locator, astronaut):
    def frames():
        yield Frame(0.0, astronaut)
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        locator.locate(astronaut, frames())


def test_many_threads_get_what_one_gets(locator, astronaut):
    images = [astronaut, astronaut[:, ::-1].copy(), canvas(720, 1280, (astronaut, 700, 100))] * 3
    alone = [locator.locate(image).bundle.box for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = [located.bundle.box for located in pool.map(locator.locate, images)]
    np.testing.assert_allclose(together, alone, atol=0.01)


def test_without_any_file_a_face_has_blendshapes_and_says_whose(locator, astronaut):
    bundle = locator.locate(astronaut, [Frame(0.0, astronaut), Frame(0.1, astronaut)]).bundle
    assert bundle.blendshapes.shape == (52,)
    assert bundle.blendshape_model == shipped().sha256
    clip = bundle.only(Blendshapes.needs).clip
    assert np.isfinite(clip.blendshapes[0]).all()
    assert Blendshapes().measure(bundle.only(Blendshapes.needs)).model == shipped().sha256


@pytest.mark.weights
def test_the_fetched_model_gives_its_own_blendshapes(models_dir, astronaut):
    locator = FaceLocator()
    locator.load()
    bundle = locator.locate(astronaut).bundle
    assert bundle.blendshapes.shape == (52,)
    assert bundle.blendshape_model == digest("face_landmarker")
    np.testing.assert_allclose(in_frame(bundle)[[468, 473]], [RIGHT_PUPIL, LEFT_PUPIL], atol=3)


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "least"),
    [
        ("pad/replay_attack/devel", 1.0),
        ("synthetic/ffhq_real", 0.95),  # centre crops in which the face fills the frame
        ("faces/utkface_200", 0.95),
    ],
)
def test_real_faces_are_acquired(locator, data_dir, folder, least):
    files = sorted(path for path in (data_dir / folder).iterdir() if path.suffix == ".jpg")
    files = files[:: len(files) // 20][:20]
    located = [locator.locate(cv2.imread(str(file))[..., ::-1]) for file in files]
    assert sum(one.bundle is not None for one in located) >= least * len(files)
