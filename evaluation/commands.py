"""``palisade evaluate``: how well the checks do on labelled data, on the command line."""

from __future__ import annotations

import os
import signal as signals
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluation.errors import EvaluationError
from evaluation.labels import ATTACK, BONA_FIDE
from terminal import err, progress
from terminal import out as terminal

if TYPE_CHECKING:
    from evaluation.faces import Question
    from evaluation.protocols import Run

app = typer.Typer(
    help="Measure how well the checks do on labelled data, with intervals.\n\n"
    "MANIFEST is a CSV with `path` (relative to it), `label`, `kind` (of an attack, its species) "
    "and `subject`: whoever or whatever several images have in common, because intervals and "
    "thresholds are by subject.\n\n"
    "OUT gets `report.json`, which begins with the headline, `report.html`, `summary.md`, "
    "`items.csv` and plots, all at once when everything is measured. What documents say is not "
    "reported.",
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

WHOSE = typer.Option(help="Whose score the headline is of: a signal, or `fused`.")
"""Of an option that has a default in one command, and in another depends on what is here."""

Insist = Annotated[
    bool,
    typer.Option("--insist", help="Count what the signal abstains on as if it had answered."),
]
Whole = Annotated[
    bool,
    typer.Option(
        "--whole/--alone", help="Measure every signal and the fused score, or the one signal alone."
    ),
]

PROFILES = ["hardened", "faithful"]

KEPT = ("pad", "deepfake")
"""Evaluations that go on where they were stopped."""


@app.command(
    help="Live faces against photographs and replays of faces, in images and clips.\n\n"
    f"{LABELS} The headline is that of ISO/IEC 30107-3, of the signal `liveness` unless `--signal` "
    "says otherwise: `hter` is at the threshold of the equal error rate on the other manifest "
    "where there is one, else at the policy's own. Beside it stand every signal and the fused "
    "score. "
    "A run that was stopped goes on from what OUT keeps.\n\n"
    "Example: `palisade evaluate pad test.csv results --threshold-from devel.csv`"
)
def pad(
    manifest: Manifest,
    out: Out,
    signal: Annotated[str, WHOSE] = "liveness",
    policy: Policies = PROFILES,
    threshold_from: ThresholdFrom = None,
    insist: Insist = False,
    whole: Whole = True,
    seed: Seed = 0,
    jobs: Jobs = None,
) -> None:
    """Measure presentation attack detection."""
    from evaluation.faces import Question

    with _running("pad", manifest, out, threshold_from, seed, jobs) as run:
        _faces(run, Question(_known(signal), whole=whole, insist=insist), policy)


@app.command(
    help="Photographs of people against generated and manipulated ones.\n\n"
    f"{LABELS} The headline, of the signal `deepfake` where its weights are here and of "
    "`gan_texture` elsewhere, begins with `auc`. Attacks are told apart by `kind`, the method that "
    "made them, and by `family`, an optional column. A run that was stopped goes on from what OUT "
    "keeps.\n\n"
    "Example: `palisade evaluate deepfake faces.csv results --threshold-from devel.csv`"
)
def deepfake(
    manifest: Manifest,
    out: Out,
    signal: Annotated[str | None, WHOSE] = None,
    policy: Policies = PROFILES,
    threshold_from: ThresholdFrom = None,
    insist: Insist = False,
    whole: Whole = True,
    seed: Seed = 0,
    jobs: Jobs = None,
) -> None:
    """Measure the detection of generated and manipulated faces."""
    from evaluation.faces import DEEPFAKE, Question, of_deepfakes

    with _running("deepfake", manifest, out, threshold_from, seed, jobs) as run:
        asked = of_deepfakes() if signal is None else _known(signal)
        question = Question(asked, DEEPFAKE, whole=whole, insist=insist, methods=True)
        _faces(run, question, policy)


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


def _known(signal: str) -> str:
    from evaluation.faces import signals_here

    if signal not in signals_here():
        raise EvaluationError(
            f"there is no signal {signal!r}; there are {', '.join(signals_here())}"
        )
    return signal


def _faces(run: Run, question: Question, policies: list[str]) -> None:
    from evaluation.faces import measure_faces
    from fusion.policy import load_policy

    loaded = {source: load_policy(source) for source in dict.fromkeys(policies)}
    _show(measure_faces(question, loaded, run), run.out)


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
        kept = what in KEPT and "what was measured is kept, and the same command goes on"
        err.print(f"Stopped; {kept or 'nothing was written'}.")
        raise typer.Exit(130) from None


def _show(summary: str, out: Path) -> None:
    from rich.markdown import Markdown

    terminal.print(Markdown(summary))
    terminal.print(
        f"{out / 'report.json'}, report.html, summary.md, items.csv, plots", soft_wrap=True
    )
