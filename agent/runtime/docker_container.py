"""From an assignment to what the Docker Engine is asked to make: names, labels, limits, mounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from docker import types
from docker.utils import parse_repository_tag

from agent.runtime.base import RuntimeFailure
from orb.ids import ReplicaKey, TaskId
from orb.resources import Resources
from orb.spec import Mount, MountKind, Port, Protocol, PublishMode, TaskSpec
from orb.work import Assignment

LABEL_OWNER: Final = "orb.owner"
"""`cluster/node`: we touch only what carries our own."""
LABEL_TASK: Final = "orb.task"
LABEL_REPLICA: Final = "orb.replica"
LABEL_VOLUME: Final = "orb.volume"
LABEL_CLUSTER: Final = "orb.cluster"

LOG_BYTES_MAX: Final = "10m"
"""Docker starts a new log file then, and keeps LOG_FILES_MAX of them."""
LOG_FILES_MAX: Final = "3"
CPU_PERIOD_MICROSECONDS: Final = 100_000
CPU_QUOTA_MICROSECONDS_MIN: Final = 1_000
"""The kernel takes no smaller quota."""
CPU_SHARES_MIN: Final = 2
GPU_KINDS: Final = frozenset({"gpu", "nvidia.com/gpu"})


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose containers these are: a node of a cluster (a short fingerprint of its CA)."""

    cluster: str
    node: str

    @property
    def label(self) -> str:
        """The value of LABEL_OWNER."""
        return f"{self.cluster}/{self.node}"

    def container(self, replica: ReplicaKey, task: TaskId) -> str:
        """A name that people recognise in `docker ps`, unique for each task."""
        env, app, service, number = replica
        return f"orb-{self.cluster[:6]}-{env}-{app}-{service}-{number}-{task:x}"

    def network(self, environment: str, app: str) -> str:
        """The app's network: one for all its containers on this engine."""
        return f"orb-{self.cluster[:6]}-{environment}-{app}"

    def volume(self, environment: str, app: str, volume: str) -> str:
        """A named volume of the app on this node."""
        return f"orb-{self.cluster[:6]}-{self.node}-{environment}-{app}-{volume}"


def image_with_tag(image: str) -> str:
    """The image with the tag that Docker takes where none is given."""
    repository, tag = parse_repository_tag(image)
    return image if tag else f"{repository}:latest"


def published(port: Port, address: str) -> tuple[str, str]:
    """Where on this node a port is to answer: (IP, port); an empty port is the engine's choice."""
    host = str(port.published) if port.mode is PublishMode.HOST and port.published else ""
    return port.host_ip or address, host


def port_key(port: Port) -> str:
    """The port as the Engine spells it."""
    return f"{port.target}/{'udp' if port.protocol is Protocol.UDP else 'tcp'}"


def container_body(
    api_version: str, owner: Owner, assignment: Assignment, address: str, network: str
) -> Mapping[str, object]:
    """The body of `POST /containers/create` for a task in *network*. Raises RuntimeFailure."""
    spec = assignment.spec
    container = spec.container
    endpoint = types.EndpointConfig(api_version, aliases=_aliases(assignment))
    config = types.ContainerConfig(
        version=api_version,
        image=image_with_tag(container.image),
        # None is "what the image says"; the stubs do not know that the SDK takes it.
        command=cast("list[str]", container.command and list(container.command)),
        entrypoint=cast("list[str]", container.entrypoint and list(container.entrypoint)),
        environment=[f"{name}={value}" for name, value in container.environment.items()],
        hostname=container.hostname or None,
        user=container.user or None,
        working_dir=container.working_dir or None,
        tty=container.tty,
        stdin_open=container.stdin_open,
        stop_signal=container.stop_signal,
        labels={**container.labels, **_labels(owner, assignment)},
        ports=[(port.target, port_key(port).partition("/")[2]) for port in spec.ports],
        # The agent asks for the health itself; the image's test must not run a second time.
        healthcheck=types.Healthcheck(test=["NONE"]),
        host_config=_host_config(api_version, owner, assignment, address, network),
        networking_config=types.NetworkingConfig(cast("types.EndpointConfig", {network: endpoint})),
    )
    return dict(config)


