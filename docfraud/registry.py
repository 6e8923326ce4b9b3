"""Every check and reader of the document branch, in the order of the record.

Adding one here puts it in the graph; a check also needs a weight in the policy.
"""

from __future__ import annotations

from typing import Any

from detectors.contracts import Sensor
from docfraud.barcode import Barcode
from docfraud.contracts import Check, Page, Reader
from docfraud.ela import Ela
from docfraud.exif import Exif
from docfraud.moire import Moire
from docfraud.mrz import Mrz

CHECKS: tuple[type[Check[Any]], ...] = (Moire, Ela, Exif)

READERS: tuple[type[Reader], ...] = (Barcode, Mrz)

SENSORS: tuple[type[Sensor[Page]], ...] = (*CHECKS, *READERS)
