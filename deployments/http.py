"""The HTTP door: routes, documentation and errors. What a request means is the service's part."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.metadata import version
from typing import Any, Protocol

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import RedirectResponse
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel

from deployments import problems
from deployments.multipart import SCHEMA, BodyLimit, keep_uploads_in_memory, read_upload
from deployments.problems import MEDIA_TYPE, ProblemDetails
from deployments.settings import Settings
from fusion.policy import Policy
from fusion.verdict import Verdict
from media.capture import Capture


class Service(Protocol):
    """What stands behind the door."""

    def admit(self) -> AbstractContextManager[None]:
        """Count a request in flight; raises ``Problem`` when there are too many."""

    async def verify(self, capture: Capture, subject: str | None, deadline_s: float) -> Verdict:
        """Take a capture to a verdict within ``deadline_s`` seconds."""

    async def policy(self) -> Policy:
        """Return the policy in force."""


class Health(BaseModel):
    """Answer of the probes."""

    status: str


class PolicyAnswer(BaseModel):
    """The policy in force, as data, and its digest."""

    sha256: str
    policy: dict[str, Any]


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}},
    }


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: _problem("The form cannot be parsed."),
    413: _problem("A part, or the whole request, is over a limit; `detail` says which."),
    415: _problem("A part is of a type that Palisade does not decode."),
    422: _problem("A part is missing, broken or contradictory."),
    503: _problem("Full, or a node is restarting: try again after `Retry-After` seconds."),
}

EXAMPLE = {
    "session_id": "5b0f2a9c6a9e4c0f8f6b4b1f0c7d9e21",
    "score": 0.71,
    "decision": "accept",
    "passed": True,
    "threshold": 0.4,
    "enforced": False,
    "enforcement": {"mode": "ids", "percent": 100.0, "bucket": 41.7},
    "coverage": 0.65,
    "weights": {"eye_specular": 0.33, "blendshapes": 0.27, "gan_texture": 0.4},
    "signals": [
        {
            "name": "eye_specular",
            "status": "ok",
            "score": 0.8,
            "components": {"presence": 1.0, "symmetry": 1.0, "area": 0.5, "brightness": 0.6},
            "measures": {"right_count": 1.0, "left_count": 1.0},
            "reasons": [],
            "model": None,
            "elapsed_ms": 1.2,
        },
        {
            "name": "rppg",
            "status": "unavailable",
            "score": None,
            "components": {},
            "measures": {},
            "reasons": ["no_clip"],
            "model": None,
            "elapsed_ms": 0.0,
        },
    ],
    "reasons": [],
    "face": {"problems": [], "quality": {"faces": 1.0, "face_px": 412.0}, "elapsed_ms": 21.0},
    "document": None,
    "policy": {"name": "faithful", "version": 1, "sha256": "9d…"},
    "created_at": "2026-01-01T00:00:00Z",
}


def create_api(service: Service, settings: Settings) -> FastAPI:
    """Make the ASGI application in front of ``service``."""
    api = FastAPIOffline(  # its documentation page asks nobody else for scripts
        title="Palisade",
        version=version("palisade"),
        summary="Intrusion detection and prevention for identity verification.",
        description="Errors are RFC 9457 problem details; switch on their `type`.",
    )
    api.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    keep_uploads_in_memory(settings.max_body_bytes)
    problems.install(api)

    @api.post(
        "/v1/verify",
        summary="Verify one capture",
        response_model=Verdict,
        responses={
            200: {"content": {"application/json": {"example": EXAMPLE}}},
            **REFUSALS,
        },
        openapi_extra=SCHEMA,
    )
    async def verify(
        request: Request,
        # A default, not an annotation: annotations are read outside of this function, where
        # there are no settings.
        deadline_ms: int = Header(
            default=settings.deadline_ms,
            alias="Palisade-Deadline-Ms",
            description="Answer within this many milliseconds; signals that are not there by "
            "then are `late`.",
            gt=settings.fusion_reserve_ms,
            le=settings.max_deadline_ms,
        ),
    ) -> Response:
        """Score a selfie, with a clip and a document where there are any."""
        with service.admit():
            capture, metadata = await read_upload(request)
            verdict = await service.verify(capture, metadata.subject, deadline_ms / 1e3)
        return Response(verdict.to_json(), media_type="application/json")

    @api.get("/v1/policy", summary="The policy in force", responses={503: REFUSALS[503]})
    async def policy() -> PolicyAnswer:
        """Show every threshold and weight, environment overrides included."""
        now = await service.policy()
        return PolicyAnswer(sha256=now.sha256, policy=now.model_dump(mode="json"))

    @api.get("/healthz", summary="Is this process alive?")
    async def healthz() -> Health:
        return Health(status="ok")

    @api.get("/readyz", summary="Can it decide?", responses={503: REFUSALS[503]})
    async def readyz() -> Health:
        """Answer 200 once a policy is in force."""
        await service.policy()
        return Health(status="ready")

    @api.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/docs")

    return api
