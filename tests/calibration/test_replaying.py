"""``palisade policy replay``, on records of every kind."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
import yaml
from typer.testing import CliRunner
from verdicts import judged, verdict_with

from calibration.errors import CalibrationError
from calibration.replay_command import replay as command
from calibration.replaying import replay
from calibration.stored import Period, labels, recorded
from fusion.enforcement import Enforcement
from fusion.policy import Policy, load_policy
from fusion.replay import with_threshold
from fusion.sequential import Design
from fusion.verdict import Decision, Verdict
from sessions.errors import StoreError
from sessions.record import Record
from sessions.store import Store
from sessions.url import store_url

DAY = datetime(2026, 1, 31, 12, tzinfo=UTC)


def watching(threshold: float = 0.4) -> Policy:
    """One signal decides, so that its contrast does."""
    raw = load_policy("faithful").model_dump(mode="json")
    raw["coverage"] = {"minimum": 0.0, "quorum": 1}
    return load_policy(raw | {"threshold": threshold})


def blocking(percent: float) -> Policy:
    raw = watching().model_dump(mode="json")
    return load_policy(raw | {"enforcement": {"enforce": True, "percent": percent}})


def session(contrast: float, policy: Policy | None = None, at: int = 0) -> Verdict:
    """A session whose score rises with the contrast, made on some day."""
    made = judged(policy or watching(), contrast)
    return replace(made, created_at=DAY + timedelta(days=at))


GOOD, BAD = 120.0, 0.0
"""Contrasts of reflections that `faithful` scores 1.0 and 0.8."""

STRICT = with_threshold(watching(), 0.9)


def test_who_would_change_is_counted_both_ways() -> None:
    records = [session(GOOD), session(BAD), session(BAD, STRICT)]
    strict = replay(STRICT, [*records, None], {})
    assert strict.newly_failing == [records[1].session_id]
    assert strict.newly_passing == []
    assert strict.decisions == {
        (Decision.ACCEPT, Decision.ACCEPT): 1,
        (Decision.ACCEPT, Decision.REVIEW): 1,
        (Decision.REVIEW, Decision.REVIEW): 1,
    }
    assert strict.unreadable == 1
    lax = replay(watching(), records, {})
    assert lax.newly_passing == lax.changed == [records[2].session_id]
    share = strict.figures()["changed"]
    assert (share.value, share.n, share.method) == (pytest.approx(1 / 3), 3, "Wilson")
    assert share.low is not None
    assert 0.0 < share.low < 1 / 3


def test_a_record_stays_in_the_bucket_of_its_subject() -> None:
    record = session(BAD)
    for bucket, decision in ((10.0, Decision.REJECT), (60.0, Decision.REVIEW)):
        placed = replace(record, enforcement=Enforcement("ids", 100.0, bucket))
        chosen = with_threshold(blocking(50), 0.9)
        outcome = replay(chosen, [placed], {})
        assert outcome.decisions == {(Decision.ACCEPT, decision): 1}
        assert outcome.blocked == {record.session_id}  # were it enforced for everybody


def test_labels_say_of_whom_the_canary_is_judged() -> None:
    records = [session(GOOD) for _ in range(300)] + [session(BAD) for _ in range(40)]
    design = Design(tolerated=0.05)
    assumed = replay(STRICT, records, {})
    assert assumed.canary(design).answer == "roll_back"
    known = {r.session_id: at < 300 for at, r in enumerate(records)}
    told = replay(STRICT, records, known)
    assert told.canary(design).answer == "raise"
    assert (told.canary(design).sessions, told.canary(design).blocked) == (300, 0)
    assert told.figures()["blocked_attack"].value == 1.0
    few = replay(STRICT, records[:10], known)
    assert few.canary(design).answer == "hold"


# Where records come from


def lines(folder: Path, *bodies: bytes) -> Path:
    path = folder / "records.jsonl"
    path.write_bytes(b"\n".join(bodies) + b"\n\n")
    return path


def test_the_same_records_come_from_a_file_a_table_and_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [session(BAD, at=at) for at in range(3)]
    path = lines(tmp_path, *(r.to_json() for r in records))
    table = tmp_path / "results" / "results.parquet"
    table.parent.mkdir()
    texts = [r.to_json().decode() for r in records]
    pq.write_table(pa.table({"path": ["a", "b", "c", "d"], "verdict": [*texts, None]}), table)
    url = f"sqlite:///{tmp_path}/sessions.db"
    monkeypatch.setenv("PALISADE_STORE", url)
    with pytest.raises(StoreError, match="migrate"):
        list(recorded(None, Period()))
    store = Store(store_url({"PALISADE_STORE": url}))
    store.migrate()
    for record in records:
        store.save(Record(record, record.to_json(), None, datetime.now(UTC) + timedelta(days=1)))
    store.close()
    for source in (str(path), str(table), str(table.parent), None, url):
        found = list(recorded(source, Period()))
        assert {r.session_id: r for r in found if r} == {r.session_id: r for r in records}, source
        (middle,) = recorded(
            source, Period(DAY + timedelta(hours=1), DAY + timedelta(days=1, hours=1))
        )
        assert middle == records[1]


def test_a_record_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    path = lines(tmp_path, session(GOOD).to_json(), b'{"of": "an earlier version"}', b"\xff")
    assert [record is None for record in recorded(str(path), Period())] == [False, True, True]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("absent.jsonl", "absent.jsonl: No such file"),
        ("absent.parquet", "absent.parquet: "),
        ("text.parquet", "no Parquet"),
        ("other.parquet", "no column verdict"),
        ("postgresql://me:hunter2@host/db", "PALISADE_STORE"),
    ],
)
def test_a_source_that_is_none_is_one_line(source: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("no table")
    pq.write_table(pa.table({"path": ["a"]}), tmp_path / "other.parquet")
    where = source if "://" in source else str(tmp_path / source)
    with pytest.raises(CalibrationError, match=says) as caught:
        list(recorded(where, Period()))
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("id,label\n1,live\n", "no column session_id"),
        ("session_id,label\n1,perhaps\n", "line 2: the label 'perhaps'"),
        ("session_id,label\n\xff", "no CSV"),
    ],
)
def test_labels_that_are_none_are_one_line(content: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(CalibrationError, match=says):
        labels(path)
    with pytest.raises(CalibrationError, match="No such file"):
        labels(tmp_path / "absent.csv")


# On the command line

app = typer.Typer()
app.command()(command)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "100"})
    if isinstance(result.exception, CalibrationError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    path = tmp_path / "strict.yaml"
    path.write_text(yaml.safe_dump(STRICT.model_dump(mode="json")))
    return path


def test_the_command_says_who_would_change_and_what_to_do(tmp_path: Path, strict: Path) -> None:
    records = [session(GOOD) for _ in range(30)] + [session(BAD)]
    path = lines(tmp_path, *(r.to_json() for r in records), b"odd")
    printed = run(path, "--policy", strict, "--list")
    assert "31 sessions under faithful v1, 1 more could not be read" in printed
    assert f"{records[-1].session_id}  passed, and would fail" in printed
    assert "HOLD: 1 of 31 sessions (all taken for genuine)" in printed
    known = tmp_path / "labels.csv"
    known.write_text("session_id,label\n" + "".join(f"{r.session_id},live\n" for r in records[:9]))
    found: dict[str, Any] = json.loads(
        run(path, "--policy", strict, "--labels", known, "--tolerated", 0.5, "--json", "--list")
    )
    assert found["sessions"] == 31
    assert found["labelled"] == {"bona_fide": 9, "attack": 0}
    assert found["canary"]["assumes"] == "labels"
    assert (found["canary"]["answer"], found["canary"]["sessions"]) == ("raise", 9)
    assert found["ids"]["newly_failing"] == [records[-1].session_id]
    assert found["newly_failing"]["value"] == pytest.approx(1 / 31)
    assert {"before": "accept", "after": "review", "sessions": 1} in found["decisions"]
    assert "ids" not in json.loads(run(path, "--policy", strict, "--json"))


def test_every_answer_is_said_in_words(tmp_path: Path, strict: Path) -> None:
    good = lines(tmp_path, *(session(GOOD).to_json() for _ in range(60)))
    assert "RAISE: 0 of 60" in run(good, "--policy", strict, "--tolerated", 0.2)
    bad = lines(tmp_path, *(session(BAD).to_json() for _ in range(60)))
    printed = run(bad, "--policy", strict, "--tolerated", 0.2)
    assert "ROLL BACK: 60 of 60" in printed
    assert "--labels" in printed


def test_what_cannot_be_answered_is_one_line(tmp_path: Path, strict: Path) -> None:
    path = lines(tmp_path, session(GOOD).to_json())
    known = tmp_path / "labels.csv"
    known.write_text("session_id,label\nsomebody,live\n")
    for arguments, says in (
        (("--tolerated", 0), "tolerated has to be"),
        (("--labels", known), "none of its ids"),
        (("--since", "2026-02-01"), "no recorded sessions"),
    ):
        with pytest.raises(CalibrationError, match=says):
            run(path, "--policy", strict, *arguments)


def test_a_session_that_nothing_can_be_said_of_is_not_blocked() -> None:
    silent = verdict_with(signals=(), weights={})
    outcome = replay(blocking(100), [silent], {})
    assert outcome.decisions == {(Decision.REVIEW, Decision.REVIEW): 1}
    assert not outcome.blocked
