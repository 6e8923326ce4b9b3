"""Hostile and odd uploads, made on the fly: what must be refused and why, and what must work.

Used by the tests of ``media/`` and, over HTTP, by those of the endpoint:
``from media_corpus import uploads``.
"""

from __future__ import annotations

import functools
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
import numpy as np
import PIL.Image
from numpy.typing import NDArray

TRUNCATIONS = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95)


@dataclass(frozen=True)
class Upload:
    """One file, the part it is sent as, and the error code that it must meet; None: it works."""

    name: str
    part: Literal["selfie", "clip"]
    data: bytes
    code: str | None


@functools.cache
def uploads() -> tuple[Upload, ...]:
    """All uploads, nearly two hundred; built once, in about two seconds."""
    selfies = {**_images_that_work(), **_hostile_images()}
    clips = {**_clips_that_work(), **_hostile_clips()}
    return (
        *(Upload(name, "selfie", data, code) for name, (data, code) in selfies.items()),
        *(Upload(name, "clip", data, code) for name, (data, code) in clips.items()),
    )


# --- images ------------------------------------------------------------------------------------


@functools.cache
def scene(width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """Four corners of known colour on a gradient, with some grain: uint8 RGB (H, W, 3)."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 200 // width, y * 200 // height, np.full_like(x, 90)], axis=-1)
    pixels = pixels + np.random.default_rng(1).integers(0, 30, pixels.shape)
    h, w = height // 4, width // 4
    pixels[:h, :w] = (230, 20, 20)
    pixels[:h, -w:] = (20, 230, 20)
    pixels[-h:, :w] = (20, 20, 230)
    pixels[-h:, -w:] = (230, 230, 20)
    return pixels.astype(np.uint8)


def encode(image: PIL.Image.Image | None = None, kind: str = "JPEG", **options: object) -> bytes:
    """Encode an image, by default the scene, with Pillow."""
    buffer = io.BytesIO()
    (image or PIL.Image.fromarray(scene())).save(buffer, kind, **options)
    return buffer.getvalue()


def oriented(orientation: int) -> bytes:
    """A JPEG whose EXIF block says how to turn it."""
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    return encode(exif=exif, quality=95)


def png(
    size: tuple[int, int], bits: int, colour: int, rows: bytes, extra: Sequence[bytes] = ()
) -> bytes:
    """A PNG from its filtered rows, with chunks before the data."""
    return png_of(size, bits, colour, zlib.compress(rows), extra)


def png_of(
    size: tuple[int, int], bits: int, colour: int, stream: bytes, extra: Sequence[bytes] = ()
) -> bytes:
    """A PNG from its compressed data."""
    ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, 0))
    body = ihdr + b"".join(extra) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def zeros(length: int) -> bytes:
    """A valid zlib stream of ``length`` zero bytes, made without compressing them all."""
    block = 2**20
    packer = zlib.compressobj(9)
    piece = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    head, piece = piece[:2], piece[2:]
    tail = zlib.compressobj(9, wbits=-15)
    rest = tail.compress(bytes(length % block)) + tail.flush()
    return head + piece * (length // block) + rest + struct.pack(">HH", length % 65521, 1)


def grey16() -> bytes:
    """A 16-bit greyscale PNG whose left half is 1/4 and right half 3/4 of white."""
    row = b"\0" + struct.pack(">H", 0x4000) * 64 + struct.pack(">H", 0xC000) * 64
    return png((128, 96), 16, 0, row * 96)


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    """A JPEG with one more segment right after its start."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + jpeg[2:]


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG that lies about its dimensions."""
    at = next(at for sof in (b"\xff\xc0", b"\xff\xc2") if (at := jpeg.find(sof)) >= 0)
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def zip_archive() -> bytes:
    """A ZIP with one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("run.js", "x")
    return buffer.getvalue()


def _many_scans(jpeg: bytes, count: int) -> bytes:
    """Repeat the last scan of a progressive JPEG, a refinement that may come again and again."""
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:last] + jpeg[last:-2] * count + b"\xff\xd9"


