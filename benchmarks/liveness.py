"""How well still images tell live faces from prints and screens, system by system.

``python -m benchmarks.liveness DATA OUT`` measures every source of presentation attacks and of live
faces in DATA (a folder with ``manifest.csv``) with the signals ``liveness`` and ``recapture`` and
writes ``OUT/liveness.md``. What was measured is kept in ``OUT/measured.jsonl``, so that a stopped
run goes on and figures can be worked out again. Thresholds are chosen on one half of Replay-Attack
and judged on the other, whose people are others; all other sources are judged by the shipped
policy as it is. ``PALISADE_ACCEPT_RESEARCH_LICENCES=1`` adds the systems with V2-SE.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from detectors.contracts import FaceBundle, Measures, Status, Still, logistic
from detectors.face import FaceLocator
from detectors.liveness import Liveness, LivenessMapping
from detectors.recapture import Recapture, RecaptureMapping
from detectors.runner import Runner
from detectors.sway import sway_pct
from evaluation.intervals import Weights, bootstrap, proportion
from evaluation.labels import BONA_FIDE
from evaluation.metrics import curve, errors
from evaluation.pictures import decode
from evaluation.scores import EQUAL, Sample
from fusion.policy import load_policy
from media.errors import MediaError
from offline.manifest import Row, read_manifest
from terminal import progress

PER_CLIP = 8
"""Frames of a clip, evenly spread, each judged as a still image."""

SOURCES: Mapping[str, tuple[str, ...]] = {
    "devel": ("pad/replay_attack/devel/",),
    "train": ("pad/replay_attack/train/",),
    "collectors": ("pad/collectors/",),
    "samples": ("pad/samples/",),
    "clips": ("videos/live/", "videos/replay/", "videos/pulse/evm_face"),
    "FFHQ, whole": ("synthetic/whole/ffhq_real",),
    "celebrities": ("faces/pairs_deepface/",),
    "FFHQ, cut": ("synthetic/ffhq_real/",),
}
"""Folders of each source. Those of live faces alone only have a BPCER. UTKFace is not among them:
200 pixels, compressed again and again, show no camera's detail."""

LIMIT = 0.05
"""BPCER at which attacks are counted."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured on one image; without measures where there was no answer."""

    source: str
    path: str
    live: bool
    kind: str
    subject: str
    measures: Mapping[str, Mapping[str, float]]

    @property
    def liveness(self) -> Measures | None:
        """What the signal ``liveness`` measured, or None where it was silent."""
        return self.measures.get("liveness")

    @property
    def insisted(self) -> Measures | None:
        """The same, also where it abstained."""
        return self.measures.get("liveness", self.measures.get("abstained"))

    @property
    def recapture(self) -> Measures | None:
        """What the signal ``recapture`` measured, or None where it was silent."""
        return self.measures.get("recapture")


Score = Callable[[Seen], float]
"""The score of an image, high for live; NaN where there is none."""


def systems(research: bool) -> dict[str, Score]:
    """Everything that is compared.

    Args:
        research: whether V2-SE is here.
    """
    policy = load_policy("hardened")
    shipped: LivenessMapping = policy.signal("liveness").mapping  # type: ignore[union-attr]
    recapture: RecaptureMapping = policy.signal("recapture").mapping  # type: ignore[union-attr]
    bare = replace(shipped, colour_cap=0.0)
    pair = LivenessMapping()
    three = replace(pair, members=("v2_2_7", "v1se_4_0", "v2se_1_5"))
    made: dict[str, Score] = {"Silent-Face pair": _liveness(pair)}
    if research:
        made["V2-SE"] = _liveness(replace(pair, members=("v2se_1_5",)))
        made["mean of the three probabilities"] = _liveness(three)
        made["five log-odds"] = _liveness(bare)
    without = tuple(name for name in shipped.members if not name.startswith("v2se"))
    made["three log-odds, no V2-SE"] = _liveness(replace(bare, members=without))
    made["three log-odds and colour"] = _liveness(replace(shipped, members=without))
    if research:
        made["five log-odds and colour"] = _liveness(shipped)
    made["recapture alone"] = lambda seen: (
        np.nan if seen.recapture is None else Recapture.score(seen.recapture, recapture).value
    )
    fullest = replace(shipped, members=shipped.members if research else without)
    made["all, and recapture"] = _both(fullest, recapture)
    return made


def _liveness(mapping: LivenessMapping) -> Score:
    def score(seen: Seen) -> float:
        found = seen.insisted
        return np.nan if found is None else Liveness.score(found, mapping).value

    return score


