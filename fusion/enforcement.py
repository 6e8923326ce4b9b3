"""Watch first, then block, for a share of the traffic that the operator turns up.

The share is a canary: every identity falls into a bucket in [0, 100), and those below the
policy's percentage are enforced. The bucket is a keyed hash, so it is stable (a rejected person
cannot retry until the draw misses) and cannot be computed by an attacker.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mode = Literal["ids", "ips"]

CANARY_KEY = "PALISADE_CANARY_KEY"
"""Environment variable with the secret of the buckets."""


def canary_key(environment: Mapping[str, str]) -> bytes:
    """Return the secret of the buckets; empty where none is set."""
    return environment.get(CANARY_KEY, "").encode()


@dataclass(frozen=True, slots=True)
class Enforcement:
    """How the policy stood for one session.

    Attributes:
        mode: ``ids`` watches, ``ips`` may block.
        percent: the share of identities that are enforced in ``ips`` mode, 0..100.
        bucket: where this identity fell, in [0, 100).
    """

    mode: Mode
    percent: float
    bucket: float

    @property
    def active(self) -> bool:
        """Whether a failed session is rejected rather than flagged."""
        return self.mode == "ips" and self.bucket < self.percent


def bucket(key: bytes, session_id: str, subject: str | None = None) -> float:
    """Place an identity in [0, 100), uniformly, by HMAC-SHA256.

    Args:
        key: the deployment's secret; the same on every replica.
        session_id: used only where no subject is known.
        subject: the caller's stable name for the person.
    """
    identity = f"session:{session_id}" if subject is None else f"subject:{subject}"
    drawn = hmac.new(key, identity.encode(), hashlib.sha256).digest()
    # 53 bits, so that the quotient is exact in a double and stays below 1.
    return (int.from_bytes(drawn[:8], "big") >> 11) / 2**53 * 100


def pseudonym(key: bytes, subject: str) -> str:
    """Return what stands for a subject on record: 64 hex digits, a keyed hash of the name.

    It finds the sessions of a subject and lets nobody without the key find the name. Without a
    key, whoever reads the store can try names: see ``palisade doctor``.
    """
    return hmac.new(key, f"record:{subject}".encode(), hashlib.sha256).hexdigest()
