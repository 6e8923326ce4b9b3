from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest

from docfraud import cameras
from docfraud.cameras import first_possible_day
from docfraud.software import plain
from media.metadata import Metadata


def test_every_key_can_match() -> None:
    table = tomllib.loads(Path(cameras.__file__).with_name("cameras.toml").read_text())
    assert table.keys() == {"camera", "system"}
    for makers in table.values():
        for maker, days in makers.items():
            assert all(key == plain(key) for key in (maker, *days))
            assert all(type(day) is date for day in days.values())


@pytest.mark.parametrize(
    ("make", "model", "firmware", "day"),
    [
        ("Apple", "iPhone 6s Plus", "9.0", date(2015, 9, 25)),  # not the iPhone 6
        ("Apple", "iPhone 6s Plus", "15.8.2", date(2021, 9, 20)),  # the system is the later one
        ("Apple", "iPhone SE (2nd generation)", "", date(2020, 4, 24)),
        ("samsung", "SM-S918B", "S918BXXS3AWF7", date(2023, 2, 17)),
        ("Google", "Pixel 8 Pro", "HDR+ 1.0", date(2023, 10, 12)),
        ("Canon", "Canon EOS 5D", "1.0", None),
        ("", "iPhone 12", "14.1", None),
    ],
)
def test_since_when(make: str, model: str, firmware: str, day: date | None) -> None:
    assert first_possible_day(Metadata(make=make, model=model, firmware=firmware)) == day