def _both(liveness: LivenessMapping, recapture: RecaptureMapping) -> Score:
    """The sum of the log-odds of both signals."""

    def score(seen: Seen) -> float:
        if seen.insisted is None or seen.recapture is None:
            return np.nan
        z = Liveness.fused(seen.insisted, liveness) - liveness.shift
        return logistic(z + Recapture.log_odds(seen.recapture, recapture))

    return score


def rows_of(data: Path) -> list[tuple[str, Row]]:
    """The rows of every source, with its name."""
    rows = read_manifest(str(data / "manifest.csv")).rows.values()
    return [
        (source, row)
        for source, folders in SOURCES.items()
        for row in rows
        if row["path"].startswith(folders) and row["label"] in (*BONA_FIDE, "attack")
    ]


def measured(data: Path, kept: Path) -> Iterator[Seen]:
    """Measure every image that is not in ``kept`` yet, and yield all of them."""
    known: dict[str, list[dict[str, Any]]] = {}
    if kept.exists():
        for line in kept.read_text().splitlines():
            one = json.loads(line)
            known.setdefault(f"{one['source']}:{one['path']}", []).append(one)
    locator = FaceLocator()
    locator.load()
    runners = [Runner(Liveness()), Runner(Recapture())]
    rows = rows_of(data)
    with kept.open("a") as file, progress("Measuring") as update:
        for at, (source, row) in enumerate(rows):
            key = f"{source}:{row['path']}"
            if key not in known:
                known[key] = [
                    {
                        "source": source,
                        "path": row["path"],
                        "live": row["label"] in BONA_FIDE,
                        "kind": row["kind"],
                        "subject": row["subject"] or row["path"],
                        "measures": _look(pixels, locator, runners),
                    }
                    for pixels in _pictures(data / row["path"])
                ]
                # An image that cannot be read leaves no line, and is looked at again.
                file.writelines(json.dumps(one) + "\n" for one in known[key])
            yield from (Seen(**one) for one in known[key])
            update(at + 1, len(rows))


def _look(
    pixels: NDArray[np.uint8], locator: FaceLocator, runners: Sequence[Runner[Any]]
) -> dict[str, dict[str, float]]:
    bundle = locator.locate(pixels).bundle
    found: dict[str, dict[str, float]] = {}
    if bundle is None:
        return found
    for runner in runners:
        measured = runner(bundle)
        if measured.status is Status.OK:
            found[runner.sensor.name] = dict(measured.measures)
        elif measured.status is Status.ABSTAINED and runner.sensor.name == Liveness.name:
            found["abstained"] = dict(measured.measures)
    return found


def _pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The image of a file, or some frames of a clip."""
    if path.suffix.lower() in (".mp4", ".avi", ".webm"):
        clip = cv2.VideoCapture(str(path))
        frames = []
        while (read := clip.read())[0]:
            frames.append(read[1])
        for at in np.linspace(0, len(frames) - 1, PER_CLIP).astype(int):
            yield np.ascontiguousarray(frames[at][..., ::-1], np.uint8)
        return
    try:
        yield decode(path.read_bytes()).pixels
    except (OSError, MediaError):
        return


def swayed(data: Path, kept: Path) -> dict[str, float]:
    """The sway between the two frames of each video of Replay-Attack, by the video's name.

    A video whose background cannot be followed, or with one frame, is not among them.
    """
    if kept.exists():
        known: dict[str, float] = json.loads(kept.read_text())
        return known
    videos: dict[str, list[str]] = {}
    for source, row in rows_of(data):
        if source in ("devel", "train"):
            videos.setdefault(video_of(row["path"]), []).append(row["path"])
    locator = FaceLocator()
    locator.load()
    found = {}
    with progress("Following") as update:
        for at, (video, paths) in enumerate(videos.items()):
            stills = [
                Still(0.0, bundle.frame, _in_pixels(bundle))
                for path in sorted(paths)
                for pixels in _pictures(data / path)
                if (bundle := locator.locate(pixels).bundle) is not None
            ]
            if moved := sway_pct(stills):
                found[video] = moved[0]
            update(at + 1, len(videos))
    kept.write_text(json.dumps(found))
    return found


def video_of(path: str) -> str:
    """The video that a frame of Replay-Attack was taken from: its name without the frame's."""
    return path.rpartition("_frame_")[0]


def _in_pixels(bundle: FaceBundle) -> NDArray[np.float32]:
    height, width = bundle.frame.shape[:2]
    points = np.zeros_like(bundle.landmarks)
    points[:, :2] = bundle.in_frame * (width, height)
    return points


