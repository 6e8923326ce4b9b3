"""What the quality gate refuses on real faces, whom it refuses, and what it costs.

``python -m benchmarks.quality_gate refusals DATA``, ``… groups DATA`` and ``… cost`` print
Markdown. ``DATA`` is a folder with a ``manifest.csv`` (columns ``path``, ``label``, ``kind`` and
``subject``).
"""

from __future__ import annotations

import re
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from mediapipe.python.solutions.face_detection import FaceDetection as ShortRange
from skimage import data as pictures

from benchmarks.sessions import prepare_worker
from detectors.contracts import Measures
from detectors.face import FaceLocator
from detectors.pixels import Box, Pixels
from detectors.pose import head_pose
from detectors.quality import measure_face, measure_frame
from evaluation.intervals import Weights, bootstrap, proportion
from fusion.policy import load_policy
from fusion.quality import QualityPolicy, assess
from media.images import decode_image
from offline.manifest import read_manifest
from terminal import progress

app = typer.Typer(help=__doc__, no_args_is_help=True)

LIVE = ("live", "real")

SETS = {
    "Replay-Attack": "pad/replay_attack/",
    "collectors": "pad/collectors/",
    "samples": "pad/samples/",
    "FFHQ": "synthetic/ffhq_real/",
}
"""Real faces by the folder of their images: whole frames of a webcam, then crops of faces."""

GROUPS = "faces/utkface_200/"

FINDING = ("faces", "yaw", "pitch", "roll", "eyes", "each_eye", "eyes_open", "mouth")
"""Checks that a crop of 200 px can be held against: the others see its size and compression."""

FRAME = (1920, 1080)
REPEATS = 300

