"""What an operator sees of a request: metrics, one line in the log, and spans.

The ingress says what it does (a stage begins, a verdict is reached); what becomes of that is
decided here, in one place, so that measuring does not drown the flow.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.metrics import Metrics
from deployments.problems import MEDIA_TYPE, ProblemDetails
from fusion.verdict import Verdict

log = logging.getLogger(__name__)

DIGEST = 12
"""Characters of a policy's digest that go into a log: enough to tell policies apart."""


class Stage(NamedTuple):
    """When a stage ran, in nanoseconds since 1970, and its span."""

    started: int
    ended: int
    span: Span

    @property
    def seconds(self) -> float:
        """Length of the stage."""
        return (self.ended - self.started) / 1e9


class Watch:
    """Watches one replica of the ingress."""

    def __init__(self, metrics: Metrics, tracer: Tracer) -> None:
        self.metrics = metrics
        self.tracer = tracer

    def session(self) -> Session:
        """Begin to watch one verification."""
        return Session(self)


class Session:
    """Watches one verification, stage by stage."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._started = time.time_ns()
        self._stages: dict[str, Stage] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; what happens inside is part of its span."""
        started = time.time_ns()
        with self._watch.tracer.start_as_current_span(
            name, start_time=started, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            finally:
                self._stages[name] = Stage(started, time.time_ns(), span)

    def verdict(self, verdict: Verdict) -> None:
        """Put ``verdict`` into the metrics, the log and the trace."""
        seconds = {name: stage.seconds for name, stage in self._stages.items()}
        self._watch.metrics.verdict(verdict, seconds)
        total = (time.time_ns() - self._started) / 1e9
        log.info("verdict", extra=_fields(verdict, {"total": total, **seconds}))
        request = trace.get_current_span()
        if request.is_recording():
            request.set_attributes(_attributes(verdict))
            if "signals" in self._stages:
                self._spans_of_signals(verdict, self._stages["signals"])

    def _spans_of_signals(self, verdict: Verdict, stage: Stage) -> None:
        """Add a span for each signal that was asked.

        A span begins with the fan-out and is as long as the detector measured for: where in
        between it waited is not known here.
        """
        fanned_out = trace.set_span_in_context(stage.span)
        for signal in verdict.signals:
            attributes: dict[str, Any] = {
                "palisade.signal.status": signal.status.value,
                "palisade.signal.elapsed_ms": signal.elapsed_ms,
            }
            if signal.score is not None:
                attributes["palisade.signal.score"] = signal.score
            if signal.reasons:
                attributes["palisade.signal.reasons"] = signal.reasons
            span = self._watch.tracer.start_span(
                signal.name, fanned_out, start_time=stage.started, attributes=attributes
            )
            span.end(min(stage.started + round(signal.elapsed_ms * 1e6), stage.ended))


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
            signal.name: {
                "status": signal.status.value,
                "score": _rounded(signal.score),
                "elapsed_ms": round(signal.elapsed_ms, 1),
            }
            for signal in verdict.signals
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


class Watched:
    """Watches every HTTP request that passes: how long it took, and whether it was refused.

    It reads what goes over the wire, so that no refusal, whoever makes it, is forgotten.
    """

    def __init__(self, app: ASGIApp, watch: Watch) -> None:
        self._app = app
        self._metrics = watch.metrics
        self._tracer = watch.tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        started = time.perf_counter()
        with self._tracer.start_as_current_span(
            scope["method"],
            context=TraceContextTextMapPropagator().extract(_trace_headers(scope)),
            kind=trace.SpanKind.SERVER,
            record_exception=False,  # its message may quote the upload
            set_status_on_exception=False,
        ) as span:
            try:
                await self._app(scope, receive, answer)
            finally:
                route = getattr(scope.get("route"), "path", "none")
                self._metrics.request(route, answer.status, time.perf_counter() - started)
                if answer.problem is not None:
                    self._refused(answer.problem)
                if span.is_recording():
                    _describe(span, f"{scope['method']} {route}", route, answer)

    def _refused(self, problem: ProblemDetails) -> None:
        word = problem.type.rpartition(":")[2]
        self._metrics.refusal(word, problem.status)
        log.info(
            "refusal",
            extra={"problem": word, "status": problem.status, "part": problem.part},
        )


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


def _describe(span: Span, name: str, route: str, answer: _Answer) -> None:
    """Name a request's span as OpenTelemetry's semantic conventions have it."""
    span.update_name(name)
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", answer.status)
    if answer.problem is not None:
        span.set_attribute("error.type", answer.problem.type)
    if answer.status >= 500:
        span.set_status(Status(StatusCode.ERROR))
