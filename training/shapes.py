"""Faces of nobody: shapes mixed, deformed, turned and photographed, so that every muscle works.

A few dozen portraits look into the camera and smile, or do not. What a network has to learn of
lids, jaws and brows comes from here. Everything is geometry: no pixel is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.transform import Rotation
from scipy.special import logit

from detectors.canonical import POSE_WEIGHTS, VERTICES
from detectors.contracts import BLENDSHAPES, LANDMARKS
from detectors.distilled import SEEN
from detectors.expression import BLENDSHAPE_NAMES
from detectors.topology import LEFT_IRIS, RIGHT_IRIS

Array = NDArray[np.float64]
Teacher = Callable[[Array], NDArray[np.float32]]
"""Blendshapes (N, 52) of points (N, 146, 2), those of ``SEEN``, x to the right and y down."""

SEEN_AT = np.array(SEEN)

STEP = 0.05
"""Centimetres by which a point is moved to see what the teacher makes of it."""

SKIN = 1.0
"""Standard deviation, in centimetres along the skin, over which a muscle moves its surroundings."""

FIELDS = (0.5, 1.2, 3.0)
"""The same of the deformations drawn at random: of a lid, of a mouth, and of a cheek."""

FIELD = 0.10
"""Most that one of those moves a point, as a standard deviation in centimetres."""

MUSCLES = 6
"""Most muscles that move in one face."""

STRENGTH = 0.6
"""Standard deviation, in centimetres, of how far a muscle moves the point that it moves most."""

BOTH_SIDES = 0.7
"""How often the twin of a muscle moves with it."""

AS_FOUND = 0.5
"""How often a face begins as one of the portraits; else it is drawn from their Gaussian."""

SPREAD = (0.6, 1.6)
"""Standard deviations of that Gaussian, in those of the portraits."""

ANGLES = (18.0, 12.0, 10.0)
"""Standard deviations of yaw, pitch and roll, in degrees."""

DISTANCE = (25.0, 120.0)
"""Centimetres from the camera, drawn evenly on a logarithmic scale."""

NOISE = 0.05
"""Most that a landmark jitters by itself, as a standard deviation in centimetres."""

_POSE = np.array(list(POSE_WEIGHTS))
_WEIGHTS = np.array(list(POSE_WEIGHTS.values())) / sum(POSE_WEIGHTS.values())
_HEAD = np.array([VERTICES[index] for index in POSE_WEIGHTS])

TWINS = {
    at: BLENDSHAPE_NAMES.index(twin)
    for at, name in enumerate(BLENDSHAPE_NAMES)
    if name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
    for old, new in (("Left", "Right"), ("Right", "Left"))
    if name.endswith(old) and (twin := name.removesuffix(old) + new) in BLENDSHAPE_NAMES
}
"""The coefficient of the other side."""


def frontal(landmarks: NDArray[np.float32]) -> Array:
    """Turn a head to face the camera, by a weighted similarity to the canonical face.

    Args:
        landmarks: float32 (478, 3) in pixels, z in the same scale.

    Returns:
        float64 (478, 3), in centimetres of the canonical face: x towards the subject's left, y up,
        z towards the camera.
    """
    points = landmarks.astype(np.float64) * (1, -1, -1)
    seen = points[_POSE] - _WEIGHTS @ points[_POSE]
    head = _HEAD - _WEIGHTS @ _HEAD
    rotation, _ = Rotation.align_vectors(head, seen, _WEIGHTS)
    scale = np.sqrt((_WEIGHTS @ head**2).sum() / (_WEIGHTS @ seen**2).sum())
    centred = points - _WEIGHTS @ points[_POSE]
    return np.asarray(scale * rotation.apply(centred) + _WEIGHTS @ _HEAD)


def along_skin(face: Array) -> Array:
    """Distances between the points of a face along its surface.

    Lips and lids that touch are far from each other here, since the way leads round the corner. An
    iris lies on no surface but its own.

    Args:
        face: (478, 3).

    Returns:
        float64 (478, 478) in the units of the face; infinite between an iris and the rest.
    """
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    spokes = [(iris[0], rim) for iris in (RIGHT_IRIS, LEFT_IRIS) for rim in iris[1:]]
    edges = np.array([*sorted(FACEMESH_TESSELATION), *spokes])
    lengths = np.linalg.norm(face[edges[:, 0]] - face[edges[:, 1]], axis=1)
    graph = coo_matrix((lengths, edges.T), (LANDMARKS, LANDMARKS))
    return np.asarray(shortest_path(graph.tocsr(), directed=False))


def mirrored(faces: Array) -> Array:
    """Mirror faces: what was the left eye becomes the right one.

    Args:
        faces: (N, 478, 3) as :func:`frontal` gives them.
    """
    mean = faces.mean(axis=0)
    apart = np.linalg.norm(mean[:, None] - mean * (-1, 1, 1), axis=2)
    return np.asarray(faces[:, apart.argmin(axis=1)] * (-1, 1, 1))


def on_screen(points: Array, distance: Array | float = np.inf) -> Array:
    """Photograph points (..., 3) from a distance in centimetres: (..., 2), x right and y down."""
    towards = points[..., 2:] / distance
    return np.asarray(points[..., :2] * (1, -1) / (1 - towards))


def muscles(teacher: Teacher, faces: Array) -> Array:
    """The directions in which each coefficient of the teacher grows fastest.

    Gradients of its log-odds by finite differences, mean over faces, then smoothed along the skin,
    because flesh moves with its surroundings.

    Args:
        teacher: asked 293 times for each face.
        faces: (N, 478, 3) as :func:`frontal` gives them.

    Returns:
        float64 (52, 146, 2): x towards the subject's left and y up; the point that moves most
        moves by 1.
    """
    inputs = 2 * len(SEEN)
    gradient = np.zeros((inputs, BLENDSHAPES))
    for face in faces[:, SEEN_AT]:
        moved = np.repeat(on_screen(face)[None], inputs + 1, axis=0).reshape(inputs + 1, inputs)
        moved[np.arange(inputs), np.arange(inputs)] += STEP
        answers = logit(np.clip(teacher(moved.reshape(-1, len(SEEN), 2)), 1e-9, 1 - 1e-6))
        gradient += answers[:-1] - answers[-1]
    raw = gradient.T.reshape(BLENDSHAPES, len(SEEN), 2) * (1, -1)
    kernel = nearby(along_skin(faces.mean(axis=0)), SKIN)
    smooth = np.einsum("ij,kjc->kic", kernel / kernel.sum(axis=1, keepdims=True), raw)
    furthest = np.linalg.norm(smooth, axis=2).max(axis=1)
    return np.asarray(smooth / furthest[:, None, None])


def nearby(distances: Array, deviation: float) -> Array:
    """Gaussian weights, (146, 146), of distances along the skin, (478, 478)."""
    return np.asarray(np.exp(-(distances[np.ix_(SEEN_AT, SEEN_AT)] ** 2) / (2 * deviation**2)))


@dataclass(frozen=True, slots=True, eq=False)
class Modeller:
    """Draws faces.

    Attributes:
        faces: (N, 146, 3), portraits and their mirror images, as :func:`frontal` gives them.
        muscles: (52, 146, 2), as :func:`muscles` gives them.
        fields: for each of :data:`FIELDS`, (146, 146), noise to a smooth deformation of variance 1.
    """

    faces: Array
    muscles: Array
    fields: tuple[Array, ...]

    @classmethod
    def of(cls, faces: Array, directions: Array) -> Modeller:
        """Prepare for portraits (N, 478, 3) as :func:`frontal` gives them."""
        distances = along_skin(faces.mean(axis=0))
        kernels = [nearby(distances, deviation) for deviation in FIELDS]
        return cls(
            np.concatenate([faces, mirrored(faces)])[:, SEEN_AT],
            directions,
            tuple(k / np.linalg.norm(k, axis=1, keepdims=True) for k in kernels),
        )

    def draw(self, rng: np.random.Generator) -> Array:
        """One face as a camera sees it: (146, 2), x to the right and y down."""
        face = self._person(rng)
        for _ in range(rng.integers(MUSCLES + 1)):
            at, strength = int(rng.integers(BLENDSHAPES)), rng.normal(0, STRENGTH)
            face[:, :2] += strength * self.muscles[at]
            if at in TWINS and rng.random() < BOTH_SIDES:
                face[:, :2] += strength * rng.uniform(0.6, 1.4) * self.muscles[TWINS[at]]
        for field in self.fields:
            face += field @ rng.normal(0, FIELD * rng.random(), face.shape)
        turned = Rotation.from_euler("yxz", rng.normal(0, ANGLES), degrees=True).apply(face)
        distance = float(np.exp(rng.uniform(*np.log(DISTANCE))))
        seen = on_screen(turned, distance)
        return np.asarray(seen + rng.normal(0, NOISE * rng.random(), seen.shape))

    def _person(self, rng: np.random.Generator) -> Array:
        if rng.random() < AS_FOUND:
            return np.array(self.faces[rng.integers(len(self.faces))])
        mean, many = self.faces.mean(axis=0), len(self.faces)
        shares = rng.normal(0, rng.uniform(*SPREAD) / np.sqrt(many), many)
        return np.asarray(mean + np.tensordot(shares, self.faces - mean, axes=1))
