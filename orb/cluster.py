"""What people see of a cluster: the views that the API answers with and `-o json` prints.

Field names are the keys of the JSON, a versioned contract: add, never rename. Points in time are
milliseconds since the epoch here and RFC 3339 in the JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orb.ids import Millis
from orb.work import BoundPort


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Resources in the units people read: whole CPUs as a fraction, bytes, devices by kind."""

    cpus: float = 0.0
    memory_bytes: int = 0
    devices: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A node. *state* is ready, suspect or down; *availability* active, cordoned or draining."""

    name: str
    state: str
    state_since: Millis | None = None
    availability: str
    address: str
    zone: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    resources: Amounts = field(default_factory=Amounts)
    reserved: Amounts = field(default_factory=Amounts)
    used: Amounts | None = None
    """Just now, if the leader has heard it."""
    tasks: int = 0
    os: str = ""
    arch: str = ""
    runtime: str = ""
    runtime_version: str = ""
    agent_version: str = ""
    kernel: str = ""
    joined_at: Millis | None = None
    heard_at: Millis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedView:
    """A port of a service. *published* is empty for one that is only exposed inside."""

    target: int
    published: int | None = None
    protocol: str = "tcp"
    mode: str = "ingress"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """A service. *mode* is replicated, global, replicated-job or global-job."""

    environment: str
    app: str
    name: str
    mode: str
    desired: int
    running: int
    ready: int
    release: int
    updated: int = 0
    """Replicas that run the newest revision."""
    image: str = ""
    ports: tuple[PublishedView, ...] = ()
    message: str = ""
    """Why it is not as wanted; empty when it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaView:
    """A replica, by its main task: the one ready longest, else the newest."""

    environment: str
    app: str
    service: str
    replica: int
    name: str
    state: str
    """The state of the main task in lower case; `pending` while it has no node."""
    ready: bool
    node: str
    task: str
    container_id: str
    started_at: Millis | None = None
    restarts: int = 0
    release: int = 0
    message: str = ""
    ports: tuple[BoundPort, ...] = ()
    image: str = ""
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """A task, for detail views."""

    task: str
    state: str
    desired: str
    ready: bool
    node: str
    release: int
    image: str = ""
    container_id: str = ""
    created_at: Millis | None = None
    started_at: Millis | None = None
    finished_at: Millis | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    reason: str = ""
    placed: str = ""
    stop_reason: str = ""
    message: str = ""
    ports: tuple[BoundPort, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseView:
    """A release. *status* is rolling, done, failed or superseded."""

    environment: str
    app: str
    number: int
    author: str
    time: Millis
    reason: str
    status: str
    message: str = ""
    current: bool = False
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """A config or secret: its name and who uses it, never what is in it."""

    environment: str
    app: str
    """Empty for a secret that is stored in the environment."""
    name: str
    digest: str
    """The beginning of it, for telling contents apart; empty for secrets: a digest of something
    short gives it away."""
    size_bytes: int
    external: bool = False
    """Of an app: it is the stored one of the environment."""
    users: tuple[str, ...] = ()
    """The services that see it: `web`, for a stored secret `shop.web`."""
    changed_at: Millis | None = None
    """When a stored secret got its content, and from whom."""
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentView:
    """A namespace of apps, and what they may ask for of their nodes."""

    name: str
    apps: int
    services: int
    allowed: tuple[str, ...] = ()
    """Words of `orb.trust`."""
    created_at: Millis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """Something that happened."""

    sequence: int
    time: Millis
    kind: str
    message: str
    environment: str = ""
    app: str = ""
    service: str = ""
    replica: int = 0
    node: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """A server. *role* is leader, follower, candidate or learner."""

    name: str
    address: str
    role: str
    healthy: bool
    behind: int | None = None
    """How many entries of the log it has still to take in; None: not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """The cluster at a glance. *problems* are sentences, worst first; empty when all is well."""

    leader: str
    servers: tuple[ServerView, ...] = ()
    nodes: Mapping[str, int] = field(default_factory=dict)
    """Counts: total, ready, suspect, down, cordoned, draining."""
    services: Mapping[str, int] = field(default_factory=dict)
    """Counts: total, healthy, degraded, and replicas desired, running, ready."""
    problems: tuple[str, ...] = ()
    brake_since: Millis | None = None
    reserved: Amounts = field(default_factory=Amounts)
    resources: Amounts = field(default_factory=Amounts)
    index: int = 0
    """The index of the last applied entry."""
    age_ms: Millis | None = None
    """For a stale read: how long ago this server last heard from a leader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line that a task wrote."""

    replica: str
    """`web/3`."""
    task: str
    node: str
    time: Millis
    stream: str
    """`stdout`, `stderr`, or `orb` for a word of ours between the lines."""
    text: str
