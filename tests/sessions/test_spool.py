from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from verdicts import record_with

from sessions.drain import Drained, drain
from sessions.errors import RecordRefused, StoreUnavailable
from sessions.idempotency import Claim, KeyInProgress, KeyReused
from sessions.record import Record
from sessions.spool import Spool
from sessions.store import Deleted, Store


def now() -> datetime:
    return datetime.now(UTC)


def claim(owner: str = "first", fingerprint: str = "content", minutes: float = 5) -> Claim:
    return Claim("key", fingerprint, owner, now() + timedelta(minutes=minutes))


def test_a_record_waits_whole(spool: Spool) -> None:
    record = record_with(subject="digest", claim=claim())
    spool.add(record)
    assert spool.get(record.session_id) == record
    assert Spool(spool.folder).get(record.session_id) == record  # of another replica
    assert list(spool) == [record]
    assert len(spool) == 1
    spool.remove(record.session_id)
    spool.remove(record.session_id)
    assert spool.get(record.session_id) is None
    assert len(spool) == 0


def test_only_its_owner_can_read_it(spool: Spool) -> None:
    record = record_with()
    spool.add(record)
    assert spool.folder.stat().st_mode & 0o777 == 0o700
    assert (spool.folder / f"{record.session_id}.record").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_not_there_is_an_empty_spool(spool: Spool) -> None:
    assert (len(spool), list(spool), spool.broken_count()) == (0, [], 0)
    assert spool.get("0" * 32) is None
    spool.tidy(now())


