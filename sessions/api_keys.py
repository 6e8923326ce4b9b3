"""API keys: who may knock, for what, and how often.

A key is ``pk_<id>_<secret>``. The id may be seen by anybody; the secret is 256 bits of the
operating system's randomness, and only its SHA-256 is kept. A plain hash is enough for that: slow
hashes and salts make it costly to try likely passwords, and among 2**256 equally likely secrets
there is nothing to try.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Scope = Literal["applicant", "operator"]

ID = r"[0-9a-f]{12}"
"""Pattern of a key's id."""

SECRET_BYTES = 32

TOKEN = re.compile(rf"pk_({ID})_([A-Za-z0-9_-]{{43}})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept.

    Attributes:
        key_id: 12 hex digits, not secret.
        name: of whoever holds it, for people.
        scope: what it opens.
        sha256: of the secret, 64 hex digits.
        per_minute: requests that it is good for in any minute.
        created_at: UTC.
        expires_at: UTC, or None for a key that does not expire.
        revoked_at: UTC, or None.
        used_at: UTC, to the hour; None for a key that nobody has used.
    """

    key_id: str
    name: str
    scope: Scope
    sha256: str
    per_minute: int
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    def state(self, now: datetime) -> Literal["live", "expired", "revoked"]:
        """Whether it opens anything."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "live"

    def opened_by(self, secret: str, now: datetime) -> bool:
        """Whether it is live and ``secret`` is its own; compared in constant time."""
        own = hmac.compare_digest(self.sha256, _hash(secret))
        return own and self.state(now) == "live"


def new_key(
    name: str, scope: Scope, per_minute: int, now: datetime, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a new key.

    Returns:
        What is kept of it, and the token, which is to be shown once and not kept.
    """
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(SECRET_BYTES)
    key = ApiKey(key_id, name, scope, _hash(secret), per_minute, now, expires_at)
    return key, f"pk_{key_id}_{secret}"


def read_token(token: str) -> tuple[str, str] | None:
    """Return the id and the secret of a token; None where it is none."""
    found = TOKEN.fullmatch(token)
    return None if found is None else (found[1], found[2])


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
