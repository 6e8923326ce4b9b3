from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from PIL import Image
from poor_faces import blurred, exposed, turned

from deployments import liveness, one_signal, problems
from deployments.multipart import BodyLimit
from deployments.problems import Problem
from deployments.settings import Settings
from detectors.contracts import Status
from fusion.liveness import LivenessOpinion, Unfit
from fusion.policy import load_policy
from fusion.verdict import Signal
from models import manifest
from pipeline import Pipeline

V2, V1SE = (manifest.models()[name].sha256 for name in ("minifasnet_v2", "minifasnet_v1se"))


def judged(score: float | None, threshold: float = 0.5, **signal: Any) -> LivenessOpinion:
    status = Status.OK if score is not None else Status.ERROR
    made = Signal(**{"name": "liveness", "status": status, "score": score} | signal)
    return LivenessOpinion(made, threshold)


class Service:
    """Stands for the graph: keeps what it was asked, answers what it is told to."""

    def __init__(self) -> None:
        self.answer: LivenessOpinion | Unfit = judged(0.88, model=f"{V2}+{V1SE}")
        self.asked: tuple[bytes, bool, float] | None = None
        self.full = False

    @contextmanager
    def admit(self) -> Iterator[None]:
        if self.full:
            raise Problem(503, "overloaded", "Every replica is busy.", retry_after=1)
        yield

    async def liveness(
        self, image: bytes, checks: bool, deadline_s: float
    ) -> LivenessOpinion | Unfit:
        self.asked = (image, checks, deadline_s)
        return self.answer


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    api = FastAPI()
    api.add_middleware(BodyLimit, limit=2**20)
    problems.install(api)
    liveness.install(api, service, Settings())
    with TestClient(api) as client:
        yield client


def ask(client: TestClient, query: str = "", **headers: str) -> Any:
    files = {"file": ("face.jpg", b"face")}
    return client.post(f"/v1/liveness{query}", files=files, headers=headers)


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:palisade:problem:{code}"
    return body


def test_the_references_documented_success(client: TestClient) -> None:
    response = ask(client)
    assert response.status_code == 200
    answer = response.json()
    assert answer["status"] == "SUCCESS"
    assert answer["is_live"] is True
    assert answer["liveness_score"] == pytest.approx(0.12)
    assert answer["confidence"] == pytest.approx(0.88)
    assert list(answer) == ["status", "is_live", "liveness_score", "confidence"]


def test_the_references_documented_failure(client: TestClient, service: Service) -> None:
    service.answer = Unfit(("blur", "low_brightness"), {"blur": 0.42, "brightness": 0.18})
    response = ask(client)
    assert response.status_code == 200
    assert response.json() == {
        "status": "QUALITY_FAILED",
        "reasons": ["blur", "low_brightness"],
        "scores": {"blur": 0.42, "brightness": 0.18},
    }
    assert one_signal.MODEL_HEADER not in response.headers


@pytest.mark.parametrize(
    ("score", "threshold", "is_live", "confidence"),
    [
        (0.5, 0.5, True, 0.5),
        (0.49, 0.5, False, 0.51),
        (0.0, 0.5, False, 1.0),
        (1.0, 0.5, True, 1.0),
        (0.7, 0.8, False, 0.3),  # of the answer that is given, likely or not
        (0.2, 0.1, True, 0.2),
    ],
)
def test_a_score_of_ours_is_turned_into_a_probability_of_a_spoof(
    client: TestClient,
    service: Service,
    score: float,
    threshold: float,
    is_live: bool,
    confidence: float,
) -> None:
    service.answer = judged(score, threshold)
    answer = ask(client).json()
    assert answer["is_live"] is is_live
    assert answer["liveness_score"] == pytest.approx(1 - score)
    assert answer["confidence"] == pytest.approx(confidence)


def test_the_headers_say_which_model_answered(client: TestClient, service: Service) -> None:
    header = ask(client).headers["Palisade-Model"]
    assert header == f"minifasnet_v2+minifasnet_v1se; sha256={V2}+{V1SE}"
    service.answer = judged(0.9, model="ab" * 32)
    assert ask(client).headers["Palisade-Model"] == f"own; sha256={'ab' * 32}"


@pytest.mark.parametrize(
    ("query", "checks"),
    [("", True), ("?enable_checks=true", True), ("?enable_checks=false", False)],
)
def test_what_was_asked_reaches_the_service(
    client: TestClient, service: Service, query: str, checks: bool
) -> None:
    assert ask(client, query, **{"Palisade-Deadline-Ms": "2500"}).status_code == 200
    assert service.asked == (b"face", checks, 2.5)


def test_without_a_model_the_answer_names_the_command(client: TestClient, service: Service) -> None:
    service.answer = judged(None, status=Status.UNAVAILABLE, reasons=("weights_missing",))
    problem = assert_problem(ask(client), 503, "model-unavailable")
    assert "palisade models fetch minifasnet_v2 minifasnet_v1se" in problem["detail"]
    assert "weights_missing" in problem["detail"]


@pytest.mark.parametrize("reason", ["no_face", "face_too_small"])
def test_without_checks_there_must_be_a_face_all_the_same(
    client: TestClient, service: Service, reason: str
) -> None:
    service.answer = judged(None, status=Status.UNAVAILABLE, reasons=(reason,))
    problem = assert_problem(ask(client, "?enable_checks=false"), 422, "no-face")
    assert reason in problem["detail"]
    assert problem["part"] == "file"


