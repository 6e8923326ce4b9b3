"""The specimens of Doc 9303 (parts 4 to 7), whose check digits the document itself prints."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docfraud.icao9303 import (
    ALPHABET,
    FILLER,
    LAYOUTS,
    Format,
    birth_date,
    check_digit,
    expiry_date,
    format_of,
    parse,
)

TODAY = dt.date(2026, 1, 15)

TD1 = (
    "I<UTOD231458907<<<<<<<<<<<<<<<",
    "7408122F1204159UTO<<<<<<<<<<<6",
    "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
)
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
MRV_A = (
    "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L8988901C4XXX4009078F96121096ZE184226B<<<<<<",
)
MRV_B = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<")
SPECIMENS = {
    Format.TD1: TD1,
    Format.TD2: TD2,
    Format.TD3: TD3,
    Format.MRV_A: MRV_A,
    Format.MRV_B: MRV_B,
}
LONG_TD1 = (
    "I<UTOD23145890<7349<<<<<<<<<<<",
    "3407127M9507122UTO<<<<<<<<<<<2",
    "STEVENSON<<PETER<JOHN<<<<<<<<<",
)
"""A document number of twelve characters, part 5, appendix B."""


def changed(rows: tuple[str, ...], row: int, column: int, char: str) -> tuple[str, ...]:
    text = rows[row][:column] + char + rows[row][column + 1 :]
    return (*rows[:row], text, *rows[row + 1 :])


@pytest.mark.parametrize(
    ("data", "digit"),
    [("520727", "3"), ("AB2134<<<", "5"), ("D23145890", "7"), ("<<<<<<", "0"), ("Z", "5")],
)
def test_check_digits_of_the_standard(data: str, digit: str) -> None:
    assert check_digit(data) == digit


def test_a_check_digit_of_other_characters_is_refused() -> None:
    with pytest.raises(ValueError, match="digits, capital letters"):
        check_digit("d1")


@pytest.mark.parametrize("format", SPECIMENS)
def test_specimens_hold(format: Format) -> None:
    zone = parse(SPECIMENS[format], today=TODAY)
    assert zone is not None
    assert zone.format is format
    assert zone.valid
    assert zone.fields["surname"] == "ERIKSSON"
    assert zone.fields["given_names"] == "ANNA MARIA"
    assert zone.fields["sex"] == "F"
    assert zone.fields["issuer"] == "UTO"
    assert not zone.names_truncated


def test_the_passport_in_full() -> None:
    zone = parse(TD3, today=TODAY)
    assert zone is not None
    assert zone.fields == {
        "surname": "ERIKSSON",
        "given_names": "ANNA MARIA",
        "document_number": "L898902C3",
        "birth_date": "1974-08-12",
        "expiry_date": "2012-04-15",
        "sex": "F",
        "nationality": "UTO",
        "issuer": "UTO",
        "personal_number": "ZE184226B",
    }
    assert set(zone.checks) == {
        "document_number", "birth_date", "expiry_date", "personal_number", "composite",
    }  # fmt: skip


def test_a_long_document_number_goes_on_in_the_optional_data() -> None:
    zone = parse(LONG_TD1, today=TODAY)
    assert zone is not None
    assert zone.fields["document_number"] == "D23145890734"
    assert zone.checks["document_number"]
    assert zone.checks["composite"]
    wrong = parse(changed(LONG_TD1, 0, 16, "4"), today=TODAY)
    assert wrong is not None
    assert not wrong.checks["document_number"]


@given(st.data())
def test_one_wrong_character_is_caught(data: st.DataObject) -> None:
    """The weights have no factor in common with 10: only characters that are alike modulo 10, such
    as 0, A, K and U, can stand for each other unseen."""
    format = data.draw(st.sampled_from(Format))
    rows, layout = SPECIMENS[format], LAYOUTS[format]
    name = data.draw(st.sampled_from(sorted(layout.checks)))
    span = data.draw(st.sampled_from(layout.checks[name].over))
    column = data.draw(st.integers(span.start, span.end - 1))
    char = data.draw(st.sampled_from(ALPHABET))
    zone = parse(changed(rows, span.row, column, char))
    assert zone is not None
    alike = check_digit(char) == check_digit(rows[span.row][column])
    assert zone.checks[name] == alike


@given(st.data())
def test_a_wrong_check_digit_is_caught(data: st.DataObject) -> None:
    format = data.draw(st.sampled_from(Format))
    rows, layout = SPECIMENS[format], LAYOUTS[format]
    name = data.draw(st.sampled_from(sorted(layout.checks)))
    digit = layout.checks[name].digit
    char = data.draw(st.sampled_from(sorted(set(ALPHABET) - {digit.of(rows), FILLER})))
    zone = parse(changed(rows, digit.row, digit.start, char))
    assert zone is not None
    assert not zone.checks[name]


@given(st.lists(st.text(max_size=50), max_size=4))
def test_any_text_gets_an_answer(rows: list[str]) -> None:
    zone = parse(rows)
    assert zone is None or zone.format is format_of(rows)


def test_an_empty_personal_number_may_have_no_check_digit() -> None:
    lower = "L898902C36UTO7408122F1204159<<<<<<<<<<<<<<<"
    composite = check_digit(lower[:10] + lower[13:20] + lower[21:43])
    zone = parse((TD3[0], lower + composite), today=TODAY)
    assert zone is not None
    assert zone.valid
    assert "personal_number" not in zone.fields


def test_names_that_fill_their_field_may_be_cut() -> None:
    zone = parse((TD2[0][:-1] + "X", TD2[1]))
    assert zone is not None
    assert zone.names_truncated


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ((), "none"),
        (("",), "empty"),
        (("P<UTO",), "one short row"),
        (TD1[:2], "a row is missing"),
        ((TD3[0], TD3[1][:-1]), "uneven"),
        ((TD3[0].lower(), TD3[1]), "lower case"),
        (TD3 * 2, "four rows"),
    ],
)
def test_what_has_no_layout(rows: tuple[str, ...], reason: str) -> None:
    assert format_of(rows) is None, reason
    assert parse(rows) is None


@pytest.mark.parametrize(
    ("read", "birth", "expiry"),
    [
        ("740812", "1974-08-12", "2074-08-12"),
        ("260115", "2026-01-15", "2026-01-15"),
        ("260116", "1926-01-16", "2026-01-16"),
        ("991231", "1999-12-31", "1999-12-31"),
        ("760101", "1976-01-01", "2076-01-01"),
        ("770101", "1977-01-01", "1977-01-01"),
        ("000229", "2000-02-29", "2000-02-29"),
        ("740230", "", ""),
        ("74<<<<", "", ""),
        ("<<<<<<", "", ""),
    ],
)
def test_centuries(read: str, birth: str, expiry: str) -> None:
    assert birth_date(read, TODAY) == birth
    assert expiry_date(read, TODAY) == expiry
