"""Faces of many sources brought to one encoder and one range of scales.

Sources differ in JPEG quality, in size, and in how much of the image the face fills, and whatever
looks at detail separates *those* first. So every image is encoded alike, twice, with a scale in
between that does not depend on its source: the distance of the eyes is drawn at random.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detectors.face import FaceLocator
from detectors.fingerprint import EYES_PX, encoded, eye_distance, face_patch
from detectors.pixels import Pixels
from media.errors import MediaError
from media.images import decode_image

BLOCK = 8
"""Side of JPEG's blocks."""

LARGEST = 256
"""Side of a patch at its native scale: more of it only takes time."""

NOBODY = {"", "?", "see csv"}
"""What stands for a subject that is not known."""

BLUR = 5.0
"""Standard deviation, in pixels, of the blur that takes the detail away and leaves the content."""


@dataclass(frozen=True, slots=True)
class Source:
    """Images of one origin.

    Attributes:
        name: in tables.
        real: whether they are photographs.
        folder: from the data folder; its images, and those of its subfolders whose path has
            ``part``.
        part: of the path.
        most: how many are taken at most.
    """

    name: str
    real: bool
    folder: str
    part: str = ""
    most: int = 120

    def limited(self, most: int) -> Source:
        """The same with fewer images at most."""
        return replace(self, most=min(self.most, most))


SOURCES = (
    Source("ffhq", True, "synthetic/ffhq_real"),
    Source("openforensics", True, "deepfake/validation/real"),
    Source("celebrities", True, "faces/pairs_deepface"),
    Source("collectors", True, "pad/collectors", "/live/"),
    Source("utkface", True, "faces/utkface_200"),
    Source("webcam", True, "pad/replay_attack", "webcam_authenticate", most=60),
    Source("stylegan2", False, "synthetic/stylegan2"),
    Source("sd3_portraits", False, "synthetic/sd3_portraits"),
    Source("gan_512", False, "synthetic/gan_512"),
    Source("swaps", False, "deepfake/validation/fake"),
)
"""Of the data folder. Only ``sd3_portraits`` (CC0) may train what is shipped."""

SWAPS = "swaps"
"""Photographs in which only the face is generated: looked at, and never trained on."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face after both encodings.

    Attributes:
        source: its name.
        real: whether it is a photograph.
        subject: the person, where the manifest of the data knows; else the file.
        patch: uint8 RGB (N, N, 3), the middle of the face at its drawn scale.
        blurred: the same, its detail taken away before the last encoding.
    """

    source: str
    real: bool
    subject: str
    patch: Pixels
    blurred: Pixels


def gather(
    data: Path,
    seed: int,
    locator: FaceLocator,
    sources: Sequence[Source] = SOURCES,
    native: bool = False,
    update: Callable[[int, int], None] = lambda done, of: None,
) -> Iterator[Face]:
    """Prepare the faces of some sources; images without a face, or with a small one, are left out.

    Args:
        data: folder of the sources.
        seed: of the draws.
        locator: loaded.
        sources: which.
        native: leave every face at the scale that it came with, and take those alone that are
            larger than any other is; else draw a scale for each.
        update: told how many images are done, and of how many.
    """
    chosen = [(source, path) for source in sources for path in drawn(data, source, seed)]
    subjects = read_subjects(data)
    for at, (source, path) in enumerate(chosen):
        update(at, len(chosen))
        name = path.relative_to(data).as_posix()
        try:
            pixels = decode_image(path.read_bytes()).pixels
        except MediaError:
            continue
        bundle = locator.locate(pixels).bundle
        if bundle is None:
            continue
        points = bundle.landmarks[:, :2] / bundle.crop_scale + np.array(bundle.crop_origin)
        eyes = eye_distance(points)
        rng = generator(seed, name)
        low, high = EYES_PX
        if eyes < (high if native else low):
            continue
        scale = 1.0 if native else rng.uniform(low, min(high, eyes)) / eyes
        start = rng.integers(1, BLOCK, 2)
        patches = [
            middle(face_patch(scaled, points * scale - start[::-1]))
            for scaled in encoded_twice(pixels, scale, start)
        ]
        yield Face(source.name, source.real, subjects.get(name, name), *patches)


def read_subjects(data: Path) -> dict[str, str]:
    """The subject of each path in ``manifest.csv``, where there is one and it names some."""
    path = data / "manifest.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = [(row["path"], row.get("subject") or "") for row in csv.DictReader(file)]
    return {name: subject for name, subject in rows if subject not in NOBODY}


def drawn(data: Path, source: Source, seed: int) -> list[Path]:
    """The images of a source, in an order that depends on the seed and nothing else."""
    found = [
        path
        for path in (data / source.folder).rglob("*")
        if path.suffix.lower() in {".jpg", ".jpeg", ".png"} and source.part in path.as_posix()
    ]
    return sorted(found, key=lambda path: digest(seed, path.relative_to(data).as_posix()))[
        : source.most
    ]


def encoded_twice(pixels: Pixels, scale: float, start: NDArray[np.int64]) -> tuple[Pixels, Pixels]:
    """Encode, scale by area, and encode again; the same once more with its detail taken away.

    Args:
        pixels: uint8 RGB (H, W, 3).
        scale: pixels per old pixel, 1 or less.
        start: rows and columns cut off before the second encoding, so that its blocks do not lie
            on those of the first, which would tell qualities that were there before.
    """
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[1::-1])
    whole = cv2.resize(encoded(pixels), size, interpolation=cv2.INTER_AREA)
    small = np.asarray(whole[start[0] :, start[1] :], np.uint8)
    return encoded(small), encoded(cv2.GaussianBlur(small, (0, 0), BLUR).astype(np.uint8))


def middle(patch: Pixels) -> Pixels:
    """The middle of a patch, at most :data:`LARGEST` pixels a side."""
    cut = max(0, len(patch) - LARGEST) // 2
    return patch[cut : cut + LARGEST, cut : cut + LARGEST]


def generator(seed: int, name: str) -> np.random.Generator:
    """Random numbers for one file, whatever other files there are."""
    return np.random.default_rng(int(digest(seed, name)[:16], 16))


def digest(seed: int, name: str) -> str:
    """A number for a file, in hexadecimal, that nothing but its name and the seed decides."""
    return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()
