from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from detectors.contracts import Measurement, Status
from evaluation.items import Item
from evaluation.readings import NO_TRUTH, Transcript, compare, evaluate


def item(at: int, kind: str = "", **columns: str) -> Item:
    row = {"path": f"{at}.png", "label": "x", "kind": kind, "subject": f"s{at // 2}"} | columns
    return Item(f"/{at}.png", row)


def read(*texts: str, valid: bool | None = None, **fields: str) -> Transcript:
    return Transcript(texts=texts, fields=fields, valid=valid)


@pytest.mark.parametrize(
    ("texts", "true", "exact", "distance"),
    [
        (("ABC",), ("ABC",), 1, 0),
        (("ABD",), ("ABC",), 0, 1),
        ((), ("ABC",), 0, 3),
        (("XYZXYZXYZ",), ("ABC",), 0, 3),  # no worse than nothing
        (("ABC", "other"), ("ABC",), 1, 0),  # another barcode beside it
        (("first", "secon"), ("first", "second"), 1, 1),
        (("second", "first"), ("first", "second"), 2, 0),
        (("first",), ("first", "first"), 1, 5),  # one reading does not count twice
    ],
)
def test_each_text_of_the_truth_is_compared_with_the_closest(
    texts: tuple[str, ...], true: tuple[str, ...], exact: int, distance: int
) -> None:
    found = compare(read(*texts), true, {})
    assert (found["exact_texts"], found["distance"]) == (exact, distance)
    assert (found["texts"], found["true_texts"]) == (len(texts), len(true))
    assert found["true_characters"] == sum(map(len, true))


def test_fields_are_compared_by_name() -> None:
    found = compare(read(surname="DOE", sex="F"), (), {"surname": "DOE", "sex": "M", "issuer": "D"})
    assert (found["exact_fields"], found["true_fields"]) == (1, 3)


def test_what_could_not_be_looked_at_has_read_nothing() -> None:
    found = compare(Measurement(status=Status.UNAVAILABLE), ("ABC",), {"sex": "F"})
    assert found == {
        "texts": 0,
        "exact_texts": 0,
        "true_texts": 1,
        "distance": 3,
        "true_characters": 3,
        "exact_fields": 0,
        "true_fields": 1,
    }


def test_what_a_document_says_is_in_no_repr() -> None:
    assert "DOE" not in repr(read("DOE", surname="DOE"))


TRUTH = {
    "0.png": ("AAAA", "BBBB"),
    "1.png": ("CCCC",),
    "2.png": (),
    "3.png": ("DDDD",),
}


def truth_of(item: Item) -> tuple[str, ...]:
    return TRUTH[item.path]


FOUND = [
    read("AAAA", "BBBX", valid=False),
    read("CCCC"),
    read("?", valid=True),
    Measurement(status=Status.UNAVAILABLE, reasons=("file-missing",)),
]


def values(report: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: figure.value for name, figure in report["figures"].items()}


def test_rates_worked_by_hand() -> None:
    report, counts = evaluate([item(at) for at in range(4)], FOUND, truth_of, seed=0)
    found = values(report)
    assert found["read_rate"] == 1 / 3  # of 0, 1 and 3 only 1 is whole
    assert found["exact_rate"] == 2 / 4
    assert found["character_error"] == pytest.approx((1 + 4) / 16)
    assert found["found_rate"] == 3 / 4
    assert found["valid_rate"] == 1 / 3  # 1 is a line; 3 was not seen
    assert "field_exact_rate" not in found
    assert report["figures"]["read_rate"].method == "Wilson"
    assert "subjects" in report["figures"]["character_error"].method
    assert report["headline"]["with_truth"] == 3
    assert report["headline"]["exact_rate"] == 0.5
    assert report["notes"] == []
    assert report["non_response"]["reasons"] == {"file-missing": 1}
    assert len(counts) == 4


def test_fields_of_the_manifest() -> None:
    items = [item(0, surname="DOE", sex="F"), item(1, surname="ROE")]
    found = [read(surname="DOE", sex="M"), read(surname="ROE")]
    report, _ = evaluate(items, found, lambda item: (), seed=0)
    assert values(report)["field_exact_rate"] == pytest.approx(2 / 3)


def test_without_any_truth_nothing_is_claimed_to_be_right() -> None:
    report, _ = evaluate([item(0), item(1)], [read("?"), read()], lambda item: (), seed=0)
    assert values(report)["found_rate"] == 1 / 2
    assert report["notes"] == [NO_TRUTH]
    assert report["headline"]["with_truth"] == 0
    assert set(report["figures"]) == {"found_rate", "found_rate_by_subject"}


def test_kinds_are_told_apart() -> None:
    items = [item(0, "sharp"), item(1, "blurred")]
    report, _ = evaluate(items, [read("AAAA", "BBBB"), read()], truth_of, seed=0)
    rates = {row["name"]: row["read rate"].value for row in report["kinds"]}
    assert rates == {"sharp": 1.0, "blurred": 0.0}
