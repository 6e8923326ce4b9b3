"""Parallax: what a flat print cannot fake when it is turned.

Between two views of a plane all points move by one homography. A head's do not: what is left
after the best homography follows the depth of the face. Both are measured on points followed by
optical flow, because landmark models put the points of a flat photograph where those of a
turning head would be.

"Planar" is evidence for a *flat print* only. Curved paper has relief too, and a screen that
replays a turning head shows that head's parallax: both pass.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import scipy  # its parts are loaded when they are first used: see Parallax.load
from numpy.typing import NDArray

from detectors.canonical import POSE_WEIGHTS, VERTICES
from detectors.contracts import (
    Detector,
    FaceBundle,
    Measurement,
    Measures,
    Score,
    Status,
    TrackWindow,
    ramp,
)
from detectors.pictures import Picture, Plot
from detectors.pose import focal_length
from detectors.topology import FACE_OVAL

Array = NDArray[np.float64]

_INDICES = list(VERTICES)
_DEPTH = np.array([z for _, _, z in VERTICES.values()])
_STEADY = list(POSE_WEIGHTS)


@dataclass(frozen=True, slots=True)
class ParallaxMapping:
    """Anchors of the score, between flat prints and rendered heads of the same photographs.

    Turned by 8 to 50 degrees in a second, prints left a relief of 0.00 to 0.1% and heads one of
    0.4 to 1.9%; compressed clips of real heads begin at 0.3%.

    Attributes:
        relief_pct: relief, in % of the face's width, that scores 0 and 1.
    """

    relief_pct: tuple[float, float] = (0.1, 0.5)


class Parallax(Detector[ParallaxMapping]):
    """Relief of the face, from optical flow while it turns.

    A window counts as turned if the landmarks say so, or if its points move like a turning plane
    and like nothing else. Landmarks alone would excuse every print: MediaPipe sees a print that
    is turned by 40 degrees turn by 2 to 8. A window whose points show neither relief nor a plane,
    as those of a talking face in a compressed clip, is no evidence of a plane and does not count.

    Measures:
        windows: one-second windows of the clip in which enough points could be followed.
        turned_windows: those of them in which the face turned far enough, and that tell.
        turn_deg: the largest apparent turn of the face out of the image plane, in degrees.
        plane_turn_deg: the largest turn, in degrees, of the plane that fits the points of a
            window best, where the points leave little else.
        residual_pct: RMS distance of the points from the best homography, in % of the face's
            width; the median of the turned windows.
        explained: share, 0..1, of the residual's energy that is the depth of a face along one
            direction; the median of the turned windows.
        relief_pct: residual_pct times the root of explained, of each window: RMS of the part of
            the residual that looks like a face, in % of its width; the median of the turned
            windows. Noise of the points raises the residual and lowers the explained share; this
            it leaves alone.

    Args:
        min_turn_deg: turn of the landmarks below which a window says nothing.
        min_plane_turn_deg: the same for the turn of the plane, which is less exact.
        planar_pct: relief, in % of the face's width, above which the turn of the plane is not
            believed: the plane that fits a head best seems to turn two to three times as far.
        planar_certainty: how many times what a homography leaves must be left by a motion within
            the image plane, or the turn of the plane is not believed: the noise of compressed
            clips looks like large turns.
    """

    name = "parallax"
    needs = ("clip.tracks",)
    mapping = ParallaxMapping

    def __init__(
        self,
        min_turn_deg: float = 6.0,
        min_plane_turn_deg: float = 10.0,
        planar_pct: float = 0.1,
        planar_certainty: float = 1.3,
    ) -> None:
        self._min_turn_deg = min_turn_deg
        self._min_plane_turn_deg = min_plane_turn_deg
        self._planar_pct = planar_pct
        self._planar_certainty = planar_certainty

    def load(self) -> None:
        """Load scipy's interpolation: 20 MB that nodes which only map measures can do without."""
        importlib.import_module("scipy.interpolate")

    def measure(self, bundle: FaceBundle) -> Measurement:
        """Measure the windows of ``bundle.clip.tracks``."""
        clip = bundle.clip
        views = _views(clip.tracks, clip.frame_size) if clip else []
        if not views:
            return Measurement({"windows": 0.0}, Status.ABSTAINED, ("no_tracks",))
        planar, turned = self._planar(views), self._turned(views)
        measures = {
            "windows": float(len(views)),
            "turned_windows": float(len(turned)),
            "turn_deg": max(view.turn_deg for view in views),
            "plane_turn_deg": max((view.plane_turn_deg for view in planar), default=0.0),
        }
        if not turned:
            return Measurement(measures, Status.ABSTAINED, ("insufficient_motion",))
        for name in ("residual_pct", "explained", "relief_pct"):
            measures[name] = float(np.median([getattr(view, name) for view in turned]))
        return Measurement(measures)

    def pictures(self, bundle: FaceBundle) -> Sequence[Picture]:
        """Draw the turn of every window, and the relief of those that turned far enough."""
        clip = bundle.clip
        views = _views(clip.tracks, clip.frame_size) if clip else []
        if not views:
            return ()
        turn = Plot(
            "turn",
            "How far the face turned in each second that was looked at: relief can be told from "
            f"{self._min_turn_deg:g}° on",
            "time in the clip in s",
            "apparent turn in degrees",
            np.array([view.middle_s for view in views]),
            np.array([view.turn_deg for view in views]),
        )
        turned = self._turned(views)
        if not turned:
            return (turn,)
        low, high = ParallaxMapping().relief_pct
        relief = Plot(
            "relief",
            "Relief of the face in each second in which it turned far enough: up to "
            f"{low:g} % is a flat print, from {high:g} % on a head",
            "time in the clip in s",
            "relief in % of the face's width",
            np.array([view.middle_s for view in turned]),
            np.array([view.relief_pct for view in turned]),
        )
        return turn, relief

    def _planar(self, views: Sequence[_View]) -> list[_View]:
        """Those whose points move like a plane and like nothing else."""
        return [
            view
            for view in views
            if view.relief_pct <= self._planar_pct and view.certainty >= self._planar_certainty
        ]

    def _turned(self, views: Sequence[_View]) -> list[_View]:
        """Those in which the face, or a plane, turned far enough."""
        planar = self._planar(views)
        return [
            view
            for view in views
            if (view.turn_deg >= self._min_turn_deg and self._tells(view))
            or (view in planar and view.plane_turn_deg >= self._min_plane_turn_deg)
        ]

    def _tells(self, view: _View) -> bool:
        """Whether the points show relief, or that a plane turned and did not only shift."""
        relief = view.relief_pct > self._planar_pct and view.explained >= _BY_CHANCE
        return relief or view.certainty >= self._planar_certainty

    @staticmethod
    def score(measures: Measures, mapping: ParallaxMapping) -> Score:
        """Map the relief; none at all is ``planar``."""
        relief = ramp(measures["relief_pct"], *mapping.relief_pct)
        return Score(relief, {"relief": relief}, ("planar",) if relief == 0.0 else ())


