"""The command as users run it: a process, its output and its exit code."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import two_logits
import yaml
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

import cli
import doctor
from detectors.registry import DETECTORS
from docfraud.registry import SENSORS
from fusion.policy import load_policy
from fusion.verdict import Verdict
from models import manifest, store


def palisade(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "160", **environment},
    )


def assert_one_line_error(result: subprocess.CompletedProcess[str], says: str) -> None:
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert result.stderr.startswith("palisade: ")
    assert says in result.stderr


@pytest.fixture(scope="module")
def selfie(astronaut: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faces") / "face.jpg"
    Image.fromarray(astronaut).save(path, quality=92)
    return path


def test_verify_prints_exactly_one_verdict_as_json(selfie: Path) -> None:
    result = palisade("verify", "--selfie", selfie, "--json", "--policy", "hardened")
    assert result.returncode == 0, result.stderr
    record = json.loads(result.stdout)
    assert set(record) == set(Verdict.__slots__)
    assert record["policy"]["name"] == "hardened"
    assert result.stderr == ""


def test_verify_draws_every_signal_for_people(selfie: Path) -> None:
    result = palisade("verify", "--selfie", selfie)
    assert result.returncode == 0, result.stderr
    for detector in DETECTORS:
        assert detector.name in result.stdout
    assert "threshold 0.40" in result.stdout
    assert "face.jpg" in result.stdout


def test_verify_draws_what_every_signal_saw(selfie: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "seen"
    result = palisade("verify", "--selfie", selfie, "--pictures", folder)
    assert result.returncode == 0, result.stderr
    for name in ("eye_specular_left_eye.png", "gan_texture_radial_spectrum.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
        assert name in result.stdout


def test_pictures_that_cannot_be_written_are_one_line(selfie: Path) -> None:
    result = palisade("verify", "--selfie", selfie, "--pictures", "/dev/null/seen")
    assert_one_line_error(result, "/dev/null")


def test_document_prints_findings_as_json(selfie: Path) -> None:
    result = palisade("document", selfie, "--json", "--policy", "hardened")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert {check["name"] for check in answer["findings"]["checks"]} == {s.name for s in SENSORS}
    assert answer["heatmaps"] is None
    assert result.stderr == ""


def test_document_draws_every_check_for_people(selfie: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "seen"
    result = palisade("document", selfie, "--heatmaps", folder)
    assert result.returncode == 0, result.stderr
    for sensor in SENSORS:
        assert sensor.name in result.stdout
    assert (folder / "moire.png").read_bytes().startswith(b"\x89PNG")
    assert "moire.png" in result.stdout


def test_a_poor_selfie_is_refused_in_one_line_where_the_gate_is_asked_for(selfie: Path) -> None:
    """The astronaut's face covers 4% of the frame; the reference asks for a tenth."""
    gated = palisade("verify", "--selfie", selfie, "--gate", "--json")
    assert_one_line_error(gated, "the selfie is refused: face_too_small")
    record = json.loads(palisade("verify", "--selfie", selfie, "--no-gate", "--json").stdout)
    assert record["face"]["assessment"]["reasons"] == ["face_too_small"]


def test_quality_prints_the_references_result_object(selfie: Path, tmp_path: Path) -> None:
    result = palisade("quality", selfie, "--json")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["is_valid"] is False
    assert answer["reasons"] == ["Face too small/far"]
    assert len(answer["face_bbox"]) == 4
    drawn = palisade("quality", selfie, "--policy", "hardened")
    assert drawn.returncode == 0, drawn.stderr
    for said in ("NOT GOOD", "Face too small/far", "sharpness", "light_ratio="):
        assert said in drawn.stdout
    assert_one_line_error(palisade("quality", tmp_path / "absent.jpg"), "No such file")


def test_calibrations_errors_are_one_line(tmp_path: Path) -> None:
    result = palisade("calibrate", "quality", "--good", tmp_path, "--out", tmp_path / "out")
    assert_one_line_error(result, "has no JPEG")
    assert not (tmp_path / "out").exists()


def test_a_document_that_is_no_image_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "id.pdf"
    file.write_bytes(b"%PDF-1.7")
    assert_one_line_error(palisade("document", file), "JPEG, PNG or WebP")
    assert_one_line_error(palisade("document", tmp_path / "absent.jpg"), "No such file")


def test_heatmaps_that_cannot_be_written_are_one_line(selfie: Path) -> None:
    result = palisade("document", selfie, "--heatmaps", "/dev/null/seen")
    assert_one_line_error(result, "/dev/null")


