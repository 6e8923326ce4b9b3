from __future__ import annotations

from dataclasses import replace

import pytest

from media.capture import Capture
from sessions.idempotency import MalformedKey, fingerprint, key_digest, parse_key


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ('"8e03978e-40d5"', "8e03978e-40d5"),
        ("8e03978e-40d5", "8e03978e-40d5"),
        ('  "with spaces"  ', "with spaces"),
        (r'"a \"quoted\" \\ word"', r'a "quoted" \ word'),
        ("k" * 255, "k" * 255),
    ],
)
def test_a_key_is_a_string_with_quotation_marks_or_without(header: str, key: str) -> None:
    assert parse_key(header) == key


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        '""',
        '"open',
        'a"b',
        "two words",
        '"a", "b"',
        "a, b",
        '"a";p=1',
        "é",
        '"\\x"',
        "k" * 256,
    ],
)
def test_anything_else_is_malformed(header: str) -> None:
    with pytest.raises(MalformedKey):
        parse_key(header)


def test_digests_depend_on_the_secret() -> None:
    assert key_digest(b"one", "key") != key_digest(b"two", "key")
    assert fingerprint(b"one", Capture(b"x"), None) != fingerprint(b"two", Capture(b"x"), None)


def test_a_key_of_one_holder_is_not_that_of_another() -> None:
    digests = [
        key_digest(b"one", key, holder)
        for key, holder in [
            ("key", None),
            ("key", "0123456789ab"),
            ("key", "ba9876543210"),
            ("0123456789ab:key", None),
            ("-of:0123456789ab:key", None),
        ]
    ]
    assert len(set(digests)) == len(digests)
    assert key_digest(b"one", "key", "0123456789ab") == digests[1]


def test_every_part_of_a_request_counts() -> None:
    base = Capture(b"face")
    others = [
        base,
        Capture(b"fac", clip=b"e"),
        Capture(b"face", clip=b""),
        Capture(b"face", clip=b"film"),
        Capture(b"face", document=b"film"),
        Capture(b"face", stills=(b"fi", b"lm"), still_times=(0.0, 1.0)),
        Capture(b"face", stills=(b"film",), still_times=(0.0,)),
        Capture(b"face", stills=(b"fi", b"lm"), still_times=(0.0, 2.0)),
        replace(base, channel="sdk"),
        replace(base, requested=frozenset({"clip"})),
        replace(base, requested=frozenset({"clip", "document"})),
        replace(base, gate=True),
    ]
    digests = [fingerprint(b"", capture, None) for capture in others]
    digests += [fingerprint(b"", base, subject) for subject in ("", "None", "somebody")]
    assert len(set(digests)) == len(digests)


def test_the_order_of_a_set_does_not_count() -> None:
    one = replace(Capture(b"face"), requested=frozenset(["clip", "document"]))
    other = replace(Capture(b"face"), requested=frozenset(["document", "clip"]))
    assert fingerprint(b"", one, None) == fingerprint(b"", other, None)
