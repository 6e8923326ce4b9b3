"""What each signal, and the fused score, separates on real captures and attacks.

``python -m benchmarks.separation DATA OUT`` measures samples of ``DATA/manifest.csv``, judges the
measurements under every shipped policy, prints Markdown tables, and writes them to
``OUT/separation.md`` and ``OUT/separation.json``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.report import markdown
from benchmarks.sessions import (
    DataError,
    How,
    Session,
    Task,
    balanced,
    measure,
    prepare_worker,
    read_manifest,
)
from benchmarks.summary import Judged, pulse_rule, summarise
from detectors.contracts import OPTIONAL
from detectors.registry import DETECTORS
from fusion.judge import Judge
from fusion.policy import SHIPPED, PolicyError, load_policy
from fusion.verdict import Verdict
from terminal import err, progress

WORKERS = 2


@dataclass(frozen=True, slots=True)
class DataSet:
    """Genuine captures and attacks of one kind.

    Attributes:
        name: in the tables.
        real: the folders of the genuine captures.
        attack: the folders of the attacks.
        per_class: at most so many of each.
        how: what is done to them first.
    """

    name: str
    real: tuple[str, ...]
    attack: tuple[str, ...]
    per_class: int | None = None
    how: How = "image"

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that can look at such captures."""
        of_clips = {d.name: [n for n in d.needs if n.startswith("clip.")] for d in DETECTORS}
        if self.how == "clip":
            return tuple(name for name, needs in of_clips.items() if needs)
        return tuple(
            name for name, needs in of_clips.items() if all(n.endswith(OPTIONAL) for n in needs)
        )


FFHQ = ("synthetic/ffhq_real/",)
LIVE_CLIPS = ("videos/live/", "videos/pulse/")

DATA_SETS = (
    DataSet("replay_attack", ("pad/replay_attack/",), ("pad/replay_attack/",), 150),
    DataSet("collectors", ("pad/collectors/",), ("pad/collectors/",)),
    DataSet("stylegan2", FFHQ, ("synthetic/stylegan2/",), 60, "one_size"),
    DataSet("stylegan2", FFHQ, ("synthetic/stylegan2/",), 60, "one_face"),
    DataSet("sd3_portraits", FFHQ, ("synthetic/sd3_portraits/",), 60, "one_size"),
    DataSet("sd3_portraits", FFHQ, ("synthetic/sd3_portraits/",), 60, "one_face"),
    DataSet("gan_512", FFHQ, ("synthetic/gan_512/",), 60, "one_size"),
    DataSet("gan_512", FFHQ, ("synthetic/gan_512/",), 60, "one_face"),
    DataSet("replay", LIVE_CLIPS, ("videos/replay/",), None, "clip"),
    DataSet("deepfake", LIVE_CLIPS, ("videos/deepfake/",), None, "clip"),
)


def separation(
    data: Annotated[Path, typer.Argument(help="Folder with manifest.csv.")],
    out: Annotated[Path, typer.Argument(help="Folder for the results.")],
    policy: Annotated[str, typer.Option(help="Maps the single signals.")] = "faithful",
    limit: Annotated[int | None, typer.Option(min=1, help="Samples per class at most.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples and intervals.")] = 0,
) -> None:
    """Measure what the signals separate."""
    policies = {name: load_policy(name) for name in dict.fromkeys((policy, *SHIPPED))}
    manifest = read_manifest(data)
    chosen = {
        data_set: [
            sample
            for real, folders in ((True, data_set.real), (False, data_set.attack))
            for sample in balanced(
                [s for s in manifest.samples if s.real is real and s.path.startswith(folders)],
                min(filter(None, (data_set.per_class, limit)), default=None),
                seed,
            )
        ]
        for data_set in DATA_SETS
    }
    if not any(chosen.values()):
        raise DataError(f"{data / 'manifest.csv'}: none of its files belongs to a data set here")
    out.mkdir(parents=True, exist_ok=True)
    tasks = {Task(data / s.path, d.how) for d, drawn in chosen.items() for s in drawn}
    sessions = measure_all(sorted(tasks, key=lambda task: (task.how != "clip", task.path)))

    judges = {name: Judge(loaded) for name, loaded in policies.items()}
    judged = {
        data_set: [
            Judged(sample, session, _verdicts(judges, session))
            for sample in drawn
            for session in sessions[Task(data / sample.path, data_set.how)]
            if session.seconds is None
        ]
        for data_set, drawn in chosen.items()
    }
    clips = [
        (sample, session)
        for sample in {s for d, drawn in chosen.items() if d.how == "clip" for s in drawn}
        for session in sessions[Task(data / sample.path, "clip")]
    ]
    report = {
        "policy": policy,
        "seed": seed,
        "limit": limit,
        "policies": {name: p.sha256 for name, p in policies.items()},
        "rows_with_other_labels": manifest.other,
        "missing_files": manifest.missing,
        "empty": [data_set.name for data_set, drawn in chosen.items() if not drawn],
        "data_sets": [
            {"name": data_set.name, "how": data_set.how}
            | summarise(rows, data_set.signals, policy, seed)
            for data_set, rows in judged.items()
            if rows
        ],
        "pulse_rule": pulse_rule(clips, seed),
    }
    text = markdown(report)
    (out / "separation.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    (out / "separation.md").write_text(text, "utf-8")
    print(text, end="")


def measure_all(tasks: Sequence[Task]) -> dict[Task, list[Session]]:
    """Measure every task in worker processes, with a progress bar."""
    for library in ("OMP", "OPENBLAS"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    # Not forked: MediaPipe's and ONNX Runtime's threads do not survive it.
    workers = ProcessPoolExecutor(WORKERS, get_context("spawn"), prepare_worker)
    with workers, progress("Measuring") as update:
        running = {workers.submit(measure, task): task for task in tasks}
        measured = {}
        for done in as_completed(running):
            measured[running[done]] = done.result()
            update(len(measured), len(tasks), running[done].path.name)
    return measured


def _verdicts(judges: dict[str, Judge], session: Session) -> dict[str, Verdict]:
    return {
        name: judge.verdict("benchmark", session.measured, session.face)
        for name, judge in judges.items()
    }


def main() -> None:
    """Run the command; what the user can put right is one line on stderr and exit code 2."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(separation)
    try:
        app()
    except (DataError, PolicyError, OSError) as error:
        err.print(
            f"separation: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
