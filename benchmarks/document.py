"""The document branch: what each check costs, and what it adds to a verdict that has a clip."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.captures import clip, document, selfie, upload
from benchmarks.contenders import graph
from benchmarks.load import drive
from benchmarks.stages import cpu_ms
from detectors.runner import Runner
from docfraud.examination import open_page
from docfraud.registry import SENSORS
from media.limits import ImageLimits

Update = Callable[[float, float, str], None]

MEGAPIXELS = (2.0, 12.0)
"""A photograph that a page in a browser takes, and one of a telephone's camera."""

REPEATS = 5


def measure(turns: int, update: Update) -> dict[str, Any]:
    """Measure the checks in this process, then the branch in the graph, in turns.

    Returns:
        ``cpu_ms``: for each size of the photograph and each check and reader the median, with that
        of decoding; ``p50_ms``: of a selfie with a clip, without and with a document; their
        ``ratio``, with the smallest and the largest of a turn.
    """
    costs = {}
    for megapixels in MEGAPIXELS:
        update(0, turns, f"{megapixels:g} MP")
        costs[f"{megapixels:g} MP"] = _costs(document(megapixels))
    uploads = {
        "without": upload("without", selfie=selfie(), clip=clip()),
        "with": upload("with", selfie=selfie(), clip=clip(), document=document()),
    }
    taken: dict[str, list[float]] = {name: [] for name in uploads}
    with graph() as serve:
        for name in uploads:
            drive(serve.url, [uploads[name]], 2)
        for turn in range(turns):
            update(turn, turns, "with and without a document")
            for name, sent in uploads.items():
                taken[name].append(1e3 * statistics.median(drive(serve.url, [sent], 4).seconds))
    ratios = [a / b for a, b in zip(taken["with"], taken["without"], strict=True)]
    return {
        "cpu_ms": costs,
        "p50_ms": {name: statistics.median(ms) for name, ms in taken.items()},
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }


def _costs(data: bytes) -> dict[str, float]:
    page = open_page(data, ImageLimits(), "upload")
    costs = {"decoding": cpu_ms(lambda: open_page(data, ImageLimits(), "upload"), REPEATS)}
    for sensor in SENSORS:
        costs[sensor.name] = cpu_ms(partial(Runner(sensor()), page), REPEATS)
    return costs
