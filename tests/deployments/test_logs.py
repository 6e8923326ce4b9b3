"""What a replica logs, and that the logs of a full run hold nothing of a person."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from collector import Collector, collecting
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin
from ray import serve
from serving import Graph

import graph
from deployments import logs
from deployments.face import Face
from deployments.fusion import Fusion
from deployments.settings import Settings
from detectors.blendshapes import Blendshapes
from detectors.contracts import FaceBundle, Measurement, Status
from detectors.eye_specular import EyeSpecular
from detectors.face import FaceLocator
from detectors.gan_texture import GanTexture
from detectors.rppg import Rppg
from docfraud.barcode import Barcode
from docfraud.contracts import Page, Reading
from docfraud.moire import Moire
from fusion.quality import QualityPolicy
from media.capture import Capture
from media.errors import MediaError
from pipeline import Found

ARTIST, SUBJECT, FILENAME = "Zebulon-Artist", "Yolanda-Subject", "Xaver-Filename"
LATITUDE = 49.924813
NAME = "VALENTINA-OF-THE-CARD"
HEADER = b"Wilhelmina-Header"
CRASHES = "-whose-verdict-fails"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_record_with_an_exception_keeps_the_type_and_the_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    discretion = logs._DISCRETION
    log = logging.getLogger("test")
    log.addFilter(discretion)
    try:
        raise KeyError(SUBJECT)
    except KeyError:
        log.exception("%s failed", "depth")
    finally:
        log.removeFilter(discretion)
    (record,) = caplog.records
    assert record.getMessage().startswith("depth failed: KeyError < test_logs.py:")
    assert SUBJECT not in logging.Formatter().format(record)


class RaisesLandmarks(EyeSpecular):
    def measure(self, bundle: FaceBundle) -> Measurement:
        raise RuntimeError(f"landmarks {bundle.landmarks.tolist()} {bundle.crop.tobytes()!r}")


class RaisesPictures(GanTexture):
    def pictures(self, bundle: FaceBundle) -> Any:
        raise RuntimeError(f"landmarks {bundle.landmarks.tolist()} {bundle.crop.tobytes()!r}")


class DrawsNoPicture(Rppg):
    """Draws what cannot be sent."""

    needs = ("landmarks",)

    def measure(self, bundle: FaceBundle) -> Measurement:
        return Measurement(status=Status.ABSTAINED)

    def pictures(self, bundle: FaceBundle) -> Any:
        return (str(bundle.landmarks.tolist()),)


class RaisesWhenScored(Blendshapes):
    needs = ("landmarks",)

    def measure(self, bundle: FaceBundle) -> Measurement:
        return Measurement({"x": float(bundle.landmarks[0, 0])})


class RaisesPages(Moire):
    def measure(self, page: Page) -> Measurement:
        raise RuntimeError(f"{NAME} {page.original!r}")


class ReadsNames(Barcode):
    def measure(self, page: Page) -> Reading:
        return Reading({"symbols": 1.0}, sides={"barcode": {"surname": NAME}})


@dataclass(frozen=True)
class Bomb(FaceBundle):
    def only(self, needs: tuple[str, ...]) -> FaceBundle:
        raise KeyError(self.landmarks.tolist())


class LeakyFace(Face):
    """Fails with the upload in its message, or hands on a bundle that does."""

    def __call__(
        self, capture: Capture, needs: tuple[str, ...], gate: QualityPolicy | None = None
    ) -> Found | MediaError:
        if capture.channel == "sdk":
            raise ValueError(f"{capture.selfie[:4000]!r} {base64.b64encode(capture.selfie)!r}")
        found = super().__call__(capture, needs, gate)
        if capture.channel == "browser" and isinstance(found, Found):
            bundle = found.located.bundle
            assert bundle is not None
            bomb = Bomb(*(getattr(bundle, name) for name in FaceBundle.__slots__))
            return replace(found, located=replace(found.located, bundle=bomb))
        return found


class LeakyFusion(Fusion):
    async def verdict(self, *args: Any) -> Any:
        if str(args[3]).endswith(CRASHES):
            raise LookupError(f"no bucket for {args[3]}")
        return await super().verdict(*args)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as server:
        yield server


@pytest.fixture
def leaky(served: Graph, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A second application on the same Serve, every node of which fails with what it works on."""
    this = sys.modules[__name__]
    ray.cloudpickle.register_pickle_by_value(this)
    monkeypatch.setattr(graph, "Face", LeakyFace)
    monkeypatch.setattr(graph, "Fusion", LeakyFusion)
    tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    options = {"num_cpus": 0.1, "runtime_env": {"env_vars": tracing}}
    monkeypatch.setitem(graph.DOOR, "ray_actor_options", options)
    app = graph.wire(
        Settings(),
        (RaisesLandmarks, RaisesWhenScored, RaisesPictures, DrawsNoPicture),
        (RaisesPages, ReadsNames),
    )
    logging_config = {"encoding": "JSON", "enable_access_log": False}
    serve.run(app, name="leaky", route_prefix="/leaky", logging_config=logging_config)
    yield "/leaky"
    serve.delete("leaky")
    ray.cloudpickle.unregister_pickle_by_value(this)


