"""Is the face a real one, or was it swapped or generated? The network of DFDS answers.

EfficientNet-B2 (T. Wickramasinghe, 2026), asked as its publisher asks it: a face that RetinaFace is
at least 90% sure of, of at least 50 pixels, with 20 pixels around it, resized to 260 by 260 by a
bicubic filter, with ImageNet's mean and standard deviation. Class 0 is a fake.

It names generators that it was trained on. Its publisher reports 96% on held-out images of those
and 68% on eight others, from 93% for one kind of diffusion to chance for GANs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from detectors.contracts import (
    Detector,
    FaceBundle,
    Measurement,
    Measures,
    Score,
    Status,
    logistic,
)
from detectors.deepfake_vote import FRAMES, MIN_FACES, vote
from detectors.finders import Finder, Sighting, best_finder
from detectors.pixels import Pixels, imagenet
from media.stills import read_any
from models import onnx, own, store
from models.deepfake import INPUT, NAME, OUTPUT, SIDE
from models.store import ModelUnavailable

if TYPE_CHECKING:
    import onnxruntime as ort

MODEL = "PALISADE_DEEPFAKE_MODEL"
"""Environment variable with the name of a model in the store to ask instead of that of DFDS."""

FAKE, REAL = 0, 1
"""Classes of the network's output."""

MIN_CONFIDENCE = 0.90
MIN_FACE = 50.0
PADDING = 20.0
"""Of the reference: a detector's confidence, and pixels of the upright frame."""

SEARCHED_CROP = 160
SEARCHED_FRAME = 640
"""Longest side of what is searched for a face, in pixels: of the bundle's crop, half of which is
the face, and of a whole picture."""

Ask = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""From prepared crops, float32 (N, 3, side, side), to the log-odds of a real face, float64 (N,)."""

MOST_SIDE = 1024
"""A larger input is no deepfake model, and could take all memory."""


@dataclass(frozen=True, slots=True)
class DeepfakeMapping:
    """From log-odds of a real face to a score; the reference's softmax by default.

    Attributes:
        shift: log-odds at which the network is undecided.
    """

    shift: float = 0.0


class Deepfake(Detector[DeepfakeMapping]):
    """A network that was trained to tell real faces from swapped and generated ones.

    It looks at the crop at the resolution in which the face was cut out, and lets a face detector
    of its own find the face again in there, because its box is what the network was trained with.

    Measures:
        log_odds: of a real face: the logit of class 1 less that of class 0.
        face_confidence: of the face detector, 0..1.
        face_px: shorter side of the face detector's box in pixels of the upright frame.

    Args:
        weights: an ONNX file to use instead of the store's.
        finder: a face detector to use instead of the best one here.
    """

    name: ClassVar[str] = "deepfake"
    needs: ClassVar[tuple[str, ...]] = ("crop",)
    mapping: ClassVar[type] = DeepfakeMapping

    def __init__(self, weights: Path | None = None, finder: Finder | None = None) -> None:
        self._weights = weights
        self._given = finder

    @classmethod
    def installed(cls) -> bool:
        """Whether the network was ever exported to this machine's store."""
        return own.installed(_name())

    def load(self) -> None:
        """Open the network, and the best face detector there is.

        Raises:
            ModelUnavailable: one of them is not here, or is another model.
        """
        network = Network(self._weights)
        self.finder = self._given or best_finder()
        self.ask: Ask = network
        self.network = network
        self._digest = f"{network.digest}+{self.finder.digest}"

    def measure(self, bundle: FaceBundle) -> Measurement:
        """Ask about the face of a bundle."""
        return self.look(bundle.crop, bundle.crop_scale, SEARCHED_CROP)

    def look(self, picture: Pixels, scale: float = 1.0, side: int = SEARCHED_FRAME) -> Measurement:
        """Ask about the largest face in a picture.

        Abstains without a face of 90% (``no_face``), and where it has fewer than 50 pixels
        (``face_too_small``).

        Args:
            picture: uint8 RGB (H, W, 3).
            scale: its pixels for each pixel of the upright frame.
            side: longest side of what is searched.
        """
        seen = self.finder.find(picture, MIN_CONFIDENCE, side)
        face = max(seen, key=lambda one: one.side, default=None)
        if face is None:
            return Measurement({}, Status.ABSTAINED, ("no_face",), self._digest)
        measures = {"face_confidence": face.confidence, "face_px": face.side / scale}
        if measures["face_px"] < MIN_FACE:
            return Measurement(measures, Status.ABSTAINED, ("face_too_small",), self._digest)
        (log_odds,) = self.ask(
            prepared(padded(picture, face, PADDING * scale), self.network.side)
        ).tolist()
        return Measurement({"log_odds": log_odds, **measures}, model=self._digest)

    @staticmethod
    def score(measures: Measures, mapping: DeepfakeMapping) -> Score:
        """The probability of a real face."""
        real = logistic(measures["log_odds"] - mapping.shift)
        return Score(real, {"network": real})


