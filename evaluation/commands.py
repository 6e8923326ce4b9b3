"""``palisade evaluate``: how well the checks do on labelled data, on the command line."""

from __future__ import annotations

import os
import signal as signals
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from evaluation.labels import ATTACK, BONA_FIDE
from terminal import err, progress
from terminal import out as terminal

if TYPE_CHECKING:
    from evaluation.protocols import Run

app = typer.Typer(
    help="Measure how well the checks do on labelled data, with intervals.\n\n"
    "MANIFEST is a CSV with `path` (relative to it), `label`, `kind` (of an attack, its species) "
    "and `subject`: whoever or whatever several images have in common, because intervals and "
    "thresholds are by subject.\n\n"
    "OUT gets `report.json`, which begins with the headline, `summary.md`, `items.csv` and plots, "
    "all at once when everything is measured. What documents say is not reported.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

LABELS = f"Bona fide are the labels {', '.join(BONA_FIDE)}; attacks are {', '.join(ATTACK)}."

Manifest = Annotated[
    str,
    typer.Argument(
        metavar="MANIFEST", help="CSV with path, label, kind and subject; a path or a URL."
    ),
]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the results.")]
Policies = Annotated[
    list[str],
    typer.Option(
        "--policy",
        "-p",
        help="Shipped policy or YAML file; the first gives the headline, more stand beside it.",
    ),
]
ThresholdFrom = Annotated[
    str | None,
    typer.Option(
        metavar="MANIFEST",
        help="Choose a threshold on this manifest, and report its errors on the other.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Of the draws behind the intervals.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Images looked at at once; one for each CPU."),
]

PROFILES = ["hardened", "faithful"]


@app.command(
    help="Live faces against photographs of faces, in single images.\n\n"
    f"{LABELS} The headline is that of ISO/IEC 30107-3: `hter` is at the threshold of the equal "
    "error rate on the other manifest where there is one, else at the policy's own.\n\n"
    "Example: `palisade evaluate pad test.csv results --threshold-from devel.csv`"
)
def pad(
    manifest: Manifest,
    out: Out,
    signal: Annotated[
        Literal["liveness"], typer.Option(help="Whose score is measured.")
    ] = "liveness",
    policy: Policies = PROFILES,
    threshold_from: ThresholdFrom = None,
    insist: Annotated[
        bool,
        typer.Option("--insist", help="Count what the signal abstains on as if it had answered."),
    ] = False,
    seed: Seed = 0,
    jobs: Jobs = None,
) -> None:
    """Measure presentation attack detection."""
    from detectors.liveness import Liveness
    from evaluation.faces import FaceSignal, headed, liveness_profile
    from evaluation.protocols import measure_scores
    from evaluation.scores import EQUAL

    with _running("pad", manifest, out, threshold_from, seed, jobs) as run:
        profiles = [liveness_profile(source, Liveness) for source in dict.fromkeys(policy)]
        measured = FaceSignal(Liveness(), insist=insist)
        summary = measure_scores(measured, Liveness, profiles, run, criterion=EQUAL, headed=headed)
        _show(summary, run.out)


@app.command(
    help="Photographs of screens against photographs of things, by the moiré check.\n\n"
    f"{LABELS}\n\nExample: `palisade evaluate moire screens/manifest.csv results`"
)
def moire(
    manifest: Manifest,
    out: Out,
    policy: Policies = PROFILES,
    threshold_from: ThresholdFrom = None,
    seed: Seed = 0,
    jobs: Jobs = None,
) -> None:
    """Measure the moiré check."""
    with _running("moire", manifest, out, threshold_from, seed, jobs) as run:
        _check(run, policy)


@app.command(
    help="Edited photographs against untouched ones, by error levels and what goes with them.\n\n"
    f"{LABELS}\n\nExample: `palisade evaluate tamper edits/manifest.csv results`"
)
def tamper(
    manifest: Manifest,
    out: Out,
    policy: Policies = PROFILES,
    threshold_from: ThresholdFrom = None,
    seed: Seed = 0,
    jobs: Jobs = None,
) -> None:
    """Measure error level analysis."""
    with _running("tamper", manifest, out, threshold_from, seed, jobs) as run:
        _check(run, policy)


@app.command()
def barcode(manifest: Manifest, out: Out, seed: Seed = 0, jobs: Jobs = None) -> None:
    """How many barcodes are read right.

    The truth of `X.png` is in the column `truth`, or beside it in `X.gt.txt`, `X.txt` or, as bytes,
    `X.bin`; columns such as `surname` and `document_number` have that of fields. Labels are not
    looked at.

    Example: `palisade evaluate barcode barcodes/manifest.csv results`
    """
    with _running("barcode", manifest, out, None, seed, jobs) as run:
        _reader(run)


@app.command()
def mrz(manifest: Manifest, out: Out, seed: Seed = 0, jobs: Jobs = None) -> None:
    """How many lines of machine-readable zones are read right.

    An image is a crop of one line or a whole document. The truth of `X.png`, a line of text for
    each line of the zone, is in the column `truth`, or beside it in `X.gt.txt` or `X.txt`; columns
    such as `surname` and `document_number` have that of fields. Labels are not looked at.

    Example: `palisade evaluate mrz lines/manifest.csv results`
    """
    with _running("mrz", manifest, out, None, seed, jobs) as run:
        _reader(run)


def _check(run: Run, policies: list[str]) -> None:
    from evaluation.documents import check_of
    from evaluation.protocols import measure_check, profile_of

    check = check_of(run.what)
    profiles = [profile_of(source, type(check)) for source in dict.fromkeys(policies)]
    _show(measure_check(check, profiles, run), run.out)


def _reader(run: Run) -> None:
    from evaluation.documents import TRANSCRIBERS, TRUTHS
    from evaluation.protocols import measure_reader

    _show(measure_reader(TRANSCRIBERS[run.what](), TRUTHS[run.what], run), run.out)


@contextmanager
def _running(
    what: str, manifest: str, out: Path, threshold_from: str | None, seed: int, jobs: int | None
) -> Iterator[Run]:
    """Show how it goes, and let Ctrl-C and a termination end it in one line."""
    import cv2

    from evaluation.protocols import Run

    cv2.setNumThreads(1)  # images side by side are the parallelism
    signals.signal(signals.SIGTERM, signals.default_int_handler)
    jobs = jobs or os.cpu_count() or 1
    try:
        with progress("Looking") as update:
            yield Run(what, manifest, out, threshold_from, seed, jobs, update)
    except KeyboardInterrupt:
        err.print("Stopped; nothing was written.")
        raise typer.Exit(130) from None


def _show(summary: str, out: Path) -> None:
    from rich.markdown import Markdown

    terminal.print(Markdown(summary))
    terminal.print(f"{out / 'report.json'}, summary.md, items.csv and plots", soft_wrap=True)
