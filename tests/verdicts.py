"""Verdicts and records for tests that keep them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from detectors.contracts import Measurement, Status
from fusion.enforcement import Enforcement
from fusion.judge import Judge
from fusion.policy import Policy, load_policy
from fusion.verdict import Decision, FaceSummary, Signal, Verdict
from sessions.record import Record

KEEP = timedelta(days=30)


def verdict_with(**fields: Any) -> Verdict:
    """A verdict made now, with ``fields`` in place of its own."""
    made: dict[str, Any] = {
        "session_id": uuid.uuid4().hex,
        "score": 0.1 + 0.2,  # a number whose digits must survive
        "decision": Decision.REVIEW,
        "passed": False,
        "threshold": 0.4,
        "enforced": False,
        "enforcement": Enforcement("ids", 100.0, 41.7),
        "coverage": 0.65,
        "weights": {"eye_specular": 1.0},
        "signals": (Signal("eye_specular", Status.OK, 0.3, measures={"right_count": 1.0}),),
        "reasons": ("below_threshold",),
        "face": FaceSummary(quality={"face_px": 412.0}),
        "document": None,
        "policy": load_policy("faithful").ref,
        "created_at": datetime.now(UTC),
    }
    return Verdict(**made | fields)


def record_with(
    *,
    subject: str | None = None,
    claim: Any = None,
    expires_at: datetime | None = None,
    **fields: Any,
) -> Record:
    """A record of :func:`verdict_with`."""
    verdict = verdict_with(**fields)
    until = expires_at or datetime.now(UTC) + KEEP
    return Record(verdict, verdict.to_json(), subject, until, claim)


def judged(policy: Policy, contrast: float) -> Verdict:
    """What ``policy`` makes of the reflections in two eyes; the score rises with ``contrast``."""
    measures = {
        f"{eye}_{measure}": value
        for eye in ("right", "left")
        for measure, value in {"count": 1.0, "area_ratio": 0.03, "contrast": contrast}.items()
    }
    measured = {"eye_specular": Measurement(measures)}
    return Judge(policy).verdict(uuid.uuid4().hex, measured, FaceSummary())
