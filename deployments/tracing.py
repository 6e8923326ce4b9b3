"""OpenTelemetry traces, where the standard environment variables name a collector.

The published OTLP exporters need a protobuf that MediaPipe does not allow, so spans leave as
OTLP/HTTP in JSON, which every collector takes on the same port (4318).
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import httpx2
from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import NoOpTracer, Tracer
from opentelemetry.util.re import parse_env_headers

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
"""OpenTelemetry's own default."""


def tracer(environment: Mapping[str, str]) -> Tracer:
    """Make the tracer that the environment asks for; without an endpoint it does nothing.

    ``OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT`` and ``OTEL_EXPORTER_OTLP_[TRACES_]HEADERS`` are read
    here; the SDK itself reads ``OTEL_SERVICE_NAME``, ``OTEL_RESOURCE_ATTRIBUTES``,
    ``OTEL_TRACES_SAMPLER``, ``OTEL_BSP_*`` and ``OTEL_SDK_DISABLED``. A thread of their own sends
    the spans: a collector that is slow or away costs spans, never a request's time.
    """
    endpoint = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if not endpoint and (base := environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")):
        endpoint = base.rstrip("/") + "/v1/traces"
    if not endpoint:
        return NoOpTracer()
    headers = environment.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environment.get(
        "OTEL_EXPORTER_OTLP_HEADERS", ""
    )
    ours = Resource.create({SERVICE_NAME: "palisade", SERVICE_VERSION: version("palisade")})
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()))
    exporter = JsonExporter(endpoint, parse_env_headers(headers, liberal=True))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider.get_tracer("palisade", version("palisade"))


class JsonExporter(SpanExporter):
    """Sends spans to a collector, as OTLP/HTTP with JSON.

    Args:
        endpoint: full URL of the collector's traces.
        headers: sent with every batch, such as a key.
    """

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        self._endpoint = endpoint
        self._client = httpx2.Client(headers=dict(headers), timeout=TIMEOUT_S)
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send ``spans``; those that cannot be sent are dropped, and the log says so once."""
        try:
            self._client.post(self._endpoint, json=encode(spans)).raise_for_status()
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            if not self._failing:
                log.warning("traces are lost: %s: %s", self._endpoint, error)
            self._failing = True
            return SpanExportResult.FAILURE
        self._failing = False
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the connection."""
        self._client.close()


def encode(spans: Sequence[ReadableSpan]) -> dict[str, Any]:
    """Put spans into the JSON of an OTLP ``ExportTraceServiceRequest``."""
    scopes = [
        {
            "scope": {"name": scope.name, "version": scope.version} if scope else {},
            "spans": [_span(span) for span in members],
        }
        for scope, members in itertools.groupby(spans, lambda span: span.instrumentation_scope)
    ]
    # There is one provider in a process, and so one resource.
    resource = {"attributes": _attributes(spans[0].resource.attributes)}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}


def _span(span: ReadableSpan) -> dict[str, Any]:
    context = span.get_span_context()
    assert context is not None  # a span that ended has one
    encoded = {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "traceState": context.trace_state.to_header(),
        "name": span.name,
        "kind": span.kind.value + 1,  # OTLP begins with "unspecified"
        # 64-bit integers are strings in protobuf's JSON.
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes or {}),
        "status": {"code": span.status.status_code.value},
    }
    if span.parent is not None:
        encoded["parentSpanId"] = f"{span.parent.span_id:016x}"
    return encoded


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case _:
            return {"arrayValue": {"values": [_value(item) for item in value]}}
