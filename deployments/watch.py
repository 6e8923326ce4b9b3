"""What an operator sees of a request: metrics, one line in the log, and spans.

The nodes say what they do (a stage begins, a verdict is reached); what becomes of that is decided
here, in one place and once the answer is out, so that measuring neither drowns nor delays the flow.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.metrics import Metrics
from deployments.problems import MEDIA_TYPE, ProblemDetails
from fusion.verdict import Signal, Verdict

log = logging.getLogger(__name__)

DIGEST = 12
"""Characters of a policy's digest that go into a log: enough to tell policies apart."""


class Stage(NamedTuple):
    """When a stage ran, in nanoseconds since 1970, and its span."""

    started: int
    ended: int
    span: Span


class Request:
    """What happened so far to a request that is watched.

    Attributes:
        stages: those that are over.
        verdict: the one that was reached, if any.
    """

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.started = time.time_ns()
        self.stages: dict[str, Stage] = {}
        self.verdict: Verdict | None = None


_REQUEST: ContextVar[Request] = ContextVar("request")


def _request() -> Request:
    """The request that is watched; one to be forgotten where nobody came through the door."""
    return _REQUEST.get(None) or Request(trace.NoOpTracer())


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time a stage of the request; what happens inside is part of its span."""
    request = _request()
    started = time.time_ns()
    with request.tracer.start_as_current_span(
        name, start_time=started, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        finally:
            request.stages[name] = Stage(started, time.time_ns(), span)


def reached(verdict: Verdict) -> None:
    """Note the verdict of the request."""
    _request().verdict = verdict


class Watched:
    """Watches every HTTP request that passes.

    It reads what goes over the wire, so that no refusal, whoever makes it, is forgotten, and a
    verdict that could not be returned is none.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, tracer: Tracer) -> None:
        self._app = app
        self._metrics = metrics
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, answer = Request(self._tracer), _Answer(send)
        _REQUEST.set(request)
        with self._tracer.start_as_current_span(
            scope["method"],
            context=TraceContextTextMapPropagator().extract(_trace_headers(scope)),
            kind=SpanKind.SERVER,
            start_time=request.started,
            record_exception=False,  # its message may quote the upload
            set_status_on_exception=False,
        ) as span:
            try:
                await self._app(scope, receive, answer)
            finally:
                self._note(scope, request, answer, span)

    def _note(self, scope: Scope, request: Request, answer: _Answer, span: Span) -> None:
        total = (time.time_ns() - request.started) / 1e9
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.request(route, answer.status, total)
        if span.is_recording():
            _describe(span, scope["method"], route, answer)
        if answer.problem is not None:
            self._refused(answer.problem)
        elif request.verdict is not None and answer.status == 200:
            stages = {name: (s.ended - s.started) / 1e9 for name, s in request.stages.items()}
            self._metrics.verdict(request.verdict, stages)
            log.info("verdict", extra=_fields(request.verdict, {"total": total, **stages}))
            if span.is_recording():
                span.set_attributes(_attributes(request.verdict))
                if "signals" in request.stages:
                    _add_signals(self._tracer, request.verdict.signals, request.stages["signals"])
                if request.verdict.document and "document" in request.stages:
                    checks = request.verdict.document.checks
                    _add_signals(self._tracer, checks, request.stages["document"])

    def _refused(self, problem: ProblemDetails) -> None:
        word = problem.type.rpartition(":")[2]
        self._metrics.refusal(word, problem.status)
        log.info("refusal", extra={"problem": word, "status": problem.status, "part": problem.part})


def _fields(verdict: Verdict, seconds: Mapping[str, float]) -> dict[str, Any]:
    return {
        "session_id": verdict.session_id,
        "decision": verdict.decision.value,
        "score": _rounded(verdict.score),
        "coverage": _rounded(verdict.coverage),
        "mode": verdict.enforcement.mode,
        "enforced": verdict.enforced,
        "policy": verdict.policy.name,
        "policy_sha256": verdict.policy.sha256[:DIGEST],
        "reasons": verdict.reasons,
        "face": verdict.face.problems,
        "signals": {
            name: {
                "status": signal.status.value,
                "score": _rounded(signal.score),
                "elapsed_ms": round(signal.elapsed_ms, 1),
            }
            for name, signal in verdict.nodes.items()
        },
        **{f"{name}_ms": round(1e3 * length, 1) for name, length in seconds.items()},
    }


def _attributes(verdict: Verdict) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "palisade.session_id": verdict.session_id,
        "palisade.decision": verdict.decision.value,
        "palisade.coverage": verdict.coverage,
        "palisade.mode": verdict.enforcement.mode,
        "palisade.policy": verdict.policy.name,
        "palisade.policy_sha256": verdict.policy.sha256[:DIGEST],
    }
    if verdict.score is not None:
        attributes["palisade.score"] = verdict.score
    return attributes


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _add_signals(tracer: Tracer, signals: Sequence[Signal], fan_out: Stage) -> None:
    """Add a span for each signal.

    It begins with the fan-out and is as long as the detector measured for: where in between it
    waited is not known here.
    """
    parent = trace.set_span_in_context(fan_out.span)
    for signal in signals:
        attributes: dict[str, Any] = {
            "palisade.signal.status": signal.status.value,
            "palisade.signal.elapsed_ms": signal.elapsed_ms,
        }
        if signal.score is not None:
            attributes["palisade.signal.score"] = signal.score
        if signal.reasons:
            attributes["palisade.signal.reasons"] = signal.reasons
        span = tracer.start_span(
            signal.name, parent, start_time=fan_out.started, attributes=attributes
        )
        span.end(min(fan_out.started + round(signal.elapsed_ms * 1e6), fan_out.ended))


class _Answer:
    """Passes an answer on to the client, and keeps its status and its problem."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 499  # as nginx has it: the client left before there was an answer
        self.problem: ProblemDetails | None = None
        self._is_problem = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._is_problem = (b"content-type", MEDIA_TYPE.encode()) in message["headers"]
        elif self._is_problem and message.get("body"):
            self.problem = ProblemDetails.model_validate_json(message["body"])
        await self._send(message)


def _trace_headers(scope: Scope) -> dict[str, str]:
    names = (b"traceparent", b"tracestate")
    return {
        name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in names
    }


def _describe(span: Span, method: str, route: str, answer: _Answer) -> None:
    """Name a request's span as OpenTelemetry's semantic conventions have it."""
    span.update_name(f"{method} {route}")
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", answer.status)
    if answer.problem is not None:
        span.set_attribute("error.type", answer.problem.type)
    if answer.status >= 500:
        span.set_status(Status(StatusCode.ERROR))
