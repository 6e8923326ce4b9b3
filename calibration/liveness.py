"""Where the liveness signal is undecided, from an operator's own camera and people.

Log-odds of networks that were trained on other cameras order the faces of one camera well, and
their zero means little: the threshold of one webcam stops most live faces of another
(``docs/LIVENESS.md``). So the shift is moved to where all but a few of the camera's own live faces
pass. Attacks, where there are any, do not move it: they say what it is worth, and an operator has
fewer kinds of them than an attacker.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from calibration.errors import CalibrationError
from detectors.contracts import Measurement, Measures, Status
from detectors.liveness import OWN, Liveness, LivenessMapping
from evaluation.intervals import Figure, proportion
from fusion.policy import Policy, PolicyError, load_policy

DIGITS = 2
"""Decimals of a shift, in log-odds."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Settings:
    """How the shift is chosen.

    Attributes:
        percentile: of the live faces that may be stopped, 0..50.
        margin: how far below that percentile it is, in distances from it to the median.
    """

    percentile: float = 2.0
    margin: float = 0.1


@dataclass(frozen=True, slots=True)
class Shot:
    """One labelled image that was looked at.

    Attributes:
        live: what its label says.
        subject: who it is of, or an empty text.
        found: what the signal measured.
    """

    live: bool
    subject: str
    found: Measurement


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What came of a calibration.

    Attributes:
        base: the policy that was started from.
        settings: how.
        field: of the mapping that was moved, ``shift`` or ``own_shift``.
        before, after: its value.
        live, attacks: log-odds without a shift of all that were judged, float64 (N,).
        silent_live, silent_attacks: images on which the signal said nothing.
        people: subjects among the live faces that were judged.
    """

    base: Policy
    settings: Settings
    field: str
    before: float
    after: float
    live: Values
    attacks: Values
    silent_live: int
    silent_attacks: int
    people: int

    @property
    def threshold(self) -> float:
        """Log-odds of the policy's own threshold for a still image."""
        return logit(self.base.liveness.threshold)

    def stopped(self, values: Values, shift: float) -> Figure:
        """The share of some log-odds that is stopped with a shift."""
        return proportion(int((values - shift < self.threshold).sum()), len(values))


def calibrate(base: Policy, shots: Sequence[Shot], settings: Settings) -> Calibration:
    """Choose the shift.

    Args:
        base: whose liveness signal is calibrated.
        shots: live faces and, if there are any, attacks.
        settings: how.

    Raises:
        CalibrationError: the policy has no shift to move, or no live face was judged.
    """
    entry = base.signal(Liveness.name)
    if entry is None:
        raise CalibrationError(f"the policy {base.name} does not know the signal liveness")
    mapping: LivenessMapping = entry.mapping
    judged = [shot for shot in shots if shot.found.status is Status.OK]
    own = any(OWN in shot.found.measures for shot in judged)
    if mapping.mean != "log_odds" and not own:
        raise CalibrationError(
            f"the policy {base.name} takes the mean of probabilities, which has no shift: start "
            "from one with `mean: log_odds`, such as hardened"
        )
    field = "own_shift" if own else "shift"
    bare = replace(mapping, shift=0.0, own_shift=0.0)
    live = _log_odds([shot.found.measures for shot in judged if shot.live], bare)
    if not len(live):
        raise CalibrationError("none of the live faces could be judged")
    low, middle = np.percentile(live, settings.percentile), float(np.median(live))
    edge = float(low - settings.margin * (middle - low)) - logit(base.liveness.threshold)
    return Calibration(
        base,
        settings,
        field,
        getattr(mapping, field),
        math.floor(edge * 10**DIGITS) / 10**DIGITS,
        live,
        _log_odds([shot.found.measures for shot in judged if not shot.live], bare),
        sum(shot.live and shot.found.status is not Status.OK for shot in shots),
        sum(not shot.live and shot.found.status is not Status.OK for shot in shots),
        len({shot.subject for shot in judged if shot.live}),
    )


def fragment(calibration: Calibration, source: str, content: bytes) -> str:
    """Write the signal's entry of a policy as YAML, with where it comes from as comments.

    Args:
        calibration: what is written.
        source: the name of the manifest.
        content: of the manifest, for its digest.

    Raises:
        CalibrationError: the entry does not make a policy.
    """
    base, settings = calibration.base, calibration.settings
    entry = base.model_dump(mode="json", exclude_none=True)["signals"][Liveness.name]
    entry["mapping"][calibration.field] = calibration.after
    lines = [
        "# Proposed by `palisade calibrate liveness` from "
        f"{len(calibration.live)} live faces of {calibration.people} people and "
        f"{len(calibration.attacks)} attacks",
        f"# of {source} (SHA-256 {hashlib.sha256(content).hexdigest()[:12]}), percentile "
        f"{settings.percentile:g}, margin {settings.margin:g}, starting",
        f"# from {base.name} v{base.version} ({base.sha256[:12]}).",
        f"# Live faces stopped: {calibration.stopped(calibration.live, calibration.after)}; "
        f"before: {calibration.stopped(calibration.live, calibration.before)}.",
    ]
    if len(calibration.attacks):
        lines.append(
            f"# Attacks stopped: {calibration.stopped(calibration.attacks, calibration.after)}; "
            f"before: {calibration.stopped(calibration.attacks, calibration.before)}."
        )
    body = yaml.safe_dump({Liveness.name: entry}, sort_keys=False, width=1000)
    text = "\n".join(lines) + "\n" + "signals:\n" + _indented(body)
    _check(base, text)
    return text


def logit(probability: float) -> float:
    """Log-odds of a probability; infinite at 0 and 1."""
    if probability in (0.0, 1.0):
        return math.copysign(math.inf, probability - 0.5)
    return math.log(probability / (1 - probability))


def _log_odds(measures: Sequence[Measures], mapping: LivenessMapping) -> Values:
    return np.array([Liveness.fused(one, mapping) for one in measures], np.float64)


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _check(base: Policy, text: str) -> None:
    """Load an entry as a part of the policy that it came from."""
    section: Mapping[str, Any] = yaml.safe_load(text)
    whole = base.model_dump(mode="json")
    whole["signals"] = {**whole["signals"], **section["signals"]}
    try:
        load_policy(whole)
    except PolicyError as error:
        raise CalibrationError(f"no policy can be made of these faces: {error}") from None
