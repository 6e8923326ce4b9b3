from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from demo import scenes
from fusion.policy import load_policy
from media.capture import Capture
from media.clips import first_frame
from offline.results import schema
from offline.scoring import Scorer
from pipeline import Pipeline

POLICY = load_policy("faithful")


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(POLICY, str(tmp_path_factory.mktemp("archive")))


def row(**own: str) -> dict[str, str]:
    return {"row_id": "0", "label": "live", "kind": "phone", "subject": "s1", **own}


def measured(record: dict[str, Any]) -> Any:
    signals = [(s["name"], s["status"], s["score"], s["measures"]) for s in record["signals"]]
    return record["score"], record["decision"], record["weights"], signals


def test_a_row_has_what_the_pipeline_says_exactly(score: Scorer, tmp_path: Path) -> None:
    scene = list(scenes())[-1]
    assert scene.clip is not None
    (tmp_path / "face.jpg").write_bytes(scene.selfie)
    (tmp_path / "turn.mp4").write_bytes(scene.clip)
    scored = score(row(path=f"{tmp_path}/face.jpg", clip=f"{tmp_path}/turn.mp4", note="kept"))
    verdict = Pipeline(POLICY).verify(Capture(scene.selfie, scene.clip), "s1")
    assert measured(json.loads(scored["verdict"])) == measured(json.loads(verdict.to_json()))
    assert scored["score"] == verdict.score
    assert scored["weights"] == verdict.weights
    for signal in verdict.signals:
        assert scored[f"status_{signal.name}"] == signal.status
        assert scored[f"score_{signal.name}"] == signal.score
        assert scored[f"measures_{signal.name}"] == signal.measures
        assert scored[f"reasons_{signal.name}"] == list(signal.reasons)
    assert scored["sha256"] == hashlib.sha256(scene.selfie).hexdigest()
    assert scored["bytes"] == len(scene.selfie)
    assert scored["note"] == "kept"
    assert scored["policy_sha256"] == POLICY.sha256
    assert scored.keys() <= set(schema(["path", "clip", "label", "kind", "subject", "note"]).names)


def test_a_clip_in_place_of_an_image_brings_its_first_frame(score: Scorer, tmp_path: Path) -> None:
    clip = list(scenes())[-1].clip
    assert clip is not None
    (tmp_path / "turn.mp4").write_bytes(clip)
    scored = score(row(path=f"{tmp_path}/turn.mp4"))
    verdict = Pipeline(POLICY).verify(Capture(first_frame(clip), clip))
    assert scored["score"] == verdict.score
    assert scored["status_rppg"] == "ok"


def test_a_document_is_part_of_the_capture(score: Scorer, selfie: bytes, tmp_path: Path) -> None:
    (tmp_path / "face.jpg").write_bytes(selfie)
    (tmp_path / "id.pdf").write_bytes(b"%PDF-1.7")
    path = f"{tmp_path}/face.jpg"
    scored = score(row(path=path, document=path))
    document = json.loads(scored["verdict"])["document"]
    assert scored["document_score"] == document["score"]
    assert scored["document_reasons"] == document["reasons"]
    for check in document["checks"]:
        assert scored[f"status_document_{check['name']}"] == check["status"]
        assert scored[f"score_document_{check['name']}"] == check["score"]
    assert scored.keys() <= set(schema(["path", "document", "label", "kind", "subject"]).names)
    refused = score(row(path=path, document=f"{tmp_path}/id.pdf"))
    assert (refused["error"], refused["error_part"]) == ("image-format-unsupported", "document")
    assert "decision" not in refused


def _wide() -> bytes:
    file = io.BytesIO()
    Image.new("L", (6000, 6000)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "file-missing"),
        (b"", "image-empty"),
        (b"\xff\xd8\xff\xe0 half a face", "image-truncated"),
        (b"not pixels", "image-format-unsupported"),
        (b"\xff\xd8\xff" + bytes(11 * 2**20), "image-too-large"),
        (b"\0\0\0\x18ftypisom" + bytes(60), "clip-undecodable"),
        (_wide(), "image-too-many-pixels"),
    ],
)
def test_a_bad_file_is_a_row_with_a_reason(
    score: Scorer, content: bytes | None, code: str, tmp_path: Path
) -> None:
    file = tmp_path / "face.jpg"
    if content is not None:
        file.write_bytes(content)
    scored = score(row(path=str(file)))
    assert (scored["error"], scored["error_part"]) == (code, "selfie")
    assert scored["error_detail"]
    assert scored["path"] == str(file)
    assert "verdict" not in scored


def test_a_row_that_names_no_file_is_told(score: Scorer) -> None:
    assert score(row(path=""))["error"] == "file-missing"
    assert score(row(path="."))["error"] == "file-unreadable"