@dataclass(frozen=True, slots=True)
class Part:
    """The images of one or more sources, with what one system made of them."""

    sample: Sample
    kinds: NDArray[np.str_]

    @classmethod
    def of(cls, seen: Sequence[Seen], score: Score) -> Part:
        """Score images."""
        sample = Sample(
            np.array([score(one) for one in seen], float),
            np.array([one.live for one in seen], bool),
            np.array([one.subject for one in seen], str),
        )
        return cls(sample, np.array([one.kind for one in seen], str))

    def figures(self, threshold: NDArray[np.float64] | float, seed: int) -> str:
        """HTER at a threshold, APCER at a BPCER of 5%, that of the worst species, AUC: cells."""
        answered = self.sample.answered
        scores, live = self.sample.scores[answered], self.sample.bona_fide[answered]
        kinds = self.kinds[answered]
        limits = np.broadcast_to(threshold, self.sample.scores.shape)[answered]

        def statistics(weights: Weights) -> dict[str, float]:
            drawn = curve(scores, live, weights)
            passed = scores >= drawn.threshold_at_bpcer(LIMIT)
            species = [
                float(np.average(passed[of], weights=weights[of]))
                for kind in sorted(set(kinds[~live]))
                if weights[of := ~live & (kinds == kind)].sum() > 0
            ]
            return {
                "hter": errors(scores >= limits, live, weights).hter,
                "apcer": drawn.apcer_at_bpcer(LIMIT),
                "worst": max(species, default=np.nan),
                "auc": drawn.auc,
            }

        found = bootstrap(statistics, self.sample.subjects[answered], seed=seed)
        return " | ".join(str(found[name]) for name in ("hter", "apcer", "worst", "auc"))


def halves(seen: Sequence[Seen], compared: Mapping[str, Score], seed: int) -> Iterator[str]:
    """Replay-Attack: each half at the threshold of the other, and both with clients left out."""
    devel, train = ([one for one in seen if one.source == name] for name in ("devel", "train"))
    for title, tried, chosen in (
        ("`train`, threshold of `devel`", train, devel),
        ("`devel`, threshold of `train`", devel, train),
        ("both, threshold of all other people", devel + train, None),
    ):
        yield f"\n{title}:\n"
        yield "| system | HTER | APCER at BPCER 5% | its worst species | AUC |"
        yield "|---|---|---|---|---|"
        for name, score in compared.items():
            part = Part.of(tried, score)
            threshold: NDArray[np.float64] | float = (
                part.sample.left_out(EQUAL)
                if chosen is None
                else EQUAL.choose(Part.of(chosen, score).sample.curve())
            )
            yield f"| {name} | {part.figures(threshold, seed)} |"


def videos(
    seen: Sequence[Seen], compared: Mapping[str, Score], sway: Mapping[str, float], seed: int
) -> Iterator[str]:
    """Replay-Attack again, the two frames of a video judged together, without and with its sway."""
    recapture: RecaptureMapping = load_policy("hardened").signal("recapture").mapping  # type: ignore[union-attr]
    name = [name for name in compared if "colour" in name][-1]
    frames: dict[str, list[Seen]] = {}
    for one in seen:
        if one.source in ("devel", "train"):
            frames.setdefault(video_of(one.path), []).append(one)

    def odds(one: Seen, moved: bool) -> float:
        of = frames[video_of(one.path)]
        scores = np.array([compared[name](frame) for frame in of])
        known = scores[np.isfinite(scores)]
        z = float(np.mean(np.log(known / (1 - known)))) if len(known) else np.nan
        if moved and (pct := sway.get(video_of(one.path))) is not None:
            z += Recapture.log_odds({"sway_pct": pct}, recapture)
        return z

    judged = {
        f"{name}, two frames": lambda one: odds(one, moved=False),
        "the same and sway": lambda one: odds(one, moved=True),
    }
    first = [next(iter(of)) for of in frames.values()]
    yield f"\nVideos, by two frames; the background is followed in {len(sway)} of {len(first)}."
    yield from halves(first, judged, seed)
    yield "\nSway in % of the face's width, quantiles:\n"
    yield "| species | videos | 5% | 50% | 95% |"
    yield "|---|---|---|---|---|"
    for kind in sorted({one.kind for one in first}):
        values = [
            sway[v] for one in first if one.kind == kind and (v := video_of(one.path)) in sway
        ]
        low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
        yield f"| {kind} | {len(values)} | {low:.2f} | {middle:.2f} | {high:.2f} |"


