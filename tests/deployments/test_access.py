"""Who may ask for what, on a real store without a graph."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import database
from verdicts import verdict_with

from deployments import access
from deployments.access import Doorkeeper, Register
from deployments.http import create_api
from deployments.memory import Memory
from deployments.problems import Problem
from deployments.settings import MemorySettings, Settings
from fusion.policy import Policy, load_policy
from fusion.verdict import Decision, Verdict
from media.capture import Capture
from sessions.api_keys import ApiKey, Scope, new_key
from sessions.errors import StoreUnavailable
from sessions.keyring import Keyring

HOME = "http://127.0.0.1:8000"

OPEN = {"/healthz", "/readyz"}
"""What needs no key, of what the OpenAPI document has."""

FOR_APPLICANTS = {("post", "/v1/verify"), ("post", "/v1/quality")}


class Service:
    """Stands for the graph: every request gets a verdict of its own."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.asked = 0
        self.decision = Decision.REVIEW

    @contextmanager
    def admit(self) -> Iterator[None]:
        yield

    async def verify(self, capture: Capture, subject: str | None, deadline_s: float) -> Verdict:
        self.asked += 1
        return verdict_with(decision=self.decision, reasons=("veto:eye_specular",))

    async def policy(self) -> Policy:
        return load_policy("faithful")


class Door:
    """A client of a guarded API, and what is behind it."""

    def __init__(self, client: TestClient, service: Service) -> None:
        self.client, self.service = client, service
        self.keys = Keyring(service.memory.store)

    def key(self, scope: Scope, per_minute: int = 600, **fields: Any) -> tuple[str, str]:
        """Make a key; returns its id and its token."""
        key, token = new_key("somebody", scope, per_minute, datetime.now(UTC), **fields)
        self.keys.add(key)
        return key.key_id, token

    def verify(self, token: str | None, word: str | None = None, content: bytes = b"x") -> Any:
        headers = _bearer(token) | ({} if word is None else {"Idempotency-Key": word})
        return self.client.post("/v1/verify", files={"selfie": ("f", content)}, headers=headers)


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


