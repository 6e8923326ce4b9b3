"""Batch runs beside the graph that is served, on the Ray that serves it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import ray
from serving import Graph

import batch
from demo import scenes
from fusion.policy import load_policy
from offline.results import schema
from offline.scoring import failure, unscored

pytestmark = [pytest.mark.serve, pytest.mark.timeout(300)]


def measured(record: dict[str, Any]) -> Any:
    signals = [(s["name"], s["status"], s["score"], s["measures"]) for s in record["signals"]]
    return record["policy"], record["score"], record["decision"], record["weights"], signals


def test_offline_and_served_scores_are_identical(served: Graph, tmp_path: Path) -> None:
    lines, online = ["path,label,kind,subject,clip"], {}
    for number, scene in enumerate(scenes()):
        parts = {"selfie": scene.selfie} | ({"clip": scene.clip} if scene.clip else {})
        for part, content in parts.items():
            (tmp_path / f"{number}.{part}").write_bytes(content)
        lines.append(f"{number}.selfie,x,x,,{f'{number}.clip' if scene.clip else ''}")
        online[f"{number}.selfie"] = measured(served.verify(**parts).json())
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    command = ["batch", f"{tmp_path}/manifest.csv", f"{tmp_path}/out", "--workers", "1"]
    # In the cluster that serves, as with `serve`.
    address = ray.get_runtime_context().gcs_address
    subprocess.run(
        [sys.executable, "-m", "cli", *command],
        check=True,
        timeout=200,
        env={**os.environ, "RAY_ADDRESS": address},
    )
    table = pd.read_parquet(tmp_path / "out/results.parquet").set_index("path")
    assert {path: measured(json.loads(v)) for path, v in table["verdict"].items()} == online


@pytest.mark.usefixtures("served")
def test_a_file_that_kills_its_worker_is_a_row_and_the_others_are_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Quick(batch.Worker):
        """Finds no file, and so loads no detectors: four of them have to start."""

        def __init__(self, job: batch.Job) -> None:
            missing, policy = failure("file-missing", "There is no file."), load_policy(job.policy)
            self._job = job
            self._score = lambda row: unscored(row, job.base, policy.ref) | missing

    class Deadly(batch.Job):
        """Stands for a decoder that crashes."""

        def table(self, rows: list[dict[str, Any]]) -> pa.Table:
            if any(row["label"] == "deadly" and row["error"] != "worker-died" for row in rows):
                os._exit(1)
            return batch.Job.table(self, rows)

    monkeypatch.setattr(batch, "Worker", Quick)
    columns = ("path", "label", "kind", "subject")
    rows = {
        str(n): dict(zip(columns, ("absent.jpg", "deadly" if n == 3 else "x", "", ""), strict=True))
        for n in range(12)
    }
    job = Deadly(load_policy("faithful").model_dump(mode="json"), str(tmp_path), schema(columns))
    scored = pa.concat_tables(batch.score(job, rows, workers=1)).to_pylist()
    errors = {row["row_id"]: row["error"] for row in scored}
    assert len(scored) == len(rows)
    assert errors == {key: "worker-died" if key == "3" else "file-missing" for key in rows}
