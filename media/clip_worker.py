"""Decode one clip in a process of its own. :mod:`media.clips` starts it as a script.

The process parses hostile bytes with a large C library, so it gives up what it could do harm with
before it reads the first of them: it cannot open a file or a socket, and its memory and processor
time are bounded. It judges nothing: the parent checks every number that it sends.

It reads the clip from standard input, which is a file, and its orders as JSON from its argument:
``container``, ``codecs``, ``max_pixels``, ``cpu_seconds``, ``memory_bytes``. It writes one line
of JSON that describes the stream, then for every decoded frame one line, and right after it the
rows of 8-bit RGB if the frame has a time. On any trouble it dies; standard error says of what.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import av
import av.logging

# PyAV imports these when it meets a stream of their kind; by then no file can be opened any more.
import av.subtitles.codeccontext
import av.subtitles.stream
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

STDERR_BYTES = 64 * 1024


def main() -> None:
    """Decode standard input to standard output."""
    orders = json.loads(sys.argv[1])
    av.logging.set_level(av.logging.PANIC)
    give_up_rights(orders["memory_bytes"], orders["cpu_seconds"])
    decode(sys.stdin.buffer, sys.stdout.buffer, orders)


def give_up_rights(memory_bytes: int, cpu_seconds: int) -> None:
    """Lower this process's limits for good."""
    wanted = {
        resource.RLIMIT_AS: (memory_bytes, memory_bytes),
        resource.RLIMIT_CPU: (cpu_seconds, cpu_seconds + 1),  # at the first SIGXCPU, then SIGKILL
        resource.RLIMIT_FSIZE: (STDERR_BYTES, STDERR_BYTES),
        resource.RLIMIT_CORE: (0, 0),
        # What is open stays open; nothing more, no socket either.
        resource.RLIMIT_NOFILE: (0, 0),
    }
    for limit, (soft, hard) in wanted.items():
        most = resource.getrlimit(limit)[1]
        if most == resource.RLIM_INFINITY or hard <= most:
            resource.setrlimit(limit, (soft, hard))


def decode(source: BinaryIO, sink: BinaryIO, orders: Mapping[str, Any]) -> None:
    """Write the description of the stream and its frames to ``sink``."""
    # Left to itself FFmpeg would take a playlist or a script for a clip, and follow it.
    refuse = {"protocol_whitelist": "none"}
    with av.open(source, "r", format=orders["container"], container_options=refuse) as container:
        video = container.streams.best("video")
        if not isinstance(video, VideoStream) or not video.codec_context:
            _line(sink, codec=None)
            return
        codec = video.codec_context
        ticks = video.duration * video.time_base if video.duration and video.time_base else 0
        _line(
            sink,
            codec=codec.name,
            width=codec.width,
            height=codec.height,
            seconds=float(ticks),
            frames=video.frames,
        )
        if codec.name not in orders["codecs"]:
            return
        codec.thread_count = 1
        codec.options = {"max_pixels": str(orders["max_pixels"])}
        reformatter = VideoReformatter()
        matrix: list[int] | None = None
        for number, frame in enumerate(_decoded(container, video)):
            if number == 0:
                matrix = _display_matrix(frame)
            _line(sink, time=frame.time, width=frame.width, height=frame.height, matrix=matrix)
            if frame.time is not None:
                sink.write(_rgb(reformatter.reformat(frame, format="rgb24", threads=1)))
                sink.flush()


def _decoded(container: InputContainer, video: VideoStream) -> Iterator[av.VideoFrame]:
    for packet in container.demux(video):
        if packet.is_corrupt:
            raise SystemExit("the container lacks a part of this frame")
        yield from packet.decode()


def _display_matrix(frame: av.VideoFrame) -> list[int] | None:
    """Take a, b, c, d of the first frame: x' = a·x + c·y, y' = b·x + d·y.

    It holds for the whole stream; and to ask a frame for its side data ties it into a reference
    cycle, so that asking every one would keep hundreds of frames in memory.
    """
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if not matrix:
        return None
    a, b, _, c, d = memoryview(bytes(matrix)).cast("i")[:5]
    return [a, b, c, d]


def _rgb(frame: av.VideoFrame) -> bytes | memoryview:
    plane = frame.planes[0]
    rows, used, stride = memoryview(plane), 3 * frame.width, plane.line_size
    if used == stride:
        return rows[: frame.height * used]
    # FFmpeg pads rows to a multiple of 64 bytes.
    return b"".join(rows[at : at + used] for at in range(0, frame.height * stride, stride))


def _line(sink: BinaryIO, **values: object) -> None:
    sink.write(json.dumps(values).encode() + b"\n")
    sink.flush()


if __name__ == "__main__":
    main()
