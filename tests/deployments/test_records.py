"""The routes of what is remembered, and ``Idempotency-Key``, on a real store without a graph."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from stores import Line, database
from verdicts import record_with, verdict_with

from deployments import memory as module
from deployments.http import create_api
from deployments.memory import Memory
from deployments.problems import Problem
from deployments.settings import MemorySettings, Settings
from fusion.policy import Policy, load_policy
from fusion.verdict import Decision, Verdict
from media.capture import Capture
from sessions.store import Store

LIMITS = Settings(memory=MemorySettings(store_timeout_ms=300))


class Service:
    """Stands for the graph: every request gets a verdict of its own."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.asked = 0
        self.failure: Exception | None = None
        self.go_on = threading.Event()
        self.go_on.set()

    @contextmanager
    def admit(self) -> Iterator[None]:
        yield

    async def verify(self, capture: Capture, subject: str | None, deadline_s: float) -> Verdict:
        self.asked += 1
        await asyncio.to_thread(self.go_on.wait)
        if self.failure:
            raise self.failure
        return verdict_with()

    async def policy(self) -> Policy:
        return load_policy("faithful")


class Door:
    """A client of the API, and what is behind it."""

    def __init__(self, client: TestClient, service: Service) -> None:
        self.client, self.service = client, service
        self.memory = service.memory

    def verify(self, key: str | None = None, content: bytes = b"face", metadata: str = "{}") -> Any:
        return self.client.post(
            "/v1/verify",
            files={"selfie": ("face.jpg", content)},
            data={"metadata": metadata},
            headers={} if key is None else {"Idempotency-Key": key},
        )

    def drained(self) -> None:
        """Wait until nothing is left on disk."""
        give_up = time.monotonic() + 20
        while self.memory.spooled() or not self.memory._up:
            assert time.monotonic() < give_up, "the spool was not drained"
            time.sleep(0.02)

    def stored(self) -> list[str]:
        page = self.memory.store.page(module.Filters(), 200, datetime.now(UTC), None)
        return [summary.session_id for summary in page.sessions]


@contextmanager
def door(url: str, folder: Path) -> Iterator[Door]:
    environment = {"PALISADE_STORE": url, "PALISADE_SPOOL": str(folder / "spool")}
    service = Service(Memory(LIMITS.memory, environment | {"PALISADE_CANARY_KEY": "secret"}))
    api = create_api(service, LIMITS)
    with TestClient(api, raise_server_exceptions=False) as client:
        yield Door(client, service)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Door]:
    with door(f"sqlite:///{tmp_path}/sessions.db", tmp_path) as opened:
        yield opened


@pytest.fixture
def locked(sqlite: Door) -> Iterator[Door]:
    """A door whose store is locked by another process for the length of the test."""
    path = str(sqlite.memory.store.url.database)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield sqlite
        with contextlib.suppress(sqlite3.OperationalError):
            other.execute("ROLLBACK")


