"""What a container asks for that could reach its node or others: an environment must allow it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orb.container import Hook, NetworkSpec, Security
from orb.spec import AppSpec, ContainerSpec, Mount, MountKind


class Trust(StrEnum):
    """A kind of reach, by the word that people type."""

    CAPABILITIES = "capabilities"
    """Rights of the kernel beyond those of any container."""
    DEVICES = "devices"
    ENGINE_SOCKET = "engine-socket"
    """The engine itself, and with it every container of the node."""
    HOST_NAMESPACES = "host-namespaces"
    """The node's processes, memory, host name, users or control groups."""
    HOST_NETWORK = "host-network"
    PRIVILEGED = "privileged"
    UNCONFINED = "unconfined"
    """Less held back by the kernel than any other container."""


HARMLESS_CAPABILITIES: Final = frozenset(
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
        "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
        "IPC_LOCK", "SYS_NICE",
    }
)  # fmt: skip
"""What a container has anyway, and two that reach nobody else."""
CAREFUL_ENVIRONMENT: Final = "prod"
"""An environment of this name, or whose name goes on with a dash or as `production`, allows nothing
unless told to; all others allow everything."""

_SOCKETS: Final = (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/var/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
)
_CONFINED: Final = ("no-new-privileges", "seccomp=builtin", "label=level:", "label:level:")
_OF_THE_NODE: Final = frozenset({"host", "macvlan", "ipvlan"})
"""Networks by whose driver or name a container is on the node's own network."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that needs trust: what, and where the service asks for it."""

    trust: Trust
    service: str
    key: str


def usual(environment: str) -> tuple[Trust, ...]:
    """What an environment allows of which nobody has said anything."""
    careful = environment == CAREFUL_ENVIRONMENT or environment.startswith(
        (f"{CAREFUL_ENVIRONMENT}-", "production")
    )
    return () if careful else tuple(Trust)


def needs(app: AppSpec) -> Iterator[Need]:
    """Everything in the app that needs trust, once for each service and kind."""
    for service in app.services:
        found: dict[Trust, str] = {}
        for trust, key in _of_container(service.task.container):
            found.setdefault(trust, key)
        yield from (Need(trust, service.name, key) for trust, key in found.items())


def _of_container(container: ContainerSpec) -> Iterator[tuple[Trust, str]]:
    yield from _of_security(container.security)
    for key, hooks in (("post_start", container.post_start), ("pre_stop", container.pre_stop)):
        if _is_privileged(hooks):
            yield Trust.PRIVILEGED, key
    if container.networking.mode == "host":
        yield Trust.HOST_NETWORK, "network_mode"
    for network in container.networking.networks:
        if _is_of_the_node(network):
            yield Trust.HOST_NETWORK, f"networks.{network.name}"
    for mount in container.mounts:
        if _reaches_engine(mount):
            yield Trust.ENGINE_SOCKET, f"volumes {mount.source or mount.target}"


def _is_privileged(hooks: Iterable[Hook]) -> bool:
    return any(hook.privileged for hook in hooks)


def _is_of_the_node(network: NetworkSpec) -> bool:
    names = {network.driver, network.outside_name} | ({network.name} if network.external else set())
    return bool(names & _OF_THE_NODE)


def _of_security(security: Security) -> Iterator[tuple[Trust, str]]:
    if security.privileged:
        yield Trust.PRIVILEGED, "privileged"
    dangerous = [name for name in security.cap_add if name not in HARMLESS_CAPABILITIES]
    if dangerous:
        yield Trust.CAPABILITIES, f"cap_add {', '.join(dangerous)}"
    if security.devices:
        yield Trust.DEVICES, "devices"
    if security.device_cgroup_rules:
        yield Trust.DEVICES, "device_cgroup_rules"
    for key in ("ipc", "pid", "uts", "userns_mode", "cgroup"):
        if getattr(security, key) == "host":
            yield Trust.HOST_NAMESPACES, key
    if any(
        not option.startswith(_CONFINED) and not _is_profile(option)
        for option in security.security_opt
    ):
        yield Trust.UNCONFINED, "security_opt"


def _is_profile(option: str) -> bool:
    """A named profile of AppArmor that confines; what is in one of seccomp nobody can tell."""
    return option.startswith(("apparmor=", "apparmor:")) and not option.endswith("unconfined")


def _reaches_engine(mount: Mount) -> bool:
    """Whether the engine's socket is at or below what is mounted."""
    sources = [mount.source] if mount.kind is MountKind.BIND else []
    if mount.volume is not None and mount.volume.driver_opts.get("device", "").startswith("/"):
        # A volume of the local driver can be a bind by another name.
        sources.append(mount.volume.driver_opts["device"])
    return any(
        f"{socket}/".startswith(f"{source.rstrip('/')}/")
        for source in sources
        for socket in _SOCKETS
    )
