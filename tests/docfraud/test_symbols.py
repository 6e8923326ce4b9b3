"""Codes whose payload is known, shown ever worse; and never worse than zxing-cpp alone."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from symbol_pages import SYMBOLOGIES, Pixels, drawn, on_paper

from docfraud import symbols
from docfraud.symbols import MAX_SYMBOLS, Symbol, decode, search, sharpen, turn
from media.images import decode_image

TEXT = "SURNAME=DOE;FIRSTNAME=ANNA;DOB=1980-01-02;DOCNO=L898902C3"


def turned(grey: Pixels, degrees: float) -> Pixels:
    """Clockwise as seen, on a canvas that holds all of it."""
    height, width = grey.shape
    side = int(np.hypot(height, width)) + 1
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    matrix[:, 2] += ((side - width) / 2, (side - height) / 2)
    return np.asarray(cv2.warpAffine(grey, matrix, (side, side), borderValue=(225,)), np.uint8)


def blurred(grey: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.uint8)


def payloads(page: Pixels) -> list[bytes]:
    return [symbol.payload for symbol in decode(page)]


def plain(page: Pixels) -> list[bytes]:
    return [found.bytes for found in zxingcpp.read_barcodes(page)]


@pytest.mark.parametrize("symbology", SYMBOLOGIES)
@pytest.mark.parametrize("degrees", [0, 7, -15, 30, 45, 90, 180, 217, 270])
def test_every_symbology_at_every_turn(symbology: str, degrees: float) -> None:
    page = turned(on_paper(drawn(TEXT, symbology, 4)), degrees)
    (symbol,) = decode(page)
    assert symbol.format == symbology
    assert symbol.payload == TEXT.encode()
    assert symbol.text == TEXT


@pytest.mark.parametrize("symbology", SYMBOLOGIES)
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_every_symbology_at_every_scale(symbology: str, scale: float) -> None:
    page = on_paper(drawn(TEXT, symbology, 4))
    page = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    assert payloads(np.asarray(page, np.uint8)) == [TEXT.encode()]


@pytest.mark.parametrize("symbology", SYMBOLOGIES)
@pytest.mark.parametrize("degrees", [0, 30])
def test_where_a_code_stands(symbology: str, degrees: float) -> None:
    code = drawn(TEXT, symbology, 4)
    page = turned(on_paper(code), degrees)
    (symbol,) = decode(page)
    offset = np.array([60 + code.shape[1] / 2 - 450, 0.0])
    angle = np.radians(degrees)
    middle = (page.shape[0] - 1) / 2 + offset[0] * np.array([np.cos(angle), np.sin(angle)])
    assert symbol.centre == pytest.approx(tuple(middle), abs=6)


def test_a_turned_pdf417_that_zxing_alone_does_not_read() -> None:
    page = turned(on_paper(drawn(TEXT, "pdf417", 4)), 20)
    assert plain(page) == []
    assert payloads(page) == [TEXT.encode()]


@pytest.mark.parametrize(("symbology", "sigma"), [("pdf417", 2.25), ("qr", 1.8)])
def test_a_blurred_code_that_zxing_alone_does_not_read(symbology: str, sigma: float) -> None:
    page = blurred(on_paper(drawn(TEXT, symbology, 3)), sigma)
    assert plain(page) == []
    assert payloads(page) == [TEXT.encode()]


def test_a_code_in_a_large_page() -> None:
    """Too small for the reduced page, so that the region is read at full size."""
    page = on_paper(drawn(TEXT, "qr", 2), size=(3600, 4800))
    assert payloads(page) == [TEXT.encode()]


def test_a_second_code_that_is_turned() -> None:
    """The first is read as it is; the other needs a closer look."""
    page = np.concatenate([
        on_paper(drawn("first", "qr", 5)),
        turned(on_paper(drawn(TEXT, "pdf417", 4)), 20)[:, :900],
    ])  # fmt: skip
    assert plain(page) == [b"first"]
    assert sorted(payloads(page)) == sorted([b"first", TEXT.encode()])


def test_one_payload_twice_on_a_page_is_two_symbols() -> None:
    code = drawn(TEXT, "qr", 4)
    assert payloads(on_paper(code, code)) == [TEXT.encode()] * 2


def test_many_codes() -> None:
    row = np.concatenate([on_paper(drawn(f"{i}", "qr", 3), size=(120, 180)) for i in range(6)], 1)
    found = decode(np.concatenate([row] * 6))
    assert len(found) == MAX_SYMBOLS


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_read_as_nothing(seed: int) -> None:
    page = np.random.default_rng(seed).integers(0, 256, (600, 900), np.uint8)
    found = search(page)
    assert found.symbols == ()
    assert found.attempts <= 1 + 4 * len(symbols.IDEAS)


@pytest.mark.parametrize("size", [(1, 1), (11, 500), (12, 12), (12, 4000)])
def test_pages_without_room(size: tuple[int, int]) -> None:
    assert decode(np.random.default_rng(0).integers(0, 256, size, np.uint8)) == ()


def test_the_budget_ends_the_search() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 90), np.uint8)
    block = noise.repeat(8, 0).repeat(8, 1)
    page = np.concatenate([np.pad(block, 150, constant_values=225)] * 3, axis=1)
    found = search(page)
    assert found.exhausted
    assert found.regions == 3
    assert found.symbols == ()


def test_the_time_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    page = turned(on_paper(drawn(TEXT, "pdf417", 4)), 20)
    monkeypatch.setattr(symbols, "BUDGET_S", 0.0)
    found = search(page)
    assert found.exhausted
    assert found.attempts == 1


def test_a_page_of_text_costs_little() -> None:
    """300 ms of CPU are meant for 2 megapixels; three times that for a slow machine."""
    page = on_paper(size=(1224, 1632))
    for line in range(24):
        cv2.putText(
            page, "UTOPIA DRIVING LICENCE 1980-01-02 DOE", (80, 60 + 46 * line), 0, 2, 30, 3
        )
    search(page)
    started = time.process_time()
    assert search(page).symbols == ()
    assert time.process_time() - started < 0.9


def test_turning_back() -> None:
    """A point of the turned picture is where its map says."""
    page = np.zeros((120, 200), np.uint8)
    page[80:83, 150:153] = 255
    view, back = turn(page, 25.0, 2.0)
    y, x = np.unravel_index(int(blurred(view, 2).argmax()), view.shape)
    assert (back @ (x, y, 1.0))[:2] == pytest.approx((151, 81), abs=1)


def test_a_large_canvas_is_limited() -> None:
    view, _ = turn(np.zeros((2000, 3000), np.uint8), 45.0, 3.0)
    assert view.size < 1.1 * symbols.MAX_VIEW_PX


def test_sharpening() -> None:
    """A step of 100 to 150 overshoots by 25 on either side for every unit of the amount."""
    step = np.repeat(np.array([[100] * 30 + [150] * 30], np.uint8), 5, axis=0)
    sharp = sharpen(step, 5.0, 1.0)
    assert sharp[2, 29] == pytest.approx(100 - 25, abs=3)
    assert sharp[2, 30] == pytest.approx(150 + 25, abs=3)
    assert (sharp[2, 0], sharp[2, -1]) == (100, 150)


def test_a_symbol_in_a_log_says_nothing() -> None:
    assert "DOE" not in repr(Symbol("qr", b"DOE", "DOE", ((0, 0),) * 4))


@pytest.mark.data
def test_nothing_is_lost_that_zxing_reads_alone(data_dir: Path) -> None:
    """Every third photograph; all of them are measured by ``palisade evaluate barcode``."""
    files = sorted((data_dir / "documents" / "barcodes").rglob("*.webp"))[::3]
    assert files
    for file in files:
        pixels = decode_image(file.read_bytes()).pixels
        page = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
        known = {found.bytes for found in zxingcpp.read_barcodes(np.ascontiguousarray(pixels))}
        assert known <= set(payloads(page)), file.name


@pytest.mark.data
def test_turned_photographs_are_read(data_dir: Path) -> None:
    """Of which zxing-cpp alone reads none."""
    files = sorted((data_dir / "documents" / "barcodes" / "zxing_js" / "pdf417-2").glob("0*.png"))
    read = 0
    for file in files:
        pixels = decode_image(file.read_bytes()).pixels
        grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
        page = turned(grey, 25)
        assert plain(page) == []
        read += bool(decode(page))
    assert read >= 0.8 * len(files) > 0


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_accents_without_a_stated_character_set_are_latin(encoding: str) -> None:
    """Of ``ÞÓRR`` in Latin-1, zxing-cpp alone makes half-width katakana."""
    code = zxingcpp.create_barcode("ÞÓRR".encode(encoding), zxingcpp.BarcodeFormat.DataMatrix)
    page = np.pad(np.asarray(code.to_image(scale=4)), 20, constant_values=255)
    (symbol,) = decode(page)
    assert symbol.text == "ÞÓRR"
