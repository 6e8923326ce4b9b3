"""What each stage of a verdict costs: CPU of the face stage, every detector and the judge."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.captures import clip, selfie
from detectors.registry import DETECTORS
from detectors.runner import Runner, missing_input
from fusion.judge import Judge
from fusion.policy import load_policy
from media.capture import Capture
from pipeline import FaceStage

REPEATS = 15


def measure() -> dict[str, Any]:
    """Measure in this process, one stage after the other.

    Returns:
        ``cpu_ms``: for each stage the median over repeats, decoders of clips included; ``None``
        for a detector that has no weights here.
    """
    face, judge = FaceStage(), Judge(load_policy("faithful"))
    photo, film = Capture(selfie()), Capture(selfie(), clip=clip())
    found = face(film)
    bundle = found.located.bundle
    if bundle is None:
        raise RuntimeError(f"no face in the benchmark's own selfie: {found.located.problems}")
    costs: dict[str, float | None] = {
        "face, selfie": cpu_ms(lambda: face(photo)),
        "face, selfie and 90 frames": cpu_ms(lambda: face(film), 5),
    }
    measured = {}
    for detector in DETECTORS:
        runner = Runner(detector())
        needed = bundle.only(detector.needs)
        missing = missing_input(detector, found.located)
        measured[detector.name] = answer = missing or runner(needed)
        absent = missing is not None or answer.lasting
        costs[detector.name] = None if absent else cpu_ms(partial(runner, needed))
    costs["fusion"] = cpu_ms(lambda: judge.verdict("benchmark", measured, found.summary))
    return {"cpu_ms": costs}


def cpu_ms(call: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Median CPU time of a call, user and system, of all threads and finished children."""
    call()
    spent = []
    for _ in range(repeats):
        before = _cpu_s()
        call()
        spent.append(1e3 * (_cpu_s() - before))
    return statistics.median(spent)


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
