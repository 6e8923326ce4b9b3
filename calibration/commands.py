"""``palisade calibrate``, and ``palisade quality``: the gate on the command line."""

from __future__ import annotations

import os
import sys
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from calibration.errors import CalibrationError
from calibration.fusion_command import fusion
from calibration.liveness_command import liveness

if TYPE_CHECKING:
    from calibration.quality import Calibration
    from detectors.contracts import Measures
    from detectors.face import FaceLocator

app = typer.Typer(
    help="Fit the policy to your cameras and people.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Policy = Annotated[
    str,
    typer.Option(
        "--policy",
        "-p",
        envvar="PALISADE_POLICY",
        help="faithful or hardened, or the path of a YAML file: says which checks there are.",
    ),
]

FEW = 30
"""Good shots below which a percentile is hardly more than the worst of them."""

app.command()(fusion)


@app.command()
def quality(
    out: Annotated[Path, typer.Option(help="Folder for quality.yaml and quality.png.")],
    good: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Shots that should pass.")
    ] = None,
    bad: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Shots that should not.")
    ] = None,
    camera: Annotated[
        int | None,
        typer.Option(metavar="INDEX", min=0, help="Take the good shots with this camera."),
    ] = None,
    shots: Annotated[int, typer.Option(min=1, help="How many, with --camera.")] = 60,
    every: Annotated[float, typer.Option(min=0, help="Seconds between them.")] = 0.5,
    percentile: Annotated[
        float, typer.Option(min=0, max=50, help="Of the good shots that may fail a check.")
    ] = 1.0,
    margin: Annotated[
        float,
        typer.Option(
            min=0, help="How far beyond it the limit is, in distances from it to the median."
        ),
    ] = 0.1,
    policy: Policy = "faithful",
) -> None:
    """Propose limits of the quality gate from pictures, and say what each would refuse.

    OUT gets `quality.yaml`, a section to paste into your policy, and `quality.png` with the
    histograms. Checks of the camera move both ways; those that depend on people are only loosened.
    No picture is kept, and nothing is written unless all of it is.

    Example: `palisade calibrate quality --good selfies --bad rejected --out calibrated`
    """
    from calibration.plots import histograms
    from calibration.quality import Settings, calibrate, fragment
    from calibration.shots import files_of
    from detectors.face import FaceLocator
    from fusion.policy import load_policy
    from terminal import err

    if (good is None) == (camera is None):
        raise CalibrationError("give either --good FOLDER or --camera INDEX")
    base = load_policy(policy, os.environ)
    # Both are listed before the first is looked at, which takes long.
    folders = {folder: files_of(folder) for folder in (good, bad) if folder is not None}
    locator = FaceLocator()
    locator.load()
    passing = (
        _taken(locator, camera, shots, every)
        if camera is not None
        else _measured(locator, folders[good or Path()])
    )
    failing = [] if bad is None else _measured(locator, folders[bad])
    found = calibrate(base, passing, failing, Settings(percentile, margin))
    if len(passing) > found.good:
        err.print(f"good shots without a face, left out: {len(passing) - found.good}")
    write(out, {"quality.yaml": fragment(found).encode(), "quality.png": histograms(found)})
    _show(found, out)


app.command()(liveness)


def look(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="JPEG, PNG or WebP.")],
    policy: Policy = "faithful",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say how good a selfie is, as the gate sees it.

    Example: `palisade quality face.jpg --policy hardened`

    The exit code is 0 whenever the image could be looked at, whether it is good or not.
    """
    from fusion.policy import load_policy
    from fusion.quality import result
    from pipeline import FaceStage
    from terminal import err, out, quality_panel

    chosen = load_policy(policy, os.environ)
    try:
        data = image.read_bytes()
    except OSError as error:
        raise CalibrationError(f"{image}: {error.strerror}") from None
    with err.status("Looking …"):
        looked = FaceStage().look(data)
    answer = result(chosen.quality, looked.quality, looked.box)
    if as_json:
        sys.stdout.buffer.write(answer.to_json() + b"\n")
    else:
        out.print(quality_panel(answer, str(image)))


def _measured(locator: FaceLocator, files: list[Path]) -> list[Measures]:
    """Measure files; one that cannot be read is named and skipped."""
    from calibration.shots import read_shot
    from terminal import err, progress

    measures = []
    with progress("Looking") as update:
        for done, path in enumerate(files, 1):
            pixels = read_shot(path)
            if isinstance(pixels, str):
                err.print(f"skipped {path}: {pixels}", markup=False, soft_wrap=True)
            else:
                measures.append(locator.locate(pixels).quality)
            update(done, len(files))
    return measures


def _taken(locator: FaceLocator, index: int, shots: int, every_s: float) -> list[Measures]:
    """Take shots with a camera and measure them."""
    from calibration.shots import camera
    from terminal import progress

    measures: list[Measures] = []
    with camera(index, every_s) as taken, progress("Taking shots") as update:
        for pixels in islice(taken, shots):
            measures.append(locator.locate(pixels).quality)
            update(len(measures), shots)
    if not measures:
        raise CalibrationError(f"camera {index} gave no picture")
    return measures


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write all files, or none: each is whole before the first takes its place."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".calibration-", dir=folder) as aside:
            for name, content in files.items():
                Path(aside, name).write_bytes(content)
            for name in files:
                Path(aside, name).replace(folder / name)
    except OSError as error:
        raise CalibrationError(f"{error.filename or folder}: {error.strerror}") from None


def _show(found: Calibration, folder: Path) -> None:
    from rich.table import Table

    from fusion.quality import SUBJECTS, Check
    from terminal import out

    def limits(check: Check) -> str:
        edges = [("≥", check.least), ("≤", check.most)]
        return " ".join(f"{sign} {edge.limit:g}" for sign, edge in edges if edge)

    table = Table(box=None, pad_edge=False)
    for column in ("check", "measure", "was", "proposed", "refuses good", "refuses bad"):
        table.add_column(column, no_wrap=True)
    for proposal in found.proposals:
        table.add_row(
            proposal.name,
            SUBJECTS[proposal.name].measure,
            limits(proposal.before),
            limits(proposal.check),
            f"{proposal.refused_good} of {len(proposal.good)}",
            f"{proposal.refused_bad} of {len(proposal.bad)}" if len(proposal.bad) else "—",
        )
    bad = f"{found.refused_bad} of {found.bad}" if found.bad else "—"
    table.add_row("all", "", "", "", f"{found.refused_good} of {found.good}", bad, style="bold")
    out.print(table)
    if found.good < FEW:
        out.print(f"{found.good} good shots are few: take {FEW} and more.", style="yellow")
    out.print(f"{folder / 'quality.yaml'} and quality.png", soft_wrap=True)
