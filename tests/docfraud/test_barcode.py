"""Codes that zxing-cpp draws, whose payload is known; each says who nobody is."""

from __future__ import annotations

import json
import logging
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from symbol_pages import SYMBOLOGIES, Pixels, drawn, on_paper

from detectors.contracts import Status
from detectors.runner import Runner
from docfraud import barcode
from docfraud.barcode import Barcode
from docfraud.contracts import FIELDS, Page, Reading
from docfraud.payloads import MAX_VALUE
from docfraud.symbols import Search, Symbol

LICENCE = (
    "@\n\x1e\rANSI 636000100001DL00310097DLDAQT64235789\nDCSSAMPLE\nDDEN\nDACMICHAEL\nDADJOHN\n"
    "DBD06062019\nDBB08121974\nDBA12102029\nDBC1\nDCGUSA\r"
)
HOLDER = {
    "surname": "SAMPLE",
    "given_names": "MICHAEL JOHN",
    "document_number": "T64235789",
    "birth_date": "1974-08-12",
    "expiry_date": "2029-12-10",
    "issue_date": "2019-06-06",
    "sex": "M",
    "issuer": "USA",
}
KEYED = "SURNAME=DOE;FIRSTNAME=ANNA;DOB=1980-01-02"
ANNA = {"surname": "DOE", "given_names": "ANNA", "birth_date": "1980-01-02"}


def page(grey: Pixels) -> Page:
    pixels = np.repeat(grey[..., None], 3, axis=2)
    pixels.setflags(write=False)
    return Page(pixels, "png", b"")


def read(*payloads: str | bytes, symbology: str = "qr") -> Reading:
    codes = [drawn(payload, symbology) for payload in payloads]
    width = 120 + sum(code.shape[1] + 60 for code in codes)
    size = (max(400, *(code.shape[0] + 80 for code in codes)), width)
    return checked(page(on_paper(*codes, size=size)))


def said(*texts: str, monkeypatch: pytest.MonkeyPatch) -> Reading:
    """What is read of payloads that no code could hold."""
    symbols = tuple(Symbol("qr", text.encode("utf-8", "replace"), text, ((0, 0),) * 4)
                    for text in texts)  # fmt: skip
    monkeypatch.setattr(barcode, "search", lambda _: Search(symbols, 1))
    return checked(page(np.zeros((8, 8), np.uint8)))


def checked(of: Page) -> Reading:
    """Read through the runner; what must hold of any page."""
    reading = Runner(Barcode())(of)
    assert isinstance(reading, Reading)
    assert reading.status in (Status.OK, Status.ABSTAINED)
    assert all(math.isfinite(value) for value in reading.measures.values())
    assert all(reason.replace("_", "").isalpha() for reason in reading.reasons)
    for side, fields in reading.sides.items():
        assert side == "barcode"
        assert set(fields) <= set(FIELDS)
        for value in fields.values():
            assert value[0].isalnum()
            assert len(value) <= MAX_VALUE
            assert value.isprintable()
    return reading


@pytest.mark.parametrize("symbology", SYMBOLOGIES)
def test_a_licence_in_every_symbology(symbology: str) -> None:
    reading = read(LICENCE, symbology=symbology)
    assert reading.sides == {"barcode": HOLDER}
    assert reading.reasons == ()
    counts = {name: reading.measures[name] for name in SYMBOLOGIES}
    assert counts == {name: float(name == symbology) for name in SYMBOLOGIES}
    assert reading.measures["symbols"] == 1
    assert reading.measures["fields"] == len(HOLDER)
    assert reading.measures["payload_bytes"] == len(LICENCE)
    assert reading.measures["aamva_version"] == 10
    assert reading.measures["aamva_header_consistent"] == 1
    assert reading.measures["surname_truncated"] == 0


def test_a_licence_in_latin_1() -> None:
    """As the standard has it; zxing-cpp calls such a payload binary."""
    payload = LICENCE.replace("SAMPLE", "BÉLANGER").encode("latin-1")
    assert read(payload, symbology="pdf417").sides == {"barcode": HOLDER | {"surname": "BÉLANGER"}}


@pytest.mark.parametrize("symbology", SYMBOLOGIES)
@pytest.mark.parametrize("payload", [KEYED, json.dumps(ANNA), KEYED.replace(";", "\n")])
def test_keys_and_values(symbology: str, payload: str) -> None:
    reading = read(payload, symbology=symbology)
    assert reading.sides == {"barcode": ANNA}
    assert "aamva_version" not in reading.measures


