"""Another threshold over stored sessions, on a real store without a graph."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from stores import database
from verdicts import KEEP, judged

from deployments import problems, simulation
from deployments.memory import Memory
from deployments.problems import Problem
from deployments.settings import MemorySettings
from fusion.policy import Policy, load_policy
from fusion.replay import with_threshold
from fusion.verdict import Verdict
from sessions.record import Record
from sessions.store import Store

POLICY = load_policy("faithful")
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12)


class Bench:
    """A client of the simulation, and the store behind it."""

    def __init__(self, store_url: str, folder: Path) -> None:
        self.memory = Memory(
            MemorySettings(), {"PALISADE_STORE": store_url, "PALISADE_SPOOL": str(folder / "spool")}
        )
        self.failure: Problem | None = None
        self.api = FastAPI(lifespan=lambda _: self.memory.at_work())
        problems.install(self.api)
        simulation.install(self.api.router, self)

    async def policy(self) -> Policy:
        if self.failure:
            raise self.failure
        return POLICY

    @contextlib.contextmanager
    def open(self) -> Iterator[TestClient]:
        with TestClient(self.api, raise_server_exceptions=False) as client:
            yield client


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with database(request.param, tmp_path) as url:
        yield Bench(url.render_as_string(hide_password=False), tmp_path)


def keep(store: Store, *verdicts: Verdict) -> None:
    for verdict in verdicts:
        store.save(Record(verdict, verdict.to_json(), None, verdict.created_at + KEEP))


def sessions(count: int = 12, policy: Policy = POLICY) -> list[Verdict]:
    """Sessions a minute apart whose scores rise."""
    low, high = POLICY.signal("eye_specular").mapping.brightness  # type: ignore[union-attr]
    return [
        replace(
            judged(policy, low + (high - low) * i / (count - 1)),
            created_at=NOON + timedelta(minutes=i),
        )
        for i in range(count)
    ]


def ids(summaries: list[dict[str, Any]]) -> list[str]:
    return [summary["session_id"] for summary in summaries]


def test_it_says_who_would_have_been_blocked(bench: Bench) -> None:
    with bench.open() as client:
        made = sessions()
        keep(bench.memory.store, *made)
        scores = [verdict.score or 0.0 for verdict in made]
        threshold = (scores[4] + scores[5]) / 2
        answer = client.get("/v1/simulation", params={"threshold": threshold}).json()
    assert POLICY.threshold < threshold
    assert answer["threshold"] == threshold
    assert answer["policy"]["sha256"] == POLICY.sha256
    assert answer["sessions"] == 12
    assert answer["would_fail"] == 5
    assert sorted(answer["scores"]) == pytest.approx(scores)
    passed = [verdict.session_id for verdict in made[:5] if verdict.passed]
    assert passed
    assert ids(answer["newly_failing"]) == passed[::-1]  # the newest first
    assert answer["newly_passing"] == []
    assert not answer["truncated"]


def test_it_says_who_would_have_passed_after_all(bench: Bench) -> None:
    with bench.open() as client:
        strict = sessions(policy=with_threshold(POLICY, 1.0))
        keep(bench.memory.store, *strict)
        failed = [verdict.session_id for verdict in strict if not verdict.passed]
        answer = client.get("/v1/simulation?threshold=0").json()
    assert failed
    assert ids(answer["newly_passing"]) == failed[::-1]
    assert answer["would_fail"] == 0
    # They were judged by another policy, and each says so.
    assert {s["policy_sha256"] for s in answer["newly_passing"]} == {strict[0].policy.sha256}


def test_a_session_without_a_score_fails_and_is_in_no_histogram(bench: Bench) -> None:
    with bench.open() as client:
        keep(bench.memory.store, replace(sessions()[0], signals=(), score=None, passed=False))
        answer = client.get("/v1/simulation?threshold=0").json()
    assert (answer["sessions"], answer["would_fail"], answer["scores"]) == (1, 1, [])


def test_a_time_and_a_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "PAGE", 3)
    with bench.open() as client:
        made = sessions()
        keep(bench.memory.store, *made)

        def asked(**query: Any) -> tuple[int, bool]:
            answer = client.get("/v1/simulation", params={"threshold": 1, **query}).json()
            assert len(answer["scores"]) == answer["sessions"]
            return answer["sessions"], answer["truncated"]

        assert asked() == (12, False)
        assert asked(limit=12) == (12, False)
        assert asked(limit=7) == (7, True)
        assert asked(since=made[4].created_at.isoformat()) == (8, False)
        assert asked(until=made[4].created_at.isoformat()) == (4, False)
        assert asked(
            since=made[2].created_at.isoformat(), until=made[9].created_at.isoformat(), limit=3
        ) == (3, True)
        monkeypatch.setattr(simulation, "LONGEST_S", -1.0)
        assert asked() == (3, True)


def test_a_record_that_cannot_be_read_any_more_is_counted(bench: Bench) -> None:
    with bench.open() as client:
        good, old = sessions(2)
        keep(bench.memory.store, good)
        bench.memory.store.save(Record(old, b'{"form": 0}', None, old.created_at + KEEP))
        answer = client.get("/v1/simulation?threshold=0").json()
    assert (answer["sessions"], answer["unreadable"]) == (2, 1)
    assert len(answer["scores"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        "",
        "threshold=1.1",
        "threshold=-0.1",
        "threshold=nan",
        "threshold=x",
        "threshold=0.5&limit=0",
        "threshold=0.5&limit=5001",
        "threshold=0.5&since=yesterday",
        "threshold=0.5&since=2026-01-01T00:00:00",
        "threshold=0.5&since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
        "threshold=0.5&treshold=0.4",
    ],
)
def test_a_question_that_makes_no_sense(tmp_path: Path, query: str) -> None:
    with Bench(f"sqlite:///{tmp_path}/s.db", tmp_path).open() as client:
        response = client.get(f"/v1/simulation?{query}")
    assert response.status_code == 422
    assert response.json()["type"] == "urn:palisade:problem:invalid-request"


def test_a_store_or_a_policy_that_is_away(tmp_path: Path) -> None:
    with Bench("sqlite:////dev/null/s.db", tmp_path).open() as client:
        response = client.get("/v1/simulation?threshold=0.5")
    assert response.status_code == 503
    assert response.json()["type"] == "urn:palisade:problem:store-unavailable"
    bench = Bench(f"sqlite:///{tmp_path}/s.db", tmp_path)
    bench.failure = Problem(503, "node-unavailable", "Fusion does not answer.", retry_after=2)
    with bench.open() as client:
        for _ in range(2):  # a failure gives the turn back
            response = client.get("/v1/simulation?threshold=0.5")
            assert response.json()["type"] == "urn:palisade:problem:node-unavailable"


def test_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(f"sqlite:///{tmp_path}/s.db", tmp_path)
    looking, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> Any:
        looking.set()
        assert go_on.wait(20)
        return [], None

    monkeypatch.setattr(bench.memory.store, "bodies", slow)
    with bench.open() as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.get, "/v1/simulation?threshold=0.5")
        assert looking.wait(20)
        second = client.get("/v1/simulation?threshold=0.5")
        go_on.set()
        assert first.result().status_code == 200
        assert second.status_code == 503
        assert second.json()["type"] == "urn:palisade:problem:overloaded"
        assert client.get("/v1/simulation?threshold=0.5").status_code == 200
