"""The route to one question: is the face in this photograph or clip a real one?

Nothing is recorded in the session store.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from deployments.liveness import MODEL_HEADER, deadline_of_one_signal
from deployments.multipart import MOVING_SCHEMA, read_selfie
from deployments.problems import Problem, documented
from deployments.settings import Settings
from detectors.contracts import LOST, Status
from detectors.deepfake_vote import FRAMES, MIN_FACES, Vote
from fusion.deepfake import DeepfakeOpinion
from models.deepfake import NAME

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Service(Protocol):
    """What stands behind the route."""

    def admit(self) -> AbstractContextManager[None]:
        """Count a request in flight; raises ``Problem`` when there are too many."""

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

ANSWER: dict[str, Any] = {
    "model": Prediction,
    "content": {
        "application/json": {
            "examples": {
                "a clip": {"value": EXAMPLE},
                "a photograph": {"value": EXAMPLE | {"clip": None}},
            }
        }
    },
    "headers": {
        MODEL_HEADER: {
            "description": "The network and the face detector that answered, then the SHA-256 of "
            "their files in the same order.",
            "schema": {"type": "string", "pattern": "^[a-z0-9_+-]+; sha256=[0-9a-f+]+$"},
        }
    },
}

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: documented("The form cannot be parsed."),
    413: documented("The file, or the whole request, is over a limit; `detail` says which."),
    415: documented("The file is of a type that Palisade does not decode."),
    422: documented(
        "The part is missing, doubled or broken; or there is no face that could be judged "
        f"(`no-face`), or fewer than {MIN_FACES} of a clip's frames have one (`too-few-faces`)."
    ),
    503: documented(
        "There is no model at hand (`model-unavailable`, which names the commands that bring one); "
        "or full, a node is restarting or too slow: try again after `Retry-After` seconds."
    ),
}


def install(api: APIRouter, service: Service, settings: Settings) -> None:
    """Add ``POST /v1/deepfake``."""
    deadline = deadline_of_one_signal(settings)

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
        return Response(
            _prediction(found, found.vote).model_dump_json(),
            headers={MODEL_HEADER: f"{NAME}+{found.face_detector}; sha256={digest}"},
            media_type="application/json",
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
        return Problem(
            503,
            "model-unavailable",
            f"There is no deepfake model at hand ({reasons}): run `palisade models export deepfake "
            "CHECKPOINT` and `palisade models fetch yunet` where the node runs, then start it "
            "anew.",
        )
    if statuses & LOST:
        return Problem(
            503,
            "node-unavailable",
            f"The deepfake node did not answer ({reasons}); try again.",
            retry_after=2,
        )
    if not found.moving:
        return Problem(
            422, "no-face", f"There is no face that could be judged: {reasons}.", part="file"
        )
    judged = sum(signal.status is Status.OK for signal in found.signals)
    return Problem(
        422,
        "too-few-faces",
        f"{judged} of {len(found.signals)} frames have a face that could be judged, {MIN_FACES} "
        f"are needed: {reasons}.",
        part="file",
    )
