"""The door for selfies alone, and what is said where the gate refuses one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from fastapi import APIRouter, Request, Response

from deployments.multipart import SELFIE_SCHEMA, read_selfie
from deployments.problems import Problem, ProblemDetails, documented
from deployments.settings import Settings
from fusion.quality import Assessment, QualityResult

EXAMPLE = {
    "is_valid": False,
    "scores": {"brightness": 30.12, "blur_variance": 120.75, "face_coverage": 0.05},
    "reasons": ["Bad lighting", "Image blurry", "Face too small/far"],
    "face_bbox": [90, 70, 50, 50],
    "words": ["low_brightness", "blur", "face_too_small"],
    "score": 7.6,
    "components": {"face": 100.0, "brightness": 27.1, "blur": 14.3, "face_size": 7.6},
}


class Service(Protocol):
    """What stands behind the door."""

    def admit(self) -> AbstractContextManager[None]:
        """Count a request in flight; raises ``Problem`` when there are too many."""

    async def quality(self, selfie: bytes, deadline_s: float) -> QualityResult:
        """Say how good a selfie is within ``deadline_s`` seconds."""


class QualityDetails(ProblemDetails):
    """The body of ``quality-failed``.

    Attributes:
        reasons: stable words.
        scores: the failed checks, 0..1; 0.5 is at the limit.
    """

    reasons: tuple[str, ...]
    scores: dict[str, float]


class QualityFailed(Problem):
    """The gate refused a selfie."""

    def __init__(self, assessment: Assessment) -> None:
        super().__init__(
            422,
            "quality-failed",
            f"The selfie is not good enough ({', '.join(assessment.reasons)}); take another one.",
            part="selfie",
        )
        self.details = QualityDetails(
            **self.details.model_dump(),
            reasons=assessment.reasons,
            scores=assessment.failed_scores(),
        )


def install(api: APIRouter, service: Service, settings: Settings) -> None:
    """Add ``POST /v1/quality``."""

    @api.post(
        "/v1/quality",
        summary="How good is a selfie?",
        response_model=QualityResult,
        responses={
            200: {"content": {"application/json": {"example": EXAMPLE}}},
            400: documented("The form cannot be parsed."),
            413: documented("The file, or the whole request, is over a limit."),
            415: documented("The file is of a type that Palisade does not decode."),
            422: documented("The part is missing or broken."),
            503: documented("Full, or a node is restarting: try again after `Retry-After` s."),
        },
        openapi_extra=SELFIE_SCHEMA,
    )
    async def quality(request: Request) -> Response:
        """Measure a selfie and hold it against the policy's gate. Nothing of it is kept.

        The answer is 200 whether it is good or not; it is cheap enough to guide a person live.
        """
        with service.admit():
            # A client that gives up sooner closes the connection: there is no lesser answer.
            selfie = await read_selfie(request)
            answer = await service.quality(selfie, settings.deadline_ms / 1e3)
        return Response(answer.to_json(), media_type="application/json")