def test_a_truncated_name() -> None:
    reading = read(LICENCE.replace("DDEN", "DDET"), symbology="pdf417")
    assert reading.measures["surname_truncated"] == 1
    assert reading.measures["given_names_truncated"] == 0


def test_no_barcode() -> None:
    reading = checked(page(on_paper()))
    assert reading.status is Status.ABSTAINED
    assert reading.reasons == ("no_barcode",)
    assert reading.sides == {}
    assert reading.measures["symbols"] == 0


@pytest.mark.parametrize(
    "payload", ["https://example.org/", "hello", b"\xff\xfe\x80abc\xc3\x28", bytes(range(256))]
)
def test_a_code_about_nobody(payload: str | bytes) -> None:
    reading = read(payload)
    assert reading.status is Status.OK
    assert reading.reasons == ("barcode_without_fields",)
    assert reading.sides == {}
    assert reading.measures["symbols"] == 1


def test_the_licence_comes_before_a_sticker() -> None:
    reading = read(KEYED, LICENCE)
    assert reading.sides == {"barcode": HOLDER}
    assert reading.reasons == ("barcodes_disagree",)
    assert reading.measures["symbols"] == 2


def test_of_two_that_differ_neither_is_believed() -> None:
    reading = read(KEYED, KEYED.replace("DOE", "ROE"))
    assert reading.sides == {"barcode": {k: v for k, v in ANNA.items() if k != "surname"}}
    assert reading.reasons == ("barcodes_disagree",)


def test_two_that_agree() -> None:
    reading = read(KEYED, KEYED)
    assert reading.sides == {"barcode": ANNA}
    assert reading.reasons == ()
    assert reading.measures["symbols"] == 2


HOSTILE = [
    "=cmd|'/C calc'!A0", "@SUM(1+9)*cmd|' /C calc'!A0", "+1+1", "-2+3", "\t=1", "\r=1",
    "<script>alert(1)</script>", "'; DROP TABLE sessions; --", "\x1b]0;owned\x07", "A\x00B",
    "A\nINFO forged", "\u202eEOD", "${jndi:ldap://x}", "%s%n%x", "{0.__class__}",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("form", ["json", "licence", "lines"])
def test_hostile_values_go_nowhere(value: str, form: str, caplog: pytest.LogCaptureFixture) -> None:
    payload = {
        "json": json.dumps({"surname": value, "given_names": "ANNA", "dob": "1980-01-02"}),
        "licence": LICENCE.replace("SAMPLE", value),
        "lines": f"SURNAME={value}\nFIRSTNAME=ANNA\nDOB=1980-01-02",
    }[form]
    with caplog.at_level(logging.DEBUG):
        reading = read(payload)
    assert reading.sides["barcode"].get("surname") in (None, "A")  # before the line break
    assert value not in repr((reading.measures, reading.reasons)) + caplog.text
    assert "ANNA" not in caplog.text


def test_a_symbol_does_not_show_what_it_says() -> None:
    assert "DOE" not in repr(Symbol("qr", KEYED.encode(), KEYED, ((0, 0),) * 4))


@pytest.mark.parametrize("text", [
    "A" * 1_000_000, "SURNAME=DOE\n" * 90_000, LICENCE + "\n" * 1_000_000, "[" * 1_000_000,
    "\x00" * 1_000_000, "\ud800" * 1_000_000,
])  # fmt: skip
def test_a_megabyte_is_not_read(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.process_time()
    reading = said(text, monkeypatch=monkeypatch)
    assert time.process_time() - started < 0.5
    assert reading.reasons == ("barcode_too_long", "barcode_without_fields")
    assert reading.measures["payload_bytes"] == len(text)


@given(payloads=st.lists(st.text(max_size=200), min_size=1, max_size=4))
def test_any_text(payloads: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        said(*payloads, monkeypatch=patch)


@given(
    values=st.lists(st.text(max_size=30), min_size=3, max_size=3),
    kind=st.sampled_from(["DL", "ID", "ZZ"]),
)
def test_any_licence(values: list[str], kind: str) -> None:
    body = "\n".join(
        f"{key}{value}" for key, value in zip(("DCS", "DBB", "DBC"), values, strict=True)
    )
    with pytest.MonkeyPatch.context() as patch:
        said(f"@\n\x1e\rANSI 636000100001{kind}00310097{kind}{body}\r", monkeypatch=patch)


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (20, 20), (64, 64), (11, 300)])
def test_a_page_too_small_for_a_code(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, size, np.uint8)
    assert checked(page(pixels)).reasons == ("no_barcode",)
