"""The HTTP door: routes, documentation and errors. What a request means is the service's part."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Protocol

from fastapi import FastAPI, Header, Query, Request, Response, Security
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel

from deployments import access, console, deepfake, liveness, problems, quality, records, simulation
from deployments.access import Caller, Guard, OpenDoor, Ring
from deployments.multipart import (
    DOCUMENT_SCHEMA,
    SCHEMA,
    BodyLimit,
    keep_uploads_in_memory,
    read_document,
    read_upload,
)
from deployments.pictures import PICTURES, Draws, verify_with_pictures
from deployments.problems import Problem, documented
from deployments.recording import Recording
from deployments.records import RECORD_HEADER
from deployments.settings import Settings
from fusion.answers import DocumentAnswer, Wanted
from fusion.coarse import CoarseVerdict, coarse
from fusion.pictures import Illustrated
from fusion.verdict import Verdict
from media.capture import Channel
from sessions.idempotency import MAX_CHARACTERS, MalformedKey, parse_key


class Service(
    Draws, simulation.Service, quality.Service, liveness.Service, deepfake.Service, Protocol
):
    """What stands behind the door."""

    async def document(
        self, data: bytes, channel: Channel, wanted: Wanted, deadline_s: float
    ) -> DocumentAnswer:
        """Examine a document that came alone within ``deadline_s`` seconds."""


class Health(BaseModel):
    """Answer of the probes."""

    status: str


class PolicyAnswer(BaseModel):
    """The policy in force, as data, and its digest."""

    sha256: str
    policy: dict[str, Any]


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: documented("The form cannot be parsed."),
    409: documented("The first request with this `Idempotency-Key` is still being worked on."),
    410: documented("This `Idempotency-Key` was answered by a session that has been deleted."),
    413: documented("A part, or the whole request, is over a limit; `detail` says which."),
    415: documented("A part is of a type that Palisade does not decode."),
    422: documented(
        "A part is missing, broken or contradictory; or the `Idempotency-Key` is malformed, or "
        "came before with other content; or `metadata.gate` was set and the selfie is too poor "
        "(`quality-failed`, whose `reasons` are stable words and whose `scores` say by how much)."
    ),
    503: documented(
        "Full, a node is restarting, or the verdict cannot be recorded: try again after "
        "`Retry-After` seconds."
    ),
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
    "face": {
        "problems": [],
        "quality": {"faces": 1.0, "face_px": 412.0, "brightness": 131.4},
        "elapsed_ms": 21.0,
        "assessment": {
            "is_valid": True,
            "score": 92.1,
            "components": {"face": 100.0, "brightness": 99.9, "blur": 92.1, "face_size": 99.5},
            "reasons": [],
        },
    },
    "document": None,
    "policy": {"name": "faithful", "version": 1, "sha256": "9d…"},
    "created_at": "2026-01-01T00:00:00Z",
    "contributions": {},
}


KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A string of your own for this request, in quotation marks or without. Sent "
    "again with the same content, it gets the first answer, however often you try.",
    "schema": {"type": "string", "maxLength": MAX_CHARACTERS + 2},
    "example": '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
}

ANSWER: dict[str, Any] = {
    "content": {"application/json": {"example": EXAMPLE}},
    "headers": {
        **RECORD_HEADER,
        "Idempotency-Replayed": {
            "description": "`true` where an earlier request with the same key got this answer.",
            "schema": {"type": "string", "enum": ["true"]},
        },
    },
}


def create_api(service: Service, settings: Settings, guard: Guard | None = None) -> FastAPI:
    """Make the ASGI application in front of ``service``.

    Args:
        service: what stands behind the door.
        settings: limits and deadlines.
        guard: knows who asks. Without one the door is open: for a process that nobody else reaches.
    """
    guard = guard or OpenDoor()
    applicant, operator = Ring(guard, "applicant"), Ring(guard, "operator")
    applicants, operators = access.router(applicant), access.router(operator)
    asking = Security(applicant)
    api = FastAPIOffline(  # its documentation page asks nobody else for scripts
        title="Palisade",
        version=version("palisade"),
        summary="Intrusion detection and prevention for identity verification.",
        description="Errors are RFC 9457 problem details; switch on their `type`.",
        lifespan=lambda _: service.memory.at_work(),
    )
    api.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    keep_uploads_in_memory(settings.max_body_bytes)
    problems.install(api)

    # A default, not an annotation: annotations are read outside of this function, where there are
    # no settings.
    deadline = Header(
        default=settings.deadline_ms,
        alias="Palisade-Deadline-Ms",
        description="Answer within this many milliseconds; signals and checks that are not there "
        "by then are `late`.",
        gt=settings.reserve_ms,
        le=settings.max_deadline_ms,
    )

    @applicants.post(
        "/v1/verify",
        summary="Verify one capture",
        response_model=Verdict | Illustrated | CoarseVerdict,
        responses={200: ANSWER, **REFUSALS},
        openapi_extra={**SCHEMA, "parameters": [KEY]},
    )
    async def verify(
        request: Request,
        pictures: bool = PICTURES,
        deadline_ms: int = deadline,
        caller: Caller = asking,
    ) -> Response:
        """Score a selfie, with a clip and a document where there are any.

        An operator gets the record, an applicant the decision and a word on what to do about it.
        """
        if pictures and not caller.may("operator"):
            raise access.missing("operator")
        with service.admit():
            key = _key(request.headers.getlist("Idempotency-Key"))
            capture, metadata = await read_upload(request)
            if pictures:
                return await verify_with_pictures(
                    service, capture, metadata.subject, key, deadline_ms / 1e3, caller.key_id
                )
            answer = await service.memory.answer(
                service.verify, capture, metadata.subject, key, deadline_ms / 1e3, caller.key_id
            )
        body, headers = answer.body, answer.headers
        if not caller.may("operator"):
            body = coarse(Verdict.from_json(body)).to_json()
            del headers["Palisade-Record"]
        return Response(body, headers=headers, media_type="application/json")

    @operators.post(
        "/v1/documents",
        summary="Examine one document",
        response_model=DocumentAnswer,
        responses={c: REFUSALS[c] for c in (400, 413, 415, 422, 503)},
        openapi_extra=DOCUMENT_SCHEMA,
    )
    async def document(
        request: Request,
        fields: bool = Query(default=False, description="Also return what the document says."),
        heatmaps: bool = Query(
            default=False, description="Also return what the checks saw, as PNG in base64."
        ),
        deadline_ms: int = deadline,
    ) -> Response:
        """Examine a document without a selfie. Nothing of it is kept, not even the findings."""
        with service.admit():
            data, channel = await read_document(request)
            answer = await service.document(
                data, channel, Wanted(fields, heatmaps), deadline_ms / 1e3
            )
        return Response(answer.to_json(), media_type="application/json")

    records.install(operators, service.memory)
    simulation.install(operators, service)
    quality.install(applicants, service, settings)
    liveness.install(operators, service, settings)
    deepfake.install(operators, service, settings)

    @operators.get("/v1/policy", summary="The policy in force", responses={503: REFUSALS[503]})
    async def policy() -> PolicyAnswer:
        """Show every threshold and weight, environment overrides included."""
        now = await service.policy()
        return PolicyAnswer(sha256=now.sha256, policy=now.model_dump(mode="json"))

    access.add(api, applicants)
    access.add(api, operators)
    access.install(api, guard)

    @api.get("/healthz", summary="Is this process alive?")
    async def healthz() -> Health:
        return Health(status="ok")

    @api.get("/readyz", summary="Can it decide?", responses={503: REFUSALS[503]})
    async def readyz() -> Health:
        """Answer 200 once a policy is in force."""
        await service.policy()
        return Health(status="ready")

    console.install(api, Recording.of(settings))
    return api


def _key(headers: list[str]) -> str | None:
    if not headers:
        return None
    try:
        # Several fields are one list to HTTP, and a list is no key.
        return parse_key(", ".join(headers))
    except MalformedKey as error:
        raise Problem(422, "idempotency-key-malformed", f"Idempotency-Key: {error}.") from None