def test_what_the_networks_cannot_judge(client: TestClient, service: Service) -> None:
    service.answer = judged(
        None, status=Status.ABSTAINED, reasons=("crop_too_tight",), measures={"room": 1.1}
    )
    assert ask(client).json() == {
        "status": "QUALITY_FAILED",
        "reasons": ["crop_too_tight"],
        "scores": {"room": 1.1},
    }
    assert_problem(ask(client, "?enable_checks=false"), 422, "cannot-judge")


@pytest.mark.parametrize("status", [Status.ERROR, Status.LATE, Status.OVERLOADED])
def test_a_fault_is_no_answer(client: TestClient, service: Service, status: Status) -> None:
    service.answer = judged(None, status=status)
    response = ask(client)
    assert_problem(response, 503, "node-unavailable")
    assert int(response.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"files": [("file", ("a", b"x")), ("file", ("b", b"x"))]}, 422, "duplicate-part"),
        ({"files": [("image", ("a", b"x"))]}, 422, "unknown-part"),
        ({"data": {"file": "x"}, "files": [("file", ("a", b"x"))]}, 422, "duplicate-part"),
        ({"json": {}}, 415, "unsupported-media-type"),
        ({"files": [("file", ("a", b"x" * 2**21))]}, 413, "body-too-large"),
    ],
)
def test_a_wrong_form_is_refused_by_name(
    client: TestClient, service: Service, request_: Any, status: int, code: str
) -> None:
    assert_problem(client.post("/v1/liveness", **request_), status, code)
    assert service.asked is None


@pytest.mark.parametrize("query", ["?enable_checks=perhaps", "?enable_checks="])
def test_a_switch_is_on_or_off(client: TestClient, query: str) -> None:
    assert_problem(ask(client, query), 422, "invalid-request")


def test_a_full_graph_says_when_to_come_back(client: TestClient, service: Service) -> None:
    service.full = True
    response = ask(client)
    assert_problem(response, 503, "overloaded")
    assert response.headers["retry-after"] == "1"


def test_openapi_documents_both_answers(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/v1/liveness"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert (form["required"], set(form["properties"])) == (["file"], {"file"})
    assert {"200", "400", "413", "415", "422", "503"} <= set(operation["responses"])
    answer = operation["responses"]["200"]
    assert "Palisade-Model" in answer["headers"]
    schema = answer["content"]["application/json"]["schema"]
    assert set(schema["discriminator"]["mapping"]) == {"SUCCESS", "QUALITY_FAILED"}
    for example in answer["content"]["application/json"]["examples"].values():
        kind = schema["discriminator"]["mapping"][example["value"]["status"]].rsplit("/", 1)[1]
        getattr(liveness, kind).model_validate(example["value"])


# With real faces and the gate of `hardened`; tests/test_gate.py has every check of it.


class InProcess(Service):
    """The stages of the graph, in this process."""

    def __init__(self) -> None:
        super().__init__()
        self._pipeline = Pipeline(load_policy("hardened"))

    async def liveness(
        self, image: bytes, checks: bool, deadline_s: float
    ) -> LivenessOpinion | Unfit:
        return self._pipeline.liveness(image, checks)


@pytest.fixture(scope="module")
def door() -> Iterator[TestClient]:
    api = FastAPI()
    problems.install(api)
    liveness.install(api, InProcess(), Settings())
    with TestClient(api) as client:
        yield client


@pytest.fixture(scope="module")
def portrait(astronaut: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The astronaut as a selfie: 840 by 840 pixels, a face of 250."""
    cut = cv2.resize(astronaut[:280, 84:364], (840, 840), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(cut)


def sent(door: TestClient, pixels: NDArray[np.uint8], query: str = "") -> Any:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return door.post(f"/v1/liveness{query}", files={"file": ("face.png", file.getvalue())})


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda pixels: blurred(pixels, 6.0), "face_blurry"),
        (lambda pixels: exposed(pixels, 0.1), "low_brightness"),
        (lambda pixels: exposed(pixels, 2.5), "face_bright"),
        (lambda pixels: turned(pixels, 35.0), "head_tilted"),
        (lambda pixels: np.pad(pixels, ((900, 900), (900, 900), (0, 0))), "face_too_small"),
        (lambda pixels: np.full_like(pixels, 128), "no_face"),
    ],
    ids=["blurred", "dark", "bright", "rotated", "small", "none"],
)
def test_a_spoilt_face_fails_for_what_is_wrong_with_it(
    door: TestClient, portrait: NDArray[np.uint8], spoil: Any, reason: str
) -> None:
    response = sent(door, np.ascontiguousarray(spoil(portrait)))
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["status"] == "QUALITY_FAILED"
    assert reason in answer["reasons"]
    assert all(0.0 <= score <= 1.0 for score in answer["scores"].values())


@pytest.mark.weights
def test_a_good_face_is_live_with_the_weights(
    models_dir: Path, door: TestClient, portrait: NDArray[np.uint8]
) -> None:
    for query in ("", "?enable_checks=false"):
        response = sent(door, portrait, query)
        assert response.status_code == 200, response.text
        answer = response.json()
        assert (answer["status"], answer["is_live"]) == ("SUCCESS", True), answer
        assert answer["confidence"] == pytest.approx(1 - answer["liveness_score"])
    assert response.headers["Palisade-Model"].startswith("minifasnet_v2+minifasnet_v1se; ")
