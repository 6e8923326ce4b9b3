"""The route to one question: does this still image show a live face?

The answers are those of the eKYC reference, word for word, so that its clients work unchanged; what
it leaves open is a problem document. Nothing is recorded in the session store.
"""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from deployments import one_signal
from deployments.multipart import SELFIE_SCHEMA, read_selfie
from deployments.one_signal import Door, Probability, answered
from deployments.problems import Problem
from deployments.settings import Settings
from detectors.contracts import Status
from fusion.liveness import LivenessOpinion, Unfit
from fusion.verdict import Signal
from models import manifest


class Service(Door, Protocol):
    """What stands behind the route."""

    async def liveness(
        self, image: bytes, checks: bool, deadline_s: float
    ) -> LivenessOpinion | Unfit:
        """Judge a still image within ``deadline_s`` seconds."""


class Success(BaseModel):
    """A face was judged.

    Attributes:
        status: `SUCCESS`.
        is_live: whether the probability of a spoof is low enough for the policy.
        liveness_score: the probability of a spoof: low is live.
        confidence: probability of the answer that `is_live` gives.
    """

    status: Literal["SUCCESS"] = "SUCCESS"
    is_live: bool
    liveness_score: Probability
    confidence: Probability


class QualityFailed(BaseModel):
    """The image is not fit to be judged.

    Attributes:
        status: `QUALITY_FAILED`.
        reasons: stable words.
        scores: what was measured, by name.
    """

    status: Literal["QUALITY_FAILED"] = "QUALITY_FAILED"
    reasons: tuple[str, ...]
    scores: dict[str, float]


ANSWER = one_signal.answer(
    Annotated[Success | QualityFailed, Field(discriminator="status")],
    {
        "live": {
            "status": "SUCCESS",
            "is_live": True,
            "liveness_score": 0.12,
            "confidence": 0.88,
        },
        "too poor to judge": {
            "status": "QUALITY_FAILED",
            "reasons": ["blur", "low_brightness"],
            "scores": {"blur": 0.42, "brightness": 0.18},
        },
    },
    "Which networks answered, joined by `+`, then the SHA-256 of their files in the same order; "
    "not there where none was asked.",
    names="a-z0-9_+",
)

REFUSALS = one_signal.refusals(
    "image",
    unjudged="or, without checks, there is no face that could be judged (`no-face`, "
    "`cannot-judge`)",
    cure="the command that fetches one",
)


def install(api: APIRouter, service: Service, settings: Settings) -> None:
    """Add ``POST /v1/liveness``."""
    deadline = one_signal.deadline(settings)

    @api.post(
        "/v1/liveness",
        summary="Judge one still image",
        responses={200: ANSWER, **REFUSALS},
        openapi_extra=SELFIE_SCHEMA,
    )
    async def liveness(
        request: Request,
        enable_checks: bool = Query(
            default=True, description="Refuse an image that is not fit to be judged."
        ),
        deadline_ms: int = deadline,
    ) -> Response:
        """Tell a live face from a print or a screen, in one image. Nothing of it is kept.

        `liveness_score` is the probability of a spoof, as in the reference: low is live.
        """
        with service.admit():
            image = await read_selfie(request)
            found = await service.liveness(image, enable_checks, deadline_ms / 1e3)
        if isinstance(found, Unfit):
            return answered(QualityFailed(reasons=found.reasons, scores=dict(found.scores)))
        signal = found.signal
        model = _models(signal)
        if signal.score is not None:
            return answered(_success(signal.score, found.threshold), model)
        if signal.status is Status.ABSTAINED and enable_checks:
            failed = QualityFailed(reasons=signal.reasons, scores=dict(signal.measures))
            return answered(failed, model)
        raise _unjudged(signal)


def _success(score: float, threshold: float) -> Success:
    """Turn a score, which is high for live, into the reference's answer, which is high for spoof.

    Args:
        score: 0..1, of the signal.
        threshold: lowest that is live.
    """
    is_live = score >= threshold
    return Success(
        is_live=is_live, liveness_score=1 - score, confidence=score if is_live else 1 - score
    )


def _unjudged(signal: Signal) -> Problem:
    """Why there is no score."""
    reasons = ", ".join(signal.reasons) or str(signal.status)
    match signal.status:
        case Status.ABSTAINED:
            return Problem(
                422, "cannot-judge", f"The face cannot be judged: {reasons}.", part="file"
            )
        case Status.UNAVAILABLE if set(signal.reasons) & NO_FACE:
            return one_signal.no_face(reasons)
        case Status.UNAVAILABLE:
            cure = (
                "run `palisade models fetch minifasnet_v2 minifasnet_v1se` where the node runs, or "
                "name a model of your own in PALISADE_LIVENESS_MODEL"
            )
            return one_signal.no_model("liveness", reasons, cure)
        case _:
            return one_signal.lost("liveness", reasons)


NO_FACE = {"no_face", "face_too_small"}
"""Words of :class:`detectors.face.FaceProblem` by which there is nothing to judge."""


def _models(signal: Signal) -> str | None:
    if signal.model is None:
        return None
    names = {model.sha256: name for name, model in manifest.models().items()}
    asked = "+".join(names.get(digest, "own") for digest in signal.model.split("+"))
    return f"{asked}; sha256={signal.model}"
