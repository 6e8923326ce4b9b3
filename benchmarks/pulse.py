"""How often each rule finds a pulse: where there is one, and where there is none.

``python -m benchmarks.pulse DATA OUT`` traces the clips of ``DATA`` (a folder with a
``manifest.csv``, see :mod:`benchmarks.sessions`; clips under ``videos/live``, ``replay``,
``deepfake`` and ``pulse``), the bare wall beside their faces, and still photographs of faces that
are shaken, grained and compressed as a clip of 10 s; then simulated colours. It cuts all of it into
windows of 3, 5 and 10 s, end to end, and asks the reference's rule and that of the policy
``hardened``. ``OUT`` gets ``pulse.md``, ``pulse.json``, and the traces, so that a stopped run goes
on; they hold mean colours and no pixels. Everything is drawn from ``--seed``.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import av
import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from benchmarks.sessions import DataError, Sample, balanced, prepare_worker, read_manifest, windows
from detectors.clip import ClipSettings, trace_clip
from detectors.contracts import ROIS, Clip, FaceBundle, Measures, NoOpinion, Status
from detectors.landmarks import Landmarker, load_landmarker
from detectors.pulse import Chance
from detectors.rppg import SKIN, Rppg, RppgMapping
from evaluation.intervals import Figure, Weights, bootstrap, proportion
from fusion.policy import load_policy
from media.clips import Frame, read_clip, read_stills
from media.errors import MediaError
from media.images import decode_image
from terminal import err, out, progress

WINDOWS = (3, 5, 10)
"""Seconds of the windows."""

RULE_SNR_DB, RULE_BPM = 5.0, (50.0, 120.0)
"""The reference's rule for a pulse: an SNR above it, and a rate between them."""

CLIPS = ("live", "replay", "deepfake", "pulse")
"""Folders of clips, below ``videos``."""

STILLS = ("pad/replay_attack/", "synthetic/ffhq_real/")
"""Folders of photographs of faces: whole frames of a webcam, and portraits."""

CODECS = ("h264", "jpeg")

FPS, SECONDS = 30, 10
SIZE = (640, 480)
BIT_RATE = 1_000_000
"""Bits a second of the shaken stills as H.264."""

QUALITY = 85
"""Of the shaken stills as JPEG."""

SHAKE_PX = 1.5
"""Standard deviation of the hand that holds a still, in pixels of the frame, to each side."""

GRAIN = 2.0
"""Standard deviation of the noise in each pixel of a shaken still, in grey levels."""

CLEAR = 1.4
"""A piece of wall keeps clear of a box this many times the face's, in every frame."""

PLACES = tuple((x, y) for x in (0.01, 0.89) for y in (0.02, 0.3))
"""Left upper corners of pieces of wall, in widths and heights of the frame."""

PIECE = (0.1, 0.2)
"""Width and height of a piece of wall; its thirds, one above the other, stand for three regions."""

RATES = (0.8, 1.0, 1.3, 1.7, 2.2)
"""Hz of simulated pulses."""

NOISES = {"white": 0.0, "pink": 1.0, "brown": 2.0}
"""Exponents a of simulated noise with the power 1/f^a."""

SHARED = (0.0, 0.9)
"""Share of the power of simulated noise that all regions have in common."""

SNRS_DB = (-6, -3, 0, 3, 6, 9, 12)
SKIN_COLOUR = np.array([170.0, 120.0, 100.0])
BLOOD = np.array([0.33, 0.77, 0.53])
"""How strongly a pulse shows in red, green and blue (Wang et al. 2017)."""

Hits = Mapping[str, bool]
"""Whether each rule finds a pulse."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window that was looked at.

    Attributes:
        what: kind of clip.
        seconds: length.
        subject: person, or clip.
        measures: of :class:`Rppg`; None where it abstains.
    """

    what: str
    seconds: int
    subject: str
    measures: Measures | None


def hits(measures: Measures, mapping: RppgMapping) -> Hits:
    """Ask every rule: the reference's, ours, and ours without its look at the background."""
    slow, fast = RULE_BPM
    return {
        "faithful": measures["snr_db"] > RULE_SNR_DB and slow <= measures["bpm"] <= fast,
        "hardened": _has_opinion(measures, mapping),
        "without the background": _has_opinion(measures, replace(mapping, background_p=0.0)),
    }


def _has_opinion(measures: Measures, mapping: RppgMapping) -> bool:
    try:
        Rppg.score(measures, mapping)
    except NoOpinion:
        return False
    return True


