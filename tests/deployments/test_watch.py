"""What is seen of a request, without a cluster: the log and the trace."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracer, Tracer
from starlette.requests import ClientDisconnect

from deployments import problems
from deployments.metrics import Metrics, late
from deployments.problems import Problem
from deployments.watch import Watched, reached, stage
from detectors.contracts import Status
from fusion.enforcement import Enforcement
from fusion.policy import load_policy
from fusion.verdict import Decision, FaceSummary, Signal, Verdict

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


def verdict(*signals: Signal, problems: tuple[str, ...] = ()) -> Verdict:
    return Verdict(
        session_id="5b0f",
        score=0.123456,
        decision=Decision.REVIEW,
        passed=False,
        threshold=0.4,
        enforced=False,
        enforcement=Enforcement("ids", 100.0, 1.0),
        coverage=0.65,
        weights={},
        signals=signals,
        reasons=("below_threshold",),
        face=FaceSummary(problems, {"face_px": 412.0}, 21.0),
        document=None,
        policy=load_policy("faithful").ref,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


SIGNALS = (
    Signal("eye_specular", Status.OK, 0.75, elapsed_ms=0.001),
    Signal("depth", Status.LATE, reasons=("deadline",)),
)


def api(tracer: Tracer) -> FastAPI:
    """An application that answers in every way there is."""
    app = FastAPI()
    problems.install(app)

    @app.get("/verdict/{who}")
    async def reach(who: str) -> str:
        with stage("face"):
            pass
        with stage("signals"):
            pass
        reached(verdict(*SIGNALS))
        return "done"

    @app.get("/refused")
    async def refuse() -> None:
        raise Problem(415, "image-format-unsupported", "Not an image.", part="selfie")

    @app.get("/unrecorded")
    async def forget() -> None:
        reached(verdict(*SIGNALS))
        raise Problem(503, "not-recorded", "The verdict cannot be recorded.", retry_after=1)

    @app.get("/broken")
    async def fail() -> None:
        raise RuntimeError("landmarks [[12.5, 80.25]]")

    @app.get("/left")
    async def leave() -> None:
        raise ClientDisconnect

    app.add_middleware(Watched, metrics=Metrics(), tracer=tracer)
    return app


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def client(spans: InMemorySpanExporter) -> Iterator[TestClient]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    # What leaves the application would be logged by Serve's proxy: nothing may.
    with TestClient(api(provider.get_tracer("test"))) as client:
        yield client


@pytest.fixture(autouse=True)
def _informative(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "deployments")


def extra(record: logging.LogRecord) -> dict[str, Any]:
    usual = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
    return {name: value for name, value in record.__dict__.items() if name not in usual}


def by_name(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


def test_a_verdict_is_one_line_of_ids_scores_and_timings(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/verdict/somebody")
    (record,) = [r for r in caplog.records if r.name == "deployments.watch"]
    assert record.getMessage() == "verdict"
    fields = extra(record)
    timings = {name: fields.pop(name) for name in ("total_ms", "face_ms", "signals_ms")}
    assert all(0 <= value < 1000 for value in timings.values())
    assert fields == {
        "session_id": "5b0f",
        "decision": "review",
        "score": 0.1235,
        "coverage": 0.65,
        "mode": "ids",
        "enforced": False,
        "policy": "faithful",
        "policy_sha256": load_policy("faithful").sha256[:12],
        "reasons": ("below_threshold",),
        "face": (),
        "signals": {
            "eye_specular": {"status": "ok", "score": 0.75, "elapsed_ms": 0.0},
            "depth": {"status": "late", "score": None, "elapsed_ms": 0.0},
        },
    }


def test_a_refusal_is_one_line(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    assert client.get("/refused").status_code == 415
    assert [extra(r) for r in caplog.records if r.name == "deployments.watch"] == [
        {"problem": "image-format-unsupported", "status": 415, "part": "selfie"}
    ]


def test_a_verdict_that_was_not_returned_is_none(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/unrecorded")
    assert [r.getMessage() for r in caplog.records if r.name == "deployments.watch"] == ["refusal"]


def test_a_fault_is_logged_by_type_and_place_and_goes_no_further(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get("/broken")  # the client would raise what the application raises
    assert response.status_code == 500
    assert response.json()["type"] == "urn:palisade:problem:internal-error"
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("deployments")]
    assert lines[0].startswith("unexpected RuntimeError < test_watch.py:")
    assert lines[1:] == ["refusal"]
    assert not any("80.25" in line for line in lines)


def test_a_client_that_left_is_no_fault(
    client: TestClient, spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AssertionError, match="did not receive any response"):
        client.get("/left")
    assert [r.levelname for r in caplog.records if r.name.startswith("deployments")] == ["INFO"]
    (span,) = spans.get_finished_spans()
    assert dict(span.attributes or {})["http.response.status_code"] == 499
    assert span.status.is_unset


def test_a_trace_of_the_caller_goes_on(client: TestClient, spans: InMemorySpanExporter) -> None:
    client.get("/verdict/somebody", headers={"traceparent": f"00-{TRACE}-{CALLER}-01"})
    seen = by_name(spans)
    request = seen["GET /verdict/{who}"]
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == CALLER
    assert request.attributes is not None
    assert request.attributes["palisade.session_id"] == "5b0f"
    assert request.attributes["palisade.decision"] == "review"
    assert request.attributes["http.response.status_code"] == 200
    assert set(seen) == {"GET /verdict/{who}", "face", "signals", "eye_specular", "depth"}
    for span in seen.values():
        context = span.get_span_context()
        assert context is not None
        assert f"{context.trace_id:032x}" == TRACE
    parents = {name: span.parent.span_id for name, span in seen.items() if span.parent}
    own = {name: span.get_span_context().span_id for name, span in seen.items()}  # type: ignore[union-attr]
    assert parents["face"] == parents["signals"] == own["GET /verdict/{who}"]
    assert parents["eye_specular"] == parents["depth"] == own["signals"]


def test_a_signals_span_has_its_status_score_and_measured_time(
    client: TestClient, spans: InMemorySpanExporter
) -> None:
    client.get("/verdict/somebody")
    seen = by_name(spans)
    looked, missed = seen["eye_specular"], seen["depth"]
    assert dict(looked.attributes or {}) == {
        "palisade.signal.status": "ok",
        "palisade.signal.score": 0.75,
        "palisade.signal.elapsed_ms": 0.001,
    }
    assert dict(missed.attributes or {}) == {
        "palisade.signal.status": "late",
        "palisade.signal.elapsed_ms": 0.0,
        "palisade.signal.reasons": ("deadline",),
    }
    assert looked.end_time is not None
    assert looked.start_time is not None
    assert looked.end_time - looked.start_time == 1000


def test_a_header_that_is_no_traceparent_begins_a_trace_of_our_own(
    client: TestClient, spans: InMemorySpanExporter
) -> None:
    client.get("/refused", headers={b"traceparent": b"00-zz-\xe9-01"})
    (span,) = spans.get_finished_spans()
    assert span.parent is None
    assert dict(span.attributes or {})["error.type"] == (
        "urn:palisade:problem:image-format-unsupported"
    )


def test_a_path_that_does_not_exist_is_not_taken_into_names(
    client: TestClient, spans: InMemorySpanExporter
) -> None:
    assert client.get("/of/a/name").status_code == 404
    (span,) = spans.get_finished_spans()
    assert span.name == "GET none"
    assert "name" not in str(span.attributes)


def test_without_tracing_nothing_is_recorded(caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(api(NoOpTracer())) as client:
        assert client.get("/verdict/somebody").status_code == 200
    assert [r.getMessage() for r in caplog.records if r.name == "deployments.watch"] == ["verdict"]


def test_a_late_face_is_the_only_one_that_is_late() -> None:
    signals = tuple(Signal(name, Status.LATE) for name in ("eye_specular", "depth"))
    assert late(verdict(*signals)) == ["eye_specular", "depth"]
    assert late(verdict(*signals, problems=("late",))) == ["Face"]
    assert late(verdict(Signal("depth", Status.OK, 0.5))) == []
