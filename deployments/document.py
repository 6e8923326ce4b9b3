"""The nodes of the document branch: one that decodes, and one around every check and reader."""

from __future__ import annotations

from deployments import logs
from deployments.detector import Signal
from docfraud.contracts import Page
from docfraud.examination import open_page
from docfraud.heatmaps import heatmap
from media.capture import Channel
from media.errors import MediaError
from media.limits import ImageLimits


class Document:
    """Decodes a photograph of a document, once for every check.

    Args:
        limits: what it may cost.
    """

    def __init__(self, limits: ImageLimits) -> None:
        logs.install()
        self._limits = limits

    def __call__(self, data: bytes, channel: Channel) -> Page | MediaError:
        """Decode ``data``; what is wrong with it is an answer to the client, not a fault."""
        try:
            return open_page(data, self._limits, channel)
        except MediaError as refused:
            return refused


class Inspection(Signal[Page]):
    """Serves one check or reader."""

    def heatmap(self, page: Page) -> bytes | None:
        """Draw what the check saw, at full size, as PNG; None where there is nothing to see."""
        return heatmap(self._runner.pictures(page))
