from __future__ import annotations

import itertools
from contextlib import closing

import cv2
import numpy as np
import pytest
from bundles import bundle_with
from moving_faces import CANONICAL, FACE_WIDTH_CM, face_depth, posed, project, turning
from scipy.interpolate import RBFInterpolator

from detectors.canonical import VERTICES
from detectors.clip import trace_clip
from detectors.contracts import Clip, Status, TrackWindow
from detectors.landmarks import MeshLandmarker
from detectors.parallax import Parallax, ParallaxMapping, plane_turn_deg, turn_deg
from detectors.pose import focal_length
from evaluation.attacks import CLIPS, Recording
from media.clips import read_clip

SIZE = (640, 480)


def surface(kind, count=120):
    """Points (N, 3) in cm on the face: on its relief, on a part of it (a number), or flattened."""
    places = np.random.default_rng(5).uniform((-5.5, -7), (5.5, 6), (count, 2))
    known = np.array(list(VERTICES.values()))
    if not isinstance(kind, str):
        head = surface("head", count)[:, 2]
        return np.column_stack([places, head.mean() + kind * (head - head.mean())])
    depth = {
        "head": RBFInterpolator(known[:, :2], known[:, 2])(places),
        "plane": np.full(count, 4.0),
        # A sheet bent about the upright axis, with a radius of one width of the face.
        "paper": np.sqrt(FACE_WIDTH_CM**2 - places[:, 0] ** 2) - FACE_WIDTH_CM + 4.0,
    }[kind]
    return np.column_stack([places, depth])


def window(kind, turn, *, seen_turn=None, noise=0.1, position=(2, 1, -50), seed=0):
    """What flow and landmarks report when a surface turns by ``turn`` degrees in a second."""
    rng = np.random.default_rng(seed)
    start, end = posed(-turn / 2), posed(turn / 2, position=position)
    points = [project(surface(kind), pose, SIZE)[:, :2] for pose in (start, end)]
    seen_turn = turn if seen_turn is None else seen_turn
    faces = [project(CANONICAL, posed(a), SIZE) for a in (-seen_turn / 2, seen_turn / 2)]
    points[1] = points[1] + rng.normal(0, noise, points[1].shape)
    return TrackWindow(np.array([0.0, 1.0]), np.stack(points).astype(np.float32), np.stack(faces))


def bundle(*windows):
    clip = Clip(
        times=np.empty(0),
        roi_rgb=np.empty((0, 4, 3), np.float32),
        boxes=np.empty((0, 4), np.float32),
        landmarks=np.empty((0, 478, 3), np.float32),
        blendshapes=None,
        tracks=windows,
        frame_size=SIZE,
    )
    return bundle_with(frame_size=SIZE, clip=clip)


def value(measured):
    return Parallax.score(measured.measures, ParallaxMapping()).value


@pytest.mark.parametrize("turn", [8, 12, 20, 30])
def test_a_turning_head_has_the_relief_of_a_face(turn):
    measured = Parallax().measure(bundle(window("head", turn)))
    assert measured.status is Status.OK
    assert measured.measures["turned_windows"] == 1
    assert measured.measures["turn_deg"] == pytest.approx(turn, rel=0.1)
    assert measured.measures["residual_pct"] > 0.7
    assert measured.measures["explained"] > 0.6
    assert value(measured) == 1.0


@pytest.mark.parametrize("turn", [8, 12, 20, 30])
def test_a_turning_print_has_none(turn):
    """The landmarks, like MediaPipe's, show a turning head all the same."""
    measured = Parallax().measure(bundle(window("plane", turn)))
    assert measured.status is Status.OK
    assert measured.measures["residual_pct"] < 0.2  # the noise of the points
    assert measured.measures["explained"] < 0.1
    score = Parallax.score(measured.measures, ParallaxMapping())
    assert score.value == 0.0
    assert score.reasons == ("planar",)


@pytest.mark.parametrize("part", [0.25, 0.5, 1.0, 1.5])
def test_relief_grows_with_the_depth_that_was_rendered(part):
    """A mask of half the depth of a face leaves half of its relief."""
    whole = Parallax().measure(bundle(window("head", 12, noise=0.02))).measures["relief_pct"]
    found = Parallax().measure(bundle(window(part, 12, noise=0.02))).measures["relief_pct"]
    assert found == pytest.approx(part * whole, rel=0.15)


def test_a_print_is_caught_though_its_landmarks_barely_turn():
    measured = Parallax().measure(bundle(window("plane", 30, seen_turn=3)))
    assert measured.measures["turn_deg"] < 6
    assert measured.measures["plane_turn_deg"] == pytest.approx(30, abs=6)
    assert value(measured) == 0.0


