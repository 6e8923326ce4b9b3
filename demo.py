"""What ``palisade demo`` sends: a real face and attacks made from it, a document and forgeries.

The attacks are drawn, not staged, and so are the documents: they show how the graph answers, they
measure nothing.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import httpx2
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from fusion.answers import DocumentAnswer
from fusion.judge import Judge
from fusion.policy import SHIPPED, load_policy
from fusion.verdict import Verdict
from specimens import draw, forge, photograph
from terminal import document_panel, out, summary, verdict_panel

RGB = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Scene:
    """One capture of the demonstration."""

    title: str
    selfie: bytes
    clip: bytes | None = None


def show(url: str) -> None:
    """Send every scene to a running graph, print its verdict, and what each policy makes of it.

    Raises:
        httpx2.HTTPError: the graph does not answer.
    """
    policies = [load_policy(name) for name in SHIPPED]
    table = Table("the same measures under", *(policy.name for policy in policies), box=None)
    for scene in scenes():
        files = {"selfie": ("selfie.jpg", scene.selfie, "image/jpeg")}
        if scene.clip is not None:
            files["clip"] = ("clip.mp4", scene.clip, "video/mp4")
        response = httpx2.post(f"{url}/v1/verify", files=files, timeout=60.0)
        response.raise_for_status()
        verdict = Verdict.from_json(response.content)
        out.print(verdict_panel(verdict, scene.title))
        table.add_row(scene.title, *(summary(Judge(p).again(verdict)) for p in policies))
    out.print(table)
    show_documents(url)
    out.print(
        "`faithful` is the reference as published, `hardened` what measurement supports so far: "
        "docs/SIGNALS.md and docs/DOCUMENTS.md have the figures.",
        style="dim",
    )


def show_documents(url: str) -> None:
    """Send specimens of a licence to a running graph and print what it finds and reads.

    Raises:
        httpx2.HTTPError: the graph does not answer.
    """
    for title, picture in documents():
        response = httpx2.post(
            f"{url}/v1/documents?fields=true",
            files={"document": ("licence.jpg", picture, "image/jpeg")},
            timeout=60.0,
        )
        response.raise_for_status()
        out.print(document_panel(DocumentAnswer.from_json(response.content), title))


def documents() -> Iterator[tuple[str, bytes]]:
    """Make photographs of a licence that nobody issued: as it is, edited, and from a screen."""
    licence = draw(3, "licence")
    yield "A driving licence (specimen, drawn)", photograph(licence.pixels, seed=3)
    edited = forge(licence, "text_edited", seed=3, field="birth_date")
    yield "The same, its printed date of birth edited and its barcode left", edited.jpeg
    yield "The same, shown on a screen", forge(licence, "screen", seed=3).jpeg


def scenes() -> Iterator[Scene]:
    """Make the captures, from the portrait that comes with scikit-image."""
    from skimage import data

    portrait: RGB = data.astronaut()  # type: ignore[no-untyped-call]
    head = np.asarray(cv2.resize(portrait[:300, 90:390], (512, 512)), np.uint8)
    yield Scene("A person (portrait of Eileen Collins, NASA)", _jpeg(portrait))
    yield Scene("The same face, replayed from a screen (simulated)", _jpeg(on_screen(portrait)))
    yield Scene(
        "The same face as a print, moved before the camera (simulated, with a clip)",
        _jpeg(_print_at(head, 0.0)),
        _mp4([_print_at(head, frame / 30) for frame in range(90)]),
    )


def on_screen(image: RGB) -> RGB:
    """Simulate a close photograph of ``image`` shown on a screen.

    The camera resolves the grid of pixels: two of its samples fall on each of them, slightly
    turned, so that stripes and gaps beat against its own grid. Blacks are raised, white is cool.

    Args:
        image: uint8 RGB (H, W, 3).

    Returns:
        uint8 RGB (2 H, 2 W, 3).
    """
    height, width = image.shape[:2]
    fine = 6  # samples of the light for each pixel of the screen
    size = (width * fine, height * fine)
    linear = (image.astype(np.float32) / 255) ** 2.2
    light = np.asarray(cv2.resize(linear, size, interpolation=cv2.INTER_NEAREST), np.float32)
    stripes = np.eye(3, dtype=np.float32)[np.arange(size[0]) * 3 // fine % 3]  # R, G, B columns
    rows = np.where(np.arange(size[1]) % fine, 1.0, 0.3).astype(np.float32)  # gaps between lines
    light *= (0.25 + 2.25 * stripes) * rows[:, None, None]
    turned = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), angle=1.7, scale=0.97)
    moved = cv2.warpAffine(light, turned, size, borderMode=cv2.BORDER_REFLECT)
    blurred = cv2.GaussianBlur(moved, (0, 0), 0.35 * fine)  # the lens
    seen = cv2.resize(blurred, (2 * width, 2 * height), interpolation=cv2.INTER_AREA)
    seen = 0.02 + 0.98 * seen * np.array([0.92, 0.98, 1.06], np.float32)
    return np.asarray(np.clip(seen, 0, 1) ** (1 / 2.2) * 255, np.uint8)


def _print_at(image: RGB, seconds: float) -> RGB:
    """Photograph a flat print of ``image`` that a hand turns to and fro, at a time in seconds."""
    height, width = image.shape[:2]
    yaw = np.radians(22) * np.sin(2 * np.pi * 0.4 * seconds)
    focal = 1.2 * width
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    sheet = np.column_stack([corners - [width / 2, height / 2], np.zeros(4)])
    rotation, _ = cv2.Rodrigues(np.array([0.0, yaw, 0.0]))
    x, y, z = (sheet @ rotation.T).T
    z += focal
    u = 320 + focal * (x + 12 * np.sin(5 * seconds)) / z
    v = 240 + focal * (y + 6 * np.cos(4 * seconds)) / z
    seen = cv2.getPerspectiveTransform(corners, np.column_stack([u, v]).astype(np.float32))
    table = (96, 92, 88)
    return np.asarray(cv2.warpPerspective(image, seen, (640, 480), borderValue=table), np.uint8)


def _jpeg(image: RGB) -> bytes:
    _, encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    return encoded.tobytes()


def _mp4(frames: list[RGB], fps: int = 30) -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=fps, options={"qscale": "3"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()
