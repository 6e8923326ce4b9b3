"""One row of a manifest in, one row of results out, whatever is wrong with its files."""

from __future__ import annotations

import hashlib
import logging
import time
from datetime import UTC, datetime
from typing import Any

from fusion.policy import Policy
from fusion.verdict import PolicyRef, Verdict
from media.capture import Capture
from media.clips import first_frame
from media.containers import is_clip
from media.errors import MediaError, blame
from offline.captures import read_part
from offline.files import FileError, stamp
from offline.manifest import Row, files_of
from pipeline import Limits, Pipeline

log = logging.getLogger(__name__)


class Scorer:
    """Scores rows with the detectors of the graph, in this process.

    Args:
        policy: decides.
        base: the folder or URL that relative paths start from.
        canary_key: secret of the enforcement buckets.
        limits: what a file may cost.
    """

    def __init__(
        self, policy: Policy, base: str, *, canary_key: bytes = b"", limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._pipeline = Pipeline(policy, canary_key=canary_key, limits=self._limits)
        self._policy = policy.ref
        self._base = base

    def __call__(self, row: Row) -> dict[str, Any]:
        """Score one row: the columns of :func:`offline.results.schema`, those of the row included.

        Whatever goes wrong with a file is in the columns ``error``, ``error_part`` and
        ``error_detail``; nothing is raised.
        """
        started = time.perf_counter()
        result = unscored(row, self._base, self._policy)
        files = files_of(row, self._base)
        try:
            data = {
                part: read_part(part, location, self._limits) for part, location in files.items()
            }
            if "selfie" not in data:
                raise FileError("file-missing", "The row names no file.", "selfie")
            result["bytes"] = len(data["selfie"])
            result["sha256"] = hashlib.sha256(data["selfie"]).hexdigest()
            result |= flatten(self._pipeline.verify(self._capture(data), row["subject"] or None))
        except (MediaError, FileError) as error:
            result |= failure(error.code, error.detail, error.part)
        except Exception as error:  # one odd file must not end a run over a million
            log.exception("a row failed")
            result |= failure("scoring-failed", type(error).__name__)
        return {**result, "elapsed_ms": (time.perf_counter() - started) * 1e3}

    def _capture(self, data: dict[str, bytes]) -> Capture:
        """Make a capture of the files of a row; of a clip, the first frame is the selfie."""
        selfie, clip = data["selfie"], data.get("clip")
        if is_clip(selfie):
            clip = clip or selfie
            with blame("selfie"):
                selfie = first_frame(selfie, self._limits.clip)
        return Capture(selfie, clip, document=data.get("document"))


def unscored(row: Row, base: str, policy: PolicyRef) -> dict[str, Any]:
    """The columns that every row has, scored or not."""
    return {
        **row,
        # Before the files are read: one that changes meanwhile is scored again next time.
        "stamp": stamp(files_of(row, base).values()),
        "scored_at": datetime.now(UTC),
        "elapsed_ms": 0.0,
        "policy": policy.name,
        "policy_version": policy.version,
        "policy_sha256": policy.sha256,
    }


def failure(code: str, detail: str, part: str | None = None) -> dict[str, Any]:
    """The columns of a row without a verdict."""
    return {"error": code, "error_detail": detail, "error_part": part}


def flatten(verdict: Verdict) -> dict[str, Any]:
    """The columns of a row with a verdict."""
    columns: dict[str, Any] = {
        "decision": str(verdict.decision),
        "score": verdict.score,
        "passed": verdict.passed,
        "enforced": verdict.enforced,
        "coverage": verdict.coverage,
        "reasons": list(map(str, verdict.reasons)),
        "weights": dict(verdict.weights),
        "contributions": dict(verdict.contributions),
        "face_problems": list(map(str, verdict.face.problems)),
        "quality": dict(verdict.face.quality),
        "verdict": verdict.to_json().decode(),
    }
    if (document := verdict.document) is not None:
        columns |= {
            "document_status": str(document.status),
            "document_score": document.score,
            "document_passed": document.passed,
            "document_reasons": list(document.reasons),
        }
    for name, signal in verdict.nodes.items():
        columns |= {
            f"status_{name}": str(signal.status),
            f"score_{name}": signal.score,
            f"reasons_{name}": list(map(str, signal.reasons)),
            f"measures_{name}": dict(signal.measures),
        }
    return columns
