from __future__ import annotations

import json
import multiprocessing
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine, select
from stores import Line, database, migrate_and_save
from verdicts import KEEP, record_with

from detectors.contracts import Status
from fusion.enforcement import Enforcement
from fusion.judge import Judge
from fusion.policy import load_policy
from fusion.verdict import Decision, DocumentFindings, Verdict
from sessions import migrations
from sessions.errors import RecordRefused, StoreUnavailable
from sessions.idempotency import Claim, KeyInProgress, KeyReused
from sessions.query import Filters, Position
from sessions.schema import REVISION, metadata
from sessions.schema import sessions as table
from sessions.store import BATCH, Deleted, Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)


def claim(owner: str = "first", fingerprint: str = "content", minutes: float = 5) -> Claim:
    return Claim("key", fingerprint, owner, now() + timedelta(minutes=minutes))


def test_a_record_comes_back_byte_for_byte_and_can_be_judged_again(store: Store) -> None:
    record = record_with()
    body = record.body.replace(b'"ids"', b'"ids" ')  # not how we would write it today
    store.save(replace(record, body=body))
    kept = store.get(record.session_id, now())
    assert kept == body
    assert Verdict.from_json(body) == record.verdict
    assert Judge(load_policy("hardened")).again(Verdict.from_json(body)).signals


def test_what_the_document_said_is_in_a_column_of_its_own(store: Store, url: URL) -> None:
    findings = DocumentFindings(Status.OK, score=0.25, reasons=("document_below_threshold",))
    examined, bare = record_with(document=findings), record_with()
    for record in (examined, bare):
        store.save(record)
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(select(table.c.session_id, table.c.document_fraud_data)).all()
    engine.dispose()
    kept = {row.session_id: row.document_fraud_data for row in rows}
    assert kept[bare.session_id] is None
    assert json.loads(kept[examined.session_id]) == json.loads(examined.body)["document"]


def test_saving_twice_changes_nothing(store: Store) -> None:
    record = record_with()
    store.save(record)
    store.save(replace(record, body=b"{}"))
    assert store.get(record.session_id, now()) == record.body
    assert store.count(now()) == 1


def test_what_was_never_there_or_has_expired_is_not_found(store: Store) -> None:
    record = record_with(expires_at=now() + timedelta(hours=1))
    store.save(record)
    assert store.get("0" * 32, now()) is None
    assert store.get(record.session_id, now() + timedelta(hours=2)) is None
    assert store.page(Filters(), 10, now() + timedelta(hours=2), None).sessions == ()


def test_many_threads_save_the_same_records_once(store: Store) -> None:
    records = [record_with() for _ in range(40)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(store.save, records * 5))
    assert store.count(now()) == 40


