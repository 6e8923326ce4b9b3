"""A server that answers the console as the API does, with answers that are made up.

The records are real ones (:class:`fusion.verdict.Verdict`), so that their shape cannot drift.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from PIL import Image
from verdicts import verdict_with

from deployments import console
from deployments.problems import Problem
from deployments.problems import install as install_problems
from deployments.recording import Recording
from detectors.contracts import Status
from docfraud.crossref import Comparison, Outcome
from fusion.enforcement import Enforcement
from fusion.policy import load_policy
from fusion.verdict import Decision, DocumentFindings, FaceSummary, Signal, Verdict


@dataclass
class Posted:
    """One form of ``POST /v1/verify``, read."""

    sizes: dict[str, list[int]]
    metadata: dict[str, Any]
    query: dict[str, str]
    length: int


@dataclass
class Canned:
    """What the server knows, and what it was asked.

    Attributes:
        url: where it is.
        sessions: verdicts that are stored, the newest first.
        answer: body of the next verdicts; by default a full one with pictures.
        problems: refusals that come before it, in order, as status and body.
        me: what ``/v1/me`` says.
        key: the key that is asked for, or None.
        quality: what ``/v1/quality`` says; None has it answer 404.
        posted: the forms that came.
        asked_quality: times at which quality was asked for, in seconds.
        delay_s: how long a verdict takes, in seconds.
        simulating: how often a simulation is refused because another one runs.
    """

    url: str = ""
    sessions: list[Verdict] = field(default_factory=list)
    answer: dict[str, Any] | None = None
    problems: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    me: dict[str, Any] = field(default_factory=lambda: {"scope": "operator", "open": True})
    key: str | None = None
    quality: dict[str, Any] | None = None
    posted: list[Posted] = field(default_factory=list)
    asked_quality: list[float] = field(default_factory=list)
    delay_s: float = 0.0
    simulating: int = 0


def summary(verdict: Verdict) -> dict[str, Any]:
    """What a list shows of a session: the members of :class:`sessions.query.Summary`."""
    return {
        "session_id": verdict.session_id,
        "created_at": verdict.created_at.isoformat(),
        "decision": verdict.decision,
        "passed": verdict.passed,
        "mode": verdict.enforcement.mode,
        "enforced": verdict.enforced,
        "score": verdict.score,
        "coverage": verdict.coverage,
        "policy": verdict.policy.name,
        "policy_sha256": verdict.policy.sha256,
        "expires_at": (verdict.created_at + timedelta(days=30)).isoformat(),
    }


def full_verdict(**fields: Any) -> Verdict:
    """A verdict with something of everything that the console shows."""
    made = {
        "score": 0.538,
        "weights": {"gan_texture": 0.46, "eye_specular": 0.38, "rppg": 0.16},
        "reasons": ("document_mismatch:birth_date", "coverage_below_minimum"),
        "passed": True,
        "signals": (
            Signal(
                "eye_specular",
                Status.OK,
                0.81,
                {"presence": 1.0, "symmetry": 0.9, "area": 0.5},
                {"right_count": 1.0, "left_count": 1.0, "iris_px": 22.4},
            ),
            Signal("blendshapes", Status.UNAVAILABLE, reasons=("no_blendshape_model",)),
            Signal("gan_texture", Status.OK, 0.47, measures={"hf_ratio": 0.00042}),
            Signal("depth", Status.UNAVAILABLE, reasons=("weights_missing",)),
            Signal("rppg", Status.OK, 0.12, measures={"bpm": 53.2}, reasons=("no_clear_pulse",)),
            Signal("parallax", Status.ABSTAINED, reasons=("insufficient_motion",)),
            Signal("moire", Status.LATE),
        ),
        "face": FaceSummary(quality={"face_px": 241.0, "yaw_deg": -3.1, "faces": 1.0}),
        "document": DocumentFindings(
            Status.OK,
            ("document_mismatch:birth_date",),
            0.62,
            coverage=0.75,
            weights={"moire": 0.53, "ela": 0.47},
            checks=(
                Signal("moire", Status.OK, 0.9),
                Signal("ela", Status.OK, 0.31, reasons=("foreign_part",)),
                Signal("exif", Status.ABSTAINED, reasons=("no_metadata_in_this_channel",)),
                Signal("barcode", Status.OK, measures={"payload_bytes": 311.0}),
                Signal("mrz", Status.ABSTAINED, reasons=("no_mrz",)),
            ),
            comparisons=(
                Comparison("surname", Outcome.MATCH, (("barcode", "text"),)),
                Comparison("birth_date", Outcome.MISMATCH, (("barcode",), ("text",))),
                Comparison("sex", Outcome.NOT_COMPARABLE, (("barcode",),)),
            ),
        ),
    }
    return verdict_with(**made | fields)


ASSESSMENT = {
    "is_valid": False,
    "score": 41.0,
    "components": {
        "blur": 41.0,
        "brightness": 88.0,
        "evenness": 72.0,
        "yaw": 96.0,
        "eyes_open": 25.0,
        "resolution": 93.0,
    },
    "reasons": ["blur", "eyes_covered"],
}


def pictures() -> list[dict[str, Any]]:
    """A chart and two images, as they come with a verdict."""
    at = np.arange(0, 3, 1 / 30)
    file = io.BytesIO()
    ramp = np.linspace(0, 255, 160 * 120).reshape(120, 160).astype(np.uint8)
    Image.fromarray(ramp).save(file, "PNG")
    png = base64.b64encode(file.getvalue()).decode()
    pulse = np.sin(2 * np.pi * 0.9 * at) * (1 + 0.3 * at)
    bpm = np.linspace(40, 180, 120)
    return [
        {
            "signal": "rppg",
            "name": "pulse",
            "kind": "plot",
            "title": "The colour of the skin over time; a heartbeat is a slow wave.",
            "x_label": "seconds",
            "y_label": "colour change",
            "x": at.round(4).tolist(),
            "y": [None if i == 40 else round(float(v), 4) for i, v in enumerate(pulse)],
            "marks": {},
        },
        {
            "signal": "rppg",
            "name": "spectrum",
            "kind": "plot",
            "title": "Spectrum of the pulse.",
            "x_label": "beats a minute",
            "y_label": "power",
            "x": bpm.round(3).tolist(),
            "y": np.exp(-(((bpm - 53) / 9) ** 2)).round(5).tolist(),
            "marks": {"strongest": 53.2, "background": 150.0},
        },
        {
            "signal": "eye_specular",
            "name": "eyes",
            "kind": "image",
            "title": "Both eyes, with their highlights",
            "png": png,
        },
        {
            "signal": "document_ela",
            "name": "heatmap",
            "kind": "image",
            "title": "Compression of the document",
            "png": png,
        },
    ]


def with_assessment(verdict: Verdict) -> dict[str, Any]:
    """The record as JSON, with the quality gate's opinion."""
    record: dict[str, Any] = json.loads(verdict.to_json())
    record["face"]["assessment"] = ASSESSMENT
    return record


