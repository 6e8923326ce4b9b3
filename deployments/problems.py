"""Errors over HTTP: RFC 9457 problem details with a stable ``type``."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from detectors.faults import whereabouts
from media.errors import MediaError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class ProblemDetails(BaseModel):
    """The body of every error.

    Attributes:
        type: stable identifier, ``urn:palisade:problem:`` and a word; switch on this.
        title: the HTTP status in words.
        status: the HTTP status.
        detail: what was wrong and what to do about it.
        part: the part of the upload that is at fault, where one is.
    """

    type: str
    title: str
    status: int
    detail: str
    part: str | None = None


def documented(description: str) -> dict[str, Any]:
    """Describe a problem document as a response of OpenAPI."""
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}},
    }


class Problem(Exception):
    """An error to be sent to the client."""

    def __init__(
        self, status: int, code: str, detail: str, *, part: str | None = None, retry_after: int = 0
    ) -> None:
        super().__init__(detail)
        self.details = ProblemDetails(
            type=f"urn:palisade:problem:{code}",
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            part=part,
        )
        self.headers = {"Retry-After": str(retry_after)} if retry_after else {}

    @classmethod
    def of_media(cls, error: MediaError) -> Problem:
        """Tell a client what is wrong with the bytes that it sent."""
        return cls(error.http_status, error.code, error.detail, part=error.part)

    def response(self) -> JSONResponse:
        """Make the HTTP response."""
        return JSONResponse(
            self.details.model_dump(exclude_none=True),
            status_code=self.details.status,
            headers=self.headers,
            media_type=MEDIA_TYPE,
        )


def install(api: FastAPI) -> None:
    """Make every error of ``api`` a problem document, those of the framework included."""

    @api.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> JSONResponse:
        return error.response()

    @api.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        response = Problem(error.status_code, code, str(error.detail)).response()
        response.headers.update(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = ", ".join(sorted(_methods(request)))
        return response

    @api.exception_handler(RequestValidationError)
    async def validation(_: Request, error: RequestValidationError) -> JSONResponse:
        return Problem(422, "invalid-request", explain(error.errors())).response()

    api.add_middleware(LastResort)


def _methods(request: Request) -> set[str]:
    """Find the methods of a path; Starlette names those of its first route only."""
    return {
        method
        for route in request.app.routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }


class LastResort:
    """Answers where the application failed.

    A handler of Starlette's for ``Exception`` would answer too, but raise it again for the server;
    and Serve's proxy logs what it gets with the message, which may quote the upload.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; nothing but a cancellation comes back."""
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            log.info("a client left while it was sending")
        except Exception as error:
            log.error("unexpected %s", whereabouts(error))
            failed = Problem(
                500,
                "internal-error",
                "The server failed on this request; it has been logged.",
                retry_after=5,
            )
            await failed.response()(scope, receive, send)


def explain(errors: Any) -> str:
    """Put pydantic's list of errors into one line, without the offending values."""
    return "; ".join(f"{'.'.join(str(step) for step in e['loc'])}: {e['msg']}" for e in errors)
