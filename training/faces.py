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

from detectors.face import FaceLocator
from detectors.fingerprint import EYES_PX, eye_distance, face_patch
from detectors.pixels import Pixels
from media.errors import MediaError
from media.images import decode_image

QUALITY = 75
"""JPEG quality of both encodings."""

NOBODY = {"", "see csv"}
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
    Source("stylegan2", False, "synthetic/stylegan2"),
    Source("sd3_portraits", False, "synthetic/sd3_portraits"),
    Source("gan_512", False, "synthetic/gan_512"),
)
"""Of the data folder. Only ``sd3_portraits`` (CC0) may train what is shipped."""


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
    update: Callable[[int, int], None] = lambda done, of: None,
) -> Iterator[Face]:
    """Prepare the faces of some sources; images without a face, or with a small one, are left out.

    Args:
        data: folder of the sources.
        seed: of the draws.
        locator: loaded.
        sources: which.
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
        if eyes < low:
            continue
        scale = rng.uniform(low, min(high, eyes)) / eyes
        patches = [
            face_patch(scaled, points * scale) for scaled in encoded_twice(pixels, scale)
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


def encoded_twice(pixels: Pixels, scale: float) -> tuple[Pixels, Pixels]:
    """Encode, scale by area, and encode again; the same once more with its detail taken away."""
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[1::-1])
    small = cv2.resize(jpeg(pixels), size, interpolation=cv2.INTER_AREA)
    return jpeg(small), jpeg(cv2.GaussianBlur(small, (0, 0), BLUR))


def jpeg(pixels: Pixels) -> Pixels:
    """Encode at :data:`QUALITY` and decode."""
    done, data = cv2.imencode(
        ".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    if not done:
        raise ValueError("could not be encoded as JPEG")
    decoded: Pixels = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB).astype(np.uint8)
    return decoded


def generator(seed: int, name: str) -> np.random.Generator:
    """Random numbers for one file, whatever other files there are."""
    return np.random.default_rng(int(digest(seed, name)[:16], 16))


def digest(seed: int, name: str) -> str:
    """A number for a file, in hexadecimal, that nothing but its name and the seed decides."""
    return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()
