"""The route to one question: does this still image show a live face?

The answers are those of the eKYC reference, word for word, so that its clients work unchanged; what
it leaves open is a problem document. Nothing is recorded in the session store.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, Field

from deployments.multipart import SELFIE_SCHEMA, read_selfie
from deployments.problems import Problem, documented
from deployments.settings import Settings
from detectors.contracts import Status
from fusion.liveness import LivenessOpinion, Unfit
from fusion.verdict import Signal
from models import manifest

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Service(Protocol):
    """What stands behind the route."""

    def admit(self) -> AbstractContextManager[None]:
        """Count a request in flight; raises ``Problem`` when there are too many."""

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


MODEL_HEADER = "Palisade-Model"

ANSWER: dict[str, Any] = {
    "model": Annotated[Success | QualityFailed, Field(discriminator="status")],
    "content": {
        "application/json": {
            "examples": {
                "live": {
                    "value": {
                        "status": "SUCCESS",
                        "is_live": True,
                        "liveness_score": 0.12,
                        "confidence": 0.88,
                    }
                },
                "too poor to judge": {
                    "value": {
                        "status": "QUALITY_FAILED",
                        "reasons": ["blur", "low_brightness"],
                        "scores": {"blur": 0.42, "brightness": 0.18},
                    }
                },
            }
        }
    },
    "headers": {
        MODEL_HEADER: {
            "description": "Which networks answered, joined by `+`, then the SHA-256 of their "
            "files in the same order; not there where none was asked.",
            "schema": {"type": "string", "pattern": "^[a-z0-9_+]+; sha256=[0-9a-f+]+$"},
        }
    },
}

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: documented("The form cannot be parsed."),
    413: documented("The image, or the whole request, is over a limit; `detail` says which."),
    415: documented("The image is of a type that Palisade does not decode."),
    422: documented(
        "The part is missing, doubled or broken; or, without checks, there is no face that could "
        "be judged (`no-face`, `cannot-judge`)."
    ),
    503: documented(
        "There is no model at hand (`model-unavailable`, which names the command that fetches "
        "one); or full, a node is restarting or too slow: try again after `Retry-After` seconds."
    ),
}


def deadline_of_one_signal(settings: Settings) -> Any:
    """The header with the deadline of a question that one signal answers: no fan-out follows."""
    return Header(
        default=settings.deadline_ms,
        alias="Palisade-Deadline-Ms",
        description="Answer within this many milliseconds.",
        gt=settings.fusion_reserve_ms,
        le=settings.max_deadline_ms,
    )


def install(api: APIRouter, service: Service, settings: Settings) -> None:
    """Add ``POST /v1/liveness``."""
    deadline = deadline_of_one_signal(settings)

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
            return _json(QualityFailed(reasons=found.reasons, scores=dict(found.scores)))
        signal = found.signal
        headers = _models(signal)
        if signal.score is not None:
            return _json(_success(signal.score, found.threshold), headers)
        if signal.status is Status.ABSTAINED and enable_checks:
            failed = QualityFailed(reasons=signal.reasons, scores=dict(signal.measures))
            return _json(failed, headers)
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
            return Problem(
                422,
                "no-face",
                f"There is no face that could be judged: {reasons}.",
                part="file",
            )
        case Status.UNAVAILABLE:
            return Problem(
                503,
                "model-unavailable",
                f"There is no liveness model at hand ({reasons}): run `palisade models fetch "
                "minifasnet_v2 minifasnet_v1se` where the node runs, or name a model of your own "
                "in PALISADE_LIVENESS_MODEL.",
            )
        case _:
            return Problem(
                503,
                "node-unavailable",
                f"The liveness node did not answer ({reasons}); try again.",
                retry_after=2,
            )


NO_FACE = {"no_face", "face_too_small"}
"""Words of :class:`detectors.face.FaceProblem` by which there is nothing to judge."""


def _models(signal: Signal) -> dict[str, str]:
    if signal.model is None:
        return {}
    names = {model.sha256: name for name, model in manifest.models().items()}
    answered = "+".join(names.get(digest, "own") for digest in signal.model.split("+"))
    return {MODEL_HEADER: f"{answered}; sha256={signal.model}"}


def _json(answer: BaseModel, headers: dict[str, str] | None = None) -> Response:
    return Response(answer.model_dump_json(), headers=headers, media_type="application/json")