def _labels(owner: Owner, assignment: Assignment) -> dict[str, str]:
    replica = assignment.replica
    return {
        LABEL_OWNER: owner.label,
        LABEL_CLUSTER: owner.cluster,
        LABEL_TASK: str(assignment.task),
        LABEL_REPLICA: f"{replica.environment}/{replica.app}/{replica.name}",
        "orb.release": str(assignment.release),
    }


def _aliases(assignment: Assignment) -> list[str]:
    replica, container = assignment.replica, assignment.spec.container
    names = [replica.service, f"{replica.number}.{replica.service}"]
    names += [name for name in (container.container_name, container.hostname) if name]
    return list(dict.fromkeys(names))


def _host_config(
    api_version: str, owner: Owner, assignment: Assignment, address: str, network: str
) -> types.HostConfig:
    spec = assignment.spec
    limits = spec.limits
    quota = limits.milli_cpus * CPU_PERIOD_MICROSECONDS // 1_000
    shares = spec.reservations.milli_cpus * 1_024 // 1_000
    return types.HostConfig(
        version=api_version,
        network_mode=network,
        restart_policy={"Name": "no"},
        port_bindings=_bindings(spec.ports, address),
        mounts=[_mount(owner, assignment, mount) for mount in spec.container.mounts],
        mem_limit=limits.memory_bytes or None,
        mem_reservation=_memory_reservation(spec),
        cpu_period=CPU_PERIOD_MICROSECONDS if quota else None,
        cpu_quota=max(quota, CPU_QUOTA_MICROSECONDS_MIN) if quota else None,
        cpu_shares=max(shares, CPU_SHARES_MIN) if shares else None,
        device_requests=_devices(spec.reservations),
        init=spec.container.init,
        read_only=spec.container.read_only,
        log_config=types.LogConfig(
            type="json-file", config={"max-size": LOG_BYTES_MAX, "max-file": LOG_FILES_MAX}
        ),
    )


def _memory_reservation(spec: TaskSpec) -> int | None:
    """What is kept for it under pressure; the Engine wants it below the limit."""
    reserved, limit = spec.reservations.memory_bytes, spec.limits.memory_bytes
    return min(reserved, limit) if limit else reserved or None


def _bindings(ports: Sequence[Port], address: str) -> dict[int | str, list[tuple[str, str]]]:
    bindings: dict[int | str, list[tuple[str, str]]] = {}
    for port in ports:
        if port.published is not None:
            bindings.setdefault(port_key(port), []).append(published(port, address))
    # The same container port published twice through the proxy needs one port of the node.
    return {key: list(dict.fromkeys(places)) for key, places in bindings.items()}


def _mount(owner: Owner, assignment: Assignment, mount: Mount) -> types.Mount:
    environment, app = assignment.replica.environment, assignment.replica.app
    match mount.kind:
        case MountKind.VOLUME:
            return types.Mount(
                mount.target,
                owner.volume(environment, app, mount.source),
                type="volume",
                read_only=mount.read_only,
                labels=volume_labels(owner, environment, app, mount.source),
            )
        case MountKind.BIND:
            return types.Mount(mount.target, mount.source, type="bind", read_only=mount.read_only)
        case MountKind.TMPFS:
            return types.Mount(
                mount.target, None, type="tmpfs", tmpfs_size=mount.size_bytes or None
            )
        case MountKind.ANONYMOUS:
            return types.Mount(mount.target, None, type="volume", read_only=mount.read_only)


def volume_labels(owner: Owner, environment: str, app: str, volume: str) -> dict[str, str]:
    """By these a volume is known as ours, and by its full name."""
    return {
        LABEL_OWNER: owner.label,
        LABEL_CLUSTER: owner.cluster,
        LABEL_VOLUME: f"{environment}.{app}.{volume}",
    }


def _devices(reserved: Resources) -> list[types.DeviceRequest] | None:
    unknown = sorted(set(reserved.devices) - GPU_KINDS)
    if unknown:
        raise RuntimeFailure(f"the Docker runtime cannot give the device {unknown[0]!r}")
    count = sum(reserved.devices.values())
    return [types.DeviceRequest(count=count, capabilities=[["gpu"]])] if count else None