def some_sessions(count: int = 60) -> list[Verdict]:
    """Sessions of all kinds, the newest first."""
    made = []
    now = datetime(2026, 1, 15, 12, tzinfo=UTC)
    for i in range(count):
        score = round(0.2 + 0.75 * ((i * 37) % 100) / 100, 3)
        blocking = i % 3 == 0
        passed = score >= 0.4
        failed = Decision.REJECT if blocking else Decision.REVIEW
        made.append(
            full_verdict(
                session_id=f"{i:08x}{0:024x}",
                score=score,
                passed=passed,
                decision=Decision.ACCEPT if passed else failed,
                enforced=blocking,
                enforcement=Enforcement("ips" if blocking else "ids", 100.0, 41.7),
                reasons=() if passed else ("below_threshold",),
                created_at=now - timedelta(minutes=17 * i),
            )
        )
    return made


@contextmanager
def serving_canned(recording: Recording | None = None) -> Iterator[Canned]:
    """Run the server on a free port of this machine, with a page that records as it is told."""
    known = Canned()
    api = _api(known, recording)
    server = uvicorn.Server(
        uvicorn.Config(api, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    known.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield known
    finally:
        server.should_exit = server.force_exit = True  # nobody waits for a slow verdict any more
        thread.join()


def _api(known: Canned, recording: Recording | None) -> FastAPI:
    api = FastAPI()
    install_problems(api)
    console.install(api, recording)

    def need_key(request: Request) -> None:
        if known.key and request.headers.get("authorization") != f"Bearer {known.key}":
            raise Problem(401, "key-required", "This door needs a key.")

    @api.get("/v1/me")
    async def me(request: Request) -> dict[str, Any]:
        if known.key and request.headers.get("authorization") != f"Bearer {known.key}":
            return {"scope": None, "open": False}
        return known.me

    @api.post("/v1/quality")
    async def quality(request: Request) -> Response:
        known.asked_quality.append(datetime.now(UTC).timestamp())
        need_key(request)
        if known.quality is None:
            raise Problem(404, "not-found", "Not Found")
        async with request.form() as form:
            assert form["file"].content_type == "image/jpeg"  # type: ignore[union-attr]
        return JSONResponse(known.quality)

    @api.post("/v1/verify")
    async def verify(request: Request) -> Response:
        need_key(request)
        sizes: dict[str, list[int]] = {}
        async with request.form(max_files=400) as form:
            for name, value in form.multi_items():
                if name != "metadata":
                    sizes.setdefault(name, []).append(value.size)  # type: ignore[union-attr, arg-type]
            metadata = json.loads(str(form["metadata"]))
        length = int(request.headers["content-length"])
        known.posted.append(Posted(sizes, metadata, dict(request.query_params), length))
        await asyncio.sleep(known.delay_s)
        if known.problems:
            status, body = known.problems.pop(0)
            return JSONResponse(body, status, media_type="application/problem+json")
        full = {"verdict": with_assessment(full_verdict()), "pictures": pictures()}
        return JSONResponse(known.answer or full)

    @api.get("/v1/policy")
    async def policy() -> dict[str, Any]:
        now = load_policy("faithful")
        return {"sha256": now.sha256, "policy": now.model_dump(mode="json")}

    @api.get("/v1/sessions")
    async def sessions(request: Request) -> dict[str, Any]:
        need_key(request)
        asked = request.query_params
        low, high = float(asked.get("min_score", 0)), float(asked.get("max_score", 1))
        found = [
            verdict
            for verdict in known.sessions
            if asked.get("decision", verdict.decision) == verdict.decision
            and asked.get("mode", verdict.enforcement.mode) == verdict.enforcement.mode
            and low <= (verdict.score or 0) <= high
        ]
        start, limit = int(asked.get("cursor", 0)), int(asked.get("limit", 50))
        more = start + limit < len(found)
        return {
            "sessions": [summary(verdict) for verdict in found[start : start + limit]],
            "next": str(start + limit) if more else None,
        }

    @api.get("/v1/sessions/{session_id}")
    async def session(session_id: str, request: Request) -> Response:
        need_key(request)
        for verdict in known.sessions:
            if verdict.session_id == session_id:
                return JSONResponse(with_assessment(verdict))
        raise Problem(404, "no-such-session", "There is no such session, or no more.")

    @api.delete("/v1/sessions/{session_id}", status_code=204)
    async def delete(session_id: str, request: Request) -> None:
        need_key(request)
        known.sessions = [v for v in known.sessions if v.session_id != session_id]

    @api.get("/v1/simulation")
    async def simulation(threshold: float, request: Request) -> dict[str, Any]:
        need_key(request)
        if known.simulating:
            known.simulating -= 1
            raise Problem(503, "overloaded", "A simulation is running already.", retry_after=1)
        fails = [v for v in known.sessions if (v.score or 0) < threshold]
        return {
            "threshold": threshold,
            "policy": asdict(load_policy("faithful").ref),
            "sessions": len(known.sessions),
            "would_fail": len(fails),
            "newly_failing": [summary(v) for v in fails if v.passed],
            "newly_passing": [
                summary(v) for v in known.sessions if not v.passed and v not in fails
            ],
            "unreadable": 0,
            "scores": [v.score for v in known.sessions],
            "truncated": False,
        }

    return api
