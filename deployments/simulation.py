"""The route that asks: what if the threshold had been another?"""

from __future__ import annotations

import time
from asyncio import Lock
from typing import Annotated, Protocol, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from deployments.memory import Memory
from deployments.problems import Problem
from deployments.records import AWAY, INVALID, Moment, Score
from fusion.judge import Judge
from fusion.policy import Policy
from fusion.replay import replayed, with_threshold
from fusion.verdict import PolicyRef, Verdict
from sessions.query import Filters, Summary

PAGE = 100
"""Sessions that one turn in a reader's thread takes: about a tenth of a second."""

LONGEST_S = 20.0
"""After so long, what has been looked at is the answer."""


class Wanted(BaseModel):
    """Query of a simulation."""

    model_config = ConfigDict(extra="forbid")

    threshold: Score = Field(description="Lowest fused score that would pass.")
    since: Moment | None = Field(None, description="Made at this time or later; with a zone.")
    until: Moment | None = Field(None, description="Made before this time; with a zone.")
    limit: int = Field(1000, ge=1, le=5000, description="Sessions to look at, the newest.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("since is not before until")
        return self


class Simulation(BaseModel):
    """What stored sessions would have come to.

    Attributes:
        threshold: that was tried.
        policy: in force; everything else is as it says.
        sessions: how many were looked at.
        would_fail: how many of them would not pass, enforced or not; also those that nothing could
            be said about.
        newly_failing: passed on record, and would not. The record may be another policy's, so some
            may differ for that reason: `policy_sha256` of each says whose it is.
        newly_passing: failed on record, and would pass.
        unreadable: records of an earlier version that cannot be decided again.
        scores: the fused score of each that has one under this policy, for a histogram.
        truncated: whether there are more sessions, or time was up.
    """

    threshold: Annotated[float, Field(ge=0.0, le=1.0)]
    policy: PolicyRef
    sessions: int = 0
    would_fail: int = 0
    unreadable: int = 0
    newly_failing: list[Summary] = []
    newly_passing: list[Summary] = []
    scores: list[float] = []
    truncated: bool = False


class Service(Protocol):
    """What it asks."""

    @property
    def memory(self) -> Memory:
        """What remembers the sessions."""

    async def policy(self) -> Policy:
        """Return the policy in force."""


def install(api: APIRouter, service: Service) -> None:
    """Add the route ``/v1/simulation``."""
    turn = Lock()

    @api.get(
        "/v1/simulation",
        summary="What another threshold would have done",
        responses=INVALID | AWAY,
    )
    async def simulation(query: Annotated[Wanted, Query()]) -> Simulation:
        """Decide stored sessions once more, from their measures, with another threshold.

        One at a time for each replica: others get a 503 and may try again.
        """
        if turn.locked():
            raise Problem(503, "overloaded", "A simulation is running already.", retry_after=2)
        async with turn:
            policy = await service.policy()
            result = Simulation(threshold=query.threshold, policy=policy.ref)
            judge = Judge(with_threshold(policy, query.threshold))
            filters = Filters(since=query.since, until=query.until)
            give_up, after = time.monotonic() + LONGEST_S, None

            def look(found: list[tuple[Summary, bytes]]) -> None:
                for summary, body in found:
                    _add(result, summary, body, judge)

            while result.sessions < query.limit:
                page = min(PAGE, query.limit - result.sessions)
                _, after = await service.memory.bodies(filters, page, after, look)
                if after is None or time.monotonic() > give_up:
                    break
            result.truncated = after is not None
            return result


def _add(result: Simulation, summary: Summary, body: bytes, judge: Judge) -> None:
    """Decide one session again, and count what came of it."""
    result.sessions += 1
    try:
        again = replayed(judge, Verdict.from_json(body))
    except ValueError:
        result.unreadable += 1
        return
    result.would_fail += not again.after.passed
    if again.newly_failing:
        result.newly_failing.append(summary)
    if again.newly_passing:
        result.newly_passing.append(summary)
    if again.after.score is not None:
        result.scores.append(again.after.score)
