"""Who may ask for what: API keys, their scopes and their rates.

Every route belongs to a ring: to the router of :func:`applicants`, to that of :func:`operators`, or
to nobody's, which is the API itself. A ring is a dependency, so it is asked before the body of a
request is read.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import BaseModel

from deployments.bound import is_local, is_loopback
from deployments.problems import Problem, documented
from sessions.api_keys import ApiKey, Scope, read_token
from sessions.errors import StoreUnavailable

log = logging.getLogger(__name__)

REFRESH_S = 2.0
"""How old what is known of the keys may be: a new key works, and a revoked one dies, within it."""

PATIENCE_S = 1.0
"""How long a request waits for the store to say which keys there are."""

GRACE_S = 3600.0
"""How long keys that were seen go on while the store is away."""

Look = Callable[[Collection[str], float], Awaitable[Mapping[str, ApiKey]]]
"""Returns every key by its id within so many seconds, and notes the use of some."""

REFUSALS: dict[int | str, dict[str, Any]] = {
    401: documented(
        "An API key is needed (`key-required`), or the one that came opens nothing (`key-unknown`)."
    ),
    403: documented("The API key is not for this (`scope-missing`)."),
    429: documented("The API key came too often: try again after `Retry-After` seconds."),
    503: documented("Full, or something that is needed is away: try again after `Retry-After` s."),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        scope: what is open to them; None for somebody without a key where one is needed.
        key_id: of their API key, if they need one.
        open: whether no key is needed.
    """

    scope: Scope | None
    key_id: str | None = None
    open: bool = False

    def may(self, scope: Scope) -> bool:
        """Whether what is open to ``scope`` is open to them."""
        return self.scope in ("operator", scope)


ANYBODY = Caller("operator", open=True)
NOBODY = Caller(None)


class Guard(Protocol):
    """Knows who asks."""

    async def caller(self, request: Request) -> Caller:
        """Find out who asks.

        Raises:
            Problem: the key that came is not good, or comes too often, or cannot be looked up.
        """


class OpenDoor:
    """Everybody is an operator: for a process that nobody else reaches, such as a test."""

    async def caller(self, request: Request) -> Caller:
        """Let anybody in."""
        return ANYBODY


