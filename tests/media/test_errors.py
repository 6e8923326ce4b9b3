from __future__ import annotations

import pickle
import re

import pytest

from media.errors import CODES, MediaError, blame


def test_codes_are_kebab_case_and_client_errors() -> None:
    assert all(re.fullmatch(r"(image|clip)(-[a-z]+)+", code) for code in CODES)
    assert set(CODES.values()) == {413, 415, 422}


def test_an_unknown_code_is_a_bug() -> None:
    with pytest.raises(KeyError):
        MediaError("image-ugly", "No.")


def test_survives_pickling() -> None:
    error = MediaError("clip-too-long", "Too long.", part="clip")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.code, copy.detail, copy.part, copy.http_status) == (
        "clip-too-long",
        "Too long.",
        "clip",
        413,
    )


def test_says_all_when_printed() -> None:
    assert str(MediaError("clip-empty", "No bytes.", "clip")) == "clip: No bytes. (clip-empty)"
    assert str(MediaError("clip-empty", "No bytes.")) == "No bytes. (clip-empty)"


def test_blame_names_the_part_once() -> None:
    with pytest.raises(MediaError) as caught, blame("clip"), blame("selfie"):
        raise MediaError("image-empty", "No bytes.")
    assert caught.value.part == "selfie"