def _webp_chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _webp(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
_HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
_HTML = b"<!DOCTYPE html><html><body>hello</body></html>"
_PLAYLIST = b"#EXTM3U\n#EXTINF:10,\nhttp://169.254.169.254/latest/meta-data/\n#EXT-X-ENDLIST\n"
_CONCAT = b"ffconcat version 1.0\nfile '/etc/passwd'\nfile 'http://127.0.0.1:8265/api/jobs/'\n"


def _images_that_work() -> dict[str, tuple[bytes, None]]:
    rgb = PIL.Image.fromarray(scene())
    alpha = rgb.convert("RGBA")
    alpha.putalpha(PIL.Image.linear_gradient("L").resize(rgb.size))
    palette = rgb.quantize(16)
    jpeg = encode()
    good = {
        "jpeg": jpeg,
        "jpeg-progressive": encode(progressive=True),
        "jpeg-grey": encode(rgb.convert("L")),
        "jpeg-cmyk": encode(rgb.convert("CMYK")),
        "jpeg-444-restarts": encode(subsampling=0, restart_marker_rows=1),
        "jpeg-mpo-two-pictures": encode(kind="MPO", save_all=True, append_images=[rgb]),
        "jpeg-camera-trailer": jpeg + b"\0\0\1\x0a\x0e\0\0\0Image_UTC_Data1700000000000SEFHk\0SEFT",
        "jpeg-motion-photo": jpeg + _mp4_tail(),
        "jpeg-broken-exif": with_segment(jpeg, 0xE1, b"Exif\0\0MM\0*\0\0\xff\xff" + b"\xff" * 40),
        "jpeg-wide": encode(PIL.Image.new("RGB", (20_000, 64))),
        "png": encode(kind="PNG"),
        "png-alpha": encode(alpha, "PNG"),
        "png-grey": encode(rgb.convert("L"), "PNG"),
        "png-grey-alpha": encode(rgb.convert("LA"), "PNG"),
        "png-16-bit-grey": grey16(),
        "png-16-bit-rgb": png((96, 96), 16, 2, (b"\0" + b"\x80\0" * 3 * 96) * 96),
        "png-palette": encode(palette, "PNG"),
        "png-palette-transparent": encode(palette, "PNG", transparency=0),
        "png-1-bit": encode(rgb.convert("1"), "PNG"),
        "png-padded-with-zeros": encode(kind="PNG") + bytes(16),
        "png-500-mb-after-the-last-row": png_of((64, 64), 8, 0, zeros(500 * 2**20)),
        "webp": encode(kind="WEBP"),
        "webp-lossless": encode(kind="WEBP", lossless=True),
        "webp-alpha": encode(alpha, "WEBP"),
        "smallest": encode(rgb.resize((64, 64))),
    }
    good |= {f"jpeg-orientation-{turn}": oriented(turn) for turn in range(1, 9)}
    return {name: (data, None) for name, data in good.items()}


def _hostile_images() -> dict[str, tuple[bytes, str]]:
    rgb = PIL.Image.fromarray(scene())
    other = PIL.Image.fromarray(scene()[::-1])
    jpeg, progressive = encode(), encode(progressive=True)
    flat, webp, lossless = encode(kind="PNG"), encode(kind="WEBP"), encode(kind="WEBP", lossless=1)
    row = b"\0" + bytes(128)
    bomb = zeros(100 * 2**20)
    huge = struct.pack("<I", 0x2F)[:1] + struct.pack("<I", 16383 | 16383 << 14)
    canvas = (16383).to_bytes(3, "little") * 2
    by_code = {
        "image-empty": {"empty": b""},
        "image-too-large": {"over-10-mib": jpeg + bytes(10 * 2**20)},
        "image-format-unsupported": {
            "one-byte": b"\xff",
            "nul-bytes": bytes(5000),
            "pdf-renamed-jpg": _PDF,
            "gif": encode(kind="GIF"),
            "gif-bomb": b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(50),
            "tiff": encode(kind="TIFF"),
            "bmp": encode(kind="BMP"),
            "ico": encode(kind="ICO"),
            "heic": _HEIC,
            "avif-header": _HEIC.replace(b"heic", b"avif"),
            "jpeg-2000-header": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100),
            "svg": _SVG,
            "html": _HTML,
            "text": b"not an image\n" * 40,
            "json": b'{"selfie": "/etc/passwd"}',
            "zip": zip_archive(),
            "executable": b"MZ\x90\0" + bytes(200),
            "url": b"http://169.254.169.254/latest/meta-data/",
            "mp4-as-selfie": clip(),
        },
        "image-too-many-pixels": {
            "png-bomb-500-mb": png_of((23_000, 23_000), 8, 0, zeros(23_001 * 23_000)),
            "png-header-2-billion": png((2**31 - 1, 2**31 - 1), 8, 2, row),
            "png-just-above-25-mp": png((5001, 5000), 1, 0, b""),
            "jpeg-header-65500": with_size(jpeg, 65500, 65500),
            "jpeg-progressive-header-65500": with_size(progressive, 65500, 65500),
            "webp-canvas-16384": _webp(_webp_chunk(b"VP8X", bytes(4) + canvas), webp[12:]),
            "webp-lossless-header-16384": _webp(_webp_chunk(b"VP8L", huge + bytes(40))),
            "webp-lossy-header-16383": webp[:26] + b"\xff\x3f\xff\x3f" + webp[30:],
        },
        "image-too-small": {
            "one-pixel": encode(PIL.Image.new("RGB", (1, 1)), "PNG"),
            "below-64": encode(rgb.resize((63, 640))),
            "png-no-width": png((0, 100), 8, 0, b""),
        },
        "image-too-complex": {
            "jpeg-5000-scans": _many_scans(encode(rgb.resize((64, 64)), progressive=True), 5000),
            "jpeg-many-segments": jpeg[:2] + b"\xff\xfe\0\2" * 200_000 + jpeg[2:],
            "png-many-chunks": flat[:33] + chunk(b"teSt", b"") * 100_000 + flat[33:],
        },
        "image-animated": {
            "webp-animated": encode(kind="WEBP", save_all=True, append_images=[other]),
            "apng": encode(kind="PNG", save_all=True, append_images=[other]),
        },
        "image-polyglot": {
            "jpeg-zip": jpeg + zip_archive(),
            "jpeg-zip-in-comment": with_segment(jpeg, 0xFE, zip_archive()),
            "jpeg-pdf": jpeg + _PDF,
            "jpeg-pdf-in-comment": with_segment(jpeg, 0xFE, _PDF),
            "jpeg-html": jpeg + _HTML,
            "jpeg-php-in-comment": with_segment(jpeg, 0xFE, b"<?php system($_GET['c']); ?>"),
            "png-zip": flat + zip_archive(),
            "png-zip-in-chunk": flat[:-12] + chunk(b"teSt", zip_archive()) + flat[-12:],
            "png-script-in-text": flat[:33] + chunk(b"tEXt", b"a\0" + _SVG) + flat[33:],
            "webp-pdf": webp + _PDF,
        },
        "image-trailing-data": {
            "png-trailing-data": flat + b"the rest of an uncropped screenshot",
            "png-png": flat + flat,
            "webp-trailing-data": webp + b"more than it says",
        },
        "image-damaged": {
            "png-bad-checksum": flat[:60] + bytes([flat[60] ^ 1]) + flat[61:],
            "png-no-data": flat[:33] + flat[-12:],
            "png-text-bomb": flat[:33] + chunk(b"zTXt", b"a\0\0" + bomb) + flat[33:],
            "png-unicode-text-bomb": flat[:33] + chunk(b"iTXt", b"a\0\1\0\0\0" + bomb) + flat[33:],
            "png-65-text-chunks": flat[:33]
            + chunk(b"zTXt", b"a\0\0" + zeros(2**20 - 1)) * 65
            + flat[33:],
            "jpeg-only-tables": jpeg[: jpeg.index(b"\xff\xda")] + b"\xff\xd9",
            "jpeg-not-a-frame": b"\xff\xd8\xff\xe0\0\4\0\0\xff\xd9",
            "webp-no-picture": _webp(_webp_chunk(b"JUNK", bytes(40))),
            "webp-damaged": _webp(webp[12:40] + b"\xff" * (len(webp) - 40)),
        },
        "image-truncated": {
            "jpeg-no-end-marker": jpeg[:-2],
            "jpeg-start-only": b"\xff\xd8\xff",
            "png-start-only": flat[:8],
            "webp-start-only": webp[:12],
            **{f"jpeg-cut-at-{part:.0%}": _cut(jpeg, part) for part in TRUNCATIONS},
            **{
                f"jpeg-progressive-cut-at-{part:.0%}": _cut(progressive, part)
                for part in (0.5, 0.9)
            },
            **{f"png-cut-at-{part:.0%}": _cut(flat, part) for part in TRUNCATIONS},
            **{f"webp-cut-at-{part:.0%}": _cut(webp, part) for part in TRUNCATIONS},
            "webp-lossless-cut": _cut(lossless, 0.5),
        },
    }
    return {name: (data, code) for code, items in by_code.items() for name, data in items.items()}