class Register:
    """The keys of the store as they were a moment ago.

    All of them: a key that does not exist costs the store nothing, however many are tried.
    While the store is away, keys that were seen before go on for :data:`GRACE_S`. It never says
    that there are no keys because it could not ask.

    Args:
        look: asks the store.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._keys: Mapping[str, ApiKey] = {}
        self._asked_at = -math.inf
        self._next_try = -math.inf
        self._away = False
        self._used: set[str] = set()
        self._turn = asyncio.Lock()

    async def keys(self) -> Mapping[str, ApiKey]:
        """Return every key that was ever made, by its id.

        Raises:
            Problem: the store is away, and was not seen for too long.
        """
        if self._due():
            async with self._turn:  # one asks, the others wait for the same answer
                if self._due():
                    await self._ask()
        if self._age() > GRACE_S:
            raise Problem(
                503,
                "store-unavailable",
                "The store of API keys is away; try again.",
                retry_after=math.ceil(REFRESH_S),
            )
        return self._keys

    def used(self, key_id: str) -> None:
        """Note that a key was used."""
        self._used.add(key_id)

    def _age(self) -> float:
        return time.monotonic() - self._asked_at

    def _due(self) -> bool:
        return self._age() > REFRESH_S and time.monotonic() >= self._next_try

    async def _ask(self) -> None:
        asked_at, used = time.monotonic(), frozenset(self._used)
        try:
            self._keys = await self._look(used, PATIENCE_S)
        except StoreUnavailable as error:
            if not self._away:  # once, not every two seconds
                log.warning("API keys cannot be looked up: %s", error)
            self._away, self._next_try = True, time.monotonic() + REFRESH_S
        else:
            self._away, self._asked_at = False, asked_at  # a key may be revoked while we wait
            self._used -= used


class Doorkeeper:
    """Asks for keys, where they are needed.

    Args:
        access: who needs one, see :class:`deployments.settings.Settings`.
        host: that Serve listens on, or None where that is not known.
        look: asks the store for the keys.
    """

    def __init__(
        self, access: Literal["auto", "keys", "open"], host: str | None, look: Look
    ) -> None:
        self._access = access if is_loopback(host) else "keys"
        self._register = Register(look)
        # In this process: each replica of the ingress counts for itself.
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def caller(self, request: Request) -> Caller:
        """Find out who asks; an open door looks at no key.

        Raises:
            Problem: the key that came is not good, or comes too often, or cannot be looked up.
        """
        if await self._stands_open(request):
            return ANYBODY
        headers = request.headers.getlist("authorization")
        if not headers:
            return NOBODY
        key = await self._known(headers)
        self._count(key)
        return Caller(key.scope, key.key_id)

    async def _stands_open(self, request: Request) -> bool:
        if self._access == "keys" or not is_local(request):
            return False
        return self._access == "open" or not await self._register.keys()

    async def _known(self, headers: list[str]) -> ApiKey:
        scheme, _, token = headers[0].strip().partition(" ")
        parts = read_token(token.strip()) if scheme.lower() == "bearer" else None
        if parts is None or len(headers) > 1:
            raise _challenge("key-unknown", "Send one header `Authorization: Bearer pk_…`.")
        key_id, secret = parts
        key = (await self._register.keys()).get(key_id)
        if key is None or not key.opened_by(secret, datetime.now(UTC)):
            raise _challenge("key-unknown", "This API key does not exist, or no more.")
        self._register.used(key_id)
        return key

    def _count(self, key: ApiKey) -> None:
        rate = RateLimitItemPerMinute(key.per_minute)
        if not self._limiter.hit(rate, key.key_id):
            reset_at = self._limiter.get_window_stats(rate, key.key_id).reset_time
            raise Problem(
                429,
                "rate-limited",
                f"This API key is good for {key.per_minute} requests in a minute.",
                retry_after=max(math.ceil(reset_at - time.time()), 1),
            )


class Ring(SecurityBase):
    """What one scope opens, as a dependency of routes; it returns who asks.

    Args:
        guard: knows who asks.
        scope: that is needed; None lets everybody in.
    """

    def __init__(self, guard: Guard, scope: Scope | None) -> None:
        self.model = HTTPBearer(
            bearerFormat="pk_…",
            description="An API key (`palisade keys create`). Bound to loopback, and for as long "
            "as no key was made, none is needed.",
        )
        self.scheme_name = "ApiKey"
        self._guard = guard
        self._scope = scope

    async def __call__(self, request: Request) -> Caller:
        """Let in who may.

        Raises:
            Problem: they may not.
        """
        caller = await self._guard.caller(request)
        if self._scope is None or caller.may(self._scope):
            return caller
        if caller.scope is None:
            raise _challenge("key-required", "Send an API key: `Authorization: Bearer pk_…`.")
        raise missing(self._scope)


def router(ring: Ring) -> APIRouter:
    """Return a router whose routes are all inside of a ring."""
    return APIRouter(dependencies=[Security(ring)], responses=REFUSALS)


def add(api: FastAPI, inside: APIRouter) -> None:
    """Add the routes of a ring.

    Side by side with all others: FastAPI's ``include_router`` would nest them, and hide from
    ``Allow`` and from the metrics which of them answers.
    """
    api.router.routes.extend(inside.routes)


class Me(BaseModel):
    """What is open to whoever asks.

    Attributes:
        scope: of the API key; null where one is needed and none came.
        open: whether no key is needed.
    """

    scope: Scope | None
    open: bool


def install(api: FastAPI, guard: Guard) -> None:
    """Add the route by which a client finds out whether it needs a key."""
    anybody = Ring(guard, None)
    asking = Security(anybody)
    me = router(anybody)

    @me.get("/v1/me", summary="What is open to me")
    async def who(caller: Caller = asking) -> Me:
        """Say what the API key of the request opens, or whether none is needed."""
        return Me(scope=caller.scope, open=caller.open)

    add(api, me)


def missing(scope: Scope) -> Problem:
    """Say that the key that came is not for this."""
    return Problem(403, "scope-missing", f"This needs an API key with scope {scope}.")


def _challenge(code: str, detail: str) -> Problem:
    problem = Problem(401, code, detail)
    problem.headers["WWW-Authenticate"] = "Bearer"
    return problem
