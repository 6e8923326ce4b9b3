"""Random numbers that depend on a seed and on what they are for, and on nothing else."""

from __future__ import annotations

import zlib

import numpy as np


def generator(purpose: str, seed: int) -> np.random.Generator:
    """Make a generator for one purpose, so that more draws for one leave the others alone.

    Args:
        purpose: what is drawn, such as ``portrait``.
        seed: not negative.
    """
    return np.random.default_rng([zlib.crc32(purpose.encode()), seed])