def assert_problem(response: Any, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:palisade:problem:{code}"
    if status in (409, 503):
        assert int(response.headers["retry-after"]) >= 1


# Sessions


def test_a_verdict_is_stored_before_it_is_returned(sqlite: Door) -> None:
    answer = sqlite.verify(metadata='{"subject": "Jane Doe"}')
    assert answer.headers["palisade-record"] == "stored"
    session_id = answer.json()["session_id"]
    kept = sqlite.client.get(f"/v1/sessions/{session_id}")
    assert kept.content == answer.content
    assert kept.headers["palisade-record"] == "stored"
    content = b"".join(
        path.read_bytes()
        for path in Path(str(sqlite.memory.store.url.database)).parent.glob("*.db*")
    )
    assert session_id.encode() in content
    assert b"Jane" not in content


def test_a_deleted_session_is_gone(sqlite: Door) -> None:
    path = f"/v1/sessions/{sqlite.verify().json()['session_id']}"
    for _ in range(2):
        assert sqlite.client.delete(path).status_code == 204
    assert_problem(sqlite.client.get(path), 410, "session-deleted")
    assert sqlite.client.get("/v1/sessions").json() == {"sessions": [], "next": None}


def test_the_sessions_of_a_subject_can_be_listed_and_deleted(sqlite: Door) -> None:
    theirs = {sqlite.verify(metadata='{"subject": "Jane"}').json()["session_id"] for _ in range(2)}
    sqlite.verify(metadata='{"subject": "Joe"}')
    listed = sqlite.client.get("/v1/sessions", params={"subject": "Jane"}).json()["sessions"]
    assert {session["session_id"] for session in listed} == theirs
    deleted = sqlite.client.delete("/v1/sessions", params={"subject": "Jane"})
    assert deleted.json() == {"deleted": 2}
    assert len(sqlite.stored()) == 1


def test_pages_are_followed_by_their_cursor(sqlite: Door) -> None:
    made = [sqlite.verify().json()["session_id"] for _ in range(5)]
    seen, query = [], {"limit": "2"}
    while True:
        page = sqlite.client.get("/v1/sessions", params=query).json()
        seen += [session["session_id"] for session in page["sessions"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == made[::-1]


def test_filters_reach_the_store(sqlite: Door) -> None:
    start = datetime.now(UTC)
    kept = record_with(decision=Decision.ACCEPT, score=0.9, passed=True)
    sqlite.memory.store.save(kept)
    sqlite.memory.store.save(record_with(created_at=start - timedelta(days=1), score=None))
    for query, count in (
        ({"decision": "accept"}, 1),
        ({"decision": "reject"}, 0),
        ({"passed": "true", "mode": "ids", "policy": "faithful"}, 1),
        ({"since": start.isoformat()}, 1),
        ({"until": start.isoformat()}, 1),
        ({"min_score": "0.5", "max_score": "1"}, 1),
        ({}, 2),
    ):
        listed = sqlite.client.get("/v1/sessions", params=query).json()["sessions"]
        assert len(listed) == count, query


@pytest.mark.parametrize(
    "query",
    [
        "decision=maybe",
        "mode=off",
        "passed=perhaps",
        "limit=0",
        "limit=201",
        "limit=many",
        "cursor=x",
        "cursor=MjAyNiAx",
        "since=yesterday",
        "since=0.5",
        "since=2026-01-01T00:00:00",
        "since=0001-01-01T00:00:00%2B14:00",
        "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
        "min_score=2",
        "min_score=nan",
        "min_score=0.9&max_score=0.1",
        "policy=%00",
        "subject=",
        "decison=accept",
    ],
)
def test_a_wrong_query_is_refused(sqlite: Door, query: str) -> None:
    assert_problem(sqlite.client.get(f"/v1/sessions?{query}"), 422, "invalid-request")


@pytest.mark.parametrize("session_id", ["x", "A" * 32, "0" * 33, "..%2F..%2Fetc"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_is_no_session_id(sqlite: Door, method: str, session_id: str) -> None:
    response = sqlite.client.request(method, f"/v1/sessions/{session_id}")
    assert response.status_code in (404, 422)
    assert response.headers["content-type"] == "application/problem+json"


def test_a_method_that_is_not_allowed_is_told_which_are(sqlite: Door) -> None:
    response = sqlite.client.put(f"/v1/sessions/{'0' * 32}")
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "DELETE, GET"


def test_an_unknown_session(sqlite: Door) -> None:
    assert_problem(sqlite.client.get(f"/v1/sessions/{'0' * 32}"), 404, "no-such-session")


# A store in trouble


def test_a_locked_store_delays_one_verdict_and_loses_none(locked: Door) -> None:
    started = time.monotonic()
    first = locked.verify()
    assert time.monotonic() - started < 1.5  # 0.3 s of waiting
    started = time.monotonic()
    others = [locked.verify() for _ in range(5)]
    assert time.monotonic() - started < 0.5  # nobody waits for it any more
    answers = [first, *others]
    assert {answer.headers["palisade-record"] for answer in answers} == {"spooled"}
    assert locked.memory.spooled() == 6
    for answer in answers:
        kept = locked.client.get(f"/v1/sessions/{answer.json()['session_id']}")
        assert kept.content == answer.content
        assert kept.headers["palisade-record"] == "spooled"
    path = f"/v1/sessions/{first.json()['session_id']}"
    assert_problem(locked.client.delete(path), 503, "store-unavailable")
    assert_problem(locked.client.get(f"/v1/sessions/{'0' * 32}"), 503, "store-unavailable")
    assert_problem(locked.client.get("/v1/sessions"), 503, "store-unavailable")


def test_without_store_and_disk_there_is_no_verdict(
    locked: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a full disk does: /dev/full takes the place of the folder's files.
    locked.memory.spool.folder = Path("/dev/full")
    assert_problem(locked.verify(), 503, "record-unavailable")
    assert_problem(locked.verify(key="k"), 503, "record-unavailable")


def test_a_graph_starts_without_its_store_and_finds_it_later(tmp_path: Path) -> None:
    with database("postgresql", tmp_path) as url:
        line = Line(str(url.host), url.port or 5432)
        line.cut()
        away = url.set(host="127.0.0.1", port=line.port)
        with door(away.render_as_string(hide_password=False), tmp_path) as opened:
            answer = opened.verify()
            assert answer.headers["palisade-record"] == "spooled"
            line.mend()
            opened.drained()
            kept = opened.client.get(f"/v1/sessions/{answer.json()['session_id']}")
            assert kept.content == answer.content
            assert kept.headers["palisade-record"] == "stored"
        line.close()


@pytest.mark.parametrize("trouble", ["cut", "stall"])
def test_every_verdict_is_in_postgresql_once_after_it_went_away_under_load(
    tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STUCK_S", 1.0)
    with database("postgresql", tmp_path) as url:
        line = Line(str(url.host), url.port or 5432)
        away = url.set(host="127.0.0.1", port=line.port).render_as_string(hide_password=False)
        with door(away, tmp_path) as opened, ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(opened.verify) for _ in range(60)]
            answers[10].result()
            getattr(line, trouble)()
            answers += [pool.submit(opened.verify) for _ in range(60)]
            slowest = max(_seconds(opened.verify) for _ in range(3))
            answers += [pool.submit(opened.verify) for _ in range(10)]
            returned = [answer.result() for answer in answers]
            threads = threading.active_count()
            line.mend()
            opened.drained()
            stored = opened.stored()
        line.close()
    assert {answer.status_code for answer in returned} == {200}
    records = [answer.headers["palisade-record"] for answer in returned]
    assert {"stored", "spooled"} == set(records)
    # Those of the three that were timed are in the store as well.
    assert len(stored) == len(set(stored)) == len(returned) + 3
    assert {answer.json()["session_id"] for answer in returned} < set(stored)
    assert slowest < 2.5
    assert threads < 60


def _seconds(call: Any) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


# Idempotency-Key


def test_the_same_request_gets_the_first_answer(sqlite: Door) -> None:
    first = sqlite.verify(key='"one"')
    again = [sqlite.verify(key="one"), sqlite.verify(key='"one"')]
    assert "idempotency-replayed" not in first.headers
    for answer in again:
        assert answer.content == first.content
        assert answer.headers["idempotency-replayed"] == "true"
        assert answer.headers["palisade-record"] == "stored"
    assert sqlite.service.asked == 1
    assert len(sqlite.stored()) == 1
    assert sqlite.verify(key="two").content != first.content


@pytest.mark.parametrize(
    "other", [{"content": b"another face"}, {"metadata": '{"subject": "Jane"}'}]
)
def test_a_key_with_other_content_is_refused(sqlite: Door, other: dict[str, Any]) -> None:
    sqlite.verify(key="one")
    assert_problem(sqlite.verify(key="one", **other), 422, "idempotency-key-reused")
    assert sqlite.service.asked == 1


@pytest.mark.parametrize("key", ["", '""', "two words", "a, b", "k" * 256])
def test_a_malformed_key_is_refused(sqlite: Door, key: str) -> None:
    assert_problem(sqlite.verify(key=key), 422, "idempotency-key-malformed")


def test_two_keys_are_none(sqlite: Door) -> None:
    response = sqlite.client.post(
        "/v1/verify",
        files={"selfie": ("face.jpg", b"face")},
        headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
    )
    assert_problem(response, 422, "idempotency-key-malformed")


@pytest.mark.parametrize("state", ["sqlite", "locked"])
def test_while_the_first_is_in_progress_others_come_back_later(
    state: str, request: pytest.FixtureRequest
) -> None:
    opened: Door = request.getfixturevalue(state)
    opened.service.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(opened.verify, key="one")
        while opened.service.asked == 0:
            time.sleep(0.01)
        assert_problem(opened.verify(key="one"), 409, "idempotency-key-in-progress")
        reused = opened.verify(key="one", content=b"another face")
        assert_problem(reused, 422, "idempotency-key-reused")
        opened.service.go_on.set()
        answer = first.result()
    assert answer.status_code == 200
    assert opened.verify(key="one").content == answer.content
    assert opened.service.asked == 1


def test_a_key_that_failed_can_be_tried_again(sqlite: Door) -> None:
    sqlite.service.failure = Problem(503, "node-unavailable", "Fusion does not answer.")
    assert sqlite.verify(key="one").status_code == 503
    sqlite.service.failure = None
    time.sleep(0.2)  # the release runs after the answer
    answer = sqlite.verify(key="one")
    assert answer.status_code == 200
    assert "idempotency-replayed" not in answer.headers


def test_without_the_store_a_key_is_honoured_on_this_node(locked: Door) -> None:
    first = locked.verify(key="one")
    again = locked.verify(key="one")
    assert again.content == first.content
    assert again.headers["palisade-record"] == "spooled"
    assert again.headers["idempotency-replayed"] == "true"
    other = locked.verify(key="one", content=b"another face")
    assert_problem(other, 422, "idempotency-key-reused")
    assert locked.service.asked == 1


def test_a_key_answered_from_the_spool_is_answered_from_the_store_later(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sessions.db"
    with closing(Store(module.store_url({"PALISADE_STORE": url}))) as store:
        store.migrate()
    with closing(sqlite3.connect(tmp_path / "sessions.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with door(url, tmp_path) as opened:
            first = opened.verify(key="one")
            assert first.headers["palisade-record"] == "spooled"
            other.execute("ROLLBACK")
            opened.drained()
            again = opened.verify(key="one")
    assert again.content == first.content
    assert again.headers["palisade-record"] == "stored"


def test_a_key_whose_session_was_deleted_is_not_answered_again(sqlite: Door) -> None:
    session_id = sqlite.verify(key="one").json()["session_id"]
    sqlite.client.delete(f"/v1/sessions/{session_id}")
    assert_problem(sqlite.verify(key="one"), 410, "session-deleted")


def test_openapi_knows_sessions_and_keys(sqlite: Door) -> None:
    paths = sqlite.client.get("/openapi.json").json()["paths"]
    assert set(paths["/v1/sessions"]) == {"get", "delete"}
    assert set(paths["/v1/sessions/{session_id}"]) == {"get", "delete"}
    for path, method, statuses in (
        ("/v1/sessions", "get", {"200", "422", "503"}),
        ("/v1/sessions", "delete", {"200", "422", "503"}),
        ("/v1/sessions/{session_id}", "get", {"200", "404", "410", "422", "503"}),
        ("/v1/sessions/{session_id}", "delete", {"204", "422", "503"}),
    ):
        assert set(paths[path][method]["responses"]) == statuses | {"401", "403", "429"}
    headers = paths["/v1/verify"]["post"]["responses"]["200"]["headers"]
    assert set(headers) == {"Palisade-Record", "Idempotency-Replayed"}
