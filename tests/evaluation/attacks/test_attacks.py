"""Attacks are what their names say, and depend on pixels and seed alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detectors.interference import patches, prominence
from detectors.topology import FACE_OVAL, LEFT_EYE_CONTOUR, RIGHT_EYE_CONTOUR
from evaluation.attacks import BONA_FIDE, CLIPS, OF_ONE_FRAME, STILLS
from evaluation.attacks.prints import BORDER
from evaluation.attacks.scene import FRAMED
from specimens.camera import linear


@pytest.mark.parametrize("species", STILLS)
def test_a_picture_depends_on_its_seed_alone(species, portrait):
    made = STILLS[species](portrait, 5)
    assert made.shape == portrait.pixels.shape
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made, STILLS[species](portrait, 5))
    assert (made != STILLS[species](portrait, 6)).mean() > 0.01
    assert np.abs(made.astype(float) - BONA_FIDE(portrait, 5)).mean() > 0.3


def grey(pixels):
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)


def bright(pixels):
    """Mean light of rows or of a region, linear."""
    return linear(pixels).mean(axis=2)


@pytest.mark.parametrize("species", ["print_flat", "print_bent", "print_hand", "replay_close"])
def test_dots_and_grids_are_periodic(species, portrait):
    own = prominence(patches(grey(BONA_FIDE(portrait, 1))))
    assert prominence(patches(grey(STILLS[species](portrait, 1)))) > 1.5 * own


def test_a_print_in_a_hand_has_a_white_edge_before_a_wall_and_skin_below(portrait):
    made = STILLS["print_hand"](portrait, 2)
    side = made.shape[0]
    start = (1 - FRAMED) / 2
    edge = made[
        round((start + 0.4 * BORDER * FRAMED) * side), round(0.4 * side) : round(0.6 * side)
    ]
    corner = made[:20, :20].reshape(-1, 3)
    assert edge.mean() > 200
    assert corner.mean() < 190
    # The thumb is the only thing that is redder than blue below the sheet.
    below = made[-10:].astype(int)
    redder = (below[..., 0] - below[..., 2]) > 25
    assert 0.04 < redder.mean() < 0.3


def test_a_device_has_a_black_frame(portrait):
    made = bright(STILLS["replay_bezel"](portrait, 2))
    middle = made[made.shape[0] // 2]
    left = np.flatnonzero(middle < 0.03)[0]
    assert 0.08 < left / made.shape[1] < 0.2


def test_a_bent_print_is_darker_at_its_sides(portrait):
    flat, bent = (
        bright(STILLS[name](portrait, 3)).mean(axis=0) for name in ("print_flat", "print_bent")
    )
    shade = bent / flat
    assert min(shade[5], shade[-5]) < 0.85 * shade.max()


def test_a_dimmed_screen_has_bands_across(portrait):
    own = np.maximum(bright(BONA_FIDE(portrait, 1)), 0.01)
    ratio = bright(STILLS["replay_bands"](portrait, 1)) / own
    rows = np.median(ratio, axis=1)
    slow = cv2.GaussianBlur(rows[:, None], (0, 0), 60)[:, 0]
    assert np.ptp((rows / slow)[60:-60]) > 0.05


def test_live_eyes_look_through_the_holes_of_a_mask(portrait):
    made, own = (
        grey(p).astype(float) for p in (STILLS["cutout_eyes"](portrait, 1), portrait.pixels)
    )
    eyes, oval = np.zeros(own.shape, np.uint8), np.zeros(own.shape, np.uint8)
    for part in (RIGHT_EYE_CONTOUR, LEFT_EYE_CONTOUR):
        cv2.fillConvexPoly(eyes, np.rint(portrait.points[list(part)]).astype(np.int32), 1)
    cv2.fillConvexPoly(oval, np.rint(portrait.points[list(FACE_OVAL)]).astype(np.int32), 1)

    def likeness(mask):
        return np.corrcoef(made[mask == 1], own[mask == 1])[0, 1]

    assert likeness(eyes) > 0.97  # no dots there
    assert likeness(oval) < 0.95
    assert abs(likeness(1 - oval)) < 0.5


def test_an_enlarged_picture_has_lost_its_detail(portrait):
    fine = [
        cv2.Laplacian(grey(p), cv2.CV_64F).var()
        for p in (STILLS["resampled"](portrait, 1), BONA_FIDE(portrait, 1))
    ]
    assert fine[0] < 0.2 * fine[1]


def test_a_swap_changes_the_face_and_nothing_else(portrait):
    changed = (STILLS["swap_blend"](portrait, 4) != BONA_FIDE(portrait, 4)).any(axis=2)
    hull = np.zeros(changed.shape, np.uint8)
    cv2.fillConvexPoly(hull, np.rint(portrait.points[list(FACE_OVAL)]).astype(np.int32), 1)
    assert changed[hull == 1].mean() > 0.9
    far = cv2.dilate(hull, np.ones((41, 41))) == 0
    assert not changed[far].any()


@pytest.mark.parametrize("species", CLIPS)
def test_a_clip_depends_on_its_seed_alone(species, recording):
    made, again = (CLIPS[species](recording, 2) for _ in range(2))
    assert len(made) == 90
    assert all(
        a.time == b.time and np.array_equal(a.pixels, b.pixels)
        for a, b in list(zip(made, again, strict=True))[::30]
    )
    times = np.array([frame.time for frame in made])
    assert (np.diff(times) > 0).all()
    assert {frame.pixels.shape for frame in made} == {recording.frames[0].pixels.shape}
    if species in OF_ONE_FRAME:
        assert len({frame.pixels.tobytes() for frame in made}) == len(made)


def test_injected_frames_are_the_ones_of_the_clip(recording):
    frozen, looped, regular = (
        CLIPS[f"injected_{name}"](recording, 1) for name in ("frozen", "looped", "regular")
    )
    assert all(frame.pixels is recording.frames[0].pixels for frame in frozen)
    assert all(frame.pixels is recording.frames[at % 30].pixels for at, frame in enumerate(looped))
    times = [[frame.time for frame in clip] for clip in (recording.frames, frozen, looped, regular)]
    assert times[0] == times[1] == times[2]
    assert np.ptp(np.diff(times[3])) == pytest.approx(0, abs=1e-9)
    assert all(a.pixels is b.pixels for a, b in zip(regular, recording.frames, strict=True))


def test_the_face_of_another_camera_has_other_noise(recording):
    first = CLIPS["injected_two_cameras"](recording, 1)[0].pixels
    hull = np.zeros(first.shape[:2], np.uint8)
    cv2.fillConvexPoly(hull, np.rint(recording.points[list(FACE_OVAL)]).astype(np.int32), 1)
    same = (first == recording.frames[0].pixels).all(axis=2)
    assert same[cv2.dilate(hull, np.ones((21, 21))) == 0].all()
    assert same[cv2.erode(hull, np.ones((21, 21))) == 1].mean() < 0.1
