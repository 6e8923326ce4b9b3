"""What a tree of processes costs: CPU time and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import psutil


def tree(root: psutil.Process) -> Iterator[psutil.Process]:
    """A process and its descendants, those that still live."""
    with suppress(psutil.NoSuchProcess):
        yield root
        yield from root.children(recursive=True)


def cpu_seconds(root: psutil.Process) -> float:
    """CPU time of a tree so far, user and system, in seconds.

    Children that have ended count through the parent that waited for them, such as the decoders
    of clips.
    """
    total = 0.0
    for process in tree(root):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def pss_bytes(root: psutil.Process) -> int:
    """Proportional set size of a tree in bytes: shared pages count once, divided by their users."""
    total = 0
    for process in tree(root):
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            total += process.memory_full_info().pss
    return total
