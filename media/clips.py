"""Decode an uploaded clip, frame by frame, in a process that can be killed.

The parent of that process holds the limits. It believes nothing that the decoder sends before it
has checked it, because a hostile clip may have taken the decoder over: numbers come as JSON,
pixels as raw bytes, never a pickle.
"""

from __future__ import annotations

import json
import logging
import math
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from media.capture import Capture
from media.containers import Container, is_complete, sniff
from media.errors import MediaError, blame
from media.images import ImageLimits, decode_image

log = logging.getLogger(__name__)

CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mjpeg")
"""What phones, browsers and webcams record, by FFmpeg's names; ``libdav1d`` decodes AV1."""

_IMAGE_LIMITS = ImageLimits()

_WORKER = Path(__file__).with_name("clip_worker.py")
_WORKER_MEMORY = 2**30  # address space; Python and FFmpeg take 0.13 GB of it, 1080p HEVC 0.3
_LINE_BYTES = 4096
_MAX_UNTIMED = 0.1  # share of frames that may lack a usable time

# The server's secrets stay out of the decoder's environment; these let Python start.
_ENVIRONMENT = ("HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH")


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """How large a clip may be.

    Attributes:
        max_bytes: length of the file, or of all still frames together.
        max_seconds: from the first frame to the last.
        max_megapixels: width × height / 10⁶ of one frame; the default just holds 1080p.
        max_frames: frames in the clip.
        min_side: pixels of the shorter side of a frame.
        wall_seconds: how long the caller waits for the decoder in all; its own time between two
            frames does not count.
    """

    max_bytes: int = 50 * 2**20
    max_seconds: float = 30.0
    max_megapixels: float = 2.1
    max_frames: int = 900
    min_side: int = 64
    wall_seconds: float = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of a clip.

    Attributes:
        time: seconds from the first frame, strictly increasing.
        pixels: uint8 RGB (H, W, 3), upright, read-only; the same size for every frame.
    """

    time: float
    pixels: NDArray[np.uint8]


@contextmanager
def open_frames(
    capture: Capture,
    limits: ClipLimits = ClipLimits(),
    image_limits: ImageLimits = _IMAGE_LIMITS,
) -> Iterator[Iterator[Frame] | None]:
    """Open the frames of a capture's clip or stills; None when it has neither.

    However the block is left, the decoder's process is gone afterwards.

    Raises:
        MediaError: with ``part`` set; also while the frames are read.
    """
    if capture.clip is not None:
        with blame("clip"), closing(read_clip(capture.clip, limits)) as frames:
            yield frames
    elif capture.stills:
        with blame("frames"):
            yield read_stills(capture.stills, capture.still_times, limits, image_limits)
    else:
        yield None


def read_clip(data: bytes, limits: ClipLimits = ClipLimits()) -> Generator[Frame, None, None]:
    """Decode an MP4, MOV, WebM, MKV or AVI, one frame at a time.

    Times are the true presentation times. A frame without one, or whose time is not after the
    frame before, is dropped; a clip with more than a tenth of such frames is refused. Rotation
    and mirroring that the container asks for are applied. Sound is never decoded.

    Returns:
        A generator: at most one frame is held. Its ``close()`` kills the decoder, as do its end,
        any error and its garbage collection.

    Raises:
        MediaError: the clip is refused; its ``code`` says why. Bytes and container are checked
            at once, the rest while the frames are read.
    """
    if not data:
        raise MediaError("clip-empty", "The clip has no bytes; record it and send it again.")
    _check_bytes(len(data), limits)
    container = sniff(data)
    if not is_complete(data, container):
        raise MediaError(
            "clip-truncated", "The clip is shorter than its container says; send it again."
        )
    return _decode(data, container, limits)


def read_stills(
    parts: Sequence[bytes],
    times: Sequence[float],
    limits: ClipLimits = ClipLimits(),
    image_limits: ImageLimits = _IMAGE_LIMITS,
) -> Iterator[Frame]:
    """Decode still images that stand for a clip, one at a time.

    Args:
        parts: JPEG, PNG or WebP images of one size.
        times: seconds of each image by the client's clock, strictly increasing.
        limits: bounds on all images together, and on the pixels of each.
        image_limits: bounds on each image.

    Raises:
        MediaError: the frames are refused. Number, bytes and times are checked at once, each
            image when its turn comes.
    """
    if not parts:
        raise MediaError("clip-empty", "There are no frames; record some and send them again.")
    _check_frames(len(parts), limits)
    _check_bytes(sum(map(len, parts)), limits)
    if len(times) != len(parts):
        raise MediaError(
            "clip-timestamps-invalid",
            f"There are {len(parts)} frames and {len(times)} times; send one time for each frame.",
        )
    if not all(map(math.isfinite, times)) or any(
        later <= earlier for earlier, later in pairwise(times)
    ):
        raise MediaError(
            "clip-timestamps-invalid",
            "The times of the frames are not finite and strictly increasing; send the seconds at "
            "which each frame was taken.",
        )
    _check_seconds(times[-1] - times[0], limits)
    smaller = replace(
        image_limits,
        max_megapixels=min(limits.max_megapixels, image_limits.max_megapixels),
        min_side=max(limits.min_side, image_limits.min_side),
    )
    return _same_size(
        Frame(at - times[0], _still(index, part, smaller))
        for index, (part, at) in enumerate(zip(parts, times, strict=True))
    )


def _still(index: int, data: bytes, limits: ImageLimits) -> NDArray[np.uint8]:
    try:
        return decode_image(data, limits).pixels
    except MediaError as error:
        raise MediaError(error.code, f"Frame {index}: {error.detail}") from error


def _same_size(frames: Iterator[Frame]) -> Iterator[Frame]:
    shape: tuple[int, ...] | None = None
    for frame in frames:
        shape = shape or frame.pixels.shape
        if frame.pixels.shape != shape:
            raise MediaError(
                "clip-frame-size-changed",
                f"The frames change from {shape[1]} by {shape[0]} to {frame.pixels.shape[1]} by "
                f"{frame.pixels.shape[0]} pixels; record again without turning the camera.",
            )
        yield frame


def _decode(data: bytes, container: Container, limits: ClipLimits) -> Generator[Frame, None, None]:
    with closing(_Decoder(data, container, limits)) as decoder:
        stream = decoder.line()
        if stream is None:
            raise _undecodable()
        codec = stream.get("codec")
        if codec is None:
            raise MediaError("clip-no-video", "The clip has no picture; record it with the camera.")
        if codec not in CODECS:
            raise MediaError(
                "clip-codec-unsupported",
                "The clip's video codec is not supported; send H.264, HEVC, VP8, VP9, AV1, MPEG-4 "
                "or Motion JPEG.",
            )
        # What the container states is checked first, so that an honest clip that is too long is
        # refused at once; what really comes is checked all the same.
        width, height = _integer(stream.get("width")), _integer(stream.get("height"))
        if width and height:
            _check_pixels(width, height, limits)
        _check_frames(_integer(stream.get("frames")), limits)
        _check_seconds(_number(stream.get("seconds")), limits)
        yield from _same_size(_frames(decoder, limits))


def _frames(decoder: _Decoder, limits: ClipLimits) -> Iterator[Frame]:
    decoded = dropped = 0
    first: float | None = None
    last = -math.inf
    while (header := decoder.line()) is not None:
        decoded += 1
        _check_frames(decoded, limits)
        if header.get("time") is None:
            dropped += 1
            continue
        at = _number(header["time"])
        width, height = _integer(header.get("width")), _integer(header.get("height"))
        _check_pixels(width, height, limits)
        pixels = np.frombuffer(decoder.exactly(3 * width * height), np.uint8)
        if at <= last:
            dropped += 1
            continue
        last = at
        first = at if first is None else first
        _check_seconds(at - first, limits)
        yield Frame(at - first, _upright(pixels.reshape(height, width, 3), header.get("matrix")))
    if not decoded:
        raise MediaError("clip-no-video", "The clip has no frames; record it again.")
    if dropped > _MAX_UNTIMED * decoded:
        raise MediaError(
            "clip-timestamps-invalid",
            f"{dropped} of the clip's {decoded} frames have no time of their own; record it with "
            "another program.",
        )


def _upright(pixels: NDArray[np.uint8], matrix: Any) -> NDArray[np.uint8]:
    """Turn and mirror by a display matrix a, b, c, d: x' = a·x + c·y, y' = b·x + d·y.

    Cameras write quarter turns and mirror images; another angle goes to the nearest of those.
    """
    if matrix is not None:
        if not isinstance(matrix, list) or len(matrix) != 4:
            raise _undecodable()
        a, b, c, d = map(_integer, matrix)
        x, y = a, d
        if abs(b) > abs(a):
            pixels = pixels.swapaxes(0, 1)
            x, y = c, b
        pixels = pixels[:: -1 if y < 0 else 1, :: -1 if x < 0 else 1]
    upright = np.ascontiguousarray(pixels)
    upright.setflags(write=False)
    return upright


class _Decoder:
    """The process that decodes, and the two ways to read from it.

    Every wait counts against the wall time. Whatever ends badly becomes a MediaError.
    """

    def __init__(self, data: bytes, container: Container, limits: ClipLimits) -> None:
        self._left = self._wall = limits.wall_seconds
        self._buffer = bytearray()
        orders = {
            "container": container,
            "codecs": CODECS,
            # A backstop for memory: coded frames are whole blocks, larger than what is shown.
            "max_pixels": round(limits.max_megapixels * 2e6),
            "cpu_seconds": math.ceil(limits.wall_seconds) + 1,
            "memory_bytes": _WORKER_MEMORY,
        }
        self._errors = _unnamed_file()
        with _unnamed_file() as clip:  # a file, because MP4 needs seeking
            clip.write(data)
            clip.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_WORKER), json.dumps(orders)],
                stdin=clip,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )
        stdout = self._process.stdout
        if stdout is None:
            raise RuntimeError("Popen gave no pipe")
        self._pipe = stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)

    def line(self) -> dict[str, Any] | None:
        """Read one header; None at the regular end."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LINE_BYTES:
                raise _undecodable()
            self._wait()
            more = os.read(self._pipe, _LINE_BYTES)
            if not more:
                self._end()
                return None
            self._buffer += more
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            header = json.loads(line)
        except ValueError:
            raise _undecodable() from None
        if not isinstance(header, dict):
            raise _undecodable()
        return header

    def exactly(self, count: int) -> bytearray:
        """Read ``count`` bytes."""
        whole = bytearray(count)
        have = min(count, len(self._buffer))
        whole[:have] = self._buffer[:have]
        del self._buffer[:have]
        view = memoryview(whole)
        while have < count:
            self._wait()
            got = os.readv(self._pipe, [view[have:]])
            if not got:
                self._end()
                raise _undecodable()
            have += got
        return whole

    def close(self) -> None:
        """Kill the process and take it off the process table."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._errors.close()

    def _wait(self) -> None:
        started = time.monotonic()
        ready = self._poll.poll(max(self._left, 0.0) * 1e3)
        self._left -= time.monotonic() - started
        if not ready:
            raise self._too_slow()

    def _end(self) -> None:
        """Return when the process ended well, raise when it did not."""
        try:
            status = self._process.wait(max(self._left, 0.1))
        except subprocess.TimeoutExpired:
            raise self._too_slow() from None
        if status == -signal.SIGXCPU:
            raise self._too_slow()
        if status:
            self._errors.seek(0)
            log.info("the clip decoder ended with %d: %s", status, self._errors.read()[-500:])
            raise _undecodable()

    def _too_slow(self) -> MediaError:
        return MediaError(
            "clip-timeout",
            f"The clip took longer than {self._wall:g} seconds to decode; send a shorter or "
            "smaller one.",
        )


def _unnamed_file() -> IO[bytes]:
    """Open a file without a name: in memory where the system can, so that no face meets a disk."""
    if sys.platform == "linux":
        return open(os.memfd_create("palisade"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _integer(value: object) -> int:
    if type(value) is not int:
        raise _undecodable()
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise _undecodable()
    return float(value)


def _undecodable() -> MediaError:
    return MediaError(
        "clip-undecodable", "The clip cannot be decoded; record it again or use another format."
    )


def _check_bytes(size: int, limits: ClipLimits) -> None:
    if size > limits.max_bytes:
        raise MediaError(
            "clip-too-large",
            f"The clip has {size} bytes, the limit is {limits.max_bytes}; send a shorter one.",
        )


def _check_frames(count: int, limits: ClipLimits) -> None:
    if count > limits.max_frames:
        raise MediaError(
            "clip-too-many-frames",
            f"The clip has more than {limits.max_frames} frames; send a shorter one or record "
            "fewer frames a second.",
        )


def _check_seconds(seconds: float, limits: ClipLimits) -> None:
    if seconds > limits.max_seconds:
        raise MediaError(
            "clip-too-long",
            f"The clip lasts {seconds:.1f} seconds, the limit is {limits.max_seconds:g}; send a "
            "shorter one.",
        )


def _check_pixels(width: int, height: int, limits: ClipLimits) -> None:
    if width * height > limits.max_megapixels * 1e6:
        raise MediaError(
            "clip-too-many-pixels",
            f"The clip's frames are {width} by {height} pixels, the limit is "
            f"{limits.max_megapixels:g} megapixels; record at a lower resolution.",
        )
    if min(width, height) < limits.min_side:
        raise MediaError(
            "clip-too-small",
            f"The clip's frames are {width} by {height} pixels, each side needs "
            f"{limits.min_side}; record at a higher resolution.",
        )
