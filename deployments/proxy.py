"""What Serve's HTTP proxy answers by itself, when no replica of the ingress does.

Where the replica that worked on a request dies, Serve gives no answer at all, which its HTTP server
turns into a bare ``500``; where there is no replica it answers ``503``, and after its own timeout
``408``, in plain text and without ``Retry-After``. All of these mean the same to a client: it was
not at fault, and may send the request again.
"""

from __future__ import annotations

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.problems import Problem

RETRY_AFTER_S = 5
"""A replica is back within a few seconds."""

OF_SERVE = (408, 429, 500, 503)


def middlewares() -> list[Middleware]:
    """Wrap the proxy; Serve calls this (``RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH``)."""
    return [Middleware(Apology)]


class Apology:
    """Puts a problem document in place of an error in plain text, or of no answer at all.

    What a replica answers passes as it is, and so do Serve's own pages under ``/-/``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["path"].startswith("/-/"):
            await self._app(scope, receive, send)
            return
        answered = False

        async def passed(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                if _is_of_serve(message):
                    return
                answered = True
            if answered:
                await send(message)

        await self._app(scope, receive, passed)
        if not answered:
            await _failed().response()(scope, receive, send)


def _is_of_serve(start: Message) -> bool:
    kind = dict(start.get("headers", ())).get(b"content-type", b"")
    return start["status"] in OF_SERVE and kind.startswith(b"text/plain")


def _failed() -> Problem:
    return Problem(
        503,
        "node-unavailable",
        "The node that worked on this request is restarting; send it again.",
        retry_after=RETRY_AFTER_S,
    )
