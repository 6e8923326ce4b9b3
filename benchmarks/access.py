"""What the look at an API key costs a request.

    python -m benchmarks.access [REQUESTS]

CPU time of finding out who asks and of the count of its rate, with a key and at an open door; and
of reading one thousand keys from an SQLite store, which happens every two seconds at most. Rounds
alternate; each figure is the median of seven, with the least and the most.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from fastapi import Request

from deployments.access import Doorkeeper
from deployments.memory import Memory
from deployments.settings import MemorySettings
from sessions.api_keys import new_key
from sessions.keyring import Keyring
from terminal import out

ROUNDS, KEYS, OFTEN = 7, 1000, 100_000


def main() -> None:
    """Measure and print both."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as folder:
        memory = Memory(MemorySettings(), {"PALISADE_STORE": f"sqlite:///{folder}/sessions.db"})
        asyncio.run(_measure(memory, requests))


async def _measure(memory: Memory, requests: int) -> None:
    memory.store.migrate()
    async with memory.at_work():
        ring, now = Keyring(memory.store), datetime.now(UTC)
        for _ in range(KEYS):
            key, token = new_key("somebody", "operator", OFTEN, now)
            ring.add(key)
        headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {token}".encode())]
        request = Request({"type": "http", "headers": headers})
        doors = {
            "with a key": Doorkeeper("keys", "127.0.0.1", memory.api_keys),
            "open": Doorkeeper("open", "127.0.0.1", memory.api_keys),
        }
        costs: dict[str, list[float]] = defaultdict(list)
        for _ in range(ROUNDS):
            for name, door in doors.items():
                costs[name].append(await _cost(partial(door.caller, request), requests))
            read = partial(memory.api_keys, (), 60.0)
            costs["reading the keys"].append(await _cost(read, 10))
    for name, rounds in costs.items():
        low, middle, high = min(rounds), statistics.median(rounds), max(rounds)
        out.print(f"{name}: {middle:.3f} ms of CPU ({low:.3f} to {high:.3f})")


async def _cost(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Return the CPU time of one call, in milliseconds."""
    await work()
    started = time.process_time()
    for _ in range(times):
        await work()
    return (time.process_time() - started) / times * 1e3


if __name__ == "__main__":
    main()