def traces(seen: Sequence[Seen]) -> Iterator[str]:
    """What each measure of recapture separates, and how many are below its veto."""
    policy = load_policy("hardened").signal("recapture")
    veto = policy.veto_below or 0.0  # type: ignore[union-attr]
    sources = ("devel", "train", "samples", "clips")
    yield "\nAUC of each measure of recapture, high for live; images that have it:\n"
    yield f"| measure | {' | '.join(sources)} |"
    yield "|---" * (len(sources) + 1) + "|"
    names = sorted({name for one in seen for name in one.recapture or {}} - {"box_px"})
    for name in names:
        cells = []
        for source in sources:
            of = [s for s in seen if s.source == source and name in (s.recapture or {})]
            values = [(s.recapture or {})[name] for s in of]
            found = curve(values, [s.live for s in of]).auc if of else np.nan
            cells.append(f"{found:.2f} ({len(of)})" if np.isfinite(found) else "—")
        yield f"| {name} | {' | '.join(cells)} |"
    live = [s for s in seen if s.live and s.recapture]
    below = [
        s
        for s in live
        if Recapture.score(s.recapture or {}, policy.mapping).value < veto  # type: ignore[union-attr]
    ]
    yield f"\nLive images below the veto of recapture: {len(below)} of {len(live)}."


def elsewhere(seen: Sequence[Seen], compared: Mapping[str, Score], seed: int) -> Iterator[str]:
    """AUC within each collector and publisher, and over all of them; silence is overruled."""
    places: dict[str, list[Seen]] = {}
    for one in seen:
        if one.source == "collectors":
            places.setdefault(one.subject, []).append(one)
    for source in ("collectors", "samples", "clips"):
        places[f"all {source}"] = [one for one in seen if one.source == source]
    yield "\nAUC elsewhere, with what the signal abstains on:\n"
    yield f"| system | {' | '.join(places)} |"
    yield "|---" * (len(places) + 1) + "|"
    for name, score in compared.items():
        cells = []
        for images in places.values():
            sample = Part.of(images, score).sample
            cells.append(str(_auc(sample, seed)))
        yield f"| {name} | {' | '.join(cells)} |"


def _auc(sample: Sample, seed: int) -> object:
    answered = sample.only(sample.answered)
    return bootstrap(
        lambda weights: {"auc": answered.curve(weights).auc}, answered.subjects, seed=seed
    )["auc"]


def shipped(seen: Sequence[Seen], compared: Mapping[str, Score]) -> Iterator[str]:
    """What the shipped policy stops of each source, of what it answers on."""
    threshold = load_policy("hardened").liveness.threshold
    names = [name for name in compared if "colour" in name or "log-odds" in name]
    yield "\nAt the shipped threshold, images that got an answer:\n"
    yield f"| source | images | answered | {' | '.join(names)} |"
    yield "|---" * (len(names) + 3) + "|"
    for source in SOURCES:
        for live in (True, False):
            images = [one for one in seen if one.source == source and one.live is live]
            if not images:
                continue
            judged = [one for one in images if one.liveness is not None]
            cells = []
            for name in names:
                stopped = sum(compared[name](one) < threshold for one in judged)
                wrong = stopped if live else len(judged) - stopped
                cells.append(str(proportion(wrong, len(judged))))
            kind = "BPCER" if live else "APCER"
            yield f"| {source}, {kind} | {len(images)} | {len(judged)} | {' | '.join(cells)} |"


def species(seen: Sequence[Seen], compared: Mapping[str, Score]) -> Iterator[str]:
    """What of each species of `train` passes at the shipped threshold."""
    threshold = load_policy("hardened").liveness.threshold
    names = [name for name in compared if "colour" in name]
    yield "\nAPCER of each species of `train` at the shipped threshold:\n"
    yield f"| species | {' | '.join(names)} |"
    yield "|---" * (len(names) + 1) + "|"
    attacks = [one for one in seen if one.source == "train" and not one.live and one.liveness]
    for kind in sorted({one.kind for one in attacks}):
        of = [one for one in attacks if one.kind == kind]
        passed = [sum(compared[name](one) >= threshold for one in of) for name in names]
        yield f"| {kind} | {' | '.join(str(proportion(hits, len(of))) for hits in passed)} |"


def main(
    data: Annotated[Path, typer.Argument(help="The folder with manifest.csv.")],
    out: Annotated[Path, typer.Argument(help="Folder for the results.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals.")] = 0,
) -> None:
    """Measure and write."""
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    seen = list(measured(data, out / "measured.jsonl"))
    compared = systems(any("v2se_1_5" in (one.insisted or {}) for one in seen))
    lines = [
        *halves(seen, compared, seed),
        *elsewhere(seen, compared, seed),
        *shipped(seen, compared),
        *species(seen, compared),
        *traces(seen),
        *videos(seen, compared, swayed(data, out / "sway.json"), seed),
    ]
    text = "\n".join(lines) + "\n"
    (out / "liveness.md").write_text(text)
    print(text)


if __name__ == "__main__":
    typer.run(main)
