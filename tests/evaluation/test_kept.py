from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.errors import EvaluationError
from evaluation.kept import kept


def test_results_are_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "out" / "kept.jsonl"
    with kept(path, "v1") as results:
        assert "a" not in results
        results.add("a", {"score": 0.1})
        results.add("b", [1, 2])
    with kept(path, "v1") as results:
        assert results["a"] == {"score": 0.1}
        assert results["b"] == [1, 2]


@pytest.mark.parametrize("torn", [b'{"key": "b", "resu', b'{"key": "b", "result": 2}', b"\0\0\n"])
def test_what_a_killed_run_left_half_written_is_worked_out_again(
    torn: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "kept.jsonl"
    with kept(path, "v1") as results:
        results.add("a", 1)
    with path.open("ab") as file:
        file.write(torn)
    with kept(path, "v1") as results:
        assert results["a"] == 1
        assert "b" not in results
        results.add("b", 3)
    with kept(path, "v1") as results:
        assert (results["a"], results["b"]) == (1, 3)


@pytest.mark.parametrize("content", [b"", b"{}\n", b"not JSON\n", b'{"basis": "v2"}'])
def test_results_of_another_basis_are_forgotten(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    with kept(path, "v1") as results:
        results.add("a", 1)
    path.write_bytes(content + path.read_bytes().partition(b"\n")[2])
    with kept(path, "v2") as results:
        assert "a" not in results
        results.add("c", 1)
    with kept(path, "v2") as results:
        assert "c" in results


def test_two_runs_do_not_write_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    with (
        kept(path, "v1"),
        pytest.raises(EvaluationError, match="another run"),
        kept(path, "v1"),
    ):
        pytest.fail("both write")


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(EvaluationError, match="file: "),
        kept(tmp_path / "file" / "kept.jsonl", "v1"),
    ):
        pytest.fail("worked for nothing")
