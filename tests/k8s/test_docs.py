"""What docs/KUBERNETES.md tells people to write and to type."""

from __future__ import annotations

import re
from pathlib import Path

from k8s.manifests import secrets
from k8s.settings import Settings, read_settings

PAGE = (Path(__file__).parents[2] / "docs" / "KUBERNETES.md").read_text()


def test_the_example_of_settings_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "palisade.yaml"
    file.write_text(example)
    assert read_settings(file).cpu.max == 10


def test_the_commands_for_the_secrets_are_those_that_render_prints() -> None:
    assert all(command in PAGE for command in secrets(Settings()))
