from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from detectors.registry import DETECTORS
from fusion.policy import SHIPPED, Policy, PolicyError, load_policy


@pytest.fixture
def raw() -> dict[str, Any]:
    """The faithful policy in full, as plain data."""
    return load_policy("faithful").model_dump(mode="json")


def test_the_faithful_policy_is_the_reference() -> None:
    policy = load_policy("faithful")
    assert policy.threshold == 0.40
    assert policy.enforcement.enforce is False
    assert policy.enforcement.percent == 100


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)
def test_the_faithful_policy_maps_as_the_reference_does(detector: Any) -> None:
    entry = load_policy("faithful").signal(detector.name)
    assert entry is not None
    assert entry.mapping == detector.mapping()


def test_the_faithful_policy_weighs_components_as_the_reference_does() -> None:
    policy = load_policy("faithful")
    weights = {
        name: {
            parameter.removesuffix("_weight"): value
            for parameter, value in asdict(entry.mapping).items()
            if parameter.endswith("_weight") and value
        }
        for name in policy.weights
        if (entry := policy.signal(name))
    }
    assert weights == {
        "eye_specular": {"presence": 0.35, "symmetry": 0.25, "area": 0.20, "brightness": 0.20},
        "blendshapes": {"active": 0.30, "energy": 0.30, "blink": 0.15, "diversity": 0.25},
        "gan_texture": {"smoothness": 0.40, "peaks": 0.35, "high_frequency": 0.25},
        "depth": {"range": 0.40, "protrusion": 0.35, "smoothness": 0.25},
        "rppg": {"snr": 0.70, "plausibility": 0.30},
    }


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_survives_being_shown_and_read_again(name: str, tmp_path: Path) -> None:
    policy = load_policy(name)
    file = tmp_path / "shown.yaml"
    file.write_text(yaml.safe_dump(policy.model_dump(mode="json")))
    assert load_policy(file) == policy
    assert load_policy(str(file)).sha256 == policy.sha256


def test_the_references_environment_names_override_any_policy() -> None:
    policy = load_policy(
        "hardened",
        {
            "ANTI_SPOOFING_THRESHOLD": "0.55",
            "ANTI_SPOOFING_ENFORCE": "true",
            "ANTI_SPOOFING_ENFORCE_PERCENT": "10",
        },
    )
    assert policy.threshold == 0.55
    assert policy.enforcement.enforce is True
    assert policy.enforcement.percent == 10


def test_an_override_changes_the_digest_and_an_empty_one_is_none() -> None:
    plain = load_policy("faithful").sha256
    assert load_policy("faithful", {"ANTI_SPOOFING_THRESHOLD": ""}).sha256 == plain
    assert load_policy("faithful", {"ANTI_SPOOFING_THRESHOLD": "0.41"}).sha256 != plain


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ANTI_SPOOFING_THRESHOLD", "high"),
        ("ANTI_SPOOFING_THRESHOLD", "1.5"),
        ("ANTI_SPOOFING_THRESHOLD", "nan"),
        ("ANTI_SPOOFING_ENFORCE", "perhaps"),
        ("ANTI_SPOOFING_ENFORCE_PERCENT", "101"),
        ("ANTI_SPOOFING_ENFORCE_PERCENT", "-1"),
    ],
)
def test_a_bad_override_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(PolicyError, match=variable):
        load_policy("faithful", {variable: value})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("treshold",), 0.4),
        (("threshold",), -0.1),
        (("threshold",), "high"),
        (("coverage", "minimun"), 0.5),
        (("coverage", "quorum"), 0),
        (("coverage", "quorum"), 6),
        (("enforcement", "percent"), 120),
        (("review_on",), ["bad_hair"]),
        (("coverage", "required"), ["phrenology"]),
        (("liveness", "threshold"), 1.5),
        (("signals", "liveness", "mapping", "mean"), "median"),
        (("signals", "phrenology"), {"weight": 1.0}),
        (("signals", "rppg", "weight"), -1),
        (("signals", "rppg", "veto_below"), 2),
        (("signals", "rppg", "mapping", "unknown_parameter"), 1.0),
        (("version",), 0),
        (("name",), ""),
    ],
)
def test_a_wrong_key_or_value_is_named(
    raw: dict[str, Any], path: tuple[str, ...], value: Any
) -> None:
    inner = raw
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(PolicyError, match=path[-1]):
        load_policy(raw)


def test_a_policy_that_counts_nothing_is_refused(raw: dict[str, Any]) -> None:
    raw["signals"] = {"rppg": {"weight": 0.0}}
    with pytest.raises(PolicyError, match="weight above 0"):
        load_policy(raw)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"a: [", "not YAML"), (b"- 1\n- 2", "mapping"), (b"", "mapping"), (b"\xff\xfe\x00", "UTF-8")],
)
def test_a_file_that_is_no_policy_is_refused(content: bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_bytes(content)
    with pytest.raises(PolicyError, match=says):
        load_policy(file)


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="No such file") as caught:
        load_policy(tmp_path / "absent.yaml")
    assert "\n" not in str(caught.value)


def test_a_policy_cannot_be_changed_in_place() -> None:
    policy: Policy = load_policy("faithful")
    with pytest.raises(Exception, match="frozen"):
        policy.threshold = 0.9
