"""Models of the operator's own: files made on this machine, beside those of the manifest.

A model is two files in the folder ``own`` of the store: the weights, named by their digest, and a
card, ``NAME.json``, which is written last. So a process that is killed at any moment leaves the
model that was there before, and a file that was damaged since is found out.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from models import store
from models.store import ModelUnavailable

FOLDER = "own"


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a model.

    Attributes:
        name: how the code and the command line call it.
        file: name of the weights, without a folder.
        sha256: of the weights, 64 lower-case hexadecimal digits.
        bytes: size of the weights.
        purpose: what it computes.
        made_from: SHA-256 of the checkpoint that it was exported from.
        made_with: packages and versions.
        parity: largest difference between its answers and those of the checkpoint in torch.
    """

    name: str
    file: str
    sha256: str
    bytes: int
    purpose: str
    made_from: str
    made_with: str
    parity: float


_CARD = TypeAdapter(Card)


@dataclass(frozen=True, slots=True)
class Own:
    """A model whose file was checked.

    Attributes:
        card: what is known of it.
        path: the weights.
    """

    card: Card
    path: Path


def find(name: str) -> Own:
    """Find a model, and check its file against its card.

    Raises:
        ModelUnavailable: ``weights_missing``; ``weights_unreadable`` where its card is damaged;
            or ``weights_mismatch`` where the file is missing or not the one of the card.
    """
    path = _card_path(name)
    cure = f"run `palisade models export {name} CHECKPOINT`, or `palisade train` with that name"
    if path is None:
        raise ModelUnavailable("weights_missing", f"there is no model {name!r} here; {cure}")
    try:
        card = _CARD.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelUnavailable(
            "weights_unreadable", f"{path} cannot be read ({type(error).__name__}); {cure}"
        ) from error
    file = path.with_name(Path(card.file).name)
    if not file.is_file() or store.sha256(file) != card.sha256:
        raise ModelUnavailable(
            "weights_mismatch", f"{file} is missing or not the file of its card; {cure}"
        )
    return Own(card, file)


def named(setting: str) -> Path:
    """The file that a setting means: a model of the store by its name, or else a path.

    Raises:
        ModelUnavailable: the model of that name is damaged.
    """
    return find(setting).path if installed(setting) else Path(setting)


def installed(name: str) -> bool:
    """Whether there is a model of that name, good or damaged."""
    return _card_path(name) is not None


def names() -> tuple[str, ...]:
    """Names of the models that are here, sorted."""
    folders = [folder / FOLDER for folder in store.default().folders]
    return tuple(sorted({path.stem for folder in folders for path in folder.glob("*.json")}))


def register(name: str, write: Callable[[Path], Card]) -> Own:
    """Add a model to the first folder of the store that can be written, or replace it there.

    Args:
        name: how it is called.
        write: writes the weights to the path that it is given, and describes them; ``file``,
            ``sha256`` and ``bytes`` of its card are filled in here.

    Raises:
        FetchError: no folder can be written.
        OSError: the disk is full or broken; what was there before stays.
    """
    folder = store.default().writable() / FOLDER
    folder.mkdir(exist_ok=True)
    part = folder / f"{name}.{os.getpid()}.part"
    try:
        card = write(part)
        content = part.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        weights = folder / f"{name}-{digest[:12]}.onnx"
        known = asdict(card) | {"file": weights.name, "sha256": digest, "bytes": len(content)}
        _settle(part, weights)
        before = _weights_of(folder / f"{name}.json")
        part.write_bytes(_CARD.dump_json(Card(**known), indent=2))
        _settle(part, folder / f"{name}.json")
        if before is not None and before != weights:
            before.unlink(missing_ok=True)
    finally:
        part.unlink(missing_ok=True)
    return find(name)


def _card_path(name: str) -> Path | None:
    paths = [folder / FOLDER / f"{name}.json" for folder in store.default().folders]
    return next((path for path in paths if path.is_file()), None)


def _settle(part: Path, path: Path) -> None:
    """Rename a file that is on the disk to its last byte, also after a power cut."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)


def _weights_of(card: Path) -> Path | None:
    with suppress(OSError, ValidationError):
        return card.with_name(Path(_CARD.validate_json(card.read_bytes()).file).name)
    return None
