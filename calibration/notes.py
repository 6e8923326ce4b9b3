"""What is odd about a calibrated policy, though it can be used."""

from __future__ import annotations

from fusion.policy import Policy


def notes(policy: Policy) -> tuple[str, ...]:
    """Say what its author should look at, in words; nothing for one without a calibration."""
    section = policy.calibration
    if section is None:
        return ()
    silent = [name for name in policy.weights if name not in section.by_name]
    said = (f"{', '.join(silent)} counts for coverage and says nothing",) if silent else ()
    return section.outdated(policy.mappings) + said
