"""The node that turns measurements into a verdict."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from deployments import logs
from detectors.contracts import Measurement
from docfraud.examination import Evidence
from fusion.deepfake import DeepfakeOpinion, Watched
from fusion.enforcement import canary_key
from fusion.judge import Judge
from fusion.liveness import LivenessOpinion
from fusion.policy import Policy, load_policy
from fusion.verdict import DocumentFindings, FaceSummary, Verdict


class Fusion:
    """Holds the policy, the only state of the graph that changes while it runs."""

    def __init__(self) -> None:
        logs.install()
        self._judge: Judge | None = None

    def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """Take a policy; Serve calls this at the start and on every live change.

        A request sees one policy or the other, never a mixture: the judge is replaced as a whole.

        Raises:
            PolicyError: the policy is not valid; the running one stays.
        """
        policy = load_policy(user_config["policy"], os.environ)
        self._judge = Judge(policy, canary_key(os.environ))

    async def policy(self) -> Policy:
        """Return the policy in force, with the overrides of this replica's environment."""
        return self._ready.policy

    async def verdict(
        self,
        session_id: str,
        measured: Mapping[str, Measurement],
        face: FaceSummary,
        subject: str | None,
        document: Evidence | None,
    ) -> Verdict:
        """Decide one session."""
        return self._ready.verdict(session_id, measured, face, subject=subject, document=document)

    async def liveness(self, measured: Measurement) -> LivenessOpinion:
        """Judge a still image that came alone."""
        return self._ready.liveness(measured)

    async def deepfake(self, watched: Watched) -> DeepfakeOpinion:
        """Judge a photograph or a clip that came alone."""
        return self._ready.deepfake(watched)

    async def document(self, evidence: Evidence) -> DocumentFindings:
        """Judge a document that came alone."""
        return self._ready.document(evidence)

    @property
    def _ready(self) -> Judge:
        if self._judge is None:
            raise RuntimeError("Fusion has no policy: its deployment needs a user_config")
        return self._judge
