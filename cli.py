"""The ``palisade`` command."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
import yaml

from calibration import commands as calibration
from calibration.errors import CalibrationError
from calibration.notes import notes
from calibration.replay_command import replay
from deployments.errors import ConfigError, LaunchError
from evaluation import commands as evaluation
from evaluation.errors import EvaluationError
from fusion.policy import ENVIRONMENT, SHIPPED, PolicyError, load_policy
from fusion.quality import QualityRefused
from k8s import commands as kubernetes
from k8s.errors import KubernetesError
from models import commands as model_commands
from models.errors import ExportError
from sessions import commands as sessions
from sessions import key_commands as keys
from sessions.errors import StoreError
from terminal import err, out, progress, silence_native_logs
from training import commands as training
from training.errors import TrainingError

if TYPE_CHECKING:
    from models.own import Own

app = typer.Typer(
    help="Palisade: intrusion detection and prevention for identity verification.",
    invoke_without_command=True,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="Weight files: which there are, and how to get them.")
policy_app = typer.Typer(help="Policies: what measurements mean.")
app.add_typer(models_app, name="models", no_args_is_help=True)
app.add_typer(policy_app, name="policy", no_args_is_help=True)
app.add_typer(kubernetes.app, name="k8s")
app.add_typer(sessions.app, name="sessions")
app.add_typer(keys.app, name="keys")
app.add_typer(evaluation.app, name="evaluate")
app.add_typer(calibration.app, name="calibrate")
app.command("quality")(calibration.look)
app.command("train")(training.train)
app.command("distill")(training.distill)

models_app.command("export")(model_commands.export)

PolicyOption = Annotated[
    str,
    typer.Option(
        "--policy",
        "-p",
        envvar="PALISADE_POLICY",
        help=f"{' or '.join(SHIPPED)}, or the path of a YAML file.",
    ),
]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="HTTP port on loopback.")]


class UsageError(Exception):
    """Something the user can put right; shown as one line."""


@app.callback()
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Take options that belong to no command."""
    if show:
        print(f"palisade {importlib.metadata.version('palisade')}")
        raise typer.Exit


