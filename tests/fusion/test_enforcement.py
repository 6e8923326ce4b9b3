from __future__ import annotations

import pytest

from fusion.enforcement import Enforcement, bucket

IDS = [f"applicant-{n}" for n in range(10_000)]


@pytest.mark.parametrize("percent", [0, 10, 25, 50, 100])
def test_a_rollout_enforces_its_share_of_ten_thousand_subjects(percent: float) -> None:
    enforced = sum(
        Enforcement("ips", percent, bucket(b"key", "s", subject)).active for subject in IDS
    )
    # Three standard deviations of a binomial draw.
    spread = 3 * (10_000 * percent / 100 * (1 - percent / 100)) ** 0.5
    assert enforced == pytest.approx(percent * 100, abs=spread)


def test_turning_the_share_up_keeps_everyone_who_was_enforced() -> None:
    buckets = {subject: bucket(b"key", "s", subject) for subject in IDS}
    at_10 = {s for s, b in buckets.items() if Enforcement("ips", 10, b).active}
    at_25 = {s for s, b in buckets.items() if Enforcement("ips", 25, b).active}
    assert at_10 < at_25


def test_a_subject_keeps_its_bucket_however_often_it_retries() -> None:
    assert len({bucket(b"key", f"session-{n}", "applicant-7") for n in range(50)}) == 1


def test_without_a_subject_the_session_draws() -> None:
    assert len({bucket(b"key", f"session-{n}") for n in range(50)}) == 50


def test_a_session_named_like_a_subject_does_not_share_its_bucket() -> None:
    assert bucket(b"key", "a") != bucket(b"key", "x", "a")


def test_another_key_gives_other_buckets() -> None:
    assert bucket(b"key", "s", "a") != bucket(b"other", "s", "a")


@pytest.mark.parametrize("drawn", [0.0, 50.0, 99.999])
def test_watching_never_enforces(drawn: float) -> None:
    assert not Enforcement("ids", 100, drawn).active
