"""Captures and an archive of them, for everything that scores offline."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image


@pytest.fixture(scope="session")
def selfie(astronaut: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(astronaut).save(file, "JPEG", quality=92)
    return file.getvalue()
