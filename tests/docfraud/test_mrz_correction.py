"""What may be corrected in the zone of the passport of Doc 9303-4, and what may not."""

from __future__ import annotations

from random import Random

import pytest

from docfraud.icao9303 import Format, check_digit, parse
from docfraud.mrz_correction import Correction, correct

UPPER = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
LOWER = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"


def corrected(upper: str, lower: str) -> tuple[str, str, tuple[Correction, ...]]:
    (first, second), changes = correct(Format.TD3, (upper, lower))
    return first, second, changes


def with_char(row: str, column: int, char: str) -> str:
    return row[:column] + char + row[column + 1 :]


def test_what_is_right_stays() -> None:
    assert corrected(UPPER, LOWER) == (UPPER, LOWER, ())


@pytest.mark.parametrize(("column", "read"), [(2, "0"), (4, "0"), (7, "1"), (9, "5"), (0, "P")])
def test_digits_where_letters_belong(column: int, read: str) -> None:
    letter = {"0": "O", "1": "I", "5": "S"}.get(read, read)
    right = with_char(UPPER, column, letter)
    first, _, changes = corrected(with_char(UPPER, column, read), LOWER)
    assert first == right
    assert len(changes) == (read != letter)


@pytest.mark.parametrize(("column", "read"), [(13, "T"), (16, "B"), (9, "G"), (43, "O"), (43, "D")])
def test_letters_where_digits_belong(column: int, read: str) -> None:
    _, second, changes = corrected(UPPER, with_char(LOWER, column, read))
    digit = {"B": "8", "G": "6", "O": "0", "D": "0"}.get(read)
    assert second[column] == (digit or read)
    assert changes == ((Correction(1, column, read, digit),) if digit else ())


@pytest.mark.parametrize("column", [0, 5, 30, 35])
@pytest.mark.parametrize("char", "O0I1S5")
def test_numbers_may_hold_both_and_stay(column: int, char: str) -> None:
    """An O for the 0 of the number is seen by its check digit, and not repaired by it."""
    read = with_char(LOWER, column, char)
    assert corrected(UPPER, read) == (UPPER, read, ())


def test_a_code_of_digits_is_no_misread_code() -> None:
    """As on cards of national layouts: 3 is the look-alike of no letter, so 1 stays 1."""
    read = LOWER[:10] + "132" + LOWER[13:]
    assert corrected(UPPER, read)[1] == read


def test_a_date_with_a_stray_letter_stays() -> None:
    read = LOWER[:13] + "7X0B12" + LOWER[19:]
    assert corrected(UPPER, read)[1] == read


def test_spots_behind_the_names_are_fillers() -> None:
    first, _, changes = corrected(with_char(with_char(UPPER, 35, "C"), 43, "K"), LOWER)
    assert first == UPPER
    assert changes == (Correction(0, 35, "C", "<"), Correction(0, 43, "K", "<"))


def test_digits_behind_the_names_do_not_become_letters() -> None:
    """As a recogniser makes of a run of fillers: 5558 would read SSSB."""
    assert corrected(UPPER[:-4] + "5558", LOWER)[0] == UPPER


def test_names_between_single_and_double_fillers_stay() -> None:
    upper = "P<UTOVAN<DER<MEER<<ANNA<MARIA<C<K".ljust(44, "<")
    assert corrected(upper, LOWER)[0] == upper


def test_the_second_character_of_a_card_may_be_a_digit() -> None:
    rows = (
        "C1USA0000000003LIN1044750079<<",
        "5808175F1004027UTO<<<<<<<<<<<7",
        "TEST".ljust(30, "<"),
    )
    assert correct(Format.TD1, rows) == (rows, ())


def test_no_forged_number_is_made_valid() -> None:
    draw = Random(9303)
    for _ in range(200):
        number = "".join(draw.choices("0123456789", k=9))
        place = draw.randrange(9)
        forged = with_char(number, place, draw.choice(sorted(set("0123456789") - {number[place]})))
        rows, _ = correct(Format.TD3, (UPPER, forged + check_digit(number) + LOWER[10:]))
        zone = parse(rows)
        assert zone is not None
        assert not zone.checks["document_number"]
