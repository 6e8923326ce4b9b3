"""A model as ``palisade train`` and ``palisade models export`` make it, asked as it is served."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.liveness_own import MOST_IMAGES, MOST_SIDE, evenly
from models import onnx, own, store
from models.store import ModelUnavailable
from training.errors import TrainingError
from training.exporting import INTERFACES

if TYPE_CHECKING:
    import onnxruntime as ort

ANSWERS: dict[Literal["liveness", "deepfake"], int] = {"liveness": 1, "deepfake": 2}
"""Of each detector: the logit of an attack alone, or before that of a bona fide presentation."""


class Exported:
    """An ONNX file that was opened and checked.

    Args:
        named: a model of the store, or the path of a file.

    Attributes:
        name: as it was given; of a path, the file's name without its folder.
        sha256: of the file.
        bytes: size of it.
        detector: that it answers for, by the name of its input.
        images: how many pictures it looks at together.
        side: of each, in pixels.

    Raises:
        TrainingError: there is none, it is damaged, or it is another sort of model.
    """

    def __init__(self, named: str) -> None:
        try:
            path = own.named(named)
            if not path.is_file():
                raise TrainingError(
                    f"{named}: there is neither a model of that name in the store nor such a file"
                )
            self._session = onnx.session(path)
        except ModelUnavailable as error:
            raise TrainingError(f"{named}: {str(error).splitlines()[0]}") from error
        self.name = Path(named).name
        self.sha256 = store.sha256(path)
        self.bytes = path.stat().st_size
        self.detector, self.images, self.side, self._alone = _form(self._session, named)
        try:
            self.log_odds(np.zeros((1, 3, self.side, self.side), np.float32))
        except Exception as error:  # the runtime's own exception types share no public base
            raise TrainingError(
                f"{named}: a black picture gets no answer of {ANSWERS[self.detector]} finite "
                "logits; it is another sort of model, or damaged"
            ) from error

    def log_odds(self, pixels: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds of a bona fide presentation, float64 (N,).

        A model of one picture is asked about each, and the mean of its log-odds is taken. One of
        several gets them as they are, or evenly spread ones of more; where there are fewer, the
        first is repeated, which is the padding rule of the liveness classifier.

        Args:
            pixels: float32 (N, 3, side, side), or (N, pictures, 3, side, side) of presentations of
                several pictures; RGB with ImageNet's mean and standard deviation.

        Raises:
            TrainingError: an answer is not finite.
        """
        shown = pixels if pixels.ndim == 5 else pixels[:, None]
        count, pictures = shown.shape[:2]
        if self.images == 1:
            each = self._asked(shown.reshape(-1, *shown.shape[2:])).reshape(count, pictures)
            return np.asarray(each.mean(1), np.float64)
        return self._asked(shown[:, evenly(pictures, self.images)])

    def _asked(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        source = INTERFACES[self.detector][0]
        batches = np.split(inputs, len(inputs)) if self._alone else [inputs]
        logits = np.concatenate([self._session.run(None, {source: one})[0] for one in batches])
        found = np.asarray(logits, np.float64).reshape(len(inputs), ANSWERS[self.detector])
        odds = found[:, 1] - found[:, 0] if self.detector == "deepfake" else -found[:, 0]
        if not np.isfinite(odds).all():
            raise TrainingError(f"{self.name} gives an answer that is not finite")
        return np.asarray(odds, np.float64)


def _form(
    session: ort.InferenceSession, named: str
) -> tuple[Literal["liveness", "deepfake"], int, int, bool]:
    """The detector, pictures, their side, and whether presentations have to be asked one by one."""
    inputs = onnx.inputs_of(session)
    for detector in ANSWERS:
        match list(inputs.get(INTERFACES[detector][0], ())), len(inputs):
            case [count, 3, int(side), int(other)], 1 if side == other <= MOST_SIDE:
                return detector, 1, side, isinstance(count, int)
            case [count, int(images), 3, int(side), int(other)], 1 if (
                side == other <= MOST_SIDE and 1 < images <= MOST_IMAGES
            ):
                return detector, images, side, isinstance(count, int)
    raise TrainingError(
        f"{named}: expected one input, 'input' or 'pixel_values', of (N, 3, side, side) or "
        f"(N, images, 3, side, side) with fixed sides; the model has {dict(inputs)}"
    )
