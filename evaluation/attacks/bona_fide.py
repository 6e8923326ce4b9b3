"""No attack: the face itself, through the same camera as the attacks."""

from __future__ import annotations

from evaluation.attacks import scene
from evaluation.attacks.contracts import Pixels, Portrait
from specimens import camera


def taken(portrait: Portrait, seed: int) -> Pixels:
    """Take the picture without an artefact."""
    return scene.taken(camera.linear(portrait.pixels), seed)
