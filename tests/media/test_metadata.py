"""Files are built block by block, as cameras and programs write them, and then broken."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import metadata_blocks as blocks
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media.blocks import MAX_BLOCK, find_blocks
from media.errors import MediaError
from media.headers import ImageFormat, read_header
from media.iptc import read_resources
from media.metadata import Metadata, parse_date, read_metadata
from media.tiff import MAX_TEXT, read_tags
from media.xmp import read_xmp

BUDGET_S = 0.25
"""CPU time for the worst of files: some milliseconds on an idle machine."""


def timed(data: bytes, form: ImageFormat = "jpeg") -> Metadata:
    started = time.thread_time()
    found = read_metadata(data, form)
    assert time.thread_time() - started < BUDGET_S
    return found


def test_a_phone() -> None:
    block = blocks.exif(blocks.CAMERA, blocks.CAPTURE, {2: (52, 30, 0), 4: (13, 24, 0)})
    found = read_metadata(blocks.jpeg(exif=block), "jpeg")
    assert (found.make, found.model, found.firmware) == ("Apple", "iPhone 12", "17.1")
    assert found.taken == datetime(2023, 12, 1, 10)
    assert (found.exposure_tags, found.maker_note, found.gps) == (4, True, True)
    assert (found.empty, found.malformed) == (False, 0)


def test_nothing() -> None:
    for form in ("JPEG", "PNG", "WEBP"):
        lower: ImageFormat = form.lower()  # type: ignore[assignment]
        assert read_metadata(blocks.encode(blocks.scene(), form), lower) == Metadata()


@pytest.mark.parametrize(
    ("gps", "there"),
    [
        ({0: b"\2\3\0\0"}, False),
        ({2: (1, 2, 3)}, False),
        ({2: (1, 2, 3), 4: (1, 2, 3)}, True),
        ({2: (0, 0, 0), 4: (0, 0, 0)}, True),  # 0/1 degrees: a place in the Atlantic
    ],
)
def test_a_position_needs_both_coordinates(gps: dict[int, object], there: bool) -> None:
    """Cameras without a fix write a directory with a version only."""
    found = read_metadata(blocks.jpeg(exif=blocks.exif(gps=gps)), "jpeg")
    assert found.gps is there


def test_coordinates_of_zero_by_zero_are_none() -> None:
    gps = struct.pack("<H", 2) + b"".join(struct.pack("<HHII", tag, 5, 3, 60) for tag in (2, 4))
    block = entries((0x8825, 4, 1, 26)) + gps.ljust(60, b"\0")
    found = read_metadata(blocks.jpeg(exif=block), "jpeg")
    assert (found.gps, found.malformed) == (False, 0)


def test_no_coordinate_is_kept() -> None:
    block = blocks.exif(gps={1: "N", 2: (48, 51, 30), 3: "E", 4: (17, 42, 20)})
    found = read_metadata(blocks.jpeg(exif=block), "jpeg")
    assert "48" not in repr(found)
    assert "42" not in repr(found)
    copied = {"exif:GPSLatitude": "48/1, 51/1, 30/1", "date:create": "2024-01-02"}
    assert "48" not in repr(read_metadata(blocks.png(copied), "png"))


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(order: str) -> None:
    text = b"GIMP 2.10\0"
    block = (
        (b"II*\0" if order == "<" else b"MM\0*")
        + struct.pack(order + "IH", 8, 1)
        + struct.pack(order + "HHII", 0x0131, 2, len(text), 26)
        + bytes(4)
        + text
    )
    tags = read_tags(block)
    assert tags.texts == {0x0131: "GIMP 2.10"}
    assert not tags.malformed


def test_user_comments_in_their_charsets() -> None:
    for comment in (
        b"ASCII\0\0\0Screenshot",
        b"UNICODE\0" + "Screenshot".encode("utf-16-le"),
        b"UNICODE\0" + "Screenshot".encode("utf-16-be"),
        bytes(8) + b"Screenshot",
    ):
        found = read_metadata(blocks.jpeg(exif=blocks.exif(capture={0x9286: comment})), "jpeg")
        assert found.notes == ["Screenshot"]


def test_thumbnail_and_size() -> None:
    small = blocks.encode(blocks.scene(160, 120))
    block = blocks.exif({}, {0xA002: 320, 0xA003: 240}, thumbnail=small)
    found = read_metadata(blocks.jpeg(exif=block), "jpeg")
    assert found.thumbnail == small
    assert found.size == (320, 240)


def test_xmp_as_attributes_and_as_elements() -> None:
    for packet in (
        blocks.xmp('xmp:CreatorTool="GIMP 2.10" xmp:ModifyDate="2024-05-06T07:08:09Z"'),
        blocks.xmp(
            "",
            "<xmp:CreatorTool>GIMP 2.10</xmp:CreatorTool>"
            "<xmp:ModifyDate>2024-05-06T07:08:09+02:00</xmp:ModifyDate>",
        ),
    ):
        found = read_metadata(blocks.jpeg(xmp=packet), "jpeg")
        assert "GIMP 2.10" in found.programs
        assert found.modified == datetime(2024, 5, 6, 7, 8, 9)
        assert found.malformed == 0


def test_xmp_values_that_are_uris() -> None:
    packet = blocks.xmp(
        'xmpMM:DocumentID="gimp:docid:gimp:0"',
        '<xmpMM:OriginalDocumentID rdf:resource="adobe:docid:photoshop:1"/>',
    )
    found = read_metadata(blocks.jpeg(xmp=packet), "jpeg")
    assert found.programs[-2:] == ["gimp:docid:gimp:0", "adobe:docid:photoshop:1"]


def test_an_edit_history() -> None:
    packet = blocks.xmp("", blocks.history("Adobe Photoshop CC", "Gimp 2.10 (Linux)"))
    found = read_metadata(blocks.jpeg(xmp=packet), "jpeg")
    assert found.events == 2
    assert {"Adobe Photoshop CC", "Gimp 2.10 (Linux)"} <= set(found.programs)


def test_a_description_in_a_list_of_languages() -> None:
    packet = blocks.xmp(
        "",
        '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">a shed</rdf:li></rdf:Alt>'
        "</dc:description>",
    )
    assert read_metadata(blocks.jpeg(xmp=packet), "jpeg").notes == ["a shed"]


def test_extended_xmp_in_any_order() -> None:
    packet = blocks.xmp('xmp:CreatorTool="Snapseed"').encode()
    header = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">I", len(packet))
    half = len(packet) // 2
    portions = [
        blocks.segment(0xE1, header + struct.pack(">I", at) + part)
        for at, part in ((half, packet[half:]), (0, packet[:half]))
    ]
    plain = blocks.jpeg()
    found = read_metadata(plain[:2] + b"".join(portions) + plain[2:], "jpeg")
    assert "Snapseed" in found.programs
    assert found.malformed == 0


def test_iptc_and_the_program_that_wrote_it() -> None:
    resources = blocks.iptc((65, "FotoStation"), (40, "FBMD01000a")) + blocks.version(
        "Adobe Photoshop", "Adobe Photoshop CS2"
    )
    found = read_metadata(blocks.jpeg(resources=resources), "jpeg")
    assert found.programs == ["FotoStation", "Adobe Photoshop", "Adobe Photoshop CS2"]
    assert found.notes == ["FBMD01000a"]
    assert found.malformed == 0


@pytest.mark.parametrize("compressed", [False, True])
def test_png_texts(compressed: bool) -> None:
    packet = blocks.xmp('xmp:CreatorTool="Canva"')
    data = blocks.png(
        {"Software": "gnome-screenshot", "Comment": "hello", "XML:com.adobe.xmp": packet},
        compressed,
    )
    found = read_metadata(data, "png")
    assert {"gnome-screenshot", "Canva"} <= set(found.programs)
    assert found.notes == ["hello"]
    assert found.keywords == {"software", "comment"}


def test_png_and_webp_carry_exif_and_xmp() -> None:
    block = blocks.exif({0x0131: "Snapseed 2.0"})
    packet = blocks.xmp('xmp:CreatorTool="Canva"').encode()
    webp = blocks.encode(blocks.scene(), "WEBP", exif=b"Exif\0\0" + block, xmp=packet)
    found = read_metadata(webp, "webp")
    assert {"Snapseed 2.0", "Canva"} <= set(found.programs)
    found = read_metadata(blocks.encode(blocks.scene(), "PNG", exif=block), "png")
    assert "Snapseed 2.0" in found.programs


@pytest.mark.parametrize("name", ["exif", "APP1"])
def test_raw_profiles_of_imagemagick(name: str) -> None:
    profile = b"Exif\0\0" + blocks.exif({0x0131: "Snapseed 2.0"})
    digits = profile.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = f"\n{name.lower()}\n{len(profile):8}\n{lines}\n"
    found = read_metadata(blocks.png({f"Raw profile type {name}": text}, True), "png")
    assert "Snapseed 2.0" in found.programs
    assert found.malformed == 0


def test_a_manifest_names_its_generator() -> None:
    manifest = b"jumb\0\0\0jumdc2pa\0" + bytes(300)
    manifest += b"\x6fclaim_generator\x78\x18Adobe_Firefly/1.0 c2pa-rs"
    found = read_metadata(blocks.jpeg(manifest=manifest), "jpeg")
    assert found.c2pa
    assert any("Adobe_Firefly/1.0" in text for text in found.programs)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2016:09:28 18:18:05", datetime(2016, 9, 28, 18, 18, 5)),
        ("2016-09-28T18:18:05.123+02:00", datetime(2016, 9, 28, 18, 18, 5)),
        ("2016-09-28T18:18", datetime(2016, 9, 28, 18, 18)),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2016:02:31 00:00:00", None),
        ("", None),
    ],
)
def test_dates(text: str, date: datetime | None) -> None:
    assert parse_date(text) == date


# Broken and hostile files


def entries(*records: tuple[int, int, int, int]) -> bytes:
    """A little-endian TIFF structure of one directory of tag, type, count and value."""
    body = b"".join(struct.pack("<HHII", *record) for record in records)
    return b"II*\0" + struct.pack("<IH", 8, len(records)) + body + bytes(4)


def test_directories_that_point_at_themselves() -> None:
    block = bytearray(entries((0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0x014A, 4, 1, 8)))
    block[-4:] = struct.pack("<I", 8)
    timed(blocks.jpeg(exif=bytes(block)))


def test_entries_that_all_claim_the_whole_block() -> None:
    """64 KB that Pillow's reader turns into 290 MB."""
    block = entries(*((tag, 7, 60_000, 8) for tag in range(1, 5_000))).ljust(65_000, b"\0")
    assert timed(blocks.jpeg(exif=block)).malformed == 1


