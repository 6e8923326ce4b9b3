"""Metadata as cameras and programs write them, put into small pictures."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping

import numpy as np
import PIL.Image
from PIL.PngImagePlugin import PngInfo

EXIF, GPS = 0x8769, 0x8825

CAMERA: Mapping[int, object] = {0x010F: "Apple", 0x0110: "iPhone 12", 0x0131: "17.1"}
CAPTURE: Mapping[int, object] = {
    0x9003: "2023:12:01 10:00:00",
    0x829A: (1, 60),
    0x829D: (16, 10),
    0x8827: 100,
    0x920A: (42, 10),
    0x927C: b"Apple iOS\0",
}


def scene(width: int = 320, height: int = 240, seed: int = 0) -> PIL.Image.Image:
    """A picture with something everywhere in it."""
    cells = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return PIL.Image.fromarray(cells).resize((width, height), PIL.Image.Resampling.BICUBIC)


def encode(image: PIL.Image.Image, form: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)  # type: ignore[arg-type]
    return out.getvalue()


def exif(
    main: Mapping[int, object] = {},
    capture: Mapping[int, object] = {},
    gps: Mapping[int, object] = {},
    thumbnail: bytes = b"",
) -> bytes:
    """An EXIF block without the JPEG's prefix; Pillow writes all but the thumbnail."""
    tags = PIL.Image.Exif()
    tags.update(main)
    for pointer, entries in ((EXIF, capture), (GPS, gps)):
        if entries:
            tags.get_ifd(pointer).update(entries)
    block = tags.tobytes()
    block = block.removeprefix(b"Exif\0\0")
    if thumbnail:
        block = with_thumbnail(block, thumbnail)
    return block


def with_thumbnail(block: bytes, thumbnail: bytes) -> bytes:
    """Append a second directory with a thumbnail."""
    order = "<" if block[:2] == b"II" else ">"
    first = struct.unpack_from(order + "I", block, 4)[0]
    link = first + 2 + 12 * struct.unpack_from(order + "H", block, first)[0]
    at = len(block)
    entries = struct.pack(
        order + "HHHIIHHII", 2, 0x0201, 4, 1, at + 30, 0x0202, 4, 1, len(thumbnail)
    ) + bytes(4)
    return block[:link] + struct.pack(order + "I", at) + block[link + 4 :] + entries + thumbnail


def segment(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body


def jpeg(
    *,
    exif: bytes = b"",
    xmp: str | bytes = b"",
    resources: bytes = b"",
    comment: bytes = b"",
    manifest: bytes = b"",
    image: PIL.Image.Image | None = None,
) -> bytes:
    """A JPEG with the given blocks in front."""
    plain = encode(image or scene(), quality=90)
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    blocks = b"".join(
        segment(kind, prefix + body)
        for kind, prefix, body in (
            (0xE1, b"Exif\0\0", exif),
            (0xE1, b"http://ns.adobe.com/xap/1.0/\0", xmp),
            (0xED, b"Photoshop 3.0\0", resources),
            (0xFE, b"", comment),
            (0xEB, b"JP\0\1\0\0\0\1", manifest),
        )
        if body
    )
    return plain[:2] + blocks + plain[2:]


def png(texts: Mapping[str, str], compressed: bool = False) -> bytes:
    info = PngInfo()
    for keyword, text in texts.items():
        if keyword == "XML:com.adobe.xmp":
            info.add_itxt(keyword, text, zip=compressed)
        else:
            info.add_text(keyword, text, zip=compressed)
    return encode(scene(96, 72), "PNG", pnginfo=info)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk; nobody checks the sum."""
    return struct.pack(">I", len(body)) + kind + body + bytes(4)


def png_chunks(*chunks: bytes) -> bytes:
    plain = encode(scene(), "PNG")
    return plain[:33] + b"".join(chunks) + plain[33:]  # after IHDR


XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 5.6-c140">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
    xmlns:dc="http://purl.org/dc/elements/1.1/"{attributes}>{elements}</rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def xmp(attributes: str = "", elements: str = "") -> str:
    return XMP.format(attributes=" " + attributes, elements=elements)


def history(*agents: str) -> str:
    """An edit history as Photoshop, Lightroom and GIMP write it."""
    events = "".join(
        f'<rdf:li stEvt:action="saved" stEvt:softwareAgent="{agent}" '
        'stEvt:when="2024-01-02T03:04:05+01:00"/>'
        for agent in agents
    )
    return f"<xmpMM:History><rdf:Seq>{events}</rdf:Seq></xmpMM:History>"


def resource(kind: int, body: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", kind, 0, len(body)) + body + bytes(len(body) % 2)


def iptc(*sets: tuple[int, str]) -> bytes:
    """Image resources with data sets of record 2."""
    body = b"".join(
        struct.pack(">BBBH", 0x1C, 2, number, len(text.encode())) + text.encode()
        for number, text in sets
    )
    return resource(0x0404, body)


def version(writer: str, reader: str) -> bytes:
    """The image resource in which Photoshop names itself."""
    names = b"".join(
        struct.pack(">I", len(name)) + name.encode("utf-16-be") for name in (writer, reader)
    )
    return resource(0x0421, struct.pack(">IB", 1, 1) + names + struct.pack(">I", 1))
