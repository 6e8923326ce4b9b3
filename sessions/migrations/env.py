"""What Alembic runs around the migrations: they use the caller's connection and transaction."""

from __future__ import annotations

from alembic import context

from sessions.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
