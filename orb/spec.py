"""What a person asked for: the specs. Never edited by us, compared by value.

Names are Compose's where Compose has one. Times are milliseconds, amounts of memory bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from orb.container import Hook, Kernel, Logging, Networking, Security
from orb.contents import ConfigSpec, Grant, SecretSpec
from orb.ids import Millis
from orb.resources import Resources

DEFAULT_ENVIRONMENT: Final = "default"
DEFAULT_RESERVATION: Final = Resources(milli_cpus=100, memory_bytes=64 * 1024 * 1024)
"""What a service without reservations is taken to need; said once in the plan."""

NAME_LENGTH_MAX: Final = 63
"""Names of environments and nodes are DNS labels (RFC 1123); of apps and services, Compose's names
without a dot (`my_web`); of volumes, Docker's (`pg_data`). None is longer than this."""
REPLICAS_MAX: Final = 20_000
"""Replicas of one service; more is refused."""
SERVICES_PER_APP_MAX: Final = 500
"""Services in one app; more is refused."""


class Mode(IntEnum):
    """How many replicas a service has, and whether they are meant to end."""

    REPLICATED = 1
    GLOBAL = 2
    """One on every node that suits it."""
    REPLICATED_JOB = 3
    GLOBAL_JOB = 4


class Protocol(IntEnum):
    """The transport of a port."""

    TCP = 1
    UDP = 2


class PublishMode(IntEnum):
    """Where a published port answers."""

    INGRESS = 1
    """On every node, through the proxy."""
    HOST = 2
    """On the node of the task only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of the container. *published* is None for one that is only exposed inside."""

    target: int
    protocol: Protocol = Protocol.TCP
    published: int | None = None
    """The port that answers outside; 0 stands for one that the machine chooses."""
    mode: PublishMode = PublishMode.INGRESS
    host_ip: str = ""
    name: str = ""


class MountKind(IntEnum):
    """Where the content of a mount comes from."""

    VOLUME = 1
    """A named volume of the app, tracked: the replica goes back to it."""
    BIND = 2
    """A path of the node: the service is pinned to nodes that have it."""
    TMPFS = 3
    ANONYMOUS = 4
    """A volume that lives and dies with its task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSpec:
    """A named volume of an app."""

    name: str
    external: bool = False
    """It exists on the node already, and is never made or removed."""
    labels: Mapping[str, str] = field(default_factory=dict)
    outside_name: str = ""
    """What the engine calls it; empty: an external one by its name, others after their app."""
    driver: str = ""
    """Empty: `local`."""
    driver_opts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Something mounted into the container at *target*."""

    kind: MountKind
    target: str
    source: str = ""
    """The volume's name in the app, or the absolute path on the node."""
    read_only: bool = False
    size_bytes: int = 0
    """For tmpfs: the bound, 0 for none."""
    mode: int = 0
    """For tmpfs: its permissions, 0 for the engine's 1777."""
    volume: VolumeSpec | None = None
    """What the app says of the volume beyond its name; None: nothing."""
    no_copy: bool = False
    """A new volume stays empty, instead of getting the files that the image has there."""
    subpath: str = ""
    """The folder of the volume that is seen, instead of all of it."""
    propagation: str = ""
    """Of a bind: whether mounts made later are seen on the other side; empty: `rprivate`."""
    create_host_path: bool = False
    """Of a bind: a path that is not there is made as an empty folder."""
    selinux: str = ""
    """Of a bind: `z` labels it for all containers, `Z` for this one."""
    recursive: str = ""
    """Of a bind, about mounts below it: `disabled`, `writable`, `readonly`; empty: as the mount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """How a task is asked for its health. Defaults are Compose's."""

    test: tuple[str, ...]
    """`("CMD", …)`, `("CMD-SHELL", line)`, or `("TCP", port)` for a connect."""
    interval_ms: Millis = Millis(30_000)
    timeout_ms: Millis = Millis(30_000)
    retries: int = 3
    start_period_ms: Millis = Millis(0)
    start_interval_ms: Millis = Millis(5_000)


class RestartCondition(IntEnum):
    """When a task that ended is replaced."""

    NONE = 1
    ON_FAILURE = 2
    ANY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """When and how soon a task that ended is replaced; the waits double up to *delay_max_ms*."""

    condition: RestartCondition = RestartCondition.ANY
    delay_ms: Millis = Millis(1_000)
    delay_max_ms: Millis = Millis(60_000)
    attempts_max: int = 0
    """How often at most within *window_ms*; 0 for no bound."""
    window_ms: Millis = Millis(0)
    """0: count for ever."""


class UpdateOrder(IntEnum):
    """Which comes first when a task is replaced."""

    START_FIRST = 1
    STOP_FIRST = 2