@contextmanager
def door(
    store: str,
    folder: Path,
    mode: Literal["auto", "keys", "open"] = "auto",
    host: str | None = "127.0.0.1",
) -> Iterator[Door]:
    environment = {"PALISADE_STORE": store, "PALISADE_SPOOL": str(folder / "spool")}
    memory = Memory(MemorySettings(), environment)
    service = Service(memory)
    api = create_api(service, Settings(), Doorkeeper(mode, host, memory.api_keys))
    with TestClient(api, HOME, raise_server_exceptions=False) as client:
        yield Door(client, service)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done to a key is known to the next request."""
    monkeypatch.setattr(access, "REFRESH_S", 0.0)


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path, at_once: None) -> Iterator[Door]:
    with (
        database(request.param, tmp_path) as url,
        door(url.render_as_string(hide_password=False), tmp_path) as opened,
    ):
        yield opened


@pytest.fixture
def guarded(tmp_path: Path, at_once: None) -> Iterator[Door]:
    """A door on every interface."""
    with door(f"sqlite:///{tmp_path}/s.db", tmp_path, host="0.0.0.0") as opened:
        yield opened


def assert_problem(response: Any, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:palisade:problem:{code}"
    assert response.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


# What is open


def test_on_loopback_the_door_is_open_until_the_first_key(both: Door) -> None:
    assert both.client.get("/v1/me").json() == {"scope": "operator", "open": True}
    assert both.verify(None).json()["score"] == 0.1 + 0.2
    key_id, token = both.key("operator")
    assert_problem(both.verify(None), 401, "key-required")
    assert both.client.get("/v1/me").json() == {"scope": None, "open": False}
    assert both.client.get("/v1/me", headers=_bearer(token)).json() == {
        "scope": "operator",
        "open": False,
    }
    # One that is gone does not open the door again: that would be a surprise.
    both.keys.revoke(key_id, datetime.now(UTC))
    assert_problem(both.verify(None), 401, "key-required")
    assert_problem(both.verify(token), 401, "key-unknown")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", None])
@pytest.mark.parametrize("mode", ["auto", "open"])
def test_elsewhere_a_key_is_needed_whatever_is_configured(
    tmp_path: Path, mode: Literal["auto", "open"], host: str | None
) -> None:
    with door(f"sqlite:///{tmp_path}/s.db", tmp_path, mode, host) as outside:
        assert_problem(outside.verify(None), 401, "key-required")
        assert outside.service.asked == 0


def test_keys_may_be_asked_for_on_loopback_and_an_open_door_stays_open(tmp_path: Path) -> None:
    with door(f"sqlite:///{tmp_path}/s.db", tmp_path, "keys") as strict:
        assert_problem(strict.verify(None), 401, "key-required")
        strict.key("operator")
    with door(f"sqlite:///{tmp_path}/s.db", tmp_path, "open") as loose:
        assert loose.verify(None).status_code == 200
        assert loose.verify("nonsense").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"Host": "verify.example.com"},
        {"Origin": "https://evil.example"},
    ],
)
@pytest.mark.parametrize("mode", ["auto", "open"])
def test_a_stranger_through_a_proxy_or_a_page_needs_a_key(
    tmp_path: Path, mode: Literal["auto", "open"], headers: dict[str, str]
) -> None:
    with door(f"sqlite:///{tmp_path}/s.db", tmp_path, mode) as opened:
        assert opened.client.get("/v1/policy").status_code == 200
        assert_problem(opened.client.get("/v1/policy", headers=headers), 401, "key-required")


def test_without_a_guard_the_api_is_open(tmp_path: Path) -> None:
    memory = Memory(MemorySettings(), {"PALISADE_STORE": f"sqlite:///{tmp_path}/s.db"})
    with TestClient(create_api(Service(memory), Settings())) as client:
        assert client.get("/v1/me").json() == {"scope": "operator", "open": True}


# Scopes


def operations(door: Door) -> list[tuple[str, str, dict[str, Any]]]:
    paths = door.client.get("/openapi.json").json()["paths"]
    return [(method, path, paths[path][method]) for path in paths for method in paths[path]]


def test_every_route_needs_a_key_but_for_a_few(guarded: Door) -> None:
    _, applicant = guarded.key("applicant", per_minute=1000)
    _, operator = guarded.key("operator", per_minute=1000)
    seen = operations(guarded)
    assert {("post", "/v1/verify"), ("get", "/v1/simulation")} <= {(m, p) for m, p, _ in seen}
    for method, path, described in seen:
        at = path.replace("{session_id}", "0" * 32)
        refused = guarded.client.request(method, at)
        if path in OPEN:
            assert refused.status_code == 200
            assert "security" not in described
            continue
        assert described["security"] == [{"ApiKey": []}]
        assert {"401", "403", "429"} <= set(described["responses"])
        if path == "/v1/me":
            continue
        assert_problem(refused, 401, "key-required")
        as_applicant = guarded.client.request(method, at, headers=_bearer(applicant))
        if (method, path) in FOR_APPLICANTS:
            assert as_applicant.status_code not in (401, 403), path
        else:
            assert_problem(as_applicant, 403, "scope-missing")
        as_operator = guarded.client.request(method, at, headers=_bearer(operator))
        assert as_operator.status_code not in (401, 403), path


def test_pages_and_probes_need_no_key(guarded: Door) -> None:
    for path in ("/", "/docs", "/openapi.json", "/healthz", "/readyz"):
        assert guarded.client.get(path).status_code == 200, path


def test_openapi_has_the_scheme(guarded: Door) -> None:
    schemes = guarded.client.get("/openapi.json").json()["components"]["securitySchemes"]
    assert schemes["ApiKey"]["type"] == "http"
    assert schemes["ApiKey"]["scheme"] == "bearer"


def test_nothing_of_a_body_is_read_before_the_key(tmp_path: Path) -> None:
    memory = Memory(MemorySettings(), {"PALISADE_STORE": f"sqlite:///{tmp_path}/s.db"})
    api = create_api(Service(memory), Settings(), Doorkeeper("keys", None, memory.api_keys))
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was asked for")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/verify",
        "raw_path": b"/v1/verify",
        "query_string": b"",
        "headers": [(b"content-type", b"multipart/form-data; boundary=b")],
        "client": None,
        "server": ("127.0.0.1", 8000),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    asyncio.run(api(scope, receive, send))
    assert sent[0]["status"] == 401


# Keys


@pytest.mark.parametrize("how", ["unknown", "expired", "revoked", "other secret", "cut off"])
def test_a_key_that_opens_nothing(guarded: Door, how: str) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    key_id, token = guarded.key("operator", expires_at=past if how == "expired" else None)
    _, other = guarded.key("operator")
    if how == "unknown":
        token = new_key("nobody", "operator", 1, past)[1]
    elif how == "revoked":
        assert guarded.verify(token).status_code == 200
        guarded.keys.revoke(key_id, datetime.now(UTC))
    elif how == "other secret":
        token = f"pk_{key_id}_{other[-43:]}"
    elif how == "cut off":
        token = token[:-1]
    asked = guarded.service.asked
    assert_problem(guarded.verify(token), 401, "key-unknown")
    assert guarded.service.asked == asked


def test_two_keys_are_none(guarded: Door) -> None:
    _, token = guarded.key("operator")
    twice = [("Authorization", f"Bearer {token}")] * 2
    assert_problem(guarded.client.get("/v1/policy", headers=twice), 401, "key-unknown")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_a_word_in_any_case(guarded: Door, scheme: str) -> None:
    _, token = guarded.key("operator")
    headers = {"Authorization": f"{scheme}  {token} "}
    assert guarded.client.get("/v1/policy", headers=headers).status_code == 200


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.sampled_from([b"", b" ", b"Bearer", b"Bearer ", b"Bearer pk_", b"Basic eDp5"])
        | st.binary(max_size=60)
        | st.binary(max_size=60).map(lambda junk: b"Bearer pk_0123456789ab_" + junk)
        | st.just(b"Bearer " + b"x" * 60_000),
        min_size=1,
        max_size=3,
    )
)
def test_no_header_is_too_odd(guarded: Door, values: list[bytes]) -> None:
    headers = [(b"authorization", value) for value in values]
    response = guarded.client.get("/v1/policy", headers=headers)
    assert_problem(response, 401, "key-unknown")


def test_a_key_is_in_no_log(guarded: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key_id, token = guarded.key("applicant", per_minute=1)
    for _ in range(2):
        guarded.verify(token)
    guarded.keys.revoke(key_id, datetime.now(UTC))
    guarded.verify(token)
    assert token[-43:] not in caplog.text


def test_the_use_of_a_key_is_noted(guarded: Door) -> None:
    key_id, token = guarded.key("operator")
    for _ in range(2):  # with the look at the keys of the next request
        guarded.client.get("/v1/me", headers=_bearer(token))
    assert guarded.keys.look([], datetime.now(UTC))[key_id].used_at is not None


# Rates


def test_a_key_is_good_for_so_many_requests_in_a_minute(guarded: Door) -> None:
    _, token = guarded.key("applicant", per_minute=3)
    _, other = guarded.key("applicant", per_minute=3)
    assert [guarded.verify(token).status_code for _ in range(3)] == [200] * 3
    refused = guarded.verify(token)
    assert_problem(refused, 429, "rate-limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert guarded.service.asked == 3
    assert guarded.verify(other).status_code == 200


def test_what_a_key_is_not_for_counts_as_well(guarded: Door) -> None:
    _, token = guarded.key("applicant", per_minute=2)
    for _ in range(2):
        assert guarded.client.get("/v1/policy", headers=_bearer(token)).status_code == 403
    assert_problem(guarded.client.get("/v1/policy", headers=_bearer(token)), 429, "rate-limited")


def test_the_window_moves(guarded: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = guarded.key("applicant", per_minute=1)
    assert guarded.verify(token).status_code == 200
    assert guarded.verify(token).status_code == 429
    then = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: then)
    assert guarded.verify(token).status_code == 200


# What applicants are told


def test_an_applicant_gets_a_coarse_answer_and_an_operator_the_record(guarded: Door) -> None:
    _, applicant = guarded.key("applicant")
    _, operator = guarded.key("operator")
    told = guarded.verify(applicant)
    assert set(told.json()) == {"session_id", "decision", "reasons", "created_at"}
    assert told.json()["reasons"] == ["cannot_be_verified"]
    path = f"/v1/sessions/{told.json()['session_id']}"
    record = guarded.client.get(path, headers=_bearer(operator))
    assert record.json()["reasons"] == ["veto:eye_specular"]
    assert record.json()["created_at"] == told.json()["created_at"]
    full = guarded.verify(operator)
    path = f"/v1/sessions/{full.json()['session_id']}"
    assert guarded.client.get(path, headers=_bearer(operator)).content == full.content


def test_the_headers_of_an_applicants_answer_tell_nothing(guarded: Door) -> None:
    _, token = guarded.key("applicant")
    first, again = guarded.verify(token, '"w"'), guarded.verify(token, '"w"')
    assert first.content == again.content
    assert set(first.headers) == {"content-length", "content-type"}
    assert set(again.headers) == {"content-length", "content-type", "idempotency-replayed"}
    assert guarded.service.asked == 1


def test_whether_a_decision_is_known_tells_applicants_no_more(guarded: Door) -> None:
    _, token = guarded.key("applicant")
    guarded.service.decision = Decision.ACCEPT
    assert guarded.verify(token).json()["reasons"] == []


def test_the_word_of_one_client_is_not_that_of_another(guarded: Door) -> None:
    (_, one), (_, other), (_, operator) = (
        guarded.key("applicant"),
        guarded.key("applicant"),
        guarded.key("operator"),
    )
    word = '"8e03978e"'
    answers = [guarded.verify(token, word) for token in (one, other, operator)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.json()["session_id"] for answer in answers}) == 3
    # Nor is it taken by other content of somebody else.
    assert guarded.verify(one, word, b"y").status_code == 422
    assert guarded.verify(one, word).content == answers[0].content


# A store in trouble


class Keys:
    """Stands for the store: has keys, or is away."""

    def __init__(self, *keys: ApiKey) -> None:
        self.keys = {key.key_id: key for key in keys}
        self.away = False
        self.asked: list[frozenset[str]] = []

    async def __call__(self, used: Collection[str], timeout_s: float) -> Mapping[str, ApiKey]:
        self.asked.append(frozenset(used))
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailable("away")
        return dict(self.keys)


class Clock:
    """Stands for :func:`time.monotonic`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(access, "time", clock)
    return clock


