"""The tables of the replicated state, and the records in them. Records never change; tables do."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from orb.ids import AppKey, Millis, NodeName, ReplicaKey, ServiceKey, TaskId
from orb.lifecycle import TERMINAL, Availability, Desired, NodeStatus, ReleaseStatus, TaskState
from orb.resources import Resources
from orb.spec import AppSpec, Priority, ServiceSpec, TaskSpec
from orb.work import BoundPort, NodeFacts

EVENTS_MAX: Final = 5_000
"""Events kept for the whole cluster; the oldest go first."""
RELEASES_PER_APP_MAX: Final = 50
"""Releases kept for an app; the oldest that are not current go first."""
ENDED_TASKS_PER_REPLICA_MAX: Final = 3
"""Ended tasks kept for a replica, for `describe` and `logs`; the oldest go first."""
FAILURES_PER_REPLICA_MAX: Final = 20
"""Times of failures kept for a replica's back-off; the oldest go first."""
CLIENTS_MAX: Final = 10_000
"""Clients whose last answer is kept, so that a retry gets it again; the longest idle go first."""

APPS_MAX: Final = 20_000
"""Apps in a cluster; one more is refused."""
SERVICES_MAX: Final = 50_000
"""Services in a cluster; a release that could make more is refused."""
BLOBS_BYTES_MAX: Final = 64 * 1024 * 1024
"""The contents of all configs and secrets, those of kept releases too; a command that would make
them more is refused."""
SECRETS_MAX: Final = 10_000
"""Secrets stored in all environments; one more is refused."""
TASKS_MAX: Final = 500_000
"""Tasks in a cluster, ended ones too; a command that would make more is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A namespace of apps."""

    name: str
    created_at: Millis
    allowed: tuple[str, ...] | None = None
    """What its apps may ask for of their nodes (`orb.trust`); None: what is usual for its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What one manifest describes. *release* is the number of its current release."""

    key: AppKey
    release: int
    created_at: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One numbered, atomic change of an app's desired state."""

    app: AppKey
    number: int
    spec: AppSpec
    author: str
    at: Millis
    reason: str
    status: ReleaseStatus
    status_since: Millis
    message: str = ""
    """Why it failed."""
    changes: tuple[str, ...] = ()
    """What it changed, a line each: `web: image my-app:v1 -> my-app:v2`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service and how far its release has come."""

    key: ServiceKey
    spec: ServiceSpec
    release: int
    """The release in which anything of the spec last changed."""
    revision: int
    """The release in which `spec.task` last changed: tasks of another revision are old."""
    opened: int = 0
    """The revision for which its dependencies have been met once (they gate no restart)."""
    created_at: Millis
    trace: str = ""
    """W3C traceparent of the command that made *release*: its new tasks belong to that trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One numbered place of a service, and what its restarts must remember."""

    key: ReplicaKey
    home: NodeName | None = None
    """The only node it may run on: of a global service's replica, or where its volumes lie."""
    restarts: int = 0
    """How many tasks have replaced an ended one, in all."""
    failures: tuple[Millis, ...] = ()
    """When its tasks failed (or ended, though they should not), newest last; emptied by ten healthy
    minutes and by a new revision."""
    failed_on: tuple[NodeName, ...] = ()
    """Where, beside *failures*."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One run of a replica on one node."""

    id: TaskId
    replica: ReplicaKey
    revision: int
    """With the replica's service, the key of its TaskSpec in `specs`."""
    priority: Priority
    desired: Desired
    state: TaskState
    since: Millis
    """When it came into *state*."""
    created_at: Millis
    node: NodeName | None = None
    avoid: tuple[NodeName, ...] = ()
    """Nodes that the scheduler must not choose: where it failed, or was not acknowledged."""
    reason: str = ""
    """Why it was made: `new`, `restart`, `update`, `stand-in for n3`, `drain of n2`, …"""
    placed: str = ""
    """Why it is where it is, in the scheduler's words."""
    stop_reason: str = ""
    ready: bool = False
    ready_since: Millis | None = None
    message: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    image_missing: bool = False
    container_id: str = ""
    image_id: str = ""
    ports: tuple[BoundPort, ...] = ()
    started_at: Millis | None = None
    finished_at: Millis | None = None
    trace: str = ""

    @property
    def ended(self) -> bool:
        """It holds nothing any more and will never change."""
        return self.state in TERMINAL

    @property
    def wanted(self) -> bool:
        """It has not ended and is not told to."""
        return self.desired is Desired.RUN and not self.ended


_SLOTS: Final = {name: getattr(Task, name) for name in Task.__dataclass_fields__}
_VALUES: Final = attrgetter(*_SLOTS)
_PUT: Final = tuple(slot.__set__ for slot in _SLOTS.values())


