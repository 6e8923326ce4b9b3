"""The decoder's process, which must not be able to do harm when a clip takes it over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WORKER = Path(__file__).parents[2] / "media" / "clip_worker.py"

_START = """
import os, runpy, socket, sys
worker = runpy.run_path(sys.argv[1])
worker["give_up_rights"](2**30, 1)
"""


def harm(code: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a process that has given up its rights."""
    return subprocess.run(
        [sys.executable, "-P", "-c", _START + code, str(WORKER)], capture_output=True, text=True
    )


def test_it_still_runs() -> None:
    assert harm("print(sum(bytes(10**6)))").stdout == "0\n"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("open('/etc/passwd')", "OSError: [Errno 24]"),
        ("socket.socket()", "OSError: [Errno 24]"),
        ("os.pipe()", "OSError: [Errno 24]"),
        ("bytes(2**30)", "MemoryError"),
        ("import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))", "ValueError"),
    ],
)
def test_it_cannot(code: str, error: str) -> None:
    if "setrlimit" in code:  # root may raise a hard limit, so give root up first
        code = f"os.getuid() or os.setuid(65534)\n{code}"
    assert error in harm(code).stderr


def test_it_cannot_run_for_ever() -> None:
    assert harm("while True: pass").returncode == -24  # SIGXCPU


def test_it_imports_nothing_heavy() -> None:
    done = harm("print('numpy' in sys.modules, 'media' in sys.modules)")
    assert done.stdout == "False False\n"