def test_a_store_that_was_never_seen_opens_nothing_and_refuses_nobody(clock: Clock) -> None:
    keys = Keys()
    keys.away = True
    register = Register(keys)
    for _ in range(2):
        with pytest.raises(Problem) as refused:
            asyncio.run(register.keys())
        assert refused.value.details.status == 503
        assert refused.value.headers["Retry-After"]
    assert len(keys.asked) == 1  # and is left alone for a moment
    keys.away = False
    clock.now += access.REFRESH_S
    assert asyncio.run(register.keys()) == {}


def test_keys_that_were_seen_go_on_for_an_hour(clock: Clock) -> None:
    key, _ = new_key("page", "applicant", 60, datetime.now(UTC))
    keys = Keys(key)
    register = Register(keys)
    assert set(asyncio.run(register.keys())) == {key.key_id}
    keys.away = True
    clock.now += access.GRACE_S - 1
    assert set(asyncio.run(register.keys())) == {key.key_id}
    clock.now += access.REFRESH_S
    with pytest.raises(Problem):
        asyncio.run(register.keys())


def test_a_change_is_known_within_two_seconds_and_not_asked_for_more_often(clock: Clock) -> None:
    keys = Keys()
    register = Register(keys)
    assert asyncio.run(register.keys()) == {}
    key, _ = new_key("page", "applicant", 60, datetime.now(UTC))
    keys.keys[key.key_id] = key
    clock.now += access.REFRESH_S
    assert asyncio.run(register.keys()) == {}
    clock.now += 0.001
    assert set(asyncio.run(register.keys())) == {key.key_id}
    assert access.REFRESH_S <= 2


