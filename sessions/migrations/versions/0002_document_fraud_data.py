"""A column for what the document branch found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.add_column("sessions", sa.Column("document_fraud_data", sa.Text))


def downgrade() -> None:
    """Drop the column; verdicts have the same inside them."""
    op.drop_column("sessions", "document_fraud_data")
