"""The node that owns a request: its deadline, its fan-out and its answer."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle, DeploymentResponse

from deployments import logs
from deployments.absences import Absences
from deployments.access import Doorkeeper
from deployments.bound import bound_host
from deployments.deepfakes import Deepfakes
from deployments.documents import Documents
from deployments.fanout import gather, one, settle
from deployments.http import create_api
from deployments.memory import Memory
from deployments.metrics import Metrics
from deployments.pictures import DOCUMENT, FACE, Gallery, draw
from deployments.problems import Problem
from deployments.quality import QualityFailed
from deployments.settings import Settings
from deployments.tracing import tracer
from deployments.transport import send
from deployments.watch import Watched, reached, stage
from detectors.contracts import LOOKED, Detector, FaceBundle, Measurement, Status
from detectors.deepfake import Deepfake
from detectors.face import Located
from detectors.liveness import Liveness
from docfraud.examination import Evidence
from fusion.answers import DocumentAnswer, Wanted
from fusion.deepfake import DeepfakeOpinion
from fusion.liveness import LivenessOpinion, Unfit
from fusion.pictures import Shown
from fusion.policy import Policy
from fusion.quality import QualityPolicy, QualityResult, result
from fusion.verdict import DocumentFindings, FaceSummary, Verdict
from media.capture import Capture, Channel
from media.errors import MediaError
from pipeline import Found, Looked, split, withheld_document

log = logging.getLogger(__name__)


@serve.ingress()
class Ingress:
    """Takes a capture through the graph, and answers in time whatever the nodes do."""

    def __init__(
        self,
        settings: Settings,
        detectors: Sequence[type[Detector[Any]]],
        face: DeploymentHandle[Any],
        signals: Mapping[str, DeploymentHandle[Any]],
        page: DeploymentHandle[Any],
        checks: Mapping[str, DeploymentHandle[Any]],
        fusion: DeploymentHandle[Any],
    ) -> None:
        logs.install()
        self._metrics = Metrics()
        self._settings = settings
        self._detectors = detectors
        self._face = face
        self._signals = signals
        self._documents = Documents(page, checks)
        self._fusion = fusion
        self._absences = Absences([d.name for d in detectors if d.name not in signals])
        self._deepfakes = Deepfakes(face, signals.get(Deepfake.name), self._absences)
        self._in_flight = 0
        self.memory = Memory(settings.memory, os.environ, self._metrics.spooled)
        self._guard = Doorkeeper(settings.access, bound_host(), self.memory.api_keys)

    def __serve_build_asgi_app__(self) -> FastAPI:
        api = create_api(self, self._settings, self._guard)
        api.add_middleware(Watched, metrics=self._metrics, tracer=tracer(os.environ))
        return api

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Count a request in flight, from before its body is read.

        Raises:
            Problem: there are too many already.
        """
        if self._in_flight >= self._settings.max_in_flight:
            raise _full()
        self._in_flight += 1
        self._metrics.in_flight(self._in_flight)
        try:
            yield
        finally:
            self._in_flight -= 1
            self._metrics.in_flight(self._in_flight)

    async def verify(
        self,
        capture: Capture,
        subject: str | None,
        deadline_s: float,
        gallery: Gallery | None = None,
    ) -> Verdict:
        """Take ``capture`` to a verdict within ``deadline_s`` seconds.

        Args:
            capture: what the client sent.
            subject: the client's name for the person.
            deadline_s: time for all of it, the pictures included.
            gallery: gets the pictures of what was measured, where someone wants them.

        Raises:
            Problem: the upload cannot be decoded, or the graph is full or broken.
        """
        deadline = time.monotonic() + deadline_s
        last_call = deadline - self._settings.fusion_reserve_ms / 1e3
        try:
            async with asyncio.TaskGroup() as branches:  # a refusal of one ends both
                on_face = branches.create_task(self._face_branch(capture, last_call))
                on_document = branches.create_task(self._document_branch(capture, last_call))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None  # that of the other branch came of its end
        (face, measured, bundle), (document, page) = on_face.result(), on_document.result()
        if gallery is not None:
            if bundle is not None:
                gallery.begin(FACE, self._draw(bundle, measured, deadline))
            if document is not None and page is not None:
                gallery.begin(DOCUMENT, self._draw_page(page, document, deadline))
        session_id = uuid.uuid4().hex
        with stage("fusion"):
            call = self._fusion.verdict.remote(session_id, measured, face, subject, document)
            verdict: Verdict = await self._fused(call, deadline - time.monotonic())
        reached(verdict)
        return verdict

    async def _face_branch(
        self, capture: Capture, last_call: float
    ) -> tuple[FaceSummary, dict[str, Measurement], FaceBundle | None]:
        """Locate the face and ask every signal about it, until ``last_call``."""
        absent = self._absences.among([d.name for d in self._detectors])
        with stage("face"):
            bare = replace(capture, document=None)
            gate = await self._gate(last_call - time.monotonic()) if capture.gate else None
            left = last_call - time.monotonic()
            found = await self._locate(bare, self._needs(absent), gate, left)
        if not isinstance(found, Found):
            lost = {d.name: Measurement(status=found) for d in self._detectors}
            return FaceSummary(problems=(found,)), lost, None
        able, measured = split(self._detectors, found.located, capture.requested)
        bundle = found.located.bundle
        if bundle is not None:
            measured |= {d.name: absent[d.name] for d in able if d.name in absent}
            with stage("signals"):
                calls = {
                    d.name: send(self._signals[d.name], bundle.only(d.needs))
                    for d in able
                    if d.name not in measured
                }
                answers = await settle(calls, last_call - time.monotonic())
            self._absences.learn(answers)
            measured |= answers
        return found.summary, measured, bundle

    async def _draw(
        self, bundle: FaceBundle, measured: Mapping[str, Measurement], deadline: float
    ) -> tuple[Shown, ...]:
        """Let the signals that looked at ``bundle`` draw what they saw."""
        calls = {
            d.name: send(self._signals[d.name].pictures, bundle.only(d.needs), d.name)
            for d in self._detectors
            if measured[d.name].status in LOOKED
        }
        return await draw(calls, deadline - time.monotonic())

    async def _draw_page(
        self, page: DeploymentResponse[Any], evidence: Evidence, deadline: float
    ) -> tuple[Shown, ...]:
        """Let the checks that looked at ``page`` draw what they saw."""
        names = [name for name, found in evidence.measured.items() if found.status in LOOKED]
        return await self._documents.pictures(page, names, deadline - time.monotonic())

    async def _document_branch(
        self, capture: Capture, last_call: float
    ) -> tuple[Evidence | None, DeploymentResponse[Any] | None]:
        """Examine the document, if there is one or should be, until ``last_call``."""
        if capture.document is None:
            return withheld_document(capture), None
        with stage("document"):
            left = last_call - time.monotonic()
            looked = await self._documents.examine(capture.document, capture.channel, left)
        return looked.examined.evidence, looked.page

    def _needs(self, absent: Collection[str]) -> tuple[str, ...]:
        """What the detectors that are there read: nothing else shall leave Face."""
        return tuple({need for d in self._detectors if d.name not in absent for need in d.needs})

    async def _locate(
        self,
        capture: Capture,
        needs: tuple[str, ...],
        gate: QualityPolicy | None,
        timeout_s: float,
    ) -> Found | Status:
        """Locate the face; a status says why there is nothing to look at."""
        call = send(self._face, capture, needs, gate)
        found: Found | MediaError | Status = await one("Face", call, timeout_s)
        if found is Status.OVERLOADED:
            raise _full()
        if isinstance(found, MediaError):
            raise Problem.of_media(found)
        if isinstance(found, Found) and found.refusal is not None:
            raise QualityFailed(found.refusal)
        return found

    async def _gate(self, timeout_s: float) -> QualityPolicy:
        """What the policy in force asks of a selfie."""
        policy: Policy = await self._fused(self._fusion.policy.remote(), timeout_s)
        return policy.quality

    async def quality(self, selfie: bytes, deadline_s: float) -> QualityResult:
        """Say how good a selfie is within ``deadline_s`` seconds.

        Raises:
            Problem: the upload cannot be decoded, or the graph is full or broken.
        """
        asked = cast(DeploymentResponse[Any], self._fusion.policy.remote())
        with stage("face"):
            calls = {"Face": send(self._face.look, selfie), "Fusion": asked}
            answers = await gather(calls, deadline_s)
        looked: Looked | MediaError | Status = answers["Face"]
        policy: Policy | Status = answers["Fusion"]
        if looked is Status.OVERLOADED:
            raise _full()
        if isinstance(looked, MediaError):
            raise Problem.of_media(looked)
        if not isinstance(looked, Looked):
            raise _broken("face")
        if not isinstance(policy, Policy):
            raise _broken("fusion")
        return result(policy.quality, looked.quality, looked.box)

    async def liveness(
        self, image: bytes, checks: bool, deadline_s: float
    ) -> LivenessOpinion | Unfit:
        """Judge a still image that came alone within ``deadline_s`` seconds.

        Raises:
            Problem: the upload cannot be decoded, or the graph is full or broken.
        """
        deadline = time.monotonic() + deadline_s
        last_call = deadline - self._settings.fusion_reserve_ms / 1e3
        gate = await self._gate(last_call - time.monotonic()) if checks else None
        with stage("face"):
            left = last_call - time.monotonic()
            call = send(self._face, Capture(image), Liveness.needs, gate)
            found: Found | MediaError | Status = await one("Face", call, left)
        if found is Status.OVERLOADED:
            raise _full()
        if isinstance(found, MediaError):
            found.part = "file"
            raise Problem.of_media(found)
        if not isinstance(found, Found):
            raise _broken("face")
        if found.refusal is not None:
            return Unfit(found.refusal.reasons, found.refusal.failed_scores())
        with stage("signals"):
            measured = await self._look_live(found.located, last_call)
        judging = self._fusion.liveness.remote(measured)
        opinion: LivenessOpinion = await self._fused(judging, deadline - time.monotonic())
        return opinion

    async def _look_live(self, located: Located, last_call: float) -> Measurement:
        """Ask the signal ``liveness`` alone, until ``last_call``."""
        name = Liveness.name
        _, measured = split([Liveness], located, ())
        known = measured | self._absences.among([name])
        if known or located.bundle is None:
            return known[name]
        call = send(self._signals[name], located.bundle)
        answers = await settle({name: call}, last_call - time.monotonic())
        self._absences.learn(answers)
        return answers[name]

    async def deepfake(self, data: bytes, deadline_s: float) -> DeepfakeOpinion:
        """Judge a photograph or a clip that came alone within ``deadline_s`` seconds.

        Raises:
            Problem: the upload cannot be decoded, or the graph is full or broken.
        """
        deadline = time.monotonic() + deadline_s
        last_call = deadline - self._settings.fusion_reserve_ms / 1e3
        with stage("signals"):
            watched = await self._deepfakes.watch(data, last_call - time.monotonic())
        if watched is Status.OVERLOADED:
            raise _full()
        if isinstance(watched, Status):
            raise _broken("face")
        judging = self._fusion.deepfake.remote(watched)
        opinion: DeepfakeOpinion = await self._fused(judging, deadline - time.monotonic())
        return opinion

    async def document(
        self, data: bytes, channel: Channel, wanted: Wanted, deadline_s: float
    ) -> DocumentAnswer:
        """Examine a document that came alone within ``deadline_s`` seconds.

        Raises:
            Problem: the upload cannot be decoded, or the graph is broken.
        """
        deadline = time.monotonic() + deadline_s
        last_call = deadline - self._settings.fusion_reserve_ms / 1e3
        with stage("document"):
            looked = await self._documents.examine(data, channel, last_call - time.monotonic())
        call = self._fusion.document.remote(looked.examined.evidence)
        findings: DocumentFindings = await self._fused(call, deadline - time.monotonic())
        heatmaps = None
        if wanted.heatmaps and looked.page is not None:
            left = last_call - time.monotonic()
            heatmaps = await self._documents.heatmaps(looked.page, left)
        sides = looked.examined.sides if wanted.fields else None
        return DocumentAnswer(findings, sides, heatmaps)

    async def policy(self) -> Policy:
        """Return the policy in force.

        Raises:
            Problem: Fusion does not answer.
        """
        policy: Policy = await self._fused(self._fusion.policy.remote(), 5.0)
        return policy

    async def _fused(self, call: Any, timeout_s: float) -> Any:
        """Wait for an answer of Fusion, without which there is none of ours."""
        try:
            return await asyncio.wait_for(call, timeout=max(timeout_s, 0.0))
        except Exception as error:
            log.warning("fusion failed: %s", type(error).__name__)
            raise _broken("fusion") from None


def _full() -> Problem:
    return Problem(
        503, "overloaded", "Every replica is busy; try again in a second.", retry_after=1
    )


def _broken(node: str) -> Problem:
    return Problem(
        503, "node-unavailable", f"The {node} node does not answer; try again.", retry_after=2
    )
