"""Traces, sent to a collector that runs in the test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from collector import Collector, collecting
from opentelemetry.trace import NoOpTracer, SpanKind, Status, StatusCode, Tracer

from deployments.tracing import tracer


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as server:
        yield server


def flush(chosen: Tracer) -> None:
    chosen.span_processor.force_flush()  # type: ignore[attr-defined]


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "deployments.tracing"]


def test_without_an_endpoint_there_is_no_tracing() -> None:
    assert isinstance(tracer({}), NoOpTracer)
    assert isinstance(tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}), NoOpTracer)


def test_spans_arrive_as_the_protocol_has_them(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    chosen = tracer(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url + "/",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20secret,x-other=1",
        }
    )
    with chosen.start_as_current_span("parent", kind=SpanKind.SERVER) as parent:
        parent.set_attributes({"s": "text", "i": 7, "f": 0.5, "b": True, "l": ("a", "b")})
        parent.set_status(Status(StatusCode.ERROR))
        with chosen.start_as_current_span("child"):
            pass
    flush(chosen)
    ((path, headers, body),) = collector.posts
    assert path == "/v1/traces"
    assert headers["content-type"] == "application/json"
    assert headers["x-key"] == "a secret"
    (resource,) = body["resourceSpans"]
    named = {a["key"]: a["value"] for a in resource["resource"]["attributes"]}
    assert named["service.name"] == {"stringValue": "palisade"}
    assert named["deployment.environment"] == {"stringValue": "test"}
    child, root = collector.spans()
    assert (child["name"], root["name"]) == ("child", "parent")
    assert child["parentSpanId"] == root["spanId"]
    assert child["traceId"] == root["traceId"]
    assert len(root["traceId"]) == 32
    assert len(root["spanId"]) == 16
    assert "parentSpanId" not in root
    assert root["kind"] == 2  # SPAN_KIND_SERVER
    assert child["kind"] == 1  # SPAN_KIND_INTERNAL
    assert root["status"] == {"code": 2}
    assert int(root["startTimeUnixNano"]) <= int(child["startTimeUnixNano"])
    assert {a["key"]: a["value"] for a in root["attributes"]} == {
        "s": {"stringValue": "text"},
        "i": {"intValue": "7"},
        "f": {"doubleValue": 0.5},
        "b": {"boolValue": True},
        "l": {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}},
    }


def test_an_endpoint_for_traces_is_taken_as_it_is_and_comes_first(collector: Collector) -> None:
    chosen = tracer(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url + "/elsewhere",
        }
    )
    chosen.start_span("one").end()
    flush(chosen)
    assert [path for path, _, _ in collector.posts] == ["/elsewhere"]


def test_a_collector_that_fails_costs_one_line_in_the_log(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    collector.status = 503
    for _ in range(3):
        chosen.start_span("lost").end()
        flush(chosen)
    assert len(collector.posts) == 3
    assert ["traces are lost" in r.message for r in ours(caplog)] == [True]
    collector.status = 200
    chosen.start_span("arrives").end()
    flush(chosen)
    collector.status = 500
    chosen.start_span("lost again").end()
    flush(chosen)
    assert len(ours(caplog)) == 2


def test_the_names_of_the_standard_hold_for_the_resource(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "kyc-eu")
    chosen = tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    chosen.start_span("one").end()
    flush(chosen)
    (_, _, body), *_ = collector.posts
    attributes = body["resourceSpans"][0]["resource"]["attributes"]
    assert {"key": "service.name", "value": {"stringValue": "kyc-eu"}} in attributes


def test_the_sdk_can_be_switched_off(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert isinstance(tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}), NoOpTracer)
