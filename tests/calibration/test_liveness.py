from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import single_logit
import yaml
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from calibration.commands import app
from calibration.errors import CalibrationError
from calibration.liveness import Calibration, Settings, Shot, calibrate, fragment
from calibration.liveness_plot import histogram
from detectors.contracts import Measurement, Status
from detectors.liveness import Liveness
from detectors.liveness_own import OWN_MODEL
from fusion.policy import Policy, load_policy

EXACT = Settings(percentile=0.0, margin=0.0)


def shot(z: float, live: bool = True, subject: str = "a", **more: float) -> Shot:
    return Shot(live, subject, Measurement({"v2_2_7": z, "v1se_4_0": z, **more}))


def silent(live: bool) -> Shot:
    return Shot(live, "x", Measurement({"v2_2_7": 0.0}, Status.ABSTAINED, ("crop_too_tight",)))


def calibrated(shots: list[Shot], settings: Settings = EXACT, **changes: object) -> Calibration:
    raw = load_policy("hardened").model_dump(mode="json")
    raw["liveness"] = {"threshold": 0.5, **changes}
    return calibrate(load_policy(raw), shots, settings)


def test_the_lowest_live_face_just_passes() -> None:
    found = calibrated([shot(-1.2), shot(0.5), shot(3.0), shot(-4.0, live=False), shot(0.0, False)])
    assert (found.field, found.before, found.after) == ("shift", 2.0, -1.2)
    assert found.stopped(found.live, found.after).value == 0
    assert found.stopped(found.live, found.before).value == pytest.approx(2 / 3)
    assert found.stopped(found.attacks, found.after).value == 0.5
    assert (found.silent_live, found.silent_attacks) == (0, 0)


def test_percentile_and_margin() -> None:
    live = [shot(float(z)) for z in range(101)]
    assert calibrated(live, Settings(percentile=10.0, margin=0.0)).after == 10.0
    assert calibrated(live, Settings(percentile=10.0, margin=0.5)).after == -10.0


def test_the_line_is_at_the_policys_own_threshold() -> None:
    found = calibrated([shot(1.0), shot(2.0)], threshold=0.8)
    assert found.after == pytest.approx(1.0 - np.log(4), abs=0.01)
    assert found.stopped(found.live, found.after).value == 0


def test_silence_is_counted_and_people_are() -> None:
    shots = [shot(1.0, subject="a"), shot(2.0, subject="b"), silent(True), silent(False)]
    found = calibrated(shots)
    assert (len(found.live), found.silent_live, found.silent_attacks, found.people) == (2, 1, 1, 2)


def test_the_fragment_makes_a_policy_that_draws_the_proposed_line() -> None:
    found = calibrated([shot(-1.0), shot(2.0), shot(-3.0, live=False)])
    text = fragment(found, "camera.csv", b"path,label")
    assert "2 live faces of 1 people and 1 attacks" in text
    assert "Live faces stopped: 0.000 [0.000, 0.842]" in text
    section = yaml.safe_load(text)
    raw = load_policy("hardened").model_dump(mode="json")
    raw["signals"] |= section["signals"]
    policy = load_policy(raw)
    mapping = policy.signal("liveness").mapping  # type: ignore[union-attr]
    assert mapping.shift == -1.0
    for z, passes in ((-1.0, True), (-1.1, False)):
        score = Liveness.score({"v2_2_7": z, "v1se_4_0": z}, mapping)
        assert (score.value >= policy.liveness.threshold) is passes


def test_the_plot_is_drawn_without_attacks_too() -> None:
    for shots in ([shot(1.0), shot(2.0)], [shot(1.0), shot(2.0), shot(-3.0, live=False)]):
        assert histogram(calibrated(shots)).startswith(b"\x89PNG")


@pytest.mark.parametrize("policy", ["faithful", "none"])
def test_a_policy_without_a_shift_is_refused(policy: str) -> None:
    raw = load_policy("faithful").model_dump(mode="json")
    if policy == "none":
        raw["signals"]["liveness"] = None
    base: Policy = load_policy(raw)
    with pytest.raises(CalibrationError, match="no shift" if policy == "faithful" else "not know"):
        calibrate(base, [shot(1.0)], EXACT)


def test_without_a_live_face_there_is_nothing_to_go_by() -> None:
    with pytest.raises(CalibrationError, match="none of the live faces"):
        calibrated([silent(True), shot(1.0, live=False)])


# The command.


@pytest.fixture
def manifest(astronaut: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Live faces that are dark and attacks that are bright, for a model that minds the light."""
    own = single_logit.write(tmp_path / "own.onnx", (1.0, 0.0, 0.0))
    monkeypatch.setenv(OWN_MODEL, str(own))
    rows = ["path,label,kind,subject"]
    for index, gain in enumerate((0.5, 0.55, 0.6, 1.0)):
        name = f"{index}.png"
        Image.fromarray((astronaut * gain).astype(np.uint8)).save(tmp_path / name)
        rows.append(f"{name},{'attack' if gain == 1.0 else 'live'},,{index}")
    (tmp_path / "broken.png").write_bytes(b"no image")
    rows.append("broken.png,live,,9")
    path = tmp_path / "camera.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["liveness", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_manifest_becomes_an_entry(manifest: Path, tmp_path: Path) -> None:
    printed = run(manifest, "--out", tmp_path / "out", "--jobs", 1)
    assert "3 live faces are few" in printed
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "liveness.png",
        "liveness.yaml",
    ]
    text = (tmp_path / "out/liveness.yaml").read_text()
    assert "3 live faces of 3 people and 1 attacks" in text
    entry = yaml.safe_load(text)["signals"]["liveness"]
    assert entry["mapping"]["own_shift"] < 3
    assert entry["mapping"]["shift"] == 2.0


def test_what_cannot_be_calibrated_leaves_nothing(manifest: Path, tmp_path: Path) -> None:
    only = tmp_path / "attacks.csv"
    only.write_text("path,label,kind,subject\n3.png,attack,,3\n")
    with pytest.raises(CalibrationError, match="none of its images is of a live face"):
        run(only, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
