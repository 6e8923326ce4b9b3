"""The first tables: sessions, idempotency keys, and subjects whose sessions were erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.String(32), primary_key=True),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("created_at", instant),
        sa.Column("decision", sa.String(16)),
        sa.Column("passed", sa.Boolean),
        sa.Column("mode", sa.String(8)),
        sa.Column("enforced", sa.Boolean),
        sa.Column("score", sa.Float(53)),
        sa.Column("coverage", sa.Float(53)),
        sa.Column("policy", sa.String(64)),
        sa.Column("policy_sha256", sa.String(64)),
        sa.Column("subject", sa.String(64)),
        sa.Column("verdict", sa.Text),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index("ix_sessions_page", "sessions", ["created_at", "session_id"])
    op.create_index("ix_sessions_decision", "sessions", ["decision", "created_at", "session_id"])
    op.create_index("ix_sessions_subject", "sessions", ["subject", "created_at", "session_id"])
    op.create_table(
        "keys",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("session_id", sa.String(32)),
        sa.Column("expires_at", instant, nullable=False),
    )
    op.create_index("ix_keys_expires_at", "keys", ["expires_at"])
    op.create_table(
        "erasures",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("erased_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
    )
    op.create_index("ix_erasures_expires_at", "erasures", ["expires_at"])


def downgrade() -> None:
    """Drop the tables and everything in them."""
    for table in ("erasures", "keys", "sessions"):
        op.drop_table(table)
