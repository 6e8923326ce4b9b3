from __future__ import annotations

import itertools
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from media_corpus import clip, encode, packets, scene
from numpy.typing import NDArray

from media import decoder
from media.capture import Capture
from media.clips import open_frames, read_clip, read_stills
from media.errors import MediaError
from media.limits import ClipLimits

SIZE = (96, 64)
SHARP = {"codec": "libx264", "options": {"preset": "ultrafast", "qp": "2"}}


def corners(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean colours of the four corner patches, row by row: (4, 3)."""
    h, w = pixels.shape[0] // 5, pixels.shape[1] // 5
    patches = (pixels[2:h, 2:w], pixels[2:h, -w:-2], pixels[-h:-2, 2:w], pixels[-h:-2, -w:-2])
    return np.stack([patch.reshape(-1, 3).mean(axis=0) for patch in patches])


def refusal(data: bytes, limits: ClipLimits | None = None) -> MediaError:
    with pytest.raises(MediaError) as caught:
        list(read_clip(data, limits or ClipLimits()))
    return caught.value


# --- what comes out ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "codec", "options"),
    [
        ("mp4", "libx264", {"preset": "ultrafast"}),
        ("mp4", "libx264", {"bf": "3"}),
        ("mp4", "libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}),
        ("mp4", "libsvtav1", {"preset": "12"}),
        ("mov", "mpeg4", {}),
        ("webm", "libvpx", {"deadline": "realtime"}),
        ("webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
        ("matroska", "libx264", {"preset": "ultrafast"}),
        ("avi", "mjpeg", {}),
        ("avi", "mpeg4", {}),
    ],
)
def test_frames_times_and_colours(kind: str, codec: str, options: dict[str, str]) -> None:
    frames = list(read_clip(clip(kind, codec, ticks=25, options=options)))
    times = [frame.time for frame in frames]
    np.testing.assert_allclose(times, np.arange(20) / 25, atol=0.0011)
    for frame in frames:
        assert frame.pixels.shape == (64, 96, 3)
        assert frame.pixels.dtype == np.uint8
        assert not frame.pixels.flags.writeable
        assert np.abs(corners(frame.pixels) - corners(scene(*SIZE))).max() < 25


def test_frames_come_in_order() -> None:
    first_rows = [frame.pixels[0].mean() for frame in read_clip(clip(**SHARP, frames=30))]
    assert np.all(np.diff(first_rows) <= 0)
    assert first_rows[-1] < first_rows[0] - 10


def test_times_are_those_of_the_file() -> None:
    shown = [500, 533, 570, 571, 690, 1700, 1702]
    times = [frame.time for frame in read_clip(clip(times=shown))]
    np.testing.assert_allclose(times, (np.array(shown) - 500) / 1000, atol=1e-9)
    assert times[0] == 0.0


@pytest.mark.parametrize("size", [(64, 64), (98, 70), (130, 96)])
def test_padded_rows(size: tuple[int, int]) -> None:
    frame = next(iter(read_clip(clip(**SHARP, frames=2, size=size))))
    assert np.abs(corners(frame.pixels) - corners(scene(*size))).max() < 25


@pytest.mark.parametrize(
    ("rotation", "mirrored"), list(itertools.product([0, 90, 180, -90], [False, True]))
)
def test_display_matrix(rotation: int, mirrored: bool) -> None:
    frame = next(iter(read_clip(clip(**SHARP, frames=2, rotation=rotation, mirrored=mirrored))))
    expected = np.rot90(scene(*SIZE), rotation // 90)
    expected = np.fliplr(expected) if mirrored else expected
    assert frame.pixels.shape == expected.shape
    assert frame.pixels.flags.c_contiguous
    assert np.abs(corners(frame.pixels) - corners(expected)).max() < 25


@pytest.mark.parametrize("matrix", ["ITU601", "ITU709"])
@pytest.mark.parametrize("full_range", [False, True])
def test_stated_colours(matrix: str, full_range: bool) -> None:
    """The wrong matrix or range moves these corners by 15 to 40 levels."""
    data = clip(**SHARP, frames=2, matrix=matrix, full_range=full_range)
    frame = next(iter(read_clip(data)))
    assert np.abs(corners(frame.pixels) - corners(scene(*SIZE))).max() < 6


def test_sound_is_passed_over() -> None:
    assert len(list(read_clip(clip(sound=True)))) == 20


def test_a_repeated_time_is_dropped() -> None:
    image = encode(subsampling=2)
    frames = list(read_clip(packets("matroska", [image] * 20, [1, 1, *range(2, 20)])))
    assert [round(frame.time * 1000) for frame in frames] == list(range(19))


# --- limits ------------------------------------------------------------------------------------


def test_limits_are_inclusive() -> None:
    data = clip(frames=26, size=(320, 240))
    limits = ClipLimits(
        max_bytes=len(data), max_seconds=1.04, max_megapixels=0.0768, max_frames=26, min_side=240
    )
    assert len(list(read_clip(data, limits))) == 26


@pytest.mark.parametrize(
    ("limits", "code", "says"),
    [
        (ClipLimits(max_bytes=100), "clip-too-large", "100"),
        (ClipLimits(max_seconds=0.5), "clip-too-long", "0.5"),
        (ClipLimits(max_megapixels=0.006), "clip-too-many-pixels", "96 by 64"),
        (ClipLimits(max_frames=19), "clip-too-many-frames", "19"),
        (ClipLimits(min_side=65), "clip-too-small", "65"),
    ],
)
@pytest.mark.parametrize("stated", [True, False])
def test_each_limit(limits: ClipLimits, code: str, says: str, stated: bool) -> None:
    """A WebM of a live recording states neither its length nor its number of frames."""
    data = clip() if stated else clip("webm", "libvpx", muxer={"live": "1"})
    error = refusal(data, limits)
    assert error.code == code
    assert says in error.detail


def test_1080p_fits() -> None:
    """Coded as 1088 rows, more than what is shown."""
    data = clip("mp4", "libx264", frames=18, size=(1920, 1080), options={"preset": "ultrafast"})
    assert [frame.pixels.shape for frame in read_clip(data)] == [(1080, 1920, 3)] * 18


def test_what_is_within_the_limit_comes_before_the_refusal() -> None:
    frames = read_clip(clip("webm", "libvpx", muxer={"live": "1"}), ClipLimits(max_frames=5))
    assert len(list(itertools.islice(frames, 5))) == 5
    with pytest.raises(MediaError, match="too-many-frames"):
        next(frames)


# --- the process -------------------------------------------------------------------------------


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process that is started."""
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    return started


def gone(processes: list[subprocess.Popen[bytes]]) -> bool:
    """One process was started, and it has been waited for."""
    return [process.returncode is not None for process in processes] == [True]


def test_nothing_is_started_for_what_is_refused_at_once(
    spawned: list[subprocess.Popen[bytes]],
) -> None:
    for data in (b"", b"#EXTM3U\n", clip()[:-10]):
        with pytest.raises(MediaError):
            read_clip(data)
    assert not spawned


def test_the_process_ends_with_the_frames(spawned: list[subprocess.Popen[bytes]]) -> None:
    list(read_clip(clip()))
    assert gone(spawned)
    assert spawned[0].returncode == 0


def test_the_process_is_killed_when_the_reader_stops(
    spawned: list[subprocess.Popen[bytes]],
) -> None:
    with closing(read_clip(clip(frames=500, size=(320, 240)))) as frames:
        next(frames)
        assert spawned[0].poll() is None
    assert gone(spawned)


def test_the_process_is_killed_when_the_frames_are_forgotten(
    spawned: list[subprocess.Popen[bytes]],
) -> None:
    next(read_clip(clip(frames=500, size=(320, 240))))
    assert gone(spawned)


def test_the_process_is_killed_when_the_reader_fails(
    spawned: list[subprocess.Popen[bytes]],
) -> None:
    data = clip(frames=500, size=(320, 240))
    with pytest.raises(ZeroDivisionError), open_frames(Capture(b"", clip=data)) as frames:
        _ = next(frames or iter(())).time / 0
    assert gone(spawned)


def test_the_process_is_killed_on_a_refusal(spawned: list[subprocess.Popen[bytes]]) -> None:
    refusal(clip(), ClipLimits(max_seconds=0.1))
    assert gone(spawned)


def test_several_clips_at_once() -> None:
    data = clip(frames=50)
    with ThreadPoolExecutor(4) as pool:
        counts = pool.map(lambda _: len(list(read_clip(data))), range(8))
    assert list(counts) == [50] * 8


# --- a decoder that has been taken over --------------------------------------------------------

STREAM = '{"codec": "h264", "width": 64, "height": 64, "seconds": 1, "frames": 0}'
FRAME = '{"time": 0, "width": 64, "height": 64, "matrix": null}'


@pytest.fixture
def impostor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Put a script of the test in the place of the decoder."""

    def put(script: str) -> None:
        path = tmp_path / "worker.py"
        path.write_text(
            f"import os, signal, sys, time\nSTREAM={STREAM!r}\nFRAME={FRAME!r}\n{script}"
        )
        monkeypatch.setattr(decoder, "_WORKER", path)

    return put


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("sys.exit(1)", "clip-undecodable"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "clip-undecodable"),
        ("os.kill(os.getpid(), signal.SIGXCPU)", "clip-timeout"),
        ("", "clip-undecodable"),
        ("print('no json')", "clip-undecodable"),
        ("print('[1]')", "clip-undecodable"),
        ("print('{}')", "clip-no-video"),
        ("sys.stdout.buffer.write(bytes(range(128, 256)) + b'\\n')", "clip-undecodable"),
        ("while True: print('x' * 1000, end='')", "clip-undecodable"),
        ("print(STREAM.replace('h264', 'cinepak'))", "clip-codec-unsupported"),
        ("print(STREAM.replace('64', '\"64\"'))", "clip-undecodable"),
        ("print(STREAM.replace(': 1,', ': NaN,'))", "clip-undecodable"),
        ("print(STREAM)", "clip-no-video"),
        ("print(STREAM); print(FRAME)", "clip-undecodable"),
        ("print(STREAM); print(FRAME); print('x' * 100)", "clip-undecodable"),
        ("print(STREAM); print(FRAME.replace('64', '-64'))", "clip-too-small"),
        ("print(STREAM); print(FRAME.replace('64', '10' * 9))", "clip-too-many-pixels"),
        ("print(STREAM); print(FRAME.replace('0', 'Infinity', 1))", "clip-undecodable"),
        ("print(STREAM); print(FRAME.replace('0', '\"0\"', 1))", "clip-undecodable"),
        ("print(STREAM); print(FRAME.replace('0', 'null', 1))", "clip-timestamps-invalid"),
        (
            "print(STREAM); print(FRAME.replace('null', '[1]')); print('x' * 64 * 64 * 3)",
            "clip-undecodable",
        ),
        (
            "print(STREAM)\nwhile True: print(FRAME.replace('0', 'null', 1))",
            "clip-too-many-frames",
        ),
    ],
)
def test_nothing_it_sends_is_believed(impostor, script: str, code: str) -> None:  # type: ignore[no-untyped-def]
    impostor(script)
    assert refusal(clip()).code == code


@pytest.mark.parametrize("script", ["time.sleep(60)", "print(STREAM, flush=True); time.sleep(60)"])
def test_wall_time(impostor, spawned, script: str) -> None:  # type: ignore[no-untyped-def]
    impostor(script)
    error = refusal(clip(), ClipLimits(wall_seconds=0.3))
    assert error.code == "clip-timeout"
    assert "0.3 seconds" in error.detail
    assert gone(spawned)


def test_closing_its_end_and_staying_does_not_help(impostor, spawned) -> None:  # type: ignore[no-untyped-def]
    impostor("print(STREAM); sys.stdout.flush(); os.close(1); time.sleep(60)")
    assert refusal(clip(), ClipLimits(wall_seconds=0.3)).code == "clip-timeout"
    assert gone(spawned)


def test_a_slow_reader_is_not_the_clips_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    now, spent = time.monotonic, 0.0
    monkeypatch.setattr(decoder, "time", SimpleNamespace(monotonic=lambda: now() + spent))
    count = 0
    for _ in read_clip(clip(frames=200)):
        spent += 60.0
        count += 1
    assert count == 200


def test_the_environment_keeps_its_secrets(impostor, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PALISADE_SECRET", "hush")
    impostor("print('{}') if 'PATH' in os.environ and 'PALISADE_SECRET' not in os.environ else 0")
    assert refusal(clip()).code == "clip-no-video"


# --- stills ------------------------------------------------------------------------------------


def test_stills() -> None:
    parts = [encode(kind="PNG"), encode(kind="WEBP", lossless=True), encode(quality=95)]
    frames = list(read_stills(parts, [5.0, 5.1, 5.35]))
    np.testing.assert_allclose([frame.time for frame in frames], [0.0, 0.1, 0.35])
    for frame in frames:
        assert np.abs(corners(frame.pixels) - corners(scene())).max() < 25


@pytest.mark.parametrize(
    ("parts", "times", "code"),
    [
        (0, [], "clip-empty"),
        (2, [0.0], "clip-timestamps-invalid"),
        (2, [0.0, 0.0], "clip-timestamps-invalid"),
        (2, [1.0, 0.5], "clip-timestamps-invalid"),
        (2, [0.0, float("nan")], "clip-timestamps-invalid"),
        (2, [0.0, float("inf")], "clip-timestamps-invalid"),
        (2, [0.0, 30.1], "clip-too-long"),
        (901, list(range(901)), "clip-too-many-frames"),
    ],
)
def test_stills_are_refused_at_once(parts: int, times: list[float], code: str) -> None:
    with pytest.raises(MediaError) as caught:
        read_stills([b"never looked at"] * parts, times)
    assert caught.value.code == code


def test_all_stills_together_have_a_limit() -> None:
    with pytest.raises(MediaError, match="clip-too-large"):
        read_stills([bytes(600)] * 2, [0, 1], ClipLimits(max_bytes=1000))


def test_a_bad_still_is_named() -> None:
    frames = read_stills([encode(), b"junk"], [0, 1])
    next(frames)
    with pytest.raises(MediaError, match="Frame 1") as caught:
        next(frames)
    assert caught.value.code == "image-format-unsupported"


def test_stills_have_one_size() -> None:
    import PIL.Image

    other = encode(PIL.Image.new("RGB", (240, 320)))
    with pytest.raises(MediaError, match="clip-frame-size-changed"):
        list(read_stills([encode(), other], [0, 1]))


def test_stills_obey_the_limit_on_frames() -> None:
    with pytest.raises(MediaError, match="image-too-many-pixels"):
        list(read_stills([encode()], [0], ClipLimits(max_megapixels=0.05)))


# --- captures ----------------------------------------------------------------------------------


def test_open_frames_takes_what_there_is() -> None:
    with open_frames(Capture(b"")) as frames:
        assert frames is None
    with open_frames(Capture(b"", clip=clip())) as frames:
        assert len(list(frames or ())) == 20
    with open_frames(Capture(b"", stills=(encode(),), still_times=(0.0,))) as frames:
        assert len(list(frames or ())) == 1


@pytest.mark.parametrize(
    ("capture", "part"),
    [
        (Capture(b"", clip=b"junk"), "clip"),
        (Capture(b"", clip=b""), "clip"),
        (Capture(b"", stills=(b"junk",), still_times=(0.0,)), "frames"),
    ],
)
def test_open_frames_names_the_part(capture: Capture, part: str) -> None:
    with pytest.raises(MediaError) as caught, open_frames(capture) as frames:
        list(frames or ())
    assert caught.value.part == part


# --- real clips --------------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "count", "fps", "seconds", "shape"),
    [
        ("live/hschn58_0930_0_light.avi", 548, 50, 10.94, (480, 640, 3)),
        ("live/wolfhuo_live.mp4", 130, 29.7, 4.35, (960, 544, 3)),
        ("pulse/evm_face_283kbps.mp4", 301, 30, 10.0, (360, 322, 3)),
        ("replay/apfol_replay.webm", 457, 29.9, 15.26, (480, 640, 3)),
        ("replay/manikantha_replay.mp4", 145, 10, 14.4, (416, 556, 3)),
    ],
)
def test_real_clips(
    data_dir: Path, name: str, count: int, fps: float, seconds: float, shape: tuple[int, ...]
) -> None:
    times = []
    for frame in read_clip((data_dir / "videos" / name).read_bytes()):
        times.append(frame.time)
        assert frame.pixels.shape == shape
    assert len(times) == count
    assert times[-1] == pytest.approx(seconds, abs=0.01)
    assert 1 / np.median(np.diff(times)) == pytest.approx(fps, rel=0.05)
    assert min(np.diff(times)) > 0


@pytest.mark.data
def test_every_real_clip_opens(data_dir: Path) -> None:
    paths = [path for path in (data_dir / "videos").rglob("*.*") if path.suffix != ".txt"]
    assert len(paths) >= 15
    for path in paths:
        with closing(read_clip(path.read_bytes())) as frames:
            first, second = itertools.islice(frames, 2)
        assert first.time == 0.0
        assert 0.01 < second.time < 0.2
        assert first.pixels.shape == second.pixels.shape
