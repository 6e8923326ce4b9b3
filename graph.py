"""The graph, from the upload at the top to the verdict at the bottom.

    capture ──┬──▶ Face ──────┬──▶ eye_specular ─────┐
              │               ├──▶ blendshapes ──────┤
              │               ├──▶ gan_texture ──────┤
              │               ├──▶ depth ────────────┤
              │               ├──▶ rppg ─────────────┤
              │               ├──▶ parallax ─────────┤
              │               ├──▶ recapture ────────┤
              │               ├──▶ liveness ─────────┤
              │               └──▶ deepfake ─────────┼──▶ Fusion ──▶ verdict
              │                                      │
              └──▶ Document ──┬──▶ document_moire ───┤
                              ├──▶ document_ela ─────┤
                              ├──▶ document_exif ────┤
                              ├──▶ document_barcode ─┤
                              └──▶ document_mrz ─────┘

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

from deployments.deepfake_node import DeepfakeNode
from deployments.detector import Signal
from deployments.document import Document, Inspection
from deployments.face import Face
from deployments.fusion import Fusion
from deployments.ingress import Ingress
from deployments.settings import Settings
from detectors.contracts import Detector, Sensor
from detectors.deepfake import Deepfake
from detectors.registry import DETECTORS
from docfraud.contracts import Page, node_of
from docfraud.registry import SENSORS
from pipeline import Limits


def build(settings: Settings) -> Application:
    """Build the graph; a Serve config calls this with its ``args``."""
    return wire(settings, DETECTORS, SENSORS)


WRAPPERS: dict[type[Detector[Any]], type[Signal[Any]]] = {Deepfake: DeepfakeNode}
"""Of signals that answer more than the others do."""


def wire(
    settings: Settings,
    detectors: Sequence[type[Detector[Any]]],
    sensors: Sequence[type[Sensor[Page]]],
) -> Application:
    """Wire the nodes together.

    The ingress holds a handle to each of them: it asks Face for the face and every signal at once
    for what it sees in it, Document for the page and every check at once for what it sees there,
    and Fusion for the verdict on what came back in time.

    Args:
        settings: limits and deadlines.
        detectors: the signals, one deployment each.
        sensors: the checks and readers of a document, one deployment each.
    """
    face = serve.deployment(**NODE)(Face).bind(Limits(settings.image, settings.clip))
    signals = {
        d.name: serve.deployment(name=d.name, **NODE)(WRAPPERS.get(d, Signal)).bind(d)
        for d in detectors
        if d.name not in settings.without
    }
    page = serve.deployment(**NODE)(Document).bind(settings.image)
    checks = {
        s.name: serve.deployment(name=node_of(s.name), **NODE)(Inspection).bind(s) for s in sensors
    }
    fusion = serve.deployment(user_config={"policy": POLICY}, **NODE)(Fusion).bind()
    ingress = serve.deployment(**DOOR)(Ingress)
    return ingress.bind(settings, tuple(detectors), face, signals, page, checks, fusion)


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

NODES = frozenset(
    {"Ingress", "Face", "Document", "Fusion"}
    | {d.name for d in DETECTORS}
    | {node_of(s.name) for s in SENSORS}
)
"""Names of the deployments, for the check of a Serve config."""

app = build(Settings())