class _View(NamedTuple):
    """One window, in the units of the measures."""

    middle_s: float
    turn_deg: float
    plane_turn_deg: float
    residual_pct: float
    explained: float
    certainty: float

    @property
    def relief_pct(self) -> float:
        return float(self.residual_pct * math.sqrt(self.explained))


_BY_CHANCE = 0.03
"""Explained share below which a residual is noise: points that only jitter reach 0.02."""

_GROSS = 0.08
"""Distance, in widths of the face, beyond which a point counts as lost, not as relief."""


def _views(windows: Sequence[TrackWindow], frame_size: tuple[int, int]) -> list[_View]:
    looked = (_view(window, frame_size) for window in windows)
    return [view for view in looked if view is not None]


def _view(window: TrackWindow, frame_size: tuple[int, int]) -> _View | None:
    """Measure one window; None if its points fit no homography at all."""
    start, end = window.points.astype(np.float64)
    face = window.landmarks[0].astype(np.float64)
    outline = face[list(FACE_OVAL), :2]
    width, centre = float(np.ptp(outline[:, 0])), outline.mean(axis=0)

    found, kept = cv2.findHomography(start, end, cv2.RANSAC, _GROSS * width)
    if found is None:
        return None
    inside = np.asarray(kept)[:, 0] == 1
    start, end = start[inside], end[inside]
    homography, _ = cv2.findHomography(start, end, 0)
    residual = end - cv2.perspectiveTransform(start[:, None], homography)[:, 0]
    left = _rms(residual) / width

    where = (start - centre) / width
    known = (face[_INDICES, :2] - centre) / width
    depth = scipy.interpolate.RBFInterpolator(known, _DEPTH, smoothing=1e-6)(where)
    return _View(
        middle_s=float(window.times.mean()),
        turn_deg=turn_deg(window.landmarks),
        plane_turn_deg=plane_turn_deg(homography, frame_size),
        residual_pct=100.0 * left,
        explained=_explained(residual, where, depth),
        certainty=_rms(_in_plane_residual(start, end)) / width / max(left, _EXACT),
    )


