from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import two_logits
from fastapi import FastAPI
from fastapi.testclient import TestClient
from media_corpus import clip, encode
from PIL import Image

from deployments import deepfake, problems
from deployments.multipart import BodyLimit
from deployments.problems import Problem
from deployments.settings import Settings
from detectors.contracts import Status
from detectors.deepfake_vote import vote
from detectors.finders import Sighting
from fusion.deepfake import DeepfakeOpinion
from fusion.policy import load_policy
from fusion.verdict import Signal
from media.errors import MediaError
from pipeline import Pipeline

DIGESTS = f"{'ab' * 32}+{'cd' * 32}"


def seen(*scores: float | Status, reasons: tuple[str, ...] = ()) -> tuple[Signal, ...]:
    """What frames answered: a score, or why there is none."""
    return tuple(
        Signal("deepfake", score, None, reasons=reasons, model=None)
        if isinstance(score, Status)
        else Signal("deepfake", Status.OK, score, model=DIGESTS)
        for score in scores
    )


def opinion(signals: tuple[Signal, ...], moving: bool = False) -> DeepfakeOpinion:
    scores = [signal.score for signal in signals if signal.score is not None]
    enough = len(scores) >= (3 if moving else 1)
    return DeepfakeOpinion(signals, moving, "yunet", vote(scores) if enough else None)


class Service:
    """Stands for the graph: keeps what it was asked, answers what it is told to."""

    def __init__(self) -> None:
        self.answer = opinion(seen(0.016))
        self.asked: tuple[bytes, float] | None = None
        self.full = False

    @contextmanager
    def admit(self) -> Iterator[None]:
        if self.full:
            raise Problem(503, "overloaded", "Every replica is busy.", retry_after=1)
        yield

    async def deepfake(self, data: bytes, deadline_s: float) -> DeepfakeOpinion:
        self.asked = (data, deadline_s)
        return self.answer


def door(service: Any) -> TestClient:
    api = FastAPI()
    api.add_middleware(BodyLimit, limit=2**20)
    problems.install(api)
    deepfake.install(api, service, Settings())  # type: ignore[arg-type]
    return TestClient(api)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with door(service) as client:
        yield client


def ask(client: TestClient, content: bytes = b"face", **headers: str) -> Any:
    return client.post("/v1/deepfake", files={"file": ("upload.bin", content)}, headers=headers)


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:palisade:problem:{code}"
    return body


def test_a_photograph(client: TestClient, service: Service) -> None:
    response = ask(client, **{"Palisade-Deadline-Ms": "4000"})
    assert response.status_code == 200, response.text
    assert response.json() == {
        "prediction": "FAKE",
        "fake_confidence": pytest.approx(0.984),
        "real_confidence": pytest.approx(0.016),
        "face_detector": "yunet",
        "clip": None,
    }
    assert response.headers["Palisade-Model"] == f"deepfake+yunet; sha256={DIGESTS}"
    assert service.asked == (b"face", 4.0)


@pytest.mark.parametrize(("score", "prediction"), [(0.5, "REAL"), (0.4999, "FAKE"), (1.0, "REAL")])
def test_the_prediction_is_what_is_more_probable(
    client: TestClient, service: Service, score: float, prediction: str
) -> None:
    service.answer = opinion(seen(score))
    assert ask(client).json()["prediction"] == prediction


def test_a_clip_says_how_its_frames_voted(client: TestClient, service: Service) -> None:
    service.answer = opinion(seen(0.9, 0.1, 0.9, 0.9, Status.ABSTAINED), moving=True)
    answer = ask(client).json()
    assert answer["prediction"] == "REAL"
    assert answer["clip"] == {
        "frames": 5,
        "frames_with_face": 4,
        "variance": pytest.approx(0.12),
        "high_variance": True,
    }


@pytest.mark.parametrize("reason", ["no_face", "face_too_small"])
def test_without_a_face_there_is_no_answer(
    client: TestClient, service: Service, reason: str
) -> None:
    service.answer = opinion(seen(Status.ABSTAINED, reasons=(reason,)))
    body = assert_problem(ask(client), 422, "no-face")
    assert reason in body["detail"]
    assert body["part"] == "file"


def test_two_faces_in_ten_frames_are_too_few(client: TestClient, service: Service) -> None:
    frames = seen(0.9, 0.8, *[Status.ABSTAINED] * 8, reasons=("no_face",))
    service.answer = opinion(frames, moving=True)
    body = assert_problem(ask(client), 422, "too-few-faces")
    assert "2 of 10 frames" in body["detail"]


def test_without_a_model_the_commands_are_named(client: TestClient, service: Service) -> None:
    service.answer = opinion(seen(Status.UNAVAILABLE, reasons=("weights_missing",)))
    body = assert_problem(ask(client), 503, "model-unavailable")
    assert "palisade models export deepfake CHECKPOINT" in body["detail"]
    assert "palisade models fetch yunet" in body["detail"]


