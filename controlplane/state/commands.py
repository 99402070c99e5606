"""Every wish to change the state. A command carries its precondition and is refused if stale."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from orb.ids import AppKey, Millis, NodeName, ReplicaKey, ServiceKey, TaskId
from orb.lifecycle import Availability, NodeStatus, ReleaseStatus
from orb.spec import AppSpec
from orb.work import NodeFacts, Report

COMMANDS_PER_BATCH_MAX: Final = 20_000
"""Commands in one batch; a proposer with more makes several."""
TASKS_PER_COMMAND_MAX: Final = 20_000
"""Tasks named by one command; a proposer with more makes several."""

COPIES_MAX: Final = 3
"""Wanted tasks of one revision in one replica: the copy, its stand-in, and one in a drain."""


# --- people -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyApp:
    """Make the app what *spec* says: one release over all its services, or nothing at all.

    Services that are no longer in the spec go. A spec equal to the current one is no release.
    """

    environment: str
    spec: AppSpec
    reason: str = ""
    expected_release: int | None = None
    """Refused unless this is the current release; 0: the app must be new; None: whatever it is."""
    contents: tuple[bytes, ...] = field(default=(), repr=False)
    """Of its configs and secrets, in any order; what a kept release of it has may be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleService:
    """Give a replicated service another count: a release of its app."""

    service: ServiceKey
    replicas: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteApp:
    """Stop and forget the app and all its services. Named volumes stay where they are."""

    app: AppKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSecret:
    """Store a secret in an environment; the services that see it get it by a release of theirs."""

    environment: str
    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveSecret:
    """Forget a stored secret. Refused while an app uses it."""

    environment: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTrust:
    """Allow the apps of an environment to ask for things that reach their nodes, or deny it.

    It counts for what is applied from now on; what runs goes on.
    """

    environment: str
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAvailability:
    """Cordon, drain or uncordon a node."""

    node: NodeName
    availability: Availability


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLabels:
    """Give a node labels, and take some away."""

    node: NodeName
    labels: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveNode:
    """Forget a node that is down, or suspect (under the brake none becomes down, and a person may
    know better). Its tasks are lost."""

    node: NodeName


# --- agents -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterNode:
    """A node has joined, come back, or its facts have changed. It becomes READY."""

    facts: NodeFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTasks:
    """What an agent has seen. Reports of tasks not its own, or that go back, are passed over."""

    node: NodeName
    reports: tuple[Report, ...]


# --- reconcilers ------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class SetNodeStatus:
    """Change the verdict on a node, if it is still *old*."""

    node: NodeName
    old: NodeStatus
    new: NodeStatus
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBrake:
    """Hold evictions back, or allow them again."""

    on: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenService:
    """The dependencies of this revision of a service have been met: it may start."""

    service: ServiceKey
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTasks:
    """Make one new task in each of these replicas of a service (made too where they are new).

    Refused if *revision* is neither the service's nor the one that it is `opened` for (until the
    dependencies of a new revision are met, a lost or ended task is replaced by one of the opened
    revision; so `specs` keeps that too). A replica that already holds *copies* or more wanted
    tasks of that revision is passed over: a decision made twice makes one task.
    """

    service: ServiceKey
    revision: int
    numbers: tuple[int, ...]
    reason: str
    copies: int = 1
    home: NodeName | None = None
    """For a global service: the node that the (new) replica belongs to."""
    avoid: tuple[NodeName, ...] = ()
    is_restart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTasks:
    """Tell these tasks to stop (a NEW one is stopped at once). Ended ones are passed over."""

    tasks: tuple[TaskId, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoseTasks:
    """Nobody can answer for these tasks any more. Ended ones are passed over.

    A task that never came beyond ASSIGNED keeps `started_at` None and `container_id` empty; with
    its node that tells a reconciler later where not to try again.
    """

    tasks: tuple[TaskId, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReapTasks:
    """Forget these ended tasks; those that have not ended are passed over."""

    tasks: tuple[TaskId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReapReplicas:
    """Forget these replicas; those that still have tasks that have not ended are passed over."""

    replicas: tuple[ReplicaKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReleaseStatus:
    """Say how the release stands, if it is still ROLLING."""

    app: AppKey
    number: int
    status: ReleaseStatus
    message: str = ""


# --- scheduler --------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class AssignTasks:
    """Place tasks, one node each. A task that is not NEW, or finds no room, is passed over."""

    tasks: tuple[TaskId, ...]
    nodes: tuple[NodeName, ...]
    """As many as *tasks*, in step with them."""
    why: str = ""
    """The scheduler's words for the whole group."""


# --- all --------------------------------------------------------------------------------------
Single = (
    ApplyApp
    | ScaleService
    | DeleteApp
    | SetSecret
    | RemoveSecret
    | SetTrust
    | SetAvailability
    | SetLabels
    | RemoveNode
    | RegisterNode
    | ReportTasks
    | SetNodeStatus
    | SetBrake
    | OpenService
    | CreateTasks
    | StopTasks
    | LoseTasks
    | ReapTasks
    | ReapReplicas
    | SetReleaseStatus
    | AssignTasks
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Several commands in one entry, each with its own answer; one refused stops no other."""

    commands: tuple[Single, ...]


Command = Single | Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is agreed on: a command, stamped by its proposer."""

    command: Command
    now: Millis
    author: str = ""
    """Who asked: the common name of a certificate, or `leader`."""
    trace: str = ""
    """W3C traceparent; empty for none."""
    client: str = ""
    """With *sequence*, makes a retry harmless; empty for none."""
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """It was done. What the fields mean depends on the command."""

    number: int = 0
    """The release that was made or is current; or how many things were changed."""
    changed: bool = True
    """False: everything was already so."""
    details: tuple[str, ...] = ()
    """For ApplyApp: what changed, a line each."""
    parts: tuple["Answer", ...] = ()
    """For a batch: the answers in the order of the commands."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not done, and nothing has changed."""

    why: str
    missing: bool = False
    """The thing named does not exist (else: the state does not allow it)."""


Answer = Applied | Refused
