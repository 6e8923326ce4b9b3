"""What every signal and the fused score separate, under both profiles, and what they do not.

``python -m benchmarks.results DATA OUT`` measures the sets of ``DATA/manifest.csv``, judges what
was measured under every shipped policy, and writes ``RESULTS.md`` and its plots to the folder that
``--docs`` names. ``OUT`` keeps what was measured, so that a stopped run goes on, and gets
``results.json`` with every figure. Signals come from the registry: a new one has its section.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from benchmarks import findings
from benchmarks.findings import Measured
from benchmarks.sets import SETS, DataSet
from evaluation.blocks import markdown
from evaluation.errors import EvaluationError
from evaluation.intervals import Figure
from evaluation.items import Item, read_items
from evaluation.labels import ATTACK, BONA_FIDE
from evaluation.sessions import basis, measure_parts
from fusion.policy import SHIPPED, PolicyError, load_policy
from models.store import ACCEPT_RESEARCH
from offline.errors import BatchError
from terminal import err, progress


def results(
    data: Annotated[Path, typer.Argument(help="Folder with manifest.csv.")],
    out: Annotated[Path, typer.Argument(help="Folder that keeps what was measured.")],
    docs: Annotated[Path, typer.Option(help="Folder for RESULTS.md and its plots.")] = Path("docs"),
    limit: Annotated[int | None, typer.Option(min=1, help="Images per class at most.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples and intervals.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; one for each CPU.")] = None,
) -> None:
    """Measure what the signals and their fusion separate."""
    cv2.setNumThreads(1)
    listed = read_items(str(data.resolve() / "manifest.csv")).images
    chosen = {of: draw(of, listed, limit, seed) for of in SETS}
    tasks = [(item, of.look) for of, items in chosen.items() for item in items]
    if not tasks:
        raise EvaluationError(f"{data}: none of its files belongs to a set that is measured")
    with progress("Measuring") as update:
        sessions = measure_parts(tasks, out, jobs=jobs or os.cpu_count() or 1, on_progress=update)
    policies = {name: load_policy(name) for name in SHIPPED}
    measured = {}
    for of, items in chosen.items():
        own, sessions = sessions[: len(items)], sessions[len(items) :]
        if items:
            measured[of.name] = Measured(of, items, own, policies, seed)
    options = f"--seed {seed}" + (f" --limit {limit}" if limit else "")
    accepted = f"{ACCEPT_RESEARCH}=1 " * (os.environ.get(ACCEPT_RESEARCH) == "1")
    about = {
        "command": f"{accepted}python -m benchmarks.results DATA OUT {options}",
        "policies": {name: policy.sha256 for name, policy in policies.items()},
        "measured_by": basis(),
        "not_measured": [of.name for of, items in chosen.items() if not items],
        "seed": seed,
    }
    with err.status("Working out intervals …"):
        blocks, figures = findings.write(about, measured, docs)
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "RESULTS.md").write_text(markdown(blocks), "utf-8")
    text = json.dumps({"about": about, **figures}, indent=1, default=_plain)
    (out / "results.json").write_text(text + "\n", "utf-8")
    print(docs / "RESULTS.md")


def draw(of: DataSet, listed: tuple[Item, ...], limit: int | None, seed: int) -> list[Item]:
    """Choose the images of a set, the same for the same seed, in the order of the manifest."""
    rng = np.random.default_rng(seed)
    chosen: list[Item] = []
    most = min((n for n in (of.per_class, limit) if n), default=None)
    for folders, labels in ((of.real, BONA_FIDE), (of.attack, ATTACK)):
        own = [item for item in listed if item.path.startswith(folders) and item.label in labels]
        kept = sorted(rng.permutation(len(own))[:most])
        chosen += [of.described(own[at]) for at in kept]
    return chosen


def _plain(value: Any) -> Any:
    if isinstance(value, Figure):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} does not belong into results")


def main() -> None:
    """Run the command; what the user can put right is one line on stderr and exit code 2."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(results)
    try:
        app()
    except (BatchError, EvaluationError, PolicyError, OSError) as error:
        err.print(f"results: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
