from __future__ import annotations

from pathlib import Path

import pytest

from k8s.errors import KubernetesError
from k8s.settings import Settings, read_settings


def test_a_file_and_overrides_change_what_they_name_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("cpu: {max: 9}\nclients: [web]\n")
    settings = read_settings(file, ("cpu.min=3", "redis.address=redis.data:6379"))
    assert (settings.cpu.min, settings.cpu.max, settings.cpu.cpus) == (3, 9, Settings().cpu.cpus)
    assert settings.clients == ("web",)
    assert settings.redis.address == "redis.data:6379"
    assert settings.redis.password == Settings().redis.password


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("cpu.maximum=3", "cpu.maximum"),
        ("imagee=x", "imagee"),
        ("cpu.min=9", "min is above max"),
        ("cpu.object_store_gib=7", "more than half"),
        ("available=2", "drained"),
        ("namespace=Upper", "namespace"),
        ("name=" + "a" * 48, "name"),
        ("user=0", "user"),
        ("store.at={cidr: 10.0.0.0/8, namespace: db, port: 5432}", "address range"),
        ("scaling.Face={min: 3, max: 2, target: 1}", "min is above max"),
        ("cpu", "key=value"),
        ("image.tag=1", "image"),
        ("cpu.max=[", "YAML"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(override: str, says: str) -> None:
    with pytest.raises(KubernetesError, match=says) as error:
        read_settings(None, (override,))
    assert "\n" not in str(error.value)


def test_an_override_below_a_plain_value_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("image: palisade:1\n")
    with pytest.raises(KubernetesError, match="image has no parts"):
        read_settings(file, ("image.tag=1",))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(KubernetesError, match="No such file"):
        read_settings(tmp_path / "absent.yaml")
