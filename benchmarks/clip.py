"""What a clip costs, frame by frame, and what skipping landmarks in a still face loses.

``python -m benchmarks.clip`` takes clips, or else draws two faces, one still and one that sways,
and adds the pulse clips of ``PALISADE_DATA`` where that is set. Every clip is measured as it is,
and at 640 by 480 where it is larger. Landmarks in every frame and the shipped settings take turns.
All processor time counts: of this process with all its threads, and of the decoder's.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Annotated, Any
from unittest.mock import patch

import av
import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table
from scipy import signal

from benchmarks.sessions import prepare_worker
from detectors.clip import ClipSettings, trace_clip
from detectors.contracts import Clip, FaceBundle
from detectors.landmarks import Landmarker, Tracker, load_landmarker
from detectors.parallax import Parallax
from detectors.regions import Regions
from detectors.rppg import BAND, SKIN, pulse_measures, skin_trace
from detectors.tracks import PointTracker
from media.clips import read_clip
from media.errors import MediaError
from terminal import err, out, progress

SIZE = (640, 480)
FPS = 30
BIT_RATE = 2_500_000
"""Bits a second of the clips that are encoded here: what browsers record by default."""

VARIANTS = {"every_frame": ClipSettings(stride=1), "shipped": ClipSettings()}

STAGES = ("decoder", "reading", "landmarks", "regions", "points", "blendshapes", "other")
"""The decoder's process; taking frames from it; finding the face; mean colours; optical flow."""

WINDOWS = (3, 5, 10)
"""Seconds of the windows of which the pulse's SNR is taken."""

HOP = 0.5
"""Seconds from the start of one window to that of the next."""

RGB = NDArray[np.uint8]


def measure(
    clips: Mapping[str, bytes],
    rounds: int = 3,
    update: Callable[[float, float, str], None] = lambda done, of, what: None,
) -> dict[str, Any]:
    """Trace every clip under every one of :data:`VARIANTS`, in turns.

    Args:
        clips: bytes of clips by name.
        rounds: how often each is traced; figures are medians.
        update: told how many tracings of how many are done, and what is next.

    Returns:
        For each clip of ``clips``: ``size``, ``frames``, and for each variant ``cpu_ms`` a frame
        by stage, their sum ``total``, ``measured`` share of the frames with landmarks of their
        own, and ``parallax`` measures; then what the shipped settings lose against every frame:
        ``snr_db`` by seconds of the window, its median under both and the median difference; and
        ``correlation`` of the traces in the pulse's band, the median and the least of regions and
        channels.
    """
    landmarker = load_landmarker()
    report: dict[str, Any] = {}
    for at, (name, data) in enumerate(clips.items()):
        runs: dict[str, list[dict[str, float]]] = defaultdict(list)
        traced: dict[str, Clip | None] = {}
        measured: dict[str, float] = {}
        for turn in range(rounds):
            for side, (variant, settings) in enumerate(VARIANTS.items()):
                done = (at * rounds + turn) * len(VARIANTS) + side
                update(done, len(clips) * rounds * len(VARIANTS), f"{name}, {variant}")
                traced[variant], cost, measured[variant] = _trace(data, landmarker, settings)
                runs[variant].append(cost)
        exact, shipped = (traced[variant] for variant in VARIANTS)
        report[name] = {
            variant: {
                "cpu_ms": {s: median(run[s] for run in runs[variant]) for s in runs[variant][0]},
                "measured": measured[variant],
                "parallax": None if clip is None else _parallax(clip),
            }
            for variant, clip in traced.items()
        }
        if exact is not None and shipped is not None:
            report[name] |= {
                "size": list(shipped.frame_size),
                "frames": len(shipped.times),
                "snr_db": _snr(exact, shipped),
                "correlation": _correlation(exact, shipped),
            }
    return report


