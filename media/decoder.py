"""The process in which clips are decoded, as its parent sees it.

The parent believes nothing that the decoder sends before it has checked it, because a hostile clip
may have taken the decoder over: numbers come as JSON, pixels as raw bytes, never a pickle.
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
from pathlib import Path
from typing import IO, Any

from media.containers import Container
from media.errors import MediaError
from media.limits import ClipLimits

log = logging.getLogger(__name__)

CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mjpeg")
"""What phones, browsers and webcams record, by FFmpeg's names; ``libdav1d`` decodes AV1."""

_WORKER = Path(__file__).with_name("clip_worker.py")
_WORKER_MEMORY = 2**30  # address space; Python and FFmpeg take 0.13 GB of it, 1080p HEVC 0.3
_LINE_BYTES = 4096

# The server's secrets stay out of the decoder's environment; these let Python start.
_ENVIRONMENT = ("HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH")


class Decoder:
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
                raise undecodable()
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
            raise undecodable() from None
        if not isinstance(header, dict):
            raise undecodable()
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
                raise undecodable()
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
            # Of a traceback's last line the type of the error, not what it says of the clip.
            last = self._errors.read()[-500:].strip().rpartition(b"\n")[2]
            log.info("the clip decoder ended with %d: %s", status, last.partition(b":")[0])
            raise undecodable()

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


def integer(value: object) -> int:
    """Take a value of a header for a whole number, or refuse the clip."""
    if type(value) is not int:
        raise undecodable()
    return value


def number(value: object) -> float:
    """Take a value of a header for a finite number, or refuse the clip."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise undecodable()
    return float(value)


def undecodable() -> MediaError:
    """Make the error of a clip that the decoder cannot decode, or that broke it."""
    return MediaError(
        "clip-undecodable", "The clip cannot be decoded; record it again or use another format."
    )