def look(clip: Clip) -> Measures | None:
    """Measure the pulse in a clip; None where the detector abstains."""
    blank = np.zeros((1, 1, 3), np.uint8)
    nowhere = np.zeros((478, 3), np.float32)
    bundle = FaceBundle(blank, blank, (0, 0, 1, 1), (0, 0), 1.0, (1, 1), nowhere, clip=clip)
    measured = Rppg().measure(bundle)
    return measured.measures if measured.status is Status.OK else None


# --- traces --------------------------------------------------------------------------------------


def traced(
    data: bytes | Sequence[bytes], landmarker: Landmarker, walls: bool = False
) -> dict[str, Clip]:
    """Trace the face in a clip, as ``face``, and each piece of wall that it leaves, as ``wall N``.

    Args:
        data: a clip, or stills at :data:`FPS`.
        landmarker: finds the face.
        walls: whether to look at them as well.
    """
    with closing(_frames(data)) as frames:
        face = trace_clip(frames, landmarker, ClipSettings(blendshapes_hz=0))
    if face is None:
        return {}
    found = {"face": face}
    places = _clear_places(face) if walls else []
    if places:
        with closing(_frames(data)) as frames:
            colours = np.array([_pieces(frame.pixels, places) for frame in frames])
        for at in range(len(places)):
            # The next piece stands behind it, as the wall behind a face; alone it has none.
            behind = colours[:, (at + 1) % len(places)].mean(axis=1, keepdims=True)
            behind = behind if len(places) > 1 else np.full_like(behind, np.nan)
            rgb = np.concatenate([colours[:, at], behind], axis=1).astype(np.float32)
            found[f"wall {at}"] = replace(face, roi_rgb=rgb)
    return found


def _frames(data: bytes | Sequence[bytes]) -> Generator[Frame, None, None]:
    if isinstance(data, bytes):
        yield from read_clip(data)
    else:
        yield from read_stills(data, [at / FPS for at in range(len(data))])


def _clear_places(face: Clip) -> list[tuple[int, int, int, int]]:
    """Find pieces of wall, x0, y0, x1, y1 in pixels, that the face keeps clear of all the time."""
    width, height = face.frame_size
    x0, y0 = np.nanmin(face.boxes[:, :2], axis=0)
    x1, y1 = np.nanmax(face.boxes[:, 2:], axis=0)
    more_x, more_y = (CLEAR - 1) / 2 * (x1 - x0), (CLEAR - 1) / 2 * (y1 - y0)
    places = []
    for x, y in PLACES:
        left, top = x * width, y * height
        right, bottom = left + PIECE[0] * width, top + PIECE[1] * height
        beside = right < x0 - more_x or left > x1 + more_x
        if beside or bottom < y0 - more_y or top > y1 + more_y:
            places.append((round(left), round(top), round(right), round(bottom)))
    return places


def _pieces(
    pixels: NDArray[np.uint8], places: Sequence[tuple[int, int, int, int]]
) -> list[list[list[float]]]:
    """Mean colours of the thirds of each place."""
    return [
        [
            list(cv2.mean(third)[:3])
            for third in np.array_split(pixels[y0:y1, x0:x1], len(SKIN), axis=0)
        ]
        for x0, y0, x1, y1 in places
    ]


def shaken(
    picture: NDArray[np.uint8], codec: str, rng: np.random.Generator
) -> bytes | Sequence[bytes]:
    """Compress a photograph as a clip: held by a hand before a camera that has noise."""
    count = FPS * SECONDS
    frames = _held(picture, count, rng)
    if codec == "jpeg":
        return [_jpeg(frame) for frame in frames]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.width, stream.height = SIZE
        stream.bit_rate, stream.pix_fmt = BIT_RATE, "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def _held(
    picture: NDArray[np.uint8], count: int, rng: np.random.Generator
) -> Iterator[NDArray[np.uint8]]:
    height, width = picture.shape[:2]
    scale = min(SIZE[0] / width, SIZE[1] / height)
    middle = (np.array(SIZE) - scale * np.array([width, height])) / 2
    # A hand drifts and comes back: an autoregression that forgets in a third of a second.
    keep = np.exp(-3 / FPS)
    at = np.zeros(2)
    for _ in range(count):
        at = keep * at + SHAKE_PX * np.sqrt(1 - keep**2) * rng.standard_normal(2)
        move = np.array([[scale, 0, middle[0] + at[0]], [0, scale, middle[1] + at[1]]])
        frame = cv2.warpAffine(picture, move, SIZE, borderMode=cv2.BORDER_REPLICATE)
        grain = GRAIN * rng.standard_normal(frame.shape, np.float32)
        yield np.clip(np.rint(frame + grain), 0, 255).astype(np.uint8)