@pytest.mark.parametrize(
    ("count", "at"), [(2**32 - 1, 8), (100, 2**32 - 1), (2**31, 2**31), (2**32 - 1, 2**32 - 1)]
)
@pytest.mark.parametrize("tag", [0x0131, 0x8769, 0x8825, 0x010E])
def test_gigantic_values(tag: int, count: int, at: int) -> None:
    assert timed(blocks.jpeg(exif=entries((tag, 2, count, at)))).malformed == 1


def test_a_long_text_is_cut() -> None:
    found = read_metadata(blocks.jpeg(exif=blocks.exif({0x010E: "x" * 50_000})), "jpeg")
    assert [len(note) for note in found.notes] == [MAX_TEXT]


def test_entities_and_document_types_are_refused() -> None:
    bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
        f"<!ENTITY {chr(98 + i)} '&{chr(97 + i)};&{chr(97 + i)};&{chr(97 + i)};'>"
        for i in range(20)
    )
    found = timed(blocks.jpeg(xmp=bomb + "]><x>&u;</x>"))
    assert found.malformed == 1


def test_deep_and_wide_xml() -> None:
    assert timed(blocks.jpeg(xmp="<a>" * 21_000)).malformed == 1
    assert timed(blocks.jpeg(xmp="<a>" + "<b/>" * 16_000 + "</a>")).malformed == 1
    wide = "<a " + " ".join(f'b{i}="1"' for i in range(6_000)) + "/>"
    assert timed(blocks.jpeg(xmp=wide)).malformed == 1


