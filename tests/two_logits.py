"""A network with the interface of the deepfake network: two logits, of a fake and of a real face.

The logit of a fake is a weighted sum of the means of the three channels and that of a real face is
zero, so that the answer is known.
"""

from __future__ import annotations

import json
from pathlib import Path

import channel_means
import numpy as np

from models import own
from models.own import Card


def write(
    path: Path, weights: tuple[float, float, float], side: int = 260, logits: int = 2
) -> Path:
    """Write a network whose first logit is the sum of ``weights`` times the means of R, G and B."""
    columns = np.zeros((3, logits), np.float32)
    columns[:, 0] = weights
    return channel_means.write(path, ("pixel_values", "logits"), side, columns)


def card(**changes: object) -> Card:
    """A card whose file, digest and size are still to be filled in."""
    known = {"name": "deepfake", "file": "", "sha256": "", "bytes": 0, "purpose": "a test"}
    made = {"made_from": "0" * 64, "made_with": "onnx", "parity": 0.0}
    return Card(**(known | made | changes))  # type: ignore[arg-type]


def install(
    weights: tuple[float, float, float] = (1.0, 0.0, 0.0), name: str = "deepfake"
) -> own.Own:
    """Put such a network into the store of this process's environment."""

    def written(path: Path) -> Card:
        write(path, weights)
        return card(name=name)

    return own.register(name, written)


def spoil(made: own.Own, **changes: object) -> None:
    """Change what the card of an installed model says."""
    path = made.path.with_name(f"{made.card.name}.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
