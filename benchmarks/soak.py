"""Half an hour of mixed load at four fifths of the peak: does memory grow, does anything fail?

``python -m benchmarks.soak [--minutes 30] [--json F]`` starts the graph, finds its peak, sends
good, hostile and aborted uploads at 80% of that, and compares memory at the end with memory after
the warm-up. Exit code 1 if it grew by more than 5%, or if an answer was not the intended one.
"""

from __future__ import annotations

import http.client
import io
import json
import random
import signal
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import psutil
import typer
from PIL import Image
from rich.table import Table

from benchmarks.captures import Upload, clip, selfie, upload
from benchmarks.contenders import graph
from benchmarks.load import TIMEOUT_S
from benchmarks.processes import pss_bytes
from terminal import err, out, progress

SHARE = 0.8
"""Of the peak."""

GROWTH = 0.05
"""Of memory, that is still not growth."""

SENDERS = 12
SAMPLE_S = 15.0
PEAK_S = 30.0


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request of the mix.

    Attributes:
        share: of the requests, relative to the others.
        uploads: chosen from at random.
        intended: statuses that are right; empty where the client hangs up.
    """

    share: int
    uploads: Sequence[Upload]
    intended: range


def mix() -> dict[str, Kind]:
    """The kinds of requests, by name."""
    photo = upload("selfie", selfie=selfie())
    film = upload("selfie and clip", selfie=selfie(), clip=clip(60))
    return {
        "selfie": Kind(14, [photo], range(200, 201)),
        "selfie and clip": Kind(2, [film], range(200, 201)),
        "hostile": Kind(2, hostile(), range(400, 500)),
        "aborted": Kind(2, [photo, film], range(0)),
    }


def hostile() -> list[Upload]:
    """Uploads that are to be refused: noise, a half, a bomb, a part that should not be there."""
    photo = selfie()
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    return [
        upload("noise", selfie=random.Random(0).randbytes(50_000)),
        upload("truncated", selfie=photo[: len(photo) // 3]),
        upload("bomb", selfie=bomb.getvalue()),
        upload("broken clip", selfie=photo, clip=clip(60)[:20_000]),
        upload("unknown part", selfie=photo, passport=photo),
    ]


class Mixer:
    """Sends the mix at a rate, from several connections."""

    def __init__(self, url: str, kinds: dict[str, Kind]) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()
        self.unintended: Counter[tuple[str, str]] = Counter()
        self._netloc = urlsplit(url).netloc
        self._kinds = kinds
        self._names = random.Random(1).choices(
            list(kinds), [kind.share for kind in kinds.values()], k=10_000
        )
        self._lock = threading.Lock()

    def run(self, seconds: float, per_second: float | None) -> float:
        """Send for ``seconds``, at a rate or as fast as answers come; returns answers a second."""
        start = time.monotonic()
        self._turn, before = 0, self.answers.total()
        threads = [
            # Daemons: who interrupts half an hour does not wait for the rest of it.
            threading.Thread(
                target=self._send, args=(start, start + seconds, per_second), daemon=True
            )
            for _ in range(SENDERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (self.answers.total() - before) / (time.monotonic() - start)

    def _send(self, start: float, end: float, per_second: float | None) -> None:
        chance = random.Random(threading.get_ident())
        while True:
            with self._lock:
                turn = self._turn
                self._turn += 1
            due = time.monotonic() if per_second is None else start + turn / per_second
            if max(due, time.monotonic()) >= end:
                return
            time.sleep(max(due - time.monotonic(), 0.0))
            name = self._names[turn % len(self._names)]
            kind = self._kinds[name]
            chosen = chance.choice(kind.uploads)
            if kind.intended:
                said, right = self._ask(chosen, kind.intended)
            else:
                said, right = self._hang_up(chosen), True
            with self._lock:
                self.answers[name, said] += 1
                if not right:
                    self.unintended[name, said] += 1

    def _ask(self, chosen: Upload, intended: range) -> tuple[str, bool]:
        connection = http.client.HTTPConnection(self._netloc, timeout=TIMEOUT_S)
        try:
            headers = {"Content-Type": chosen.content_type}
            connection.request("POST", "/v1/verify", chosen.body, headers)
            answer = connection.getresponse()
            answer.read()
        except OSError as error:
            return type(error).__name__, False
        finally:
            connection.close()
        return str(answer.status), answer.status in intended

    def _hang_up(self, chosen: Upload) -> str:
        """Send half of a request, and go."""
        host, port = self._netloc.split(":")
        head = (
            f"POST /v1/verify HTTP/1.1\r\nHost: {self._netloc}\r\n"
            f"Content-Type: {chosen.content_type}\r\nContent-Length: {len(chosen.body)}\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
            connection.sendall(head.encode() + chosen.body[: len(chosen.body) // 2])
        return "gone"


def measure(minutes: float) -> dict[str, Any]:
    """Run the soak.

    Returns:
        ``peak_per_second`` of the mix; ``answers`` and ``unintended`` by kind; ``memory``: pairs
        of minutes and GB (PSS of all processes); ``growth``: the median of the last fifth to that
        of the second fifth, less one.
    """
    with graph() as serve, progress("Soaking") as update:
        update(0, 1, "finding the peak")
        kinds = mix()
        Mixer(serve.url, kinds).run(PEAK_S, None)  # replicas grow to their working size first
        peak = Mixer(serve.url, kinds).run(PEAK_S, None)
        mixer = Mixer(serve.url, kinds)
        memory: list[tuple[float, float]] = []
        done = threading.Event()

        def watch() -> None:
            start = time.monotonic()
            while not done.wait(SAMPLE_S):
                spent = (time.monotonic() - start) / 60
                memory.append((spent, _gigabytes(serve.root)))
                failed = mixer.unintended.total()
                update(spent, minutes, f"{memory[-1][1]:.2f} GB, {failed} unintended")

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        rate = mixer.run(60 * minutes, SHARE * peak)
        done.set()
        watcher.join()
    fifth = max(len(memory) // 5, 1)
    early = statistics.median(gb for _, gb in memory[fifth : 2 * fifth] or memory)
    late = statistics.median(gb for _, gb in memory[-fifth:])
    return {
        "minutes": minutes,
        "peak_per_second": peak,
        "per_second": rate,
        "answers": _listed(mixer.answers),
        "unintended": _listed(mixer.unintended),
        "memory": memory,
        "growth": late / early - 1,
    }


def _gigabytes(root: psutil.Process) -> float:
    return pss_bytes(root) / 1e9


def _listed(counter: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "answer": answer, "count": count}
        for (kind, answer), count in sorted(counter.items())
    ]


def command(
    minutes: Annotated[float, typer.Option(min=1.5)] = 30.0,
    output: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
) -> None:
    """Send mixed load for a while, and see whether memory grows or anything fails."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the graph is to go with us
    report = measure(minutes)
    if output:
        output.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    table = Table("kind", "answer", "requests", box=None)
    for row in report["answers"]:
        table.add_row(row["kind"], row["answer"], str(row["count"]))
    out.print(table)
    out.print(
        f"{report['per_second']:.1f} a second for {minutes:g} min (peak "
        f"{report['peak_per_second']:.1f}); memory {report['growth']:+.1%}, "
        f"{sum(row['count'] for row in report['unintended'])} unintended answers"
    )
    if report["growth"] > GROWTH or report["unintended"]:
        err.print("Memory grew, or an answer was not the intended one.", style="red")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(command)
