"""Dates as documents print them, in many languages, as ISO 8601."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata

from docfraud.icao9303 import EXPIRY_AHEAD

_MONTHS = {
    month: number
    for number, names in enumerate(
        (
            "jan janvier gennaio enero ene sty led", "feb fev fevr febbraio febrero lut uno",
            "mar mars marz maerz mrt marzo", "apr avr avril aprile abr kwi dub",
            "may mai mei maggio mayo maj kve", "jun juin june juni giu cze",
            "jul juil juillet juli lug lip", "aug aou aout ago sie srp", "sep sept set wrz zar",
            "oct okt ott out paz rij", "nov lis", "dec dez dic gru pro",
        ),
        1,
    )
    for month in names.split()
}  # fmt: skip
"""Number of a month by its name or abbreviation; a longer name is known by its first letters."""


def plain(text: str) -> str:
    """Write text in lower case without accents, with single spaces for all else."""
    stripped = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("Ł", "L"))
    letters = "".join(char for char in stripped if not unicodedata.combining(char))
    return re.sub("[^a-z0-9]+", " ", letters.lower()).strip()


def iso_date(text: str, today: dt.date, *, past: bool) -> str:
    """Read a date as ISO 8601: 12.08.1974, 1974-08-12, 12 AUG 74 or 12 AUGUST/AOUT 74.

    The day comes before the month, as ICAO 9303 wants it; where that is no date, after it. With
    slashes both orders are in use, so that 04/10/1974 is left out.

    Args:
        text: with a date in it.
        today: for the century of two-digit years.
        past: whether the date cannot be to come.

    Returns:
        empty where there is no date.
    """
    clean = plain(text)
    if match := re.search(r"\b([12][0-9]{3}) ([0-9]{1,2}) ([0-9]{1,2})\b", clean):
        return _iso(int(match[1]), int(match[2]), int(match[3]))
    if match := re.search(r"\b([0-9]{1,2}) ([0-9]{1,2}) ([0-9]{4}|[0-9]{2})\b", clean):
        day, month = int(match[1]), int(match[2])
        year = _year(match[3], today, past)
        if "/" in text and day != month and max(day, month) <= 12:
            return ""
        return _iso(year, month, day) or _iso(year, day, month)
    words = r"\b([0-9]{1,2}) ?([a-z]{3,9})(?: [a-z0-9]{2,9}?)? ?([0-9]{4}|[0-9]{2})\b"
    if match := re.search(words, clean):
        month = _MONTHS.get(match[2]) or _MONTHS.get(match[2][:4]) or _MONTHS.get(match[2][:3], 0)
        return _iso(_year(match[3], today, past), month, int(match[1]))
    return ""


def _year(digits: str, today: dt.date, past: bool) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    latest = today.year if past else today.year + EXPIRY_AHEAD
    return 2000 + year if 2000 + year <= latest else 1900 + year


def _iso(year: int, month: int, day: int) -> str:
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError:
        return ""