def test_of_many_requests_one_asks_the_store(clock: Clock) -> None:
    keys = Keys()

    async def crowd() -> None:
        register = Register(keys)
        await asyncio.gather(*(register.keys() for _ in range(20)))

    asyncio.run(crowd())
    assert len(keys.asked) == 1


def test_the_use_of_a_key_is_remembered_until_it_is_noted(clock: Clock) -> None:
    keys = Keys()
    register = Register(keys)
    asyncio.run(register.keys())
    register.used("0123456789ab")
    keys.away = True
    for _ in range(2):
        clock.now += 2 * access.REFRESH_S
        asyncio.run(register.keys())
    keys.away = False
    for _ in range(2):
        clock.now += 2 * access.REFRESH_S
        asyncio.run(register.keys())
    used = frozenset({"0123456789ab"})
    assert keys.asked == [frozenset(), used, used, used, frozenset()]


def test_a_door_whose_store_is_away_from_the_start_stays_shut(tmp_path: Path) -> None:
    with door("sqlite:////dev/null/s.db", tmp_path) as shut:
        _, token = new_key("page", "operator", 60, datetime.now(UTC))
        for response in (shut.verify(None), shut.verify(token)):
            assert_problem(response, 503, "store-unavailable")
        # Nobody who shows no key, or none that could be one, learns of it.
        headers = {"X-Forwarded-For": "203.0.113.9"}
        assert_problem(shut.client.get("/v1/policy", headers=headers), 401, "key-required")
        assert shut.service.asked == 0
        assert shut.client.get("/healthz").status_code == 200


