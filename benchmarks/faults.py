"""``python -m benchmarks.faults``: break one thing after another under constant load.

What is required of each fault stands in :mod:`benchmarks.trial`.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from benchmarks import harm
from benchmarks.breakable import FOLDER
from benchmarks.cluster import Cluster, cluster
from benchmarks.harm import Fault, Site
from benchmarks.postgres import Postgres, binaries, postgres
from benchmarks.serving import serving
from benchmarks.trial import Ledger, Row, attempt
from benchmarks.witness import Outcome, Sample
from demo import scenes
from deployments.config import read_config, with_policy
from deployments.environment import prepare
from fusion.policy import Policy, load_policy
from media.capture import Capture
from pipeline import Pipeline
from sessions.url import SPOOL, STORE
from terminal import out, progress, silence_native_logs

Opened = tuple[Site, Ledger]
Opener = Callable[[], AbstractContextManager[Opened]]

TWICE = ("Ingress", "Face", "Fusion")
"""What no verdict can do without: one replica on each of two nodes."""


# Where it happens


@contextmanager
def one_node() -> Iterator[Opened]:
    """A graph on one node; its store is PostgreSQL where this machine has it, or SQLite."""
    programs = binaries()
    with ExitStack() as stack:
        disk = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgres(programs)) if programs else None
        yield stack.enter_context(_opened(config(), disk, server=server))


@contextmanager
def small_disk() -> Iterator[Opened]:
    """A graph whose store, in SQLite, and spool have a small disk of their own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        harm.mounted(Path(folder), 32) as small,
        _opened(config(), Path(folder), small=small) as opened,
    ):
        yield opened


@contextmanager
def two_nodes() -> Iterator[Opened]:
    """A graph on two nodes of a real cluster on this machine."""
    with tempfile.TemporaryDirectory() as folder, cluster(_environment(Path(folder))) as nodes:
        nodes.start("head")
        nodes.start("side")
        with _opened(config_for_two(), Path(folder), nodes=nodes) as opened:
            yield opened


@contextmanager
def _opened(
    raw: dict[str, Any],
    disk: Path,
    *,
    server: Postgres | None = None,
    small: bool = False,
    nodes: Cluster | None = None,
) -> Iterator[Opened]:
    environment = _environment(disk, server)
    if nodes:
        environment |= nodes.environment
    broken = Path(environment[FOLDER])
    broken.mkdir()
    with serving(raw, environment) as (url, root):
        site = Site(url, root, broken, disk, small, server, nodes)
        yield site, Ledger(url, environment[STORE], Path(environment[SPOOL]))


def _environment(disk: Path, server: Postgres | None = None) -> dict[str, str]:
    """Say where a graph keeps its sessions, and looks for how its detectors are broken."""
    return {
        STORE: server.url if server else f"sqlite:///{disk / harm.STORE}",
        SPOOL: str(disk / "spool"),
        FOLDER: str(disk / "broken"),
    }


STAGES: tuple[tuple[Opener, tuple[Fault, ...]], ...] = (
    (
        one_node,
        (
            *harm.KILL_REPLICAS,
            harm.KILL_PROXY,
            harm.KILL_CONTROLLER,
            harm.HANG,
            harm.RAISE,
            harm.LIE,
            harm.KILL_STORE,
        ),
    ),
    (small_disk, (harm.LOCK_STORE, harm.FILL_DISK)),
    (two_nodes, (harm.KILL_NODE,)),
)
FAULTS = [fault.name for _, faults in STAGES for fault in faults]


# What is served, and what is sent


def strict() -> Policy:
    """A policy under which some of what is sent must not be accepted.

    The screen fails by its score, and only if its eyes are looked at; the print by a veto.
    """
    raw = load_policy("faithful").model_dump(mode="json")
    raw |= {"name": "campaign", "threshold": 0.65}
    raw["enforcement"] = {"enforce": True, "percent": 100}
    raw["signals"]["parallax"]["veto_below"] = 0.05
    return load_policy(raw)


def config() -> dict[str, Any]:
    """The Serve config of one node, with detectors that can be broken."""
    raw = with_policy(read_config("cpu"), strict())
    raw["applications"][0]["import_path"] = "benchmarks.breakable:build"
    return raw


def config_for_two() -> dict[str, Any]:
    """The Serve config of two nodes; each detector would rather be on one of them."""
    raw = config()
    for index, node in enumerate(raw["applications"][0]["deployments"]):
        node["ray_actor_options"] = {"num_cpus": 0.1}
        if node["name"] in TWICE:
            node |= {"num_replicas": 2, "max_replicas_per_node": 1}
        else:
            node["ray_actor_options"] |= {
                "label_selector": {"place": ("head", "side")[index % 2]},
                "fallback_strategy": [{"label_selector": {}}],
            }
    return raw


