"""What an operator decides about a cluster; everything else follows from the baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from deployments.problems import explain
from fusion.sources import SourceError, read_mapping
from k8s.errors import KubernetesError

Name = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1)]


class Strict(BaseModel):
    """Refuses what it does not know, so that a typo cannot pass for a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretKey(Strict):
    """One value of a Secret that exists already; no secret is ever written into a manifest.

    Attributes:
        name: of the Secret, in the service's namespace.
        key: of the value in it.
    """

    name: Name
    key: str = Field(min_length=1)


class Peer(Strict):
    """Where a service is that the pods must reach; by default, in their own namespace.

    Attributes:
        namespace: of its pods, if another.
        labels: of its pods; all pods of the namespace by default.
        cidr: its addresses, where it is outside the cluster.
        port: its TCP port.
    """

    namespace: Name | None = None
    labels: dict[str, str] = {}
    cidr: str | None = None
    port: Port

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.cidr is not None and (self.namespace is not None or self.labels):
            raise ValueError("an address range (cidr) has no namespace and no labels")
        return self


class Redis(Strict):
    """The Redis that keeps Ray's cluster state, so that a new head takes over from the old one.

    Attributes:
        address: ``host:port``, or ``rediss://host:port`` with TLS.
        password: its password.
        at: where it is, for the NetworkPolicy.
    """

    address: str = "redis:6379"
    password: SecretKey = SecretKey(name="palisade-redis", key="password")
    at: Peer = Peer(labels={"app.kubernetes.io/name": "redis"}, port=6379)


class Store(Strict):
    """The PostgreSQL that remembers sessions.

    Attributes:
        url: its URL, with user and password.
        at: where it is, for the NetworkPolicy.
    """

    url: SecretKey = SecretKey(name="palisade-store", key="url")
    at: Peer = Peer(labels={"app.kubernetes.io/name": "postgresql"}, port=5432)


class Models(Strict):
    """Where the weights come from.

    Attributes:
        claim: a PersistentVolumeClaim with the files, mounted read-only; without one, they are
            those that were fetched into the image when it was built.
        path: the folder in the container.
    """

    claim: Name | None = None
    path: str = Field(default="/models", pattern="^/")