def test_an_open_door_does_not_need_the_store(tmp_path: Path) -> None:
    with door("sqlite:////dev/null/s.db", tmp_path, "open") as opened:
        assert opened.verify(None).headers["palisade-record"] == "spooled"


def test_a_store_that_hangs_holds_up_nobody_whose_key_was_seen(
    guarded: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "PATIENCE_S", 0.1)
    key_id, token = guarded.key("operator")
    assert guarded.client.get("/v1/me", headers=_bearer(token)).status_code == 200
    go_on = threading.Event()
    look = guarded.service.memory._keyring.look

    def hang(used: Collection[str], now: datetime) -> dict[str, ApiKey]:
        go_on.wait(20)
        return look(used, now)

    monkeypatch.setattr(guarded.service.memory._keyring, "look", hang)
    started = time.monotonic()
    for _ in range(5):  # more than there is room for in the queue
        assert guarded.client.get("/v1/me", headers=_bearer(token)).status_code == 200
    assert time.monotonic() - started < 10
    guarded.keys.revoke(key_id, datetime.now(UTC))
    go_on.set()
    give_up = time.monotonic() + 20
    while guarded.client.get("/v1/me", headers=_bearer(token)).status_code != 401:
        assert time.monotonic() < give_up, "a revoked key lives on"
        time.sleep(0.05)


def test_pictures_are_for_operators(guarded: Door) -> None:
    _, applicant = guarded.key("applicant")
    refused = guarded.client.post("/v1/verify?pictures=true", headers=_bearer(applicant))
    assert_problem(refused, 403, "scope-missing")
    assert guarded.service.asked == 0