def _cut(data: bytes, part: float) -> bytes:
    return data[: int(len(data) * part)]


# --- clips -------------------------------------------------------------------------------------


def clip(
    kind: str = "mp4",
    codec: str = "mpeg4",
    *,
    frames: int = 20,
    size: tuple[int, int] = (96, 64),
    times: Iterable[int] | None = None,
    ticks: int = 1000,
    rotation: int | None = None,
    mirrored: bool = False,
    sound: bool = False,
    muxer: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    matrix: str | None = None,
    full_range: bool = False,
) -> bytes:
    """A clip of the scene, whose top row darkens from frame to frame.

    Args:
        kind: FFmpeg's name of the container.
        codec: FFmpeg's name of the encoder.
        frames: how many, if ``times`` does not say.
        size: width and height.
        times: presentation time of each frame in ticks; default 25 a second.
        ticks: ticks a second.
        rotation: degrees counter-clockwise that the container asks for.
        mirrored: whether it asks to mirror, too.
        sound: add a track of silence.
        muxer: options of the container.
        options: options of the encoder.
        matrix: YUV matrix to use and to state, ITU601 or ITU709; default 601, unstated.
        full_range: use and state levels 0..255; only with ``matrix``.
    """
    times = [at * ticks // 25 for at in range(frames)] if times is None else list(times)
    buffer = io.BytesIO()
    opened = av.open(buffer, "w", format=kind, container_options=muxer or {})
    with _scheduling_kept(), opened as container:
        video = container.add_stream(codec, rate=ticks)
        video.width, video.height = size
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        video.options = options or {}
        video.codec_context.thread_count = 1
        levels = 2 if full_range else 1
        if matrix:
            video.codec_context.colorspace = {"ITU709": 1, "ITU601": 6}[matrix]
            video.codec_context.color_range = levels
        if rotation is not None or mirrored:
            video.set_display_rotation(rotation or 0, hflip=mirrored)
        audio = container.add_stream("libopus", rate=48000) if sound else None
        for number, at in enumerate(times):
            pixels = scene(*size).copy()
            pixels[0] = 255 - number % 256
            frame = av.VideoFrame.from_ndarray(pixels)
            if matrix:
                frame = frame.reformat(
                    format=video.pix_fmt, dst_colorspace=matrix, dst_color_range=levels
                )
            frame.pts = at
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            _silence(container, audio)
    return buffer.getvalue()


@contextmanager
def _scheduling_kept() -> Iterator[None]:
    """Undo that SVT-AV1 makes root's process a real-time one.

    It would keep all others off a CPU as long as it has work, and so would its children.
    """
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    yield
    os.sched_setscheduler(0, policy, parameters)


def packets(
    kind: str, images: Sequence[bytes], times: Sequence[int], codec: str = "mjpeg"
) -> bytes:
    """A clip of ready-made Motion JPEG packets, shown at ``times`` in milliseconds."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        video = container.add_stream(codec, rate=1000)
        video.width, video.height, video.pix_fmt = 96, 64, "yuvj420p"
        for number, (image, at) in enumerate(zip(images, times, strict=True)):
            packet = av.Packet(image)
            packet.stream = video
            packet.time_base = Fraction(1, 1000)
            packet.pts, packet.dts = at, number
            packet.is_keyframe = True
            container.mux(packet)
    return buffer.getvalue()


def sound_only(kind: str) -> bytes:
    """A container with silence and nothing to see."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        _silence(container, container.add_stream("libopus", rate=48000))
    return buffer.getvalue()


def _silence(container: av.container.OutputContainer, stream: av.AudioStream) -> None:
    for number in range(20):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), "s16", "mono")
        frame.sample_rate, frame.pts = 48000, number * 960
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def moov_first(mp4: bytes) -> bytes:
    """Put the index of an MP4 before its data, as for streaming."""
    boxes = {box[4:8]: box for box in _boxes(mp4)}
    moov = boxes.pop(b"moov")
    data = boxes.pop(b"mdat")
    table = moov.index(b"stco") + 8
    count = struct.unpack_from(">I", moov, table)[0]
    offsets = struct.unpack_from(f">{count}I", moov, table + 4)
    moved = struct.pack(f">{count}I", *(offset + len(moov) for offset in offsets))
    moov = moov[: table + 4] + moved + moov[table + 4 + 4 * count :]
    return b"".join(boxes.values()) + moov + data


