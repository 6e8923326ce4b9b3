"""Load over HTTP: so many clients, each with one request at a time on a connection of its own."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.captures import Upload

TIMEOUT_S = 120.0


@dataclass
class Load:
    """What a run of requests gave.

    Attributes:
        seconds: wall time of each request that was answered, in order of completion.
        statuses: how many answers had which HTTP status; 0 stands for a broken connection.
        elapsed_s: wall time of the run.
        last: body of the last answer.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    elapsed_s: float = 0.0
    last: bytes = b""

    @property
    def per_second(self) -> float:
        """Answers in a second."""
        return len(self.seconds) / self.elapsed_s


def drive(url: str, uploads: Sequence[Upload], requests: int, clients: int = 1) -> Load:
    """Send ``requests`` requests, ``uploads`` in turn, from ``clients`` clients.

    Raises:
        RuntimeError: an answer was not 200: what is measured would not be verdicts.
    """
    load = Load()
    turns = iter(range(requests))
    lock = threading.Lock()

    def client() -> None:
        host = urlsplit(url).netloc
        connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                break
            chosen = uploads[turn % len(uploads)]
            started = time.perf_counter()
            connection.request(
                "POST", "/v1/verify", chosen.body, {"Content-Type": chosen.content_type}
            )
            answer = connection.getresponse()
            body = answer.read()
            with lock:
                load.last = body
                load.statuses[answer.status] += 1
                load.seconds.append(time.perf_counter() - started)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.elapsed_s = time.perf_counter() - started
    if set(load.statuses) != {200} or len(load.seconds) != requests:
        raise RuntimeError(f"not every answer was a verdict: {dict(load.statuses)}")
    return load