def test_the_references_environment_names_reach_the_verdict(selfie: Path) -> None:
    result = palisade(
        "verify",
        "--selfie",
        selfie,
        "--json",
        ANTI_SPOOFING_THRESHOLD="0.99",
        ANTI_SPOOFING_ENFORCE="true",
        ANTI_SPOOFING_ENFORCE_PERCENT="100",
    )
    record = json.loads(result.stdout)
    assert record["threshold"] == 0.99
    assert record["enforced"] is True
    assert record["decision"] == "reject"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no bytes"),
        (b"%PDF-1.7", "JPEG, PNG or WebP"),
        (b"\xff\xd8\xff\xe0 truncated", "image-"),
    ],
)
def test_a_file_that_is_no_image_is_one_line(content: bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / "face.jpg"
    file.write_bytes(content)
    assert_one_line_error(palisade("verify", "--selfie", file, "--json"), says)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    result = palisade("verify", "--selfie", tmp_path / "absent.jpg")
    assert_one_line_error(result, "No such file")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("policy", "check", "absent.yaml"), "No such file"),
        (("policy", "show", "unknown"), "faithful, hardened"),
        (("models", "fetch", "unknown"), "face_landmarker"),
        (("models", "fetch", "minifasnet_v2se"), "PALISADE_ACCEPT_RESEARCH_LICENCES=1"),
        (("serve", "--profile", "absent.yaml"), "No such file"),
        (("serve", "--policy", "absent.yaml"), "No such file"),
        (("sessions", "delete"), "delete needs"),
    ],
)
def test_what_the_user_can_put_right_is_one_line(arguments: tuple[str, ...], says: str) -> None:
    assert_one_line_error(palisade(*arguments), says)


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert_one_line_error(palisade("serve", "--port", str(port)), "choose another --port")


def test_a_store_that_cannot_be_is_told_before_anything_starts() -> None:
    result = palisade("serve", PALISADE_STORE="mysql://user:s3cret@host/palisade")
    assert_one_line_error(result, "use sqlite:///… or postgresql://…")
    assert "s3cret" not in result.stderr


def test_a_bad_override_is_named(selfie: Path) -> None:
    result = palisade("verify", "--selfie", selfie, ANTI_SPOOFING_THRESHOLD="high")
    assert_one_line_error(result, "ANTI_SPOOFING_THRESHOLD")


def test_a_shown_policy_can_be_checked_again(tmp_path: Path) -> None:
    shown = palisade("policy", "show", "hardened")
    assert shown.returncode == 0, shown.stderr
    assert load_policy(yaml.safe_load(shown.stdout)) == load_policy("hardened")
    file = tmp_path / "mine.yaml"
    file.write_text(shown.stdout)
    checked = palisade("policy", "check", file)
    assert checked.returncode == 0
    assert "is valid" in checked.stdout


def test_a_calibration_that_was_changed_by_hand_is_pointed_out(tmp_path: Path) -> None:
    raw = load_policy("hardened").model_dump(mode="json")
    raw["calibration"]["intercept"] += 0.1
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(raw))
    checked = palisade("policy", "check", file)
    assert checked.returncode == 0
    assert "constants were changed after the fit" in checked.stdout


def test_a_replay_without_sessions_is_one_line(tmp_path: Path) -> None:
    empty = tmp_path / "none.jsonl"
    empty.write_text("")
    result = palisade("policy", "replay", empty, "--policy", "hardened")
    assert_one_line_error(result, "no recorded sessions")


def test_an_override_is_pointed_out(tmp_path: Path) -> None:
    shown = palisade("policy", "show", ANTI_SPOOFING_THRESHOLD="0.5").stdout
    assert "overridden by the environment: ANTI_SPOOFING_THRESHOLD" in shown
    assert yaml.safe_load(shown)["threshold"] == 0.5


