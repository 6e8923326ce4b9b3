"""Batch runs as users start them: processes that read a manifest and write a folder."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from numpy.typing import NDArray
from object_store import BUCKET, object_store, put
from PIL import Image

from fusion.policy import load_policy
from media.capture import Capture
from pipeline import Pipeline

pytestmark = [pytest.mark.serve, pytest.mark.timeout(300)]

HEADER = "path,label,kind,subject"


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a run; none of those that a failed test leaves behind outlives it."""
    runs = []

    def start(manifest: str | Path, out: Path, **environment: str) -> subprocess.Popen[str]:
        run = subprocess.Popen(
            [sys.executable, "-m", "cli", "batch", str(manifest), str(out), "--workers", "2"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "120", **environment},
        )
        runs.append(run)
        return run

    yield start
    for run in runs:
        if run.poll() is None:
            kill(run)


def kill(run: subprocess.Popen[str]) -> None:
    """Kill a run with all that it started: Ray's agents notice only after a minute."""
    processes = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.communicate()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def finish(run: subprocess.Popen[str]) -> str:
    shown, errors = run.communicate(timeout=200)
    assert run.returncode == 0, errors
    assert errors.strip() == "", "neither Ray nor MediaPipe is heard"
    return shown


def wait_for(what: Callable[[], Any], seconds: float = 120.0) -> Any:
    give_up = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return found


def busy_workers(pid: int) -> list[psutil.Process]:
    """The workers that look at rows right now: Ray writes what they do into their titles."""
    busy = []
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if re.match(r"ray::MapWorker.*\.submit", " ".join(process.cmdline())):
                busy.append(process)
    return busy


def written(out: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(part) for part in (out / "parts").glob("*.parquet")])


def jpeg(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=92)
    return file.getvalue()


def test_a_run_that_is_killed_goes_on_where_it_stopped(
    astronaut: NDArray[np.uint8], tmp_path: Path, start: Start
) -> None:
    """The process first, then one of the workers of the run that goes on."""
    face = jpeg(astronaut)
    (tmp_path / "face.jpg").write_bytes(face)
    (tmp_path / "text.jpg").write_text("no pixels")
    lines = [f"{name}.jpg,real,portrait,s" for name in ("text", "absent", *["face"] * 118)]
    manifest, out = tmp_path / "manifest.csv", tmp_path / "out"
    manifest.write_text("\n".join((HEADER, *lines)))

    first = start(manifest, out)
    wait_for(lambda: len(list((out / "parts").glob("*.parquet"))) >= 3)
    wait_for(lambda: "text.jpg" in set(written(out)["path"]))
    kill(first)
    before = written(out)
    assert len(before) < len(lines)
    text = before["path"] == "text.jpg"
    assert list(before["error"][text]) == ["image-format-unsupported"]
    (tmp_path / "text.jpg").write_bytes(face)
    before = before[~text]  # another file since

    second = start(manifest, out)
    # At its first rows, with most of the run to come.
    wait_for(lambda: busy_workers(second.pid))[0].kill()
    shown = finish(second)

    table = pd.read_parquet(out / "results.parquet").set_index("row_id")
    assert sorted(table["path"]) == sorted(line.split(",")[0] for line in lines)
    kept = table.loc[before["row_id"]]
    assert list(kept["scored_at"]) == list(before["scored_at"]), "nothing is scored twice"
    assert f"{len(lines) - len(before)} rows scored" in shown
    assert f"{len(before)} kept" in shown
    assert table["error"].dropna().to_list() == ["file-missing"]
    verdict = Pipeline(load_policy("faithful")).verify(Capture(face))
    assert set(table["score"].dropna()) == {verdict.score}
    assert json.loads((out / "summary.json").read_text())["rows"] == len(lines)
    assert "<svg" in (out / "summary.html").read_text()

    # Nothing is left, and that is seen without Ray.
    assert f"0 rows scored, {len(lines)} kept" in finish(start(manifest, out))


def test_an_archive_in_an_object_store_is_scored(
    astronaut: NDArray[np.uint8], tmp_path: Path, start: Start
) -> None:
    face = jpeg(astronaut)
    local = tmp_path / "a face.jpg"
    local.write_bytes(face)
    paths = ["faces/a 100%.jpg", f"s3://{BUCKET}/faces/a 100%.jpg", local.as_uri(), "faces/b.jpg"]
    manifest = "\n".join((HEADER, *(f"{path},real,portrait,s" for path in paths)))
    with object_store() as environment:
        put(environment, {"manifest.csv": manifest.encode(), "faces/a 100%.jpg": face})
        source = f"s3://{BUCKET}/manifest.csv"
        finish(start(source, tmp_path / "out", **environment))
        table = pd.read_parquet(tmp_path / "out/results.parquet").set_index("path")
        assert table["error"].to_dict() == {**dict.fromkeys(paths[:3]), paths[3]: "file-missing"}
        assert table["sha256"].nunique() == 1
        assert table["score"].nunique() == 1
        assert "0 rows scored, 4 kept" in finish(start(source, tmp_path / "out", **environment))


@pytest.mark.parametrize(
    ("manifest", "says"),
    [("absent.csv", "There is no such file"), ("s3://", "s3://: ")],
)
def test_a_manifest_that_cannot_be_read_is_one_line(
    manifest: str, says: str, tmp_path: Path, start: Start
) -> None:
    run = start(manifest, tmp_path / "out")
    shown, errors = run.communicate(timeout=60)
    assert run.returncode == 2
    assert shown == ""
    assert len(errors.strip().splitlines()) == 1
    assert says in errors
