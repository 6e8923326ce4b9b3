"""Which ways to make a fake are found out: a row for each, as the DFDS reference reports them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import proportion
from evaluation.metrics import confusion
from evaluation.scores import Sample


def by_method(sample: Sample, names: Sequence[str], threshold: float) -> list[dict[str, Any]]:
    """Work out a row for every name that an attack has, and for every one without a name.

    Args:
        sample: scores, high for bona fide.
        names: of each image, such as the method that made it; (N,).
        threshold: lowest score that is taken for real.

    Returns:
        Rows with ``name``, ``fake`` and ``real`` (images that got a score), ``accuracy``, ``f1`` of
        the fakes, ``fake_detection`` and ``real_detection`` (shares found, Clopper-Pearson), and
        ``auc``. Against the bona fide images of the same name where there are some, else against
        all.
    """
    of = np.array(names, str)
    rows = []
    for name in np.unique(of[~sample.bona_fide]):
        fake = (of == name) & ~sample.bona_fide
        own = (of == name) & sample.bona_fide
        rows.append({"name": str(name)} | _row(sample, fake | _real(sample, own), threshold))
    return rows


def _real(sample: Sample, own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return own if own.any() else sample.bona_fide


def _row(sample: Sample, chosen: NDArray[np.bool_], threshold: float) -> dict[str, Any]:
    judged = sample.only(chosen & sample.answered)
    known = math.isfinite(threshold)
    found = confusion(judged.scores >= threshold, judged.bona_fide)
    fake, real = int(found.support), int(found.turned.support)
    auc = judged.curve().auc
    return {
        "fake": fake,
        "real": real,
        "accuracy": found.accuracy if known and math.isfinite(found.accuracy) else None,
        "f1": found.f1 if known and math.isfinite(found.f1) else None,
        "fake_detection": proportion(int(found.hits), fake if known else 0),
        "real_detection": proportion(int(found.passes), real if known else 0),
        "auc": auc if math.isfinite(auc) else None,
    }
