"""The route to one question: is the face in this photograph or clip a real one?

Nothing is recorded in the session store.
"""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from deployments import one_signal
from deployments.multipart import MOVING_SCHEMA, read_selfie
from deployments.one_signal import Door, Probability, answered
from deployments.problems import Problem
from deployments.settings import Settings
from detectors.contracts import LOST, Status
from detectors.deepfake_vote import FRAMES, MIN_FACES, Vote
from fusion.deepfake import DeepfakeOpinion
from models.deepfake import NAME


class Service(Door, Protocol):
    """What stands behind the route."""

    async def deepfake(self, data: bytes, deadline_s: float) -> DeepfakeOpinion:
        """Judge a photograph or a clip within ``deadline_s`` seconds."""


class Clip(BaseModel):
    """How the frames of a clip voted.

    Attributes:
        frames: that were looked at, at even distances.
        frames_with_face: that had a face and a vote.
        variance: of their probabilities, 0 to 0.25.
        high_variance: whether they disagree so far that somebody should look.
    """

    frames: int
    frames_with_face: int
    variance: Annotated[float, Field(ge=0.0, le=0.25)]
    high_variance: bool


class Prediction(BaseModel):
    """What the network makes of the face.

    Attributes:
        prediction: which of the two is more probable.
        fake_confidence: probability of a swapped or generated face.
        real_confidence: the rest.
        face_detector: which one found the face: `retina-face`, `retinaface` or `yunet`.
        clip: how the frames voted; null for a photograph.
    """

    prediction: Literal["FAKE", "REAL"]
    fake_confidence: Probability
    real_confidence: Probability
    face_detector: str
    clip: Clip | None = None


EXAMPLE = {
    "prediction": "FAKE",
    "fake_confidence": 0.984,
    "real_confidence": 0.016,
    "face_detector": "yunet",
    "clip": {
        "frames": FRAMES,
        "frames_with_face": 9,
        "variance": 0.004,
        "high_variance": False,
    },
}

ANSWER = one_signal.answer(
    Prediction,
    {"a clip": EXAMPLE, "a photograph": EXAMPLE | {"clip": None}},
    "The network and the face detector that answered, then the SHA-256 of their files in the same "
    "order.",
    names="a-z0-9_+-",
)

REFUSALS = one_signal.refusals(
    "file",
    unjudged="or there is no face that could be judged (`no-face`), or fewer than "
    f"{MIN_FACES} of a clip's frames have one (`too-few-faces`)",
    cure="the commands that bring one",
)


def install(api: APIRouter, service: Service, settings: Settings) -> None:
    """Add ``POST /v1/deepfake``."""
    deadline = one_signal.deadline(settings)

    @api.post(
        "/v1/deepfake",
        summary="Judge one photograph or clip",
        responses={200: ANSWER, **REFUSALS},
        openapi_extra=MOVING_SCHEMA,
    )
    async def deepfake(request: Request, deadline_ms: int = deadline) -> Response:
        """Tell a real face from a swapped or generated one. Nothing of it is kept.

        Of a clip, ten frames at even distances vote.
        """
        with service.admit():
            data = await read_selfie(request)
            found = await service.deepfake(data, deadline_ms / 1e3)
        if found.vote is None:
            raise _unjudged(found)
        digest = next(signal.model for signal in found.signals if signal.model)
        return answered(
            _prediction(found, found.vote), f"{NAME}+{found.face_detector}; sha256={digest}"
        )


def _prediction(found: DeepfakeOpinion, vote: Vote) -> Prediction:
    clip = Clip(
        frames=len(found.signals),
        frames_with_face=vote.faces,
        variance=vote.variance,
        high_variance=vote.high_variance,
    )
    return Prediction(
        prediction="REAL" if vote.real >= 0.5 else "FAKE",
        fake_confidence=1 - vote.real,
        real_confidence=vote.real,
        face_detector=found.face_detector,
        clip=clip if found.moving else None,
    )


def _unjudged(found: DeepfakeOpinion) -> Problem:
    """Say why there is no answer."""
    statuses = {signal.status for signal in found.signals}
    words = sorted({word for signal in found.signals for word in signal.reasons})
    reasons = ", ".join(words) or ", ".join(sorted(statuses))
    if statuses == {Status.UNAVAILABLE}:
        cure = (
            "run `palisade models export deepfake CHECKPOINT` and `palisade models fetch yunet` "
            "where the node runs, then start it anew"
        )
        return one_signal.no_model("deepfake", reasons, cure)
    if statuses & LOST:
        return one_signal.lost("deepfake", reasons)
    if not found.moving:
        return one_signal.no_face(reasons)
    judged = sum(signal.status is Status.OK for signal in found.signals)
    return Problem(
        422,
        "too-few-faces",
        f"{judged} of {len(found.signals)} frames have a face that could be judged, {MIN_FACES} "
        f"are needed: {reasons}.",
        part="file",
    )
