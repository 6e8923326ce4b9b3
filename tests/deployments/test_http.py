from __future__ import annotations

import base64
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from verdicts import verdict_with

from deployments.http import create_api
from deployments.memory import Memory
from deployments.pictures import DOCUMENT, FACE, Gallery
from deployments.problems import Problem
from deployments.settings import MemorySettings, Settings
from detectors.contracts import Status
from fusion.answers import DocumentAnswer, Wanted
from fusion.pictures import Shown, ShownImage
from fusion.policy import Policy, load_policy
from fusion.verdict import DocumentFindings, Verdict
from media.capture import Capture, Channel

PIXELS = "pixels-of-a-face"


class Service:
    """Stands for the graph: keeps what it was asked, answers the same."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.asked: tuple[Capture, str | None, float] | None = None
        self.failure: Exception | None = None
        self.full = False
        self.drawn: list[str] = []
        self.undrawable: set[str] = set()
        self.document_asked: tuple[bytes, Channel, Wanted, float] | None = None

    @contextmanager
    def admit(self) -> Iterator[None]:
        if self.full:
            raise Problem(503, "overloaded", "Every replica is busy.", retry_after=1)
        yield

    async def verify(
        self,
        capture: Capture,
        subject: str | None,
        deadline_s: float,
        gallery: Gallery | None = None,
    ) -> Verdict:
        self.asked = (capture, subject, deadline_s)
        if self.failure:
            raise self.failure
        if gallery is not None:
            gallery.begin(DOCUMENT, self.draw("document_moire"))
            gallery.begin(FACE, self.draw("eye_specular"))
        return verdict_with()

    async def draw(self, signal: str) -> tuple[Shown, ...]:
        self.drawn.append(signal)
        if signal in self.undrawable:
            raise RuntimeError(PIXELS)
        return (ShownImage(signal, "seen", "What was seen", b"\x89PNG" + PIXELS.encode()),)

    async def document(
        self, data: bytes, channel: Channel, wanted: Wanted, deadline_s: float
    ) -> DocumentAnswer:
        self.document_asked = (data, channel, wanted, deadline_s)
        findings = DocumentFindings(Status.OK, score=0.9, passed=True)
        return DocumentAnswer(
            findings,
            {"mrz": {"surname": "ERIKSSON"}} if wanted.fields else None,
            {"moire": b"\x89PNG"} if wanted.heatmaps else None,
        )

    async def policy(self) -> Policy:
        if self.failure:
            raise self.failure
        return load_policy("faithful")


@pytest.fixture
def service(tmp_path: Path) -> Service:
    url = f"sqlite:///{tmp_path}/sessions.db"
    return Service(Memory(MemorySettings(), {"PALISADE_STORE": url}))


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    api = create_api(service, Settings(max_body_bytes=2**20))
    with TestClient(api, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:palisade:problem:{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body


def file(content: bytes = b"x") -> tuple[str, bytes]:
    return ("upload.bin", content)


def test_a_capture_reaches_the_service_whole(client: TestClient, service: Service) -> None:
    metadata = {"subject": "applicant-1", "channel": "browser", "requested": ["clip"]}
    response = client.post(
        "/v1/verify",
        files={"selfie": file(b"face"), "clip": file(b"film"), "document": file(b"card")},
        data={"metadata": json.dumps(metadata)},
        headers={"Palisade-Deadline-Ms": "2500"},
    )
    assert response.status_code == 200
    assert service.asked is not None
    capture, subject, deadline_s = service.asked
    assert capture == Capture(
        selfie=b"face",
        clip=b"film",
        document=b"card",
        channel="browser",
        requested=frozenset({"clip"}),
    )
    assert subject == "applicant-1"
    assert 1.8 < deadline_s <= 2.25  # of 2.5 s, with the time to record the verdict left out


def test_stills_come_with_their_times(client: TestClient, service: Service) -> None:
    response = client.post(
        "/v1/verify",
        files=[("selfie", file()), ("frames", file(b"1")), ("frames", file(b"2"))],
        data={"metadata": '{"frame_times": [0.0, 0.033]}'},
    )
    assert response.status_code == 200
    assert service.asked is not None
    assert service.asked[0].stills == (b"1", b"2")
    assert service.asked[0].still_times == (0.0, 0.033)


@pytest.mark.parametrize(
    ("files", "data", "status", "code"),
    [
        ([("clip", file())], {}, 422, "missing-part"),
        ([("selfie", file()), ("selfie", file())], {}, 422, "duplicate-part"),
        ([("selfie", file()), ("selfi", file())], {}, 422, "unknown-part"),
        ([("clip", file())], {"selfie": "text"}, 422, "part-not-a-file"),
        ([("selfie", file()), ("metadata", file(b"{}"))], {}, 422, "part-not-a-field"),
        ([("selfie", file())], {"metadata": "{"}, 422, "invalid-metadata"),
        ([("selfie", file())], {"metadata": "[]"}, 422, "invalid-metadata"),
        ([("selfie", file())], {"metadata": '{"subjct": "x"}'}, 422, "invalid-metadata"),
        ([("selfie", file())], {"metadata": '{"subject": ""}'}, 422, "invalid-metadata"),
        ([("selfie", file())], {"metadata": '{"channel": "fax"}'}, 422, "invalid-metadata"),
        ([("selfie", file())], {"metadata": '{"frame_times": [NaN]}'}, 422, "invalid-metadata"),
        ([("selfie", file())], {"metadata": '{"frame_times": [0]}'}, 422, "frame-times-mismatch"),
        ([("selfie", file()), ("frames", file())], {}, 422, "frame-times-mismatch"),
        (
            [("selfie", file()), ("frames", file()), ("clip", file())],
            {"metadata": '{"frame_times": [0]}'},
            422,
            "conflicting-parts",
        ),
        ([("selfie", file(b"x" * 2**21))], {}, 413, "body-too-large"),
    ],
)
def test_a_wrong_form_is_refused_by_name(
    client: TestClient, service: Service, files: Any, data: Any, status: int, code: str
) -> None:
    assert_problem(client.post("/v1/verify", files=files, data=data), status, code)
    assert service.asked is None


def test_metadata_values_are_not_echoed(client: TestClient) -> None:
    response = client.post(
        "/v1/verify", files={"selfie": file()}, data={"metadata": '{"subject": 4711471147}'}
    )
    assert "4711471147" not in response.text


@pytest.mark.parametrize(
    ("headers", "content", "status", "code"),
    [
        ({"content-type": "application/json"}, b"{}", 415, "unsupported-media-type"),
        ({}, b"", 415, "unsupported-media-type"),
        ({"content-type": "multipart/form-data"}, b"x", 400, "malformed-multipart"),
        (
            {"content-type": "multipart/form-data; boundary=b"},
            b"--b\r\nbroken",
            422,
            "missing-part",
        ),
    ],
)
def test_a_body_that_is_no_form(
    client: TestClient, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    assert_problem(client.post("/v1/verify", headers=headers, content=content), status, code)


def test_no_upload_touches_the_disk(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with TestClient(create_api(service, Settings())) as client:
        response = client.post("/v1/verify", files={"selfie": file(b"x" * 2**22)})
    assert response.status_code == 200
    assert service.asked is not None
    assert len(service.asked[0].selfie) == 2**22


def test_a_body_of_unstated_length_is_cut_off_at_the_limit(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="selfie"; filename="f"\r\n\r\n'
        for _ in range(64):
            yield b"x" * 65536

    response = client.post(
        "/v1/verify",
        content=endless(),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert_problem(response, 413, "body-too-large")


@pytest.mark.parametrize("deadline", ["0", "-5", "50", "350", "3600000", "soon", "1e3", ""])
def test_a_deadline_that_makes_no_sense(client: TestClient, deadline: str) -> None:
    response = client.post(
        "/v1/verify", files={"selfie": file()}, headers={"Palisade-Deadline-Ms": deadline}
    )
    assert_problem(response, 422, "invalid-request")


def test_a_full_graph_says_when_to_come_back(client: TestClient, service: Service) -> None:
    service.full = True
    response = client.post("/v1/verify", content=b"not even read")
    assert_problem(response, 503, "overloaded")
    assert response.headers["retry-after"] == "1"


def test_a_fault_of_ours_is_a_problem_that_tells_nothing(
    client: TestClient, service: Service
) -> None:
    service.failure = RuntimeError("secret")
    response = client.post("/v1/verify", files={"selfie": file()})
    assert_problem(response, 500, "internal-error")
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/v1/nothing", 404, "not-found"), ("GET", "/v1/verify", 405, "method-not-allowed")],
)
def test_the_frameworks_own_errors_are_problems_too(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    assert_problem(client.request(method, path), status, code)


def test_the_policy_is_shown_with_its_digest(client: TestClient) -> None:
    answer = client.get("/v1/policy").json()
    assert answer["sha256"] == load_policy("faithful").sha256
    assert load_policy(answer["policy"]) == load_policy("faithful")


def test_probes(client: TestClient, service: Service) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    service.failure = Problem(503, "node-unavailable", "Fusion does not answer.", retry_after=2)
    assert client.get("/healthz").status_code == 200
    assert_problem(client.get("/readyz"), 503, "node-unavailable")


def test_the_documentation_page_needs_no_other_origin(client: TestClient) -> None:
    page = client.get("/docs").text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) >= 3
    for asset in assets:
        assert asset.startswith("/")
        assert client.get(asset).status_code == 200


def test_people_get_the_console_and_its_policy_stops_there(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "Palisade</title>" in page.text
    assert "content-security-policy" in page.headers
    for path in ("/docs", "/openapi.json", "/healthz"):
        assert "content-security-policy" not in client.get(path).headers
    assert not {"/", "/console/{name}"} & set(client.get("/openapi.json").json()["paths"])


def test_openapi_documents_the_form_the_errors_and_an_example(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/v1/verify"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"selfie", "clip", "frames", "document", "metadata"}
    assert {"200", "409", "410", "413", "415", "422", "503"} <= set(operation["responses"])
    example = operation["responses"]["200"]["content"]["application/json"]["example"]
    # FastAPI leaves out what is null in an example.
    assert set(Verdict.__slots__) - set(example) == {"document"}
    assert {p["name"] for p in operation["parameters"]} == {
        "pictures",
        "Palisade-Deadline-Ms",
        "Idempotency-Key",
    }


def test_openapi_documents_both_answers(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    answers = document["paths"]["/v1/verify"]["post"]["responses"]["200"]
    schema = answers["content"]["application/json"]["schema"]
    assert {option["$ref"].rpartition("/")[2] for option in schema["anyOf"]} == {
        "Verdict",
        "Illustrated",
        "CoarseVerdict",
    }
    pictures = document["components"]["schemas"]["Illustrated"]["properties"]["pictures"]
    assert set(pictures["items"]["discriminator"]["mapping"]) == {"plot", "image"}


def test_a_document_alone_reaches_the_service(client: TestClient, service: Service) -> None:
    response = client.post(
        "/v1/documents",
        files={"document": file(b"card")},
        data={"metadata": '{"channel": "browser"}'},
        headers={"Palisade-Deadline-Ms": "2500"},
    )
    assert response.status_code == 200, response.text
    assert service.document_asked == (b"card", "browser", Wanted(False, False), 2.5)
    answer = response.json()
    assert answer["findings"]["score"] == 0.9
    assert (answer["sides"], answer["heatmaps"]) == (None, None)


def test_what_a_document_says_and_shows_comes_on_request_only(client: TestClient) -> None:
    answer = client.post(
        "/v1/documents?fields=true&heatmaps=true", files={"document": file(b"card")}
    ).json()
    assert answer["sides"] == {"mrz": {"surname": "ERIKSSON"}}
    assert base64.b64decode(answer["heatmaps"]["moire"]) == b"\x89PNG"


def test_a_document_alone_is_not_remembered(client: TestClient, service: Service) -> None:
    response = client.post("/v1/documents", files={"document": file(b"card")})
    assert "palisade-record" not in response.headers
    assert client.get("/v1/sessions").json()["sessions"] == []


@pytest.mark.parametrize(
    ("files", "data", "code"),
    [
        ([("selfie", file())], {}, "unknown-part"),
        ([("metadata", file())], {}, "part-not-a-field"),
        ([("document", file()), ("document", file())], {}, "duplicate-part"),
        ([("document", file())], {"metadata": '{"subject": "x"}'}, "invalid-metadata"),
    ],
)
def test_a_wrong_form_of_a_document_is_refused_by_name(
    client: TestClient, service: Service, files: Any, data: Any, code: str
) -> None:
    assert_problem(client.post("/v1/documents", files=files, data=data), 422, code)
    assert service.document_asked is None


def test_a_document_alone_must_be_there(client: TestClient) -> None:
    response = client.post("/v1/documents", files={"metadata": (None, "{}")})
    assert_problem(response, 422, "missing-part")
    assert_problem(client.post("/v1/documents", json={}), 415, "unsupported-media-type")


def test_a_full_graph_refuses_a_document_too(client: TestClient, service: Service) -> None:
    service.full = True
    assert_problem(client.post("/v1/documents", files={"document": file()}), 503, "overloaded")


def test_pictures_come_beside_the_verdict_that_is_on_record(
    client: TestClient, service: Service
) -> None:
    response = client.post("/v1/verify?pictures=true", files={"selfie": file()})
    assert response.status_code == 200, response.text
    answer = response.json()
    assert set(answer) == {"verdict", "pictures"}
    stored = client.get(f"/v1/sessions/{answer['verdict']['session_id']}").content
    assert response.content.startswith(b'{"verdict":' + stored + b',"pictures":[')
    assert PIXELS.encode() not in stored
    # The face's come first, whichever is drawn first.
    assert service.drawn == ["document_moire", "eye_specular"]
    assert [p["signal"] for p in answer["pictures"]] == ["eye_specular", "document_moire"]
    assert base64.b64decode(answer["pictures"][0]["png"]) == b"\x89PNG" + PIXELS.encode()
    assert response.headers["palisade-record"] == "stored"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("query", ["", "?pictures=false"])
def test_nothing_is_drawn_unasked(client: TestClient, service: Service, query: str) -> None:
    response = client.post(f"/v1/verify{query}", files={"selfie": file()})
    assert set(response.json()) == set(Verdict.__slots__)
    assert "cache-control" not in response.headers
    assert service.drawn == []


def test_a_replay_has_no_pictures(client: TestClient, service: Service) -> None:
    key = {"Idempotency-Key": '"a-key"'}
    first, second = (
        client.post("/v1/verify?pictures=true", files={"selfie": file()}, headers=key)
        for _ in range(2)
    )
    assert len(first.json()["pictures"]) == 2
    assert second.json() == {"verdict": first.json()["verdict"], "pictures": []}
    assert second.headers["idempotency-replayed"] == "true"
    bare = client.post("/v1/verify", files={"selfie": file()}, headers=key)
    assert bare.json() == first.json()["verdict"]
    assert len(service.drawn) == 2


def test_a_picture_that_fails_costs_itself_and_says_nothing(
    client: TestClient, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.undrawable = {"eye_specular"}
    answer = client.post("/v1/verify?pictures=true", files={"selfie": file()}).json()
    assert [p["signal"] for p in answer["pictures"]] == ["document_moire"]
    assert "pictures were lost: RuntimeError" in caplog.text
    assert PIXELS not in caplog.text


def test_a_refusal_is_the_same_with_pictures(client: TestClient, service: Service) -> None:
    service.failure = Problem(503, "node-unavailable", "Fusion does not answer.", retry_after=2)
    response = client.post("/v1/verify?pictures=true", files={"selfie": file()})
    assert_problem(response, 503, "node-unavailable")
    response = client.post("/v1/verify?pictures=maybe", files={"selfie": file()})
    assert_problem(response, 422, "invalid-request")