class Pod(Strict):
    """Resources and place of one kind of pod. Requests equal limits: nothing is overcommitted.

    Attributes:
        cpus: cores; Ray schedules replicas on them.
        memory_gib: memory.
        object_store_gib: Ray's object store, a part of ``memory_gib``.
        disk_gib: scratch space for logs and spilled objects.
        node_selector: labels that a machine must have.
        tolerations: taints that do not keep the pod away, as Kubernetes writes them.
    """

    cpus: Count = 2
    memory_gib: Count = 4
    object_store_gib: Count = 1
    disk_gib: Count = 10
    node_selector: dict[str, str] = {}
    tolerations: tuple[dict[str, Any], ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.object_store_gib * 2 > self.memory_gib:
            raise ValueError("object_store_gib is more than half of memory_gib")
        return self


class Group(Pod):
    """A group of equal workers, of which Ray starts as many as the replicas need.

    Attributes:
        min: workers that are always there.
        max: workers at most.
        idle_s: after this long without a replica, a worker above ``min`` is removed.
    """

    cpus: Count = 4
    memory_gib: Count = 8
    object_store_gib: Count = 2
    min: Annotated[int, Field(ge=0)] = 2
    max: Count = 6
    idle_s: Count = 300

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError("min is above max")
        return self


class GpuGroup(Group):
    """Workers with GPUs.

    Attributes:
        gpus: cards of each worker.
        resource: the name under which the device plugin offers them.
    """

    cpus: Count = 8
    memory_gib: Count = 32
    object_store_gib: Count = 4
    min: Annotated[int, Field(ge=0)] = 1
    max: Count = 4
    tolerations: tuple[dict[str, Any], ...] = (
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
    )
    gpus: Count = 1
    resource: str = "nvidia.com/gpu"


class Scaling(Strict):
    """How Serve scales one node of the graph.

    Attributes:
        min: replicas that are always there.
        max: replicas at most.
        target: requests that one replica should have in hand; more start another replica.
    """

    min: Count
    max: Count
    target: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError("min is above max")
        return self


class Incremental(Strict):
    """Upgrade by moving the traffic in steps, over the Gateway API, instead of all at once.

    Attributes:
        gateway_class: a GatewayClass of the cluster.
        step_percent: share of the traffic that moves in each step.
        interval_s: time between steps.
        surge_percent: how much of a second cluster may run beside the first.
    """

    gateway_class: str
    step_percent: Annotated[int, Field(ge=1, le=100)] = 10
    interval_s: Count = 60
    surge_percent: Annotated[int, Field(ge=1, le=100)] = 100


class Settings(Strict):
    """A Palisade service on Kubernetes; both profiles read the same settings.

    Attributes:
        name: of the RayService and of everything beside it.
        namespace: where it runs.
        image: by tag or, better, by digest; ``palisade:VERSION-cpu`` or ``-gpu`` by default.
        pull_secret: Secret for a private registry.
        user: numeric user and group of every process; never 0.
        head: the pod that controls the cluster and runs no replica.
        cpu: workers without a GPU.
        gpu: workers with GPUs, in the profile ``gpu`` only.
        replicas: the least of every node of the graph; two survive the loss of a pod.
        scaling: nodes that scale with the load. It comes before what the profile's Serve
            configuration says.
        available: workers that an eviction must leave standing.
        redis: for fault tolerance of the head.
        store: for what is remembered of sessions.
        spool: a ReadWriteMany PersistentVolumeClaim with file locks, for records that wait for a
            store that is away; without one, they wait in the pod and are lost with it.
        auth: the Secret with the token that every Ray process asks of every other.
        canary: the key of the enforcement buckets.
        models: the weights.
        policy: a shipped policy or a YAML file, put in by content; the profile's by default.
        serve: path of a Serve configuration of one's own, in place of the profile's.
        environment: further variables of every Ray process.
        clients: namespaces that may call the service.
        monitoring: namespaces that may scrape metrics.
        operator: namespace of the KubeRay operator.
        api_server: addresses of the Kubernetes API, which Ray's autoscaler calls.
        egress: what else the workers may reach, such as a trace collector.
        incremental: upgrade in steps; by default a second cluster takes over when it is ready.
    """

    name: Annotated[Name, Field(max_length=47)] = "palisade"
    namespace: Name = "palisade"
    image: str | None = None
    pull_secret: Name | None = None
    user: Count = 10001
    head: Pod = Pod()
    cpu: Group = Group()
    gpu: GpuGroup = GpuGroup()
    replicas: Count = 2
    # Decoding and landmarks are most of a request's CPU time.
    scaling: dict[str, Scaling] = {"Face": Scaling(min=4, max=12, target=1)}
    available: Count = 1
    redis: Redis = Redis()
    store: Store = Store()
    spool: Name | None = None
    auth: Name = "palisade-auth"
    canary: SecretKey = SecretKey(name="palisade-canary", key="key")
    models: Models = Models()
    policy: str | None = None
    serve: str | None = None
    environment: dict[str, str] = {}
    clients: tuple[Name, ...] = ("ingress-nginx",)
    monitoring: tuple[Name, ...] = ("monitoring",)
    operator: Name = "kuberay-system"
    api_server: tuple[Peer, ...] = (
        Peer(cidr="0.0.0.0/0", port=443),
        Peer(cidr="0.0.0.0/0", port=6443),
    )
    egress: tuple[Peer, ...] = ()
    incremental: Incremental | None = None

    @model_validator(mode="after")
    def _evictable(self) -> Self:
        if self.available >= self.cpu.min:
            raise ValueError("available must be below cpu.min, or no machine could ever be drained")
        return self


def read_settings(file: Path | None, overrides: tuple[str, ...] = ()) -> Settings:
    """Read settings.

    Args:
        file: YAML; without one, the defaults.
        overrides: ``key=value`` with a dotted key and a value in YAML, such as ``cpu.max=12``.

    Raises:
        KubernetesError: a key or a value is wrong; the message names it.
    """
    try:
        raw = {} if file is None else read_mapping(file, "k8s", ())
        for override in overrides:
            _put(raw, override)
        return Settings.model_validate(raw)
    except SourceError as error:
        raise KubernetesError(str(error)) from None
    except ValidationError as error:
        raise KubernetesError(f"settings: {explain(error.errors())}") from None


def _put(raw: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise KubernetesError(f"--set {override}: write key=value")
    *steps, last = key.split(".")
    inner: Any = raw
    for step in steps:
        inner = inner.setdefault(step, {})
        if not isinstance(inner, dict):
            raise KubernetesError(f"--set {override}: {step} has no parts")
    try:
        inner[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise KubernetesError(f"--set {override}: the value is not YAML") from None
