"""Know since when a camera and its system exist, from ``cameras.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

from docfraud.software import plain
from media.metadata import Metadata

Table = Mapping[str, Mapping[str, Mapping[str, date]]]


def first_possible_day(metadata: Metadata) -> date | None:
    """Tell since when a camera with this name and system can have taken pictures.

    Returns:
        the later of both days, or None where neither is in the table.
    """
    table = _table()
    make = plain(metadata.make)
    system = plain(metadata.firmware).split(" ")[0]
    days = [
        _longest(table["camera"].get(make, {}), plain(metadata.model)),
        table["system"].get(make, {}).get(system),
    ]
    return max((day for day in days if day is not None), default=None)


@cache
def _table() -> Table:
    text = Path(__file__).with_name("cameras.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _longest(days: Mapping[str, date], model: str) -> date | None:
    fitting = [start for start in days if model.startswith(start)]
    return days[max(fitting, key=len)] if fitting else None
