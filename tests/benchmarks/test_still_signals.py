from __future__ import annotations

from benchmarks.still_signals import Row, expression_table, highlight_table


def row(
    signal: str, what: str, real: bool, subject: str, faithful, hardened, seconds: int = 0
) -> Row:
    scores = {"faithful": faithful, "hardened": hardened}
    return Row(signal, what, seconds, real, subject, scores)


def cells(table: str, what: str) -> list[str]:
    (line,) = [line for line in table.splitlines() if line.startswith(f"| {what} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_windows_that_pass_are_counted_and_silence_does_not_pass() -> None:
    rows = [
        row("blendshapes", "live", True, str(subject), 1.0, score, 3)
        for subject, score in enumerate([1.0, 0.6, 0.4, None])
    ]
    found = cells(expression_table(rows, seed=0), "live")
    assert found[1:4] == ["3 s", "4", "4"]
    assert found[4] == "100% [40%, 100%]"  # Clopper and Pearson, four of four
    assert found[5].startswith("50% [")


def test_each_length_of_a_window_is_a_row_and_other_signals_are_left_out() -> None:
    rows = [row("blendshapes", "live", True, "a", 1.0, 1.0, seconds) for seconds in (3, 10)]
    rows.append(row("eye_specular", "live", True, "a", 1.0, 1.0))
    assert len(expression_table(rows, seed=0).splitlines()) == 2 + 2


def test_pictures_that_are_judged_are_counted_by_class_and_separated() -> None:
    rows = [row("eye_specular", "set", True, f"r{n}", 0.9, 0.5 + n / 100) for n in range(6)]
    rows += [row("eye_specular", "set", False, f"a{n}", 0.9, n / 100) for n in range(5)]
    rows.append(row("eye_specular", "set", False, "a9", 0.9, None))
    found = cells(highlight_table(rows, seed=0), "set")
    assert found[1:] == ["6 / 6", "6 / 6", "0.50 [0.50, 0.50]", "6 / 5", "1.00 [1.00, 1.00]"]


def test_a_handful_of_scores_has_no_auc() -> None:
    rows = [row("eye_specular", "set", real, str(real), 0.9, 0.9) for real in (True, False)]
    assert cells(highlight_table(rows, seed=0), "set")[3] == "—"