def test_processes_that_start_together_migrate_once_and_save_once(url: URL) -> None:
    context = multiprocessing.get_context("spawn")
    shared, barrier = [record_with() for _ in range(50)], context.Barrier(3)
    own = [[record_with() for _ in range(50)] for _ in range(3)]
    address = url.render_as_string(hide_password=False)
    processes = [
        context.Process(target=migrate_and_save, args=(address, shared + mine, barrier))
        for mine in own
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with closing(Store(url)) as store:
        assert store.count(now()) == 200


# Lists


def test_pages_show_every_session_once_newest_first(store: Store) -> None:
    # Several in the same instant: their order is then that of the ids.
    records = [record_with(created_at=NOW + timedelta(minutes=i // 3)) for i in range(20)]
    for record in records:
        store.save(record)
    seen: list[str] = []
    after = None
    while True:
        page = store.page(Filters(), 6, now(), after)
        seen += [summary.session_id for summary in page.sessions]
        if page.next is None:
            break
        after = Position.of(page.next.cursor())
    expected = sorted(records, key=lambda r: (r.verdict.created_at, r.session_id), reverse=True)
    assert seen == [record.session_id for record in expected]


def test_a_summary_says_what_the_verdict_says(store: Store) -> None:
    record = record_with()
    store.save(record)
    (summary,) = store.page(Filters(), 10, now(), None).sessions
    verdict = record.verdict
    assert summary.session_id == verdict.session_id
    assert summary.created_at == verdict.created_at
    assert (summary.decision, summary.passed) == (verdict.decision, verdict.passed)
    assert (summary.mode, summary.enforced) == (verdict.enforcement.mode, verdict.enforced)
    assert (summary.score, summary.coverage) == (verdict.score, verdict.coverage)
    assert (summary.policy, summary.policy_sha256) == ("faithful", verdict.policy.sha256)
    assert summary.expires_at == record.expires_at


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), {"a", "b", "c"}),
        (Filters(decision="reject"), {"b"}),
        (Filters(mode="ips"), {"b"}),
        (Filters(passed=True), {"a"}),
        (Filters(passed=False), {"b", "c"}),
        (Filters(policy="hardened"), {"c"}),
        (Filters(policy=load_policy("hardened").sha256), {"c"}),
        (Filters(subject="digest"), {"a"}),
        (Filters(since=NOW + timedelta(hours=1)), {"b", "c"}),
        (Filters(until=NOW + timedelta(hours=1)), {"a"}),
        (Filters(min_score=0.5), {"a"}),
        (Filters(max_score=0.5), {"b"}),
        (Filters(min_score=0.2, max_score=0.9, passed=False), {"b"}),
        (Filters(decision="accept", mode="ips"), set()),
    ],
)
def test_filters(store: Store, filters: Filters, found: set[str]) -> None:
    records = {
        "a": record_with(
            decision=Decision.ACCEPT, passed=True, score=0.9, created_at=NOW, subject="digest"
        ),
        "b": record_with(
            decision=Decision.REJECT,
            score=0.2,
            enforced=True,
            enforcement=Enforcement("ips", 100.0, 1.0),
            created_at=NOW + timedelta(hours=1),
        ),
        "c": record_with(
            score=None, policy=load_policy("hardened").ref, created_at=NOW + timedelta(hours=2)
        ),
    }
    for record in records.values():
        store.save(record)
    listed = {summary.session_id for summary in store.page(filters, 10, now(), None).sessions}
    assert listed == {records[name].session_id for name in found}


def test_bodies_are_the_pages_with_their_verdicts(store: Store) -> None:
    records = [record_with(created_at=NOW + timedelta(minutes=i)) for i in range(5)]
    for record in records:
        store.save(record)
    store.delete(records[3].session_id, now(), KEEP)
    seen: list[bytes] = []
    after = None
    for _ in range(2):
        page = store.page(Filters(), 2, NOW, after)
        found, after = store.bodies(Filters(), 2, NOW, after)
        assert (tuple(summary for summary, _ in found), after) == (page.sessions, page.next)
        seen += [body for _, body in found]
    assert seen == [records[i].body for i in (4, 2, 1, 0)]
    assert after is None


# Deletion and retention


def test_a_deleted_session_leaves_its_id_and_nothing_else(store: Store) -> None:
    record = record_with(subject="digest")
    store.save(record)
    store.delete(record.session_id, now(), KEEP)
    assert store.get(record.session_id, now()) == Deleted()
    assert store.page(Filters(), 10, now(), None).sessions == ()
    with store._engine.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM sessions").mappings()
    assert {name for name, value in row.items() if value is not None} == {
        "session_id",
        "expires_at",
    }


def test_nothing_brings_a_deleted_session_back(store: Store) -> None:
    early, late = record_with(), record_with()
    store.save(early)
    for record in (early, late):  # the late one has not even arrived yet
        store.delete(record.session_id, now(), KEEP)
        store.delete(record.session_id, now(), KEEP)
        store.save(record)
        assert store.get(record.session_id, now()) == Deleted()
    assert store.count(now()) == 0


def test_saves_and_deletions_in_a_race_end_deleted(store: Store) -> None:
    records = [record_with() for _ in range(30)]
    calls: list[Callable[[], None]] = []
    for record in records:
        calls += [
            lambda r=record: store.save(r),
            lambda r=record: store.delete(r.session_id, now(), KEEP),
            lambda r=record: store.save(r),
        ]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda call: call(), calls))
    assert {store.get(record.session_id, now()) for record in records} == {Deleted()}


