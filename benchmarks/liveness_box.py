"""Which box the liveness networks want, and what a face costs.

``python -m benchmarks.liveness_box MANIFEST YUNET`` measures the images of a manifest (one of
``python -m evaluation.manifests pad-…``) twice, with the box of the landmarks and with that of a
face detector, and prints Markdown. YUNET is ``face_detection_yunet_2023mar.onnx`` of opencv_zoo.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from detectors.face import FaceLocator
from detectors.liveness import Liveness, mesh_box
from detectors.pixels import Box, Pixels, shrink
from evaluation.intervals import bootstrap
from evaluation.items import bona_fide, read_items
from evaluation.metrics import curve
from evaluation.pictures import decode
from terminal import progress

SEARCHED = 320
"""Longest side of the image that YuNet searches."""


class YuNet:
    """A face detector (Wu et al. 2023), as a second opinion on the box."""

    def __init__(self, path: Path) -> None:
        self._net = cv2.FaceDetectorYN.create(str(path), "", (SEARCHED, SEARCHED), 0.6)

    def __call__(self, pixels: Pixels) -> Box | None:
        """The largest face, x0, y0, x1, y1, or None."""
        small, scale = shrink(pixels, SEARCHED)
        self._net.setInputSize((small.shape[1], small.shape[0]))
        _, faces = self._net.detect(np.ascontiguousarray(small[..., ::-1]))
        if faces is None:
            return None
        x, y, w, h = max(faces, key=lambda face: face[2] * face[3])[:4] / scale
        return float(x), float(y), float(x + w), float(y + h)


def compare(
    manifest: Annotated[str, typer.Argument(help="CSV with path, label, kind and subject.")],
    yunet: Annotated[Path, typer.Argument(help="face_detection_yunet_2023mar.onnx")],
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals.")] = 0,
) -> None:
    """Compare the boxes."""
    cv2.setNumThreads(1)
    items = read_items(manifest)
    locator, detector, find = FaceLocator(), Liveness(), YuNet(yunet)
    locator.load()
    detector.load()
    kept, offsets, took = [], [], []
    answers: dict[str, list[dict[str, float]]] = {"landmarks": [], "YuNet": []}
    with progress("Measuring") as update:
        for at, item in enumerate(items.images):
            update(at + 1, len(items.images))
            pixels = decode(Path(item.location).read_bytes()).pixels
            bundle = locator.locate(pixels).bundle
            other = None if bundle is None else find(bundle.frame)
            if bundle is None or other is None:
                continue
            own = mesh_box(bundle)
            started = time.process_time()
            answers["landmarks"].append(detector.log_odds(bundle.frame, own))
            took.append((time.process_time() - started) * 1e3)
            answers["YuNet"].append(detector.log_odds(bundle.frame, other))
            kept.append(at)
            sides = np.tile((own[2] - own[0], own[3] - own[1]), 2)
            offsets.append((np.array(other) - own) / sides)
    real = bona_fide(items)[kept]
    subjects = [items.images[at].subject for at in kept]
    left, top, right, bottom = np.median(offsets, axis=0)
    print(
        f"{len(kept)} of {len(items.images)} images have both boxes. YuNet's less the landmarks', "
        f"median, in sides of the latter: left {left:+.2f}, top {top:+.2f}, right {right:+.2f}, "
        f"bottom {bottom:+.2f}.\n"
    )
    names = list(answers["landmarks"][0])
    print("| log-odds | AUC, landmarks | AUC, YuNet | APCER at BPCER 5%, landmarks | YuNet |")
    print("|---|---|---|---|---|")
    for chosen in ([name] for name in names):
        print(_row(chosen[0], chosen, answers, real, subjects, seed))
    print(_row("their mean", names, answers, real, subjects, seed))
    print(
        f"\nCPU time of {len(names)} answers to one face, median: {np.median(took):.1f} ms "
        f"(one thread)."
    )


def _row(
    title: str,
    names: list[str],
    answers: dict[str, list[dict[str, float]]],
    real: NDArray[np.bool_],
    subjects: list[str],
    seed: int,
) -> str:
    figures = {}
    for box, found in answers.items():
        scores = np.array([np.mean([one[name] for name in names]) for one in found])

        def statistics(
            weights: NDArray[np.float64], scores: NDArray[np.float64] = scores
        ) -> dict[str, float]:
            drawn = curve(scores, real, weights)
            return {"auc": drawn.auc, "apcer": drawn.apcer_at_bpcer(0.05)}

        figures[box] = bootstrap(statistics, subjects, seed=seed)
    cells = [figures[box][name] for name in ("auc", "apcer") for box in figures]
    return f"| {title} | {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    typer.run(compare)
