"""What a node must do, and what it has seen: assignments one way, facts and reports the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from orb.ids import Millis, NodeName, ReplicaKey, TaskId
from orb.lifecycle import Desired, TaskState
from orb.resources import Resources
from orb.spec import Port, TaskSpec

HEARTBEAT_EVERY_MS: Final = 1_000
MESSAGE_CHARACTERS_MAX: Final = 1_000
"""The longest message of a report; the agent cuts longer ones in the middle."""
REPORTS_PER_MESSAGE_MAX: Final = 500
"""Reports in one message of an agent; the rest goes into the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One task that a node must have, and what is wanted of it."""

    task: TaskId
    replica: ReplicaKey
    release: int
    """The release of the app whose spec this is."""
    desired: Desired
    spec: TaskSpec
    trace: str = ""
    """W3C traceparent of the command that made the task; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundPort:
    """Where a port of a running task answers on its node."""

    container: int
    host: int
    address: str
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an agent has seen of one task. It holds the whole truth, not a change of it."""

    task: TaskId
    state: TaskState
    ready: bool = False
    message: str = ""
    """Why it failed, or what it waits for."""
    exit_code: int | None = None
    oom_killed: bool = False
    image_missing: bool = False
    """It failed because its image could not be had."""
    container_id: str = ""
    image_id: str = ""
    ports: tuple[BoundPort, ...] = ()
    started_at: Millis | None = None
    finished_at: Millis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What an agent says about its machine. It is the truth about it."""

    name: NodeName
    address: str
    """Where other machines reach the tasks of this node: host or IP, no port."""
    os: str
    arch: str
    """As Docker and Go spell it: amd64, arm64."""
    capacity: Resources
    disk_bytes: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    """From the agent's configuration; `zone` is the one that spreading knows."""
    runtime: str = "docker"
    runtime_version: str = ""
    agent_version: str = ""
    kernel: str = ""
    volumes: tuple[str, ...] = ()
    """Tracked volumes that lie here: `environment.app.volume`, sorted."""
    trouble: str = ""
    """Why it can start no task (its engine does not answer); else empty. It changes slowly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a machine uses just now; kept in memory by the leader, never in the log."""

    milli_cpus: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0
    tasks: int = 0
    trouble: str = ""
    """Why this machine cannot do its work just now (its engine does not answer); else empty."""


def first_tcp_port(ports: tuple[Port, ...]) -> int | None:
    """The port that a service without a healthcheck is asked on."""
    return next((port.target for port in ports if port.protocol.name == "TCP"), None)
