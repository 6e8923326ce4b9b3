"""How alike two networks' blendshapes are: in pictures, over clips, and in what they lead to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.sessions import windows
from benchmarks.still_signals import LENGTHS, PASSED, Judged
from detectors.animation import measure_animation
from detectors.blendshapes import ACTIVE, NEUTRAL, Blendshapes
from detectors.contracts import Clip, FaceBundle
from detectors.expression import BLENDSHAPE_NAMES, BlendshapeNetwork
from detectors.landmarks import MeshLandmarker
from evaluation.intervals import Figure, Weights, bootstrap

Rows = NDArray[np.float32]

VARIES = 0.03
"""Standard deviation of the teacher's answers from which a coefficient has something to follow."""

MOVES = 0.02
"""The same over one clip."""

WATCHED = {
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
    "jaw": ("jawOpen",),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One picture.

    Attributes:
        name: of the set.
        subject: the person.
        bundle: its face as a machine without the model file has it.
        student: float32 (52,), the distilled network about its landmarks.
        teacher: float32 (52,), MediaPipe's about the same.
        whole: float32 (52,), about those of the Tasks model; None where that finds no face.
    """

    name: str
    subject: str
    bundle: FaceBundle
    student: Rows
    teacher: Rows
    whole: Rows | None


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """One clip with the answers of both networks about the same landmarks.

    Attributes:
        what: kind of clip.
        subject: the person.
        bundle: the face of its first frame, with the clip, as the distilled network has it.
        teacher: the clip with MediaPipe's rows.
        first: float32 (52,), MediaPipe's answer about the first frame.
    """

    what: str
    subject: str
    bundle: FaceBundle
    teacher: Clip
    first: Rows


def picture_table(asked: Sequence[Asked], seed: int) -> str:
    """How far the answers about pictures are apart, with intervals over subjects."""
    lines = [
        "| pictures | faces | mean error | of the mean answer | correlation | blink | jaw | smile "
        "| with the Tasks model's landmarks | same score |",
        "| --- | ---: | --- | ---: | --- | --- | --- | --- | --- | --- |",
    ]
    judge = Judged(Blendshapes)
    for name in dict.fromkeys(one.name for one in asked):
        group = [one for one in asked if one.name == name]
        subjects = [one.subject for one in group]
        right = np.array([one.teacher for one in group], np.float64)
        said = np.array([one.student for one in group], np.float64)
        same = np.array([_agree(judge, one) for one in group], np.float64)
        found = bootstrap(partial(likeness, said, right, same), subjects, seed=seed)
        both = [(one, one.whole) for one in group if one.whole is not None]
        apart = np.array([np.abs(one.student - whole).mean() for one, whole in both], np.float64)
        people = [one.subject for one, _ in both]
        whole = bootstrap(partial(mean, apart), people, seed=seed)["mean"]
        flat = np.abs(right - right.mean(axis=0)).mean()
        lines.append(
            f"| {name} | {len(group)} | {_text(found['error'], 4)} | {flat:.4f} | "
            + " | ".join(_text(found[key]) for key in ("correlation", *WATCHED))
            + f" | {_text(whole, 4)} | {_text(found['same'])} |"
        )
    return "\n".join(lines) + "\n"


def mean(values: NDArray[np.float64], w: Weights) -> dict[str, float]:
    """The mean of values (N,) with weights (N,); NaN where all of these are 0."""
    return {"mean": float(w @ values / w.sum()) if w.any() else float("nan")}


def likeness(
    said: NDArray[np.float64], right: NDArray[np.float64], same: NDArray[np.float64], w: Weights
) -> dict[str, float]:
    """Mean absolute error; correlations, of the median coefficient and of some; share of scores.

    Args:
        said, right: (N, 52), the student's and the teacher's answers.
        same: (N,), whether the score is the same.
        w: (N,), weights.
    """
    together = correlations(said, right, w)
    varies = right.std(axis=0) >= VARIES
    varies[NEUTRAL] = False
    return {
        "error": float(np.average(np.abs(said - right).mean(axis=1), weights=w)),
        "correlation": float(np.nanmedian(together[varies])),
        "same": float(np.average(same, weights=w)),
    } | {key: float(np.nanmean(together[at(key)])) for key in WATCHED}


def at(key: str) -> list[int]:
    """Where the coefficients of a name of :data:`WATCHED` stand."""
    return [BLENDSHAPE_NAMES.index(name) for name in WATCHED[key]]


def correlations(
    said: NDArray[np.float64], right: NDArray[np.float64], w: Weights
) -> NDArray[np.float64]:
    """Pearson's correlation of each column, (52,), with weights.

    NaN where the teacher's is constant; 0 where only the student's is.
    """
    a = said - np.average(said, axis=0, weights=w)
    b = right - np.average(right, axis=0, weights=w)
    spread = np.sqrt((w @ a**2) * (w @ b**2))
    found = (w @ (a * b)) / np.where(spread > 0, spread, 1.0)
    return np.where(w @ b**2 > 0, found, np.nan)


def _agree(judge: Judged, one: Asked) -> bool:
    """Whether the reference's score of a picture is the same to 0.05."""
    mine = judge(one.bundle)["faithful"]
    theirs = judge(replace(one.bundle, blendshapes=one.teacher))["faithful"]
    return mine is not None and theirs is not None and abs(mine - theirs) <= 0.05


def clip_table(seen: Sequence[Watched], seed: int) -> str:
    """How well the answers follow each other over a clip, with intervals over subjects."""
    lines = [
        "| clips | clips | blink | jaw | smile | all that moves |",
        "| --- | ---: | --- | --- | --- | --- |",
    ]
    for what in dict.fromkeys(one.what for one in seen):
        group = [one for one in seen if one.what == what]
        found = [_over_time(one) for one in group]
        cells = []
        for key in (*WATCHED, "all"):
            known = [i for i, clip in enumerate(found) if np.isfinite(clip[key])]
            values = np.array([found[i][key] for i in known])
            if not known:
                cells.append("—")
                continue
            people = [group[i].subject for i in known]
            if len(known) == 1:  # nothing to draw an interval from
                cells.append(f"{values[0]:.2f}, n = 1")
                continue
            figure = bootstrap(partial(mean, values), people, seed=seed)["mean"]
            cells.append(f"{_text(figure)}, n = {len(known)}")
        lines.append(f"| {what} | {len(group)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _over_time(one: Watched) -> dict[str, float]:
    """Correlations within a clip; NaN where nothing of the kind moved."""
    mine, theirs = one.bundle.clip, one.teacher
    if mine is None or mine.blendshapes is None or theirs.blendshapes is None:
        raise ValueError("a clip without blendshapes was watched")
    known = np.isfinite(mine.blendshapes[:, 0])
    said, right = (
        rows[known].astype(np.float64) for rows in (mine.blendshapes, theirs.blendshapes)
    )
    together = correlations(said, right, np.ones(len(said)))
    moves = right.std(axis=0) >= MOVES
    moves[NEUTRAL] = False
    groups = {key: [i for i in at(key) if moves[i]] for key in WATCHED}
    groups["all"] = np.flatnonzero(moves).tolist()
    return {
        key: float(np.median(together[where])) if where else float("nan")
        for key, where in groups.items()
    }


def window_table(seen: Sequence[Watched]) -> str:
    """What the signal makes of both answers, window by window."""
    lines = [
        "| clips | window | windows | motion, teacher | motion, student | blink depth apart "
        f"| score {PASSED} or more: teacher | student | the same side |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    judge = Judged(Blendshapes)
    for what in dict.fromkeys(one.what for one in seen):
        for seconds in LENGTHS:
            pairs = [pair for one in seen if one.what == what for pair in _cut(one, seconds)]
            if not pairs:
                continue
            measures = [tuple(_moved(bundle) for bundle in pair) for pair in pairs]
            passed = np.array(
                [[(judge(bundle)["hardened"] or 0) >= PASSED for bundle in pair] for pair in pairs]
            )
            motion = [[m.get("motion", np.nan) for m in pair] for pair in measures]
            depth = [[m.get("blink_depth", np.nan) for m in pair] for pair in measures]
            student, teacher = np.nanmedian(motion, axis=0)
            apart = np.nanmean(np.abs(np.diff(depth, axis=1)))
            lines.append(
                f"| {what} | {seconds} s | {len(pairs)} | {teacher:.2f} | {student:.2f} | "
                f"{apart:.3f} | {passed[:, 1].mean():.0%} | {passed[:, 0].mean():.0%} | "
                f"{(passed[:, 0] == passed[:, 1]).mean():.0%} |"
            )
    return "\n".join(lines) + "\n"


def _cut(one: Watched, seconds: float) -> Iterator[tuple[FaceBundle, FaceBundle]]:
    """The windows of a clip, each with the student's and the teacher's rows."""
    if one.bundle.clip is None:
        return
    cut = zip(windows(one.bundle.clip, seconds), windows(one.teacher, seconds), strict=True)
    for mine, theirs in cut:
        yield (
            replace(one.bundle, clip=mine),
            replace(one.bundle, blendshapes=one.first, clip=theirs),
        )


def _moved(bundle: FaceBundle) -> Mapping[str, float]:
    clip = bundle.clip
    if clip is None or clip.blendshapes is None:
        return {}
    return measure_animation(clip.times, clip.blendshapes, clip.boxes)


def cost(asked: Sequence[Asked], teacher: BlendshapeNetwork, calls: int = 300) -> str:
    """Processor time of one answer of either network."""
    landmarks = asked[0].bundle.landmarks
    student = MeshLandmarker()
    lines = []
    for name, answer in (("student", student.blendshapes), ("teacher", teacher.coefficients)):
        answer(landmarks)
        started = time.process_time()
        for _ in range(calls):
            answer(landmarks)
        lines.append(f"{name}: {(time.process_time() - started) / calls * 1e3:.2f} ms a face")
    active = [np.mean((one.student > ACTIVE) == (one.teacher > ACTIVE)) for one in asked]
    lines.append(f"coefficients on the same side of {ACTIVE}: {np.mean(active):.1%}")
    return "\n".join(lines) + "\n"


def _text(figure: Figure, places: int = 2) -> str:
    """A figure with its interval."""
    if figure.value is None or figure.low is None or figure.high is None:
        return "—"
    return f"{figure.value:.{places}f} [{figure.low:.{places}f}, {figure.high:.{places}f}]"
