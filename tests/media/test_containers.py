from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_corpus import clip

from media.containers import is_complete, sniff
from media.errors import MediaError

CLIPS = {
    "mov": clip("mp4"),
    "matroska": clip("matroska"),
    "avi": clip("avi", "mjpeg", ticks=25),
}


@pytest.mark.parametrize("container", CLIPS)
def test_whole_files(container: str) -> None:
    assert sniff(CLIPS[container]) == container
    assert is_complete(CLIPS[container], container)


@pytest.mark.parametrize("container", CLIPS)
@pytest.mark.parametrize("missing", [1, 7, 100, 1000])
def test_any_missing_tail_is_seen(container: str, missing: int) -> None:
    assert not is_complete(CLIPS[container][:-missing], container)


def test_a_live_recording_states_no_length() -> None:
    live = clip("webm", "libvpx", muxer={"live": "1"}, options={"deadline": "realtime"})
    assert is_complete(live[:-50], "matroska")


def test_64_bit_boxes() -> None:
    box = b"\0\0\0\1mdat" + (24).to_bytes(8, "big") + bytes(8)
    assert is_complete(box, "mov")
    assert not is_complete(box[:-1], "mov")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(CLIPS)), st.binary(max_size=100))
def test_any_bytes_have_an_answer(container: str, data: bytes) -> None:
    try:
        answer = is_complete(CLIPS[container][:8] + data, container)
    except MediaError:
        return
    assert isinstance(answer, bool)
