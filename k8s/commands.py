"""``palisade k8s``: render the manifests, plan, apply, and follow the rollout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from k8s import Profile
from terminal import out, progress

if TYPE_CHECKING:
    from k8s.cluster import Cluster
    from k8s.plan import Step
    from k8s.settings import Settings

app = typer.Typer(
    help="A service on Kubernetes with KubeRay: docs/KUBERNETES.md leads from zero to one.",
    no_args_is_help=True,
)

ProfileOption = Annotated[
    Profile, typer.Option(help="gpu has a second group of workers, for the models.")
]
SettingsOption = Annotated[
    Path | None, typer.Option("--settings", help="Settings in YAML; k8s/settings.py has them all.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", help="One setting, such as `cpu.max=12`; may be repeated."),
]
CrdOption = Annotated[
    Path | None,
    typer.Option(help="Check against your operator's definition of RayService, in YAML."),
]
ContextOption = Annotated[str | None, typer.Option(help="Context of the kubeconfig.")]
NamespaceOption = Annotated[
    str | None, typer.Option("--namespace", "-n", help="In place of the one in the settings.")
]
ForceOption = Annotated[
    bool, typer.Option("--force-conflicts", help="Take over fields that someone else has set.")
]


@app.command()
def render(
    profile: ProfileOption = "cpu",
    settings: SettingsOption = None,
    overrides: SetOption = None,
    namespace: NamespaceOption = None,
    crd: CrdOption = None,
    into: Annotated[
        Path | None, typer.Option("--out", help="Write a file for each object here.")
    ] = None,
) -> None:
    """Print the manifests as YAML.

    Example: `palisade k8s render --profile gpu -s gpu.max=8 | kubectl diff -f -`

    Secrets are never rendered: the comment at the top has the commands that make them.
    """
    from k8s.manifests import secrets, to_yaml

    chosen = _settings(settings, overrides, namespace)
    objects = _objects(profile, chosen, crd)
    if into is not None:
        for path in _write(objects, into):
            out.print(str(path), soft_wrap=True)
        return
    print("# Secrets that must be there first; they are never rendered:")
    for command in secrets(chosen):
        print(f"#   {command}")
    print(to_yaml(objects), end="")


@app.command()
def plan(
    profile: ProfileOption = "cpu",
    settings: SettingsOption = None,
    overrides: SetOption = None,
    context: ContextOption = None,
    namespace: NamespaceOption = None,
    crd: CrdOption = None,
    force: ForceOption = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if anything would change.")
    ] = False,
) -> None:
    """Show what an apply would change; the server works it out, and nothing is changed."""
    from k8s.plan import Action
    from k8s.plan import plan as planned

    objects = _objects(profile, _settings(settings, overrides, namespace), crd)
    cluster = _cluster(context)
    steps = []
    with progress("Asking the server") as update:
        for step in planned(cluster, objects, force=force):
            steps.append(step)
            update(len(steps), len(objects), step.title)
    for step in steps:
        _show(step, with_diff=True)
    counts = [f"{_count(steps, action)} to {action}" for action in (Action.CREATE, Action.CHANGE)]
    out.print(f"{', '.join(counts)}, {_count(steps, Action.KEEP)} as they are")
    if exit_code and _count(steps, Action.KEEP) < len(steps):
        raise typer.Exit(1)  # as `kubectl diff` does; 2 is an error


@app.command()
def apply(
    profile: ProfileOption = "cpu",
    settings: SettingsOption = None,
    overrides: SetOption = None,
    context: ContextOption = None,
    namespace: NamespaceOption = None,
    crd: CrdOption = None,
    force: ForceOption = False,
) -> None:
    """Apply the manifests on the server: all of them, or none if one would be refused."""
    from k8s.plan import apply as applied

    objects = _objects(profile, _settings(settings, overrides, namespace), crd)
    cluster = _cluster(context)
    with progress("Applying") as update:
        steps = applied(cluster, objects, force=force, progress=update)
    for step in steps:
        _show(step, with_diff=False)
    out.print("`palisade k8s status` follows the rollout", markup=False)


@app.command()
def status(
    settings: SettingsOption = None,
    overrides: SetOption = None,
    context: ContextOption = None,
    namespace: NamespaceOption = None,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most.")] = 900.0,
) -> None:
    """Follow the rollout until the service is ready, has failed, or takes too long."""
    import graph
    from k8s.rollout import follow

    chosen = _settings(settings, overrides, namespace)
    wanted = {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": {"name": chosen.name, "namespace": chosen.namespace},
    }
    cluster = _cluster(context)
    with progress(f"Rolling out {chosen.name}") as update:
        rollout = follow(cluster, wanted, graph.NODES, timeout_s=timeout, progress=update)
    out.print(
        f"{chosen.name} is ready: {rollout.nodes} nodes healthy, {rollout.workers[0]} workers, "
        f"{rollout.endpoints} endpoints"
    )


def _settings(
    file: Path | None, overrides: Sequence[str] | None, namespace: str | None
) -> Settings:
    from k8s.settings import read_settings

    given = tuple(overrides or ())
    if namespace is not None:
        given += (f"namespace={namespace}",)
    return read_settings(file, given)


def _objects(profile: Profile, settings: Settings, crd: Path | None) -> list[dict[str, Any]]:
    """Render, and check against the operator's definition where there is one at hand."""
    import graph
    from k8s.manifests import render as rendered
    from k8s.schema import check, read_definition

    objects = rendered(profile, settings, graph.NODES)
    if crd is not None:
        check(objects[-1], read_definition(crd))
    return objects


def _cluster(context: str | None) -> Cluster:
    from k8s.cluster import Cluster

    return Cluster(context)


def _write(objects: Sequence[dict[str, Any]], folder: Path) -> list[Path]:
    """Write each object to a file of its own; ``kubectl apply -f FOLDER`` takes them."""
    from k8s.errors import KubernetesError
    from k8s.manifests import to_yaml

    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for wanted in objects:
            path = folder / f"{wanted['kind'].lower()}-{wanted['metadata']['name']}.yaml"
            path.write_text(to_yaml([wanted]), "utf-8")
            paths.append(path)
    except OSError as error:
        raise KubernetesError(f"{error.filename}: {error.strerror}") from None
    return paths


STYLES = {
    "create": "green",
    "change": "yellow",
    "no change": "dim",
    "+": "green",
    "-": "red",
    "@": "cyan",
}


def _show(step: Step, *, with_diff: bool) -> None:
    out.print(Text.assemble((f"{step.action:>9}", STYLES[step.action]), f"  {step.title}"))
    for line in step.diff if with_diff else ():
        out.print(Text(line, STYLES.get(line[:1], "")), soft_wrap=True)


def _count(steps: Sequence[Step], action: str) -> int:
    return sum(step.action == action for step in steps)
