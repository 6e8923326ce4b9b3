"""Is the still image a live face, or a print or screen shown to the camera?

By default an ensemble of MiniFASNets (:mod:`detectors.minifasnet`) answers: those whose files are
on this machine. An operator's own model can stand in their place, and then answers alone
(:mod:`detectors.liveness_own`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from detectors.chroma import NAMES as COLOURS
from detectors.chroma import ColourFormula, measure_colours
from detectors.contracts import (
    Detector,
    FaceBundle,
    Measurement,
    Measures,
    Score,
    Status,
    Still,
    logistic,
)
from detectors.landmarks import bounding_box
from detectors.liveness_own import OwnModel, evenly, own_model
from detectors.minifasnet import MEMBERS, inside
from detectors.pixels import Box, Pixels
from models import onnx, store
from models.store import ModelUnavailable

if TYPE_CHECKING:
    import onnxruntime as ort

log = logging.getLogger(__name__)

OWN = "own"
"""Measure of an operator's own model."""

MIN_BOX = 48.0
"""Shorter side of the box, in pixels of the reduced frame, below which no network is believed: its
narrowest crop then has fewer than the 80 pixels of the input."""

CLEAR = 4.0
"""Mean log-odds that are clear, times the root of the number of stills that were asked about. Live
faces and attacks differ by about 8, the stills of one clip by 1 to 2."""

MIN_VOTES = 2
"""Stills that are asked about at least, from both ends of the clip: one moment is no clip."""

CLIP = "_clip"
"""Ends the name of a measure's mean over the stills of the clip."""

MIN_ROOM = 1.2
"""Room around the face, in sides of its box, below which the ensemble is not believed."""


