"""Serve against the same detectors in one process: CPU, latency and throughput, in turns."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.captures import Upload, clip, selfie, upload
from benchmarks.contenders import Contender, graph, one_process
from benchmarks.load import drive
from benchmarks.processes import cpu_seconds, pss_bytes

Update = Callable[[float, float, str], None]

CLIENTS = 8
IDLE_S = 5.0


def captures() -> dict[str, Upload]:
    """The two captures that are compared, with the requests of one round."""
    return {
        "selfie": upload("selfie", selfie=selfie()),
        "selfie and 90 frames": upload("selfie and 90 frames", selfie=selfie(), clip=clip()),
    }


REQUESTS = {"selfie": (20, 40), "selfie and 90 frames": (4, 16)}
"""Of one round: from one client, from eight."""


def measure(rounds: int, update: Update) -> dict[str, Any]:
    """Run both side by side, ``rounds`` turns each.

    Returns:
        ``serve`` and ``one_process``: ``ready_s`` and idle ``pss_gb``; ``captures``: for each of
        them and each measure the two medians over the rounds, the median ratio Serve to one
        process with its smallest and largest, and the bound of the latency: the critical path and
        half of the CPU that one process needs.
    """
    uploads = captures()
    update(0, 1, "starting both")
    with graph() as serve, one_process() as alone:
        contenders = (serve, alone)
        report: dict[str, Any] = {"cores": os.cpu_count(), "rounds": rounds, "captures": {}}
        for key, contender in zip(("serve", "one_process"), contenders, strict=True):
            pss = pss_bytes(contender.root) / 1e9
            report[key] = {"ready_s": contender.ready_s, "pss_gb": pss}
        for contender in contenders:
            for capture in uploads.values():
                drive(contender.url, [capture], 10 if capture.name == "selfie" else 2)
        steps = rounds * len(uploads)
        for at, (name, capture) in enumerate(uploads.items()):
            turns: dict[str, list[dict[str, float]]] = {c.name: [] for c in contenders}
            for turn in range(rounds):
                update(at * rounds + turn, steps, name)
                for contender in contenders:
                    turns[contender.name].append(_turn(contender, capture, *REQUESTS[name]))
            report["captures"][name] = _compare(turns["Serve"], turns["one process"])
            path = _critical_path_ms(serve, capture)
            cpu = report["captures"][name]["cpu_ms"]["one_process"]
            bound = max(path, cpu / (os.cpu_count() or 1))
            p50 = report["captures"][name]["p50_ms"]["serve"]
            report["captures"][name]["bound"] = {
                "critical_path_ms": path,
                "cpu_per_core_ms": cpu / (os.cpu_count() or 1),
                "p50_to_bound": p50 / bound,
            }
    return report


def _turn(contender: Contender, capture: Upload, single: int, many: int) -> dict[str, float]:
    before = cpu_seconds(contender.root)
    alone = drive(contender.url, [capture], single)
    cpu = cpu_seconds(contender.root) - before
    crowd = drive(contender.url, [capture], many, CLIENTS)
    return {
        "cpu_ms": 1e3 * cpu / single,
        "p50_ms": 1e3 * statistics.median(alone.seconds),
        "per_second": crowd.per_second,
    }


def _compare(
    serve: Sequence[Mapping[str, float]], alone: Sequence[Mapping[str, float]]
) -> dict[str, Any]:
    compared = {}
    for name in serve[0]:
        ratios = [a[name] / b[name] for a, b in zip(serve, alone, strict=True)]
        compared[name] = {
            "serve": statistics.median(turn[name] for turn in serve),
            "one_process": statistics.median(turn[name] for turn in alone),
            "ratio": statistics.median(ratios),
            "ratio_min": min(ratios),
            "ratio_max": max(ratios),
        }
    return compared


def _critical_path_ms(contender: Contender, capture: Upload, requests: int = 5) -> float:
    """Median of the face's time and the slowest signal's, as the records have them."""
    paths: list[float] = []
    for _ in range(requests):
        record = json.loads(drive(contender.url, [capture], 1).last)
        slowest = max(signal["elapsed_ms"] for signal in record["signals"])
        paths.append(record["face"]["elapsed_ms"] + slowest)
    return statistics.median(paths)