def test_the_sessions_of_a_subject_are_erased_up_to_now(store: Store) -> None:
    theirs = [record_with(subject="digest") for _ in range(3)]
    other = record_with(subject="another")
    for record in (*theirs, other):
        store.save(record)
    assert store.erase("digest", now(), KEEP) == 3
    assert store.erase("digest", now(), KEEP) == 0
    assert store.get(other.session_id, now()) == other.body
    assert all(store.get(record.session_id, now()) == Deleted() for record in theirs)
    assert store.erased("digest", theirs[0].verdict.created_at)

    again = record_with(subject="digest")  # the person came back
    assert not store.erased("digest", again.verdict.created_at)
    store.save(again)
    store.sweep(now())
    assert store.get(again.session_id, now()) == again.body


def test_a_save_that_came_after_an_erasure_is_undone_by_the_sweep(store: Store) -> None:
    slow = record_with(subject="digest")
    store.erase("digest", now(), KEEP)
    store.save(slow)
    store.sweep(now())
    assert store.get(slow.session_id, now()) == Deleted()


def test_the_sweep_takes_what_has_expired_and_nothing_else(store: Store) -> None:
    kept = record_with(expires_at=now() + timedelta(days=3))
    gone = [record_with(expires_at=now() + timedelta(hours=1)) for _ in range(5)]
    for record in (kept, *gone):
        store.save(record)
    store.delete(gone[0].session_id, now(), timedelta(0))
    store.erase("somebody", now(), timedelta(0))
    store.claim(claim(), now())
    assert store.sweep(now()) == 0
    # Four records and a key; the traces of the deletions live for a day more.
    assert store.sweep(now() + timedelta(hours=2)) == 5
    assert store.sweep(now() + timedelta(days=2)) == 2
    assert store.get(kept.session_id, now()) == kept.body
    assert store.get(gone[1].session_id, now()) is None


def test_the_sweep_works_in_batches_and_can_be_stopped(store: Store) -> None:
    for _ in range(BATCH + 10):
        store.save(record_with(expires_at=NOW))
    asked: list[int] = []

    def after_one_batch() -> bool:
        asked.append(1)
        return len(asked) > 1

    assert store.sweep(now(), after_one_batch) == BATCH
    assert store.sweep(now()) == 10


# Idempotency keys


def test_a_key_belongs_to_one_request_until_it_is_answered(store: Store) -> None:
    first = claim()
    assert store.claim(first, now()) is None
    with pytest.raises(KeyInProgress):
        store.claim(claim("second"), now())
    with pytest.raises(KeyReused):
        store.claim(claim("second", "other content"), now())
    record = record_with(claim=first)
    store.save(record)
    assert store.claim(claim("second"), now()) == record.session_id
    with pytest.raises(KeyReused):
        store.claim(claim("second", "other content"), now())


def test_a_key_is_free_again_when_released_or_expired(store: Store) -> None:
    store.claim(claim(), now())
    store.release(claim("somebody else"))
    with pytest.raises(KeyInProgress):
        store.claim(claim("second"), now())
    store.release(claim())
    assert store.claim(claim("second"), now()) is None
    # A replica that died releases nothing.
    assert store.claim(claim("third"), now() + timedelta(minutes=6)) is None
    with pytest.raises(KeyInProgress):
        store.claim(claim("second"), now())


def test_an_answer_is_not_released(store: Store) -> None:
    record = record_with(claim=claim())
    store.save(record)
    store.release(claim())
    assert store.claim(claim("second"), now()) == record.session_id


def test_one_that_lost_its_key_is_on_record_but_does_not_answer_for_it(store: Store) -> None:
    slow = record_with(claim=claim("slow", minutes=-1))
    store.claim(claim("slow", minutes=-1), now())
    store.claim(claim("fast"), now())
    fast = record_with(claim=claim("fast"))
    store.save(fast)
    store.save(slow)
    assert store.count(now()) == 2
    assert store.claim(claim("late"), now()) == fast.session_id


