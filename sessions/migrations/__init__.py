"""The history of the tables, and how a database is brought up to date.

Each file in ``versions`` is one step. A new one: change :mod:`sessions.schema`, write the step by
the example of the last one, and raise ``REVISION``; a test compares the two.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

LOCK = 0x70616C6973616465
"""Of PostgreSQL's advisory locks: "palisade" in ASCII."""


def upgrade(engine: Engine) -> None:
    """Bring the tables up to date, under a lock that lets one replica at a time do it.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database cannot be asked or changed now.
    """
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        command.upgrade(config(connection), "head")
        connection.commit()


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration of these migrations."""
    chosen = Config()
    chosen.set_main_option("script_location", str(Path(__file__).parent))
    chosen.attributes["connection"] = connection
    return chosen
