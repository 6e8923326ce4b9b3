"""What an apply would change, before it does."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from k8s.cluster import Cluster, Object, title
from k8s.manifests import to_yaml

SERVERS_OWN = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp")
"""Metadata that the server keeps for itself."""


class Action(StrEnum):
    """What becomes of one object."""

    CREATE = "create"
    CHANGE = "change"
    KEEP = "no change"


@dataclass(frozen=True, slots=True)
class Step:
    """One object of a plan.

    Attributes:
        title: kind and name.
        action: what becomes of it.
        diff: unified diff of the YAML, live against planned; empty unless it changes.
    """

    title: str
    action: Action
    diff: tuple[str, ...]


def plan(cluster: Cluster, objects: Sequence[Object], *, force: bool = False) -> Iterator[Step]:
    """Ask the server what each object would become; nothing is changed.

    Raises:
        KubernetesError: the server would refuse one of them.
    """
    for wanted in objects:
        live = cluster.get(wanted)
        planned = cluster.apply(wanted, dry_run=True, force=force)
        yield _step(wanted, live, planned)


def apply(
    cluster: Cluster,
    objects: Sequence[Object],
    *,
    force: bool = False,
    progress: Callable[[int, int, str], None] = lambda done, of, doing: None,
) -> list[Step]:
    """Apply all objects, or none where the server would refuse one.

    Raises:
        KubernetesError: the server refuses one of them.
    """
    steps = []
    for done, step in enumerate(plan(cluster, objects, force=force)):
        progress(done, 2 * len(objects), f"checking {step.title}")
        steps.append(step)
    for done, wanted in enumerate(objects, start=len(objects)):
        progress(done, 2 * len(objects), f"applying {title(wanted)}")
        cluster.apply(wanted, force=force)
    return steps


def _step(wanted: Object, live: dict[str, Any] | None, planned: dict[str, Any]) -> Step:
    if live is None:
        return Step(title(wanted), Action.CREATE, ())
    before, after = (to_yaml([_ours(it)]).splitlines() for it in (live, planned))
    diff = tuple(difflib.unified_diff(before, after, "live", "planned", lineterm=""))
    return Step(title(wanted), Action.CHANGE if diff else Action.KEEP, diff)


def _ours(found: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the server and the controllers write."""
    kept = copy.deepcopy(found)
    kept.pop("status", None)
    for name in SERVERS_OWN:
        kept["metadata"].pop(name, None)
    return kept