def test_curved_paper_passes_as_documented():
    """Its relief is real; the signal speaks of flat prints only."""
    measured = Parallax().measure(bundle(window("paper", 30)))
    assert measured.measures["residual_pct"] > 0.4
    assert value(measured) > 0.3


@pytest.mark.parametrize(("kind", "turn"), [("head", 2), ("head", 5), ("plane", 2), ("plane", 5)])
def test_little_motion_says_nothing(kind, turn):
    still = window(kind, turn)
    measured = Parallax().measure(bundle(still))
    assert measured.status is Status.ABSTAINED
    assert measured.reasons == ("insufficient_motion",)
    assert measured.measures["turned_windows"] == 0
    assert 0 < measured.measures["turn_deg"] < 6


def test_moving_about_is_not_turning():
    measured = Parallax().measure(bundle(window("plane", 0, position=(6, -3, -40))))
    assert measured.reasons == ("insufficient_motion",)


def test_noise_is_not_taken_for_a_turning_plane():
    """Points of a talking face in a compressed clip jump about by a percent of its width."""
    for seed in range(5):
        noisy = window("head", 1, noise=1.5, position=(0, 0, -50), seed=seed)
        assert Parallax().measure(bundle(noisy)).reasons == ("insufficient_motion",)


def test_points_that_are_all_noise_are_no_plane_though_the_landmarks_turn():
    """In a real clip of a talking head a second of 6 degrees once left no relief and no plane."""
    for seed in range(5):
        noisy = window("plane", 1, seen_turn=7, noise=3.0, seed=seed)
        measured = Parallax().measure(bundle(noisy))
        assert measured.measures["turn_deg"] >= 6
        assert measured.reasons == ("insufficient_motion",)


def test_the_needed_turn_is_a_parameter():
    turned = bundle(window("head", 8))
    assert Parallax(min_turn_deg=10).measure(turned).status is Status.ABSTAINED
    assert Parallax(min_turn_deg=5).measure(turned).status is Status.OK


def test_no_windows():
    measured = Parallax().measure(bundle())
    assert measured.status is Status.ABSTAINED
    assert measured.reasons == ("no_tracks",)


def test_windows_without_turn_do_not_dilute_the_others():
    alone = Parallax().measure(bundle(window("head", 15))).measures
    among = (
        Parallax()
        .measure(bundle(window("plane", 0, position=(0, 0, -50)), window("head", 15)))
        .measures
    )
    assert among["windows"] == 2
    assert among["turned_windows"] == 1
    assert among["residual_pct"] == alone["residual_pct"]


def test_lost_points_do_not_make_relief():
    flat = window("plane", 20)
    flat.points[1, :6] += 40
    measured = Parallax().measure(bundle(flat))
    assert measured.measures["residual_pct"] < 0.2


def test_points_that_coincide_are_no_window():
    degenerate = window("head", 20)
    degenerate.points[:] = 100
    assert Parallax().measure(bundle(degenerate)).reasons == ("no_tracks",)


def test_mirrored_and_rescaled_measures_agree():
    straight = window("head", 15)
    mirrored = TrackWindow(straight.times, straight.points.copy(), straight.landmarks.copy())
    mirrored.points[..., 0] = SIZE[0] - mirrored.points[..., 0]
    mirrored.landmarks[..., 0] = SIZE[0] - mirrored.landmarks[..., 0]
    smaller = TrackWindow(straight.times, straight.points / 2, straight.landmarks / 2)
    expected = Parallax().measure(bundle(straight)).measures
    for other in (mirrored, smaller):
        found = Parallax().measure(bundle(other)).measures
        for name in ("turn_deg", "residual_pct", "explained"):
            assert found[name] == pytest.approx(expected[name], rel=0.02)


@pytest.mark.parametrize(
    ("residual", "explained", "expected"),
    [(0.0, 0.0, 0.0), (2.0, 0.9, 1.0), (2.0, 0.002, 0.0), (0.1, 0.9, 0.0), (0.4, 0.5625, 0.5)],
)
def test_a_residual_must_be_there_and_look_like_a_face(residual, explained, expected):
    measures = {"relief_pct": residual * explained**0.5}
    assert Parallax.score(measures, ParallaxMapping()).value == pytest.approx(expected)


def test_a_noisy_print_is_still_planar():
    """Noise of the points is no relief, and does not hide that the plane turns."""
    for seed in range(5):
        noisy = window("plane", 30, seen_turn=3, noise=0.7, seed=seed)
        measured = Parallax().measure(bundle(noisy))
        assert measured.measures["residual_pct"] > 0.5
        assert value(measured) == 0.0


