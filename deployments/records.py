"""The routes to what is remembered: look at sessions, list them, delete them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query, Response
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from deployments.memory import Memory
from deployments.multipart import Subject
from deployments.problems import documented
from fusion.enforcement import Mode
from fusion.verdict import Decision, Verdict
from sessions.query import Filters, Position, Summary
from sessions.record import SESSION_ID

SessionId = Annotated[
    str, Path(pattern=f"^{SESSION_ID}$", description="`session_id` of a verdict.")
]

RECORD_HEADER: dict[str, Any] = {
    "Palisade-Record": {
        "description": "`stored`, or `spooled`: on a node's disk until the store is back.",
        "schema": {"type": "string", "enum": ["stored", "spooled"]},
    }
}

AWAY: dict[int | str, dict[str, Any]] = {
    503: documented("The store is away: try again after `Retry-After` seconds.")
}
INVALID: dict[int | str, dict[str, Any]] = {
    422: documented("A parameter is unknown, malformed or out of range.")
}


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is beyond the calendar in UTC") from None


def _iso(text: str) -> str:
    if re.match(r"\d{4}-\d\d-\d\d", text):  # a bare number would be read as seconds since 1970
        return text
    raise ValueError("is no date and time of ISO 8601")


Moment = Annotated[AwareDatetime, AfterValidator(_utc), BeforeValidator(_iso)]
Score = Annotated[float, Field(ge=0.0, le=1.0)]


class Listing(BaseModel):
    """Query of a list; all conditions must hold."""

    model_config = ConfigDict(extra="forbid")

    decision: Decision | None = Field(None, description="What the caller was told to do.")
    mode: Mode | None = Field(None, description="Watching (`ids`) or blocking (`ips`).")
    passed: bool | None = Field(None, description="What the policy thought, enforced or not.")
    policy: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]+$")] | None = (
        Field(None, description="Name or SHA-256 of the policy.")
    )
    subject: Subject | None = Field(
        None, description="Your name for the person, as in `metadata.subject`."
    )
    since: Moment | None = Field(None, description="Made at this time or later; with a zone.")
    until: Moment | None = Field(None, description="Made before this time; with a zone.")
    min_score: Score | None = Field(None, description="Fused score at least this.")
    max_score: Score | None = Field(None, description="Fused score at most this.")
    limit: int = Field(50, ge=1, le=200, description="Sessions on a page.")
    cursor: str | None = Field(None, max_length=200, description="`next` of the page before.")

    @field_validator("cursor")
    @classmethod
    def _readable(cls, cursor: str | None) -> str | None:
        if cursor is not None:
            Position.of(cursor)
        return cursor

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("since is not before until")
        low, high = self.min_score, self.max_score
        if low is not None and high is not None and low > high:
            raise ValueError("min_score is above max_score")
        return self


class SessionPage(BaseModel):
    """A page of a list.

    Attributes:
        sessions: the newest first, without the verdicts themselves.
        next: `cursor` of the next page; null on the last one.
    """

    sessions: tuple[Summary, ...]
    next: str | None


class Erased(BaseModel):
    """How many sessions of the store were deleted."""

    deleted: int


def install(api: APIRouter, memory: Memory) -> None:
    """Add the routes under ``/v1/sessions``."""

    @api.get("/v1/sessions", summary="List sessions", responses=INVALID | AWAY)
    async def sessions(query: Annotated[Listing, Query()]) -> SessionPage:
        """List what the store holds, the newest first.

        Records that still wait on a node's disk are not in the list yet.
        """
        asked = query.model_dump(exclude={"limit", "cursor"})
        if query.subject is not None:
            asked["subject"] = memory.pseudonym(query.subject)
        after = None if query.cursor is None else Position.of(query.cursor)
        page = await memory.page(Filters(**asked), query.limit, after)
        return SessionPage(sessions=page.sessions, next=page.next and page.next.cursor())

    @api.delete(
        "/v1/sessions", summary="Delete every session of a subject", responses=INVALID | AWAY
    )
    async def erase(
        subject: Annotated[Subject, Query(description="Your name for the person.")],
    ) -> Erased:
        """Delete what was made until now, records that wait on any node's disk included."""
        return Erased(deleted=await memory.erase(subject))

    @api.get(
        "/v1/sessions/{session_id}",
        summary="The verdict of one session",
        response_model=Verdict,
        responses={
            200: {"headers": RECORD_HEADER},
            404: documented("There is no such session, or no more."),
            410: documented("The session has been deleted."),
            **INVALID,
            **AWAY,
        },
    )
    async def session(session_id: SessionId) -> Response:
        """Return the record, byte for byte as `POST /v1/verify` returned it."""
        found = await memory.get(session_id)
        return Response(found.body, headers=found.headers, media_type="application/json")

    @api.delete(
        "/v1/sessions/{session_id}",
        summary="Delete one session",
        status_code=204,
        responses=INVALID | AWAY,
    )
    async def delete(session_id: SessionId) -> None:
        """Delete the record for good, also where it still waits on some node's disk.

        The answer is the same whether the session was there or not.
        """
        await memory.delete(session_id)
