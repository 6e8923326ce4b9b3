"""Files of a training: each is there whole, or as it was before."""

from __future__ import annotations

import os
from pathlib import Path

from training.errors import TrainingError


def keep(path: Path, content: bytes) -> None:
    """Write a file in one step, also where the process is killed or the power fails meanwhile.

    Raises:
        TrainingError: the disk is full or broken, or the folder cannot be written; what was there
            before stays.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise TrainingError(
            f"{path} could not be written: {error.strerror or error}; what was kept before stays, "
            "and the same command goes on"
        ) from error
