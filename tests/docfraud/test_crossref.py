from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docfraud.contracts import FIELDS
from docfraud.crossref import Comparison, Outcome, compare, spellings


def compared(field: str, **said: str) -> Comparison:
    (comparison,) = compare({side: {field: value} for side, value in said.items()})
    return comparison


def outcome(field: str, **said: str) -> Outcome:
    return compared(field, **said).outcome


def test_sides_that_agree_match() -> None:
    assert compared("birth_date", barcode="1974-08-12", mrz="1974-08-12") == Comparison(
        "birth_date", Outcome.MATCH, (("barcode", "mrz"),)
    )


def test_a_mismatch_says_who_agrees_with_whom_and_not_what_they_say() -> None:
    found = compared("birth_date", barcode="1974-08-12", text="1984-08-12", mrz="1974-08-12")
    assert found == Comparison("birth_date", Outcome.MISMATCH, (("barcode", "mrz"), ("text",)))
    assert "1974" not in repr(found)


def test_what_one_side_has_alone_cannot_be_compared() -> None:
    assert outcome("surname", mrz="ERIKSSON") is Outcome.NOT_COMPARABLE


def test_an_empty_field_is_no_field() -> None:
    assert compare({"mrz": {"surname": ""}, "text": {}}) == ()
    assert outcome("surname", mrz="ERIKSSON", text="") is Outcome.NOT_COMPARABLE


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("surname", "MÜLLER", "MUELLER"),
        ("surname", "MÜLLER", "MULLER"),
        ("surname", "Ångström", "AANGSTROEM"),
        ("surname", "NUÑEZ", "NUNEZ"),
        ("surname", "NUÑEZ", "NUNXXEZ"),
        ("surname", "Großmann", "GROSSMANN"),
        ("surname", "ŁĄCZYŃSKI", "LACZYNSKI"),
        ("surname", "O'CONNOR", "OCONNOR"),
        ("surname", "O\u2019Connor", "OCONNOR"),
        ("surname", "SMITH-JONES", "SMITH JONES"),
        ("given_names", "ANNA MARIA", "ANNA"),
        ("document_number", "D23145890 7", "D231458907"),
        ("document_number", "AB-12.345", "AB12345"),
        ("nationality", "D", "DEU"),
    ],
)
def test_one_thing_may_be_written_in_two_ways(field: str, one: str, other: str) -> None:
    assert outcome(field, barcode=one, mrz=other) is Outcome.MATCH
    assert outcome(field, barcode=other, mrz=one) is Outcome.MATCH


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("surname", "ERIKSSON", "ERIKSEN"),
        ("surname", "ERIK", "ERIKSSON"),  # no further name: another one
        ("given_names", "ANNA MARIA", "MARIA"),
        ("given_names", "ANN", "ANNA"),
        ("document_number", "L898902C3", "L898902C4"),
        ("birth_date", "1974-08-12", "1974-12-08"),
        ("sex", "M", "F"),
        ("nationality", "UTO", "USA"),
    ],
)
def test_an_edit_is_a_mismatch(field: str, one: str, other: str) -> None:
    assert outcome(field, barcode=one, mrz=other) is Outcome.MISMATCH
    assert outcome(field, text=one, mrz=other) is Outcome.MISMATCH


def test_a_name_may_be_cut_where_the_line_of_the_mrz_ends() -> None:
    given = "NILAVADHANANANDA ALEXANDER"
    full = {"surname": "PAPANDROPOULOUS", "given_names": given}
    cut = {"surname": "PAPANDROPOULOUS", "given_names": "NILAVADHANANA"}
    assert {c.outcome for c in compare({"text": full, "mrz": cut})} == {Outcome.MATCH}
    roomy = {"surname": "PAPA", "given_names": "NILAVADHANANA"}
    found = {
        c.field: c.outcome for c in compare({"text": {**full, "surname": "PAPA"}, "mrz": roomy})
    }
    assert found["given_names"] is Outcome.MISMATCH


def test_characters_that_ocr_confuses_differ_between_machines_only() -> None:
    assert outcome("document_number", text="A0123B", mrz="AO1238") is Outcome.MATCH
    assert outcome("document_number", barcode="A0123B", mrz="AO1238") is Outcome.MISMATCH


@pytest.mark.parametrize(
    ("printed", "mrz"),
    [
        ("SOREN", "SOEREN"),  # Ø
        ("HAKON", "HAAKON"),  # Å
        ("HÄKON", "HAAKON"),
        ("PÓRSDÓTTIR", "THORSDOTTIR"),  # Þ
        ("STRAUB", "STRAUSS"),  # ß
        ("DELACRUZ", "DE LA CRUZ"),
        ("G0MEZ", "GOMEZ"),
        ("SOREN", "SOEREN PETER"),
    ],
)
def test_a_printed_name_may_be_read_less_well_than_it_is_written(printed: str, mrz: str) -> None:
    assert outcome("given_names", text=printed, mrz=mrz) is Outcome.MATCH


def test_letters_that_only_ocr_confuses_differ_between_machines() -> None:
    assert outcome("surname", barcode="STRAUB", mrz="STRAUSS") is Outcome.MISMATCH
    assert outcome("surname", barcode="SOREN", mrz="THOREN") is Outcome.MISMATCH


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=40), max_size=10))
def test_whatever_a_side_says_it_agrees_with_itself(fields: dict[str, str]) -> None:
    found = compare({"barcode": fields, "mrz": dict(fields)})
    names = {
        name for name in ("surname", "given_names") if not spellings(fields.get(name, "")) - {""}
    }
    assert all(c.outcome is Outcome.MATCH for c in found if c.field not in names)


@given(st.lists(st.text(max_size=30), min_size=3, max_size=3))
def test_every_side_that_has_a_field_is_in_one_group(said: list[str]) -> None:
    sides = dict(zip(("barcode", "mrz", "text"), ({"surname": s} for s in said), strict=True))
    for comparison in compare(sides):
        grouped = sorted(side for group in comparison.agreeing for side in group)
        assert grouped == sorted(side for side, s in zip(sides, said, strict=True) if s)
