"""What a fit of calibrated fusion is worth, and the policy that it becomes."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy import special

from calibration.errors import CalibrationError
from calibration.fusion import Captures, Settings, Validated
from evaluation.intervals import Figure, Weights, bootstrap
from evaluation.metrics import curve, errors, share
from fusion.calibration import (
    Bounded,
    Calibration,
    Manifest,
    Provenance,
    log_odds,
    mappings_sha256,
)
from fusion.policy import Policy, PolicyError, load_policy

Values = NDArray[np.float64]

SPECIES_BPCER = 0.05


@dataclass(frozen=True, slots=True)
class Source:
    """The labelled captures of a fit.

    Attributes:
        manifests: as provenance names them.
        not_acquired: captures without a face, or that could not be read.
    """

    manifests: tuple[Manifest, ...]
    not_acquired: int


def cllr(llrs: Values, bona_fide: NDArray[np.bool_], weights: Weights) -> float:
    """Cost of log-likelihood ratios in bits (Brümmer and du Preez 2006): 0 is perfect.

    1 is what somebody pays who says nothing; ratios that mislead cost more than that.

    Args:
        llrs: float64 (N,), nats.
        bona_fide: bool (N,).
        weights: how much each capture counts, (N,).
    """
    costs = np.logaddexp(0.0, np.where(bona_fide, -llrs, llrs)) / math.log(2)
    sides = [weights * bona_fide, weights * ~bona_fide]
    if not all(side.sum() > 0 for side in sides):
        return math.nan
    return float(np.mean([(costs * side).sum() / side.sum() for side in sides]))


def figures(
    captures: Captures, validated: Validated, policy: Policy, settings: Settings, seed: int
) -> dict[str, Figure]:
    """Compare the calibrated fusion with the weighted mean, people against other people.

    Captures on which either says nothing are left out of both, and counted by ``answered``.

    Args:
        captures: that were judged.
        validated: what fits to other people said of them.
        policy: whose threshold is used.
        settings: whose prior is used.
        seed: of the draws behind the intervals.

    Returns:
        ``cllr``, ``auc``, ``eer``, ``apcer_at_bpcer_5``, ``worst_species_apcer_at_bpcer_5``,
        ``apcer`` and ``bpcer`` (at the policy's threshold), the same of the weighted mean with
        ``mean_`` before it, and the ``gain_`` of the first four: how much less error.
    """
    answered = np.isfinite(validated.llrs) & np.isfinite(validated.mean_llrs)
    seen = captures.only(answered)
    llrs, mean_llrs = validated.llrs[answered], validated.mean_llrs[answered]
    posterior = special.expit(llrs + log_odds(settings.prior))
    rivals = {"": (llrs, llrs, posterior), "mean_": (mean_llrs, seen.means, seen.means)}

    def statistic(weights: Weights) -> dict[str, float]:
        found: dict[str, float] = {}
        for prefix, (nats, scores, judged) in rivals.items():
            rates = curve(scores, seen.bona_fide, weights)
            decided = errors(judged >= policy.threshold, seen.bona_fide, weights)
            limit = rates.threshold_at_bpcer(SPECIES_BPCER)
            species = [
                share((scores >= limit)[own], weights[own])
                for own in (_of(seen, kind) for kind in np.unique(seen.kinds[~seen.bona_fide]))
            ]
            found |= {
                f"{prefix}cllr": cllr(nats, seen.bona_fide, weights),
                f"{prefix}auc": rates.auc,
                f"{prefix}eer": rates.eer,
                f"{prefix}apcer_at_bpcer_5": rates.apcer_at_bpcer(SPECIES_BPCER),
                f"{prefix}worst_species_apcer_at_bpcer_5": float(np.nanmax(species))
                if np.isfinite(species).any()
                else math.nan,
                f"{prefix}apcer": decided.apcer,
                f"{prefix}bpcer": decided.bpcer,
            }
        for name in ("cllr", "eer", "apcer_at_bpcer_5"):
            found[f"gain_{name}"] = found[f"mean_{name}"] - found[name]
        return found

    return bootstrap(statistic, seen.subjects, seed=seed)


def described(
    fitted: Calibration,
    captures: Captures,
    found: Mapping[str, Figure],
    source: Source,
    policy: Policy,
    settings: Settings,
) -> Calibration:
    """Put the provenance into a fitted section."""
    bona_fide, attack = captures.people(np.ones(len(captures.means), bool))
    provenance = Provenance(
        date=datetime.now(UTC).date(),
        palisade=version("palisade"),
        manifests=source.manifests,
        bona_fide=int(captures.bona_fide.sum()),
        attack=int((~captures.bona_fide).sum()),
        bona_fide_subjects=bona_fide,
        attack_subjects=attack,
        not_acquired=source.not_acquired,
        method=settings.method,
        l2=settings.l2,
        folds=settings.folds,
        seed=settings.seed,
        cllr=_bounded(found["cllr"]),
        eer=_bounded(found["eer"]),
        apcer_at_bpcer_5=_bounded(found["apcer_at_bpcer_5"]),
        mean_eer=_bounded(found["mean_eer"]),
        mean_apcer_at_bpcer_5=_bounded(found["mean_apcer_at_bpcer_5"]),
        mappings=mappings_sha256(fitted.fitted, policy.mappings),
        constants=fitted.constants_sha256,
    )
    return fitted.model_copy(update={"provenance": provenance})


def section(calibration: Calibration) -> str:
    """Write the section ``calibration`` of a policy as YAML."""
    content = calibration.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    text = yaml.safe_dump(
        {"calibration": content}, sort_keys=False, default_flow_style=None, width=98
    )
    head, _, rest = text.partition("\n")
    return (
        f"{head}\n"
        "  # Written by `palisade calibrate fusion`; docs/CALIBRATION.md says how to read it.\n"
        f"{rest}"
    )


def whole(base: Policy, calibration: Calibration) -> str:
    """Write the whole policy with the section in it, checked.

    Raises:
        CalibrationError: it is no policy.
    """
    content = base.model_dump(mode="json") | {"version": base.version + 1}
    content.pop("calibration", None)
    text = yaml.safe_dump(content, sort_keys=False, width=98) + section(calibration)
    _check(text, calibration)
    return text


def replaced(text: str, calibration: Calibration) -> str:
    """Put the section into the text of a policy, in place of the one that is there if any.

    Everything else, comments too, stays as it is.

    Raises:
        CalibrationError: what comes of it is no policy.
    """
    # The section: its first line, and what follows down to the next line that is not indented.
    own = re.compile(r"^calibration:.*\n(?:[ \t].*\n|\n(?=[ \t]))*", re.MULTILINE)
    text = text if text.endswith("\n") else text + "\n"
    new = section(calibration)
    text, times = own.subn(lambda _: new, text, count=1)
    if not times:
        text += new
    _check(text, calibration)
    return text


def manifest_of(content: bytes, rows: int) -> Manifest:
    """Name a manifest by its content."""
    return Manifest(sha256=hashlib.sha256(content).hexdigest(), rows=rows)


def report(
    calibration: Calibration,
    captures: Captures,
    found: Mapping[str, Figure],
    tested: Mapping[str, Figure],
) -> dict[str, Any]:
    """What was found, as JSON values: the headline first.

    Args:
        calibration: that was fitted.
        captures: what it was fitted on.
        found: the figures of its cross-validation.
        tested: those of other captures, if there are any.
    """
    headline: dict[str, float] = {}
    for name, figure in found.items():
        headline |= figure.flat(name)
    return {
        "headline": headline,
        "captures": len(captures.means),
        "answered": found["cllr"].n,
        "figures": {name: asdict(figure) for name, figure in found.items()},
        "test": {name: asdict(figure) for name, figure in tested.items()},
        "calibration": calibration.model_dump(mode="json"),
    }


def _of(captures: Captures, kind: str) -> NDArray[np.bool_]:
    return np.asarray(~captures.bona_fide & (captures.kinds == kind), bool)


def _bounded(figure: Figure) -> Bounded:
    def rounded(value: float | None) -> float | None:
        return None if value is None else float(f"{value:.3g}")

    if figure.value is None:
        raise CalibrationError("the captures that got a score are of one class only")
    return Bounded(
        value=float(f"{figure.value:.3g}"), low=rounded(figure.low), high=rounded(figure.high)
    )


def _check(text: str, calibration: Calibration) -> None:
    try:
        loaded = load_policy(yaml.safe_load(text))
    except (PolicyError, yaml.YAMLError) as error:
        raise CalibrationError(
            f"no policy can be made of it: {' '.join(str(error).split())}"
        ) from None
    if loaded.calibration != calibration:
        raise CalibrationError("the file has the section in a form that cannot be replaced")
