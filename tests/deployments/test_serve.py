"""The real graph on a real Ray Serve, asked over HTTP."""

from __future__ import annotations

import concurrent.futures
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import PIL.Image
import pytest
import ray
from media_corpus import clip, encode, uploads
from pydantic import TypeAdapter
from serving import Graph, peak_memory, replicas
from sqlalchemy import delete

import graph
from deployments.settings import Settings
from detectors.contracts import Status
from fusion.liveness import LivenessOpinion
from fusion.pictures import Illustrated
from fusion.policy import load_policy
from fusion.quality import QualityRefused, result
from fusion.verdict import Verdict
from media.capture import Capture
from pipeline import DocumentPipeline, Pipeline
from sessions.api_keys import new_key
from sessions.keyring import Keyring
from sessions.schema import api_keys
from sessions.store import Store
from sessions.url import store_url

pytestmark = [pytest.mark.serve, pytest.mark.timeout(600)]


def scores(record: dict[str, Any]) -> dict[str, Any]:
    return {s["name"]: (s["status"], s["score"], s["measures"]) for s in record["signals"]}


@pytest.fixture(scope="module")
def pipeline(network: None) -> Pipeline:
    """The same detectors under the same policy, in this process."""
    return Pipeline(load_policy("faithful"))


def test_a_real_face_gets_a_verdict(served: Graph, selfie: bytes) -> None:
    response = served.verify(selfie=selfie)
    assert response.status_code == 200, response.text
    record = response.json()
    assert set(record) == set(Verdict.__slots__)
    assert {s["name"] for s in record["signals"]} == {d.name for d in graph.DETECTORS}
    assert record["decision"] in ("accept", "review")
    assert record["score"] is not None


def test_a_verdict_is_on_record_and_a_key_gets_the_same_one_again(
    served: Graph, selfie: bytes
) -> None:
    key = {"Idempotency-Key": '"a-key-of-this-test"'}
    first = served.verify(key, selfie=selfie)
    assert first.headers["palisade-record"] == "stored"
    assert served.verify(key, selfie=selfie).content == first.content
    path = f"/v1/sessions/{first.json()['session_id']}"
    assert served.client.get(path).content == first.content
    assert served.client.delete(path).status_code == 204
    assert served.client.get(path).status_code == 410


def test_on_loopback_the_door_is_open_until_a_key_is_made(served: Graph, selfie: bytes) -> None:
    def me(**headers: str) -> Any:
        return served.client.get("/v1/me", headers=headers).json()

    def wait_until_open_is(state: bool) -> None:
        give_up = time.monotonic() + 30
        while me()["open"] is not state:
            assert time.monotonic() < give_up
            time.sleep(0.2)

    wait_until_open_is(True)
    assert me(**{"X-Forwarded-For": "203.0.113.9"}) == {"scope": None, "open": False}
    key, token = new_key("page", "applicant", 60, datetime.now(UTC))
    with closing(Store(store_url(os.environ))) as store:
        Keyring(store).add(key)
        try:
            wait_until_open_is(False)
            assert served.verify(selfie=selfie).status_code == 401
            told = served.verify({"Authorization": f"Bearer {token}"}, selfie=selfie)
            assert told.status_code == 200, told.text
            assert set(told.json()) == {"session_id", "decision", "reasons", "created_at"}
            assert "palisade-record" not in told.headers
        finally:  # as no operator can: other tests need the door
            store.run(lambda connection: connection.execute(delete(api_keys)))
            wait_until_open_is(True)


def test_in_process_and_served_scores_are_identical(served: Graph, pipeline: Pipeline) -> None:
    from demo import scenes

    for scene in scenes():
        parts = {"selfie": scene.selfie} | ({"clip": scene.clip} if scene.clip else {})
        online = served.verify(**parts).json()
        local = json.loads(pipeline.verify(Capture(scene.selfie, scene.clip)).to_json())
        assert scores(online) == scores(local)
        assert online["score"] == local["score"]
        assert online["weights"] == local["weights"]


def test_no_replica_carries_pandas(served: Graph) -> None:
    carried = {
        name: "/pandas/" in Path(f"/proc/{pid}/maps").read_text()
        for name in graph.NODES
        for pid in replicas(name)
    }
    assert carried == dict.fromkeys(graph.NODES, False)


def test_pictures_are_those_that_are_drawn_in_process(
    served: Graph, pipeline: Pipeline, selfie: bytes
) -> None:
    from demo import scenes

    *_, moving = scenes()
    assert moving.clip is not None
    parts = {"selfie": selfie, "clip": moving.clip, "document": selfie}
    files = {name: (f"{name}.bin", content) for name, content in parts.items()}
    response = served.client.post("/v1/verify?pictures=true", files=files)
    assert response.status_code == 200, response.text
    answer = TypeAdapter(Illustrated).validate_json(response.content)
    _, local = pipeline.illustrate(Capture(**parts))
    assert answer.pictures == local
    assert {"eye_specular", "document_moire", "document_ela"} <= {p.signal for p in local}

    stored = served.client.get(f"/v1/sessions/{answer.verdict.session_id}").content
    assert response.content.startswith(b'{"verdict":' + stored + b',"pictures":[')
    assert len(response.content) < 400_000


