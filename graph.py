"""The graph, from the upload at the top to the verdict at the bottom.

    capture ──▶ Face ──┬──▶ eye_specular ──┐
                       ├──▶ blendshapes  ──┤
                       ├──▶ gan_texture  ──┤
                       ├──▶ depth        ──┼──▶ Fusion ──▶ verdict
                       ├──▶ rppg         ──┤
                       └──▶ parallax     ──┘

Every node is a Ray Serve deployment of its own. ``serve run graph:app`` runs it with defaults;
``palisade serve`` runs it from ``deployments/cpu.yaml`` or ``deployments/gpu.yaml``, where the
replicas, CPUs and GPUs of each node stand under its name.
"""

# Without `from __future__ import annotations`: Serve reads the type of build's argument.
import os
from collections.abc import Sequence
from typing import Any

from ray import serve
from ray.serve import Application

from deployments.detector import Signal
from deployments.face import Face
from deployments.fusion import Fusion
from deployments.ingress import Ingress
from deployments.settings import Settings
from detectors.contracts import Detector
from detectors.registry import DETECTORS
from pipeline import Limits


def build(settings: Settings) -> Application:
    """Build the graph; a Serve config calls this with its ``args``."""
    return wire(settings, DETECTORS)


def wire(settings: Settings, detectors: Sequence[type[Detector[Any]]]) -> Application:
    """Wire the nodes together.

    The ingress holds a handle to each of them: it asks Face for the face, every signal at once
    for what it sees in it, and Fusion for the verdict on what came back in time.

    Args:
        settings: limits and deadlines.
        detectors: the signals, one deployment each.
    """
    face = serve.deployment(**NODE)(Face).bind(Limits(settings.image, settings.clip))
    signals = {d.name: serve.deployment(name=d.name, **NODE)(Signal).bind(d) for d in detectors}
    fusion = serve.deployment(user_config={"policy": POLICY}, **NODE)(Fusion).bind()
    ingress = serve.deployment(**DOOR)(Ingress)
    return ingress.bind(settings, tuple(detectors), face, signals, fusion)


POLICY = os.environ.get("PALISADE_POLICY", "faithful")
"""A shipped policy by name, or a path; a Serve config's ``user_config`` comes before it."""

LOOK_S = 2.0
"""How often Serve asks each replica how it is: one that died is noticed then, one that is stuck at
the third time. By default that takes five times as long."""

NODE: dict[str, Any] = {
    # Fractions, because the nodes of one request take turns; raise them where cores abound.
    "ray_actor_options": {"num_cpus": 0.1},
    # Two at least: with one, a replica idles while its next request is on the way.
    "max_ongoing_requests": 2,
    # Beyond this, a signal is `overloaded` and the verdict comes without it.
    "max_queued_requests": 32,
    "health_check_period_s": LOOK_S,
}
DOOR: dict[str, Any] = {
    "ray_actor_options": {"num_cpus": 0.1},
    # Above Settings.max_in_flight, so that the ingress itself refuses, with a problem document.
    "max_ongoing_requests": 128,
    "health_check_period_s": LOOK_S,
}

NODES = frozenset({"Face", "Fusion", "Ingress"} | {d.name for d in DETECTORS})
"""Names of the deployments, for the check of a Serve config."""

app = build(Settings())
