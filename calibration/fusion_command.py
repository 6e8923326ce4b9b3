"""``palisade calibrate fusion``: weigh the signals by what they are worth on your own captures."""

from __future__ import annotations

import json
import os
import signal as signals
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from calibration.errors import CalibrationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from calibration.fusion import Captures
    from evaluation.intervals import Figure
    from evaluation.items import Item
    from evaluation.looking import Progress
    from fusion.calibration import Calibration, Manifest
    from fusion.policy import Policy

MEASURED = "measured"
"""Folder in OUT with what was measured, so that another fit need not measure again."""


def fusion(
    manifests: Annotated[
        list[str],
        typer.Argument(
            metavar="MANIFEST...",
            help="CSV with path, label, kind and subject, as for `palisade evaluate`; a clip in "
            "`path` or in a column `clip` is looked at as a clip.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for policy.yaml, report.json and fusion.png.")],
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            "-p",
            help="Shipped policy or YAML file to start from: its mappings, vetoes, threshold and "
            "coverage stay, and so do signals whose worth it states.",
        ),
    ] = "hardened",
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Put the section into this policy's file as well, in place of the one it has; "
            "everything else in it stays as it is.",
        ),
    ] = None,
    signal: Annotated[
        list[str] | None,
        typer.Option(help="Fit these signals only; by default all with a weight in the policy."),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MANIFEST", help="Judge these captures, of other people, by the fit as well."
        ),
    ] = None,
    method: Annotated[
        Literal["platt", "isotonic"],
        typer.Option(help="Map of a score: a straight line, or steps where there is much data."),
    ] = "platt",
    prior: Annotated[
        float | None,
        typer.Option(
            help="Share of captures that you expect to be genuine, between 0 and 1; by default "
            "that of the policy, or 0.5."
        ),
    ] = None,
    withheld: Annotated[
        float,
        typer.Option(help="Share of genuine applicants who do not send a clip when asked for one."),
    ] = 0.1,
    bound: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Nats that a signal may say at most; ln(1 + people) by default."
        ),
    ] = None,
    l2: Annotated[float, typer.Option("--l2", min=0, help="Penalty on coefficients.")] = 1.0,
    folds: Annotated[int, typer.Option(min=2, help="Of the cross-validation, by subject.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of the folds and the intervals.")] = 0,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Captures looked at at once; one for each CPU."),
    ] = None,
) -> None:
    """Fit how signals are fused to labelled captures of your own channel.

    Each signal's score becomes a log-likelihood ratio, bounded by how many people there are to
    learn from, and a logistic regression adds them up; the score of a session is then the
    probability that it is genuine. Every figure is of people whom the fit had not seen, next to the
    weighted mean. OUT gets a whole policy with where it comes from: `palisade policy check` it, and
    `palisade policy replay` your sessions under it before you serve it.

    What was measured stays in OUT: the same command goes on where it was stopped, and with other
    options it is done in seconds.

    Example: `palisade calibrate fusion ours.csv --out fitted --policy hardened`
    """
    from calibration.commands import write
    from calibration.fusion import Settings, cross_validate, fit, fittable, judge_others
    from calibration.fusion_plots import draw
    from calibration.fusion_report import Source, described, figures, replaced, report, whole
    from fusion.policy import load_policy
    from terminal import err, progress
    from terminal import out as terminal

    base = load_policy(policy)
    if prior is None:
        prior = 0.5 if base.calibration is None else base.calibration.prior
    for name, share in (("--prior", prior), ("--withheld", withheld)):
        if not 0.0 < share < 1.0:
            raise CalibrationError(f"{name} is a share above 0 and below 1, not {share:g}")
    settings = Settings(method, prior, withheld, bound, l2, folds, seed)
    names = list(base.weights) if signal is None else list(dict.fromkeys(signal))
    if unknown := [name for name in names if base.signal(name) is None]:
        raise CalibrationError(f"{base.name} has no signal {unknown[0]}")
    jobs = jobs or os.cpu_count() or 1
    listed = _listed(manifests)
    others = None if test is None else _listed(test)
    into_text = None if into is None else _text(into)
    with _stoppable(), progress("Measuring") as update:
        captures, not_acquired = _measured(listed, base, out, jobs, update)
        tried = None if others is None else _measured(others, base, out, jobs, update)[0]
    chosen = fittable(captures, names)
    if tried is not None and (both := set(captures.subjects) & set(tried.subjects)):
        raise CalibrationError(f"--test has {len(both)} subjects that are fitted on as well")
    with err.status("Fitting …"):
        validated = cross_validate(base, captures, chosen, settings)
        found = figures(captures, validated, base, settings, seed)
        source = Source(listed.manifests, not_acquired)
        fitted = fit(base, captures, chosen, settings)
        fitted = described(fitted, captures, found, source, base, settings)
        tested: dict[str, Figure] = {}
        if tried is not None:
            judged = judge_others(fitted, captures, tried)
            tested = figures(tried, judged, base, settings, seed)
        files = {
            "policy.yaml": whole(base, fitted).encode(),
            "report.json": json.dumps(report(fitted, captures, found, tested), indent=1).encode(),
            "fusion.png": draw(captures, validated, fitted),
        }
        changed = None if into_text is None else replaced(into_text, fitted).encode()
    write(out, files)
    written = [str(out / "policy.yaml"), "report.json and fusion.png"]
    if into is not None and changed is not None:
        write(into.parent, {into.name: changed})
        written.append(str(into))
    _show(fitted, found, tested, base.threshold)
    terminal.print(
        f"{int(captures.bona_fide.sum())} bona fide captures and "
        f"{int((~captures.bona_fide).sum())} attacks with a face, {not_acquired} without; "
        "intervals of 95% by subject."
    )
    silent = [name for name in base.weights if name not in fitted.by_name]
    if silent:
        terminal.print(
            f"Not enough labelled captures for {', '.join(silent)}: counted for coverage, and says "
            "nothing. State what you take it to be worth, or give it a weight of 0.",
            style="yellow",
        )
    terminal.print(", ".join(written), soft_wrap=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Listed:
    """Captures of some manifests, N of them, each once.

    Attributes:
        manifests: by their contents.
        items: the captures.
        bona_fide: bool (N,), what their labels say.
        sources: int (N,), which manifest each is of.
    """

    manifests: tuple[Manifest, ...]
    items: Sequence[Item]
    bona_fide: NDArray[np.bool_]
    sources: NDArray[np.int_]


def _measured(
    listed: _Listed, policy: Policy, out: Path, jobs: int, update: Progress
) -> tuple[Captures, int]:
    """Measure captures: as the policy sees them, and how many had no face."""
    from calibration.fusion import as_judged
    from evaluation.sessions import measure_sessions

    sessions = measure_sessions(listed.items, out / MEASURED, jobs=jobs, on_progress=update)
    captures = as_judged(policy, listed.items, sessions, listed.bona_fide, listed.sources)
    return captures, len(listed.items) - len(captures.means)


def _listed(sources: Sequence[str]) -> _Listed:
    """Read manifests."""
    import numpy as np

    from calibration.fusion_report import manifest_of
    from evaluation.items import bona_fide, read_items
    from offline.files import FileError, opened
    from terminal import err

    manifests: list[Manifest] = []
    items: dict[tuple[str, str | None], tuple[Item, bool, int]] = {}
    twice = 0
    for number, source in enumerate(sources):
        read = read_items(source)
        try:
            with opened(read.source) as (stream, _):
                manifests.append(manifest_of(bytes(stream.read()), len(read.images)))
        except FileError as error:
            raise CalibrationError(f"{source}: {error.detail}") from None
        for item, genuine in zip(read.images, bona_fide(read), strict=True):
            key = item.location, item.clip
            if key not in items:
                items[key] = item, bool(genuine), number
                continue
            twice += 1
            if items[key][1] != genuine:
                raise CalibrationError(f"{item.path} is listed as bona fide and as an attack")
    if twice:
        err.print(f"listed twice, taken once: {twice}")
    captures, labels, numbers = zip(*items.values(), strict=True)
    return _Listed(tuple(manifests), captures, np.array(labels, bool), np.array(numbers, np.int_))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CalibrationError(f"{path}: not UTF-8 text") from None


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let Ctrl-C and a termination end it in one line; what was measured is kept."""
    signals.signal(signals.SIGTERM, signals.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        from terminal import err

        err.print("Stopped; what was measured is kept: the same command goes on.")
        raise typer.Exit(130) from None


def _show(
    fitted: Calibration, found: Mapping[str, Figure], tested: Mapping[str, Figure], threshold: float
) -> None:
    from rich.table import Table

    from terminal import out

    signals = Table(box=None, pad_edge=False)
    for column in ("signal", "basis", "bona fide", "attack", "times", "nats", "abstained"):
        signals.add_column(column, no_wrap=True)
    for name, entry in fitted.by_name.items():
        labelled = entry.labelled
        signals.add_row(
            name,
            entry.basis,
            "—" if labelled is None else f"{labelled.bona_fide} of {labelled.bona_fide_subjects}",
            "—" if labelled is None else f"{labelled.attack} of {labelled.attack_subjects}",
            f"{entry.coefficient:.2f}",
            f"{entry.coefficient * entry.bounded(0.0):+.2f} … "
            f"{entry.coefficient * entry.bounded(1.0):+.2f}",
            f"{entry.absent.abstained:+.2f}",
        )
    out.print(signals)
    for title, figures in (("judged by fits to other people", found), ("--test", tested)):
        if figures:
            compared = Table(box=None, pad_edge=False)
            for column in (title, "calibrated", "weighted mean"):
                compared.add_column(column, no_wrap=True)
            for name, words in (
                ("cllr", "Cllr, bits"),
                ("auc", "AUC"),
                ("eer", "EER"),
                ("apcer_at_bpcer_5", "APCER at BPCER 5%"),
                ("worst_species_apcer_at_bpcer_5", "worst species there"),
                ("apcer", f"APCER at {threshold:g}"),
                ("bpcer", f"BPCER at {threshold:g}"),
            ):
                compared.add_row(words, str(figures[name]), str(figures[f"mean_{name}"]))
            out.print(compared)