def test_records_come_oldest_first(spool: Spool) -> None:
    records = [record_with() for _ in range(10)]
    for record in records:
        spool.add(record)
        time.sleep(0.005)  # the clock of files is coarse
    assert [record.session_id for record in spool] == [record.session_id for record in records]


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[:40], lambda b: b"", lambda b: b"x" * 9]
)
def test_a_broken_file_is_set_aside_and_stops_nobody(
    spool: Spool, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = record_with(), record_with()
    spool.add(bad)
    spool.add(good)
    path = spool.folder / f"{bad.session_id}.record"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert spool.get(bad.session_id) is None
    assert list(spool) == [good]
    assert spool.broken_count() == 1
    assert (spool.broken / path.name).exists()
    assert bad.session_id in caplog.text
    assert len(spool) == 1


def test_a_record_under_another_name_is_set_aside(spool: Spool) -> None:
    record = record_with()
    spool.add(record)
    (spool.folder / f"{record.session_id}.record").rename(spool.folder / f"{'0' * 32}.record")
    assert list(spool) == []
    assert spool.broken_count() == 1


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from verdicts import record_with
from sessions.spool import Spool

spool = Spool(Path(sys.argv[1]))
whole = record_with()
spool.add(whole)
print(whole.session_id, flush=True)
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)  # written, not yet renamed
spool.add(record_with())
"""


def test_a_writer_that_is_killed_leaves_no_half_record(spool: Spool) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_THE_MIDDLE, spool.folder],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [record.session_id for record in spool] == [killed.stdout.strip()]
    assert spool.broken_count() == 0
    (part,) = spool.folder.glob(".*.part")
    spool.tidy(now())
    assert part.exists()  # its writer might still be at it
    os.utime(part, (0, 0))
    spool.tidy(now())
    assert not part.exists()


def test_a_full_disk_raises_and_leaves_nothing(spool: Spool) -> None:
    spool.add(record_with())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            spool.add(record_with())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert len(spool) == 1
    assert not list(spool.folder.glob(".*.part"))


# Draining


def test_the_drain_moves_every_record_once(store: Store, spool: Spool) -> None:
    records = [record_with() for _ in range(10)]
    for record in records:
        spool.add(record)
    store.save(records[0])  # a save that was slow, not lost
    done: list[int] = []
    assert drain(store, spool, on_record=done.append) == Drained(saved=10)
    assert done == list(range(1, 11))
    assert len(spool) == 0
    assert store.count(now()) == 10
    assert all(store.get(record.session_id, now()) == record.body for record in records)


def test_many_drains_at_a_time_are_one(store: Store, spool: Spool) -> None:
    for _ in range(60):
        spool.add(record_with())
    with ThreadPoolExecutor(4) as pool:
        turns = [pool.submit(drain, store, Spool(spool.folder)) for _ in range(4)]
    assert sum(turn.result().saved for turn in turns) == 60
    assert store.count(now()) == 60


def test_a_drain_stops_when_told(store: Store, spool: Spool) -> None:
    for _ in range(3):
        spool.add(record_with())
    assert drain(store, spool, stop=lambda: True) == Drained()
    assert len(spool) == 3


def test_a_store_that_goes_away_leaves_the_rest_waiting(spool: Spool) -> None:
    class Fails(Store):
        def __init__(self) -> None:
            self.saved = 0

        def save(self, record: Record) -> None:
            if self.saved == 2:
                raise StoreUnavailable("gone")
            self.saved += 1

    for _ in range(5):
        spool.add(record_with())
    with pytest.raises(StoreUnavailable):
        drain(Fails(), spool)
    assert len(spool) == 3


def test_a_record_that_the_store_refuses_is_kept_aside(store: Store, spool: Spool) -> None:
    class Refuses(Store):
        def __init__(self) -> None:
            pass

        def save(self, record: Record) -> None:
            raise RecordRefused("never")

    record = record_with()
    spool.add(record)
    assert drain(Refuses(), spool) == Drained(refused=1)
    assert len(spool) == 0
    kept = (spool.broken / f"{record.session_id}.record").read_bytes()
    assert Record.from_bytes(kept) == record


def test_the_drain_brings_back_nothing_that_was_deleted(store: Store, spool: Spool) -> None:
    deleted, erased = record_with(), record_with(subject="digest")
    expired = record_with(expires_at=now() - timedelta(seconds=1))
    for record in (deleted, erased, expired):
        spool.add(record)
    store.delete(deleted.session_id, now(), timedelta(days=1))
    store.erase("digest", now(), timedelta(days=1))
    assert drain(store, spool).saved == 3
    assert len(spool) == 0
    assert store.count(now()) == 0
    assert store.get(deleted.session_id, now()) == Deleted()


def test_a_subject_is_erased_from_the_spool(spool: Spool) -> None:
    theirs, other = record_with(subject="digest"), record_with(subject="another")
    spool.add(theirs)
    spool.add(other)
    spool.remove_subject("digest", now() - timedelta(hours=1))
    assert len(spool) == 2
    spool.remove_subject("digest", now())
    assert list(spool) == [other]


# Idempotency keys


def test_a_key_belongs_to_one_request_of_this_node(spool: Spool) -> None:
    other_replica = Spool(spool.folder)
    assert spool.answered(claim(), now()) is None
    assert spool.claim(claim(), now()) is None
    for asks in (other_replica.claim, other_replica.answered):
        with pytest.raises(KeyInProgress):
            asks(claim("second"), now())
        with pytest.raises(KeyReused):
            asks(claim("second", "other content"), now())
    record = record_with(claim=claim())
    spool.add(record)
    assert other_replica.claim(claim("second"), now()) == record.session_id
    assert other_replica.answered(claim("second"), now()) == record.session_id


def test_a_key_is_free_again_when_released_or_expired(spool: Spool) -> None:
    spool.claim(claim(), now())
    spool.release(claim("somebody else"))
    assert spool.claim(claim("third"), now() + timedelta(minutes=6)) is None
    spool.release(claim("third"))
    assert spool.claim(claim("second", "other content"), now()) is None


def test_expired_keys_are_tidied_away(spool: Spool) -> None:
    spool.claim(claim(), now())
    spool.tidy(now())
    assert os.listdir(spool.folder / "keys") == ["key"]
    spool.tidy(now() + timedelta(minutes=6))
    assert os.listdir(spool.folder / "keys") == []


def test_a_drained_key_is_answered_by_the_store(store: Store, spool: Spool) -> None:
    record = record_with(claim=claim())
    spool.add(record)
    drain(store, spool)
    assert spool.answered(claim("second"), now()) is None
    assert store.claim(claim("second"), now()) == record.session_id


def test_of_many_that_want_a_key_one_gets_it(spool: Spool) -> None:
    def want(owner: int) -> bool:
        try:
            return Spool(spool.folder).claim(claim(str(owner)), now()) is None
        except KeyInProgress:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(want, range(24))) == 1
