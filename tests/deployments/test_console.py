"""How the page is served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from deployments import console, problems
from deployments.recording import Recording

FOLDER = Path(console.__file__).parents[1] / "console"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in console.TYPES)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    api = FastAPI()
    problems.install(api)
    console.install(api)
    with TestClient(api) as client:
        yield client


@pytest.mark.parametrize("path", ["/", *(f"/console/{name}" for name in NAMES)])
def test_a_file_comes_with_its_type_and_closed_doors(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    name = path.removeprefix("/console/").removeprefix("/") or "index.html"
    assert answer.content == (FOLDER / name).read_bytes()
    assert answer.headers["content-type"] == console.TYPES[Path(name).suffix]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "camera=(self)" in answer.headers["permissions-policy"]
    policy = answer.headers["content-security-policy"].split("; ")
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not any("unsafe" in rule or "http" in rule for rule in policy)


def test_the_page_says_what_is_recorded() -> None:
    api = FastAPI()
    console.install(api, Recording(seconds=10.0, frames=150, still_bytes=34_200))
    page = TestClient(api).get("/").text
    asked = 'content="seconds=10, frames=150, still_bytes=34200, longest_s=15"'
    usual = f'content="{Recording()}"'
    assert asked in page
    assert page.replace(asked, usual) == (FOLDER / "index.html").read_text("utf-8")


def test_a_browser_that_has_a_file_is_not_sent_it_again(client: TestClient) -> None:
    first = client.get("/console/app.js")
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"another", {tag}', "*"):
        again = client.get("/console/app.js", headers={"If-None-Match": known})
        assert again.status_code == 304, known
        assert again.content == b""
        assert again.headers["etag"] == tag
        assert "content-security-policy" in again.headers
    assert client.get("/console/app.js", headers={"If-None-Match": '"x"'}).status_code == 200
    assert client.get("/console/api.js").headers["etag"] != tag


def test_a_head_is_a_get_without_its_body(client: TestClient) -> None:
    for path in ("/", "/console/style.css"):
        head, get = client.head(path), client.get(path)
        assert head.content == b""
        assert head.headers == get.headers


@pytest.mark.parametrize(
    "path", ["/console/", "/console/nothing.js", "/console/__init__.py", "/console/..%2Fcli.py"]
)
def test_there_is_nothing_else(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_it_is_only_read(client: TestClient) -> None:
    answer = client.post("/console/app.js")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_what_files_refer_to_is_there(client: TestClient) -> None:
    for name in NAMES:
        text = (FOLDER / name).read_text("utf-8")
        for named in re.findall(r'(?:from|import\(|import|URL\()\s*"\./([^"]+)"', text):
            assert named in NAMES, (name, named)
        if name == "index.html":
            linked = re.findall(r'(?:src|href)="(console/[^"]+)"', text)
            assert len(linked) == 3
            assert all(client.get(f"/{link}").status_code == 200 for link in linked)


def test_nothing_in_it_needs_a_policy_that_is_less_strict() -> None:
    for name in NAMES:
        text = (FOLDER / name).read_text("utf-8")
        assert not re.search(r"<style|<script>|\son\w+=|javascript:|\sstyle=\"(?!\")", text), name
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(", text), name
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), name
