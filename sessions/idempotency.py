"""``Idempotency-Key``: one answer for each key, however often a client has to ask.

The header is that of draft-ietf-httpapi-idempotency-key-header. What is stored is a keyed digest of
the key and a keyed fingerprint of the request; neither the key nor the upload.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime

from media.capture import Capture

MAX_CHARACTERS = 255

_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])+)"')
_BARE = re.compile(r"[!#-+\--:<-~]+")


class MalformedKey(ValueError):
    """The header is not a key."""


class KeyReused(Exception):
    """The key came before, with other content."""


class KeyInProgress(Exception):
    """The key came before, and its first request is still being worked on."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A request's hold on a key.

    Attributes:
        key: keyed digest of the key, 64 hex digits.
        fingerprint: keyed digest of the request, 64 hex digits.
        owner: a random word for this request: only the holder may answer or release.
        expires_at: until then the key belongs to the request, or to its answer.
    """

    key: str
    fingerprint: str
    owner: str
    expires_at: datetime


def parse_key(header: str) -> str:
    """Read the header: an RFC 8941 string, or the same without quotation marks.

    Raises:
        MalformedKey: it is neither, empty, or longer than :data:`MAX_CHARACTERS`.
    """
    text = header.strip()
    if quoted := _QUOTED.fullmatch(text):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif _BARE.fullmatch(text):
        key = text
    else:
        raise MalformedKey('send one string of visible ASCII characters, as in "8e03978e-40d5"')
    if len(key) > MAX_CHARACTERS:
        raise MalformedKey(f"it has more than {MAX_CHARACTERS} characters")
    return key


def key_digest(secret: bytes, key: str, holder: str | None = None) -> str:
    """Digest of a key, 64 hex digits.

    Args:
        secret: of the digests.
        key: the word that the client chose.
        holder: id of the API key that it came with, if any: two clients that choose the same word
            neither get each other's answers nor stand in each other's way.
    """
    # The colon stands at different places: no key without a holder reads like one with.
    whose = "idempotency-key" if holder is None else f"idempotency-key-of:{holder}"
    return hmac.new(secret, f"{whose}:{key}".encode(), hashlib.sha256).hexdigest()


def fingerprint(secret: bytes, capture: Capture, subject: str | None) -> str:
    """Digest of everything in a request that its verdict depends on, 64 hex digits."""
    digest = hmac.new(secret, b"request", hashlib.sha256)
    described = [subject, capture.channel, sorted(capture.requested), list(capture.still_times)]
    if capture.gate:  # only then: requests without it keep the fingerprint that they always had
        described.append("gate")
    for part in (
        repr(described).encode(),
        capture.selfie,
        capture.clip,
        capture.document,
        *capture.stills,
    ):
        # The length first: no two requests may run together into the same bytes.
        digest.update(b"-" if part is None else b"%d:" % len(part))
        digest.update(part or b"")
    return digest.hexdigest()


def first_answer(held_fingerprint: str, session_id: str | None, wanted: Claim) -> str:
    """Say what a key that is taken means for one who wants it.

    Returns:
        The session that answered it.

    Raises:
        KeyReused: the content differs.
        KeyInProgress: there is no answer yet.
    """
    if not hmac.compare_digest(held_fingerprint, wanted.fingerprint):
        raise KeyReused
    if session_id is None:
        raise KeyInProgress
    return session_id
