from __future__ import annotations

import numpy as np
from bundles import bundle_with

from deployments.transport import weight
from media.capture import Capture


def test_a_payload_weighs_its_arrays_and_bytes() -> None:
    assert weight(Capture(selfie=b"x" * 1000, stills=(b"y" * 20, b"z" * 3))) == 1023
    assert weight((np.zeros((10, 10, 3), np.uint8), None, "text", 7)) == 300
    large = bundle_with(frame=np.zeros((480, 640, 3), np.uint8))
    assert weight(large) > 480 * 640 * 3


def test_what_no_detector_needs_weighs_nothing() -> None:
    large = bundle_with(frame=np.zeros((480, 640, 3), np.uint8))
    assert weight(large.only(("crop",))) == large.crop.nbytes