def test_of_many_that_want_a_key_one_gets_it(store: Store) -> None:
    def want(owner: int) -> bool:
        try:
            return store.claim(claim(str(owner)), now()) is None
        except KeyInProgress:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(want, range(24))) == 1


# The schema


def test_the_migrations_make_the_tables_of_the_schema(url: URL) -> None:
    with closing(Store(url)) as store:
        assert store.revision() is None
        with pytest.raises(StoreUnavailable):
            store.save(record_with())
        store.migrate()
        assert store.revision() == REVISION
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    script = ScriptDirectory.from_config(migrations.config())
    assert script.get_heads() == [REVISION]


# Trouble


def test_a_record_that_never_fits_is_refused(store: Store) -> None:
    record = record_with()
    without_id = replace(record, verdict=replace(record.verdict, session_id=None))  # type: ignore[arg-type]
    with pytest.raises(RecordRefused):
        store.save(without_id)


def test_a_locked_sqlite_file_is_unavailable_and_then_well(tmp_path: Path) -> None:
    url = URL.create("sqlite", database=str(tmp_path / "locked.db"))
    with closing(Store(url)) as store:
        store.migrate()
        record = record_with()
        store.save(record)
        with closing(sqlite3.connect(str(url.database), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            started = time.monotonic()
            with pytest.raises(StoreUnavailable, match="locked"):
                store.save(record_with())
            assert time.monotonic() - started < 4
            assert store.get(record.session_id, now()) == record.body  # readers do not wait
            other.execute("ROLLBACK")
        store.make_ready()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    path.write_bytes(b"not a database at all" * 100)
    with (
        closing(Store(URL.create("sqlite", database=str(path)))) as store,
        pytest.raises(StoreUnavailable, match="not a database"),
    ):
        store.migrate()


@pytest.mark.parametrize("name", ["a file/sessions.db", f"{'x' * 300}/sessions.db"])
def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path, name: str) -> None:
    (tmp_path / "a file").touch()
    url = URL.create("sqlite", database=str(tmp_path / name))
    with closing(Store(url)) as store, pytest.raises(StoreUnavailable):
        store.migrate()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[Line, Store]]:
    """A store in PostgreSQL behind a line that can be cut."""
    with database("postgresql", tmp_path) as url:
        line = Line(str(url.host), url.port or 5432)
        store = Store(url.set(host="127.0.0.1", port=line.port))
        store.migrate()
        yield line, store
        store.close()
        line.close()


def test_a_restarted_postgresql_costs_nothing(line: tuple[Line, Store]) -> None:
    proxy, store = line
    proxy.cut()
    proxy.mend()
    record = record_with()
    store.save(record)  # on the connection that died meanwhile
    assert store.get(record.session_id, now()) == record.body


def test_a_stopped_postgresql_is_unavailable_at_once(line: tuple[Line, Store]) -> None:
    proxy, store = line
    proxy.cut()
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.save(record_with())
    assert time.monotonic() - started < 2
    proxy.mend()
    store.make_ready()


def test_a_thread_that_hangs_on_postgresql_can_be_freed(line: tuple[Line, Store]) -> None:
    proxy, store = line
    proxy.stall()
    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(store.save, record_with())
        with pytest.raises(TimeoutError):
            saving.result(0.5)
        assert store.abort(older_than_s=60) == 0
        while not saving.done():  # the second try, on a connection of its own, hangs as well
            store.abort(older_than_s=0)
            time.sleep(0.05)
        assert isinstance(saving.exception(), StoreUnavailable)
    proxy.mend()
    record = record_with()
    store.save(record)
    assert store.get(record.session_id, now()) == record.body


def test_no_error_tells_the_password(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = URL.create(
            "postgresql+psycopg", "user", "s3cret", "127.0.0.1", nobody.getsockname()[1], "x"
        )
        with closing(Store(url)) as store, pytest.raises(StoreUnavailable) as caught:
            store.migrate()
    assert "s3cret" not in repr(caught.value)