def _boxes(mp4: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(mp4):
        size = struct.unpack_from(">I", mp4, at)[0]
        yield mp4[at : at + size]
        at += size


@functools.cache
def _mp4_tail() -> bytes:
    return b"MotionPhoto_Data" + clip()


def _clips_that_work() -> dict[str, tuple[bytes, None]]:
    webm = {"kind": "webm", "codec": "libvpx", "options": {"deadline": "realtime"}}
    x264 = {"codec": "libx264", "options": {"preset": "ultrafast"}}
    good = {
        "mp4-h264": clip(**x264),
        "mp4-h264-b-frames": clip(codec="libx264", options={"bf": "3"}),
        "mp4-mpeg4": clip(),
        "mp4-fragmented": clip(muxer={"movflags": "frag_keyframe+empty_moov"}),
        "mp4-moov-first": moov_first(clip()),
        "mp4-with-sound": clip(sound=True),
        "mp4-rotated": clip(rotation=90),
        "mp4-variable-rate": clip(times=[0, 33, 70, 71, 190, 200, 600]),
        "mov-h264": clip("mov", **x264),
        "webm-vp8": clip(**webm),
        "webm-vp8-live": clip(**webm, muxer={"live": "1"}),
        "webm-vp9": clip("webm", "libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"}),
        "mkv-h264": clip("matroska", **x264),
        "avi-mjpeg": clip("avi", "mjpeg", ticks=25),
        "avi-mpeg4": clip("avi", ticks=25),
        "mkv-one-repeated-time": packets("matroska", [_jpeg()] * 20, [1, 1, *range(2, 20)]),
    }
    return {f"clip-{name}": (data, None) for name, data in good.items()}


