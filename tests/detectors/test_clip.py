from __future__ import annotations

import weakref
from contextlib import closing

import numpy as np
import pytest
from moving_faces import Frame

from detectors.clip import ClipSettings, trace_clip
from detectors.contracts import ROIS
from detectors.landmarks import MeshLandmarker, TasksLandmarker
from media.clips import read_clip

FOREHEAD, RIGHT, LEFT, BACKGROUND = range(len(ROIS))
BLANK = np.zeros((240, 320, 3), np.uint8)


@pytest.fixture(scope="module")
def mesh():
    return MeshLandmarker()


@pytest.fixture(scope="module")
def photograph(astronaut):
    return np.ascontiguousarray(astronaut[:240, 60:380])  # the face is at 119-210, 71-178


class Blendshapes:
    """Answers as the Tasks model would, and counts its calls."""

    model = None

    def __init__(self):
        self.calls = 0

    def blendshapes(self, landmarks):
        self.calls += 1
        return np.full(52, 0.5, np.float32)


def still(photograph, frames, fps=30.0):
    return [Frame(index / fps, photograph) for index in range(frames)]


def test_shapes_types_and_times(mesh, photograph):
    clip = trace_clip(still(photograph, 6, fps=25), mesh)
    np.testing.assert_allclose(clip.times, np.arange(6) / 25)
    assert clip.times.dtype == np.float64
    for traces, shape in (
        (clip.roi_rgb, (6, 4, 3)),
        (clip.boxes, (6, 4)),
        (clip.landmarks, (6, 478, 3)),
        (clip.blendshapes[:1], (1, 52)),
    ):
        assert traces.shape == shape
        assert traces.dtype == np.float32
        assert np.isfinite(traces).all()
    assert clip.frame_size == (320, 240)
    np.testing.assert_allclose(clip.boxes[0], (120, 72, 210, 178), atol=5)
    np.testing.assert_allclose(clip.landmarks[0, [468, 473], :2], [(143, 101), (187, 103)], atol=3)


@pytest.mark.parametrize(("stride", "error"), [(1, 0.15), (3, 0.25)])
def test_a_planted_modulation_is_recovered(mesh, photograph, stride, error):
    """A pulse-like tint of known amplitude, in the face and not behind it."""
    times = np.arange(60) / 30
    wave = np.sin(2 * np.pi * 1.5 * times)
    amplitude = np.array([0.5, 2.0, 1.0])
    # Rounding to 8 bits hides less than a level unless the noise of a sensor dithers it.
    noise = np.random.default_rng(0)
    frames = []
    for time, height in zip(times, wave, strict=True):
        pixels = photograph + noise.normal(0, 2, photograph.shape)
        pixels[60:190, 105:225] += height * amplitude
        frames.append(Frame(time, np.clip(np.rint(pixels), 0, 255).astype(np.uint8)))
    clip = trace_clip(frames, mesh, ClipSettings(stride=stride))
    swing = clip.roi_rgb - clip.roi_rgb.mean(axis=0)
    found = 2 * np.einsum("t,trc->rc", wave, swing) / len(times)
    for region in (FOREHEAD, RIGHT, LEFT):
        np.testing.assert_allclose(found[region], amplitude, atol=error)
    np.testing.assert_allclose(found[BACKGROUND], 0, atol=0.05)


def test_regions_are_the_subjects_own_sides(mesh, photograph):
    marked = photograph.copy()
    marked[:, :165, 0] = 0  # the subject's right is on the left of the image
    clip = trace_clip(still(marked, 2), mesh)
    assert clip.roi_rgb[1, RIGHT, 0] == 0
    assert clip.roi_rgb[1, LEFT, 0] > 100


def test_colours_are_rgb(mesh, photograph):
    clip = trace_clip(still(photograph, 1), mesh)
    red, green, blue = clip.roi_rgb[0, RIGHT]
    assert red > green > blue > 100  # skin


def test_background_is_far_from_the_face(mesh, photograph):
    painted = photograph.copy()
    painted[50:200, 95:235] = (np.arange(150)[:, None, None] + [60, 30, 20]).astype(np.uint8)
    painted[72:178, 120:210] = photograph[72:178, 120:210]
    painted[:, :90], painted[:, 240:], painted[:40] = (0, 0, 200), (0, 0, 200), (0, 0, 200)
    clip = trace_clip(still(painted, 1), mesh)
    np.testing.assert_array_equal(clip.roi_rgb[0, BACKGROUND], (0, 0, 200))


