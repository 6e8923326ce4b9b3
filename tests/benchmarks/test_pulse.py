from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.pulse import (
    BLOOD,
    NOISES,
    SKIN_COLOUR,
    Window,
    costs,
    hits,
    markdown,
    shaken,
    simulated,
    summarise,
)
from benchmarks.pulse import _coloured as coloured
from detectors.rppg import SKIN, RppgMapping

OURS = RppgMapping(evidence=True)


def measures(pulse_p: float, **others: float) -> dict[str, float]:
    """Of a clip of 10 s."""
    return {
        "snr_db": 3.0,
        "bpm": 70.0,
        "duration_s": 10.0,
        "pulse_p": pulse_p,
        "pulse_bpm": 70.0,
        **others,
    }


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (measures(0.5), []),
        (measures(0.5, snr_db=6.0), ["faithful"]),
        (measures(0.5, snr_db=6.0, bpm=130.0), []),
        (measures(0.005), ["hardened", "without the background"]),
        (
            measures(0.005, background_pulse_p=0.01, background_pulse_bpm=71.0),
            ["without the background"],
        ),
    ],
)
def test_what_each_rule_finds(seen: dict[str, float], found: list[str]) -> None:
    assert [rule for rule, hit in hits(seen, OURS).items() if hit] == found


@pytest.mark.parametrize("slope", NOISES.values())
def test_noise_has_its_power_in_the_band_and_its_slope(slope: float) -> None:
    noise = coloured(slope, 3000, 30, (20, 3), np.random.default_rng(0))
    hz = np.fft.rfftfreq(3000, 1 / 30)
    window = np.hanning(3000)  # or else a drift, which ends elsewhere, would leak into the band
    power = np.square(np.abs(np.fft.rfft(window * noise))).mean(axis=(0, 1)) / 3000**2
    power /= np.square(window).mean()
    inside = (hz >= 0.7) & (hz <= 4.0)
    assert 2 * power[inside].sum() == pytest.approx(1.0, abs=0.1)
    fitted = np.polyfit(np.log(hz[inside]), np.log(power[inside]), 1)[0]
    assert -fitted == pytest.approx(slope, abs=0.15)


@pytest.mark.parametrize("shared", [0.0, 0.9])
@pytest.mark.parametrize("snr_db", [0.0, 12.0])
def test_a_simulated_pulse_has_its_snr(snr_db: float, shared: float) -> None:
    def green(with_pulse: bool, seed: int) -> NDArray[np.float64]:
        rng = np.random.default_rng(seed)
        clip = simulated(10, 30, "white", shared, rng, 1.5, snr_db if with_pulse else None)
        return np.asarray(clip.roi_rgb[:, SKIN, 1].mean(axis=1) / SKIN_COLOUR[1] - 1, np.float64)

    hz = np.fft.rfftfreq(300, 1 / 30)
    inside = (hz >= 0.7) & (hz <= 4.0)
    noise = np.mean(
        [np.square(np.abs(np.fft.rfft(green(False, seed))))[inside].sum() for seed in range(30)]
    )
    pulse = np.mean(
        [
            np.square(np.abs(np.fft.rfft(green(True, seed) - green(False, seed))))[inside].sum()
            for seed in range(5)
        ]
    )
    assert 10 * np.log10(pulse / noise) == pytest.approx(snr_db, abs=1.0)


def test_a_pulse_is_as_strong_in_each_channel_as_blood_is() -> None:
    strong = simulated(10, 30, "white", 0.0, np.random.default_rng(0), 1.5, 60.0)
    swing = np.ptp(strong.roi_rgb[:, SKIN] / SKIN_COLOUR, axis=0).mean(axis=0)
    assert swing / swing[1] == pytest.approx(BLOOD / BLOOD[1], rel=0.05)


def test_the_first_clip_of_a_length_costs_more() -> None:
    for cost in costs(seed=0, rounds=1).values():
        assert cost["first"] > cost["then"] > 0


def test_a_shaken_still_is_ten_seconds_of_frames_that_differ() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    stills = shaken(picture, "jpeg", np.random.default_rng(1))
    assert len(stills) == 300
    assert len(set(stills)) == 300


def test_the_report_counts_windows_and_bounds_them() -> None:
    looked = [
        Window("live", 3, f"s{at % 3}", measures(0.005 if at < 4 else 0.5)) for at in range(9)
    ]
    looked += [Window("live", 3, "s0", None)]
    (row,) = summarise(looked, seed=0)
    assert (row["what"], row["seconds"], row["windows"], row["judged"]) == ("live", 3, 10, 9)
    assert row["subjects"] == 3
    assert row["hardened"]["value"] == pytest.approx(4 / 9)
    assert row["hardened"]["low"] < 4 / 9 < row["hardened"]["high"]
    assert "3 subjects" in row["hardened"]["method"]
    assert row["faithful"]["value"] == 0
    assert row["faithful"]["method"] == "Clopper-Pearson"
    assert row["faithful"]["high"] == pytest.approx(0.336, abs=0.001)
    spent = {"3": {"first": 71.6, "then": 20.2}}
    written = markdown({"windows": [row], "simulated": {"rows": []}, "cpu_ms": spent})
    assert "| 3 s | 72 | 20 |" in written
    assert "| live | 3 s | 9 of 10 | 3 | 0.0% [0.0%, 33.6%] | 44.4% [" in written