def test_turn_ignores_rolling_and_distance():
    still, rolled = posed(0), posed(0, roll=25, position=(3, 2, -35))
    faces = np.stack([project(CANONICAL, pose, SIZE) for pose in (still, rolled)])
    assert turn_deg(faces) < 2
    tilted = np.stack([project(CANONICAL, posed(0, pitch=p), SIZE) for p in (-8, 8)])
    assert turn_deg(tilted) == pytest.approx(16, abs=1)


def test_turn_of_a_plane_from_its_homography():
    focal = focal_length(SIZE[1])
    camera = np.array([[focal, 0, 320], [0, focal, 240], [0, 0, 1]])
    yaw = np.radians(25)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    motion = turn + np.outer(np.array([0.02, 0.01, 0.1]), np.array([0, 0, 1]))
    homography = camera @ motion @ np.linalg.inv(camera)
    assert plane_turn_deg(homography, SIZE) == pytest.approx(25, abs=0.1)


@pytest.fixture(scope="module")
def portrait(astronaut):
    """A face 180 px wide, its landmarks, and a relief for it."""
    pixels = cv2.resize(astronaut[20:230, 110:330], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    landmarks = MeshLandmarker().find(pixels)[0].landmarks
    return pixels, landmarks, face_depth(landmarks, pixels.shape[:2])


def seen(portrait, flat, degrees):
    """Measure pictures: the whole way from frames by landmarks and flow to the signal."""
    pixels, landmarks, depth = portrait
    relief = np.zeros_like(depth) if flat else depth
    clip = trace_clip(turning(pixels, relief, landmarks, degrees), MeshLandmarker())
    return Parallax().measure(bundle(*clip.tracks))


def test_pictures_of_a_turning_head(portrait):
    measured = seen(portrait, flat=False, degrees=16)
    assert measured.status is Status.OK
    assert measured.measures["residual_pct"] > 0.7
    assert measured.measures["explained"] > 0.3
    assert value(measured) == 1.0


def test_pictures_of_a_turning_print(portrait):
    measured = seen(portrait, flat=True, degrees=35)
    assert measured.status is Status.OK
    assert measured.measures["residual_pct"] < 0.3
    assert value(measured) == 0.0


def test_pictures_of_a_still_print(portrait):
    assert seen(portrait, flat=True, degrees=2).reasons == ("insufficient_motion",)


def traced(frames):
    clip = trace_clip(frames, MeshLandmarker())
    return Parallax().measure(bundle_with(frame_size=clip.frame_size, clip=clip))


@pytest.mark.data
def test_a_clip_of_a_real_head_that_turns(data_dir):
    file = data_dir / "videos/live/ffpp_004.mp4"
    measured = traced(itertools.takewhile(lambda f: f.time < 7, read_clip(file.read_bytes())))
    assert measured.status is Status.OK
    assert value(measured) == 1.0


@pytest.mark.data
@pytest.mark.parametrize("clip", ["live/wolfhuo_live.mp4", "pulse/evm_face.mp4"])
def test_a_photograph_of_a_real_face_that_is_turned(data_dir, clip):
    with closing(read_clip((data_dir / "videos" / clip).read_bytes())) as frames:
        first = next(frames)
    recording = Recording((first,), np.zeros((478, 2), np.float32))
    measured = traced(CLIPS["print_turned"](recording, 1))
    assert measured.status is Status.OK
    assert measured.measures["plane_turn_deg"] > 10
    assert value(measured) == 0.0


@pytest.mark.data
def test_a_clip_of_a_real_head_held_still_says_nothing(data_dir):
    file = data_dir / "videos/pulse/evm_face.mp4"
    measured = traced(itertools.takewhile(lambda f: f.time < 3, read_clip(file.read_bytes())))
    assert measured.reasons == ("insufficient_motion",)


def test_the_windows_are_drawn_in_their_time():
    print_, still = window("plane", 20), window("head", 2)
    later, last = (
        TrackWindow(seen.times + delay, seen.points, seen.landmarks)
        for seen, delay in ((print_, 3.0), (still, 6.0))
    )
    turn, relief = Parallax().pictures(bundle(window("head", 10), later, last))
    assert (turn.name, relief.name) == ("turn", "relief")
    assert turn.x.tolist() == [0.5, 3.5, 6.5]
    assert relief.x.tolist() == [0.5, 3.5]
    alone = [Parallax().measure(bundle(w)).measures for w in (window("head", 10), later, last)]
    assert turn.y.tolist() == [measures["turn_deg"] for measures in alone]
    assert relief.y.tolist() == [measures["relief_pct"] for measures in alone[:2]]


def test_a_face_that_did_not_turn_has_no_relief_to_show():
    still = bundle(window("head", 2))
    assert Parallax().measure(still).status is Status.ABSTAINED
    (turn,) = Parallax().pictures(still)
    assert turn.y.max() < 6
    assert Parallax().pictures(bundle()) == ()
    assert Parallax().pictures(bundle_with()) == ()
