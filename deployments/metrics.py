"""Prometheus metrics of what Palisade decides and how long it takes.

Ray exports them on every node, next to its own, with the prefix ``ray_`` and Serve's tags
``application``, ``deployment`` and ``replica``. No tag takes a value from a request: the number of
series depends on the policy and the code alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.serve.metrics import Counter, Gauge, Histogram

from detectors.contracts import Status
from fusion.verdict import Verdict

TENTHS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
SECONDS = [0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 3.5, 5.0, 10.0, 20.0, 60.0]


class Metrics:
    """The metrics of one ingress replica."""

    def __init__(self) -> None:
        self._verdicts = Counter(
            "palisade_verdicts",
            "Verdicts that were reached.",
            _tags("decision", "mode", "policy"),
        )
        self._score = Histogram(
            "palisade_score",
            "Score of the verdicts that have one; 1 is genuine.",
            TENTHS,
            _tags("decision", "mode"),
        )
        self._coverage = Histogram(
            "palisade_coverage",
            "Share of the policy's weight that was there to decide by.",
            TENTHS,
        )
        self._signals = Counter(
            "palisade_signal_status",
            "What became of each signal of each verdict.",
            _tags("signal", "status"),
        )
        self._signal_score = Histogram(
            "palisade_signal_score",
            "Score of the signals that were ok; 1 is genuine.",
            TENTHS,
            _tags("signal"),
        )
        self._signal_seconds = Histogram(
            "palisade_signal_seconds",
            "Time that a detector took to measure, without the way there and back.",
            SECONDS,
            _tags("signal"),
        )
        self._misses = Counter(
            "palisade_deadline_misses",
            "Nodes that a verdict could not wait for.",
            _tags("node"),
        )
        self._stage_seconds = Histogram(
            "palisade_stage_seconds",
            "Time of each stage of a verdict, waiting in queues included.",
            SECONDS,
            _tags("stage"),
        )
        self._request_seconds = Histogram(
            "palisade_request_seconds",
            "Time from the head of a request to the end of its answer.",
            SECONDS,
            _tags("route", "status"),
        )
        self._refusals = Counter(
            "palisade_refusals",
            "Answers that are problem documents, by the last word of their type.",
            _tags("problem", "status"),
        )
        self._in_flight = Gauge(
            "palisade_in_flight",
            "Requests that this replica of the ingress works on.",
        )
        self._spool = Gauge(
            "palisade_spool_records",
            "Records on this node's disk that wait for the store.",
        )

    def in_flight(self, requests: int) -> None:
        """Set the number of requests that are being worked on."""
        self._in_flight.set(requests)

    def spooled(self, records: int) -> None:
        """Set the number of records that wait on this node's disk."""
        self._spool.set(records)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count an answer; ``route`` is the pattern, not the path that was asked for."""
        self._request_seconds.observe(seconds, {"route": route, "status": str(status)})

    def refusal(self, problem: str, status: int) -> None:
        """Count a problem document."""
        self._refusals.inc(1, {"problem": problem, "status": str(status)})

    def verdict(self, verdict: Verdict, stages: Mapping[str, float]) -> None:
        """Count a verdict.

        Args:
            verdict: as it is returned to the client.
            stages: seconds that each stage took.
        """
        decision, mode = verdict.decision.value, verdict.enforcement.mode
        self._verdicts.inc(1, {"decision": decision, "mode": mode, "policy": verdict.policy.name})
        if verdict.score is not None:
            self._score.observe(verdict.score, {"decision": decision, "mode": mode})
        self._coverage.observe(verdict.coverage)
        for stage, seconds in stages.items():
            self._stage_seconds.observe(seconds, {"stage": stage})
        for name, signal in verdict.nodes.items():
            self._signals.inc(1, {"signal": name, "status": signal.status.value})
            if signal.status is Status.OK:
                self._signal_seconds.observe(signal.elapsed_ms / 1e3, {"signal": name})
                if signal.score is not None:
                    self._signal_score.observe(signal.score, {"signal": name})
        for node in late(verdict):
            self._misses.inc(1, {"node": node})


def _tags(*names: str) -> Any:
    """Name tags; Ray's annotation has room for one only."""
    return names


def late(verdict: Verdict) -> list[str]:
    """Name the nodes that ``verdict`` could not wait for.

    Face alone stands for its signals, which then were not asked.
    """
    missed = [name for name, signal in verdict.nodes.items() if signal.status is Status.LATE]
    if Status.LATE not in verdict.face.problems:
        return missed
    signals = {signal.name for signal in verdict.signals}
    return ["Face", *(name for name in missed if name not in signals)]
