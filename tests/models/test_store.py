from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models import manifest, store
from models.store import ACCEPT_RESEARCH, FetchError, ModelUnavailable, State, Store

WEIGHTS = bytes(range(256)) * 300
MODEL = replace(
    manifest.models()["face_landmarker"],
    name="tiny",
    file="tiny.onnx",
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    bytes=len(WEIGHTS),
)


class Mirror(ThreadingHTTPServer):
    """A loopback server that answers every path with one body."""

    daemon_threads = True
    body = WEIGHTS
    status = 200
    requests = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/tiny.onnx"


class Answer(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", self.server.url)
            self.end_headers()
            return
        self.send_response(self.server.status)
        if self.path != "/cut":
            self.end_headers()
            self.wfile.write(self.server.body)
        else:  # promise more than is sent
            self.send_header("Content-Length", str(len(self.server.body)))
            self.end_headers()
            self.wfile.write(self.server.body[:1000])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Mirror() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def tiny(tmp_path: Path) -> Store:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    return Store({"tiny": MODEL}, (first, second))


def left(tiny: Store) -> list[str]:
    return sorted(path.name for folder in tiny.folders for path in folder.glob("*"))


def test_a_missing_file_says_how_to_get_it(tiny: Store) -> None:
    with pytest.raises(ModelUnavailable, match="palisade models fetch tiny") as missing:
        tiny.find("tiny")
    assert missing.value.reason == "weights_missing"
    assert [(e.model, e.path, e.state) for e in tiny.entries()] == [(MODEL, None, State.MISSING)]


@pytest.mark.parametrize("folder", [0, 1])
def test_a_good_file_is_found_in_either_folder(tiny: Store, folder: int) -> None:
    path = tiny.folders[folder] / "tiny.onnx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(WEIGHTS)
    assert tiny.find("tiny") == path
    assert tiny.entry("tiny").state is State.OK


@pytest.mark.parametrize("body", [b"", WEIGHTS[:-1], WEIGHTS + b"x", bytes(len(WEIGHTS))])
def test_a_file_with_other_bytes_is_refused(tiny: Store, body: bytes) -> None:
    path = tiny.folders[0] / "tiny.onnx"
    path.write_bytes(body)
    with pytest.raises(ModelUnavailable, match="SHA-256") as refused:
        tiny.find("tiny")
    assert refused.value.reason == "weights_mismatch"
    assert tiny.entry("tiny").path == path


def test_a_good_file_behind_a_bad_one_is_used(tiny: Store) -> None:
    (tiny.folders[0] / "tiny.onnx").write_bytes(b"bad")
    tiny.folders[1].mkdir()
    good = tiny.folders[1] / "tiny.onnx"
    good.write_bytes(WEIGHTS)
    assert tiny.find("tiny") == good


def test_a_file_that_changes_under_a_running_process_is_noticed(tiny: Store) -> None:
    path = tiny.folders[0] / "tiny.onnx"
    path.write_bytes(WEIGHTS)
    tiny.find("tiny")
    path.write_bytes(bytes(len(WEIGHTS)))
    os.utime(path, ns=(0, 0))
    with pytest.raises(ModelUnavailable, match="SHA-256"):
        tiny.find("tiny")


def test_terms_of_research_take_a_word_of_the_operator(
    tiny: Store, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    research = Store({"tiny": replace(MODEL, research_only=True)}, tiny.folders)
    (tiny.folders[0] / "tiny.onnx").write_bytes(WEIGHTS)
    for said in (None, "0", "yes"):
        if said is not None:
            monkeypatch.setenv(ACCEPT_RESEARCH, said)
        with pytest.raises(ModelUnavailable, match=f"{ACCEPT_RESEARCH}=1") as refused:
            research.find("tiny")
        assert refused.value.reason == "research_licence_not_accepted"
        with pytest.raises(FetchError, match=f"{ACCEPT_RESEARCH}=1"):
            research.fetch("tiny", url=mirror.url)
    monkeypatch.setenv(ACCEPT_RESEARCH, "1")
    assert research.find("tiny") == research.fetch("tiny") == tiny.folders[0] / "tiny.onnx"


def test_an_unknown_name_is_a_programming_error(tiny: Store) -> None:
    with pytest.raises(KeyError):
        tiny.find("huge")


def test_fetch_writes_the_file_and_reports_progress(tiny: Store, mirror: Mirror) -> None:
    seen: list[tuple[int, int]] = []
    path = tiny.fetch("tiny", lambda done, total: seen.append((done, total)), url=mirror.url)
    assert path == tiny.folders[0] / "tiny.onnx"
    assert path.read_bytes() == WEIGHTS
    assert tiny.find("tiny") == path
    assert left(tiny) == ["tiny.onnx"]
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS))
    assert seen == sorted(seen)


