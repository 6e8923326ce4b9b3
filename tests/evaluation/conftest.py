"""Labelled sets of tiny images whose brightness is what a check measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from detectors.contracts import Measurement, Measures, Score, Status
from docfraud.contracts import Check, Page

Row = tuple[str, str, str, str, int]
"""Path, label, kind, subject, grey level."""

MakeSet = Callable[..., str]


@dataclass(frozen=True, slots=True)
class LevelMapping:
    gain: float = 1.0


class Level(Check[LevelMapping]):
    """Bright is bona fide; abstains on black."""

    name: ClassVar[str] = "level"
    mapping: ClassVar[type] = LevelMapping

    def measure(self, page: Page) -> Measurement:
        level = float(page.pixels[0, 0, 0])
        if level == 0:
            return Measurement(status=Status.ABSTAINED, reasons=("too_dark",))
        return Measurement({"level": level, "darkness": -level})

    @staticmethod
    def score(measures: Measures, mapping: LevelMapping) -> Score:
        return Score.weighted({"level": (measures["level"] / 255 * mapping.gain, 1.0)})


@pytest.fixture
def level() -> Level:
    return Level()


@pytest.fixture
def make_set(tmp_path: Path) -> MakeSet:
    """Write images and a manifest of them; returns the manifest's path."""

    def make(rows: Iterable[Row], name: str = "set") -> str:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        lines = ["path,label,kind,subject"]
        for path, label, kind, subject, grey in rows:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            if path.endswith((".png", ".tif", ".webp", ".jpg")):
                Image.fromarray(np.full((8, 8, 3), grey, np.uint8)).save(folder / path)
            lines.append(f"{path},{label},{kind},{subject}")
        manifest = folder / "manifest.csv"
        manifest.write_text("\n".join(lines) + "\n", "utf-8")
        return str(manifest)

    return make
