from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from models.checkpoints import read_weights  # noqa: E402
from models.errors import ExportError  # noqa: E402


def small() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))


WANTED = small().state_dict()


def saved(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "checkpoint.bin"
    torch.save(content, path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ExportError) as refused:
        read_weights(path, WANTED)
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    "wrap",
    [
        dict,
        lambda state: {"model_state_dict": state, "epoch": 7, "optimizer_state_dict": {"lr": 0.1}},
        lambda state: {"state_dict": state},
        lambda state: {f"module.{name}": value for name, value in state.items()},
        lambda state: {n: v for n, v in state.items() if not n.endswith("num_batches_tracked")},
    ],
    ids=["bare", "published", "lightning", "parallel", "without counters"],
)
def test_every_published_form_is_read(tmp_path: Path, wrap: Any) -> None:
    weights = read_weights(saved(tmp_path, wrap(dict(WANTED))), WANTED)
    network = small()
    torch.nn.init.zeros_(network[0].weight)
    network.load_state_dict(weights, strict=False)
    torch.testing.assert_close(network[0].weight, WANTED["0.weight"])


def test_halves_become_singles(tmp_path: Path) -> None:
    halves = {name: value.half() for name, value in WANTED.items() if value.is_floating_point()}
    weights = read_weights(saved(tmp_path, halves), WANTED)
    assert {value.dtype for value in weights.values()} == {torch.float32}


def test_another_network_is_named_by_what_it_lacks_and_has(tmp_path: Path) -> None:
    state = dict(WANTED)
    del state["0.weight"]
    assert "lacks 0.weight" in refusal(saved(tmp_path, state))
    odd = dict(WANTED) | {f"extra.{n}": WANTED["0.bias"] for n in range(5)}
    assert "also has extra.0, extra.1, extra.2 and 2 more" in refusal(saved(tmp_path, odd))


def test_another_shape_is_named(tmp_path: Path) -> None:
    state = dict(WANTED) | {"0.weight": torch.zeros(5, 3, 3, 3)}
    assert "0.weight has the shape (5, 3, 3, 3), not (4, 3, 3, 3)" in refusal(
        saved(tmp_path, state)
    )


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    state = dict(WANTED) | {"0.bias": torch.tensor([1.0, float("nan"), 0.0, 0.0])}
    assert "0.bias has values that are not finite" in refusal(saved(tmp_path, state))


@pytest.mark.parametrize("content", [{}, [], 3, {"weights": 1.0}, {"model_state_dict": {}}])
def test_what_has_no_state_dict_is_refused(tmp_path: Path, content: Any) -> None:
    assert "state dict" in refusal(saved(tmp_path, content))


class Bomb:
    """Unpickled, it would make a file."""

    def __init__(self, at: Path) -> None:
        self.at = at

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.at),)


@pytest.mark.parametrize("kind", ["zip", "legacy", "bare pickle"])
def test_code_in_a_pickle_is_not_run(tmp_path: Path, kind: str) -> None:
    at = tmp_path / "was-run"
    content = {"model_state_dict": dict(WANTED), "hook": Bomb(at)}
    path = tmp_path / "checkpoint.bin"
    if kind == "bare pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    assert "nothing in it was run" in refusal(path)
    assert not at.exists()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_truncated_weights_are_refused(tmp_path: Path, share: float) -> None:
    path = saved(tmp_path, dict(WANTED))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "no checkpoint" in refusal(path)


def test_noise_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.bin"
    for content in (b"noise", b"\x80\x02" + bytes(100), b"PK\x03\x04" + bytes(100), b"{}"):
        path.write_bytes(content)
        assert "no checkpoint" in refusal(path)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "absent.bin")
    assert "directory" in refusal(tmp_path)