@app.command()
def verify(
    selfie: Annotated[Path, typer.Option(help="JPEG, PNG or WebP with one face.")],
    clip: Annotated[
        Path | None, typer.Option(help="MP4, MOV, WebM or AVI of the same face; 3 s or more.")
    ] = None,
    document: Annotated[Path | None, typer.Option(help="Image of the identity document.")] = None,
    policy: PolicyOption = "faithful",
    subject: Annotated[
        str | None, typer.Option(help="Your name for the person; keys the enforcement bucket.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Folder for a PNG of what each signal saw.", file_okay=False),
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate/--no-gate", help="Refuse a poor selfie first, with exit code 2.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Verify one capture in this process, without a cluster.

    Example: `palisade verify --selfie face.jpg --clip head-turn.mp4 --policy hardened`

    The exit code is 0 whenever a verdict was reached, whatever it says; with `--gate`, a selfie
    that is too poor gets none.
    """
    from fusion.enforcement import canary_key
    from media.capture import Capture
    from pipeline import Pipeline
    from terminal import verdict_panel

    chosen = load_policy(policy, os.environ)
    capture = Capture(
        selfie=_bytes(selfie),
        clip=None if clip is None else _bytes(clip),
        document=None if document is None else _bytes(document),
        gate=gate,
    )
    with err.status("Measuring …"):
        pipeline = Pipeline(chosen, canary_key=canary_key(os.environ))
        if pictures is None:
            verdict, written = pipeline.verify(capture, subject), []
        else:
            from fusion.plots import files

            verdict, drawn = pipeline.illustrate(capture, subject)
            written = _write_all(pictures, files(drawn))
    if as_json:
        sys.stdout.buffer.write(verdict.to_json() + b"\n")
    else:
        out.print(verdict_panel(verdict, str(selfie)))
        for path in written:
            out.print(path, soft_wrap=True)


@app.command()
def document(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="JPEG, PNG or WebP, as the camera wrote it.")
    ],
    policy: PolicyOption = "faithful",
    channel: Annotated[
        Literal["browser", "sdk", "upload"],
        typer.Option(help="How it reached you: a browser takes most metadata away by itself."),
    ] = "upload",
    heatmaps: Annotated[
        Path | None,
        typer.Option(help="Folder for a PNG of what each check saw.", file_okay=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Examine one identity document in this process, without a cluster.

    Example: `palisade document licence.jpg --policy hardened --heatmaps seen`

    It prints what barcode, MRZ and visible text say: personal data, which is kept nowhere. The exit
    code is 0 whenever the document was examined, whatever was found.
    """
    from fusion.answers import Wanted
    from pipeline import DocumentPipeline
    from terminal import document_panel

    chosen = load_policy(policy, os.environ)
    data = _bytes(image)
    with err.status("Examining …"):
        wanted = Wanted(fields=True, heatmaps=heatmaps is not None)
        answer = DocumentPipeline(chosen)(data, channel, wanted)
    written = [] if heatmaps is None else _write_all(heatmaps, answer.heatmaps or {})
    if as_json:
        sys.stdout.buffer.write(replace(answer, heatmaps=None).to_json() + b"\n")
    else:
        out.print(document_panel(answer, str(image)))
        for path in written:
            out.print(path, soft_wrap=True)


@app.command()
def serve(
    profile: Annotated[
        str, typer.Option(help="cpu, gpu, or the path of a Serve config in YAML.")
    ] = "cpu",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="HTTP port; the config's by default.")
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            "-p",
            envvar="PALISADE_POLICY",
            help="A shipped policy or a YAML file; a file is watched, and every valid change of "
            "it is live at once. The config's by default.",
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Port for Prometheus, open to whoever reaches this machine; a free one by "
            "default. A cluster that RAY_ADDRESS names has its own.",
        ),
    ] = None,
) -> None:
    """Serve the graph over HTTP until interrupted.

    Example: `palisade serve --policy my-policy.yaml --port 9000`
    """
    from deployments.launch import metrics_url

    schema = _serve_schema(profile, port, policy)
    url = _url(schema)
    if _taken(schema.http_options.host, schema.http_options.port):
        raise UsageError(f"something serves on {url} already; choose another --port")
    if metrics_port is not None and _taken("127.0.0.1", metrics_port):
        raise UsageError(f"port {metrics_port} is taken; choose another --metrics-port")
    with _started(schema, metrics_port) as deploy:
        out.print(f"Palisade serves on {url}", "(Ctrl-C stops it)", soft_wrap=True)
        out.print(f"The console, for people: {url}/", soft_wrap=True)
        out.print(f"The API is documented at {url}/docs", soft_wrap=True)
        out.print(f"Prometheus finds metrics on {metrics_url()}", soft_wrap=True)
        if policy is None or policy in SHIPPED:
            _until_interrupted()
        else:
            file = PolicyFile(Path(policy), lambda: deploy(_serve_schema(profile, port, policy)))
            _until_interrupted(file.check)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the verdicts.")] = False,
    port: PortOption = 8000,
    policy: PolicyOption = "faithful",
) -> None:
    """Start the graph, send a real face and two attacks with it over HTTP, print the verdicts."""
    import demo as demonstration

    # Also where its user has made keys for another graph: it is bound to loopback.
    schema = _serve_schema("cpu", _free_port(port), policy, open_door=True)
    url = _url(schema)
    with _started(schema):
        demonstration.show(url)
        if not once:
            out.print(f"Still serving on {url}", "(Ctrl-C stops it)", soft_wrap=True)
            out.print(f"The console, for people: {url}/", soft_wrap=True)
            out.print(f"The API is documented at {url}/docs", soft_wrap=True)
            _until_interrupted()


@app.command()
def batch(
    manifest: Annotated[
        str,
        typer.Argument(
            metavar="MANIFEST", help="CSV with path, label, kind and subject; a path or a URL."
        ),
    ],
    out_folder: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder for the results; the same to go on.")
    ],
    policy: PolicyOption = "faithful",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that score, a CPU each; one for each CPU.")
    ] = None,
    gpus: Annotated[float, typer.Option(min=0, help="Share of a GPU that each of them takes.")] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Delete what an earlier run left in OUT first.")
    ] = False,
) -> None:
    """Score an archive with Ray Data, into a Parquet table.

    Example: `palisade batch archive/manifest.csv results --policy hardened`

    `path` is an image or a clip, relative to the manifest, absolute, or a URL such as
    `s3://bucket/key`; the columns `clip` and `document` name more files of the same person, and all
    others are passed through. A bad file is a row with a reason. A run that was stopped goes on
    where it stopped when it is started again.

    OUT then has `results.parquet`, `summary.json` and `summary.html`.
    """
    from batch import run
    from offline.report import panel

    chosen = load_policy(policy, os.environ)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with progress("Scoring") as update:
            done = run(
                manifest,
                out_folder,
                chosen,
                workers=workers,
                gpus=gpus,
                fresh=fresh,
                on_progress=update,
            )
    except KeyboardInterrupt:
        err.print("Stopped; what is scored is kept, and the same command goes on.")
        raise typer.Exit(130) from None
    out.print(panel(done.summary))
    speed = f", {done.scored / done.seconds:.1f}/s" if done.seconds else ""
    out.print(f"{done.scored} rows scored{speed}, {done.kept} kept from before")
    out.print(f"{out_folder / 'results.parquet'} and summary.html", soft_wrap=True)