@pytest.fixture(scope="module")
def portrait(astronaut: NDArray[np.uint8]) -> bytes:
    """A selfie that says who took it and where."""
    exif = Image.Exif()
    exif[0x013B] = ARTIST
    exif.get_ifd(0x8825).update(
        {1: "N", 2: (49.0, 55.0, TiffImagePlugin.IFDRational(int(LATITUDE * 10**6), 10**6))}
    )
    file = io.BytesIO()
    Image.fromarray(astronaut).save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()


def ask(
    served: Graph,
    app: str,
    channel: str = "upload",
    mark: str = "",
    pictures: bool = False,
    **parts: bytes,
) -> Any:
    """Send an upload from a caller that traces."""
    files = {name: (f"{FILENAME}-{name}.jpg", content) for name, content in parts.items()}
    metadata = json.dumps({"subject": SUBJECT + mark, "channel": channel})
    return served.client.post(
        f"{app}/v1/verify?pictures={pictures}",
        files=files,
        data={"metadata": metadata},
        headers={"traceparent": f"00-{TRACE}-{CALLER}-01"},
    )


def log_files() -> dict[str, bytes]:
    folder = Path(ray._private.worker._global_node.get_logs_dir_path())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def secrets(selfie: bytes, document: bytes, clip: bytes, face: FaceBundle) -> dict[str, bytes]:
    """Every trace of a person that could be in a log, in every way that Python would write it."""
    found = {
        "artist": ARTIST.encode(),
        "subject": SUBJECT.encode(),
        "filename": FILENAME.encode(),
        "what a card says": NAME.encode(),
        "header": HEADER,
        "latitude": str(LATITUDE).encode(),
    }
    for name, data in {"selfie": selfie, "document": document, "clip": clip}.items():
        for at in (0, 300, 900, 1500, len(data) // 2):
            piece = data[at : at + 24]
            found[f"bytes of the {name} at {at}"] = piece
            found[f"repr of the {name} at {at}"] = repr(piece)[2:-1].encode()
            found[f"base64 of the {name} at {at}"] = base64.b64encode(data[at // 3 * 3 :])[:32]
    pixels = face.crop[face.crop.shape[0] // 2, :8]
    found["pixels"] = pixels.tobytes()
    found["repr of pixels"] = repr(pixels.tobytes())[2:-1].encode()
    for number, coordinate in enumerate(face.landmarks[:40].ravel()):
        found[f"landmark coordinate {number}"] = repr(float(coordinate))[:9].encode()
        found[f"landmark coordinate {number} in numpy"] = str(coordinate).encode()
    return found


def leaks(files: dict[str, bytes], searched: dict[str, bytes]) -> list[str]:
    return [
        f"{what} in {name}"
        for name, content in files.items()
        for what, secret in searched.items()
        if secret in content
    ]


def check_trace(spans: list[dict[str, Any]], session_id: str) -> None:
    """The trace goes from the caller through the stages to the detectors."""
    assert {span["traceId"] for span in spans} == {TRACE}
    requests = {span["spanId"]: span for span in spans if span["name"] == "POST /v1/verify"}
    assert {span["parentSpanId"] for span in requests.values()} == {CALLER}
    values = {
        attribute["value"].get("stringValue"): span["spanId"]
        for span in requests.values()
        for attribute in span["attributes"]
    }
    stages = {s["name"]: s["spanId"] for s in spans if s.get("parentSpanId") == values[session_id]}
    assert set(stages) == {"face", "signals", "fusion", "record"}
    detectors = {s["name"] for s in spans if s.get("parentSpanId") == stages["signals"]}
    assert detectors == {"eye_specular", "blendshapes", "gan_texture", "rppg"}


@pytest.mark.serve
@pytest.mark.timeout(600)
def test_the_logs_of_a_full_run_hold_no_pixels_landmarks_names_or_places(
    served: Graph,
    leaky: str,
    collector: Collector,
    portrait: bytes,
    selfie: bytes,
    astronaut: NDArray[np.uint8],
) -> None:
    from demo import scenes

    *_, scene = scenes()
    assert scene.clip is not None
    whole = ask(served, "", selfie=portrait, clip=scene.clip, document=selfie)
    failing = ask(served, leaky, selfie=portrait)
    without_face = ask(served, leaky, channel="sdk", selfie=portrait)
    on_paper = ask(served, leaky, selfie=portrait, document=selfie)
    drawn = ask(served, "", pictures=True, selfie=portrait, clip=scene.clip, document=selfie)
    undrawn = ask(served, leaky, pictures=True, selfie=portrait, document=selfie)
    for answer in (whole, failing, without_face, on_paper, drawn, undrawn):
        assert answer.status_code == 200, answer.text
    assert len(drawn.json()["pictures"]) > 5
    assert undrawn.json()["pictures"] == []
    assert [c["status"] for c in on_paper.json()["document"]["checks"]] == ["error", "ok"]
    assert NAME not in on_paper.text
    assert [s["status"] for s in failing.json()["signals"]] == ["error", "error", "ok", "abstained"]
    assert without_face.json()["face"]["problems"] == ["error"]
    assert ask(served, leaky, channel="browser", selfie=portrait).status_code == 500
    assert ask(served, leaky, mark=CRASHES, selfie=portrait).status_code == 503
    assert ask(served, "", selfie=b"\xff\xd8\xff\xfe\x00\x13" + HEADER * 9).status_code == 422
    assert ask(served, "", selfie=selfie, clip=HEADER * 99).status_code == 415
    time.sleep(1.0)  # the last lines and spans are on their way

    files = log_files()
    lines = [
        json.loads(line)
        for name, content in files.items()
        if name.startswith("serve/replica_")
        for line in content.splitlines()
        if line.startswith(b"{")  # applications of other tests log as text
    ]
    # The control: what should be there is there, and would be found.
    sessions = {line["session_id"]: line for line in lines if line["message"] == "verdict"}
    for answer in (whole, failing, without_face):
        assert sessions[answer.json()["session_id"]]["decision"] == answer.json()["decision"]
    said = {line["message"].partition(" < ")[0] for line in lines}
    assert said >= {
        "eye_specular failed: RuntimeError",
        "blendshapes could not be mapped: KeyError",
        "moire failed: RuntimeError",
        "gan_texture could not be drawn: RuntimeError",
        "Request failed.: ValueError",
        "Request failed.: LookupError",
        "unexpected KeyError",
    }
    problems = {line["problem"] for line in lines if line["message"] == "refusal"}
    assert problems >= {"internal-error", "node-unavailable", "clip-format-unsupported"}
    locator = FaceLocator()
    locator.load()
    face = locator.locate(astronaut).bundle
    assert face is not None
    searched = secrets(portrait, selfie, scene.clip, face)
    for picture in drawn.json()["pictures"]:
        name = f"{picture['signal']} {picture['name']}"
        if picture["kind"] == "image":
            data = base64.b64decode(picture["png"])
            middle = len(data) // 2
            searched[f"base64 of {name}"] = picture["png"][-64:-32].encode()
            searched[f"bytes of {name}"] = data[middle : middle + 24]
            searched[f"repr of {name}"] = repr(data[middle : middle + 24])[2:-1].encode()
        elif len(picture["y"]) > 20:
            searched[f"points of {name}"] = str(picture["y"][10:12])[1:-1].encode()
    told = f"{face.landmarks.tolist()} {portrait!r} {SUBJECT} {NAME}".encode()
    assert len(leaks({"a log that tells": told}, searched)) > 100

    check_trace(collector.spans(), failing.json()["session_id"])
    files["the traces"] = json.dumps([body for _, _, body in collector.posts]).encode()
    assert leaks(files, searched) == []
