"""Limits of the quality gate from pictures that should pass it.

A limit lies beyond the percentile of the good shots that may fail, by a margin in units of the
distance from that percentile to the median, so that neither scale nor unit matters. Bad shots do
not move it: they say what it is worth.

What depends on the camera is calibrated both ways. What depends on people, of whom a calibration
sees few, is only ever loosened: measured, limits taken from 15 people refused every third shot of
15 others (``docs/QUALITY.md``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from calibration.errors import CalibrationError
from detectors.contracts import Measures
from fusion.policy import Policy, PolicyError, load_policy
from fusion.quality import SUBJECTS, Check, Edge, QualityPolicy, assess

FIXED = frozenset({"faces"})
"""Checks whose limits no camera changes."""

OF_THE_CAMERA = frozenset({"brightness", "blur", "sharpness", "compression"})
"""Checks that may become stricter."""

DIGITS = 3
"""Significant digits of a limit."""

AT_MEDIAN = 4.0
"""Widths of the sigmoid from the limit to the median good shot, whose component is 98 then."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Settings:
    """How limits are chosen.

    Attributes:
        percentile: of the good shots that may lie beyond a limit, 0..50.
        margin: how far beyond that percentile the limit is, in distances from it to the median.
    """

    percentile: float = 1.0
    margin: float = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """The limits of one check.

    Attributes:
        name: of the check.
        before: the limits of the policy that was started from.
        check: the proposed limits.
        good, bad: its measure of every shot that has one, float64 (N,).
        refused_good, refused_bad: how many of those it refuses.
    """

    name: str
    before: Check
    check: Check
    good: Values
    bad: Values
    refused_good: int
    refused_bad: int


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What came of a calibration.

    Attributes:
        base: the policy that was started from.
        settings: how limits were chosen.
        proposals: one for each check that could be calibrated.
        quality: the section of the policy with the proposed limits in it.
        good, bad: shots with a face.
        refused_good, refused_bad: how many of those the whole section refuses.
    """

    base: Policy
    settings: Settings
    proposals: tuple[Proposal, ...]
    quality: QualityPolicy
    good: int
    bad: int
    refused_good: int
    refused_bad: int


def calibrate(
    base: Policy, good: Sequence[Measures], bad: Sequence[Measures], settings: Settings
) -> Calibration:
    """Propose limits for every check that ``base`` makes.

    Args:
        base: says which checks there are, and to which side they have limits.
        good: measures of shots that should pass.
        bad: measures of shots that should not, if there are any.
        settings: how.

    Raises:
        CalibrationError: no good shot has a face.
    """
    good = [measures for measures in good if "face_px" in measures]
    bad = [measures for measures in bad if "face_px" in measures]
    if not good:
        raise CalibrationError("there is no face in any of the good shots")
    proposals = []
    for name in SUBJECTS:
        before = base.quality.check(name)
        values = _values(name, good)
        if before is None or name in FIXED or not len(values):
            continue
        check = _proposed(before, values, settings)
        if name not in OF_THE_CAMERA:
            check = _looser(before, check)
        alone = _only(name, check)
        proposals.append(
            Proposal(
                name,
                before,
                check,
                values,
                _values(name, bad),
                refused(alone, good),
                refused(alone, bad),
            )
        )
    quality = base.quality.model_copy(update={p.name: p.check for p in proposals})
    return Calibration(
        base,
        settings,
        tuple(proposals),
        quality,
        len(good),
        len(bad),
        refused(quality, good),
        refused(quality, bad),
    )


def refused(policy: QualityPolicy, shots: Sequence[Measures]) -> int:
    """How many shots a gate refuses."""
    return sum(not assess(policy, measures).is_valid for measures in shots)


def fragment(calibration: Calibration) -> str:
    """Write the section ``quality`` of a policy as YAML, with where it comes from as comments.

    Raises:
        CalibrationError: the section does not make a policy.
    """
    settings, base = calibration.settings, calibration.base
    lines = [
        f"# Proposed by `palisade calibrate quality` from {calibration.good} good shots with a "
        "face,",
        f"# percentile {settings.percentile:g}, margin {settings.margin:g}, starting from "
        f"{base.name} v{base.version} ({base.sha256[:12]}).",
        f"# All checks together refuse {_share(calibration.refused_good, calibration.good)} "
        f"good{_and_bad(calibration.refused_bad, calibration.bad)}.",
        "quality:",
    ]
    counted = {proposal.name: proposal for proposal in calibration.proposals}
    for name in SUBJECTS:
        if proposal := counted.get(name):
            lines.append(
                f"  # refuses {_share(proposal.refused_good, len(proposal.good))} good"
                f"{_and_bad(proposal.refused_bad, len(proposal.bad))}"
            )
        check = calibration.quality.check(name)
        lines.append(f"  {name}: {_inline(check)}")
    text = "\n".join(lines) + "\n"
    _check(base, text)
    return text


def _inline(check: Check | None) -> str:
    if check is None:
        return "null"
    content = check.model_dump(mode="json", exclude_none=True)
    return yaml.safe_dump(content, default_flow_style=True, sort_keys=False, width=1000).strip()


def _check(base: Policy, text: str) -> None:
    """Load a fragment as a part of the policy that it came from."""
    section: Mapping[str, Any] = yaml.safe_load(text)
    try:
        load_policy({**base.model_dump(mode="json"), **section})
    except PolicyError as error:
        raise CalibrationError(f"no policy can be made of these shots: {error}") from None


def _proposed(before: Check, values: Values, settings: Settings) -> Check:
    median = float(np.median(values))
    least = most = None
    if before.least:
        low = float(np.percentile(values, settings.percentile))
        limit = _rounded(low - settings.margin * (median - low), math.floor)
        least = _edge(limit, median - limit)
    if before.most:
        high = float(np.percentile(values, 100.0 - settings.percentile))
        limit = _rounded(high + settings.margin * (high - median), math.ceil)
        most = _edge(limit, limit - median)
    return Check(least=least, most=most)


def _looser(before: Check, proposed: Check) -> Check:
    """The looser limit on each side."""
    least = max(_both(before.least, proposed.least), key=lambda edge: -edge.limit, default=None)
    most = max(_both(before.most, proposed.most), key=lambda edge: edge.limit, default=None)
    return Check(least=least, most=most)


def _both(*edges: Edge | None) -> list[Edge]:
    return [edge for edge in edges if edge is not None]


def _edge(limit: float, to_median: float) -> Edge:
    # Shots that are all alike leave no distance to take the width from.
    width = max(to_median / AT_MEDIAN, abs(limit) * 0.01, 1e-6)
    return Edge(limit=limit, width=float(f"{width:.{DIGITS}g}"))


def _rounded(limit: float, outwards: Any) -> float:
    """Round to :data:`DIGITS` significant digits, so that no more shots are refused."""
    if limit == 0.0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(limit))) - DIGITS + 1)
    return float(f"{outwards(limit / unit) * unit:.{DIGITS}g}")


def _values(name: str, shots: Sequence[Measures]) -> Values:
    subject = SUBJECTS[name]
    values = np.array([shot[subject.measure] for shot in shots if subject.measure in shot])
    return np.abs(values) if subject.magnitude else values.astype(np.float64)


def _only(name: str, check: Check) -> QualityPolicy:
    return QualityPolicy(**(dict.fromkeys(SUBJECTS) | {name: check}))


def _share(count: int, of: int) -> str:
    return f"{count} of {of}"


def _and_bad(count: int, of: int) -> str:
    return f" and {_share(count, of)} bad" if of else ""
