"""What another policy would have done to recorded sessions, and whether its canary may grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from evaluation.intervals import Figure, proportion
from fusion.judge import Judge
from fusion.policy import Policy
from fusion.replay import blocking, replayed, standing
from fusion.sequential import Canary, Design, canary
from fusion.verdict import Decision, PolicyRef, Verdict


@dataclass(slots=True)
class Outcome:
    """What came of a replay.

    Attributes:
        policy: that decided again.
        decisions: sessions by the decision on record and the one it would be now, as the policy
            stands.
        changed: ids of those of which it is another.
        newly_failing, newly_passing: ids of those that passed and would not, and the other way
            round, enforced or not.
        blocked: ids of those that it would block if it were enforced for everybody.
        bona_fide, attack: ids of those whose label is known.
        unreadable: records of an earlier version, or damaged.
    """

    policy: PolicyRef
    decisions: Counter[tuple[Decision, Decision]] = field(default_factory=Counter)
    changed: list[str] = field(default_factory=list)
    newly_failing: list[str] = field(default_factory=list)
    newly_passing: list[str] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)
    bona_fide: list[str] = field(default_factory=list)
    attack: list[str] = field(default_factory=list)
    unreadable: int = 0

    @property
    def sessions(self) -> int:
        """How many were decided again."""
        return sum(self.decisions.values())

    @property
    def labelled(self) -> bool:
        """Whether any of them has a label."""
        return bool(self.bona_fide or self.attack)

    def figures(self) -> dict[str, Figure]:
        """Shares of sessions, with Wilson's interval; of one class where labels are known."""
        counts = {
            "changed": (len(self.changed), self.sessions),
            "newly_failing": (len(self.newly_failing), self.sessions),
            "newly_passing": (len(self.newly_passing), self.sessions),
            "blocked": (len(self.blocked), self.sessions),
        }
        if self.labelled:
            counts |= {
                "blocked_bona_fide": (self._blocked(self.bona_fide), len(self.bona_fide)),
                "blocked_attack": (self._blocked(self.attack), len(self.attack)),
            }
        return {name: proportion(hits, of, "wilson") for name, (hits, of) in counts.items()}

    def canary(self, design: Design) -> Canary:
        """Test whether the share that is enforced may grow.

        Without labels every session is taken for genuine. Attacks among them are blocked more
        often than people are, so that this errs towards a roll back.
        """
        if self.labelled:
            return canary(design, len(self.bona_fide), self._blocked(self.bona_fide))
        return canary(design, self.sessions, len(self.blocked))

    def _blocked(self, ids: Iterable[str]) -> int:
        return sum(session_id in self.blocked for session_id in ids)


def replay(
    policy: Policy, records: Iterable[Verdict | None], labels: Mapping[str, bool]
) -> Outcome:
    """Decide recorded sessions again.

    Args:
        policy: decides.
        records: None for one that could not be read.
        labels: whether a session is bona fide, by its id, where that is known.
    """
    judge = Judge(blocking(policy))
    outcome = Outcome(policy.ref)
    for record in records:
        if record is None:
            outcome.unreadable += 1
            continue
        again = replayed(judge, record)
        session_id = record.session_id
        decision = standing(policy, again.after)
        outcome.decisions[record.decision, decision] += 1
        if decision is not record.decision:
            outcome.changed.append(session_id)
        if again.newly_failing:
            outcome.newly_failing.append(session_id)
        if again.newly_passing:
            outcome.newly_passing.append(session_id)
        if again.after.decision is Decision.REJECT:
            outcome.blocked.add(session_id)
        if session_id in labels:
            (outcome.bona_fide if labels[session_id] else outcome.attack).append(session_id)
    return outcome


def as_json(outcome: Outcome, design: Design, *, ids: bool) -> dict[str, Any]:
    """Write an outcome as JSON values.

    Args:
        outcome: of a replay.
        design: of the test.
        ids: whether to name the sessions.
    """
    found: dict[str, Any] = {
        "policy": asdict(outcome.policy),
        "sessions": outcome.sessions,
        "unreadable": outcome.unreadable,
        "labelled": {"bona_fide": len(outcome.bona_fide), "attack": len(outcome.attack)},
        "decisions": [
            {"before": str(before), "after": str(after), "sessions": count}
            for (before, after), count in sorted(outcome.decisions.items())
        ],
        **{name: asdict(figure) for name, figure in outcome.figures().items()},
        "canary": {
            **asdict(design),
            "assumes": "labels" if outcome.labelled else "every session is genuine",
            **asdict(outcome.canary(design)),
        },
    }
    if ids:
        found["ids"] = {
            "changed": outcome.changed,
            "newly_failing": outcome.newly_failing,
            "newly_passing": outcome.newly_passing,
            "blocked": sorted(outcome.blocked),
        }
    return found
