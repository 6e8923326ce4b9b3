"""``palisade calibrate liveness``: the line between live and not, for one camera."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from calibration.errors import CalibrationError

if TYPE_CHECKING:
    from calibration.liveness import Calibration

FEW = 100
"""Live faces below which the share that is stopped is hardly known."""


def liveness(
    manifest: Annotated[
        str,
        typer.Argument(metavar="MANIFEST", help="CSV with path, label, kind and subject."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for liveness.yaml and liveness.png.")],
    percentile: Annotated[
        float, typer.Option(min=0, max=50, help="Of the live faces that may be stopped.")
    ] = 2.0,
    margin: Annotated[
        float,
        typer.Option(
            min=0, help="How far beyond it the line is, in distances from it to the median."
        ),
    ] = 0.1,
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            "-p",
            envvar="PALISADE_POLICY",
            help="hardened, or the path of a YAML file whose line is moved.",
        ),
    ] = "hardened",
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Images looked at at once; one for each CPU."),
    ] = None,
) -> None:
    """Move the line between live and not to where the live faces of your camera pass.

    MANIFEST lists live faces and, if there are any, attacks: they do not move the line but say
    what it is worth. OUT gets `liveness.yaml`, the signal's entry to paste into your policy, and
    `liveness.png`. No picture is kept, and nothing is written unless all of it is.

    Example: `palisade calibrate liveness camera.csv --out calibrated`
    """
    from calibration.commands import write
    from calibration.liveness import Settings, Shot, calibrate, fragment
    from calibration.liveness_plot import histogram
    from evaluation.items import bona_fide, read_items
    from evaluation.sessions import Whole, measure_sessions
    from fusion.policy import load_policy
    from offline.files import opened
    from terminal import progress

    base = load_policy(policy, os.environ)
    items = read_items(manifest)
    live = bona_fide(items)
    with opened(items.source) as (stream, _):
        content = bytes(stream.read())
    if not live.any():
        raise CalibrationError(f"{manifest}: none of its images is of a live face")
    with TemporaryDirectory() as kept, progress("Looking") as update:
        found = measure_sessions(
            items.images,
            Path(kept),
            whole=Whole(("liveness",)),
            jobs=jobs or os.cpu_count() or 1,
            on_progress=update,
        )
    shots = [
        Shot(bool(of_live), item.subject, session.measured["liveness"])
        for item, of_live, session in zip(items.images, live, found, strict=True)
    ]
    calibration = calibrate(base, shots, Settings(percentile, margin))
    text = fragment(calibration, Path(manifest).name, content)
    write(out, {"liveness.yaml": text.encode(), "liveness.png": histogram(calibration)})
    _show(calibration, out)


def _show(found: Calibration, folder: Path) -> None:
    from rich.table import Table

    from terminal import out

    table = Table(box=None, pad_edge=False)
    for column in ("", "judged", "silent", "stopped before", "stopped as proposed"):
        table.add_column(column, no_wrap=True)
    for name, values, silent in (
        ("live", found.live, found.silent_live),
        ("attacks", found.attacks, found.silent_attacks),
    ):
        table.add_row(
            name,
            str(len(values)),
            str(silent),
            str(found.stopped(values, found.before)),
            str(found.stopped(values, found.after)),
        )
    out.print(table)
    out.print(f"{found.field}: {found.before:g}, proposed: {found.after:g}")
    if len(found.live) < FEW:
        out.print(
            f"{len(found.live)} live faces are few: take {FEW} and more, of many people.",
            style="yellow",
        )
    out.print(f"{folder / 'liveness.yaml'} and liveness.png", soft_wrap=True)