def _trace(
    data: bytes, landmarker: Landmarker, settings: ClipSettings
) -> tuple[Clip | None, dict[str, float], float]:
    """Trace a clip; also processor time by stage, in ms a frame, and the share of measured ones."""
    clock = _Clock()
    before, started = _children(), time.process_time()
    with ExitStack() as stack:
        for stage, owner, method in (
            ("landmarks", Tracker, "follow"),
            ("regions", Regions, "means"),
            ("points", PointTracker, "add"),
            ("blendshapes", type(landmarker), "blendshapes"),
        ):
            timed = clock.timed(stage, getattr(owner, method))
            stack.enter_context(patch.object(owner, method, timed))
        read = clock.timed("reading", next)
        with closing(read_clip(data)) as source:
            clip = trace_clip(iter(lambda: read(source, None), None), landmarker, settings)
    clock.seconds["other"] = time.process_time() - started - sum(clock.seconds.values())
    clock.seconds["decoder"] = _children() - before
    frames = max(clock.calls["regions"], 1)
    cost = {stage: 1e3 * clock.seconds[stage] / frames for stage in STAGES}
    return clip, cost | {"total": sum(cost.values())}, clock.calls["points"] / frames


class _Clock:
    """Adds up the processor time, in all threads, of functions, and counts their calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            started = time.process_time()
            try:
                return function(*args)
            finally:
                self.seconds[stage] += time.process_time() - started
                self.calls[stage] += 1

        return run


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _snr(exact: Clip, shipped: Clip) -> dict[str, dict[str, float]]:
    """SNR of the pulse under both, in dB, as the rppg detector has it, by seconds of a window."""
    found: dict[str, dict[str, float]] = {}
    for seconds in WINDOWS:
        pairs = []
        for start in np.arange(0, exact.times[-1] + 1 / FPS - seconds + 1e-3, HOP):
            inside = (exact.times >= start - 1e-6) & (exact.times < start + seconds - 1e-6)
            looks = [
                pulse_measures(clip.times[inside], skin_trace(clip)[inside])
                for clip in (exact, shipped)
            ]
            pairs.append([np.nan if look is None else look["snr_db"] for look in looks])
        able = np.array([pair for pair in pairs if np.isfinite(pair).all()])
        if len(able):
            every, ours = np.median(able, axis=0)
            found[str(seconds)] = {
                "windows": len(able),
                "every_frame": float(every),
                "shipped": float(ours),
                "difference": float(np.median(able[:, 1] - able[:, 0])),
            }
    return found


def _correlation(exact: Clip, shipped: Clip) -> dict[str, float] | None:
    rate = (len(exact.times) - 1) / (exact.times[-1] - exact.times[0])
    band = signal.butter(3, BAND, "bandpass", fs=rate, output="sos")
    traces = [clip.roi_rgb[:, SKIN].reshape(len(clip.times), -1) for clip in (exact, shipped)]
    seen = np.isfinite(np.hstack(traces)).all(axis=1)
    if seen.sum() < 2 * rate:
        return None
    one, other = (signal.sosfiltfilt(band, trace[seen], axis=0) for trace in traces)
    each = [float(np.corrcoef(a, b)[0, 1]) for a, b in zip(one.T, other.T, strict=True)]
    return {"median": median(each), "least": min(each)}


def _parallax(clip: Clip) -> dict[str, float]:
    blank = np.zeros((1, 1, 3), np.uint8)
    nowhere = np.zeros((478, 3), np.float32)
    bundle = FaceBundle(blank, blank, (0, 0, 1, 1), (0, 0), 1.0, (1, 1), nowhere, clip=clip)
    return dict(Parallax().measure(bundle).measures)


# --- clips ---------------------------------------------------------------------------------------


def generated(seconds: float = 10.0) -> dict[str, bytes]:
    """Draw a face that is still but for a pulse, and one that sways, at 640 by 480; MP4."""
    return {name: _mp4(_face(seconds, sway)) for name, sway in (("still", 0.0), ("sways", 20.0))}


def _face(seconds: float, sway: float) -> Iterator[RGB]:
    from skimage import data

    portrait: RGB = data.astronaut()  # type: ignore[no-untyped-call]
    noise = np.random.default_rng(7)
    pulse = np.array([0.3, 1.0, 0.5])
    for index in range(round(seconds * FPS)):
        at = index / FPS
        # The portrait with its head in the middle, moved by `sway` pixels to each side.
        x = 320 - 1.3 * 225 + sway * np.sin(2 * np.pi * 0.5 * at)
        move = np.array([[1.3, 0, x], [0, 1.3, 40 + sway / 4 * np.sin(2 * at)]])
        frame = cv2.warpAffine(
            portrait, move, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        tint = pulse * np.sin(2 * np.pi * 1.2 * at)
        grain = noise.normal(0, 1.5, frame.shape)
        yield np.clip(np.rint(frame + tint + grain), 0, 255).astype(np.uint8)


def from_files(paths: Sequence[Path]) -> dict[str, bytes]:
    """Read clips; those larger than 640 by 480 also at that size, with a border."""
    clips = {}
    for path in paths:
        data = path.read_bytes()
        clips[path.name] = data
        with closing(read_clip(data)) as frames:
            height, width = next(frames).pixels.shape[:2]
        if width > SIZE[0] or height > SIZE[1]:
            with closing(read_clip(data)) as frames:
                small = _mp4(_fitted(frame.pixels) for frame in frames)
            clips[f"{path.name} at {SIZE[0]}x{SIZE[1]}"] = small
    return clips


def _fitted(pixels: RGB) -> RGB:
    height, width = pixels.shape[:2]
    scale = min(SIZE[0] / width, SIZE[1] / height)
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    x, y = (SIZE[0] - size[0]) // 2, (SIZE[1] - size[1]) // 2
    border = (y, SIZE[1] - size[1] - y, x, SIZE[0] - size[0] - x)
    return np.asarray(cv2.copyMakeBorder(small, *border, cv2.BORDER_REPLICATE), np.uint8)


def _mp4(frames: Iterator[RGB]) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.bit_rate = BIT_RATE
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def _pulse_clips() -> list[Path]:
    data = os.environ.get("PALISADE_DATA")
    return sorted(Path(data, "videos", "pulse").glob("evm_face*.mp4")) if data else []


# --- the command ---------------------------------------------------------------------------------


def command(
    clips: Annotated[
        list[Path] | None, typer.Argument(exists=True, dir_okay=False, help="Clips to trace.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Figures are medians of so many.")] = 3,
    output: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
) -> None:
    """Measure what tracing a clip costs, and what skipping landmarks loses."""
    prepare_worker()
    named = from_files(clips) if clips else generated() | from_files(_pulse_clips())
    with progress("Tracing") as update:
        report = measure(named, rounds, update)
    out.print(costs(report), losses(report))
    if output:
        output.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


def costs(report: Mapping[str, Any]) -> Table:
    """Draw the processor time of each stage."""
    table = Table(title="CPU ms a frame", title_justify="left", box=None)
    table.add_column("clip")
    table.add_column("landmarks")
    for stage in (*STAGES, "total"):
        table.add_column(stage, justify="right", style="bold" if stage == "total" else None)
    for name, row in report.items():
        for variant in VARIANTS:
            spent = row[variant]["cpu_ms"]
            cells = (f"{spent[stage]:.2f}" for stage in (*STAGES, "total"))
            table.add_row(name, variant.replace("_", " "), *cells)
    return table


def losses(report: Mapping[str, Any]) -> Table:
    """Draw what the shipped settings lose against landmarks in every frame."""
    table = Table(title="\nShipped against every frame", title_justify="left", box=None)
    table.add_column("clip")
    table.add_column("looked at", justify="right")
    for seconds in WINDOWS:
        table.add_column(f"SNR, {seconds} s", justify="right")
    table.add_column("correlation", justify="right")
    table.add_column("relief %", justify="right")
    table.add_column("turn °", justify="right")
    for name, row in report.items():
        looks = [row[variant]["parallax"] or {} for variant in VARIANTS]
        if "snr_db" not in row:
            table.add_row(name, "no face")
            continue
        table.add_row(
            name,
            f"{row['shipped']['measured']:.0%}",
            *(_difference(row["snr_db"].get(str(seconds))) for seconds in WINDOWS),
            f"{row['correlation']['median']:.2f}" if row["correlation"] else "—",
            *(_pair(looks, measured) for measured in ("relief_pct", "turn_deg")),
        )
    return table


def _difference(window: Mapping[str, float] | None) -> str:
    if window is None:
        return "—"
    return f"{window['shipped']:.1f} dB ({window['difference']:+.2f})"


def _pair(looks: Sequence[Mapping[str, float]], name: str) -> str:
    return " → ".join(f"{look[name]:.2f}" if name in look else "—" for look in looks)


def main() -> None:
    """Run the command; what the user can put right is one line on stderr and exit code 2."""
    try:
        typer.run(command)
    except MediaError as error:
        err.print(f"clip: {error.detail}", style="red", markup=False, highlight=False)
        sys.exit(2)


if __name__ == "__main__":
    main()
