"""Typed arguments of the application: limits, deadlines and how much may be in flight."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from media.limits import ClipLimits, ImageLimits


class MemorySettings(BaseModel):
    """How verdicts are remembered; where is said by ``PALISADE_STORE`` and ``PALISADE_SPOOL``.

    Attributes:
        retention_days: a session is deleted after so many days.
        reserve_ms: part of the deadline kept for recording the verdict.
        store_timeout_ms: longest that a verdict waits for the store before it goes to the spool;
            half of what is left of the deadline, where that is less.
        key_hours: an ``Idempotency-Key`` is remembered for so many hours.
        sweep_minutes: pause between two deletions of what has expired.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    retention_days: int = Field(default=30, gt=0, le=36_500)
    reserve_ms: int = Field(default=250, gt=0)
    store_timeout_ms: int = Field(default=1_000, gt=0)
    key_hours: int = Field(default=24, gt=0, le=24 * 365)
    sweep_minutes: int = Field(default=10, gt=0)


class Settings(BaseModel):
    """Arguments of :func:`graph.build`; unknown ones are refused.

    Attributes:
        image: limits of a selfie, a document and each still of a clip.
        clip: limits of a clip.
        max_body_bytes: limit of a whole request.
        deadline_ms: time for a verdict where the client names none.
        max_deadline_ms: longest deadline that a client may ask for.
        fusion_reserve_ms: part of the deadline kept for fusion.
        memory: how verdicts are remembered.
        without: signals that get no node, because nobody put their weights here: they are
            ``unavailable``. ``palisade serve`` fills it in.
        max_in_flight: requests that one ingress replica works on; more get a 503.
        access: who needs an API key. ``auto``: everybody, except on a loopback address for as long
            as no key was ever made; ``keys``: everybody; ``open``: nobody, which is taken on a
            loopback address only.
        capture_seconds: how long the console records a face, 3 to 10; the pulse wants 10.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: ImageLimits = ImageLimits()
    clip: ClipLimits = ClipLimits()
    max_body_bytes: int = Field(default=80 * 2**20, gt=0)
    deadline_ms: int = Field(default=20_000, gt=0)
    max_deadline_ms: int = Field(default=60_000, gt=0)
    fusion_reserve_ms: int = Field(default=250, gt=0)
    memory: MemorySettings = MemorySettings()
    without: tuple[str, ...] = ()
    max_in_flight: int = Field(default=32, gt=0)
    access: Literal["auto", "keys", "open"] = "auto"
    capture_seconds: float = Field(default=3.0, ge=3.0, le=10.0)

    @property
    def reserve_ms(self) -> int:
        """Part of the deadline in which nothing is measured any more."""
        return self.fusion_reserve_ms + self.memory.reserve_ms

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.deadline_ms > self.max_deadline_ms:
            raise ValueError("deadline_ms is above max_deadline_ms")
        if self.reserve_ms >= self.deadline_ms:
            raise ValueError(
                "fusion_reserve_ms and memory.reserve_ms leave no time within deadline_ms"
            )
        return self