def test_fetch_takes_the_address_of_the_manifest(tiny: Store, mirror: Mirror) -> None:
    here = Store({"tiny": replace(MODEL, url=mirror.url)}, tiny.folders)
    assert here.fetch("tiny").read_bytes() == WEIGHTS


def test_fetch_follows_a_redirect(tiny: Store, mirror: Mirror) -> None:
    moved = mirror.url.replace("tiny.onnx", "moved")
    assert tiny.fetch("tiny", url=moved).read_bytes() == WEIGHTS


def test_fetch_replaces_a_bad_file(tiny: Store, mirror: Mirror) -> None:
    (tiny.folders[0] / "tiny.onnx").write_bytes(b"bad")
    tiny.fetch("tiny", url=mirror.url)
    assert tiny.find("tiny").read_bytes() == WEIGHTS


def test_fetch_leaves_a_good_file_alone(tiny: Store, mirror: Mirror) -> None:
    tiny.fetch("tiny", url=mirror.url)
    tiny.fetch("tiny", url=mirror.url)
    assert mirror.requests == 1


def test_fetch_uses_the_next_folder_when_the_first_cannot_be_made(
    tmp_path: Path, mirror: Mirror
) -> None:
    (tmp_path / "file").write_bytes(b"")
    tiny = Store({"tiny": MODEL}, (tmp_path / "file" / "models", tmp_path / "second"))
    assert tiny.fetch("tiny", url=mirror.url).parent == tmp_path / "second"


def test_fetch_says_when_no_folder_can_be_written(tmp_path: Path, mirror: Mirror) -> None:
    (tmp_path / "file").write_bytes(b"")
    tiny = Store({"tiny": MODEL}, (tmp_path / "file" / "models",))
    with pytest.raises(FetchError, match="none of these folders"):
        tiny.fetch("tiny", url=mirror.url)
    assert mirror.requests == 0


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (bytes(len(WEIGHTS)), "SHA-256 differs"),
        (WEIGHTS[:-1], "SHA-256 differs"),
        (b"", "SHA-256 differs"),
        (WEIGHTS * 50, "more than the 76,800 bytes"),
    ],
)
def test_wrong_bytes_are_refused_with_nothing_left(
    tiny: Store, mirror: Mirror, body: bytes, complaint: str
) -> None:
    mirror.body = body
    with pytest.raises(FetchError, match=complaint):
        tiny.fetch("tiny", url=mirror.url)
    assert left(tiny) == []


def test_a_bad_download_keeps_what_was_there(tiny: Store, mirror: Mirror) -> None:
    path = tiny.folders[0] / "tiny.onnx"
    path.write_bytes(b"old")
    mirror.body = b"new but wrong"
    with pytest.raises(FetchError):
        tiny.fetch("tiny", url=mirror.url)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("path", ["cut", "tiny.onnx"])
def test_a_failing_server_is_one_clear_error(tiny: Store, mirror: Mirror, path: str) -> None:
    mirror.status = 200 if path == "cut" else 503
    with pytest.raises(FetchError, match=path):
        tiny.fetch("tiny", url=mirror.url.replace("tiny.onnx", path))
    assert left(tiny) == []


def test_no_server_and_no_address_are_the_same_error(tiny: Store, mirror: Mirror) -> None:
    mirror.server_close()
    for url in (mirror.url, "not an address"):
        with pytest.raises(FetchError):
            tiny.fetch("tiny", url=url)
    assert left(tiny) == []


def test_this_machines_store_looks_in_the_named_folder_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALISADE_MODELS", str(tmp_path))
    assert store.default().folders[0] == tmp_path
    monkeypatch.delenv("PALISADE_MODELS")
    assert len(store.default().folders) == 1
    assert {entry.model.name for entry in store.entries()} == manifest.models().keys()


@pytest.mark.weights
@pytest.mark.usefixtures("models_dir")
def test_the_real_landmarker_is_verified() -> None:
    path = store.find("face_landmarker")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == store.digest("face_landmarker")
