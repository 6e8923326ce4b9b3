"""The Dockerfile: linted, and its steps run in a plain folder, for want of an engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parent.parent
DOCKERFILE = ROOT / "Dockerfile"


def pinned(file: str) -> set[str]:
    return {line for line in (ROOT / file).read_text().splitlines() if not line.startswith("#")}


def allowed() -> list[str]:
    """What .dockerignore lets into the image, everything else being shut out."""
    first, *lines = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert first == "*"
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


def test_the_dockerfile_is_in_order() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    result = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_the_image_runs_what_was_tested_and_no_tools() -> None:
    runtime, everything = pinned("requirements-runtime.txt"), pinned("requirements.txt")
    assert runtime < everything
    names = {line.split("==")[0].lower() for line in runtime}
    assert {"ray", "mediapipe", "onnxruntime"} <= names
    dev = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    tools = {re.split("[=<>\\[]", line)[0].lower() for line in dev["dev"]}
    # matplotlib comes with mediapipe.
    assert not names & tools - {"matplotlib"}


def test_every_package_gets_into_the_image() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    needed = {name.split(".")[0] for name in setup["packages"]}
    needed |= {f"{name}.py" for name in setup["py-modules"]}
    assert {name for name in needed if not any(fnmatch(name, it) for it in allowed())} == set()


def steps(stage: str) -> list[tuple[str, str]]:
    """Return the instructions of a stage of the Dockerfile, with their arguments."""
    text = "\n".join(
        line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")
    )
    instructions = [
        line.split(maxsplit=1) for line in text.replace("\\\n", " ").splitlines() if line.strip()
    ]
    inside, found = False, []
    for keyword, arguments in instructions:
        if keyword == "FROM":
            inside = arguments.endswith(f" AS {stage}")
        elif inside:
            found.append((keyword, arguments))
    return found


def build(folder: Path) -> None:
    """Run the stage ``build`` with every path of the image inside ``folder``."""
    places = {"PREFIX": str(folder / "palisade"), "WEIGHTS": str(folder / "models")}
    environment = {
        **os.environ,
        "VARIANT": "cpu",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    environment.pop("PYTHONPATH", None)
    workdir = folder
    for keyword, arguments in steps("build"):
        if keyword == "ARG" and "=" in arguments:
            name, value = arguments.split("=", 1)
            environment[name] = places.get(name, value.strip('"'))
        elif keyword == "WORKDIR":
            workdir = folder / arguments.lstrip("/")
            workdir.mkdir(parents=True)
        elif keyword == "COPY":
            for pattern in allowed() if arguments == ". ./" else arguments.split()[:-1]:
                for source in ROOT.glob(pattern):
                    copy = shutil.copytree if source.is_dir() else shutil.copy2
                    copy(source, workdir / source.name)
        elif keyword == "RUN":
            bash = ["/bin/bash", "-euo", "pipefail", "-c", arguments]
            ran = subprocess.run(bash, cwd=workdir, env=environment, capture_output=True, text=True)
            assert ran.returncode == 0, f"{arguments}\n{ran.stdout}\n{ran.stderr}"


@pytest.fixture
def image() -> Iterator[Path]:
    """A folder that is gone afterwards: pytest keeps its own, and 2 GB are too much for that."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.timeout(900)
@pytest.mark.skipif(
    "PALISADE_BUILD_IMAGE" not in os.environ,
    reason="PALISADE_BUILD_IMAGE is not set; building takes a minute and 2 GB",
)
def test_the_build_steps_make_a_palisade_that_works(
    image: Path, astronaut: NDArray[object]
) -> None:
    build(image)
    Image.fromarray(astronaut).save(image / "face.jpg")

    def run(*command: str) -> str:
        program = image / "palisade" / "bin" / command[0]
        environment = {"HOME": str(image), "PALISADE_MODELS": str(image / "models")}
        ran = subprocess.run(
            [program, *command[1:]], cwd=image, env=environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert run("palisade", "--version").startswith("palisade ")
    assert "kind: RayService" in run("palisade", "k8s", "render")
    assert '"decision"' in run("palisade", "verify", "--selfie", "face.jpg", "--json")
    assert run("ray", "--version").startswith("ray, version 2.60.0")
    assert not (image / "palisade" / "bin" / "pip").exists()