def changed(task: Task, **changes: object) -> Task:
    """What `dataclasses.replace` makes, in a third of the time: most of applying is this."""
    copy: Task = object.__new__(Task)
    for put, value in zip(_PUT, _VALUES(task), strict=True):
        put(copy, value)
    for name, value in changes.items():
        _SLOTS[name].__set__(copy, value)
    return copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine that runs an agent."""

    name: NodeName
    facts: NodeFacts
    status: NodeStatus
    status_since: Millis
    availability: Availability = Availability.ACTIVE
    labels: Mapping[str, str] = field(default_factory=dict)
    """Given by people; they go before those of the agent."""
    joined_at: Millis
    squeezed: bool = False
    """Its machine has shrunk below what its tasks hold; else they always fit its capacity."""

    @property
    def all_labels(self) -> dict[str, str]:
        """The agent's labels under those given by people."""
        return {**self.facts.labels, **self.labels}

    @property
    def zone(self) -> str:
        """The zone that spreading knows; empty for none."""
        return self.all_labels.get("zone", "")

    @property
    def schedulable(self) -> bool:
        """New tasks may go there."""
        return (
            self.status is NodeStatus.READY
            and self.availability is Availability.ACTIVE
            and not self.facts.trouble
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, for people."""

    sequence: int
    at: Millis
    kind: str
    """Dotted, stable: `task.failed`, `node.suspect`, `release.done`, …"""
    message: str
    environment: str = ""
    app: str = ""
    service: str = ""
    replica: int = 0
    node: str = ""
    author: str = ""


SecretKey = tuple[str, str]
"""An environment, and a secret that is stored in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSecret:
    """A secret that is stored in an environment, for apps that call it external."""

    key: SecretKey
    digest: str
    changed_at: Millis
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The last numbered request of a client and its encoded answer."""

    sequence: int
    answer: bytes
    used_at: Millis


SpecKey = tuple[ServiceKey, int]
"""A service and a revision."""


@dataclass(slots=True)
class State:
    """Everything the cluster has agreed on. Only `apply` changes it; all others read.

    A service that is deleted goes at once, with its replicas. Its tasks are told to stop and stay,
    with their specs, until they are reaped: so a task may have no service (`services.get`), or,
    if an app of that name came back, no replica; such a task is never `wanted`.

    The tables above the line are the truth and are what a snapshot holds. Those below are derived:
    kept in step by the functions in `tables`' neighbours, rebuilt after a restore, and compared
    with a fresh derivation by `invariants.check`.
    """

    index: int = 0
    """The index of the last applied entry."""
    events_seen: int = 0
    """How many events there have ever been; the next one's sequence is one more."""
    brake_since: Millis | None = None
    """Since when evictions are held back because too many nodes fell silent together."""
    environments: dict[str, Environment] = field(default_factory=dict)
    apps: dict[AppKey, App] = field(default_factory=dict)
    releases: dict[AppKey, dict[int, Release]] = field(default_factory=dict)
    services: dict[ServiceKey, Service] = field(default_factory=dict)
    specs: dict[SpecKey, TaskSpec] = field(default_factory=dict)
    replicas: dict[ReplicaKey, Replica] = field(default_factory=dict)
    tasks: dict[TaskId, Task] = field(default_factory=dict)
    nodes: dict[NodeName, Node] = field(default_factory=dict)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=EVENTS_MAX))
    clients: dict[str, Client] = field(default_factory=dict)
    secrets: dict[SecretKey, StoredSecret] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict, repr=False)
    """The contents of configs and secrets by their digests."""
    # --- derived ------------------------------------------------------------------------------
    tasks_of_replica: dict[ReplicaKey, dict[TaskId, None]] = field(default_factory=dict)
    tasks_on_node: dict[NodeName, dict[TaskId, None]] = field(default_factory=dict)
    """Tasks there that have not ended."""
    replicas_of_service: dict[ServiceKey, dict[int, None]] = field(default_factory=dict)
    services_of_app: dict[AppKey, dict[str, None]] = field(default_factory=dict)
    unplaced: dict[TaskId, None] = field(default_factory=dict)
    """Tasks in the state NEW, oldest first."""
    reserved: dict[NodeName, Resources] = field(default_factory=dict)
    """What the tasks that have not ended hold on a node; each node has a row."""
    tasks_of_spec: dict[SpecKey, int] = field(default_factory=dict)
    """How many tasks, ended ones too, run a spec; no row for none."""
    revisions_of_service: dict[ServiceKey, dict[int, None]] = field(default_factory=dict)
    """The revisions in `specs`, also those of services that are gone."""
    blob_uses: dict[str, int] = field(default_factory=dict)
    """How many releases, task specs and stored secrets refer to a digest; no row for none."""
    assigned_at: dict[NodeName, int] = field(default_factory=dict)
    """The index that last changed what the node must do. A restore sets all to its own index."""

    def spec_of(self, task: Task) -> TaskSpec:
        """What the task runs."""
        return self.specs[task.replica.owner, task.revision]

    def tasks_in(self, replica: ReplicaKey) -> list[Task]:
        """The tasks of a replica, ended ones too, oldest first."""
        return [self.tasks[task] for task in self.tasks_of_replica.get(replica, ())]

    def tasks_at(self, node: NodeName) -> list[Task]:
        """The tasks on a node that have not ended, oldest first."""
        return [self.tasks[task] for task in sorted(self.tasks_on_node.get(node, ()))]

    def replicas_in(self, service: ServiceKey) -> list[Replica]:
        """The replicas of a service by number."""
        numbers = sorted(self.replicas_of_service.get(service, ()))
        return [self.replicas[ReplicaKey(*service, number)] for number in numbers]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a decision is made from: the agreed state, and what only the leader has in memory."""

    state: State
    heard: Mapping[NodeName, Millis] = field(default_factory=dict)
    """When each node's newest heartbeat came, since this server leads."""
    leading_since: Millis = Millis(0)
    """A node not heard yet counts as heard then: a change of leader costs no node its tasks."""
