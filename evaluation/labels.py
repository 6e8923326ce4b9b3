"""Labels that are understood, in lower case; here so that ``--help`` need not import a reader."""

from __future__ import annotations

BONA_FIDE = ("bona_fide", "genuine", "real", "live", "authentic", "original", "genuine_template")
ATTACK = ("attack", "spoof", "fake", "screen", "recapture", "tampered", "forged")
