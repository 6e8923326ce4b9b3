"""What the speed benchmarks send: the same face in every size and length, drawn once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import httpx2
from skimage import data

from benchmarks.clip import FPS, generated
from specimens import draw, photograph


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart form, encoded once so that sending it costs the client nothing.

    Attributes:
        name: for tables.
        body: the encoded form.
        content_type: with the boundary.
    """

    name: str
    body: bytes
    content_type: str


def upload(name: str, **parts: bytes) -> Upload:
    """Encode ``parts`` as the form of ``POST /v1/verify``."""
    files = {part: (f"{part}.bin", content) for part, content in parts.items()}
    request = httpx2.Request("POST", "http://palisade/", files=files)
    return Upload(name, request.read(), request.headers["content-type"])


@lru_cache
def selfie(megapixels: float = 1.2) -> bytes:
    """The portrait that comes with scikit-image as a webcam frames it, JPEG at quality 92.

    Args:
        megapixels: of the image, 4:3; a webcam's 1280x960 by default.
    """
    height = round(float(megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    portrait = data.astronaut()  # type: ignore[no-untyped-call]
    scaled = cv2.resize(portrait, (height, height), interpolation=cv2.INTER_CUBIC)
    side = (width - height) // 2
    image = cv2.copyMakeBorder(scaled, 0, 0, side, width - height - side, cv2.BORDER_REFLECT)
    file = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    return file.tobytes()


@lru_cache
def document(megapixels: float = 2.0) -> bytes:
    """A specimen of a passport's page, as a camera sees it.

    Args:
        megapixels: of the photograph.
    """
    return photograph(draw(7, "td3").pixels, seed=7, megapixels=megapixels)


@lru_cache
def clip(frames: int = 90) -> bytes:
    """A face that is still but for its pulse, H.264 at 640x480 and 30 frames a second."""
    return generated(frames / FPS)["still"]
