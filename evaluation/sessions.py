"""Measure whole sessions: every detector of the graph on every capture of a set.

A row of a manifest is an image, which is a selfie; a clip, of which the first frame with a face is
the selfie; or both, where there is a column ``clip``. Nothing is judged here: a policy turns
what was measured into scores, :class:`fusion.judge.Judge`, as often as somebody wants another one.

What was measured is kept (:mod:`evaluation.kept`), so that a run that was stopped goes on.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Protocol

import cv2
import PIL.Image
from pydantic import TypeAdapter

import pipeline
from detectors.contracts import Measurement, Status
from detectors.faults import whereabouts
from detectors.liveness_own import OWN_MODEL, own_model
from detectors.registry import DETECTORS
from evaluation.errors import EvaluationError
from evaluation.items import Item
from evaluation.kept import kept
from evaluation.looking import MISSING, Progress
from evaluation.pictures import LIMITS, readable
from fusion.policy import load_policy
from fusion.verdict import FaceSummary
from media.capture import Capture
from media.clips import read_clip
from media.containers import is_clip
from media.errors import MediaError
from models import store
from models.store import ModelUnavailable
from offline.captures import read_part
from offline.files import FileError, stamp
from terminal import silence_native_logs

log = logging.getLogger(__name__)

FILE = "measured.jsonl"
"""Where results are kept, in the folder of a run. It holds measures and no names of files."""

LOOKED_EVERY, LOOKED_UNTIL = 0.5, 5.0
"""Seconds: how often a clip is searched for a frame with a face, and up to when."""

FAILED = "measuring-failed"
PASSING = frozenset({MISSING, "file-unreadable", FAILED})
"""What may be another time with the same file, and is not kept."""

CODE = ("detectors", "media", "models")
PACKAGES = ("mediapipe", "numpy", "scipy", "opencv-contrib-python-headless", "onnxruntime")
"""What measures depend on besides the capture: code of ours, and of others."""


@dataclass(frozen=True, slots=True)
class Session:
    """What was measured on one capture.

    Attributes:
        measured: one measurement for each detector that was asked, by name.
        face: how the face was found.
        part: of the capture, such as a window of its clip; empty for the whole.
        refused: the code of why a file could not be read; then every signal is ``unavailable``
            with that reason. Empty where it was read.
    """

    measured: Mapping[str, Measurement]
    face: FaceSummary
    part: str = ""
    refused: str = ""

    @property
    def acquired(self) -> bool:
        """Whether there was a face to judge."""
        return self.face.quality.get("faces", 0.0) > 0


class Look(Protocol):
    """Measures a capture, a part of it, or several parts; can be sent to other processes."""

    @property
    def name(self) -> str:
        """Of this way to look, the same in every run: results are kept under it."""

    def __call__(self, stages: pipeline.Pipeline, capture: Capture, /) -> Sequence[Session]:
        """Measure.

        Raises:
            MediaError: the bytes break a limit or cannot be decoded.
        """


@dataclass(frozen=True, slots=True)
class Whole:
    """Looks at a capture as the graph does.

    Attributes:
        signals: those that are asked; the others are not in the session.
    """

    signals: tuple[str, ...] = tuple(detector.name for detector in DETECTORS)

    @property
    def name(self) -> str:
        """The signals."""
        return f"whole {' '.join(self.signals)}"

    def __call__(self, stages: pipeline.Pipeline, capture: Capture, /) -> tuple[Session, ...]:
        """Measure the whole capture."""
        found = stages.locate(capture)
        asked = [detector for detector in DETECTORS if detector.name in self.signals]
        return (Session(stages.measure(found, detectors=asked), found.summary),)


_JSON = TypeAdapter(tuple[Session, ...])


def measure_sessions(
    items: Sequence[Item],
    folder: Path,
    *,
    whole: Whole | None = None,
    jobs: int = 1,
    on_progress: Progress = lambda done, of: None,
) -> list[Session]:
    """Measure the whole session of every item; see :func:`measure_parts`.

    Returns:
        One session for each item, in their order.
    """
    look = whole or Whole()
    tasks = [(item, look) for item in items]
    measured = measure_parts(tasks, folder, jobs=jobs, on_progress=on_progress)
    return [session for (session,) in measured]


def measure_parts(
    tasks: Sequence[tuple[Item, Look]],
    folder: Path,
    *,
    jobs: int = 1,
    on_progress: Progress = lambda done, of: None,
) -> list[tuple[Session, ...]]:
    """Measure every item, but for those that an earlier run measured and kept.

    A file that is listed twice is measured once, if it is looked at in the same way. One that
    cannot be read or decoded is a session that was ``refused``.

    Args:
        tasks: one or more items, and how each is looked at.
        folder: where results are kept; made if it is not there.
        jobs: processes that measure at once; 1 measures in this one.
        on_progress: told after each file.

    Returns:
        What was measured for each task, in their order.

    Raises:
        EvaluationError: none of the files is there, the folder cannot be written to, or a process
            died.
    """
    keys = [_key(item, look) for item, look in tasks]
    work = {key: (_files(item), look) for key, (item, look) in zip(keys, tasks, strict=True)}
    passing: dict[str, tuple[Session, ...]] = {}
    depends = basis()
    with kept(folder / FILE, depends) as results:
        missing = {key: task for key, task in work.items() if key not in results}
        on_progress(len(work) - len(missing), len(work))
        for key, found in _measured(missing, depends, jobs):
            sessions = _JSON.validate_json(found)
            if any(session.refused in PASSING for session in sessions):
                passing[key] = sessions
            else:
                results.add(key, json.loads(found))
            missing.pop(key)
            on_progress(len(work) - len(missing), len(work))
        sessions_of = {
            key: passing[key] if key in passing else _JSON.validate_python(results[key])
            for key in work
        }
    if all(session.refused == MISSING for of in sessions_of.values() for session in of):
        raise EvaluationError(f"none of the {len(tasks)} files is there, {tasks[0][0].location}")
    return [sessions_of[key] for key in keys]


def basis() -> str:
    """Digest of what measures depend on besides the capture: code, libraries and weights."""
    root = Path(pipeline.__file__).parent
    code = [Path(pipeline.__file__), *(p for name in CODE for p in (root / name).rglob("*.py"))]
    digest = hashlib.sha256()
    for path in sorted(code):
        digest.update(path.read_bytes())
    own = _own_model()
    weights = {
        entry.model.name: entry.model.sha256
        for entry in store.entries()
        if entry.state is store.State.OK and store.accepted(entry.model)
    } | ({OWN_MODEL: store.sha256(own)} if own and own.is_file() else {})
    versions = {name: _version(name) for name in PACKAGES}
    digest.update(json.dumps([weights, versions], sort_keys=True).encode())
    return digest.hexdigest()


def _own_model() -> Path | None:
    with suppress(ModelUnavailable):  # a damaged one is no weights
        return own_model()
    return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _files(item: Item) -> dict[str, str]:
    return {"selfie": item.location} | ({"clip": item.clip} if item.clip else {})


def _key(item: Item, look: Look) -> str:
    """Names the content of a row's files, as far as size and time tell, and the way to look."""
    files = _files(item)
    text = json.dumps([look.name, sorted(files.items()), stamp(files.values())])
    return hashlib.sha256(text.encode()).hexdigest()


