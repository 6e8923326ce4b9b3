"""Every program of the list is looked for where programs put their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import metadata_blocks as blocks
import pytest

from docfraud.software import CATEGORIES, Program, find_programs, known_programs, parse
from media.errors import MediaError
from media.headers import read_header
from media.metadata import Metadata, read_metadata


def named(metadata: Metadata) -> set[str]:
    return {program.reason for program in find_programs(metadata, known_programs())}


def found(data: bytes) -> set[str]:
    return named(read_metadata(data, read_header(data).format))


def written(phrase: str) -> str:
    """A phrase as a program writes it: capitals, and a version behind it."""
    return f"{phrase.title()} 2.10 (Windows)"


def test_every_program_is_found_by_every_name() -> None:
    for program in known_programs():
        for phrase in program.names:
            assert program.reason in named(Metadata(programs=[written(phrase)])), phrase
        for phrase in program.notes:
            assert program.reason in named(Metadata(notes=[f"({written(phrase)})"])), phrase
        for keyword in program.keywords:
            assert program.reason in named(Metadata(keywords={keyword})), keyword
        for namespace in program.namespaces:
            assert program.reason in named(Metadata(namespaces={namespace})), namespace


CARRIERS: Mapping[str, Callable[[str], bytes]] = {
    "EXIF Software": lambda name: blocks.jpeg(exif=blocks.exif({0x0131: name})),
    "EXIF ProcessingSoftware": lambda name: blocks.jpeg(exif=blocks.exif({0x000B: name})),
    "XMP CreatorTool": lambda name: blocks.jpeg(xmp=blocks.xmp(f'xmp:CreatorTool="{name}"')),
    "XMP history": lambda name: blocks.jpeg(xmp=blocks.xmp("", blocks.history("iOS", name))),
    "IPTC program": lambda name: blocks.jpeg(resources=blocks.iptc((65, name))),
    "Photoshop version": lambda name: blocks.jpeg(resources=blocks.version(name, name)),
    "PNG Software": lambda name: blocks.png({"Software": name}),
    "PNG XMP": lambda name: blocks.png(
        {"XML:com.adobe.xmp": blocks.xmp("", f"<xmp:CreatorTool>{name}</xmp:CreatorTool>")}, True
    ),
    "WebP EXIF": lambda name: blocks.encode(
        blocks.scene(96, 72), "WEBP", exif=b"Exif\0\0" + blocks.exif({0x0131: name})
    ),
}


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("name", ["photoshop", "gimp", "canva", "lightroom", "snapseed"])
def test_an_editor_is_found_wherever_it_is_named(carrier: str, name: str) -> None:
    assert found(CARRIERS[carrier](written(name))) == {f"editor:{name}"}


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        (blocks.jpeg(comment=b"Created with GIMP"), {"editor:gimp"}),
        (blocks.png({"Comment": "Created with GIMP"}), {"editor:gimp"}),
        (blocks.png({"date:create": "2024-01-02T03:04:05+00:00"}), {"editor:imagemagick"}),
        (blocks.jpeg(xmp=blocks.xmp('xmpMM:DocumentID="gimp:docid:gimp:0"')), {"editor:gimp"}),
        (
            blocks.jpeg(xmp=blocks.xmp('xmlns:GIMP="http://www.gimp.org/xmp/" GIMP:API="2.0"')),
            {"editor:gimp"},
        ),
        (
            blocks.jpeg(exif=blocks.exif({}, {0x9286: b"ASCII\0\0\0Screenshot"})),
            {"screenshot:screenshot"},
        ),
        (blocks.jpeg(resources=blocks.iptc((40, "FBMD0100"))), {"messenger:facebook"}),
    ],
)
def test_other_marks(data: bytes, reasons: set[str]) -> None:
    assert found(data) == reasons


def test_the_segment_of_photoshop() -> None:
    """`Ducky`, in which "save for the web" keeps its quality."""
    plain = blocks.jpeg()
    ducky = blocks.segment(0xEC, b"Ducky\0\1\0\4\0\0\0\x3c\0\0")
    assert found(plain[:2] + ducky + plain[2:]) == {"editor:photoshop"}


def test_the_list_names_what_the_reference_names() -> None:
    reasons = {program.reason for program in known_programs()}
    editors = "photoshop gimp canva lightroom snapseed imagemagick affinity pixelmator picsart"
    assert {f"editor:{name}" for name in [*editors.split(), "facetune"]} <= reasons
    assert {f"generator:{name}" for name in ("stable_diffusion", "midjourney", "dalle")} <= reasons
    assert {program.category for program in known_programs()} == set(CATEGORIES)
    assert len(reasons) == len(known_programs())
    assert all(re.fullmatch(r"[a-z_]+:[a-z0-9_]+", reason) for reason in reasons)


REAL = {
    "Adobe Photoshop CC 2019 (Macintosh)": {"editor:photoshop"},
    "Adobe Photoshop Lightroom Classic 12.3 (Windows)": {"editor:photoshop", "editor:lightroom"},
    "Adobe_Photoshop/25.0 (c2pa)": {"editor:photoshop"},
    "GIMP 2.10.34": {"editor:gimp"},
    "Canva (Renderer)": {"editor:canva"},
    "Snapseed 2.0": {"editor:snapseed"},
    "PicsArt": {"editor:picsart"},
    "Facetune2": {"editor:facetune"},
    "Affinity Photo 1.10.5": {"editor:affinity"},
    "Pixelmator Pro 3.3": {"editor:pixelmator"},
    "paint.net 4.3.12": {"editor:paint_net"},
    "PAINT.NET v5": {"editor:paint_net"},
    "DALL·E 3": {"generator:dalle"},
    "Midjourney v6": {"generator:midjourney"},
    "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia": {
        "generator:declared"
    },
    "HDR+ 1.0.570503588zd": set(),
    "Microsoft Windows Photo Viewer 6.1.7600.16385": {"organiser:windows_photos"},
    "CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90": {"library:gd"},
    "17.1": set(),
    "Ver.1.00": set(),
    "G991BXXU5CVF3": set(),
    "Digital Camera FinePix40i Ver1.39": set(),
    "clark_retus-user 5.1.1 LPH23.116-18 18 release-keys": set(),
    "Gimpel Camera": set(),
    "Canvas": set(),
    "Photoshopping Mall Kiosk": set(),
}


@pytest.mark.parametrize("text", REAL)
def test_names_as_programs_write_them(text: str) -> None:
    assert named(Metadata(programs=[text])) == REAL[text]


def test_parameters_of_a_generator() -> None:
    text = (
        "a passport photo of a man\nNegative prompt: blurry\n"
        "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"
    )
    for data in (
        blocks.png({"parameters": text}),
        blocks.jpeg(exif=blocks.exif({}, {0x9286: b"UNICODE\0" + text.encode("utf-16-be")})),
    ):
        assert found(data) == {"generator:stable_diffusion"}


@pytest.mark.parametrize(
    "text",
    [
        '[painter.gimp]\nnames = ["gimp"]',
        '[editor.gimp]\nname = ["gimp"]',
        '[editor.gimp]\nnames = ["GIMP"]',
        '[editor.gimp]\nnotes = ["created with: gimp"]',
        "[editor",
    ],
)
def test_a_list_that_cannot_work_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"gimp|Expected|Unclosed|at line"):
        parse(text)


def test_names_default_to_the_key() -> None:
    assert parse("[editor.paint_it]") == (Program("editor", "paint_it", ("paint it",)),)


EDITED = {
    "ExifTool.jpg": "photoshop",
    "GE.jpg": "gimp",
    "GPS.jpg": "photoshop",
    "IPTC.jpg": "photoshop",
    "XMP.jpg": "photoshop",
    "Fujifilm_FinePix6900ZOOM.jpg": "gimp",
    "Fujifilm_FinePix_E500.jpg": "gimp",
    "Kodak_CX7530.jpg": "gimp",
    "Nikon_COOLPIX_P1.jpg": "gimp",
    "Nikon_D70.jpg": "camera_raw gimp photoshop",
    "Panasonic_DMC-FZ30.jpg": "gimp",
    "Samsung_Digimax_i50_MP3.jpg": "gimp",
    "nikon-e950.jpg": "photoshop",
    "image00971.jpg": "adobe_fireworks photoshop",
    "image01551.jpg": "adobe_fireworks",
    "image01713.jpg": "adobe_fireworks photoshop",
    "image01980.jpg": "adobe_fireworks",
    "long_description.jpg": "adobe_imageready gimp photoshop",
    "portrait_1.jpg": "photoshop",
    "30-type_error.jpg": "photoshop",
    "32-lens_data.jpeg": "gimp",
    "33-type_error.jpg": "gimp photoshop",
    "BlueSquare.jpg": "photoshop",
}
"""Every editor that ExifTool 12.57 shows in the evaluation data, however small the picture."""


@pytest.mark.data
def test_real_files(data_dir: Path) -> None:
    editors = {}
    for file in sorted((data_dir / "exif").rglob("*.*")):
        try:
            reasons = found(file.read_bytes())
        except MediaError:  # TIFF and HEIC are not let in
            continue
        names = sorted(r.removeprefix("editor:") for r in reasons if r.startswith("editor:"))
        if names:
            editors[file.name] = " ".join(names)
    assert editors == EDITED
