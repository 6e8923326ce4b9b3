"""Cards written as the standard says, then in every wrong way."""

from __future__ import annotations

import pytest

from docfraud.aamva import parse_aamva
from docfraud.payloads import Parsed

US = {
    "DAQ": "T64235789",
    "DCS": "SAMPLE",
    "DDE": "N",
    "DAC": "MICHAEL",
    "DDF": "N",
    "DAD": "JOHN,PAUL",
    "DDG": "N",
    "DCU": "JR",
    "DBD": "06062019",
    "DBB": "08121974",
    "DBA": "12102029",
    "DBC": "1",
    "DCF": "2424244747474786102204",
    "DCG": "USA",
}

SAYS = {
    "surname": "SAMPLE",
    "given_names": "MICHAEL JOHN PAUL",
    "document_number": "T64235789",
    "birth_date": "1974-08-12",
    "expiry_date": "2029-12-10",
    "issue_date": "2019-06-06",
    "sex": "M",
    "issuer": "USA",
}


def card(elements: dict[str, str], version: int = 10, kind: str = "DL", extra: str = "") -> str:
    """Write a card with a subfile of the holder and one of the jurisdiction."""
    person = kind + "\n".join(f"{key}{value}" for key, value in elements.items()) + extra + "\r"
    own = "ZVZVADCSWRONG\nDCSWRONG\r"
    head = f"@\n\x1e\rANSI 636000{version:02d}" + ("02" if version < 2 else "0102")
    start = len(head) + 20
    designators = f"{kind}{start:04d}{len(person):04d}ZV{start + len(person):04d}{len(own):04d}"
    return head + designators + person + own


def parsed(text: str) -> Parsed:
    found = parse_aamva(text)
    assert found is not None
    return found


@pytest.mark.parametrize("version", range(4, 14))
@pytest.mark.parametrize("kind", ["DL", "ID", "EN"])
def test_a_card(version: int, kind: str) -> None:
    found = parsed(card(US, version, kind))
    assert found.fields == SAYS
    assert found.measures == {"aamva_version": version, "aamva_header_consistent": 1.0}
    assert not found.truncated
    assert not found.reasons


def test_a_canadian_card_has_the_year_first() -> None:
    dates = {"DBD": "20190606", "DBB": "19740812", "DBA": "20291210", "DCG": "CAN"}
    assert parsed(card(US | dates)).fields == SAYS | {"issuer": "CAN"}


@pytest.mark.parametrize("version", [2, 3])
def test_given_names_of_versions_2_and_3(version: int) -> None:
    elements = {k: v for k, v in US.items() if k not in ("DAC", "DAD", "DDE", "DDF", "DDG")}
    assert parsed(card(elements | {"DCT": "MICHAEL,JOHN,PAUL"}, version)).fields == SAYS


@pytest.mark.parametrize("name", [
    {"DAA": "SAMPLE,MICHAEL,JOHN PAUL,JR"},
    {"DAA": "SAMPLE@MICHAEL@JOHN PAUL@JR"},
    {"DAB": "SAMPLE", "DAC": "MICHAEL", "DAD": "JOHN PAUL"},
])  # fmt: skip
@pytest.mark.parametrize("number", ["DAQ", "DBJ"])
def test_version_1(name: dict[str, str], number: str) -> None:
    rest = {number: "T64235789", "DBD": "20190606", "DBB": "19740812", "DBA": "20291210"}
    found = parsed(card(name | rest | {"DBC": "M"}, 1))
    assert found.fields == {k: v for k, v in SAYS.items() if k != "issuer"}
    assert found.measures == {"aamva_version": 1.0, "aamva_header_consistent": 1.0}


def test_the_old_file_type_and_separator() -> None:
    text = card(US).replace("ANSI ", "AAMVA").replace("\x1e", "\x1c")
    assert parsed(text).fields == SAYS


@pytest.mark.parametrize(("flags", "names"), [
    ({"DDE": "T"}, {"surname"}),
    ({"DDF": "T"}, {"given_names"}),
    ({"DDG": "T"}, {"given_names"}),
    ({"DDE": "U", "DDF": "U"}, set()),
    ({"DCS": "S" * 40}, {"surname"}),
])  # fmt: skip
def test_truncation(flags: dict[str, str], names: set[str]) -> None:
    assert parsed(card(US | flags)).truncated == names


@pytest.mark.parametrize(("code", "sex"), [("1", "M"), ("2", "F"), ("9", "X"), ("0", None)])
def test_sex(code: str, sex: str | None) -> None:
    assert parsed(card(US | {"DBC": code})).fields.get("sex") == sex


@pytest.mark.parametrize("nothing", ["NONE", "unavl", "", "  "])
def test_a_filler_is_no_value(nothing: str) -> None:
    found = parsed(card(US | {"DAD": nothing}))
    assert found.fields == SAYS | {"given_names": "MICHAEL"}
    assert not found.reasons


def test_wrong_offsets_are_said_and_not_followed() -> None:
    text = card(US)
    moved = text.replace("DL0041", "DL9941").replace("ZV0", "ZV7")
    assert moved != text
    found = parsed(moved)
    assert found.fields == SAYS
    assert found.measures["aamva_header_consistent"] == 0.0


def test_the_jurisdictions_own_subfile_is_not_read() -> None:
    text = card(US).replace("DCSSAMPLE\n", "")
    assert "surname" not in parsed(text).fields


def test_an_element_said_twice_is_not_believed() -> None:
    found = parsed(card(US, extra="\nDCSOTHER\nDADELSE\nDAQT64235789"))
    assert found.fields == {k: v for k, v in SAYS.items() if k not in ("surname", "given_names")}
    assert found.reasons == ("barcode_field_repeated",)


@pytest.mark.parametrize(("element", "value", "field"), [
    ("DBB", "02301974", "birth_date"),
    ("DBB", "13011974", "birth_date"),
    ("DBB", "0812197", "birth_date"),
    ("DBB", "٠٨١٢١٩٧٤", "birth_date"),
    ("DCS", "=cmd|'/C calc'!A0", "surname"),
    ("DCS", "+SAMPLE", "surname"),
    ("DCS", "SAM\x00PLE", "surname"),
    ("DCS", "SAM\u202ePLE", "surname"),
    ("DCS", "S" * 97, "surname"),
    ("DAQ", "@SUM(1)", "document_number"),
    ("DAQ", "-1+1", "document_number"),
    ("DCG", "U", "issuer"),
])  # fmt: skip
def test_a_value_that_is_none_is_left_out(element: str, value: str, field: str) -> None:
    found = parsed(card(US | {element: value}))
    assert found.fields == {k: v for k, v in SAYS.items() if k != field}
    assert found.reasons == ("barcode_value_refused",)


@pytest.mark.parametrize("end", [0, 1, 4, 9, 15, 21, 22, 30, 41, 60, 100])
def test_a_card_cut_short(end: int) -> None:
    found = parse_aamva(card(US)[:end])
    said = {} if found is None else found.fields
    assert all(SAYS[name].startswith(value) for name, value in said.items())


def test_no_holder() -> None:
    found = parsed("@\n\x1e\rANSI 636000100001\r")
    assert found.fields == {}
    assert found.reasons == ("aamva_no_holder",)
    assert found.measures["aamva_header_consistent"] == 0.0


@pytest.mark.parametrize("text", ["", "hello", "ANSI 636000", "@" * 5000, "@\n\x1e\rANSI 63600",
                                  card(US) + " " * 1_000_000])  # fmt: skip
def test_no_card(text: str) -> None:
    assert parse_aamva(text) is None