def _measured(
    work: Mapping[str, tuple[dict[str, str], Look]], depends: str, jobs: int
) -> Iterator[tuple[str, bytes]]:
    """Measure, and yield each result under its key as it comes."""
    if jobs == 1 or len(work) < 2:
        for key, (of, look) in tuple(work.items()):
            yield key, _measure(of, look, depends)
        return
    for library in ("OMP", "OPENBLAS"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    # Not forked: MediaPipe's and ONNX Runtime's threads do not survive it.
    with ProcessPoolExecutor(jobs, get_context("spawn"), _prepare_worker) as workers:
        try:
            running = {
                workers.submit(_measure, of, look, depends): key for key, (of, look) in work.items()
            }
            for done in as_completed(running):
                yield running[done], done.result()
        except BrokenProcessPool:
            raise EvaluationError(
                "a process that measured died, perhaps for want of memory; what was measured is "
                "kept: run this again, with fewer --jobs"
            ) from None
        finally:  # an interrupted run waits for the captures under way only
            workers.shutdown(cancel_futures=True)


def _prepare_worker() -> None:
    """Give a worker one thread, keep its logs off the progress bar, leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    logging.basicConfig(level=logging.ERROR)
    silence_native_logs()


def _end_with_parent() -> None:
    """End a worker whose parent was killed: it would wait for work for ever."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _measure(files: Mapping[str, str], look: Look, depends: str) -> bytes:
    """Measure one capture: the sessions as JSON, in which they travel and are kept."""
    try:
        stages = _stages(depends)
        sessions = tuple(look(stages, _capture(stages, files)))
    except (FileError, MediaError) as error:
        sessions = (_refused(error.code),)
    except Exception as error:  # one odd file must not end a run over a million
        log.error("a capture could not be measured: %s", whereabouts(error))
        sessions = (_refused(FAILED),)
    return _JSON.dump_json(sessions)


@lru_cache(maxsize=1)
def _stages(depends: str) -> pipeline.Pipeline:
    """The stages, loaded again where what measures depend on is not what it was."""
    limits = pipeline.Limits(image=LIMITS)
    return pipeline.Pipeline(load_policy("faithful"), limits=limits)  # which only measures


def _capture(stages: pipeline.Pipeline, files: Mapping[str, str]) -> Capture:
    limits = pipeline.Limits(image=LIMITS)
    data = {part: read_part(part, location, limits) for part, location in files.items()}
    selfie, clip = data["selfie"], data.get("clip")
    if is_clip(selfie):
        return Capture(first_face(stages, selfie), clip or selfie)
    return Capture(readable(selfie), clip)


def first_face(stages: pipeline.Pipeline, clip: bytes) -> bytes:
    """Return, as a PNG, the first frame of a clip in which a face is found, else the first.

    Raises:
        MediaError: the clip is refused.
    """
    due, first = 0.0, b""
    with closing(read_clip(clip)) as frames:
        for frame in frames:
            if frame.time < due:
                continue
            file = io.BytesIO()
            PIL.Image.fromarray(frame.pixels).save(file, "PNG", compress_level=1)
            first = first or file.getvalue()
            if stages.look(file.getvalue()).quality["faces"] > 0:
                return file.getvalue()
            due = frame.time + LOOKED_EVERY
            if due > LOOKED_UNTIL:
                break
    return first


def _refused(code: str) -> Session:
    lost = Measurement(status=Status.UNAVAILABLE, reasons=(code,))
    return Session(dict.fromkeys((d.name for d in DETECTORS), lost), FaceSummary((code,)), "", code)