def test_without_weights_the_doctor_says_how_to_get_them(tmp_path: Path) -> None:
    result = palisade("doctor", PALISADE_MODELS=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert result.returncode == 0, result.stderr
    said = " ".join(result.stdout.split())  # the table folds its lines
    assert "blendshapes from a distilled one; run `palisade models fetch face_landmarker`" in said
    assert "palisade models fetch minifasnet_v2" in result.stdout
    assert "PALISADE_ACCEPT_RESEARCH_LICENCES=1 accepts its terms" in result.stdout


@pytest.mark.parametrize("signal", ["liveness", "deepfake"])
def test_the_doctor_looks_for_the_models_that_were_chosen(
    signal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    variable = f"PALISADE_{signal.upper()}_MODEL"

    def found() -> doctor.Finding:
        (finding,) = [one for one in doctor.findings() if one.what == signal]
        return finding

    monkeypatch.setenv(variable, "ours")
    assert found().state == "missing"
    assert variable in found().says
    made = two_logits.install(name="ours")
    assert found() == doctor.Finding(signal, "ok", f"{made.path}, by {variable}")
    made.path.write_bytes(b"damaged")
    assert found().state == "missing"
    assert "not the file of its card" in found().says


def test_an_own_model_may_be_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.onnx"
    monkeypatch.setenv("PALISADE_LIVENESS_MODEL", str(own))
    for state in ("missing", "ok"):
        (finding,) = [one for one in doctor.findings() if one.what == "liveness"]
        assert finding.state == state
        assert str(own) in finding.says
        own.touch()


def test_terms_of_research_are_passed_over_when_everything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []

    def fetch(name: str, on_progress: Any) -> Path:
        fetched.append(name)
        return tmp_path / name

    monkeypatch.setattr(store, "fetch", fetch)
    monkeypatch.delenv(store.ACCEPT_RESEARCH, raising=False)
    result = CliRunner().invoke(cli.app, ["models", "fetch"])
    assert result.exit_code == 0, result.output
    assert "minifasnet_v2se: passed over" in result.output
    assert set(fetched) == manifest.models().keys() - {"minifasnet_v2se"}
    monkeypatch.setenv(store.ACCEPT_RESEARCH, "1")
    assert CliRunner().invoke(cli.app, ["models", "fetch"]).exit_code == 0
    assert "minifasnet_v2se" in fetched


def test_the_doctor_looks_at_the_store_and_hides_its_password() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        url = f"postgresql://user:s3cret@127.0.0.1:{port}/palisade"
        result = palisade("doctor", PALISADE_STORE=url)
    assert result.returncode == 0, result.stderr
    assert f"postgresql+psycopg://user:***@127.0.0.1:{port}/palisade" in result.stdout
    assert "s3cret" not in result.stdout + result.stderr


def test_the_doctor_says_whether_the_door_is_open(tmp_path: Path) -> None:
    places = {"PALISADE_STORE": f"sqlite:///{tmp_path}/s.db", "COLUMNS": "200"}
    assert "is open to this machine" in palisade("doctor", **places).stdout
    assert palisade("sessions", "migrate", **places).returncode == 0
    made = palisade("keys", "create", "page", "--scope", "operator", **places)
    assert made.returncode == 0, made.stderr
    assert "1 of 1 open the door" in palisade("doctor", **places).stdout
    assert palisade("keys", "revoke", made.stdout.split("_")[1], **places).returncode == 0
    assert "a graph answers nobody" in palisade("doctor", **places).stdout


def test_a_damaged_weight_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "face_landmarker.task").write_bytes(b"damaged")
    places = {"PALISADE_MODELS": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    result = palisade("models", "verify", **places)
    assert result.returncode == 1
    assert "face_landmarker: mismatch" in result.stdout
    assert "mismatch" in palisade("models", "list", **places).stdout


def test_a_policy_file_is_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, deployed = tmp_path / "mine.yaml", []

    def write(threshold: object, at: int) -> None:
        raw = load_policy("faithful").model_dump(mode="json") | {"threshold": threshold}
        path.write_text(yaml.safe_dump(raw))
        os.utime(path, ns=(at, at))

    write(0.4, at=1)
    file = cli.PolicyFile(path, lambda: deployed.append(load_policy(path).threshold))
    file.check()
    assert deployed == []

    write(0.5, at=2)
    file.check()
    file.check()
    assert deployed == [0.5]
    assert "policy changed: faithful" in capsys.readouterr().out

    write("high", at=3)
    file.check()
    path.unlink()
    file.check()
    assert deployed == [0.5]
    assert "policy not changed" in capsys.readouterr().err

    write(0.6, at=4)
    file.check()
    assert deployed == [0.5, 0.6]


def test_the_version_is_told() -> None:
    assert palisade("--version").stdout.startswith("palisade 0.")


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("verify",),
        ("serve",),
        ("batch",),
        ("sessions",),
        ("sessions", "list"),
        ("keys", "create"),
        ("demo",),
        ("doctor",),
        ("models", "fetch"),
        ("policy", "check"),
        ("policy", "replay"),
        ("calibrate", "fusion"),
    ],
)
def test_help_teaches(command: tuple[str, ...]) -> None:
    result = palisade(*command, "--help")
    assert result.returncode == 0
    assert "Usage" in result.stdout


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    cli._not_installed.cache_clear()
    yield
    cli._not_installed.cache_clear()


def nodes() -> set[str]:
    (application,) = cli._serve_schema("cpu", None, None).applications
    return {node.name for node in application.deployments}


@pytest.mark.usefixtures("no_weights")
def test_a_node_without_weights_is_left_out_until_the_next_start() -> None:
    assert "deepfake" not in nodes()
    assert {"depth", "liveness"} <= nodes()
    two_logits.install()
    assert "deepfake" not in nodes(), "a change of the policy restarts nothing"
    cli._not_installed.cache_clear()
    assert "deepfake" in nodes()


@pytest.mark.usefixtures("no_weights")
def test_a_cluster_has_every_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://somewhere:10001")
    assert "deepfake" in nodes()