def test_background_is_nan_where_the_face_leaves_none(mesh, astronaut):
    tight = np.ascontiguousarray(astronaut[55:195, 165:285])
    clip = trace_clip(still(tight, 1), mesh)
    assert np.isnan(clip.roi_rgb[0, BACKGROUND]).all()
    assert np.isfinite(clip.roi_rgb[0, :BACKGROUND]).all()


def test_frames_without_a_face_are_nan(mesh, photograph):
    frames = still(photograph, 9)
    for index in (3, 4):
        frames[index] = Frame(frames[index].time, BLANK)
    clip = trace_clip(frames, mesh)
    for traces in (clip.roi_rgb, clip.boxes, clip.landmarks):
        assert np.isnan(traces[3:5]).all()
        assert np.isfinite(traces[[0, 1, 2, 6, 7, 8]]).all()
    assert np.isfinite(clip.times).all()


def test_a_frame_of_another_size_counts_as_faceless(mesh, photograph):
    frames = [*still(photograph, 3), Frame(0.1, photograph[:200].copy())]
    clip = trace_clip(frames, mesh)
    assert np.isnan(clip.boxes[3]).all()
    assert clip.frame_size == (320, 240)


@pytest.mark.parametrize(("faces", "traced"), [(0, False), (3, False), (5, True)])
def test_half_of_the_frames_must_show_a_face(mesh, photograph, faces, traced):
    frames = still(photograph, faces) + [Frame(1 + i / 30, BLANK) for i in range(8 - faces)]
    clip = trace_clip(frames, mesh)
    assert (clip is not None) == traced


def test_no_frames_no_clip(mesh):
    assert trace_clip([], mesh) is None


def test_blendshapes_at_their_own_rate(photograph):
    shapes = Blendshapes()
    clip = trace_clip(still(photograph, 31), shapes, ClipSettings(blendshapes_hz=10))
    computed = np.isfinite(clip.blendshapes[:, 0])
    np.testing.assert_array_equal(np.flatnonzero(computed), np.arange(0, 31, 3))
    assert shapes.calls == 11
    assert clip.blendshapes.shape == (31, 52)
    assert (clip.blendshapes[computed] == 0.5).all()


def test_blendshapes_can_be_left_out(photograph):
    shapes = Blendshapes()
    clip = trace_clip(still(photograph, 2), shapes, ClipSettings(blendshapes_hz=0))
    assert clip.blendshapes is None
    assert shapes.calls == 0


def test_frames_are_taken_one_by_one_and_let_go(mesh, photograph):
    alive = weakref.WeakSet()
    most = 0

    class Picture(np.ndarray):  # views of it keep it alive, so that none can escape the count
        __hash__ = object.__hash__

    def frames():
        nonlocal most
        for index in range(12):
            pixels = Picture(photograph.shape, np.uint8)
            pixels[:] = photograph
            alive.add(pixels)
            most = max(most, len(alive))
            yield Frame(index / 30, pixels)

    clip = trace_clip(frames(), mesh)
    assert len(clip.times) == 12
    assert most <= ClipSettings().stride + 1


def test_errors_of_the_frames_propagate(mesh, photograph):
    def frames():
        yield Frame(0.0, photograph)
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        trace_clip(frames(), mesh)


@pytest.mark.data
@pytest.mark.weights
def test_real_clip(data_dir, models_dir):
    """A real clip is traced throughout, and its eyes are where its irises are."""
    data = (data_dir / "videos/pulse/evm_face_283kbps.mp4").read_bytes()
    landmarker = TasksLandmarker(str(models_dir / "face_landmarker.task"))
    with closing(read_clip(data)) as frames:
        clip = trace_clip((frame for frame in frames if frame.time < 2.1), landmarker)
    assert len(clip.times) > 55
    assert np.isfinite(clip.landmarks).all()
    assert np.isfinite(clip.blendshapes[:, 0]).mean() == pytest.approx(1 / 3, abs=0.05)
    assert len(clip.tracks) == 2
    skin = clip.roi_rgb[:, :BACKGROUND].mean(axis=(0, 1))
    assert skin[0] > skin[1] > skin[2]
