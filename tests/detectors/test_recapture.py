from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from bundles import bundle_with
from simulated_screen import recaptured

from detectors.chroma import ColourFormula
from detectors.contracts import FaceBundle, Status, Still, logistic
from detectors.face import FaceLocator
from detectors.interference_pictures import draw_interference
from detectors.pictures import MAX_SIDE, Image
from detectors.pixels import Pixels
from detectors.recapture import Recapture, RecaptureMapping
from media.images import decode_image

MAPPING = RecaptureMapping()


@pytest.fixture(scope="module")
def locator() -> FaceLocator:
    made = FaceLocator()
    made.load()
    return made


def located(locator: FaceLocator, pixels: Pixels) -> FaceBundle:
    bundle = locator.locate(pixels).bundle
    assert bundle is not None
    return bundle


def test_a_face_alone_is_measured_in_its_frame(locator: FaceLocator, astronaut: Pixels) -> None:
    measured = Recapture().measure(located(locator, astronaut).only(Recapture.needs))
    assert measured.status is Status.OK
    found = measured.measures
    assert set(found) == {
        *("box_px", "colours", "hue_spread_deg", "fine_detail", "border_levels", "glare"),
        "skin_around",
    }  # the crop is too small for a grid, and there is no clip
    assert 0 < found["colours"] < 1
    assert 0 <= found["glare"] < 0.05
    assert Recapture.score(found, MAPPING).value > 0.5


def test_the_grid_of_a_screen_is_seen_in_a_large_face(
    locator: FaceLocator, astronaut: Pixels
) -> None:
    real = cv2.resize(astronaut, None, fx=3.0, fy=3.0, interpolation=cv2.INTER_CUBIC)
    screen = recaptured(astronaut, 3.3, 0.4)
    live, shown = (
        Recapture().measure(located(locator, pixels.astype(np.uint8))).measures
        for pixels in (real, screen)
    )
    assert live["prominence"] < shown["prominence"]
    assert shown["grid_period_px"] == pytest.approx(3.3, rel=0.15)
    assert shown["grid_angle_deg"] == pytest.approx(4, abs=2)
    parts = Recapture.score(shown, MAPPING)
    assert parts.components["grid"] < 0.1
    assert "grid_of_pixels" in parts.reasons
    assert "grid_of_pixels" not in Recapture.score(live, MAPPING).reasons


def test_a_picture_that_stands_still_is_seen_in_the_clip(
    locator: FaceLocator, astronaut: Pixels
) -> None:
    bundle = located(locator, np.ascontiguousarray(astronaut[:300, 40:400]))
    points = np.column_stack([bundle.in_frame * bundle.frame_size, np.zeros(478)])
    landmarks = points.astype(np.float32)
    noise = np.random.default_rng(0)

    def still(time: float, moved: float) -> Still:
        pixels = bundle.frame + noise.normal(0, 2, bundle.frame.shape)
        seen = landmarks + noise.normal(0, 0.3, landmarks.shape)
        seen[:, 0] += moved
        return Still(time, np.clip(pixels, 0, 255).astype(np.uint8), seen.astype(np.float32))

    for moved, word in ((0.0, ("still_face",)), (3.0, ())):
        stills = tuple(still(float(at), moved * at) for at in range(3))
        found = Recapture().measure(replace(bundle, stills=stills)).measures
        scored = Recapture.score(found, MAPPING)
        assert scored.reasons == word, found
        assert (scored.components["sway"] < 0.5) is bool(word)


def test_a_small_face_is_not_judged() -> None:
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[0, :2], landmarks[1, :2] = (100, 100), (135, 145)
    landmarks[2:, :2] = (115, 120)
    frame = np.zeros((240, 320, 3), np.uint8)
    measured = Recapture().measure(
        bundle_with(frame=frame, crop=frame, frame_size=(320, 240), landmarks=landmarks)
    )
    assert (measured.status, measured.reasons) == (Status.ABSTAINED, ("face_too_small",))


def test_log_odds_add_up_each_within_its_cap() -> None:
    mapping = RecaptureMapping(
        colour=ColourFormula(bias=-9.0, colours=0.0, hue_spread=0.0, fine_detail=0.0),
        colour_cap=1.5,
        bias=-1.0,
        prominence=0.5,
        consistency=1.0,
        texture=0.0,
        grid_cap=2.0,
        no_grid_cap=0.25,
        sway_pct=1.0,
        sway_slope=2.0,
        still_cap=3.0,
        sway_cap=0.75,
        shift=0.5,
    )
    colours = {"colours": 0.1, "hue_spread_deg": 5.0, "fine_detail": 0.3}
    grid = {"prominence": 3.0, "consistency": 0.5, "texture": 7.0}
    assert Recapture.log_odds({}, mapping) == -0.5
    assert Recapture.log_odds(colours, mapping) == pytest.approx(-1.5 - 0.5)
    assert Recapture.log_odds(grid, mapping) == pytest.approx(-1.0 - 0.5)
    assert Recapture.log_odds({**grid, "prominence": 99.0}, mapping) == pytest.approx(-2.0 - 0.5)
    assert Recapture.log_odds({**grid, "prominence": 0.0}, mapping) == pytest.approx(0.25 - 0.5)
    assert Recapture.log_odds({"sway_pct": np.exp(-1)}, mapping) == pytest.approx(-2.0 - 0.5)
    assert Recapture.log_odds({"sway_pct": 0.0}, mapping) == pytest.approx(-3.0 - 0.5)
    assert Recapture.log_odds({"sway_pct": 9.0}, mapping) == pytest.approx(0.75 - 0.5)
    together = {**colours, **grid, "sway_pct": 1.0}
    assert Recapture.log_odds(together, mapping) == pytest.approx(-1.5 - 1.0 + 0.0 - 0.5)
    assert Recapture.score(together, mapping).value == pytest.approx(logistic(-3.0))


def test_the_crop_is_drawn_as_a_page_is(astronaut: Pixels) -> None:
    where, spectrum = Recapture().pictures(bundle_with(crop=astronaut))
    drawn = draw_interference(astronaut)
    assert drawn is not None
    assert isinstance(where, Image)
    assert isinstance(spectrum, Image)
    assert (where.pixels == drawn.map).all()
    assert (spectrum.pixels == drawn.spectrum).all()
    assert spectrum.pixels.shape == (MAX_SIDE, MAX_SIDE, 3)


def test_a_small_crop_is_not_drawn() -> None:
    assert Recapture().pictures(bundle_with(crop=np.zeros((200, 300, 3), np.uint8))) == ()


@pytest.mark.data
def test_prints_and_screens_score_lower_than_the_live_face(
    data_dir: Path, locator: FaceLocator
) -> None:
    """The publisher's own three frames, which had no part in the constants."""
    scores = {
        file: Recapture.score(
            Recapture()
            .measure(
                located(
                    locator,
                    decode_image((data_dir / "pad/samples/minivision" / file).read_bytes()).pixels,
                )
            )
            .measures,
            MAPPING,
        ).value
        for file in ("image_T1.jpg", "image_F1.jpg", "image_F2.jpg")
    }
    assert scores["image_T1.jpg"] > max(scores["image_F1.jpg"], scores["image_F2.jpg"]), scores
