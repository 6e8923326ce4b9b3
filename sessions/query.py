"""Which sessions to list, and what a list shows of each."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import eq, ge, le, lt
from typing import Any

from sqlalchemy import ColumnElement, or_

from sessions.record import SESSION_ID
from sessions.schema import sessions


@dataclass(frozen=True, slots=True)
class Summary:
    """A session in a list: the columns, without the verdict itself.

    Attributes:
        session_id: leads to the whole record.
        created_at: UTC.
        decision: ``accept``, ``review`` or ``reject``.
        passed: what the policy thought of it, enforced or not.
        mode: ``ids`` or ``ips``.
        enforced: whether enforcement was active for it.
        score: fused, 0..1; None where no signal was ``ok``.
        coverage: share of the policy's weight that was counted, 0..1.
        policy: name of the policy.
        policy_sha256: its digest.
        expires_at: UTC; the session is deleted then.
    """

    session_id: str
    created_at: datetime
    decision: str
    passed: bool
    mode: str
    enforced: bool
    score: float | None
    coverage: float
    policy: str
    policy_sha256: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ends: the last session on it."""

    created_at: datetime
    session_id: str

    def cursor(self) -> str:
        """Return a form that a client hands back."""
        return base64.urlsafe_b64encode(
            f"{self.created_at.isoformat()} {self.session_id}".encode()
        ).decode()

    @classmethod
    def of(cls, cursor: str) -> Position:
        """Read :meth:`cursor` back.

        Raises:
            ValueError: it is no such thing.
        """
        try:
            at, session_id = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
            created_at = datetime.fromisoformat(at)
        except ValueError:  # those of base64 and UTF-8 are ValueErrors too
            raise ValueError("is no cursor that came with a page") from None
        if created_at.utcoffset() != timedelta(0) or not re.fullmatch(SESSION_ID, session_id):
            raise ValueError("is no cursor that came with a page")
        return cls(created_at, session_id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some sessions, and where the next page begins; None on the last one."""

    sessions: tuple[Summary, ...]
    next: Position | None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which sessions; None asks for all.

    Attributes:
        decision: ``accept``, ``review`` or ``reject``.
        mode: ``ids`` or ``ips``.
        passed: whether it passed.
        policy: a policy's name or SHA-256.
        subject: keyed digest of a subject's name.
        since: made at this time or later.
        until: made before this time.
        min_score: fused score at least this; sessions without a score are left out.
        max_score: fused score at most this; sessions without a score are left out.
    """

    decision: str | None = None
    mode: str | None = None
    passed: bool | None = None
    policy: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_score: float | None = None
    max_score: float | None = None

    def clauses(self) -> list[ColumnElement[bool]]:
        """Return the conditions of a query."""
        columns = sessions.c
        compared: tuple[tuple[Any, Any, Any], ...] = (
            (columns.decision, eq, self.decision),
            (columns.mode, eq, self.mode),
            (columns.passed, eq, self.passed),
            (columns.subject, eq, self.subject),
            (columns.created_at, ge, self.since),
            (columns.created_at, lt, self.until),
            (columns.score, ge, self.min_score),
            (columns.score, le, self.max_score),
        )
        clauses = [holds(column, value) for column, holds, value in compared if value is not None]
        if self.policy is not None:
            clauses.append(or_(columns.policy == self.policy, columns.policy_sha256 == self.policy))
        return clauses
