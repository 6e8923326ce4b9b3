"""The separation report as Markdown tables: the captures, then each signal on all data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

TREATMENTS = {
    "image": "",
    "one_size": ", at 512 px and JPEG q75",
    "one_face": ", face at 200 px and JPEG q75",
    "clip": ", clips",
}
"""What was done to the captures, by ``DataSet.how``."""


def markdown(report: Row) -> str:
    """Write the content of ``separation.json`` for people; pairs are real / attack."""
    options = f"--policy {report['policy']} --seed {report['seed']}"
    if report["limit"] is not None:
        options += f" --limit {report['limit']}"
    policies = ", ".join(f"{name} {sha[:12]}" for name, sha in report["policies"].items())
    blocks = [
        f"`python -m benchmarks.separation DATA OUT {options}`; policies (SHA-256): {policies}.",
        "Pairs are real / attack. AUC: 1 is perfect, 0.5 chance, below 0.5 the wrong way round; "
        "in brackets 95% by bootstrap over subjects.",
    ]
    blocks.append(
        f"Skipped rows of the manifest: {len(report['missing_files'])} whose file is missing, "
        f"{report['rows_with_other_labels']} that are neither real nor attack. "
        f"Data sets without files: {', '.join(report['empty']) or 'none'}."
    )
    blocks += ["#### captures", _captures(report["data_sets"])]
    for kind, name in (("signals", "signal"), ("fused", "policy")):
        for title in dict.fromkeys(row[name] for d in report["data_sets"] for row in d[kind]):
            blocks += [f"#### {'fused: ' * (kind == 'fused')}{title}"]
            rows = [(d, row) for d in report["data_sets"] for row in d[kind] if row[name] == title]
            if any(sum(row["scored"].values()) for _, row in rows):
                blocks.append(_scores(rows, fused=kind == "fused"))
            else:
                blocks.append(f"No score on any data set{_why([row for _, row in rows])}.")
    if report["pulse_rule"]:
        blocks += ["#### pulse rule", _pulse_rule(report["pulse_rule"])]
    return "\n\n".join(blocks) + "\n"


def _captures(data_sets: Iterable[Row]) -> str:
    cells = [
        (
            _name(data_set),
            _pair(data_set, lambda group: str(group["files"])),
            _pair(data_set, lambda group: str(group["subjects"])),
            _pair(data_set, lambda group: str(group["not_acquired"])),
            _pair(data_set, lambda group: _number(group["median_face_px"], 0)),
        )
        for data_set in data_sets
    ]
    return _table(("data set", "files", "subjects", "no face", "median face, px"), cells)


def _scores(rows: Iterable[tuple[Row, Row]], *, fused: bool) -> str:
    """One signal, or one policy, on all data sets."""
    cells = [
        (
            _name(data_set),
            _pair(row["scored"], str),
            _pair(row, lambda group: _share(group["accepted"])) if fused else _unscored(row),
            _pair(row["median"], _number),
            _number(row["auc"]) + _interval(row["interval"], _number),
        )
        for data_set, row in rows
    ]
    third = "accepted" if fused else "not scored"
    return _table(("data set", "scored", third, "median score", "AUC"), cells)


def _pulse_rule(rows: Iterable[Row]) -> str:
    cells = [
        (
            row["what"],
            f"{row['seconds']} s",
            f"{row['judged']} of {row['windows']}",
            str(row["subjects"]),
            _share(row["passed"]) + _interval(row["interval"], _share),
        )
        for row in rows
    ]
    return _table(("what is looked at", "window", "judged", "subjects", "passed"), cells)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _name(data_set: Row) -> str:
    return f"{data_set['name']}{TREATMENTS[data_set['how']]}"


def _pair(groups: Row, show: Callable[[Any], str]) -> str:
    return f"{show(groups['real'])} / {show(groups['attack'])}"


def _unscored(row: Row) -> str:
    """Shares of the located faces that got no score, by status."""
    found = [row[group]["statuses"] for group in ("real", "attack")]
    names = sorted({name for statuses in found for name in statuses} - {"ok"})
    return ", ".join(f"{name} {_share_of(row, name)}" for name in names) or "none"


def _share_of(row: Row, status: str) -> str:
    return _pair(row, lambda group: _share(_part(group["statuses"], status)))


def _why(rows: Iterable[Row]) -> str:
    groups = [row[group] for row in rows for group in ("real", "attack")]
    words = sorted({word for group in groups for word in group.get("reasons", ())})
    return f": {', '.join(words)}" if words else ""


def _part(statuses: Mapping[str, int], status: str) -> float | None:
    return statuses.get(status, 0) / sum(statuses.values()) if statuses else None


def _interval(bounds: Sequence[float] | None, show: Callable[[float], str]) -> str:
    return f" [{show(bounds[0])}, {show(bounds[1])}]" if bounds else ""


def _number(value: float | None, digits: int = 2) -> str:
    return "—" if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return "—" if value is None else f"{value:.0%}"
