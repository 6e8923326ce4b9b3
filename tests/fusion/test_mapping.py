from __future__ import annotations

from dataclasses import dataclass

from detectors.contracts import Measurement, Measures, NoOpinion, Score, Scored, Status
from fusion.judge import Judge
from fusion.mapping import mapped, measurement
from fusion.policy import load_policy
from fusion.verdict import FaceSummary, Verdict


@dataclass(frozen=True, slots=True)
class Reticent:
    """Speaks from a level on."""

    level: float = 0.5


class Mumble(Scored[Reticent]):
    mapping = Reticent

    @staticmethod
    def score(measures: Measures, mapping: Reticent) -> Score:
        if measures["level"] < mapping.level:
            raise NoOpinion({"level": 0.0}, ("too_quiet",))
        return Score(measures["level"], {"level": 1.0})


def test_a_mapping_without_an_opinion_abstains() -> None:
    signal = mapped("mumble", Mumble, Measurement({"level": 0.3}), Reticent())
    assert (signal.status, signal.score) == (Status.ABSTAINED, None)
    assert signal.reasons == ("too_quiet",)
    assert signal.components == {"level": 0.0}
    assert signal.measures == {"level": 0.3}


def test_another_mapping_may_have_one_on_the_same_record() -> None:
    silent = mapped("mumble", Mumble, Measurement({"level": 0.3}), Reticent())
    again = mapped("mumble", Mumble, measurement(silent), Reticent(level=0.2))
    assert (again.status, again.score, again.reasons) == (Status.OK, 0.3, ())
    loud = mapped("mumble", Mumble, Measurement({"level": 0.3}), Reticent(level=0.2))
    back = mapped("mumble", Mumble, measurement(loud), Reticent())
    assert (back.status, back.reasons) == (Status.ABSTAINED, ("too_quiet",))


def test_what_a_detector_abstained_on_stays_so_under_every_mapping() -> None:
    measured = Measurement({"level": 0.9}, Status.ABSTAINED, ("too_dark",))
    signal = mapped("mumble", Mumble, measured, Reticent())
    again = measurement(signal)
    assert (again.status, again.reasons) == (Status.ABSTAINED, ("too_dark",))


NOISE = {"snr_db": 8.0, "bpm": 70.0, "duration_s": 3.0, "pulse_p": 0.4}


def decided(profile: str, measures: Measures) -> Verdict:
    measured = {
        "rppg": Measurement(measures),
        "parallax": Measurement({"relief_pct": 0.2}),
        "gan_texture": Measurement(status=Status.ABSTAINED),
    }
    return Judge(load_policy(profile, {})).verdict("s", measured, FaceSummary())


def test_a_missing_pulse_costs_nothing_and_covers_nothing() -> None:
    without = decided("hardened", NOISE)
    assert "rppg" not in without.weights
    pulse = decided("hardened", {**NOISE, "pulse_p": 0.002, "pulse_bpm": 70.0})
    assert without.score is not None
    assert pulse.score is not None
    assert pulse.score > without.score
    assert pulse.coverage > without.coverage


def test_a_record_of_one_policy_is_judged_by_the_other() -> None:
    record = Verdict.from_json(decided("hardened", NOISE).to_json())
    again = Judge(load_policy("faithful", {})).again(record)
    assert again.signals == decided("faithful", NOISE).signals
    back = Judge(load_policy("hardened", {})).again(again)
    assert back.signals == record.signals