@app.command()
def doctor() -> None:
    """Say what is missing on this machine, what that costs, and how to get it."""
    from doctor import examine

    examine(out)


@app.command()
def bench(
    folder: Annotated[
        Path, typer.Argument(help="Gets bench.json and bench.md.", file_okay=False)
    ] = Path("bench"),
    only: Annotated[
        list[str] | None,
        typer.Option(help="comparison, stages, clip, document, batch or scaling; all by default."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rounds, coarser figures.")] = False,
) -> None:
    """Measure speed, CPU and memory on this machine, side by side in one run.

    Serve against the same detectors in one process, every stage, a clip by the frame, batch
    against a bare loop, and how the cost grows. Leave the machine alone meanwhile: it takes a
    quarter of an hour, or three minutes with `--quick`.

    Example: `palisade bench results --only comparison`
    """
    from rich.markdown import Markdown

    try:
        from benchmarks import bench as benchmark
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is missing: run it from a checkout of Palisade") from None

    unknown = sorted(set(only or ()) - set(benchmark.PARTS))
    if unknown:
        raise UsageError(f"no part {', '.join(unknown)}; there are {', '.join(benchmark.PARTS)}")
    parts = [part for part in benchmark.PARTS if not only or part in only]
    out.print(Markdown(benchmark.run(parts, quick, folder)))


@models_app.command("list")
def models_list() -> None:
    """List the models of the manifest and where their files were found."""
    from rich.table import Table

    from models import store

    table = Table(box=None, pad_edge=False)
    for column in ("model", "state", "MB", "licence", "what for", "file"):
        table.add_column(column, overflow="fold")
    for entry in store.entries():
        model = entry.model
        table.add_row(
            model.name,
            entry.state,
            f"{model.bytes / 1e6:.1f}",
            model.licence,
            model.purpose,
            str(entry.path or model.file),
        )
    for name, made, reason in _own_models():
        size, purpose = (f"{made.card.bytes / 1e6:.1f}", made.card.purpose) if made else ("", "")
        table.add_row(name, reason, size, "yours", purpose, str(made.path) if made else "")
    out.print(table)


@models_app.command("fetch")
def models_fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Models; all by default.")] = None,
) -> None:
    """Download models, check their hashes, and keep them in the first writable folder.

    Those whose terms allow research only are passed over, and refused by name, unless
    PALISADE_ACCEPT_RESEARCH_LICENCES=1 accepts that.

    Example: `palisade models fetch face_landmarker`
    """
    from models import manifest, store

    for name in _model_names(names):
        model = manifest.models()[name]
        if not store.accepted(model):
            if names:
                raise UsageError(store.terms(model))
            out.print(f"{name}: passed over; its terms allow research only", soft_wrap=True)
            continue
        with progress(f"Fetching {name}") as update:
            path = store.fetch(name, update)
        out.print(f"{name}: {path}")


@models_app.command("verify")
def models_verify() -> None:
    """Check every model file that is there against its hash; exit 1 if one differs."""
    from models import store

    entries = store.entries()
    for entry in entries:
        out.print(f"{entry.model.name}: {entry.state} {entry.path or ''}".rstrip())
    bad = any(entry.state is store.State.MISMATCH for entry in entries)
    for name, made, reason in _own_models():
        out.print(f"{name}: {reason} {made.path if made else ''}".rstrip())
        bad = bad or made is None
    if bad:
        raise typer.Exit(1)


def _own_models() -> Iterator[tuple[str, Own | None, str]]:
    """Models that were exported on this machine: name, what was found, and ok or what is wrong."""
    from models import own
    from models.store import ModelUnavailable

    for name in own.names():
        try:
            yield name, own.find(name), "ok"
        except ModelUnavailable as error:
            yield name, None, error.reason.removeprefix("weights_")


policy_app.command("replay")(replay)


@policy_app.command("show")
def policy_show(policy: Annotated[str, typer.Argument()] = "faithful") -> None:
    """Print a policy in full, every parameter included, as YAML.

    The output is itself a policy: `palisade policy show hardened > mine.yaml` is a good start.
    """
    shown = load_policy(policy, os.environ)
    overridden = [name for name in ENVIRONMENT if os.environ.get(name, "").strip()]
    print(f"# sha256: {shown.sha256}")
    if overridden:
        print(f"# overridden by the environment: {', '.join(overridden)}")
    print(yaml.safe_dump(shown.model_dump(mode="json"), sort_keys=False), end="")


@policy_app.command("check")
def policy_check(path: Annotated[str, typer.Argument(help="A YAML file.")]) -> None:
    """Check every key and value of a policy."""
    checked = load_policy(path, os.environ)
    weights = ", ".join(f"{name} {weight:g}" for name, weight in checked.weights.items())
    mode = "blocks" if checked.enforcement.enforce else "watches"
    out.print(
        f"{checked.name} v{checked.version} is valid: threshold {checked.threshold:.2f}, {mode} "
        f"({checked.enforcement.percent:g}%), weights {weights}, sha256 {checked.sha256[:12]}…"
    )
    for note in notes(checked):
        out.print(f"calibration: {note}", style="yellow", soft_wrap=True)


def main() -> None:
    """Run the command; what the user can put right is one line on stderr and exit code 2."""
    from deployments.environment import prepare
    from media.errors import MediaError
    from models.store import FetchError
    from offline.errors import BatchError

    prepare()
    silence_native_logs()
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except (
        UsageError,
        BatchError,
        PolicyError,
        ConfigError,
        LaunchError,
        MediaError,
        FetchError,
        ExportError,
        TrainingError,
        KubernetesError,
        StoreError,
        EvaluationError,
        CalibrationError,
        QualityRefused,
    ) as error:
        err.print(f"palisade: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _write_all(folder: Path, pictures: Mapping[str, bytes]) -> list[Path]:
    """Write pictures as PNG, by their names; returns the files."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            path = folder / f"{name}.png"
            path.write_bytes(picture)
            written.append(path)
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: {error.strerror}") from None
    return written


def _model_names(names: list[str] | None) -> list[str]:
    from models import manifest

    known = manifest.models()
    for name in names or ():
        if name not in known:
            raise UsageError(f"there is no model {name!r}; the manifest has {', '.join(known)}")
    return names or list(known)


def _serve_schema(
    profile: str, port: int | None, policy: str | None, open_door: bool = False
) -> Any:
    """Read and check a Serve config, with the port and the policy of the command line in it."""
    import graph
    from deployments.config import (
        check_config,
        read_config,
        with_open_door,
        with_policy,
        without_nodes,
    )
    from sessions.url import store_url

    store_url(os.environ)  # a wrong one is better told here than by a replica
    raw = read_config(profile)
    if port is not None:
        raw["http_options"] = {**raw.get("http_options", {}), "port": port}
    if policy is not None:
        raw = with_policy(raw, load_policy(policy))
    if open_door:
        raw = with_open_door(raw)
    if "RAY_ADDRESS" not in os.environ:  # the nodes of a cluster may have what this machine lacks
        raw = without_nodes(raw, _not_installed())
    return check_config(raw, graph.NODES)


@cache
def _not_installed() -> tuple[str, ...]:
    """Signals whose weights were never put here; asked once, so that a graph keeps its nodes."""
    from detectors.registry import DETECTORS

    return tuple(d.name for d in DETECTORS if not d.installed())


@contextmanager
def _started(schema: Any, metrics_port: int | None = None) -> Iterator[Callable[[Any], None]]:
    """Run the graph, with a progress bar until it is up; yields what deploys another schema."""
    from deployments.launch import running

    with ExitStack() as stack:
        with progress("Starting the graph") as update:
            deploy = stack.enter_context(running(schema, update, metrics_port))
        yield deploy


def _url(schema: Any) -> str:
    return f"http://{schema.http_options.host}:{schema.http_options.port}"


def _taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _free_port(port: int) -> int:
    """Return ``port``, or the next one that nothing listens on."""
    for candidate in range(port, min(port + 50, 65536)):
        if not _taken("127.0.0.1", candidate):
            return candidate
    raise UsageError(f"no free port from {port} on; choose one with --port")


def _until_interrupted(check: Callable[[], None] | None = None) -> None:
    """Wait for Ctrl-C or a termination; call ``check`` twice a second meanwhile."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            time.sleep(0.5)
            if check is not None:
                check()
    except KeyboardInterrupt:
        out.print("Stopping …")


class PolicyFile:
    """A policy file that is followed: every valid change of it is deployed.

    Args:
        path: the YAML file; editors may replace it, or write it in several steps.
        deploy: reads the file anew, checks it, and makes it live.
    """

    def __init__(self, path: Path, deploy: Callable[[], None]) -> None:
        self._path = path
        self._deploy = deploy
        self._seen = self._changed_at()

    def check(self) -> None:
        """Deploy the file if it has changed; say so, or say why it cannot be used."""
        changed_at = self._changed_at()
        if changed_at is None or changed_at == self._seen:
            return
        self._seen = changed_at
        try:
            self._deploy()
            policy = load_policy(self._path)
        except (PolicyError, ConfigError) as error:
            err.print(f"policy not changed: {error}", style="red", markup=False, soft_wrap=True)
        else:
            digest = f"sha256 {policy.sha256[:12]}…"
            out.print(f"policy changed: {policy.name} v{policy.version}, {digest}", soft_wrap=True)

    def _changed_at(self) -> int | None:
        with suppress(OSError):  # between two steps of an editor there may be no file
            return self._path.stat().st_mtime_ns
        return None


if __name__ == "__main__":
    main()