@dataclass(frozen=True, slots=True)
class LivenessMapping:
    """From log-odds of a live face to a score; the reference's values by default.

    Silent-Face-Anti-Spoofing takes the mean of the probabilities of its two networks; the eKYC
    reference takes the sigmoid of its one logit. Both are what the defaults give. ``log_odds``
    takes the sigmoid of the mean of the log-odds instead, in which a network that is sure counts
    for more, and which can be shifted.

    Colours and clip count with ``log_odds`` only.

    Attributes:
        members: of the ensemble that count; all that were measured where none of these was.
        mean: of what.
        shift: log-odds at which the ensemble is undecided, with ``log_odds``.
        own_shift: log-odds at which the operator's own model is undecided.
        colour: log-odds from the colours and the detail of the face.
        colour_cap: log-odds that they may add or take away; 0 leaves them out.
        clip_weight: of the mean over the clip's stills, where there are any, against the selfie;
            0 to 1. An own model that looks at several pictures answers once about the stills. At 1
            whoever shows a live clip could send any selfie.
    """

    members: tuple[str, ...] = ("v2_2_7", "v1se_4_0")
    mean: Literal["probabilities", "log_odds"] = "probabilities"
    shift: float = 0.0
    own_shift: float = 0.0
    colour: ColourFormula = field(default_factory=ColourFormula)
    colour_cap: float = 0.0
    clip_weight: float = 0.0


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

    An own model that looks at several pictures together is asked about the selfie, repeated, and
    about as many stills of the clip, evenly chosen.

    Of a clip the stills are asked about as well, both ends first, until the mean of all answers is
    clear: an attacker has to keep it up, and a live face may blink or turn. Whoever shows one
    thing for the selfie and another for the clip is not helped by the better one: with the
    policy's weight both count.

    Measures:
        v2_1_5, v2_2_7, v1se_4_0, v2se_1_5, v2se_2_0: log-odds of a live face of each member of
            the ensemble whose file is here: network, then side of the crop in sides of the box.
        own: the same of the operator's own model, which is then alone.
        v2_1_5_clip and so on: their means over the stills of the clip that were looked at.
        stills: how many those were.
        colours, hue_spread_deg, fine_detail: of the selfie and, ending in ``_clip``, their means
            over the stills: :func:`detectors.chroma.measure_colours`.
        box_px: shorter side of the box in pixels of the reduced frame.
        room: side of the largest crop of the box's shape that fits into the frame, in sides of the
            box.

    Args:
        own: an ONNX file that answers in place of the ensemble; that which
            ``PALISADE_LIVENESS_MODEL`` names by default.
    """

    name: ClassVar[str] = "liveness"
    needs: ClassVar[tuple[str, ...]] = ("frame", "landmarks", "stills")
    mapping: ClassVar[type] = LivenessMapping

    def __init__(self, own: Path | None = None) -> None:
        self._own_file = own
        self._own: OwnModel | None = None
        self._members: Mapping[str, ort.InferenceSession] = {}
        self._digest: str | None = None

    def load(self) -> None:
        """Open the operator's own model, or every member of the ensemble that is here.

        Raises:
            ModelUnavailable: the own model cannot be used, or no member can; the reason is that of
                the first.
        """
        if (file := self._own_file or own_model()) is not None:
            self._own = OwnModel(file)
            self._digest = store.sha256(file)
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
        box = mesh_box(bundle)
        measures = {
            **_room(bundle.frame, box),
            **self._asked(bundle.frame, box),
            **self._of_stills(bundle.stills),
        }
        reasons = _too_little(measures, self._own is not None)
        status = Status.ABSTAINED if reasons else Status.OK
        return Measurement(measures, status, tuple(reasons), self._digest)

    def _asked(self, pixels: Pixels, box: Box) -> dict[str, float]:
        """What the networks answer, and the colours of the face."""
        return {**self.log_odds(pixels, box), **measure_colours(pixels, box)}

    def _of_stills(self, stills: Sequence[Still]) -> dict[str, float]:
        """What the networks answer about the clip."""
        if self._own is None or self._own.images == 1:
            return self._votes(stills)
        known = [one for one in stills if self._believed(one.pixels, bounding_box(one.landmarks))]
        if not known:
            return {}
        chosen = [known[at] for at in evenly(len(known), self._own.images)]
        answer = self._own.log_odds(
            [inside(one.pixels, bounding_box(one.landmarks), 1.0) for one in chosen]
        )
        return {"stills": float(len(chosen)), OWN + CLIP: answer}

    def _votes(self, stills: Sequence[Still]) -> dict[str, float]:
        """Ask about the stills of the clip until the answers are clear; their means."""
        asked: list[dict[str, float]] = []
        clear: list[float] = []
        for still in (*stills[-1:], *stills[:-1]):  # both ends before what is between
            box = bounding_box(still.landmarks)
            if not self._believed(still.pixels, box):
                continue
            asked.append(self._asked(still.pixels, box))
            clear.append(float(np.mean([v for n, v in asked[-1].items() if n not in COLOURS])))
            if len(clear) >= MIN_VOTES and abs(np.mean(clear)) >= CLEAR / math.sqrt(len(clear)):
                break
        if not asked:
            return {}
        means = {name + CLIP: float(np.mean([one[name] for one in asked])) for name in asked[0]}
        return {"stills": float(len(asked)), **means}

    def _believed(self, pixels: Pixels, box: Box) -> bool:
        """Whether a face has the pixels and the surroundings that the networks need."""
        return not _too_little(_room(pixels, box), self._own is not None)

    def log_odds(self, pixels: Pixels, box: Box) -> dict[str, float]:
        """Log-odds of a live face of each network, by the name of its measure.

        Args:
            pixels: uint8 RGB (H, W, 3).
            box: of the face in ``pixels``, as face detectors draw it.
        """
        if self._own is not None:
            return {OWN: self._own.log_odds([inside(pixels, box, 1.0)])}
        return {
            name: MEMBERS[name].family.log_odds(session, pixels, box, MEMBERS[name].scale)
            for name, session in self._members.items()
        }

    @staticmethod
    def score(measures: Measures, mapping: LivenessMapping) -> Score:
        """Fuse the networks; the components are the probabilities of each alone."""
        own = OWN in measures
        shift = mapping.own_shift if own else mapping.shift
        if own:
            components = {OWN: logistic(measures[OWN] - shift)}
        else:
            components = {name: logistic(measures[name]) for name in _counted(measures, mapping)}
            if mapping.mean == "probabilities":
                return Score(float(np.mean([*components.values()])), components)
            if mapping.colour_cap > 0:
                colour = mapping.colour.log_odds(measures, mapping.colour_cap)
                components["colour"] = logistic(colour)
        if mapping.clip_weight > 0 and "stills" in measures:
            components["clip"] = logistic(_fused(_of_clip(measures), mapping) - shift)
        return Score(logistic(Liveness.fused(measures, mapping) - shift), components)

    @staticmethod
    def fused(measures: Measures, mapping: LivenessMapping) -> float:
        """Log-odds of a live face before the shift, with ``log_odds`` or an own model."""
        selfie = _fused(measures, mapping)
        if mapping.clip_weight == 0 or "stills" not in measures:
            return selfie
        clip = _fused(_of_clip(measures), mapping)
        return (1 - mapping.clip_weight) * selfie + mapping.clip_weight * clip


def _counted(measures: Measures, mapping: LivenessMapping) -> list[str]:
    """The members of the ensemble that count."""
    known = [name for name in MEMBERS if name in measures]
    return [name for name in mapping.members if name in known] or known


def _fused(measures: Measures, mapping: LivenessMapping) -> float:
    if OWN in measures:
        return measures[OWN]
    together = float(np.mean([measures[name] for name in _counted(measures, mapping)]))
    return together + mapping.colour.log_odds(measures, mapping.colour_cap)


def _of_clip(measures: Measures) -> dict[str, float]:
    """The means over the stills under the names of what they are means of."""
    return {
        name.removesuffix(CLIP): value for name, value in measures.items() if name.endswith(CLIP)
    }


def _room(pixels: Pixels, box: Box) -> dict[str, float]:
    """The size of a box, and the room around it."""
    height, width = pixels.shape[:2]
    sides = box[2] - box[0], box[3] - box[1]
    return {"box_px": min(sides), "room": min(width / sides[0], height / sides[1])}


def _too_little(measures: Measures, own: bool) -> list[str]:
    """What keeps the answers from being believed."""
    reasons = ["face_too_small"] if measures["box_px"] < MIN_BOX else []
    if measures["room"] < MIN_ROOM and not own:
        reasons.append("crop_too_tight")
    return reasons


def mesh_box(bundle: FaceBundle) -> Box:
    """The box of the landmarks, in pixels of the reduced frame."""
    height, width = bundle.frame.shape[:2]
    points = bundle.in_frame * (width, height)
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)
