"""Decode an uploaded clip, frame by frame, within limits that are checked as the frames come."""

from __future__ import annotations

import io
import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from media.capture import Capture
from media.containers import Container, is_complete, sniff
from media.decoder import CODECS, Decoder, integer, number, undecodable
from media.errors import MediaError, blame
from media.images import decode_image
from media.limits import CLIP_LIMITS, IMAGE_LIMITS, ClipLimits, ImageLimits

_MAX_UNTIMED = 0.1  # share of frames that may lack a usable time


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
    limits: ClipLimits = CLIP_LIMITS,
    image_limits: ImageLimits = IMAGE_LIMITS,
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


def read_clip(data: bytes, limits: ClipLimits = CLIP_LIMITS) -> Generator[Frame, None, None]:
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
    limits.check_bytes(len(data))
    container = sniff(data)
    if not is_complete(data, container):
        raise MediaError(
            "clip-truncated", "The clip is shorter than its container says; send it again."
        )
    return _decode(data, container, limits)


def first_frame(data: bytes, limits: ClipLimits = CLIP_LIMITS) -> bytes:
    """Return the first frame of a clip as a PNG, for a capture that has no other selfie.

    Raises:
        MediaError: the clip is refused.
    """
    with closing(read_clip(data, limits)) as frames:
        frame = next(frames)
    file = io.BytesIO()
    PIL.Image.fromarray(frame.pixels).save(file, "PNG")
    return file.getvalue()


def read_stills(
    parts: Sequence[bytes],
    times: Sequence[float],
    limits: ClipLimits = CLIP_LIMITS,
    image_limits: ImageLimits = IMAGE_LIMITS,
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
    limits.check_frames(len(parts))
    limits.check_bytes(sum(map(len, parts)))
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
    limits.check_seconds(times[-1] - times[0])
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
    with closing(Decoder(data, container, limits)) as decoder:
        stream = decoder.line()
        if stream is None:
            raise undecodable()
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
        width, height = integer(stream.get("width")), integer(stream.get("height"))
        if width and height:
            limits.check_pixels(width, height)
        limits.check_frames(integer(stream.get("frames")))
        limits.check_seconds(number(stream.get("seconds")))
        yield from _same_size(_frames(decoder, limits))


def _frames(decoder: Decoder, limits: ClipLimits) -> Iterator[Frame]:
    decoded = dropped = 0
    first: float | None = None
    last = -math.inf
    while (header := decoder.line()) is not None:
        decoded += 1
        limits.check_frames(decoded)
        if header.get("time") is None:
            dropped += 1
            continue
        at = number(header["time"])
        width, height = integer(header.get("width")), integer(header.get("height"))
        limits.check_pixels(width, height)
        pixels = np.frombuffer(decoder.exactly(3 * width * height), np.uint8)
        if at <= last:
            dropped += 1
            continue
        last = at
        first = at if first is None else first
        limits.check_seconds(at - first)
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
            raise undecodable()
        a, b, c, d = map(integer, matrix)
        x, y = a, d
        if abs(b) > abs(a):
            pixels = pixels.swapaxes(0, 1)
            x, y = c, b
        pixels = pixels[:: -1 if y < 0 else 1, :: -1 if x < 0 else 1]
    upright = np.ascontiguousarray(pixels)
    upright.setflags(write=False)
    return upright