Folder = Annotated[Path, typer.Argument(metavar="DATA", exists=True, file_okay=False)]
PolicyName = Annotated[str, typer.Option("--policy", "-p", help="Shipped policy or YAML file.")]


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One measured image.

    Attributes:
        kind: of the manifest.
        subject: of the manifest.
        measures: of :class:`detectors.face.Located`.
        acquired: whether there is a face large enough to judge.
        boxes: areas of the mesh's box and, where it finds the face too, of the detector's.
    """

    kind: str
    subject: str
    measures: Measures
    acquired: bool
    boxes: tuple[float, float] | None


@app.command()
def refusals(folder: Folder) -> None:
    """Share of real, live faces that each check of both shipped policies refuses."""
    policies = {name: load_policy(name).quality for name in ("faithful", "hardened")}
    measured = {name: _measured(folder, prefix) for name, prefix in SETS.items()}
    measured = {name: shots for name, shots in measured.items() if shots}
    print("Refused, of images: share [95%, Clopper-Pearson].\n")
    for name, policy in policies.items():
        print(f"#### {name}\n")
        words = sorted({w for shots in measured.values() for s in shots for w in _words(policy, s)})
        columns = [f"{title} ({len(shots)})" for title, shots in measured.items()]
        rows = [[word, *_shares(measured, policy, {word})] for word in words]
        total = _shares(measured, policy, set(words))
        print(_table(["reason", *columns], [*rows, ["any", *total]]))
    print("#### measures\n")
    names = sorted({name for shots in measured.values() for s in shots for name in s.measures})
    quantiles = (0, 1, 50, 99, 100)
    rows = [
        [name, *(_quantiles(shots, name, quantiles) for shots in measured.values())]
        for name in names
    ]
    print("Least / 1st percentile / median / 99th / most.\n")
    print(_table(["measure", *measured], rows))
    for name, shots in measured.items():
        ratios = [s.boxes[1] / s.boxes[0] for s in shots if s.boxes]
        if ratios:
            low, middle, high = np.percentile(ratios, (5, 50, 95))
            print(
                f"{name}: area of the detector's box by that of the mesh, {len(ratios)} faces: "
                f"median {middle:.2f} (5th to 95th percentile {low:.2f} to {high:.2f})\n"
            )


@app.command()
def groups(folder: Folder, policy: PolicyName = "hardened", seed: int = 0) -> None:
    """Failure to acquire and to pass, by sex and group, on crops of 200 px."""
    gate = load_policy(policy).quality
    gate = gate.model_copy(update=dict.fromkeys(set(type(gate).model_fields) - set(FINDING)))
    shots = _measured(folder, GROUPS)
    by: dict[str, dict[str, list[Shot]]] = {"sex": defaultdict(list), "group": defaultdict(list)}
    for shot in shots:
        sex, group = re.findall(r"sex=(\w) race=(\w+)", shot.kind)[0]
        by["sex"][{"F": "women", "M": "men"}[sex]].append(shot)
        by["group"][group].append(shot)
        by.setdefault("sex and group", defaultdict(list))[f"{group} {sex}"].append(shot)
    failures: dict[str, Callable[[Shot], bool]] = {
        "not acquired": lambda shot: not shot.acquired,
        "refused": lambda shot: bool(_words(gate, shot)),
        "eyes_covered": lambda shot: bool({"eyes_covered", "eye_covered"} & _words(gate, shot)),
        "eyes_closed": lambda shot: "eyes_closed" in _words(gate, shot),
        "head_turned": lambda shot: "head_turned" in _words(gate, shot),
    }
    print(f"Checks of {policy}: {', '.join(FINDING)}. Share [95%, Clopper-Pearson].\n")
    rows = [
        [name, str(len(of)), *(_share(of, failed) for failed in failures.values())]
        for parted in by.values()
        for name, of in sorted(parted.items())
    ]
    rows.append(["all", str(len(shots)), *(_share(shots, failed) for failed in failures.values())])
    print(_table(["who", "images", *failures], rows))
    print("Largest gap between two of them, with 95% by bootstrap over images.\n")
    gaps = [
        [what, *(_gap(parted, failed, seed) for failed in failures.values())]
        for what, parted in by.items()
    ]
    print(_table(["between", *failures], gaps))


@app.command()
def cost() -> None:
    """Time beyond face finding at 1080p, on one core."""
    portrait = pictures.astronaut()[:300, :512]  # type: ignore[no-untyped-call]
    pixels = np.ascontiguousarray(cv2.resize(portrait, FRAME, interpolation=cv2.INTER_CUBIC))
    locator = FaceLocator()
    locator.load()
    landmarker = locator.landmarker
    (face,) = landmarker.find(pixels)
    pose = head_pose(face.landmarks, FRAME)
    policy = load_policy("hardened").quality

    def gate() -> None:
        assess(policy, measure_frame(pixels) | measure_face(pixels, face, pose))

    stages: dict[str, Callable[[], object]] = {
        "the gate: measures and assessment": gate,
        "of it, the whole frame": lambda: measure_frame(pixels),
        "face finding": lambda: landmarker.find(pixels),
    }
    rows = []
    for name, stage in stages.items():
        stage()
        took = sorted(_ms(stage) for _ in range(REPEATS))
        low, high = took[REPEATS // 20], took[-REPEATS // 20]
        rows.append([name, f"{statistics.median(took):.1f}", f"{low:.1f} to {high:.1f}"])
    width = face.box[2] - face.box[0]
    print(f"1920x1080, a face {width:.0f} px wide, {REPEATS} runs, CPU of the process.\n")
    print(_table(["stage", "median, ms", "5th to 95th percentile, ms"], rows))


def _ms(stage: Callable[[], object]) -> float:
    started = time.process_time()  # MediaPipe has threads of its own
    stage()
    return 1e3 * (time.process_time() - started)


def _measured(folder: Path, prefix: str) -> list[Shot]:
    """Measure the real, live faces of the manifest whose paths begin with ``prefix``."""
    rows = [
        row
        for row in read_manifest(str(folder / "manifest.csv")).rows.values()
        if row["path"].startswith(prefix) and row["label"] in LIVE
    ]
    locator, detector = FaceLocator(), ShortRange(model_selection=0)
    locator.load()
    shots = []
    with progress(prefix) as update:
        for row in rows:
            path = folder / row["path"]
            if path.is_file():
                pixels = decode_image(path.read_bytes()).pixels
                located = locator.locate(pixels)
                boxes = None if located.box is None else _areas(located.box, pixels, detector)
                shots.append(
                    Shot(
                        row["kind"],
                        row["subject"],
                        located.quality,
                        located.bundle is not None,
                        boxes,
                    )
                )
            update(len(shots), len(rows))
    return shots


def _areas(box: Box, pixels: Pixels, detector: Any) -> tuple[float, float] | None:
    """Areas of the mesh's box and of the box that the reference's detector gives, in pixels."""
    found = detector.process(np.ascontiguousarray(pixels)).detections
    if not found:
        return None
    sizes = [detection.location_data.relative_bounding_box for detection in found]
    largest = max(size.width * size.height for size in sizes)
    area = (box[2] - box[0]) * (box[3] - box[1])
    return area, largest * pixels.shape[0] * pixels.shape[1]


def _words(policy: QualityPolicy, shot: Shot) -> set[str]:
    return set(assess(policy, shot.measures).reasons)


def _shares(
    measured: Mapping[str, Sequence[Shot]], policy: QualityPolicy, words: set[str]
) -> list[str]:
    """Share of each set that is refused for any of ``words``."""
    return [_share(shots, lambda s: bool(words & _words(policy, s))) for shots in measured.values()]


def _share(shots: Sequence[Shot], failed: Callable[[Shot], bool]) -> str:
    return str(proportion(sum(map(failed, shots)), len(shots)))


def _gap(parted: Mapping[str, Sequence[Shot]], failed: Callable[[Shot], bool], seed: int) -> str:
    """Largest less smallest rate of the parts."""
    member = np.repeat(np.arange(len(parted)), [len(shots) for shots in parted.values()])
    hits = np.array([failed(shot) for shots in parted.values() for shot in shots], np.float64)

    def gap(weights: Weights) -> dict[str, float]:
        counts = np.bincount(member, weights, len(parted))
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = np.bincount(member, weights * hits, len(parted)) / counts
        return {"gap": float(rates.max() - rates.min())}

    return str(bootstrap(gap, [""] * len(hits), seed=seed)["gap"])


def _quantiles(shots: Iterable[Shot], name: str, at: Sequence[float]) -> str:
    values = [shot.measures[name] for shot in shots if name in shot.measures]
    return " / ".join(f"{value:.3g}" for value in np.percentile(values, at)) if values else "—"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    prepare_worker()
    app()
