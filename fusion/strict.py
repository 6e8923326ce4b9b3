"""The strictness of everything that a policy says."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Refuses unknown keys, infinities and later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
