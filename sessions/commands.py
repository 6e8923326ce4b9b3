"""``palisade sessions``: what is remembered, on the command line."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sessions.errors import StoreError

if TYPE_CHECKING:
    from sessions.spool import Spool
    from sessions.store import Store

app = typer.Typer(
    help="Sessions: the verdicts that were returned, in the store that `PALISADE_STORE` names "
    "(SQLite in your data folder by default).",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SubjectOption = Annotated[
    str | None, typer.Option(help="Your name for the person, as in `metadata.subject`.")
]


@app.command("list")
def list_sessions(
    decision: Annotated[
        Literal["accept", "review", "reject"] | None, typer.Option(help="Only this decision.")
    ] = None,
    mode: Annotated[
        Literal["ids", "ips"] | None, typer.Option(help="Watching (ids) or blocking (ips).")
    ] = None,
    passed: Annotated[
        bool | None, typer.Option("--passed/--failed", help="What the policy thought.")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="A policy's name or SHA-256.")] = None,
    subject: SubjectOption = None,
    since: Annotated[datetime | None, typer.Option(help="Made then or later, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Made before then, UTC.")] = None,
    min_score: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    max_score: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Sessions on the page.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List sessions, the newest first.

    Example: `palisade sessions list --decision review --since 2026-01-31`
    """
    from rich.table import Table
    from rich.text import Text

    from fusion.verdict import Decision
    from sessions.query import Filters, Position
    from terminal import DECISION_STYLE, out

    filters = Filters(
        decision=decision,
        mode=mode,
        passed=passed,
        policy=policy,
        subject=None if subject is None else _pseudonym(subject),
        since=since and since.replace(tzinfo=UTC),
        until=until and until.replace(tzinfo=UTC),
        min_score=min_score,
        max_score=max_score,
    )
    try:
        after = None if cursor is None else Position.of(cursor)
    except ValueError as error:
        raise StoreError(f"--cursor {error}") from None
    page = ready_store().page(filters, limit, datetime.now(UTC), after)
    following = page.next and page.next.cursor()
    if as_json:
        listed = [asdict(summary) for summary in page.sessions]
        print(json.dumps({"sessions": listed, "next": following}, default=iso))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("session", "made (UTC)", "decision", "score", "policy"):
        table.add_column(column, no_wrap=True)
    for summary in page.sessions:
        table.add_row(
            summary.session_id,
            f"{summary.created_at:%Y-%m-%d %H:%M}",
            Text(summary.decision, style=DECISION_STYLE[Decision(summary.decision)]),
            "—" if summary.score is None else f"{summary.score:.2f}",
            summary.policy,
        )
    out.print(table if page.sessions else "No sessions.")
    if following:
        out.print(f"More: --cursor {following}", style="dim", soft_wrap=True)


@app.command()
def show(session_id: Annotated[str, typer.Argument()], as_json: JsonOption = False) -> None:
    """Show the verdict of a session.

    With `--json`, the bytes that the client got.
    """
    from fusion.verdict import Verdict
    from sessions.store import Deleted
    from terminal import out, verdict_panel

    _check(session_id)
    waiting = _spool().get(session_id)
    kept = ready_store().get(session_id, datetime.now(UTC)) if waiting is None else waiting.body
    if isinstance(kept, Deleted):
        raise StoreError(f"session {session_id} has been deleted")
    if kept is None:
        raise StoreError(f"there is no session {session_id}, or no more")
    if as_json:
        sys.stdout.buffer.write(kept + b"\n")
        return
    verdict = Verdict.from_json(kept)
    out.print(verdict_panel(verdict, f"{session_id}, {verdict.created_at:%Y-%m-%d %H:%M:%S} UTC"))


@app.command("delete")
def delete_sessions(
    session_ids: Annotated[list[str] | None, typer.Argument(help="Sessions to delete.")] = None,
    subject: SubjectOption = None,
    trace_days: Annotated[
        int,
        typer.Option(
            min=1,
            help="Remember the ids for so long, lest a record that waits on some node's disk "
            "bring a session back: at least the graph's retention.",
        ),
    ] = 365,
) -> None:
    """Delete sessions for good, by id or all of a subject.

    Example: `palisade sessions delete --subject applicant-17`
    """
    from terminal import out

    if bool(session_ids) == (subject is not None):
        raise StoreError("delete needs either session ids or --subject")
    for session_id in session_ids or ():
        _check(session_id)
    store, spool, keep, now = ready_store(), _spool(), timedelta(days=trace_days), datetime.now(UTC)
    if subject is not None:
        name = _pseudonym(subject)
        deleted = store.erase(name, now, keep)
        spool.remove_subject(name, now)
        out.print(f"{_many(deleted, 'session')} of the store deleted")
    for session_id in session_ids or ():
        store.delete(session_id, now, keep)
        spool.remove(session_id)
        out.print(f"{session_id} deleted")


@app.command()
def sweep() -> None:
    """Delete what has expired now; a running graph does it by itself."""
    from terminal import err, out

    now = datetime.now(UTC)
    with err.status("Sweeping …"):
        swept = ready_store().sweep(now)
        _spool().tidy(now)
    out.print(f"{_many(swept, 'row')} deleted")


@app.command("drain")
def drain_spool() -> None:
    """Move records that wait on this machine's disk into the store; a graph does it by itself."""
    from sessions.drain import drain
    from terminal import out, progress

    store, spool = ready_store(), _spool()
    waiting = len(spool)
    with progress("Draining") as update:
        drained = drain(store, spool, on_record=lambda done: update(done, waiting))
    out.print(f"{_many(drained.saved, 'record')} moved to the store; {len(spool)} waiting")
    if broken := spool.broken_count():
        said = f"{_many(broken, 'file')} set aside in {spool.broken}"
        out.print(said, style="yellow", soft_wrap=True)


@app.command()
def migrate() -> None:
    """Make or update the tables; a running graph does it by itself."""
    from sessions.schema import REVISION
    from sessions.url import shown
    from terminal import out

    store = _any_store()
    before = store.revision()
    store.migrate()
    did = "is up to date" if before == REVISION else f"went from {before or 'empty'} to {REVISION}"
    out.print(f"{shown(store.url)} {did}", soft_wrap=True)


def ready_store(environment: Mapping[str, str] = os.environ) -> Store:
    """Return the store, once its tables are what this version needs."""
    from sessions.schema import REVISION
    from sessions.url import shown

    store = _any_store(environment)
    if store.revision() != REVISION:
        raise StoreError(
            f"{shown(store.url)} has no tables for this version yet; a graph makes them when it "
            "starts, and so does `palisade sessions migrate`"
        )
    return store


def _any_store(environment: Mapping[str, str] = os.environ) -> Store:
    from sessions.store import Store
    from sessions.url import store_url

    return Store(store_url(environment))


def _check(session_id: str) -> None:
    from sessions.record import SESSION_ID

    if not re.fullmatch(SESSION_ID, session_id):
        raise StoreError(f"{session_id} is no session id: those have 32 hexadecimal digits")


def _spool() -> Spool:
    from sessions.spool import Spool
    from sessions.url import spool_folder

    return Spool(spool_folder(os.environ))


def _pseudonym(subject: str) -> str:
    from fusion.enforcement import canary_key, pseudonym

    return pseudonym(canary_key(os.environ), subject)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def iso(value: datetime) -> str:
    """Write a moment as the API does."""
    return value.isoformat().replace("+00:00", "Z")
