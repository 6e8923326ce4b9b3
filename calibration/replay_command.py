"""``palisade policy replay``: what another policy would have said of your sessions."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from calibration.errors import CalibrationError

if TYPE_CHECKING:
    from calibration.replaying import Outcome
    from fusion.sequential import Canary, Design


def replay(
    policy: Annotated[
        str, typer.Option("--policy", "-p", help="Shipped policy or YAML file to try.")
    ],
    sessions: Annotated[
        str | None,
        typer.Argument(
            metavar="[SESSIONS]",
            help="Parquet of `palisade batch` or its folder, a file with a verdict's JSON on each "
            "line, or the URL of a store; the store of `PALISADE_STORE` by default.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV with session_id and label: which of them were genuine."),
    ] = None,
    tolerated: Annotated[
        float, typer.Option(help="Share of genuine sessions that may be blocked.")
    ] = 0.02,
    alpha: Annotated[
        float, typer.Option(help="Probability, at most, of a roll back that was not needed.")
    ] = 0.05,
    beta: Annotated[
        float, typer.Option(help="Probability, at most, of a raise that should not have been.")
    ] = 0.05,
    since: Annotated[datetime | None, typer.Option(help="Made then or later, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Made before then, UTC.")] = None,
    list_ids: Annotated[
        bool, typer.Option("--list", help="Name the sessions that would change.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Decide recorded sessions again, under another policy, and say who would change.

    Nothing is looked at again: records hold what was measured. The shares of those who would change
    come with 95% intervals, and a sequential test says whether the share of people for whom the
    policy is enforced may be *raised*, must be *rolled back*, or should stay (*hold*) because
    too few sessions are known. It may be asked as often as you like: its error rates hold
    whenever you stop.

    Without `--labels` every session is taken for genuine, so that attacks among them
    count against the policy.

    Example: `palisade policy replay --policy fitted/policy.yaml --labels reviewed.csv`
    """
    from calibration.replaying import as_json as written
    from calibration.replaying import replay as decide_again
    from calibration.stored import Period, recorded
    from calibration.stored import labels as read_labels
    from fusion.policy import load_policy
    from fusion.sequential import Design
    from terminal import err

    try:
        design = Design(tolerated, alpha, beta)
    except ValueError as error:
        raise CalibrationError(f"{error}") from None
    chosen = load_policy(policy, os.environ)
    known = {} if labels is None else read_labels(labels)
    period = Period(since and since.replace(tzinfo=UTC), until and until.replace(tzinfo=UTC))
    with err.status("Deciding again …"):
        outcome = decide_again(chosen, recorded(sessions, period), known)
    if not outcome.sessions:
        unread = f"; {outcome.unreadable} could not be read" if outcome.unreadable else ""
        raise CalibrationError(f"there are no recorded sessions to decide again{unread}")
    if known and not outcome.labelled:
        raise CalibrationError(f"{labels}: none of its ids is that of a recorded session")
    if as_json:
        print(json.dumps(written(outcome, design, ids=list_ids)))
        return
    _show(outcome, design, list_ids)


def _show(outcome: Outcome, design: Design, list_ids: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from fusion.verdict import Decision
    from terminal import DECISION_STYLE, out

    unread = f", {outcome.unreadable} more could not be read" if outcome.unreadable else ""
    out.print(
        f"{outcome.sessions} sessions under {outcome.policy.name} v{outcome.policy.version}{unread}"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("on record", no_wrap=True)
    for after in Decision:
        table.add_column(Text(f"→ {after}", style=DECISION_STYLE[after]), justify="right")
    for before in Decision:
        counts = [outcome.decisions[before, after] for after in Decision]
        table.add_row(Text(before, style=DECISION_STYLE[before]), *map(str, counts))
    out.print(table)
    shares = Table(box=None, pad_edge=False)
    for column in ("share of sessions", "of", "count", "95% (Wilson)"):
        shares.add_column(column, no_wrap=True)
    words = {
        "changed": "another decision",
        "newly_failing": "passed, and would fail",
        "newly_passing": "failed, and would pass",
        "blocked": "blocked, were it enforced for all",
        "blocked_bona_fide": "genuine ones blocked",
        "blocked_attack": "attacks blocked",
    }
    for name, figure in outcome.figures().items():
        hits = "—" if figure.value is None else f"{round(figure.value * figure.n)}"
        shares.add_row(words[name], str(figure.n), hits, str(figure))
    out.print(shares)
    out.print(_advice(outcome.canary(design), design, outcome.labelled), soft_wrap=True)
    if list_ids:
        for name, ids in (
            ("passed, and would fail", outcome.newly_failing),
            ("failed, and would pass", outcome.newly_passing),
        ):
            for session_id in ids:
                out.print(f"{session_id}  {name}", soft_wrap=True)


def _advice(canary: Canary, design: Design, labelled: bool) -> str:
    """Say what the test answers, what it rests on, and what it waits for."""
    from fusion.sequential import Answer

    whom = "genuine" if labelled else "all taken for genuine"
    seen = f"{canary.blocked} of {canary.sessions} sessions ({whom}) would be blocked"
    if canary.answer is Answer.RAISE:
        return (
            f"RAISE: {seen}; that {design.tolerated:.1%} and more are is refuted "
            f"(e = {canary.e_raise:.3g}, needed {1 / design.beta:.3g})."
        )
    if canary.answer is Answer.ROLL_BACK:
        assumed = "" if labelled else " Unless many of them are attacks: give --labels."
        return (
            f"ROLL BACK: {seen}; that no more than {design.tolerated:.1%} are is refuted "
            f"(e = {canary.e_roll_back:.3g}, needed {1 / design.alpha:.3g}).{assumed}"
        )
    at_rate = (
        f", {canary.at_rate_until_raise} at the rate so far" if canary.at_rate_until_raise else ""
    )
    return (
        f"HOLD: {seen}; neither more nor less than {design.tolerated:.1%} is shown yet "
        f"(e = {canary.e_raise:.3g} for a raise, {canary.e_roll_back:.3g} for a roll back). "
        f"A raise takes {_many(canary.clear_until_raise)} more sessions of which none is "
        f"blocked{at_rate}; a roll back {_many(canary.blocked_until_roll_back)} that are, in a row."
    )


def _many(count: int | None) -> str:
    return "very many" if count is None else f"{count}"
