"""Typed arguments of the application: limits, deadlines and how much may be in flight."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from media.limits import ClipLimits, ImageLimits


class Settings(BaseModel):
    """Arguments of :func:`graph.build`; unknown ones are refused.

    Attributes:
        image: limits of a selfie, a document and each still of a clip.
        clip: limits of a clip.
        max_body_bytes: limit of a whole request.
        deadline_ms: time for a verdict where the client names none.
        max_deadline_ms: longest deadline that a client may ask for.
        fusion_reserve_ms: part of the deadline kept for fusion and the answer.
        max_in_flight: requests that one ingress replica works on; more get a 503.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: ImageLimits = ImageLimits()
    clip: ClipLimits = ClipLimits()
    max_body_bytes: int = Field(default=80 * 2**20, gt=0)
    deadline_ms: int = Field(default=20_000, gt=0)
    max_deadline_ms: int = Field(default=60_000, gt=0)
    fusion_reserve_ms: int = Field(default=100, gt=0)
    max_in_flight: int = Field(default=32, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.deadline_ms > self.max_deadline_ms:
            raise ValueError("deadline_ms is above max_deadline_ms")
        if self.fusion_reserve_ms >= self.deadline_ms:
            raise ValueError("fusion_reserve_ms leaves no time within deadline_ms")
        return self