class FailureAction(IntEnum):
    """What a rollout does when its tasks fail."""

    ROLLBACK = 1
    PAUSE = 2
    CONTINUE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateConfig:
    """How a rollout goes: Compose's `update_config`, with Orb's defaults."""

    parallelism: int = 1
    """How many replicas change at once; 0 for all."""
    delay_ms: Millis = Millis(0)
    order: UpdateOrder = UpdateOrder.START_FIRST
    failure_action: FailureAction = FailureAction.ROLLBACK
    monitor_ms: Millis = Millis(30_000)
    max_failure_ratio: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where tasks may run. Constraints are the person's own text, checked when the spec is made:
    `node.labels.zone == a`, `node.hostname != n1`, `node.platform.arch in amd64,arm64`,
    `node.labels.rack =~ r[0-9]+`."""

    constraints: tuple[str, ...] = ()
    spread: tuple[str, ...] = ()
    """Attributes to spread over, most important first: `node.labels.zone`."""
    max_replicas_per_node: int = 0
    """0 for no bound."""
    platform: str = ""
    """`os/arch`, or empty for any."""


class Condition(IntEnum):
    """What a dependency must have reached."""

    STARTED = 1
    HEALTHY = 2
    COMPLETED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """Another service of the app that comes first."""

    service: str
    condition: Condition = Condition.STARTED
    required: bool = True


class Priority(IntEnum):
    """Who makes room for whom: a higher one may preempt a lower one."""

    LOW = 1
    NORMAL = 2
    HIGH = 3
    SYSTEM = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """What is run: the part that the runtime reads."""

    image: str
    entrypoint: tuple[str, ...] | None = None
    """None: the image's own."""
    command: tuple[str, ...] | None = None
    """None: the image's own."""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    working_dir: str = ""
    hostname: str = ""
    container_name: str = ""
    """What the person wants to call it; a name, never an identity."""
    labels: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    stop_grace_period_ms: Millis = Millis(10_000)
    stop_signal: str = "SIGTERM"
    networks: tuple[str, ...] = ()
    """Names in their order; empty: the default one of the app."""
    init: bool = False
    tty: bool = False
    stdin_open: bool = False
    read_only: bool = False
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    """Memory file systems: from the path to the options, as `mount` takes them."""
    pull_policy: str = ""
    """`missing` (as empty), `always` or `never`."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    security: Security = field(default_factory=Security)
    kernel: Kernel = field(default_factory=Kernel)
    logging: Logging = field(default_factory=Logging)
    networking: Networking = field(default_factory=Networking)
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()
    files: tuple[Grant, ...] = ()
    """The configs and secrets that it sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """Everything that makes a new task necessary when it changes."""

    container: ContainerSpec
    reservations: Resources = DEFAULT_RESERVATION
    limits: Resources = field(default_factory=Resources)
    """0 means no limit."""
    ports: tuple[Port, ...] = ()
    healthcheck: Healthcheck | None = None
    """None: the image's own, else a TCP connect to the first port, else none."""
    healthcheck_disabled: bool = False
    placement: Placement = field(default_factory=Placement)

    @property
    def named_volumes(self) -> tuple[str, ...]:
        """The tracked volumes, in the order of their mounts."""
        mounts = self.container.mounts
        return tuple(mount.source for mount in mounts if mount.kind is MountKind.VOLUME)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """One service of an app, as declared."""

    name: str
    task: TaskSpec
    mode: Mode = Mode.REPLICATED
    replicas: int = 1
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    update: UpdateConfig = field(default_factory=UpdateConfig)
    depends_on: tuple[Dependency, ...] = ()
    priority: Priority = Priority.NORMAL
    labels: Mapping[str, str] = field(default_factory=dict)
    """`deploy.labels`: of the service, not of its containers."""

    @property
    def is_global(self) -> bool:
        """One replica on every suitable node."""
        return self.mode in {Mode.GLOBAL, Mode.GLOBAL_JOB}

    @property
    def is_job(self) -> bool:
        """Its tasks are meant to end with 0."""
        return self.mode in {Mode.REPLICATED_JOB, Mode.GLOBAL_JOB}

    @property
    def is_stateful(self) -> bool:
        """It has named volumes: no stand-ins, and it goes back to the node of its data."""
        return bool(self.task.named_volumes)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSpec:
    """What one manifest describes."""

    name: str
    services: tuple[ServiceSpec, ...]
    """In the order of their names."""
    volumes: tuple[VolumeSpec, ...] = ()
    configs: tuple[ConfigSpec, ...] = ()
    """Those that a service uses, in the order of their names; so too the secrets."""
    secrets: tuple[SecretSpec, ...] = ()
