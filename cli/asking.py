"""What orbctl asks of a cluster and what it gets, as plain records: no gRPC, quick to import."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from orb.cluster import (
    EnvironmentView,
    EventView,
    FileView,
    NodeView,
    ReleaseView,
    ReplicaView,
    ServiceView,
    StatusView,
    TaskView,
)
from orb.errors import OrbError
from orb.spec import AppSpec

View = NodeView | ServiceView | ReplicaView | ReleaseView | EventView | FileView | EnvironmentView

KINDS: Final[Mapping[str, type]] = {
    "status": StatusView,
    "nodes": NodeView,
    "services": ServiceView,
    "replicas": ReplicaView,
    "releases": ReleaseView,
    "events": EventView,
    "configs": FileView,
    "secrets": FileView,
    "environments": EnvironmentView,
}
"""What can be looked at, by the word that `get` takes."""


class StillGoing(OrbError):
    """The time that the person gave is over, and the cluster is still at it: exit code 3."""


class Failed(OrbError):
    """The cluster tells that what was asked did not come true: exit code 1."""


class Declined(OrbError):
    """The person said no, or could not be asked: nothing was done."""


class Unreachable(OrbError):
    """No server answered; nothing was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which things to look at. Empty fields mean all."""

    kind: str
    environment: str = ""
    app: str = ""
    service: str = ""
    name: str = ""
    node: str = ""
    stale: bool = False
    after: int = 0
    """For events: those after this sequence number."""
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRelease:
    """What became of an apply or scale. *changed* is False where all was already so."""

    app: str
    release: int
    changed: bool
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Everything about one thing. *kind* is service, replica, node or app."""

    kind: str
    nodes: tuple[NodeView, ...] = ()
    services: tuple[ServiceView, ...] = ()
    replicas: tuple[ReplicaView, ...] = ()
    tasks: tuple[TaskView, ...] = ()
    releases: tuple[ReleaseView, ...] = ()
    events: tuple[EventView, ...] = ()
    spec: AppSpec | None = None
    explanation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which lines to read. *since* is in milliseconds since the epoch."""

    environment: str
    name: str
    tail: int | None = None
    since: int | None = None
    follow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecQuery:
    """Which command to run where. *rows* and *columns* are of the person's terminal."""

    environment: str
    name: str
    command: tuple[str, ...]
    tty: bool = False
    stdin: bool = False
    rows: int = 0
    columns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange:
    """Labels to give to a node, and keys to take away."""

    labels: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
