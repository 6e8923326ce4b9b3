from __future__ import annotations

from typing import Any

import pytest
from ray._common.utils import import_attr
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.environment import DEFAULTS
from deployments.problems import Problem
from deployments.proxy import Apology, middlewares


def ask(app: ASGIApp, path: str = "/v1/verify") -> Any:
    return TestClient(Apology(app)).get(path)


def assert_apology(answer: Any) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["type"] == "urn:palisade:problem:node-unavailable"


async def silence(scope: Scope, receive: Receive, send: Send) -> None:
    """What Serve's proxy sends when a replica died: nothing."""


def test_silence_becomes_a_problem() -> None:
    assert_apology(ask(silence))


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_plain_text_of_serve_becomes_a_problem(status: int) -> None:
    answer = ask(PlainTextResponse("Deployment(name='Ingress') is unavailable", status))
    assert_apology(answer)
    assert "Ingress" not in answer.text


@pytest.mark.parametrize(
    "own",
    [
        JSONResponse({"decision": "review"}),
        PlainTextResponse("a page"),
        PlainTextResponse("not here", 404),
        Problem(503, "overloaded", "Every replica is busy.", retry_after=1).response(),
        Problem(422, "missing-part", "The file part `selfie` is missing.").response(),
    ],
)
def test_what_a_replica_says_passes_as_it_is(own: Any) -> None:
    answer = ask(own)
    assert answer.status_code == own.status_code
    assert answer.content == own.body
    assert answer.headers["content-type"] == own.headers["content-type"]


def test_serves_own_pages_pass_as_they_are() -> None:
    answer = ask(PlainTextResponse("no routes yet", 503), "/-/healthz")
    assert (answer.status_code, answer.text) == (503, "no routes yet")


def test_serve_finds_it_under_the_name_in_the_environment() -> None:
    assert import_attr(DEFAULTS["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"]) is middlewares
    assert [middleware.cls for middleware in middlewares()] == [Apology]