class Network:
    """The exported EfficientNet-B2; safe to call from several threads.

    Args:
        weights: an ONNX file to use instead of the store's.

    Attributes:
        digest: SHA-256 of the weights.
        side: of its input in pixels: the reference's 260, or what it was trained with here.
        on_gpu: whether it runs on a GPU.

    Raises:
        ModelUnavailable: it is not here, or is another model.
    """

    def __init__(self, weights: Path | None = None) -> None:
        if weights is None:
            found = own.find(_name())
            weights, self.digest = found.path, found.card.sha256
        else:
            self.digest = store.sha256(weights)
        self._session: ort.InferenceSession = onnx.session(weights)
        self.side = _side(self._session)
        onnx.check(self._session, {INPUT: (1, 3, self.side, self.side)}, (OUTPUT,))
        if self._logits(np.zeros((1, 3, self.side, self.side), np.float32)).shape != (1, 2):
            raise ModelUnavailable("weights_interface", f"{weights}: expected two logits a face")
        self.on_gpu = "CUDAExecutionProvider" in self._session.get_providers()

    def __call__(self, crops: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds of a real face, float64 (N,), of prepared crops, float32 (N, 3, side, side).

        On a CPU one after the other: a batch takes longer there than its parts.
        """
        parts = [crops] if self.on_gpu else [crops[at : at + 1] for at in range(len(crops))]
        logits = np.concatenate([self._logits(part) for part in parts])
        return np.asarray(logits[:, REAL] - logits[:, FAKE], np.float64)

    def _logits(self, crops: NDArray[np.float32]) -> NDArray[np.float64]:
        (logits,) = self._session.run([OUTPUT], {INPUT: crops})
        return np.asarray(logits, np.float64)


def _side(session: ort.InferenceSession) -> int:
    """Side of a model's input, in pixels; the reference's where it is another model's."""
    shape = list(onnx.inputs_of(session).get(INPUT, ()))
    return shape[-1] if shape and isinstance(shape[-1], int) and shape[-1] <= MOST_SIDE else SIDE


def _name() -> str:
    """Of the model in the store."""
    return os.environ.get(MODEL) or NAME


def padded(picture: Pixels, face: Sighting, padding: float) -> Pixels:
    """Cut a face out of a picture, with ``padding`` pixels around it where there are so many."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = face.box
    left, top = max(int(x0 - padding), 0), max(int(y0 - padding), 0)
    return picture[top : min(int(y1 + padding), height), left : min(int(x1 + padding), width)]


def prepared(crop: Pixels, side: int = SIDE) -> NDArray[np.float32]:
    """Bring a crop, uint8 RGB (H, W, 3), into the form of the input, float32 (1, 3, side, side).

    By Pillow's bicubic filter, which the network was trained with and which is smooth where it
    shrinks, as OpenCV's is not.
    """
    resized = PIL.Image.fromarray(crop).resize((side, side), PIL.Image.Resampling.BICUBIC)
    return imagenet(np.asarray(resized, np.float32) / np.float32(255))


class Undecided(Exception):
    """There is nothing in a file that the network could be asked about; the message says why."""


def predict_deepfake(path: str | Path) -> dict[str, str]:
    """Judge a photograph or a clip in this process, as the reference's function does.

    Example::

        >>> from detectors.deepfake import predict_deepfake
        >>> predict_deepfake("face.jpg")  # doctest: +SKIP
        {'prediction': 'FAKE', 'fake_confidence': '98.40%', 'real_confidence': '1.60%'}

    Args:
        path: JPEG, PNG, WebP, MP4, MOV, WebM or AVI.

    Raises:
        ModelUnavailable: the network, or a face detector, is not on this machine; the message says
            what to run.
        MediaError: the file cannot be decoded, or is over a limit.
        Undecided: there is no face in it that could be judged.
        OSError: it cannot be read.
    """
    found = read_any(Path(path).read_bytes(), FRAMES)
    measured = [_loaded().look(frame) for frame in found.frames]
    judged = [one.measures for one in measured if one.status is Status.OK]
    if len(judged) < (MIN_FACES if found.moving else 1):
        reasons = sorted({reason for one in measured for reason in one.reasons})
        raise Undecided(
            f"{path}: {len(judged)} of {len(measured)} frames have a face that can be judged "
            f"({', '.join(reasons)})"
        )
    mapping = DeepfakeMapping()
    real = vote([Deepfake.score(measures, mapping).value for measures in judged]).real
    return {
        "prediction": "REAL" if real >= 0.5 else "FAKE",
        "fake_confidence": f"{1 - real:.2%}",
        "real_confidence": f"{real:.2%}",
    }


@cache
def _loaded() -> Deepfake:
    detector = Deepfake()
    detector.load()
    return detector
