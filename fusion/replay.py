"""What another policy would have said: recorded sessions, decided again from their measures."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fusion.enforcement import Mode
from fusion.judge import Judge
from fusion.policy import EnforcementPolicy, Policy
from fusion.verdict import Decision, Verdict


@dataclass(frozen=True, slots=True)
class Replayed:
    """A recorded session, decided once more.

    Attributes:
        before: the record.
        after: the same measures under the other policy; its ``passed`` does not depend on who is
            enforced, while its ``decision`` does.
    """

    before: Verdict
    after: Verdict

    @property
    def newly_failing(self) -> bool:
        """Whether it passed when it was recorded, and would not now."""
        return self.before.passed and not self.after.passed

    @property
    def newly_passing(self) -> bool:
        """Whether it failed when it was recorded, and would not now."""
        return not self.before.passed and self.after.passed


def with_threshold(policy: Policy, threshold: float) -> Policy:
    """Return ``policy`` with another threshold of the fused score, 0..1, and nothing else."""
    return policy.model_copy(update={"threshold": threshold})


def blocking(policy: Policy) -> Policy:
    """Return ``policy`` as it is where it blocks, for everybody."""
    return policy.model_copy(update={"enforcement": EnforcementPolicy(enforce=True)})


def standing(policy: Policy, blocked: Verdict) -> Decision:
    """The decision as the policy stands, from that of :func:`blocking`: it may only watch.

    The bucket of a record was drawn by subject, with the deployment's key, and stays.
    """
    enforced = policy.enforcement
    mode: Mode = "ips" if enforced.enforce else "ids"
    active = replace(blocked.enforcement, mode=mode, percent=enforced.percent).active
    return (
        blocked.decision if active or blocked.decision is not Decision.REJECT else Decision.REVIEW
    )


def replayed(judge: Judge, record: Verdict) -> Replayed:
    """Decide a recorded session once more, exactly as a graph with that judge's policy would have.

    Signals that the record does not have were not measured, and are not there now either.
    """
    return Replayed(record, judge.again(record))