@functools.cache
def _jpeg(width: int = 96, height: int = 64) -> bytes:
    return encode(PIL.Image.fromarray(scene(width, height)), subsampling=2)


def _hostile_clips() -> dict[str, tuple[bytes, str]]:
    mp4, avi = clip(), clip("avi", "mjpeg", ticks=25)
    webm = clip("webm", "libvpx", options={"deadline": "realtime"})
    first = moov_first(mp4)
    stsz = first.index(b"stsz") + 8
    by_code = {
        "clip-empty": {"empty": b""},
        "clip-too-large": {"over-50-mib": mp4 + bytes(50 * 2**20)},
        "clip-format-unsupported": {
            "one-byte": b"\0",
            "text": b"not a clip\n" * 40,
            "jpeg": _jpeg(),
            "gif": encode(kind="GIF"),
            "pdf": _PDF,
            "heic": _HEIC,
            "html": _HTML,
            "hls-playlist": _PLAYLIST,
            "concat-script": _CONCAT,
            "dash-manifest": b'<?xml version="1.0"?><MPD><BaseURL>http://10.0.0.1/</BaseURL></MPD>',
            "session-description": b"v=0\nc=IN IP4 10.0.0.1\nm=video 1 RTP/AVP 96\n",
            "url": b"http://169.254.169.254/latest/meta-data/",
            "mpeg-ts": clip("mpegts", "mpeg2video", ticks=25),
            "flv": clip("flv", "flv", ticks=25),
            "wav": b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + bytes(28),
            "ogg": b"OggS" + bytes(60),
        },
        "clip-codec-unsupported": {
            "mkv-ffv1": clip("matroska", "ffv1"),
            "avi-raw-video": clip("avi", "rawvideo", ticks=25),
            "mkv-mpeg2": clip("matroska", "mpeg2video", ticks=25),
        },
        "clip-no-video": {
            "sound-only-mp4": sound_only("mp4"),
            "sound-only-webm": sound_only("webm"),
            "mp4-sample-size-lie": first[:stsz] + b"\xff" * 8 + first[stsz + 8 :],
            "mp4-noise": mp4[:28] + b"\0\0\4\0moov" + np.random.default_rng(2).bytes(1016),
            "avi-noise": avi[:60] + np.random.default_rng(4).bytes(len(avi) - 60),
        },
        "clip-too-long": {
            "ten-minutes": clip(times=range(0, 600, 5), ticks=1),
            "ten-minutes-unstated": clip(
                "webm", "libvpx", times=(0, 40, 600_000), muxer={"live": "1"}
            ),
        },
        "clip-too-many-frames": {
            "1000-frames": clip(times=range(0, 10_000, 10), size=(64, 64)),
            "1000-frames-unstated": packets("matroska", [_jpeg()] * 1000, range(1000)),
        },
        "clip-too-many-pixels": {"4k-frames": clip(frames=2, size=(3840, 2160))},
        "clip-too-small": {"tiny-frames": clip(size=(32, 32))},
        "clip-frame-size-changed": {
            "size-changes": packets("avi", [_jpeg()] * 5 + [_jpeg(128, 96)], range(6)),
        },
        "clip-timestamps-invalid": {
            "times-repeat": packets("matroska", [_jpeg()] * 20, [10] * 10 + [*range(10, 20)]),
        },
        "clip-truncated": {
            **{f"mp4-cut-at-{part:.0%}": _cut(first, part) for part in TRUNCATIONS},
            "mp4-start-only": mp4[:20],
            "webm-cut": _cut(webm, 0.6),
            "webm-start-only": webm[:6],
            "avi-cut": _cut(avi, 0.6),
            "mp4-then-html": mp4 + _HTML,
        },
        "clip-undecodable": {
            "mp4-box-of-no-size": mp4[:28] + b"\0\0\0\1free" + bytes(8),
            "mp4-no-index": b"".join(box for box in _boxes(mp4) if box[4:8] != b"moov"),
            "webm-noise": webm[:40] + np.random.default_rng(3).bytes(len(webm) - 40),
            "avi-pictures-are-noise": packets("avi", [b"\xff\xd8" + bytes(300)] * 5, range(5)),
        },
    }
    return {
        f"clip-{name}": (data, code)
        for code, items in by_code.items()
        for name, data in items.items()
    }