def test_a_selfie_is_as_good_served_as_in_process(
    served: Graph, pipeline: Pipeline, selfie: bytes
) -> None:
    response = served.client.post("/v1/quality", files={"file": ("face.jpg", selfie)})
    assert response.status_code == 200, response.text
    looked = pipeline.look(selfie)
    local = result(load_policy("faithful").quality, looked.quality, looked.box)
    assert response.json() == json.loads(local.to_json())
    broken = served.client.post("/v1/quality", files={"file": ("face.jpg", b"no image")})
    assert broken.status_code == 415
    assert broken.json()["part"] == "file"


def test_the_gate_refuses_a_poor_selfie_before_its_clip_is_decoded(
    served: Graph, pipeline: Pipeline, selfie: bytes
) -> None:
    """The face covers 4% of the frame, and the clip is none."""
    files = {"selfie": ("face.jpg", selfie), "clip": ("clip.mp4", b"no film")}
    gated = served.client.post("/v1/verify", files=files, data={"metadata": '{"gate": true}'})
    assert gated.status_code == 422, gated.text
    assert gated.json()["type"] == "urn:palisade:problem:quality-failed"
    assert gated.json()["reasons"] == ["face_too_small"]
    with pytest.raises(QualityRefused) as caught:
        pipeline.verify(Capture(selfie, clip=b"no film", gate=True))
    assert gated.json()["scores"] == caught.value.assessment.failed_scores()
    ungated = served.client.post("/v1/verify", files=files)
    assert ungated.json()["type"] == "urn:palisade:problem:clip-format-unsupported"


def test_a_document_alone_and_beside_a_face_is_found_to_be_the_same(
    served: Graph, selfie: bytes
) -> None:
    beside = served.verify(selfie=selfie, document=selfie).json()["document"]
    local = json.loads(DocumentPipeline(load_policy("faithful"))(selfie).to_json())["findings"]
    response = served.client.post(
        "/v1/documents?heatmaps=true", files={"document": ("card.jpg", selfie)}
    )
    assert response.status_code == 200, response.text
    alone = response.json()
    for findings in (beside, alone["findings"]):
        assert findings["score"] == local["score"]
        assert findings["comparisons"] == local["comparisons"]
        for served_check, local_check in zip(findings["checks"], local["checks"], strict=True):
            assert served_check["measures"] == local_check["measures"], served_check["name"]
    # The third has a picture only where there is a thumbnail.
    assert set(alone["heatmaps"]) == {"moire", "ela"}


def test_a_still_image_alone_is_judged_in_the_references_words(
    served: Graph, pipeline: Pipeline, selfie: bytes
) -> None:
    def ask(image: bytes, query: str = "") -> httpx2.Response:
        return served.client.post(f"/v1/liveness{query}", files={"file": ("f.jpg", image)})

    local = pipeline.liveness(selfie, checks=False)
    assert isinstance(local, LivenessOpinion)
    response = ask(selfie, "?enable_checks=false")
    if local.signal.score is None:  # no weights on this machine
        assert response.status_code == 503, response.text
        assert "palisade models fetch minifasnet_v2" in response.json()["detail"]
    else:
        assert response.status_code == 200, response.text
        answer = response.json()
        assert answer["status"] == "SUCCESS"
        assert answer["liveness_score"] == 1 - local.signal.score
        assert answer["is_live"] is (local.signal.score >= 0.5)
        assert response.headers["palisade-model"].endswith(f"sha256={local.signal.model}")
    noise = ask(b"not an image")
    assert (noise.status_code, noise.json()["part"]) == (415, "file")
    checked = ask(selfie).json()  # the face fills a twentieth of this photograph
    assert (checked["status"], checked["reasons"]) == ("QUALITY_FAILED", ["face_too_small"])


def test_a_photograph_or_a_clip_alone_is_asked_about_deepfakes(
    served: Graph, pipeline: Pipeline, selfie: bytes
) -> None:
    def ask(file: bytes) -> httpx2.Response:
        return served.client.post("/v1/deepfake", files={"file": ("f.bin", file)})

    local = pipeline.deepfake(selfie)
    response = ask(selfie)
    if local.signals[0].status is Status.UNAVAILABLE:  # no face detector on this machine
        assert response.status_code == 503, response.text
        assert "palisade models fetch yunet" in response.json()["detail"]
        return
    assert response.status_code == 200, response.text
    answer = response.json()
    assert local.vote is not None
    assert answer["real_confidence"] == local.vote.real
    assert answer["face_detector"] == local.face_detector
    assert response.headers["palisade-model"].endswith(f"sha256={local.signals[0].model}")
    noise = ask(b"not an image")
    assert (noise.status_code, noise.json()["part"]) == (415, "file")
    wall = ask(encode(PIL.Image.new("RGB", (200, 200))))
    assert (wall.status_code, wall.json()["type"]) == (422, "urn:palisade:problem:no-face")
    blank = ask(clip(frames=12))
    assert (blank.status_code, blank.json()["type"]) == (422, "urn:palisade:problem:too-few-faces")
    assert "0 of 10 frames" in blank.json()["detail"]


