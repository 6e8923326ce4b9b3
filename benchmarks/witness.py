"""Constant load on a running graph, and what became of every request of it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

import httpx2

from deployments.problems import MEDIA_TYPE
from detectors.contracts import LOST
from fusion.verdict import Decision

PAUSE_S = 0.1
"""Of a client that got no verdict, before its next request."""


class Outcome(StrEnum):
    """What became of a request."""

    VERDICT = "verdict"
    REFUSED = "refused"  # a problem document with a 4xx: the upload is at fault
    RETRY = "retry"  # a problem document with a 5xx and Retry-After
    FAILED = "failed"  # any other answer
    LOST = "lost"  # the connection broke before there was an answer
    CLOSED = "closed"  # nobody listened: the request was never accepted
    HUNG = "hung"  # no answer within the client's patience


@dataclass(frozen=True, slots=True)
class Sample:
    """Something to send.

    Attributes:
        name: for tables.
        parts: of the form, by name.
        right: the decision that a whole look at it gives; None where it is to be refused.
    """

    name: str
    parts: Mapping[str, bytes]
    right: Decision | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request.

    Attributes:
        sample: that was sent.
        sent: when, in seconds of the monotonic clock.
        got: when it was over.
        outcome: what became of it.
        verdict: the record, where there is one.
        record: where the answer says that the verdict is on record.
        said: the status and the headers or the error, for a report.
    """

    sample: Sample
    sent: float
    got: float
    outcome: Outcome
    verdict: Mapping[str, Any] | None
    record: str | None
    said: str

    @property
    def lost(self) -> frozenset[str]:
        """Names of the signals that a fault kept from being seen."""
        signals = self.verdict["signals"] if self.verdict else ()
        return frozenset(s["name"] for s in signals if s["status"] in LOST)

    @property
    def faceless(self) -> bool:
        """Whether a fault kept the face itself from being looked at."""
        return self.verdict is not None and not LOST.isdisjoint(self.verdict["face"]["problems"])

    @property
    def complete(self) -> bool:
        """Whether this is how the graph answers when nothing is wrong."""
        if self.sample.right is None:
            return self.outcome is Outcome.REFUSED
        return self.outcome is Outcome.VERDICT and not self.lost and not self.faceless

    @property
    def wrong(self) -> bool:
        """Whether something was accepted that should not have been."""
        accepted = self.verdict is not None and self.verdict["decision"] == Decision.ACCEPT
        return accepted and self.sample.right is not Decision.ACCEPT


class Witness:
    """Sends requests from several clients within a ``with`` block, each one after the other.

    Args:
        url: of the graph.
        samples: sent in turn.
        clients: that send at the same time.
        headers: of every request.
        patience_s: how long a client waits for an answer.
    """

    def __init__(
        self,
        url: str,
        samples: Sequence[Sample],
        *,
        clients: int = 3,
        headers: Mapping[str, str] | None = None,
        patience_s: float = 60.0,
    ) -> None:
        self.answers: list[Answer] = []
        self._client = httpx2.Client(base_url=url, timeout=patience_s, headers=headers)
        self._turns = itertools.cycle(samples)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        self._client.close()

    def since(self, moment: float) -> list[Answer]:
        """Answers that came after a moment of the monotonic clock, in order."""
        with self._lock:
            return sorted((a for a in self.answers if a.got > moment), key=lambda a: a.got)

    def _ask(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                sample = next(self._turns)
            answer = ask(self._client, sample)
            with self._lock:
                self.answers.append(answer)
            if answer.outcome not in (Outcome.VERDICT, Outcome.REFUSED):
                self._stopped.wait(PAUSE_S)


def ask(client: httpx2.Client, sample: Sample) -> Answer:
    """Send one sample, whatever becomes of it."""
    files = {name: (f"{name}.bin", content) for name, content in sample.parts.items()}
    sent = time.monotonic()
    verdict = record = None
    try:
        response = client.post("/v1/verify", files=files)
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        outcome, said = Outcome.CLOSED, type(error).__name__
    except httpx2.TimeoutException as error:
        outcome, said = Outcome.HUNG, type(error).__name__
    except httpx2.TransportError as error:
        outcome, said = Outcome.LOST, type(error).__name__
    else:
        outcome = _outcome(response)
        said = f"{response.status_code} {response.headers.get('content-type')}"
        if outcome is Outcome.VERDICT:
            verdict = response.json()
            record = response.headers.get("palisade-record")
    return Answer(sample, sent, time.monotonic(), outcome, verdict, record, said)


def _outcome(response: httpx2.Response) -> Outcome:
    if response.status_code == 200:
        return Outcome.VERDICT
    if response.headers.get("content-type") == MEDIA_TYPE:
        if 400 <= response.status_code < 500:
            return Outcome.REFUSED
        if "retry-after" in response.headers:
            return Outcome.RETRY
    return Outcome.FAILED


def recovered(answers: Iterable[Answer], needed: int = 5) -> float | None:
    """When the graph was back at full strength.

    Args:
        answers: in the order in which they came.
        needed: complete verdicts in a row.

    Returns:
        When the first row of complete verdicts was full after which nothing incomplete came, in
        seconds of the monotonic clock; None if the graph is not back.
    """
    row: list[Answer] = []
    for answer in answers:
        if not answer.complete:
            row = []
        elif answer.verdict is not None:
            row.append(answer)
    return row[needed - 1].got if len(row) >= needed else None
