"""``palisade doctor``: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import cv2
from rich.console import Console
from rich.table import Table

from detectors.deepfake import MODEL as DEEPFAKE_MODEL
from detectors.liveness_own import OWN_MODEL as LIVENESS_MODEL
from fusion.enforcement import CANARY_KEY
from fusion.policy import PolicyError, load_policy
from models import deepfake, own, store
from sessions.errors import StoreError, StoreUnavailable
from sessions.keyring import Keyring
from sessions.schema import REVISION
from sessions.spool import Spool
from sessions.store import Store
from sessions.url import shown, spool_folder, store_url

State = Literal["ok", "missing", "advice"]
STYLE = {"ok": "green", "missing": "red", "advice": "yellow"}

LOST_WITHOUT = {
    "face_landmarker": "landmarks come from the bundled model and blendshapes from a distilled one",
    "depth_anything_v2_small": "depth is unavailable",
    "minifasnet_v2": "liveness goes by its other models, or is unavailable without any",
    "minifasnet_v1se": "liveness goes by its other models, or is unavailable without any",
    "yunet": "deepfake is unavailable, unless there is a RetinaFace",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    state: State
    says: str


def examine(console: Console) -> None:
    """Print every finding as a table."""
    table = Table(box=None, pad_edge=False)
    for column in ("what", "state", "says"):
        table.add_column(column, overflow="fold")
    for finding in findings():
        table.add_row(finding.what, f"[{STYLE[finding.state]}]{finding.state}[/]", finding.says)
    console.print(table)


def findings() -> Iterator[Finding]:
    """Look at packages, weights, the machine and the environment."""
    for package in ("ray", "mediapipe", "av"):
        yield Finding(package, "ok", importlib.metadata.version(package))
    yield Finding("opencv", "ok", cv2.__version__)  # whichever of its wheels is installed
    yield _onnxruntime()
    for entry in store.entries():
        name = entry.model.name
        if not store.accepted(entry.model):
            terms = f"not used: for research only; {store.ACCEPT_RESEARCH}=1 accepts its terms"
            yield Finding(name, "advice", terms)
        elif entry.state is store.State.OK:
            yield Finding(name, "ok", str(entry.path))
        else:
            lost = LOST_WITHOUT.get(name, f"signals that use {name} are unavailable")
            yield Finding(
                name, "missing", f"{entry.state}: {lost}; run `palisade models fetch {name}`"
            )
    if os.environ.get(LIVENESS_MODEL):
        yield _chosen("liveness", LIVENESS_MODEL, own.named)
    if os.environ.get(DEEPFAKE_MODEL):
        yield _chosen("deepfake", DEEPFAKE_MODEL, lambda name: own.find(name).path)
    else:
        yield _deepfake()
    yield _policy()
    yield _canary_key()
    yield _sessions()
    yield _keys()
    yield _memory()


def _chosen(signal: str, variable: str, find: Callable[[str], Path]) -> Finding:
    """The model that the operator put in the place of a signal's own."""
    try:
        path = find(os.environ[variable])
    except store.ModelUnavailable as error:
        return Finding(signal, "missing", f"unavailable by {variable}: {error}")
    if not path.is_file():
        return Finding(signal, "missing", f"unavailable by {variable}: there is no file {path}")
    return Finding(signal, "ok", f"{path}, by {variable}")


def _deepfake() -> Finding:
    try:
        return Finding(deepfake.NAME, "ok", str(own.find(deepfake.NAME).path))
    except store.ModelUnavailable as error:
        installed = own.installed(deepfake.NAME)
        return Finding(deepfake.NAME, "missing" if installed else "advice", str(error))


def _onnxruntime() -> Finding:
    both = [
        name
        for name in ("onnxruntime", "onnxruntime-gpu")
        if any(importlib.metadata.distributions(name=name))
    ]
    if len(both) == 2:
        return Finding(
            "onnxruntime",
            "missing",
            "onnxruntime and onnxruntime-gpu overwrite each other: uninstall both, install one",
        )
    if importlib.util.find_spec("onnxruntime") is None:
        return Finding(
            "onnxruntime",
            "missing",
            "depth is unavailable; run `pip install 'palisade[cpu]'`, or `[gpu]` with CUDA",
        )
    return Finding("onnxruntime", "ok", f"{both[0]} {importlib.metadata.version(both[0])}")


def _policy() -> Finding:
    chosen = os.environ.get("PALISADE_POLICY", "faithful")
    try:
        policy = load_policy(chosen, os.environ)
    except PolicyError as error:
        return Finding("policy", "missing", str(error))
    return Finding("policy", "ok", f"{policy.name} v{policy.version}")


def _canary_key() -> Finding:
    if os.environ.get(CANARY_KEY):
        return Finding("canary key", "ok", f"{CANARY_KEY} is set")
    return Finding(
        "canary key",
        "advice",
        f"{CANARY_KEY} is not set: anybody can compute which subjects are enforced, and whoever "
        "reads the store can try names; set it to a random secret, the same on every node",
    )


def _sessions() -> Finding:
    try:
        url, spool = store_url(os.environ), Spool(spool_folder(os.environ))
        where = shown(url)
        store = Store(url)
        if store.revision() is None:
            return Finding("sessions", "ok", f"{where} will be made by the first graph that runs")
        kept = store.count(datetime.now(UTC))
    except StoreUnavailable as error:
        return Finding(
            "sessions", "missing", f"{where}: {error}; records wait in {spool.folder} meanwhile"
        )
    except StoreError as error:
        return Finding("sessions", "missing", str(error))
    says = f"{kept} in {where}; {len(spool)} waiting in {spool.folder}"
    if broken := spool.broken_count():
        return Finding("sessions", "advice", f"{says}; {broken} set aside in {spool.broken}")
    return Finding("sessions", "ok", says)


def _keys() -> Finding:
    try:
        store = Store(store_url(os.environ))
        keys = Keyring(store).all() if store.revision() == REVISION else []
    except StoreError as error:
        return Finding("API keys", "missing", str(error))
    live = sum(key.state(datetime.now(UTC)) == "live" for key in keys)
    if live:
        return Finding("API keys", "ok", f"{live} of {len(keys)} open the door")
    if keys:
        return Finding(
            "API keys",
            "missing",
            "every key has expired or been revoked: a graph answers nobody; run `palisade keys "
            "create NAME --scope operator`",
        )
    return Finding(
        "API keys",
        "advice",
        "there are none: a graph on a loopback address is open to this machine, and any other "
        "answers nobody; run `palisade keys create NAME --scope operator`",
    )


def _memory() -> Finding:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    total, free = pages * size / 2**30, shutil.disk_usage("/dev/shm").free / 2**30
    says = f"{total:.1f} GiB of memory, {free:.1f} GiB of shared memory, {os.cpu_count()} cores"
    return Finding("machine", "ok" if total >= 4 else "advice", says)
