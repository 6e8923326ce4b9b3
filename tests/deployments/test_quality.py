from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from verdicts import verdict_with

from deployments.http import create_api
from deployments.memory import Memory
from deployments.problems import Problem
from deployments.quality import EXAMPLE, QualityFailed
from deployments.settings import MemorySettings, Settings
from fusion.policy import load_policy
from fusion.quality import Assessment, QualityResult, result
from fusion.verdict import Verdict
from media.capture import Capture
from media.errors import MediaError

BAD = {"face_px": 50.0, "brightness": 30.12, "blur_variance": 120.75, "face_coverage": 0.05}
REFUSAL = Assessment(False, 18.0, {"blur": 42.0, "brightness": 18.0}, ("low_brightness", "blur"))


class Service:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.failure: Exception | None = None
        self.asked: tuple[bytes, float] | None = None
        self.captures: list[Capture] = []
        self.full = False

    @contextmanager
    def admit(self) -> Iterator[None]:
        if self.full:
            raise Problem(503, "overloaded", "Every replica is busy.", retry_after=1)
        yield

    async def quality(self, selfie: bytes, deadline_s: float) -> QualityResult:
        self.asked = (selfie, deadline_s)
        if self.failure:
            raise self.failure
        return result(load_policy("faithful").quality, BAD, (90, 70, 140, 120))

    async def verify(self, capture: Capture, subject: str | None, deadline_s: float) -> Verdict:
        self.captures.append(capture)
        if capture.gate:
            raise QualityFailed(REFUSAL)
        return verdict_with()


@pytest.fixture
def service(tmp_path: Path) -> Service:
    url = f"sqlite:///{tmp_path}/sessions.db"
    return Service(Memory(MemorySettings(), {"PALISADE_STORE": url}))


@pytest.fixture
def client(service: Any) -> Iterator[TestClient]:
    with TestClient(create_api(service, Settings()), raise_server_exceptions=False) as client:
        yield client


def face(content: bytes = b"face") -> tuple[str, bytes]:
    return ("face.jpg", content)


def test_the_answer_is_the_references_result_object(client: TestClient, service: Service) -> None:
    response = client.post("/v1/quality", files={"file": face()})
    assert response.status_code == 200, response.text
    assert service.asked == (b"face", 20.0)
    answer = response.json()
    assert answer["is_valid"] is False
    assert answer["scores"]["brightness"] == 30.12
    assert answer["reasons"] == ["Bad lighting", "Image blurry", "Face too small/far"]
    assert answer["face_bbox"] == [90, 70, 50, 50]
    assert set(answer) == set(EXAMPLE)
    for name, value in EXAMPLE["components"].items():
        assert answer["components"][name] == pytest.approx(value, abs=0.06)
    assert answer["score"] == min(answer["components"].values())


def test_a_selfie_alone_is_not_remembered(client: TestClient) -> None:
    response = client.post("/v1/quality", files={"file": face()})
    assert "palisade-record" not in response.headers
    assert client.get("/v1/sessions").json()["sessions"] == []


@pytest.mark.parametrize(
    ("files", "data", "status", "code"),
    [
        ([("selfie", face())], {}, 422, "unknown-part"),
        ([("file", face()), ("file", face())], {}, 422, "duplicate-part"),
        ([("file", face())], {"metadata": "{}"}, 422, "unknown-part"),
        ([], {"file": "text"}, 415, "unsupported-media-type"),
        ([("other", face())], {"file": "text"}, 422, "unknown-part"),
    ],
)
def test_a_wrong_form_is_refused_by_name(
    client: TestClient, service: Service, files: Any, data: Any, status: int, code: str
) -> None:
    response = client.post("/v1/quality", files=files, data=data)
    assert response.status_code == status, response.text
    assert response.json()["type"] == f"urn:palisade:problem:{code}"
    assert service.asked is None


def test_a_file_that_is_no_image_is_a_problem_with_its_code(
    client: TestClient, service: Service
) -> None:
    service.failure = Problem.of_media(MediaError("image-empty", "The image has no bytes.", "file"))
    response = client.post("/v1/quality", files={"file": face(b"")})
    assert response.status_code == 422
    assert response.json()["type"] == "urn:palisade:problem:image-empty"
    assert response.json()["part"] == "file"


def test_a_full_graph_says_when_to_come_back(client: TestClient, service: Service) -> None:
    service.full = True
    response = client.post("/v1/quality", files={"file": face()})
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"


def test_the_gate_is_asked_for_in_the_metadata_and_answers_with_a_problem(
    client: TestClient, service: Service
) -> None:
    response = client.post(
        "/v1/verify", files={"selfie": face()}, data={"metadata": '{"gate": true}'}
    )
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == "urn:palisade:problem:quality-failed"
    assert body["part"] == "selfie"
    assert body["reasons"] == ["low_brightness", "blur"]
    assert body["scores"] == {"brightness": 0.18, "blur": 0.42}
    assert client.get("/v1/sessions").json()["sessions"] == []
    assert service.captures[-1].gate


def test_without_it_every_selfie_is_verified(client: TestClient, service: Service) -> None:
    for metadata in ("{}", '{"gate": false}'):
        response = client.post("/v1/verify", files={"selfie": face()}, data={"metadata": metadata})
        assert response.status_code == 200
        assert not service.captures[-1].gate
    response = client.post(
        "/v1/verify", files={"selfie": face()}, data={"metadata": '{"gate": "perhaps"}'}
    )
    assert response.json()["type"] == "urn:palisade:problem:invalid-metadata"


def test_a_key_of_a_refused_selfie_is_free_for_a_better_one(
    client: TestClient, service: Service
) -> None:
    key = {"Idempotency-Key": "k"}
    first = client.post(
        "/v1/verify",
        files={"selfie": face(b"dark")},
        data={"metadata": '{"gate": true}'},
        headers=key,
    )
    assert first.status_code == 422
    second = client.post("/v1/verify", files={"selfie": face(b"light")}, headers=key)
    assert second.status_code == 200


def test_openapi_documents_the_form_and_the_answer(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/v1/quality"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"file"}
    assert {"200", "400", "413", "415", "422", "503"} <= set(operation["responses"])
    shown = operation["responses"]["200"]["content"]["application/json"]
    assert shown["example"] == EXAMPLE
    assert "QualityResult" in shown["schema"]["$ref"]
    refusal = document["paths"]["/v1/verify"]["post"]["responses"]["422"]["description"]
    assert "quality-failed" in refusal