def samples() -> list[Sample]:
    """What is sent in turn: selfies, a clip, and uploads that must be refused."""
    pipeline = Pipeline(strict())

    def judged(name: str, selfie: bytes, clip: bytes | None = None) -> Sample:
        parts = {"selfie": selfie} | ({} if clip is None else {"clip": clip})
        return Sample(name, parts, pipeline.verify(Capture(selfie, clip)).decision)

    person, screen, paper = scenes()
    selfie = judged("selfie", person.selfie)
    replay = judged("replay", screen.selfie)
    clip = judged("print with clip", paper.selfie, paper.clip)
    cut_off = Sample("cut off", {"selfie": person.selfie[:2000]}, None)
    no_clip = Sample("no clip", {"selfie": person.selfie, "clip": b"MZ" + bytes(5000)}, None)
    return [selfie, replay, selfie, cut_off, selfie, replay, clip, selfie, replay, no_clip]


# The campaign


def campaign(chosen: Sequence[str], clients: int, seconds: float) -> list[Row]:
    """Try every chosen fault, stage by stage, with a progress bar."""
    rows: list[Row] = []
    with progress("Breaking things") as update:
        sent = samples()
        for opener, faults in STAGES:
            wanted = [fault for fault in faults if fault.name in chosen]
            if not wanted:
                continue
            update(len(rows), len(chosen), "a graph to start")
            with opener() as (site, ledger):
                for fault in wanted:
                    update(len(rows), len(chosen), fault.name)
                    rows.append(_row(site, fault, ledger, sent, clients, seconds))
    return rows


def _row(
    site: Site,
    fault: Fault,
    ledger: Ledger,
    sent: Sequence[Sample],
    clients: int,
    seconds: float,
) -> Row:
    if why := fault.impossible(site):
        return Row(fault.name, fault.what, skipped=why)
    try:
        return attempt(site, fault, ledger, sent, clients, seconds)
    except RuntimeError as error:
        return Row(fault.name, fault.what, broken=[str(error)])


HEADINGS = (
    "fault",
    "requests",
    "verdicts",
    "of them incomplete",
    "refused (4xx)",
    "5xx with Retry-After",
    "other answers",
    "connections lost",
    "nobody listening",
    "wrong accepts",
    "spooled",
    "missing in the store",
    "stored, not delivered",
    "back after, s",
)


def cells(row: Row) -> tuple[str, ...]:
    """Put a row into words, one for each of :data:`HEADINGS`."""
    if row.skipped:
        return (f"{row.what}: not tried, {row.skipped}", *[""] * (len(HEADINGS) - 1))
    counts = (
        sum(row.outcomes.values()),
        row.outcomes[Outcome.VERDICT],
        row.incomplete,
        row.outcomes[Outcome.REFUSED],
        row.outcomes[Outcome.RETRY],
        row.outcomes[Outcome.FAILED] + row.outcomes[Outcome.HUNG],
        row.outcomes[Outcome.LOST],
        row.outcomes[Outcome.CLOSED],
        row.wrong,
        row.spooled,
        row.missing,
        row.extra,
    )
    back = "never" if row.back_s is None else f"{row.back_s:.1f}"
    return (row.what, *map(str, counts), back)


def markdown(rows: Sequence[Row]) -> str:
    """Write the table for docs/FAULTS.md."""
    lines = [HEADINGS, ("---",) + ("---:",) * (len(HEADINGS) - 1), *map(cells, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def table(rows: Sequence[Row]) -> Table:
    """Draw the table for a terminal; what broke a requirement is red."""
    drawn = Table(box=None, pad_edge=False)
    for index, heading in enumerate(HEADINGS):
        drawn.add_column(heading, justify="right" if index else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*cells(row), style="red" if row.broken else "dim" if row.skipped else "")
    return drawn


def faults(
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"Try only this one; may be given again: {', '.join(FAULTS)}."),
    ] = None,
    clients: Annotated[int, typer.Option(min=1, help="Send at the same time.")] = 3,
    seconds: Annotated[
        float, typer.Option(min=0, help="Watch at least so long once a fault is over.")
    ] = 10.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every figure there.")
    ] = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table in Markdown.")
    ] = False,
) -> None:
    """Break one thing after another under constant load, and see what comes of it.

    Example: `python -m benchmarks.faults --only kill-proxy --only kill-store`

    Graphs are started for it, on ports of their own. The exit code is 1 where a request got
    neither a verdict nor a problem with Retry-After, something was accepted that should not have
    been, a verdict is not in the store exactly once, or the graph was not back within 30 s.
    """
    if unknown := set(only or ()) - set(FAULTS):
        raise typer.BadParameter(f"no fault is called {', '.join(sorted(unknown))}")
    rows = campaign(only or FAULTS, clients, seconds)
    if json_file:
        json_file.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", "utf-8")
    if as_markdown:
        print(markdown(rows), end="")
    else:
        out.print(table(rows))
    broken = [f"{row.fault}: {failure}" for row in rows for failure in row.broken]
    for failure in broken:
        out.print(failure, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1 if broken else 0)


def main() -> None:
    """Run the command."""
    prepare()
    silence_native_logs()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the graphs are to go with us
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(faults)
    app()


if __name__ == "__main__":
    main()