@pytest.mark.parametrize("status", [Status.LATE, Status.ERROR, Status.OVERLOADED])
def test_a_lost_node_is_to_be_tried_again(
    client: TestClient, service: Service, status: Status
) -> None:
    service.answer = opinion(seen(status))
    response = ask(client)
    assert_problem(response, 503, "node-unavailable")
    assert response.headers["Retry-After"] == "2"


def test_a_frame_that_was_lost_costs_no_vote_where_there_are_enough(
    client: TestClient, service: Service
) -> None:
    service.answer = opinion(seen(0.9, 0.9, 0.9, Status.ERROR), moving=True)
    assert ask(client).json()["clip"]["frames_with_face"] == 3


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        ({}, 415, "unsupported-media-type"),
        ({"selfie": ("a", b"x")}, 422, "unknown-part"),
        ([("file", ("a", b"x")), ("file", ("b", b"y"))], 422, "duplicate-part"),
        ({"file": (None, "text")}, 422, "part-not-a-file"),
        ({"file": ("a", bytes(2**21))}, 413, "body-too-large"),
    ],
)
def test_a_wrong_form_is_refused(client: TestClient, files: Any, status: int, code: str) -> None:
    assert_problem(client.post("/v1/deepfake", files=files), status, code)


def test_a_full_door_does_not_read_the_body(client: TestClient, service: Service) -> None:
    service.full = True
    assert_problem(ask(client), 503, "overloaded")
    assert service.asked is None


@pytest.mark.parametrize("deadline", ["0", "x", "9999999"])
def test_an_impossible_deadline_is_refused(client: TestClient, deadline: str) -> None:
    assert_problem(ask(client, **{"Palisade-Deadline-Ms": deadline}), 422, "invalid-request")


def test_the_document_describes_both_kinds_of_answer() -> None:
    api = FastAPI()
    deepfake.install(api, Service(), Settings())  # type: ignore[arg-type]
    operation = api.openapi()["paths"]["/v1/deepfake"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert (form["required"], set(form["properties"])) == (["file"], {"file"})
    assert {"200", "400", "413", "415", "422", "503"} <= set(operation["responses"])
    answer = operation["responses"]["200"]
    assert "Palisade-Model" in answer["headers"]
    for example in answer["content"]["application/json"]["examples"].values():
        deepfake.Prediction.model_validate(example["value"])


# With the stages of the graph, in this process.


class Finder:
    name, digest = "told", "cd" * 32

    def find(self, pixels: Any, least: float, side: int) -> list[Sighting]:
        if pixels.max() < 50:
            return []
        return [Sighting((5.0, 5.0, 90.0, 60.0), 0.95)]


class InProcess(Service):
    def __init__(self) -> None:
        super().__init__()
        self._pipeline = Pipeline(load_policy("hardened"))

    async def deepfake(self, data: bytes, deadline_s: float) -> DeepfakeOpinion:
        try:
            return self._pipeline.deepfake(data)
        except MediaError as refused:
            raise Problem.of_media(refused) from None


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("detectors.deepfake.best_finder", Finder)
    return tmp_path


@pytest.fixture
def inside(store: Path) -> Iterator[TestClient]:
    two_logits.install()
    with door(InProcess()) as client:
        yield client


def flat(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (96, 70), (level, 60, 0)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(("level", "prediction"), [(250, "FAKE"), (10, "REAL")])
def test_polarity_from_the_upload_to_the_answer(
    inside: TestClient, level: int, prediction: str
) -> None:
    response = ask(inside, flat(level))
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["prediction"] == prediction
    assert answer["fake_confidence"] + answer["real_confidence"] == pytest.approx(1)
    assert answer["face_detector"] == "told"


def test_ten_frames_of_a_clip_vote(inside: TestClient) -> None:
    answer = ask(inside, clip(frames=50)).json()
    assert (answer["clip"]["frames"], answer["clip"]["frames_with_face"]) == (10, 10)
    assert not answer["clip"]["high_variance"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"neither", 415, "image-format-unsupported"),
        (b"", 422, "image-empty"),
        (encode()[:200], 422, "image-truncated"),
        (clip(frames=30)[:900], 422, "clip-truncated"),
    ],
)
def test_bytes_that_cannot_be_decoded_are_refused(
    inside: TestClient, content: bytes, status: int, code: str
) -> None:
    assert assert_problem(ask(inside, content), status, code)["part"] == "file"


def test_a_picture_without_a_face(inside: TestClient) -> None:
    file = io.BytesIO()
    Image.new("RGB", (96, 70)).save(file, "PNG")
    assert_problem(ask(inside, file.getvalue()), 422, "no-face")


def test_a_machine_without_weights(store: Path) -> None:
    with door(InProcess()) as client:
        assert_problem(ask(client, flat(250)), 503, "model-unavailable")
