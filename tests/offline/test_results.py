from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from offline.errors import BatchError
from offline.results import Results, schema

COLUMNS = schema(["path", "label"])
RUN = {"policy": {"name": "faithful", "sha256": "ab" * 32}, "versions": {"numpy": "1.26.4"}}


def rows(*own: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([{"stamp": "1@1", **row} for row in own], COLUMNS)


def row_ids(results: Results) -> list[str]:
    return sorted(pd.read_parquet(results.table)["row_id"])


def test_rows_survive_from_part_to_table(tmp_path: Path) -> None:
    results = Results(tmp_path / "out")
    with results.opened(RUN):
        results.write(rows({"row_id": "a", "score": 0.25, "weights": {"rppg": 1.0}}))
        results.write(rows({"row_id": "b", "error": "file-missing", "stamp": "-"}))
        assert results.scored() == {"a": "1@1", "b": "-"}
    with Results(tmp_path / "out").opened(RUN):
        assert results.scored() == {"a": "1@1", "b": "-"}
        results.merge(["a", "b"], COLUMNS)
    table = pd.read_parquet(results.table).set_index("row_id")
    assert table.loc["a", "score"] == 0.25
    assert table.loc["a", "weights"] == [("rppg", 1.0)]
    assert table.loc["b", "error"] == "file-missing"
    assert not list((tmp_path / "out/parts").iterdir())


def test_the_table_has_the_newest_result_of_each_row_of_the_manifest(tmp_path: Path) -> None:
    results = Results(tmp_path)
    with results.opened(RUN):
        results.write(rows({"row_id": "gone"}, {"row_id": "same"}, {"row_id": "new", "score": 0.1}))
        results.merge(["gone", "same", "new"], COLUMNS)
        results.write(rows({"row_id": "new", "score": 0.9}))
        assert row_ids(results) == ["gone", "new", "same"], "whole until the next one is"
        results.merge(["same", "new"], COLUMNS)
    assert row_ids(results) == ["new", "same"]
    assert set(pd.read_parquet(results.table)["score"].dropna()) == {0.9}


@pytest.mark.parametrize("error", ["file-unreadable", "scoring-failed", "worker-died"])
def test_what_may_have_gone_away_is_tried_again(error: str, tmp_path: Path) -> None:
    results = Results(tmp_path)
    with results.opened(RUN):
        results.write(
            rows({"row_id": "a", "error": error}, {"row_id": "b", "error": "image-empty"})
        )
        assert results.scored() == {"b": "1@1"}


def test_a_part_that_was_not_finished_does_not_count(tmp_path: Path) -> None:
    results = Results(tmp_path)
    with results.opened(RUN):
        results.write(rows({"row_id": "a"}))
    (tmp_path / "parts/00000001.parquet.tmp").write_bytes(b"PAR1 half")
    with results.opened(RUN):
        assert set(results.scored()) == {"a"}
        results.write(rows({"row_id": "b"}))
        assert set(results.scored()) == {"a", "b"}
    assert not list(tmp_path.rglob("*.tmp"))


def test_another_policy_is_refused_unless_all_is_scored_afresh(tmp_path: Path) -> None:
    results = Results(tmp_path)
    (tmp_path / "notes.txt").write_text("of the analyst")
    with results.opened(RUN):
        results.write(rows({"row_id": "a"}))
    other = RUN | {"policy": {"name": "hardened", "sha256": "cd" * 32}}
    with pytest.raises(BatchError, match=r"faithful.*hardened.*--fresh") as caught:
        results.opened(other).__enter__()
    assert "numpy" not in str(caught.value)
    with results.opened(RUN):
        assert set(results.scored()) == {"a"}
    with results.opened(other, fresh=True):
        assert results.scored() == {}
    assert (tmp_path / "notes.txt").exists()


def test_results_of_who_knows_what_are_refused(tmp_path: Path) -> None:
    (tmp_path / "results.parquet").write_bytes(b"of another program")
    with pytest.raises(BatchError, match="results without run"):
        Results(tmp_path).opened(RUN).__enter__()


def test_two_runs_cannot_write_to_one_folder(tmp_path: Path) -> None:
    with (
        Results(tmp_path).opened(RUN),
        pytest.raises(BatchError, match="another run"),
        Results(tmp_path).opened(RUN),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(BatchError, match="out: File exists"):
        Results(tmp_path / "out").opened(RUN).__enter__()


def test_a_column_of_the_manifest_may_not_hide_one_of_ours() -> None:
    with pytest.raises(BatchError, match="column score, sha256 has the name"):
        schema(["path", "score", "sha256"])
