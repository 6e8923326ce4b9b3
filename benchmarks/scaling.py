"""How the cost of a verdict grows: with clients, with the length of a clip, with the image."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.captures import Upload, clip, selfie, upload
from benchmarks.clip import FPS
from benchmarks.contenders import Contender, graph
from benchmarks.load import drive
from benchmarks.processes import cpu_seconds

CLIENTS = (1, 2, 4, 8, 16, 32)
CLIP_S = (1, 3, 5, 10, 20)
MEGAPIXELS = (0.3, 1.2, 3.0, 6.0, 12.0)


def measure(update: Callable[[float, float, str], None]) -> dict[str, Any]:
    """Measure a running graph.

    Returns:
        ``clients``, ``clip_s`` and ``megapixels``: for each size ``cpu_ms`` a request, ``p50_ms``
        and ``per_second``.
    """
    steps = len(CLIENTS) + len(CLIP_S) + len(MEGAPIXELS)
    done = 0

    def run(contender: Contender, capture: Upload, requests: int, clients: int) -> dict[str, float]:
        nonlocal done
        update(done, steps, capture.name)
        before = cpu_seconds(contender.root)
        load = drive(contender.url, [capture], requests, clients)
        done += 1
        return {
            "cpu_ms": 1e3 * (cpu_seconds(contender.root) - before) / requests,
            "p50_ms": 1e3 * statistics.median(load.seconds),
            "per_second": load.per_second,
        }

    update(0, steps, "starting")
    with graph() as serve:
        photo = upload("selfie", selfie=selfie())
        drive(serve.url, [photo], 10)
        return {
            "clients": {str(n): run(serve, photo, max(20, 4 * n), n) for n in CLIENTS},
            "clip_s": {str(s): run(serve, _filmed(s), 3, 1) for s in CLIP_S},
            "megapixels": {str(m): run(serve, _sized(m), 8, 1) for m in MEGAPIXELS},
        }


def _filmed(seconds: int) -> Upload:
    return upload(f"{seconds} s of clip", selfie=selfie(), clip=clip(seconds * FPS))


def _sized(megapixels: float) -> Upload:
    return upload(f"{megapixels} MP", selfie=selfie(megapixels))
