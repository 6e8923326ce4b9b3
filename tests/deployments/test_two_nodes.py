"""A cluster of two nodes on one machine, one of which is cut off in the middle of the requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from benchmarks.cluster import Cluster, cluster
from benchmarks.serving import kill_tree, serving, titles
from benchmarks.witness import Outcome, Sample, Witness, recovered
from demo import scenes
from deployments.config import read_config, with_policy
from fusion.policy import load_policy
from fusion.verdict import Decision

pytestmark = [pytest.mark.serve, pytest.mark.timeout(600)]

TWICE = ("Ingress", "Face", "Fusion")
"""No verdict without them: one replica on each node."""

ASIDE = ("eye_specular", "blendshapes", "gan_texture")
"""One replica each, on the second node while there is one."""

BACK_S = 60.0
"""The campaign measures less than 30 s on a quiet machine; this is for a busy one."""


def placed() -> dict[str, Any]:
    """The Serve config for a spread over two nodes, as an operator writes it."""
    raw = read_config("cpu")
    policy = load_policy("faithful").model_dump(mode="json") | {"threshold": 0.65}
    raw["applications"][0]["args"]["deadline_ms"] = 10_000
    for node in raw["applications"][0]["deployments"]:
        node["ray_actor_options"] = {"num_cpus": 0.1}
        if node["name"] in TWICE:
            node |= {"num_replicas": 2, "max_replicas_per_node": 1}
        else:
            place = "side" if node["name"] in ASIDE else "head"
            node["ray_actor_options"] |= {
                "label_selector": {"place": place},
                "fallback_strategy": [{"label_selector": {}}],  # anywhere rather than nowhere
            }
    return with_policy(raw, load_policy(policy))


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    with cluster() as both:
        both.start("head")
        both.start("side")
        yield both


@pytest.fixture(scope="module")
def url(nodes: Cluster) -> Iterator[str]:
    with serving(placed(), nodes.environment) as (where, process):
        yield where
        kill_tree(process)  # its cluster goes too: an orderly end would be for nobody


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    person, screen, _ = scenes()
    return [
        Sample("selfie", {"selfie": person.selfie}, Decision.ACCEPT),
        # It fails by its eyes, which are looked at on the second node.
        Sample("screen", {"selfie": screen.selfie}, Decision.REVIEW),
    ]


def on(node: psutil.Process) -> set[str]:
    """Deployments with a replica on a node."""
    return {title.rpartition(":")[2] for title in titles(node, "ServeReplica")}


def wait(until: Callable[[], Any], what: str) -> None:
    give_up = time.monotonic() + BACK_S
    while not until():
        assert time.monotonic() < give_up, what
        time.sleep(0.2)


def test_verdicts_go_on_when_a_node_dies_and_it_is_used_again_when_it_returns(
    nodes: Cluster, url: str, samples: list[Sample]
) -> None:
    # The graph answers as soon as one replica of each node does.
    wait(lambda: on(nodes.nodes["side"]) == {*TWICE, *ASIDE}, "the second node is not in use")
    wait(lambda: on(nodes.nodes["head"]) >= set(TWICE), "the head is not in use")
    with Witness(url, samples) as witness:
        wait(lambda: len(witness.answers) >= 12, "no answers")
        before = witness.since(0.0)
        assert all(answer.complete for answer in before)
        assert all(answer.verdict["decision"] == answer.sample.right for answer in before)

        died = time.monotonic()
        nodes.kill("side")
        wait(lambda: on(nodes.nodes["head"]) >= set(ASIDE), "the detectors were not moved")
        wait(lambda: recovered(witness.since(died)), "the graph is not back")
        back = recovered(witness.since(died))

        nodes.start("side")
        wait(lambda: on(nodes.nodes["side"]) == set(TWICE), "the node is not used again")
    assert back is not None
    after = witness.since(died)
    outcomes = {answer.outcome for answer in after}
    # The proxy lives on the head: no connection breaks.
    assert outcomes <= {Outcome.VERDICT, Outcome.RETRY}, [a.said for a in after]
    assert not any(answer.wrong for answer in after)
    lost = {name for answer in after if not answer.faceless for name in answer.lost}
    assert lost
    assert lost <= set(ASIDE)
    assert back - died < BACK_S