def test_what_stands_before_the_damage_is_read() -> None:
    packet = blocks.xmp('xmp:CreatorTool="Canva"')
    found = read_metadata(blocks.jpeg(xmp=packet[: packet.index("</rdf:RDF>")]), "jpeg")
    assert "Canva" in found.programs
    assert found.malformed == 1


def test_texts_that_inflate() -> None:
    bomb = zlib.compress(bytes(8 * 2**20))
    texts = [blocks.chunk(b"zTXt", b"Comment\0\0" + bomb) for _ in range(20)]
    found = timed(blocks.png_chunks(*texts), "png")
    assert found.malformed > 0


def test_thousands_of_parts() -> None:
    plain = blocks.jpeg()
    many = blocks.segment(0xE1, b"Exif\0\0" + blocks.exif({0x0131: "x"})) * 20_000
    timed(plain[:2] + many + plain[2:])
    timed(plain[:2] + blocks.segment(0xFE, b"x") * 100_000 + plain[2:])
    timed(blocks.png_chunks(blocks.chunk(b"tEXt", b"a\0b") * 100_000), "png")
    packet = blocks.xmp("", blocks.history(*["Gimp 2.10"] * 400)).encode()
    xmps = blocks.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet) * 60
    timed(plain[:2] + xmps + plain[2:])


