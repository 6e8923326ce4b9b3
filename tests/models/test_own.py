from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import two_logits

from models import own
from models.own import Card
from models.store import ModelUnavailable


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the models; the first one of the store."""
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path / "first"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "second"))
    return tmp_path / "first" / "own"


def register(content: bytes, name: str = "thing", **card: object) -> own.Own:
    def write(path: Path) -> Card:
        path.write_bytes(content)
        return two_logits.card(name=name, **card)

    return own.register(name, write)


def test_what_was_registered_is_found_with_its_card(folder: Path) -> None:
    made = register(b"weights", made_from="ab" * 32, parity=1e-6)
    digest = hashlib.sha256(b"weights").hexdigest()
    assert (made.card.sha256, made.card.bytes, made.card.parity) == (digest, 7, 1e-6)
    assert made.path == folder / f"thing-{digest[:12]}.onnx"
    assert made.path.read_bytes() == b"weights"
    assert own.find("thing") == made
    assert (own.names(), own.installed("thing"), own.installed("other")) == (
        ("thing",),
        True,
        False,
    )


def test_another_takes_its_place_and_leaves_nothing_behind(folder: Path) -> None:
    register(b"old")
    made = register(b"new")
    assert own.find("thing") == made
    assert {path.name for path in folder.iterdir()} == {"thing.json", made.path.name}
    assert register(b"new") == made


def test_a_failure_leaves_what_was_there(folder: Path) -> None:
    before = register(b"old")

    def full(path: Path) -> Card:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        own.register("thing", full)
    assert own.find("thing") == before
    assert {path.name for path in folder.iterdir()} == {"thing.json", before.path.name}


def test_a_kill_before_the_card_is_written_leaves_what_was_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = register(b"old")
    settle, settled = own._settle, []

    def killed(part: Path, path: Path) -> None:
        if settled:
            raise KeyboardInterrupt
        settle(part, path)
        settled.append(path)

    monkeypatch.setattr(own, "_settle", killed)
    with pytest.raises(KeyboardInterrupt):
        register(b"new")
    assert settled[0].read_bytes() == b"new"
    assert own.find("thing") == before


def test_a_setting_is_the_name_of_a_model_or_else_a_path(tmp_path: Path) -> None:
    made = register(b"weights")
    assert own.named("thing") == made.path
    assert own.named(str(tmp_path / "thing")) == tmp_path / "thing"
    made.path.unlink()
    with pytest.raises(ModelUnavailable, match="missing or not the file"):
        own.named("thing")


def test_a_model_that_is_not_here_names_the_command() -> None:
    with pytest.raises(ModelUnavailable, match="palisade models export thing") as missing:
        own.find("thing")
    assert missing.value.reason == "weights_missing"


def test_a_changed_file_is_refused() -> None:
    made = register(b"weights")
    made.path.write_bytes(b"weightz")
    with pytest.raises(ModelUnavailable) as refused:
        own.find("thing")
    assert refused.value.reason == "weights_mismatch"
    made.path.unlink()
    with pytest.raises(ModelUnavailable, match="missing or not the file"):
        own.find("thing")


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[1]", b'{"name": 3}', b"\xff"])
def test_a_damaged_card_is_refused(folder: Path, content: bytes) -> None:
    register(b"weights")
    (folder / "thing.json").write_bytes(content)
    with pytest.raises(ModelUnavailable) as refused:
        own.find("thing")
    assert refused.value.reason == "weights_unreadable"
    assert own.installed("thing"), "a damaged model is not one that was never here"
    register(b"weights")
    own.find("thing")


def test_a_card_reads_no_file_outside_of_its_folder(folder: Path) -> None:
    made = register(b"weights")
    outside = folder.parent / "outside.onnx"
    outside.write_bytes(b"weights")
    made.path.unlink()
    two_logits.spoil(made, file="../outside.onnx")
    with pytest.raises(ModelUnavailable) as refused:
        own.find("thing")
    assert refused.value.reason == "weights_mismatch"
