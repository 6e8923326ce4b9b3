"""Attacks made from bona fide faces, so that a change that blinds a detector is noticed.

Each is a pure function of pixels and a seed. They are drawn, not staged: a detector that misses one
has a gap, and one that sees it has passed a test and not met an attacker. Figures on real attacks
stand in docs/SIGNALS.md and docs/LIVENESS.md.

    >>> from evaluation.attacks import STILLS, Portrait
    >>> attack = STILLS["print_hand"](Portrait(pixels, points), seed=1)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping

from evaluation.attacks import (
    bona_fide,
    cutouts,
    held,
    injections,
    manipulations,
    prints,
    replays,
)
from evaluation.attacks.contracts import Clip, Portrait, Recording, Still

__all__ = ["BONA_FIDE", "CLIPS", "STILLS", "Clip", "Portrait", "Recording", "Still"]

BONA_FIDE: Still = bona_fide.taken
"""A bona fide picture, through the camera that the attacks pass."""

STILLS: Mapping[str, Still] = {
    "print_flat": prints.flat,
    "print_bent": prints.bent,
    "print_hand": prints.in_hand,
    "replay_close": replays.close,
    "replay_bands": replays.banded,
    "replay_bezel": replays.in_bezel,
    "cutout_eyes": cutouts.with_eyes,
    "resampled": manipulations.resampled,
    "swap_blend": manipulations.swapped,
    "compressed": manipulations.compressed,
}
"""PAI species (ISO/IEC 30107-3) of single pictures, and how each is made."""

CLIPS: Mapping[str, Clip] = {
    "photo_shaken": held.shaken,
    "print_turned": held.turned,
    "injected_frozen": injections.frozen,
    "injected_looped": injections.looped,
    "injected_regular": injections.regular,
    "injected_two_cameras": injections.two_cameras,
}
"""The same of clips. The first two need one frame, the others are changes to a clip."""

OF_ONE_FRAME = ("photo_shaken", "print_turned")
"""Clips that can be made from a picture."""
