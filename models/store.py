"""Find weights on this machine, and fetch them on request. Nothing here downloads unasked."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import platformdirs

from models import manifest
from models.manifest import Model

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the bytes received so far and the bytes expected."""


class ModelUnavailable(Exception):
    """The weights of a model are not on this machine, or may not be used.

    Attributes:
        reason: a stable snake_case word for the record.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class FetchError(Exception):
    """A download failed or was refused; nothing of it was kept."""


ACCEPT_RESEARCH = "PALISADE_ACCEPT_RESEARCH_LICENCES"
"""Environment variable by which an operator accepts terms that allow research only."""


def accepted(model: Model) -> bool:
    """Whether the operator's terms allow ``model``: 1 in :data:`ACCEPT_RESEARCH` allows any."""
    return not model.research_only or os.environ.get(ACCEPT_RESEARCH) == "1"


def terms(model: Model) -> str:
    """What has to be accepted before ``model`` is fetched or used."""
    return f"{model.name}: {model.licence_note} Set {ACCEPT_RESEARCH}=1 to accept that."


class State(StrEnum):
    """What a search for a file found."""

    OK = "ok"
    MISSING = "missing"
    MISMATCH = "mismatch"  # a file of that name is there, but its bytes are not the model's


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the manifest and the file that was found for it, if any."""

    model: Model
    path: Path | None
    state: State


class Store:
    """Weight files in an ordered list of folders.

    A file is used only if its SHA-256 is the manifest's. The digest is computed once per process
    and version of the file.

    Args:
        models: the manifest, by name.
        folders: where to look, first match wins; ``fetch`` writes to the first writable one.
    """

    def __init__(self, models: Mapping[str, Model], folders: tuple[Path, ...]) -> None:
        self.models = models
        self.folders = folders

    def entry(self, name: str) -> Entry:
        """Look for a model without using the network.

        Raises:
            KeyError: the manifest has no such model.
        """
        model = self.models[name]
        mismatched = None
        for path in (folder / model.file for folder in self.folders):
            if not path.is_file():
                continue
            if _is(model, path):
                return Entry(model, path, State.OK)
            log.warning("%s is not %s: refused", path, name)
            mismatched = mismatched or path
        return Entry(model, mismatched, State.MISMATCH if mismatched else State.MISSING)

    def entries(self) -> tuple[Entry, ...]:
        """Look for every model of the manifest."""
        return tuple(self.entry(name) for name in self.models)

    def find(self, name: str) -> Path:
        """Return the verified file of a model, without using the network.

        Raises:
            ModelUnavailable: ``research_licence_not_accepted``; ``weights_missing``; or
                ``weights_mismatch`` where a file of that name is there but its hash differs.
        """
        entry = self.entry(name)
        if not accepted(entry.model):
            raise ModelUnavailable("research_licence_not_accepted", terms(entry.model))
        if entry.state is State.OK and entry.path:
            return entry.path
        cure = f"run `palisade models fetch {name}`"
        if entry.state is State.MISMATCH:
            raise ModelUnavailable(
                "weights_mismatch",
                f"{entry.path} is refused: its SHA-256 is not that of {name}; {cure}",
            )
        raise ModelUnavailable("weights_missing", f"{entry.model.file} was not found; {cure}")

    def fetch(
        self, name: str, on_progress: Progress | None = None, *, url: str | None = None
    ) -> Path:
        """Download a model unless a good file is already there.

        Args:
            name: its name in the manifest.
            on_progress: told about every chunk.
            url: another address of the same bytes, such as a mirror.

        Returns:
            The verified file.

        Raises:
            FetchError: the network, the disk or the bytes were bad, and no part is left behind; or
                its terms allow research only, and nobody accepted that.
        """
        entry = self.entry(name)
        if not accepted(entry.model):
            raise FetchError(terms(entry.model))
        if entry.state is State.OK and entry.path:
            return entry.path
        model = entry.model
        part: Path | None = None
        try:
            path = self.writable() / model.file
            part = path.with_name(f"{model.file}.{os.getpid()}.part")
            _download(url or model.url, model, part, on_progress or _silent)
            part.replace(path)
        except OSError as error:
            raise FetchError(f"{name} could not be written: {error}") from error
        finally:
            if part:
                part.unlink(missing_ok=True)
        return path

    def writable(self) -> Path:
        """Return the first folder that can be written, made if need be.

        Raises:
            FetchError: none can.
        """
        for folder in self.folders:
            with suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
        raise FetchError(
            f"none of these folders can be written: {', '.join(map(str, self.folders))}"
        )


def default() -> Store:
    """The store of this machine: the folder ``PALISADE_MODELS``, then the user's cache."""
    folders = [Path(platformdirs.user_cache_dir("palisade")) / "models"]
    if chosen := os.environ.get("PALISADE_MODELS"):
        folders.insert(0, Path(chosen))
    return Store(manifest.models(), tuple(folders))


def find(name: str) -> Path:
    """:meth:`Store.find` of this machine's store."""
    return default().find(name)


def fetch(name: str, on_progress: Progress | None = None, *, url: str | None = None) -> Path:
    """:meth:`Store.fetch` into this machine's store."""
    return default().fetch(name, on_progress, url=url)


def entries() -> tuple[Entry, ...]:
    """:meth:`Store.entries` of this machine's store."""
    return default().entries()


def digest(name: str) -> str:
    """SHA-256 of a model's file: what :func:`find` guarantees, for the record."""
    return manifest.models()[name].sha256


def sha256(path: Path) -> str:
    """SHA-256 of a file, computed once per process as long as the file does not change."""
    stat = path.stat()
    return _sha256(path, stat.st_mtime_ns, stat.st_size)


def _is(model: Model, path: Path) -> bool:
    return path.stat().st_size == model.bytes and sha256(path) == model.sha256


@lru_cache(maxsize=64)
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    """Digest of a file; time and size only serve as the key of the cache."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _silent(received: int, expected: int) -> None:
    pass


def _download(url: str, model: Model, part: Path, on_progress: Progress) -> None:
    import httpx2  # takes 0.1 s to import, and only downloads need it

    received, hashed = 0, hashlib.sha256()
    try:
        with (
            part.open("wb") as file,
            httpx2.stream(
                "GET",
                url,
                follow_redirects=True,
                timeout=30.0,
                headers={"Accept-Encoding": "identity"},
            ) as response,
        ):
            response.raise_for_status()
            for chunk in response.iter_raw():
                received += len(chunk)
                if received > model.bytes:
                    raise FetchError(f"{url} sent more than the {model.bytes:,} bytes expected")
                file.write(chunk)
                hashed.update(chunk)
                on_progress(received, model.bytes)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise FetchError(
            f"{url}: {error or type(error).__name__}; or download it elsewhere, as {model.file}, "
            "into a folder that PALISADE_MODELS names"
        ) from error
    if received != model.bytes or hashed.hexdigest() != model.sha256:
        raise FetchError(
            f"{url} sent {received:,} bytes that are not {model.name}: its SHA-256 differs"
        )
