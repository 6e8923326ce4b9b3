"""How well barcodes and machine-readable zones are read, against a truth.

Personal data stay in memory: what is reported of an image are counts, never what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.contracts import Measurement, Status
from docfraud.contracts import Fields
from evaluation.intervals import Figure, bootstrap, proportion
from evaluation.items import Item
from evaluation.looking import counted
from evaluation.metrics import edit_distance, share
from evaluation.truth import true_fields


@dataclass(frozen=True, slots=True)
class Transcript(Measurement):
    """What a reader read, word for word; personal data.

    Attributes:
        texts: payloads of barcodes, or lines of a zone without blanks.
        fields: what they say, by the names of :data:`docfraud.contracts.FIELDS`.
        valid: whether a whole zone was read and every check digit in it holds; None where the
            question does not arise.
    """

    texts: tuple[str, ...] = field(default=(), repr=False)
    fields: Fields = field(default_factory=dict, repr=False)
    valid: bool | None = None


NO_TRUTH = "No image has a true text: how much of it was read right is not known."

TruthOf = Callable[[Item], tuple[str, ...]]
"""The texts that stand on an image; none where that is not known."""

Counts = Mapping[str, float]


def compare(found: Measurement, texts: Sequence[str], fields: Fields) -> Counts:
    """Compare what was read with the truth.

    Each text of the truth is compared with the one among those that were read that is closest;
    what was read beyond the truth costs nothing, because truth may name one barcode of several.

    Args:
        found: a :class:`Transcript`; anything else is nothing read.
        texts: the truth, empty where it is not known.
        fields: the truth.

    Returns:
        texts: that were read.
        exact_texts, true_texts: of the truth, those that were read without an error, and all.
        distance, true_characters: characters to insert, delete or substitute, and all of the truth;
            a text that was not read costs all of its characters.
        exact_fields, true_fields: of the truth.
        valid: 0 or 1, where the question arises.
    """
    read = found if isinstance(found, Transcript) else Transcript()
    left = list(read.texts)
    exact = distance = 0
    for text in texts:
        errors = [edit_distance(other, text) for other in left]
        best = min([*errors, len(text)])
        if errors and min(errors) == best:
            left.pop(errors.index(best))
        exact += best == 0
        distance += best
    counts = {
        "texts": len(read.texts),
        "exact_texts": exact,
        "true_texts": len(texts),
        "distance": distance,
        "true_characters": sum(map(len, texts)),
        "exact_fields": sum(read.fields.get(name) == said for name, said in fields.items()),
        "true_fields": len(fields),
    }
    return counts if read.valid is None else counts | {"valid": float(read.valid)}


def evaluate(
    items: Sequence[Item], found: Sequence[Measurement], truth_of: TruthOf, *, seed: int
) -> tuple[dict[str, Any], list[Counts]]:
    """Count what was read.

    - ``read_rate``: images all of whose true texts were read exactly, of those with a truth;
    - ``exact_rate``: true texts that were read exactly;
    - ``character_error``: edit distance over the characters of the truth;
    - ``field_exact_rate``: true fields that were read exactly;
    - ``found_rate``: images on which anything was read, of all;
    - ``valid_rate``: zones that were read with every check digit right, of whole documents.

    A rate of nothing is left out. What was refused, and where nothing was found, is not read. Rates
    have Wilson's interval, and another by subject.

    Returns:
        The content of ``report.json``, with figures as :class:`Figure`, and each image's counts.
    """
    counts = [
        compare(one, truth_of(item), true_fields(item))
        for item, one in zip(items, found, strict=True)
    ]
    anything = _Rate(_column(counts, "texts") > 0, np.ones(len(items)))
    true = _column(counts, "true_texts")
    read = _Rate((true > 0) & (_column(counts, "exact_texts") == true), true > 0)
    # Where a page could not be looked at, the question would have arisen.
    whole = np.array([not isinstance(f, Transcript) or f.valid is not None for f in found])
    rates = {
        "read_rate": read,
        "exact_rate": _Rate(_column(counts, "exact_texts"), true),
        "character_error": _Rate(_column(counts, "distance"), _column(counts, "true_characters")),
        "field_exact_rate": _Rate(_column(counts, "exact_fields"), _column(counts, "true_fields")),
        "found_rate": anything,
        "valid_rate": _Rate(_column(counts, "valid"), whole & ("valid" in set().union(*counts))),
    }
    figures: dict[str, Figure] = {}
    for name, rate in rates.items():
        if rate.of.any():
            by_subject = rate.by_subject(items, seed)
            if name == "character_error":  # edits are no draws from the characters
                figures[name] = by_subject
            else:
                figures |= {name: rate.whole, f"{name}_by_subject": by_subject}
    silent = sum(one.status is not Status.OK for one in found)
    headline = {
        key: number
        for name, figure in figures.items()
        if not name.endswith("_by_subject")
        for key, number in figure.flat(name).items()
    }
    report = {
        "headline": {**headline, "images": len(items), "with_truth": int((true > 0).sum())},
        "figures": figures,
        "kinds": _by_kind(items, {"read rate": read, "check digits hold": rates["valid_rate"]}),
        "non_response": {"non_response": proportion(silent, len(items)), **counted(found)},
        "notes": [] if true.any() else [NO_TRUTH],
    }
    return report, counts


@dataclass(frozen=True, slots=True, eq=False)
class _Rate:
    """``hits`` of ``of`` over images, (N,) each; ``of`` is 0 where an image does not count."""

    hits: NDArray[Any]
    of: NDArray[Any]

    @property
    def whole(self) -> Figure:
        """The rate, bounded by Wilson's interval."""
        return proportion(int(self.hits.sum()), int(self.of.sum()), "wilson")

    def by_subject(self, items: Sequence[Item], seed: int) -> Figure:
        """The rate, bounded by drawing subjects again."""
        counts = self.of > 0
        hits, of = self.hits[counts], self.of[counts].astype(float)
        subjects = [item.subject for item, keep in zip(items, counts, strict=True) if keep]
        drawn = bootstrap(lambda w: {"rate": share(hits / of, of * w)}, subjects, seed=seed)
        return drawn["rate"]


def _column(counts: Sequence[Counts], name: str) -> NDArray[np.float64]:
    return np.array([one.get(name, 0) for one in counts], float)


def _by_kind(items: Sequence[Item], rates: Mapping[str, _Rate]) -> list[dict[str, Any]]:
    """The rates of each kind, where there are several."""
    of = np.array([item.kind for item in items])
    kinds = np.unique(of)
    if len(kinds) < 2:
        return []
    return [
        {
            "name": str(kind),
            "images": int((of == kind).sum()),
            **{
                name: _Rate(rate.hits[of == kind], rate.of[of == kind]).whole
                for name, rate in rates.items()
                if rate.of.any()
            },
        }
        for kind in kinds
    ]
