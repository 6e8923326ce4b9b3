"""The metrics of a real run, read where Prometheus reads them."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from serving import Graph

from deployments.launch import metrics_url
from deployments.settings import Settings

pytestmark = [pytest.mark.serve, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]


class Scrape:
    """What Ray's endpoint says now."""

    def __init__(self) -> None:
        text = httpx2.get(metrics_url(), timeout=30).text
        self.samples = [
            s for family in text_string_to_metric_families(text) for s in family.samples
        ]
        self.names = {sample.name for sample in self.samples}

    def total(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def scrape_until_nothing(is_missing: Callable[[Scrape], Any]) -> Scrape:
    """Scrape until what is wanted is there; Ray and Serve report in intervals."""
    give_up = time.monotonic() + 40
    while missing := is_missing(scrape := Scrape()):
        assert time.monotonic() < give_up, missing
        time.sleep(0.5)
    return scrape


@pytest.fixture(scope="module")
def asked(served: Graph, selfie: bytes) -> tuple[Scrape, list[dict[str, Any]], Scrape]:
    """The metrics before and after three verdicts, one without a face in time, and a refusal."""
    before = scrape_until_nothing(lambda s: {"ray_serve_deployment_replica_healthy"} - s.names)
    records = [served.verify(selfie=selfie).json() for _ in range(3)]
    hurry = {"Palisade-Deadline-Ms": str(Settings().reserve_ms + 1)}
    while (answer := served.verify(hurry, selfie=selfie)).status_code == 503:
        pass  # not even Fusion came in time
    records.append(answer.json())
    assert served.verify(selfie=b"not an image").status_code == 415
    refused = before.total("ray_palisade_refusals_total", problem="not-found") + 1
    assert served.client.get("/v1/of/a/name").status_code == 404
    after = scrape_until_nothing(
        lambda s: refused - s.total("ray_palisade_refusals_total", problem="not-found")
    )
    return before, records, after


def test_verdicts_signals_and_refusals_are_counted(
    asked: tuple[Scrape, list[dict[str, Any]], Scrape],
) -> None:
    before, records, after = asked

    def grew(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    for decision, count in Counter(record["decision"] for record in records).items():
        labels = {"decision": decision, "mode": "ids", "policy": "faithful"}
        assert grew("ray_palisade_verdicts_total", **labels) == count
    statuses = Counter((s["name"], s["status"]) for record in records for s in record["signals"])
    for (name, status), count in statuses.items():
        assert grew("ray_palisade_signal_status_total", signal=name, status=status) == count
        assert grew("ray_palisade_signal_score_count", signal=name) == statuses[name, "ok"]
    assert grew("ray_palisade_coverage_count") == len(records)
    for stage in ("face", "fusion", "record"):
        assert grew("ray_palisade_stage_seconds_count", stage=stage) == len(records)
    assert grew("ray_palisade_deadline_misses_total", node="Face") == 1
    labels = {"route": "/v1/verify", "status": "200"}
    assert grew("ray_palisade_request_seconds_count", **labels) == len(records)
    problem = {"problem": "image-format-unsupported", "status": "415"}
    assert grew("ray_palisade_refusals_total", **problem) == 1
    assert grew("ray_palisade_refusals_total", problem="not-found", status="404") == 1


def test_no_label_takes_a_value_from_a_request(
    asked: tuple[Scrape, list[dict[str, Any]], Scrape],
) -> None:
    _, records, after = asked
    ours = [s for s in after.samples if s.name.startswith("ray_palisade_")]
    values = {value for sample in ours for value in sample.labels.values()}
    assert values.isdisjoint(record["session_id"] for record in records)
    assert not any("a/name" in value for value in values)
    assert after.total("ray_palisade_request_seconds_count", route="none", status="404") > 0


def test_the_documentation_lists_what_there_is(
    asked: tuple[Scrape, list[dict[str, Any]], Scrape],
) -> None:
    *_, after = asked
    gauges = {"ray_palisade_in_flight", "ray_palisade_spool_records"}  # which come and go
    documented = re.findall(r"`(ray_palisade_\w+)`", (ROOT / "docs/OPERATIONS.md").read_text())
    ours = {name for name in after.names if name.startswith("ray_palisade_")}
    assert {re.sub("_(bucket|count|sum)$", "", name) for name in ours} | gauges == set(documented)


def names(expression: str) -> Iterator[str]:
    """Names of the metrics in a PromQL expression, which must be well formed."""
    for variable in ("$__rate_interval", "$__range"):
        expression = expression.replace(variable, "5m")
    return selectors(promql_parser.parse(expression))


def selectors(node: Any) -> Iterator[str]:
    if isinstance(node, promql_parser.VectorSelector):
        assert node.name, "a selector without a name"
        yield node.name
    for part in ("expr", "lhs", "rhs", "vector_selector", "args"):
        inner = getattr(node, part, None)
        for child in inner if isinstance(inner, list) else [inner]:
            if child is not None and not isinstance(child, str):
                yield from selectors(child)


def dashboard() -> dict[str, str]:
    panels = json.loads((ROOT / "ops" / "grafana.json").read_text())["panels"]
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in panels
        for target in panel.get("targets", ())
    }


def alerts() -> dict[str, str]:
    groups = yaml.safe_load((ROOT / "ops" / "alerts.yaml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("source", [dashboard, alerts])
def test_every_metric_that_is_drawn_or_alerted_on_exists_in_a_real_run(
    source: Callable[[], dict[str, str]], served: Graph, selfie: bytes
) -> None:
    expressions = source()
    assert len(expressions) >= 9
    used = {title: set(names(expression)) for title, expression in expressions.items()}
    assert all(used.values())
    seen: set[str] = set()

    def missing(scrape: Scrape) -> dict[str, set[str]]:
        seen.update(scrape.names)
        served.verify(selfie=selfie)  # Ray forgets a gauge that was not set for two intervals
        return {title: wanted - seen for title, wanted in used.items() if wanted - seen}

    scrape_until_nothing(missing)
