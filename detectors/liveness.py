"""Is the still image a live face, or a print or screen shown to the camera?

By default an ensemble of MiniFASNets (:mod:`detectors.minifasnet`) answers: those whose files are
on this machine. An operator's own model can stand in their place: an ONNX file with one logit, of
the kind that the eKYC reference trains (MobileNetV3), which then answers alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import cv2
import numpy as np

from detectors.contracts import (
    Detector,
    FaceBundle,
    Measurement,
    Measures,
    Score,
    Status,
    logistic,
)
from detectors.minifasnet import MEMBERS, inside
from detectors.pixels import Box, Pixels, imagenet
from models import onnx, store
from models.store import ModelUnavailable

if TYPE_CHECKING:
    import onnxruntime as ort

log = logging.getLogger(__name__)

OWN_MODEL = "PALISADE_LIVENESS_MODEL"
"""Environment variable with the path of a model that answers in place of the ensemble."""

OWN = "own"
"""Measure of that model."""

MIN_BOX = 48.0
"""Shorter side of the box, in pixels of the reduced frame, below which no network is believed: its
narrowest crop then has fewer than the 80 pixels of the input."""

MIN_ROOM = 1.2
"""Room around the face, in sides of its box, below which the ensemble is not believed."""

OWN_SIDE = 224


@dataclass(frozen=True, slots=True)
class LivenessMapping:
    """From log-odds of a live face to a score; the reference's values by default.

    Silent-Face-Anti-Spoofing takes the mean of the probabilities of its two networks; the eKYC
    reference takes the sigmoid of its one logit. Both are what the defaults give. ``log_odds``
    takes the sigmoid of the mean of the log-odds instead, in which a network that is sure counts
    for more, and which can be shifted.

    Attributes:
        members: of the ensemble that count; all that were measured where none of these was.
        mean: of what.
        shift: log-odds at which the ensemble is undecided, with ``log_odds``.
        own_shift: log-odds at which the operator's own model is undecided.
    """

    members: tuple[str, ...] = ("v2_2_7", "v1se_4_0")
    mean: Literal["probabilities", "log_odds"] = "probabilities"
    shift: float = 0.0
    own_shift: float = 0.0


class Liveness(Detector[LivenessMapping]):
    """Networks that were trained to tell live faces from prints and screens.

    They are asked about the reduced frame, of which they need the surroundings of the face, up to
    four times its box. The box is that of the landmarks. A face detector's, which they were trained
    with, has the same sides and chin but ends a seventh of its height higher; on real attacks it
    separates no better (docs/LIVENESS.md), and no detector has to be run.

    In a crop so tight that the ensemble sees no surroundings it answers about the camera: one
    collector's live faces get log-odds of +7, another's of -7. Then, and where the face has too few
    pixels, the signal abstains; the answers stay on record. A model of the operator's own sees
    nothing but the face, and needs no room.

    Measures:
        v2_1_5, v2_2_7, v1se_4_0, v2se_1_5, v2se_2_0: log-odds of a live face of each member of
            the ensemble whose file is here: network, then side of the crop in sides of the box.
        own: the same of the operator's own model, which is then alone.
        box_px: shorter side of the box in pixels of the reduced frame.
        room: side of the largest crop of the box's shape that fits into the frame, in sides of the
            box.

    Args:
        own: an ONNX file that answers in place of the ensemble; that which
            ``PALISADE_LIVENESS_MODEL`` names by default.
    """

    name: ClassVar[str] = "liveness"
    needs: ClassVar[tuple[str, ...]] = ("frame", "landmarks")
    mapping: ClassVar[type] = LivenessMapping

    def __init__(self, own: Path | None = None) -> None:
        self._own_file = own or _own_model()
        self._own: ort.InferenceSession | None = None
        self._members: Mapping[str, ort.InferenceSession] = {}
        self._digest: str | None = None

    def load(self) -> None:
        """Open the operator's own model, or every member of the ensemble that is here.

        Raises:
            ModelUnavailable: the own model cannot be used, or no member can; the reason is that of
                the first.
        """
        if self._own_file is not None:
            self._own = _opened_own(self._own_file)
            self._digest = store.sha256(self._own_file)
            return
        files: dict[str, Path] = {}
        sessions: dict[str, ort.InferenceSession] = {}
        missing: list[ModelUnavailable] = []
        for name in dict.fromkeys(member.model for member in MEMBERS.values()):
            try:
                files[name] = store.find(name)
                sessions[name] = onnx.session(files[name])
            except ModelUnavailable as error:
                log.info("liveness goes without %s: %s", name, error)
                missing.append(error)
        if not sessions:
            raise missing[0]
        self._members = {
            measure: sessions[member.model]
            for measure, member in MEMBERS.items()
            if member.model in sessions
        }
        for measure, session in self._members.items():
            MEMBERS[measure].family.check(session)
        self._digest = "+".join(store.digest(name) for name in sessions)

    def measure(self, bundle: FaceBundle) -> Measurement:
        """Ask every network."""
        height, width = bundle.frame.shape[:2]
        box = mesh_box(bundle)
        sides = box[2] - box[0], box[3] - box[1]
        room = min(width / sides[0], height / sides[1])
        measures = {"box_px": min(sides), "room": room, **self.log_odds(bundle.frame, box)}
        reasons = [
            word
            for word, too_little in (
                ("face_too_small", min(sides) < MIN_BOX),
                ("crop_too_tight", room < MIN_ROOM and self._own is None),
            )
            if too_little
        ]
        status = Status.ABSTAINED if reasons else Status.OK
        return Measurement(measures, status, tuple(reasons), self._digest)

    def log_odds(self, pixels: Pixels, box: Box) -> dict[str, float]:
        """Log-odds of a live face of each network, by the name of its measure.

        Args:
            pixels: uint8 RGB (H, W, 3).
            box: of the face in ``pixels``, as face detectors draw it.
        """
        if self._own is not None:
            return {OWN: _ask_own(self._own, inside(pixels, box, 1.0))}
        return {
            name: MEMBERS[name].family.log_odds(session, pixels, box, MEMBERS[name].scale)
            for name, session in self._members.items()
        }

    @staticmethod
    def score(measures: Measures, mapping: LivenessMapping) -> Score:
        """Fuse the networks; the components are the probabilities of each alone."""
        if OWN in measures:
            own = logistic(measures[OWN] - mapping.own_shift)
            return Score(own, {OWN: own})
        known = {name: measures[name] for name in MEMBERS if name in measures}
        counted = [name for name in mapping.members if name in known] or list(known)
        components = {name: logistic(known[name]) for name in counted}
        if mapping.mean == "probabilities":
            return Score(float(np.mean([*components.values()])), components)
        together = float(np.mean([known[name] for name in counted]))
        return Score(logistic(together - mapping.shift), components)


def mesh_box(bundle: FaceBundle) -> Box:
    """The box of the landmarks, in pixels of the reduced frame."""
    height, width = bundle.frame.shape[:2]
    points = bundle.in_frame * (width, height)
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _own_model() -> Path | None:
    named = os.environ.get(OWN_MODEL)
    return Path(named) if named else None


def _opened_own(path: Path) -> ort.InferenceSession:
    if not path.is_file():
        raise ModelUnavailable("weights_missing", f"{OWN_MODEL}: there is no file {path}")
    session = onnx.session(path)
    onnx.check(session, {"input": (1, 3, OWN_SIDE, OWN_SIDE)}, ())
    try:
        _ask_own(session, np.zeros((OWN_SIDE, OWN_SIDE, 3), np.uint8))
    except ValueError as error:  # several outputs, or several numbers in one
        raise ModelUnavailable(
            "weights_interface", f"{path}: expected one output with one logit"
        ) from error
    return session


def _ask_own(session: ort.InferenceSession, crop: Pixels) -> float:
    """Log-odds of a live face: its one logit is that of a spoof."""
    resized = np.asarray(cv2.resize(crop, (OWN_SIDE, OWN_SIDE)), np.float32)
    (logit,) = session.run(None, {"input": imagenet(resized / np.float32(255))})
    return -float(np.asarray(logit, np.float64).reshape(()))
