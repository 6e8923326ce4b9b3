"""The web page at ``/``: static files, held in memory, with the headers that keep it closed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from fastapi import FastAPI, Request, Response

from deployments.problems import Problem
from deployments.recording import Recording

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Not asked of the system, whose table of types differs from one machine to the next."""

POLICY = "; ".join(
    (
        "default-src 'self'",
        # The camera's stills are shown from memory, and the pictures of an answer come inside it.
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The Content-Security-Policy: no inline script or style, and nobody else's server."""

SECURITY = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), display-capture=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On the page and its files alone: ``/docs`` has scripts of its own inside its HTML."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page.

    Attributes:
        content: its bytes.
        headers: of every answer with it.
    """

    content: bytes
    headers: dict[str, str]

    @classmethod
    def of(cls, name: str, content: bytes) -> File:
        """Make a file of its name, which decides its type, and its content.

        The entity tag is a digest of the content, so that it is the same on every replica; a
        browser asks with it each time, and so never mixes the files of two versions.
        """
        return cls(
            content,
            {
                "Content-Type": TYPES[name[name.rindex(".") :]],
                "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
                "Cache-Control": "no-cache",
                **SECURITY,
            },
        )

    def answer(self, request: Request) -> Response:
        """Answer with the content, or with 304 where the client has it."""
        known = request.headers.get("if-none-match", "")
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        if self.headers["ETag"] in tags or known.strip() == "*":
            return Response(status_code=304, headers=self.headers)
        return Response(self.content, headers=self.headers)


def load(recording: Recording) -> dict[str, File]:
    """Read the files of the package ``console`` by their names.

    Args:
        recording: what the page is to record; it stands in the page, which so needs no answer of
            the server to say before anybody agrees how long it will look at them.
    """
    usual, asked = (f'content="{one}"'.encode() for one in (Recording(), recording))
    return {
        entry.name: File.of(entry.name, entry.read_bytes().replace(usual, asked))
        for entry in files("console").iterdir()
        if entry.name.endswith(tuple(TYPES))
    }


def install(api: FastAPI, recording: Recording | None = None) -> None:
    """Serve the page at ``/`` and its files under ``/console/``.

    Args:
        api: where.
        recording: what the page is to record, if not what the reference does.
    """
    page = load(recording or Recording())

    @api.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def root(request: Request) -> Response:
        return page["index.html"].answer(request)

    @api.api_route("/console/{name}", methods=["GET", "HEAD"], include_in_schema=False)
    async def file(name: str, request: Request) -> Response:
        if name not in page:
            raise Problem(404, "not-found", "The console has no such file.")
        return page[name].answer(request)
