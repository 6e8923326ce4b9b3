from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import ray
from hypothesis import given
from hypothesis import strategies as st
from ray.serve import context
from ray.serve._private import constants
from starlette.requests import Request

from deployments.bound import PASSED_ON, bound_host, is_local, is_loopback


def request(*headers: tuple[str, str]) -> Request:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return Request({"type": "http", "headers": raw})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LocalHost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", [None, "", "0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example.com", "localhost.example"]
)
def test_everything_else_is_within_reach_of_others(host: str | None) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000", "127.0.0.1"])
def test_a_request_of_this_machine(host: str) -> None:
    assert is_local(request(("host", host)))
    assert is_local(request(("host", host), ("origin", f"http://{host}")))


@pytest.mark.parametrize(
    "headers",
    [
        (),  # HTTP/1.0, or something that does not want to say
        (("host", ""),),
        (("host", "verify.example.com"),),
        (("host", "127.0.0.1"), ("host", "verify.example.com")),
        (("host", "[::1"),),
        (("host", "user@127.0.0.1.evil.example"),),
        (("host", "127.0.0.1"), ("origin", "https://evil.example")),
        (("host", "127.0.0.1"), ("origin", "null")),
        *((("host", "127.0.0.1"), (name, "1.2.3.4")) for name in PASSED_ON),
    ],
)
def test_a_request_that_may_be_a_strangers(headers: tuple[tuple[str, str], ...]) -> None:
    assert not is_local(request(*headers))


@given(
    host=st.text(st.characters(max_codepoint=255)), origin=st.text(st.characters(max_codepoint=255))
)
def test_no_header_is_too_odd(host: str, origin: str) -> None:
    is_local(request(("host", host), ("origin", origin)))


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process seem to be one of a cluster's."""
    monkeypatch.setattr(ray, "is_initialized", lambda: True)


@pytest.mark.usefixtures("replica")
def test_serve_is_asked_where_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = SimpleNamespace(http_config=SimpleNamespace(host="127.0.0.1"))
    monkeypatch.setattr(context, "_get_global_client", lambda: client)
    assert bound_host() == "127.0.0.1"
    # Its HAProxy listens on every interface whatever the host.
    monkeypatch.setattr(constants, "RAY_SERVE_ENABLE_HA_PROXY", True)
    assert bound_host() is None


def test_asking_starts_no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[dict[str, Any]] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: started.append(options))
    assert bound_host() is None
    assert started == []


@pytest.mark.usefixtures("replica")
def test_what_cannot_be_found_out_counts_as_within_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("there is no Serve here")

    monkeypatch.setattr(context, "_get_global_client", fail)
    assert bound_host() is None
    monkeypatch.setattr(context, "_get_global_client", lambda: None)
    assert bound_host() is None