_EXACT = 1e-6
"""Residual, in widths of the face, that counts as none."""


def _rms(residual: Array) -> float:
    return float(np.sqrt((residual**2).sum(axis=1).mean()))


def _in_plane_residual(start: Array, end: Array) -> Array:
    """What the best shift, roll and change of distance leaves, as complex numbers of the plane."""
    z, w = start @ [1, 1j], end @ [1, 1j]
    z, w = z - z.mean(), w - w.mean()
    left = w - (np.vdot(z, w) / np.vdot(z, z)) * z
    return np.column_stack([left.real, left.imag])


def plane_turn_deg(homography: Array, frame_size: tuple[int, int]) -> float:
    """Rotation, out of the image plane, of the plane that moves by ``homography``.

    Of the possible decompositions that whose plane faces the camera most directly counts. The
    camera's field of view is assumed, so that the angle is right only to a factor of about two.

    Args:
        homography: float64 (3, 3), in pixels of the frame.
        frame_size: width and height of the frame in pixels.

    Returns:
        Degrees; rolling does not count.
    """
    width, height = frame_size
    focal = focal_length(height)
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    _, rotations, _, normals = cv2.decomposeHomographyMat(homography, camera)
    facing = max(range(len(normals)), key=lambda i: abs(float(normals[i][2, 0])))
    return _out_of_plane(np.asarray(rotations[facing]))


def turn_deg(landmarks: NDArray[np.float32]) -> float:
    """Apparent rotation of a face out of the image plane.

    Args:
        landmarks: float32 (2, 478, 3), the face in two frames.

    Returns:
        The angle between the two directions of the face, in degrees; rolling does not count.
    """
    first, last = (face[_STEADY] - face[_STEADY].mean(axis=0) for face in landmarks.astype(float))
    u, _, vt = np.linalg.svd(last.T @ first)
    rotation = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    return _out_of_plane(rotation)


def _out_of_plane(rotation: Array) -> float:
    return math.degrees(math.acos(float(np.clip(rotation[2, 2], -1.0, 1.0))))


def _explained(residual: Array, points: Array, depth: Array) -> float:
    """Share of the residual's energy that is ``depth`` times one direction, beyond chance.

    A homography takes up a part of the depth as well, so the template is compared only with
    what a homography leaves of it: the part orthogonal to all small changes of a homography.
    """
    x, y = points.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    along_x = [x, y, one, zero, zero, zero, x * x, x * y]
    along_y = [zero, zero, zero, x, y, one, x * y, y * y]
    changes = np.vstack([np.stack(along_x, axis=1), np.stack(along_y, axis=1)])
    basis, _ = np.linalg.qr(changes)

    relief = np.kron(np.eye(2), depth[:, None])
    relief -= basis @ (basis.T @ relief)
    left = residual.T.ravel()
    left = left - basis @ (basis.T @ left)
    fitted = relief @ np.linalg.lstsq(relief, left, rcond=None)[0]
    energy = float(left @ left)
    if energy == 0.0:
        return 0.0
    # As in the adjusted R²: a direction has two numbers to fit, which explain this much of any
    # noise.
    by_chance = 2 / (left.size - basis.shape[1])
    share = (float(fitted @ fitted) / energy - by_chance) / (1 - by_chance)
    return float(max(share, 0.0))
