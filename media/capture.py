"""What a client sent, still as untrusted bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Channel = Literal["browser", "sdk", "upload"]


@dataclass(frozen=True, slots=True)
class Capture:
    """One capture of one applicant.

    Attributes:
        selfie: an encoded image.
        clip: an encoded video, or None.
        stills: encoded images that stand for a clip; exclusive with ``clip``.
        still_times: seconds of each still from the first one, strictly increasing.
        document: an encoded image of an identity document, or None.
        channel: how the capture reached the client.
        requested: inputs that the applicant was asked for, such as ``clip``; what was requested
            and is missing counts as ``withheld``.
        gate: refuse a selfie that the policy finds too poor, before anything is run on it.
    """

    selfie: bytes
    clip: bytes | None = None
    stills: tuple[bytes, ...] = ()
    still_times: tuple[float, ...] = ()
    document: bytes | None = None
    channel: Channel = "upload"
    requested: frozenset[str] = frozenset()
    gate: bool = False
