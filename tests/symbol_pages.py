"""Pages with codes that zxing-cpp draws."""

from __future__ import annotations

import numpy as np
import zxingcpp
from numpy.typing import NDArray
from zxingcpp import BarcodeFormat

Pixels = NDArray[np.uint8]

SYMBOLOGIES = {
    "pdf417": BarcodeFormat.PDF417,
    "qr": BarcodeFormat.QRCode,
    "aztec": BarcodeFormat.Aztec,
    "datamatrix": BarcodeFormat.DataMatrix,
}


def drawn(payload: str | bytes, symbology: str = "qr", module: int = 3, level: str = "") -> Pixels:
    """A code without its quiet zone, uint8 grey (h, w), black on white."""
    options = {"ec_level": level} if level else {}
    made = zxingcpp.create_barcode(payload, SYMBOLOGIES[symbology], **options)
    code = np.array(made.to_image(scale=1, add_quiet_zones=False), np.uint8)
    return code.repeat(module, 0).repeat(module, 1)


def on_paper(*codes: Pixels, size: tuple[int, int] = (600, 900), seed: int = 0) -> Pixels:
    """Codes side by side on light, slightly noisy paper: uint8 grey of ``size``."""
    noise = np.random.default_rng(seed).normal(225, 2, size)
    page = np.clip(np.rint(noise), 0, 255).astype(np.uint8)
    left = 60
    for code in codes:
        height, width = code.shape
        top = (size[0] - height) // 2
        page[top : top + height, left : left + width] = np.minimum(
            page[top : top + height, left : left + width], code + np.uint8(20) * (code == 0)
        )
        left += width + 60
    return page
