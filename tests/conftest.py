from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from deployments.environment import prepare
from deployments.logs import OURS

prepare()
# Before anything reads them: no test writes to the memory of the user who runs it.
_memory = tempfile.TemporaryDirectory(prefix="palisade-tests-", ignore_cleanup_errors=True)
os.environ["PALISADE_STORE"] = f"sqlite:///{_memory.name}/sessions.db"
os.environ["PALISADE_SPOOL"] = f"{_memory.name}/spool"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that share a graph last: it stays up, and would slow down every other Ray."""
    items.sort(key=lambda item: "served" in getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """Undo what a node that a test makes in this process does to its logging."""
    root, served = logging.getLogger(), logging.getLogger("ray.serve")
    handlers, filters = root.handlers[:], served.filters[:]
    levels = {name: logging.getLogger(name).level for name in OURS}
    yield
    root.handlers[:], served.filters[:] = handlers, filters
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.skip(f"{variable} is not set to a folder")
    return Path(value)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real faces and clips, where this machine has them."""
    return _folder("PALISADE_DATA")


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Model files, where this machine has them."""
    return _folder("PALISADE_MODELS")


@pytest.fixture(scope="session")
def astronaut() -> NDArray[np.uint8]:
    """A real face that comes with scikit-image (NASA, public domain), uint8 RGB (512, 512, 3)."""
    from skimage import data

    image = np.ascontiguousarray(data.astronaut())
    image.setflags(write=False)
    return image