def test_texts_behind_thousands_of_parts_of_the_picture() -> None:
    """ImageMagick writes its texts last, and large pictures in parts of some kilobytes."""
    parts = blocks.chunk(b"IDAT", bytes(8)) * 10_000
    data = blocks.png_chunks(parts + blocks.chunk(b"tEXt", b"date:create\0x"))
    assert timed(data, "png").keywords == {"date:create"}


def test_a_manifest_of_nothing_but_keys() -> None:
    part = blocks.segment(0xEB, b"JP" + b"claim_generator" * 4_300)
    plain = blocks.jpeg()
    timed(plain[:2] + part * 100 + plain[2:])
    timed(plain[:2] + blocks.segment(0xEB, b"JP" + bytes(60)) * 20_000 + plain[2:])


def test_blocks_are_bounded() -> None:
    data = blocks.png_chunks(blocks.chunk(b"eXIf", b"II*\0" + bytes(3 * MAX_BLOCK)))
    assert len(find_blocks(data, "png").exif[0]) == MAX_BLOCK


@pytest.mark.parametrize("read", [read_tags, read_xmp, read_resources])
@settings(max_examples=200, deadline=None)
@given(
    body=st.binary(max_size=300),
    start=st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"<a>", b"8BIM\4\4\0\0"]),
)
@example(body=b"\0\0\0\x0a\x1c\2\x41\x80\4\0\0\0\0\0", start=b"8BIM\4\4\0\0")
def test_no_bytes_raise(read: Callable[[bytes], object], body: bytes, start: bytes) -> None:
    read(start + body)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x010F, 0x0131, 0x8769, 0x8825, 0x0201, 0x0202, 0x9286, 0xA002]),
            st.integers(0, 16),
            st.sampled_from([0, 1, 2, 4, 100, 2**16, 2**31, 2**32 - 1]),
            st.integers(0, 300),
        ),
        max_size=20,
    )
)
def test_no_directory_raises(records: list[tuple[int, int, int, int]]) -> None:
    block = entries(*records)
    read_tags(block[:-4] + struct.pack("<I", 8) + bytes(100))


@pytest.mark.data
def test_real_files(data_dir: Path) -> None:
    """Of 95 files 87 are of a format that is let in; none raises, and few blocks are damaged."""
    read, damaged = 0, []
    for file in sorted((data_dir / "exif").rglob("*")):
        if not file.is_file():
            continue
        data = file.read_bytes()
        try:
            form = read_header(data).format
        except MediaError:
            continue
        found = timed(data, form)
        read += 1
        if found.malformed:
            damaged.append(file.name)
    assert read == 87
    assert damaged == []
