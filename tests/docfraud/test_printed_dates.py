from __future__ import annotations

import datetime as dt

import pytest

from docfraud.printed_dates import iso_date, plain

TODAY = dt.date(2026, 1, 15)


def test_accents_and_signs_go() -> None:
    assert plain("N° de pièce d'identité Łódź") == "n de piece d identite lodz"


@pytest.mark.parametrize(
    ("text", "past", "expected"),
    [
        ("12.08.1974", True, "1974-08-12"),
        ("12 08 74", True, "1974-08-12"),
        ("22/08/1974", True, "1974-08-22"),
        ("08/22/1974", True, "1974-08-22"),
        ("04/10/1974", True, ""),
        ("1974-08-12", True, "1974-08-12"),
        ("01 JAN /JAN 85", True, "1985-01-01"),
        ("20 Juin/Jun 1978", True, "1978-06-20"),
        ("05FEB1965", True, "1965-02-05"),
        ("15 APR/AVR 30", False, "2030-04-15"),
        ("31.02.2000", True, ""),
        ("PARIS", True, ""),
        ("", True, ""),
    ],
)
def test_dates(text: str, past: bool, expected: str) -> None:
    assert iso_date(text, TODAY, past=past) == expected
