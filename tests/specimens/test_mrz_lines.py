from __future__ import annotations

import pytest

from specimens.holders import GIVEN_NAMES, SURNAMES, holder
from specimens.mrz_lines import td1, td2, td3, transliterate

ERIKSSON = {
    "surname": "ERIKSSON",
    "given_names": "ANNA MARIA",
    "birth_date": "1974-08-12",
    "expiry_date": "2012-04-15",
    "sex": "F",
    "nationality": "UTO",
    "issuer": "UTO",
}
"""The holder of the specimens in ICAO Doc 9303."""


def test_the_passport_of_doc_9303_part_4() -> None:
    fields = {**ERIKSSON, "document_number": "L898902C3", "personal_number": "ZE184226B"}
    assert td3(fields) == (
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    )


def test_the_card_of_doc_9303_part_5() -> None:
    assert td1({**ERIKSSON, "document_number": "D23145890", "personal_number": ""}) == (
        "I<UTOD231458907<<<<<<<<<<<<<<<",
        "7408122F1204159UTO<<<<<<<<<<<6",
        "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    )


def test_the_card_of_doc_9303_part_6() -> None:
    assert td2({**ERIKSSON, "document_number": "D23145890"}) == (
        "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<",
        "D231458907UTO7408122F1204159<<<<<<<6",
    )


@pytest.mark.parametrize("seed", range(20))
def test_every_check_digit_is_right(seed: int) -> None:
    fields = holder(seed)
    first, second, _ = td1(fields)
    for part in (first[5:15], second[0:7], second[8:15]):
        _right(part)
    _right(first[5:30] + second[0:7] + second[8:15] + second[18:30])
    line = td2(fields)[1]
    for part in (line[0:10], line[13:20], line[21:28], line[0:10] + line[13:20] + line[21:36]):
        _right(part)
    line = td3(fields)[1]
    for part in (line[0:10], line[13:20], line[21:28], line[28:43]):
        _right(part)
    _right(line[0:10] + line[13:20] + line[21:44])


def _right(part: str) -> None:
    """A text that ends with its check digit, weighed another way than the code under test does."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    total = 0
    for place, letter in enumerate(part[:-1]):
        total += max(alphabet.find(letter), 0) * (7, 3, 1)[place % 3]
    assert part[-1] == alphabet[total % 10]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("STRAUß", "STRAUSS"),
        ("MÜLLER", "MUELLER"),
        ("O'CONNELL", "OCONNELL"),
        ("ÇELİK", "CELIK"),
        ("ÞÓRR", "THORR"),
        ("KŁOSOWSKA", "KLOSOWSKA"),
        ("SAINT-CLAIR", "SAINT-CLAIR"),
    ],
)
def test_transliteration(name: str, expected: str) -> None:
    assert transliterate(name) == expected


def test_no_name_is_too_long_for_the_shortest_zone() -> None:
    given = [name for names in GIVEN_NAMES.values() for name in names]
    longest = max(len(transliterate(n)) for n in SURNAMES) + max(
        len(transliterate(n)) for n in given
    )
    assert longest + len("<<") <= 30
    assert all(
        set(transliterate(name)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ -")
        for name in (*SURNAMES, *given)
    )
