"""What a check saw, as a picture for people."""

from __future__ import annotations

import logging
from typing import Any

import cv2

from detectors.faults import whereabouts
from docfraud.contracts import Check, Page

log = logging.getLogger(__name__)


def heatmap(check: Check[Any], page: Page) -> bytes | None:
    """Draw what ``check`` saw on ``page``.

    Returns:
        A PNG, or None where there is nothing to see, or drawing failed.
    """
    try:
        drawn = check.picture(page)
    except Exception as error:  # a picture that fails must not cost the findings
        log.error("%s could not be drawn: %s", check.name, whereabouts(error))
        return None
    if drawn is None:
        return None
    done, encoded = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
    return encoded.tobytes() if done else None