def test_hostile_uploads_are_refused_by_name_and_break_nothing(
    served: Graph, selfie: bytes
) -> None:
    for upload in uploads():
        response = served.verify(**{"selfie": selfie, upload.part: upload.data})
        if upload.code is None:
            assert response.status_code == 200, (upload.name, response.text)
            continue
        assert 400 <= response.status_code < 500, (upload.name, response.text)
        assert response.headers["content-type"] == "application/problem+json", upload.name
        problem = response.json()
        assert problem["type"] == f"urn:palisade:problem:{upload.code}", upload.name
        assert problem["part"] == upload.part, upload.name
    assert sum(upload.code is not None for upload in uploads()) >= 60
    assert served.verify(selfie=selfie).status_code == 200
    # The largest image that is allowed has 25 megapixels, 75 MB as RGB.
    assert max(peak_memory(pid) for pid in replicas("Face")) < 1.5 * 2**30


def test_the_policy_changes_while_requests_run(served: Graph, selfie: bytes) -> None:
    before = served.client.get("/v1/policy").json()["policy"]
    allowed = {load_policy(before).sha256}
    strict = deepcopy(before)
    strict["version"] += 1
    strict["threshold"] = 1.0
    strict["enforcement"] = {"enforce": True, "percent": 100}

    stop = threading.Event()

    def keep_asking() -> list[dict[str, Any]]:
        records = []
        while not stop.is_set():
            response = served.verify(selfie=selfie)
            assert response.status_code == 200, response.text
            records.append(response.json())
        return records

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(keep_asking) for _ in range(3)]
        try:
            time.sleep(1.0)
            allowed.add(served.change_policy(strict))
            time.sleep(1.0)
        finally:
            stop.set()
        answers = [record for future in asking for record in future.result()]
    assert {record["policy"]["sha256"] for record in answers} == allowed
    for record in answers:
        strictly = record["policy"]["version"] == strict["version"]
        # Threshold and enforcement always belong to the policy that is named.
        assert record["threshold"] == (1.0 if strictly else before["threshold"])
        assert record["enforced"] is strictly
        assert record["decision"] == "reject" if strictly else record["decision"] != "reject"
    served.change_policy(before)


def test_a_deadline_that_is_too_short_still_gets_a_verdict(served: Graph, selfie: bytes) -> None:
    started = time.monotonic()
    response = served.verify(
        {"Palisade-Deadline-Ms": str(Settings().reserve_ms + 1)}, selfie=selfie
    )
    assert time.monotonic() - started < 5
    if response.status_code == 503:  # not even fusion came in time
        assert "retry-after" in response.headers
        return
    record = response.json()
    assert {s["status"] for s in record["signals"]} <= {"late", "ok", "unavailable"}
    if any(s["status"] == "late" for s in record["signals"]):
        assert record["decision"] == "review"


def test_a_client_that_leaves_in_the_middle_harms_nobody(served: Graph, selfie: bytes) -> None:
    host, port = served.client.base_url.host, served.client.base_url.port
    for cut in (10, 400, 5000):
        with socket.create_connection((host, port or 80)) as connection:
            head = (
                b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
            )
            connection.sendall((head + b"x" * 9000)[:cut])
    assert served.verify(selfie=selfie).status_code == 200


def test_a_stranger_cannot_join_the_cluster(served: Graph, tmp_path: Path) -> None:
    address = ray.get_runtime_context().gcs_address
    joining = subprocess.run(
        [sys.executable, "-c", f"import ray; ray.init(address={address!r}); print('joined')"],
        env={
            **os.environ,
            "HOME": str(tmp_path),
            "RAY_AUTH_MODE": "disabled",
            "RAY_NUM_REDIS_GET_RETRIES": "1",  # refused is refused, and by default it asks for 20 s
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert joining.returncode != 0
    assert "joined" not in joining.stdout
    assert "AuthenticationError" in joining.stderr


def test_the_door_is_open_to_this_machine_only(served: Graph) -> None:
    assert served.client.base_url.host == "127.0.0.1"
    with socket.socket() as probe:
        outside = socket.gethostbyname(socket.gethostname())
        if outside.startswith("127."):
            outside = "127.0.0.2"
        assert probe.connect_ex((outside, served.client.base_url.port or 80)) != 0
