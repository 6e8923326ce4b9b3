from __future__ import annotations

import importlib
import subprocess
import sys
from types import ModuleType

import pytest

from models import vision
from models.errors import ExportError


def test_without_torch_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ExportError, match=r"palisade\[cpu,train\]"):
        vision.torchvision()


def test_another_error_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> ModuleType:
        raise RuntimeError("another")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(RuntimeError, match="another"):
        vision.torchvision()


def test_it_is_imported_beside_any_torch() -> None:
    """In a process of its own, where nobody has imported it before."""
    pytest.importorskip("torch")
    code = (
        "from models.vision import torchvision; torchvision(); import torchvision.models as m; "
        "torchvision(); print(m.efficientnet_b2.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.stdout.strip() == "efficientnet_b2", done.stderr


def test_serving_needs_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['torchvision'] = None; "
        "import detectors.registry, models.commands, cli; "
        "from detectors.deepfake import predict_deepfake"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