def _jpeg(frame: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class Task:
    """Something to trace.

    Attributes:
        name: of its file of traces.
        what: kind of its face.
        subject: of the manifest.
        walls: whether there is a wall beside the face; the border of a portrait is none.
        read: returns its frames.
    """

    name: str
    what: str
    subject: str
    walls: bool
    read: Callable[[], bytes | Sequence[bytes]]


def tasks(data: Path, stills: int, seed: int) -> list[Task]:
    """List the clips of a data folder, and ``stills`` photographs of each folder and codec.

    Raises:
        DataError: the folder has no manifest.
    """
    samples = read_manifest(data).samples
    listed = []
    for sample in samples:
        top, _, rest = sample.path.partition("/")
        kind = rest.split("/")[0]
        if top == "videos" and kind in CLIPS:
            name = sample.path.replace("/", "_")
            listed.append(Task(name, kind, sample.subject, True, (data / sample.path).read_bytes))
    for folder in STILLS:
        chosen = [sample for sample in samples if sample.real and sample.path.startswith(folder)]
        for at, sample in enumerate(balanced(chosen, stills, seed)):
            for codec in CODECS:
                read = _still_reader(data, sample, codec, (seed, at, CODECS.index(codec)))
                name = f"{codec}_{sample.path.replace('/', '_')}"
                listed.append(Task(name, f"still, {codec}", sample.subject, False, read))
    return listed


def _still_reader(
    data: Path, sample: Sample, codec: str, seed: tuple[int, ...]
) -> Callable[[], bytes | Sequence[bytes]]:
    def read() -> bytes | Sequence[bytes]:
        picture = decode_image((data / sample.path).read_bytes()).pixels
        return shaken(picture, codec, np.random.default_rng(seed))

    return read


def trace(task: Task, folder: Path, landmarker: Landmarker) -> dict[str, Clip]:
    """Trace a task, or read what was traced of it before; nothing where no face is found."""
    file = folder / f"{task.name}.npz"
    if not file.exists():
        try:
            found = traced(task.read(), landmarker, task.walls)
        except MediaError as error:
            err.print(f"{task.name}: {error.detail}", markup=False, highlight=False)
            found = {}
        arrays: dict[str, Any] = {name: clip.roi_rgb for name, clip in found.items()}
        if "face" in found:
            face = found["face"]
            arrays |= {"times": face.times, "boxes": face.boxes, "size": face.frame_size}
        part = file.with_suffix(".part.npz")
        np.savez_compressed(part, **arrays)
        part.replace(file)
    with np.load(file) as kept:
        return {
            name: _clip(kept["times"], kept[name], kept["boxes"], kept["size"])
            for name in kept.files
            if name == "face" or name.startswith("wall")
        }


def _clip(
    times: NDArray[np.float64],
    rgb: NDArray[np.float32],
    boxes: NDArray[np.float32],
    size: Sequence[int] = SIZE,
) -> Clip:
    nowhere = np.zeros((len(times), 0, 3), np.float32)
    return Clip(times, rgb, boxes, nowhere, None, (), (int(size[0]), int(size[1])))


def cut(task: Task, clips: Mapping[str, Clip]) -> Iterator[Window]:
    """Look at the windows of a face and of its walls."""
    for name, clip in clips.items():
        what = task.what if name == "face" else "background"
        for seconds in WINDOWS:
            for window in windows(clip, seconds):
                yield Window(what, seconds, task.subject, look(window))


# --- simulation ----------------------------------------------------------------------------------


def simulated(
    seconds: float,
    fps: float,
    noise: str,
    shared: float,
    rng: np.random.Generator,
    hz: float = 1.0,
    snr_db: float | None = None,
) -> Clip:
    """Simulate a clip: noise in the colour of three regions and a wall, and perhaps a pulse.

    Args:
        seconds: length.
        fps: frames a second, whose times jitter by a fifth of a frame.
        noise: of :data:`NOISES`.
        shared: share of the noise's power that all regions have in common.
        rng: of the draws.
        hz: rate of the pulse.
        snr_db: power of the pulse in the green channel's mean over the three regions, over that of
            the noise there from 0.7 to 4 Hz; None for no pulse.
    """
    count = round(seconds * fps)
    times = (np.arange(count) + rng.uniform(-0.2, 0.2, count)) / fps
    level = 0.003  # of the colour, as of a webcam's skin region; only the quotient matters
    own, common = (_coloured(NOISES[noise], count, fps, (of, 3), rng) for of in (len(ROIS), 1))
    change = level * (np.sqrt(1 - shared) * own + np.sqrt(shared) * common)
    if snr_db is not None:
        # The mean of three regions keeps the common noise and a third of their own.
        power = level**2 * (shared + (1 - shared) / len(SKIN))
        amplitude = np.sqrt(2 * power * 10 ** (snr_db / 10)) / BLOOD[1]
        wave = np.sin(2 * np.pi * hz * times + rng.uniform(0, 2 * np.pi))
        change[SKIN] += amplitude * BLOOD[:, None] * wave
    rgb = SKIN_COLOUR * (1 + change.transpose(2, 0, 1))
    boxes = np.tile(np.array([200, 100, 400, 380], np.float32), (count, 1))
    return _clip(times - times[0], rgb.astype(np.float32), boxes)


def _coloured(
    slope: float, count: int, fps: float, shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Noise (*shape, count) with power 1/f^slope, of which that in the band has a variance of 1."""
    longer = 4 * count
    spectrum = np.fft.rfft(rng.standard_normal((*shape, longer)))
    hz = np.fft.rfftfreq(longer, 1 / fps)
    hz[0] = np.inf
    gain = hz ** (-slope / 2)
    inside = (hz >= 0.7) & (hz <= 4.0)
    in_band = 2 * np.square(gain[inside]).sum() / longer
    return np.asarray(np.fft.irfft(spectrum * gain / np.sqrt(in_band), longer)[..., :count])


def simulate(draws: int, seed: int, update: Callable[[float, float, str], None]) -> dict[str, Any]:
    """Count how often each rule finds a pulse in simulated clips, with and without one."""
    mapping = _hardened()
    cells: list[tuple[int, str, float, float | None]] = [
        (seconds, noise, shared, None)
        for seconds in WINDOWS
        for noise in NOISES
        for shared in SHARED
    ]
    cells += [(seconds, "pink", 0.5, float(snr)) for seconds in WINDOWS for snr in SNRS_DB]
    rows = []
    without: dict[int, list[Hits]] = {seconds: [] for seconds in WINDOWS}
    for done, (seconds, noise, shared, snr_db) in enumerate(cells):
        update(done, len(cells), f"simulating {noise} noise, {seconds} s")
        rng = np.random.default_rng((seed, done))
        found = []
        for draw in range(draws):
            fps = (15, 24, 30)[draw % 3]
            clip = simulated(seconds, fps, noise, shared, rng, RATES[draw % len(RATES)], snr_db)
            measures = look(clip)
            if measures is not None:
                found.append(hits(measures, mapping))
        rows.append(
            {
                "seconds": seconds,
                "noise": noise,
                "shared": shared,
                "snr_db": snr_db,
                **_exact(found),
            }
        )
        if snr_db is None:
            without[seconds] += found
    rows += [
        {"seconds": seconds, "noise": "any", "shared": None, "snr_db": None, **_exact(found)}
        for seconds, found in without.items()
    ]
    return {"draws": draws, "rows": rows}


def _exact(found: Sequence[Hits]) -> dict[str, Any]:
    return {
        rule: _flat(proportion(sum(one[rule] for one in found), len(found))) for rule in found[0]
    }


def costs(seed: int, rounds: int = 10) -> dict[str, dict[str, float]]:
    """Measure the processor time of a look at a clip in ms, by its length in seconds.

    Returns:
        ``first``, which draws the null distribution of that length, and ``then``, the mean of
        ``rounds`` more.
    """
    look(simulated(WINDOWS[0], FPS, "pink", 0.5, np.random.default_rng(seed)))  # loads scipy
    spent = {}
    for seconds in WINDOWS:
        clip = simulated(seconds, FPS, "pink", 0.5, np.random.default_rng(seed))
        Chance.of.cache_clear()
        started = time.process_time()
        look(clip)
        first = time.process_time() - started
        for _ in range(rounds):
            look(clip)
        then = (time.process_time() - started - first) / rounds
        spent[str(seconds)] = {"first": 1e3 * first, "then": 1e3 * then}
    return spent


# --- the report ----------------------------------------------------------------------------------


def summarise(looked: Sequence[Window], seed: int) -> list[dict[str, Any]]:
    """Count, by kind and length, the windows in which each rule finds a pulse."""
    mapping = _hardened()
    rows = []
    for what in sorted({window.what for window in looked}):
        for seconds in WINDOWS:
            group = [one for one in looked if (one.what, one.seconds) == (what, seconds)]
            able = [(one.subject, one.measures) for one in group if one.measures is not None]
            if not able:
                continue
            found = [hits(measures, mapping) for _, measures in able]
            subjects = [subject for subject, _ in able]
            rows.append(
                {
                    "what": what,
                    "seconds": seconds,
                    "windows": len(group),
                    "judged": len(able),
                    "subjects": len(set(subjects)),
                    **{
                        rule: _share([one[rule] for one in found], subjects, seed)
                        for rule in found[0]
                    },
                }
            )
    return rows


def _share(found: Sequence[bool], subjects: Sequence[str], seed: int) -> dict[str, Any]:
    """The share of ``found``; exact bounds where none or all are, since no draw would differ."""
    if len(set(found)) == 1:
        return _flat(proportion(sum(found), len(found)))
    hit = np.array(found, float)

    def share(weights: Weights) -> dict[str, float]:
        total = weights.sum()
        return {"share": float(weights @ hit / total) if total else float("nan")}

    return _flat(bootstrap(share, subjects, seed=seed)["share"])


def _flat(figure: Figure) -> dict[str, Any]:
    return {
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "method": figure.method,
    }


def _hardened() -> RppgMapping:
    entry = load_policy("hardened", {}).signal("rppg")
    if entry is None or not isinstance(entry.mapping, RppgMapping):
        raise DataError("The policy `hardened` does not map rppg.")
    return entry.mapping


def markdown(report: Mapping[str, Any]) -> str:
    """Write the report as tables."""
    lines = [
        "| what is looked at | window | judged | subjects | reference's rule | ours at 1% | "
        "without the background |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['what']} | {row['seconds']} s | {row['judged']} of {row['windows']} | "
        f"{row['subjects']} | {_cell(row['faithful'])} | {_cell(row['hardened'])} | "
        f"{_cell(row['without the background'])} |"
        for row in report["windows"]
    ]
    rows = report["simulated"]["rows"]
    lines += [
        "",
        "| noise | common to all regions | window | reference's rule | ours at 1% |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['noise']} | {'' if row['shared'] is None else format(row['shared'], '.0%')} | "
        f"{row['seconds']} s | {_cell(row['faithful'])} | {_cell(row['hardened'])} |"
        for row in rows
        if row["snr_db"] is None
    ]
    lines += ["", "| SNR | " + " | ".join(f"{seconds} s" for seconds in WINDOWS) + " |"]
    lines += ["| --- |" + " --- |" * len(WINDOWS)]
    for snr in SNRS_DB:
        cells = [_cell(row["hardened"]) for row in rows if row["snr_db"] == snr]
        lines.append(f"| {snr} dB | " + " | ".join(cells) + " |")
    lines += ["", "| CPU ms a clip | first of its length | then |", "| --- | --- | --- |"]
    lines += [
        f"| {seconds} s | {cost['first']:.0f} | {cost['then']:.0f} |"
        for seconds, cost in report["cpu_ms"].items()
    ]
    return "\n".join(lines) + "\n"


def _cell(figure: Mapping[str, Any]) -> str:
    return f"{figure['value']:.1%} [{figure['low']:.1%}, {figure['high']:.1%}]"


def main(
    data: Annotated[Path, typer.Argument(metavar="DATA", exists=True, file_okay=False)],
    folder: Annotated[Path, typer.Argument(metavar="OUT", file_okay=False)],
    stills: Annotated[int, typer.Option(min=1, help="Photographs of each folder.")] = 40,
    draws: Annotated[int, typer.Option(min=30, help="Simulated clips of each kind.")] = 500,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Measure both rules for a pulse."""
    prepare_worker()
    try:
        listed = tasks(data, stills, seed)
    except DataError as error:
        err.print(str(error), markup=False, highlight=False)
        raise typer.Exit(2) from None
    traces = folder / "traces"
    traces.mkdir(parents=True, exist_ok=True)
    landmarker = load_landmarker()
    looked: list[Window] = []
    with progress("Looking for a pulse") as update:
        for done, task in enumerate(listed):
            update(done, len(listed), task.name)
            looked += cut(task, trace(task, traces, landmarker))
        report = {
            "seed": seed,
            "stills": stills,
            "windows": summarise(looked, seed),
            "simulated": simulate(draws, seed, update),
            "cpu_ms": costs(seed),
        }
    (folder / "pulse.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    (folder / "pulse.md").write_text(markdown(report), "utf-8")
    out.print(markdown(report), markup=False, highlight=False)


if __name__ == "__main__":
    typer.run(main)
