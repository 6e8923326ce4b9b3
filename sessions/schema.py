"""The tables. A change here needs a migration beside those of ``sessions/migrations/versions``."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

REVISION = "0003"
"""The migration that makes these tables; the newest one."""


class Instant(TypeDecorator[datetime]):
    """A moment in UTC: ``timestamptz`` in PostgreSQL, ISO text in SQLite, which has no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn to UTC; SQLAlchemy would write a zone to SQLite without looking at it."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that it is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", String(32), primary_key=True),
    Column("expires_at", Instant, nullable=False, index=True),
    # All others are NULL once the session has been deleted. The row stays for a while, so that
    # neither a slow insert nor a record from a spool can bring the session back.
    Column("created_at", Instant),
    Column("decision", String(16)),
    Column("passed", Boolean),
    Column("mode", String(8)),
    Column("enforced", Boolean),
    Column("score", Float(53)),
    Column("coverage", Float(53)),
    Column("policy", String(64)),
    Column("policy_sha256", String(64)),
    Column("subject", String(64)),
    Column("verdict", Text),
    # What the document branch found, as JSON, by the reference's name; also part of the verdict.
    Column("document_fraud_data", Text),
    Index("ix_sessions_page", "created_at", "session_id"),
    Index("ix_sessions_decision", "decision", "created_at", "session_id"),
    Index("ix_sessions_subject", "subject", "created_at", "session_id"),
)

keys = Table(
    "keys",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("owner", String(32), nullable=False),
    Column("session_id", String(32)),  # NULL while the first request is being worked on
    Column("expires_at", Instant, nullable=False, index=True),
)

erasures = Table(
    "erasures",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("erased_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)

# Not to be confused with `keys`, which are words of a client for one request.
api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(12), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),  # of the secret, which is kept nowhere
    Column("per_minute", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("used_at", Instant),  # to the hour: a write for each request would cost more than it
)
