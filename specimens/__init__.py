"""Specimens of identity documents, drawn by the project for its tests and its demonstration.

Nobody on them exists, no state issues them, and all of them say SPECIMEN. They are drawn
(:mod:`specimens.cards`), photographed (:mod:`specimens.camera`) and forged
(:mod:`specimens.forgeries`); ``python -m specimens`` writes many.

    >>> from specimens import draw, forge, photograph
    >>> passport = draw(7, "td3")
    >>> jpeg = photograph(passport.pixels, seed=7)
    >>> forged = forge(passport, "barcode_left", seed=7, field="birth_date")
    >>> forged.edit.sides
    ('text', 'mrz')
"""

from specimens.camera import photograph
from specimens.cards import KINDS, Specimen, draw
from specimens.forgeries import EDITABLE, FORGERIES, Edit, Forged, forge

__all__ = [
    "EDITABLE",
    "FORGERIES",
    "KINDS",
    "Edit",
    "Forged",
    "Specimen",
    "draw",
    "forge",
    "photograph",
]
