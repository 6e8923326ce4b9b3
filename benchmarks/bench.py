"""``palisade bench``: every speed benchmark in one run, as JSON and as a table."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import batch, comparison, document, scaling, stages
from benchmarks import clip as clips
from terminal import progress

Part = Callable[[bool], dict[str, Any]]


def _comparison(quick: bool) -> dict[str, Any]:
    with progress("Serve against one process") as update:
        return comparison.measure(2 if quick else 7, update)


def _clip(quick: bool) -> dict[str, Any]:
    with progress("Tracing clips") as update:
        return clips.measure(clips.generated(3.0), 1 if quick else 5, update)


def _stages(quick: bool) -> dict[str, Any]:
    return stages.measure()


def _document(quick: bool) -> dict[str, Any]:
    with progress("The document branch") as update:
        return document.measure(2 if quick else 7, update)


def _batch(quick: bool) -> dict[str, Any]:
    return batch.measure(60, 1) if quick else batch.measure(500, 3)


def _scaling(quick: bool) -> dict[str, Any]:
    with progress("How the cost grows") as update:
        return scaling.measure(update)


PARTS: dict[str, Part] = {
    "comparison": _comparison,
    "stages": _stages,
    "clip": _clip,
    "document": _document,
    "batch": _batch,
    "scaling": _scaling,
}


def run(parts: Sequence[str], quick: bool, folder: Path) -> str:
    """Run ``parts``, write ``bench.json`` and ``bench.md`` to ``folder``, return the Markdown.

    The files are written after each part, so that an interrupted run leaves what it has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {
        "palisade": version("palisade"),
        "ray": version("ray"),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
    }
    text = ""
    for part in parts:
        report[part] = PARTS[part](quick)
        text = markdown(report)
        (folder / "bench.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
        (folder / "bench.md").write_text(text, "utf-8")
    return text


def markdown(report: Mapping[str, Any]) -> str:
    """Write a report for people: one table for each part that it has."""
    shown = [_SHOWN[part](report[part]) for part in PARTS if part in report]
    return "\n\n".join(shown) + "\n"


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"**{title}**", ""]
    lines += [_row(head), _row(["---", *["---:"] * (len(head) - 1)])]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


_MEASURES = {"cpu_ms": "CPU, ms", "p50_ms": "p50 at 1 client, ms", "per_second": "a second at 8"}


def _show_comparison(part: Mapping[str, Any]) -> str:
    rows = []
    for capture, measured in part["captures"].items():
        for key, title in _MEASURES.items():
            one = measured[key]
            spread = f"{one['ratio']:.2f} ({one['ratio_min']:.2f} to {one['ratio_max']:.2f})"
            rows.append(
                [capture, title, f"{one['serve']:.3g}", f"{one['one_process']:.3g}", spread]
            )
        bound = measured["bound"]
        least = max(bound["critical_path_ms"], bound["cpu_per_core_ms"])
        rows.append(
            [
                capture,
                "p50 against the bound, ms",
                f"{measured['p50_ms']['serve']:.3g}",
                f"{least:.3g}",
                f"{bound['p50_to_bound']:.2f}",
            ]
        )
    for key, title in (("ready_s", "ready after, s"), ("pss_gb", "idle memory (PSS), GB")):
        serve, alone = part["serve"][key], part["one_process"][key]
        rows.append(["", title, f"{serve:.3g}", f"{alone:.2g}", ""])
    head = ("capture", "measure", "Serve", "one process", "ratio (least to most)")
    return _table("Serve against the same detectors in one process", head, rows)


def _show_stages(part: Mapping[str, Any]) -> str:
    rows = [
        [name, "no weights here" if cost is None else f"{cost:.2f}"]
        for name, cost in part["cpu_ms"].items()
    ]
    return _table("CPU of each stage", ("stage", "ms"), rows)


def _show_clip(part: Mapping[str, Any]) -> str:
    rows = [
        [name, variant, f"{clip[variant]['cpu_ms']['total']:.2f}"]
        for name, clip in part.items()
        for variant in clips.VARIANTS
    ]
    return _table("A clip at 640x480", ("clip", "landmarks", "CPU ms a frame"), rows)


def _show_document(part: Mapping[str, Any]) -> str:
    sizes = list(part["cpu_ms"])
    rows = [
        [name, *(f"{part['cpu_ms'][size][name]:.1f}" for size in sizes)]
        for name in part["cpu_ms"][sizes[0]]
    ]
    costs = _table("CPU of each check of a document, ms", ("check", *sizes), rows)
    p50, spread = part["p50_ms"], f"({part['ratio_min']:.2f} to {part['ratio_max']:.2f})"
    row = [f"{p50['without']:.3g}", f"{p50['with']:.3g}", f"{part['ratio']:.2f} {spread}"]
    head = ("selfie and clip, ms", "and a document, ms", "ratio (least to most)")
    return costs + "\n\n" + _table("What a document adds to the p50", head, [row])


def _show_batch(part: Mapping[str, Any]) -> str:
    rows = []
    for key, title in (("scoring", "first image to last"), ("whole", "with the start")):
        one = part[key]
        rates = (f"{one[way]['median']:.1f}" for way in ("batch", "bare"))
        low, middle, high = (one["ratio"][key] for key in ("min", "median", "max"))
        rows.append([title, *rates, f"{middle:.2f} ({low:.2f} to {high:.2f})"])
    head = ("images a second", "batch", "bare loop", "ratio (least to most)")
    return _table(f"Batch against two bare processes, {part['images']} images", head, rows)


def _show_scaling(part: Mapping[str, Any]) -> str:
    rows = []
    for key, unit in (("clients", "clients"), ("clip_s", "s of clip"), ("megapixels", "MP")):
        for size, one in part[key].items():
            figures = (f"{one[m]:.3g}" for m in ("cpu_ms", "p50_ms", "per_second"))
            rows.append([f"{size} {unit}", *figures])
    head = ("size", "CPU ms a request", "p50, ms", "a second")
    return _table("How the cost grows", head, rows)


_SHOWN: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "comparison": _show_comparison,
    "stages": _show_stages,
    "clip": _show_clip,
    "document": _show_document,
    "batch": _show_batch,
    "scaling": _show_scaling,
}
