"""One fault under load: let it happen, count what comes of it, hold that against what is required.

Required: every request that was accepted gets a verdict, or a problem document with a 5xx and
``Retry-After``; nothing is accepted that should not be; every verdict that was returned is in the
store afterwards, exactly once; the graph is back at full strength within :data:`BACK_S`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import NullPool, create_engine, func, select

from benchmarks.harm import Fault, Site
from benchmarks.witness import Answer, Outcome, Sample, Witness, recovered
from sessions.schema import sessions
from sessions.url import STORE, store_url

BACK_S = 30.0
"""What is allowed."""

GIVE_UP_S = 120.0
"""How long a graph that is late is waited for, to say how late it is."""

DEADLINE_MS = 8000
"""That the clients ask for."""


@dataclass
class Row:
    """What one fault did.

    Attributes:
        fault: its name.
        what: was done.
        outcomes: how many requests came to what.
        incomplete: verdicts in which a signal or the face was lost.
        wrong: accepted, and should not have been.
        spooled: verdicts that were on disk only when they were returned.
        missing: verdicts that were returned and are not in the store as they were.
        extra: sessions in the store whose verdict no client got.
        back_s: seconds until the graph was back; None if it was not.
        broken: the requirements that were not met.
        skipped: why the fault was not tried here.
    """

    fault: str
    what: str
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(map(str, Outcome), 0))
    incomplete: int = 0
    wrong: int = 0
    spooled: int = 0
    missing: int = 0
    extra: int = 0
    back_s: float | None = None
    broken: list[str] = field(default_factory=list)
    skipped: str | None = None


class Ledger:
    """Compares the store with what was returned.

    Args:
        url: of the graph.
        store: URL of the database.
        spool: the folder of what waits for it.
    """

    def __init__(self, url: str, store: str, spool: Path) -> None:
        self._client = httpx2.Client(base_url=url, timeout=30.0)
        # No pool: its connections would die with the server.
        self._engine = create_engine(store_url({STORE: store}), poolclass=NullPool)
        self._spool = spool
        self._rows = self._count()

    def check(self, answers: Sequence[Answer], row: Row) -> None:
        """Fill in what the store says about all that was answered since the last check."""
        _wait(lambda: not any(self._spool.glob("*.record")), BACK_S)
        returned = {a.verdict["session_id"]: a.verdict for a in answers if a.verdict is not None}
        row.missing = sum(not self._has(verdict) for verdict in returned.values())
        rows = self._count()
        row.extra = rows - self._rows - len(returned)
        self._rows = rows

    def _has(self, verdict: Mapping[str, Any]) -> bool:
        answer = self._client.get(f"/v1/sessions/{verdict['session_id']}")
        stored = answer.headers.get("palisade-record") == "stored"
        return answer.status_code == 200 and stored and answer.json() == verdict

    def _count(self) -> int:
        with self._engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(sessions)).scalar_one()


def attempt(
    site: Site,
    fault: Fault,
    ledger: Ledger,
    samples: Sequence[Sample],
    clients: int,
    seconds: float,
) -> Row:
    """Let one fault happen to a graph at full strength.

    Args:
        site: the graph.
        fault: what happens.
        ledger: of its store.
        samples: that are sent meanwhile.
        clients: that send them.
        seconds: how long to watch at least, once the fault is over.

    Raises:
        RuntimeError: the graph was not at full strength to begin with.
    """
    row = Row(fault.name, fault.what)
    headers = {"Palisade-Deadline-Ms": str(DEADLINE_MS)}
    with Witness(site.url, samples, clients=clients, headers=headers) as witness:
        if not _wait(lambda: recovered(witness.answers) is not None, BACK_S):
            raise RuntimeError(f"the graph was not at full strength before {fault.name}")
        everybody = site.running()
        with fault.harm(site):
            struck = time.monotonic()
            time.sleep(fault.lasts_s)
        over = time.monotonic()
        _wait(lambda: site.running() >= everybody, GIVE_UP_S)
        manned = time.monotonic()
        time.sleep(max(over + seconds - manned, 0.0))
        _wait(lambda: recovered(witness.since(struck)) is not None, GIVE_UP_S)
        here = site.running() >= everybody
    after = witness.since(struck)
    back = recovered(after)
    if here and back is not None:
        touched = not all(answer.complete for answer in after)
        row.back_s = max(manned - over, back - over if touched else 0.0)
    ledger.check(witness.answers, row)
    _judge(row, fault, witness.answers)
    return row


def _judge(row: Row, fault: Fault, answers: Sequence[Answer]) -> None:
    """Count what became of the requests, and name the requirements that were not met."""
    for answer in answers:
        row.outcomes[answer.outcome] += 1
    row.wrong = sum(answer.wrong for answer in answers)
    row.incomplete = sum(answer.verdict is not None and not answer.complete for answer in answers)
    row.spooled = sum(answer.record == "spooled" for answer in answers)
    fine = {Outcome.VERDICT, Outcome.REFUSED, Outcome.RETRY, *fault.breaks}
    unanswered = Counter(answer.said for answer in answers if answer.outcome not in fine)
    undelivered = sum(a.outcome not in (Outcome.VERDICT, Outcome.REFUSED) for a in answers)
    failures = {
        f"neither a verdict nor Retry-After: {dict(unanswered)}": unanswered,
        f"{row.wrong} wrong accepts": row.wrong,
        f"{row.missing} returned verdicts are not in the store": row.missing,
        # A verdict may be on record whose answer was lost on the way; nothing else may.
        f"{row.extra} sessions too many in the store": not 0 <= row.extra <= undelivered,
        f"not back within {BACK_S:.0f} s": row.back_s is None or row.back_s > BACK_S,
    }
    row.broken = [failure for failure, found in failures.items() if found]


def _wait(until: Callable[[], bool], timeout_s: float) -> bool:
    give_up = time.monotonic() + timeout_s
    while not until():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True
