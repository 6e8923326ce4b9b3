from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docfraud.contracts import FIELDS
from docfraud.visible_text import TextLine, labelled

TODAY = dt.date(2026, 1, 15)


def line(text: str, x: float, y: float, confidence: float = 0.99) -> TextLine:
    return TextLine(text, confidence, (x, y, x + 10 * len(text), y + 20))


def test_values_below_and_beside_their_labels() -> None:
    page = [
        line("Surname/Nom", 0, 0), line("Eriksson", 0, 25),
        line("Given names/ Prénoms", 0, 60), line("ANNA MARIA", 0, 85),
        line("Date of Birth", 0, 120), line("12 AUGUST/AOUT 74", 160, 121),
        line("Sex: F", 0, 150), line("Date of expiry/Date d'expiration", 0, 180),
        line("15.04.2012", 0, 205), line("Document No. D231-45890", 0, 240),
        line("Nationality", 0, 270), line("UTO", 0, 295),
        line("Date of issue", 0, 330), line("2007-04-16", 0, 355),
    ]  # fmt: skip
    assert labelled(page, TODAY) == {
        "surname": "ERIKSSON",
        "given_names": "ANNA MARIA",
        "birth_date": "1974-08-12",
        "sex": "F",
        "expiry_date": "2012-04-15",
        "document_number": "D23145890",
        "nationality": "UTO",
        "issue_date": "2007-04-16",
    }


def test_a_label_behind_one_of_another_language() -> None:
    page = [line("Prezime/Surname/Nom", 0, 0), line("HORVAT", 0, 25)]
    assert labelled(page, TODAY) == {"surname": "HORVAT"}


def test_both_names_on_one_line() -> None:
    page = [line("Name", 0, 0), line("LIN, MEI-HUA", 0, 25)]
    assert labelled(page, TODAY) == {"surname": "LIN", "given_names": "MEI-HUA"}


@pytest.mark.parametrize(
    "value",
    [
        line("Identlfiant secondaire", 0, 25),  # a label, misread
        line("ANNA", 0, 25, confidence=0.6),
        line("ANNA", 0, 300),
        line("ANNA", 400, 25),
        line("12345", 0, 25),
    ],
)
def test_what_is_no_value_is_not_taken(value: TextLine) -> None:
    assert labelled([line("Given names", 0, 0), value], TODAY) == {}


def test_labels_side_by_side() -> None:
    apart = [line("Sex Nationality", 0, 0), line("F", 0, 25), line("UTO", 50, 25)]
    assert labelled(apart, TODAY) == {"sex": "F", "nationality": "UTO"}
    merged = [line("Sex Nationality", 0, 0), line("F UTO", 0, 25)]
    assert labelled(merged, TODAY) == {"sex": "F", "nationality": "UTO"}


@pytest.mark.parametrize(
    "values",
    [
        [line("8JZF04WZ9 09 OCT 2019 08 OCT 2029", 0, 25)],
        [line("8JZF04WZ909OCT2019", 0, 25), line("08 OCT 2029", 250, 25)],
        [line("8JZF04WZ9", 0, 25), line("09.10.2019   08.10.2029", 115, 25)],
    ],
)
def test_values_side_by_side_are_parted_at_their_dates(values: list[TextLine]) -> None:
    labels = [
        line(*at, 0) for at in (("Document No", 0), ("Date of issue", 115), ("Date of expiry", 250))
    ]
    assert labelled([*labels, *values], TODAY) == {
        "document_number": "8JZF04WZ9",
        "issue_date": "2019-10-09",
        "expiry_date": "2029-10-08",
    }


def test_names_under_one_line_of_labels_are_not_told_apart() -> None:
    page = [line("Surname Given names", 0, 0), line("ERIKSSON ANNA", 0, 25)]
    assert "given_names" not in labelled(page, TODAY)


def test_small_print_may_lose_its_spaces() -> None:
    page = [line("DateofBirth/Datedenaissance", 0, 0), line("12AUG74", 0, 25)]
    assert labelled(page, TODAY) == {"birth_date": "1974-08-12"}


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        ("Østergård", "ØSTERGÅRD"),
        ("O\u2019Neill", "O'NEILL"),
        ("林美華", None),
        ("Ж. Иванов", None),
    ],
)
def test_names_in_latin_letters(printed: str, read: str | None) -> None:
    page = [line("Surname", 0, 0), line(printed, 0, 25)]
    assert labelled(page, TODAY).get("surname") == read


@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_text_gets_an_answer(texts: list[str]) -> None:
    page = [line(text, 0, 25 * row) for row, text in enumerate(texts)]
    assert set(labelled(page, TODAY)) <= set(FIELDS)
