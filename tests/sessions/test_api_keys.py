from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.api_keys import SECRET_BYTES, TOKEN, new_key, read_token

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_token_opens_its_key_and_no_other() -> None:
    key, token = new_key("page", "applicant", 60, NOW)
    other, other_token = new_key("page", "applicant", 60, NOW)
    for made, own, foreign in ((key, token, other_token), (other, other_token, token)):
        key_id, secret = read_token(own) or ("", "")
        assert key_id == made.key_id
        assert made.opened_by(secret, NOW)
        assert not made.opened_by((read_token(foreign) or ("", ""))[1], NOW)


def test_a_secret_has_256_bits_and_is_not_kept() -> None:
    key, token = new_key("page", "applicant", 60, NOW)
    _, secret = read_token(token) or ("", "")
    assert SECRET_BYTES * 8 == 256
    assert len(secret) == math.ceil(256 / 6)  # bits of a character of base64
    assert secret not in repr(key)


def test_a_key_that_has_expired_or_was_revoked_opens_nothing() -> None:
    key, token = new_key("page", "applicant", 60, NOW, NOW + timedelta(days=1))
    _, secret = read_token(token) or ("", "")
    just_before, then = NOW + timedelta(hours=23), NOW + timedelta(days=1)
    assert key.opened_by(secret, just_before)
    assert not key.opened_by(secret, then)
    assert (key.state(just_before), key.state(then)) == ("live", "expired")
    revoked = replace(key, revoked_at=NOW)
    assert not revoked.opened_by(secret, just_before)
    assert revoked.state(then) == "revoked"


@pytest.mark.parametrize(
    "spoil",
    [
        str.upper,
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token + "\n",
        lambda token: token.replace("pk_", "sk_"),
        lambda token: token[:-1] + "é",
        lambda token: "",
    ],
)
def test_what_is_no_token(spoil: Callable[[str], str]) -> None:
    _, token = new_key("page", "applicant", 60, NOW)
    assert read_token(spoil(token)) is None


@given(st.text() | st.from_regex(TOKEN, fullmatch=True))
def test_any_text_is_a_token_or_none(text: str) -> None:
    parts = read_token(text)
    assert parts is None or f"pk_{parts[0]}_{parts[1]}" == text
