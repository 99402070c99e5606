"""How a task is run as a process: its command, environment, folder, user and ports."""

import grp
import os
import pwd
import re
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, TypedDict

import msgspec

from agent.runtime.base import RuntimeFailure
from agent.runtime.places import Places
from agent.runtime.process_lacks import remark
from orb.spec import ContainerSpec, Mount, MountKind, Port, Protocol, PublishMode
from orb.work import Assignment, BoundPort

HOST_PORTS: Final = range(20_000, 32_000)
"""Ports that tasks get: below those that the kernel gives to outgoing connections."""
PORT_TRIES_MAX: Final = 200
"""Ports that are tried for a task; then it fails."""
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FILES_REMARK: Final = (
    "as a process it finds its configs and secrets by ORB_CONFIG_… and ORB_SECRET_…, "
    "not at their targets"
)
"""Said of a task with files: there is nothing that could be mounted."""
MARK: Final = "ORB_TASK_FOLDER"
"""In the environment of all processes of a task: so what it left behind is found again."""

User = tuple[int, int, list[int]]
"""The numbers of the user, the group, and the further groups."""


class Task(TypedDict):
    """What the supervisor reads of a Plan."""

    command: list[str]
    environment: dict[str, str]
    directory: str
    user: User | None
    cgroups: list[str]


class Plan(msgspec.Struct):
    """What the supervisor is told: the content of task.json."""

    command: list[str]
    environment: dict[str, str]
    directory: str
    user: User | None
    cgroups: list[str]
    image: str
    ports: list[BoundPort]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node's processes live."""

    data: Path
    address: str
    """Where other machines reach this one."""
    chance: Random
    files: Places | None = None
    """Where configs and secrets are; None: tasks with such are refused."""

    def folder(self, task: int) -> Path:
        """Everything of one task."""
        return self.data / "tasks" / str(task)

    @property
    def volumes(self) -> Path:
        """A folder for each named volume: `environment.app.volume`."""
        return self.data / "volumes"


def check(assignment: Assignment) -> None:
    """Raises RuntimeFailure if this can never run as a process on this machine."""
    container = assignment.spec.container
    _command(container)
    _user(container.user)
    signal_number(container.stop_signal)
    for mount in container.mounts:
        if mount.kind is MountKind.BIND and not Path(mount.source).exists():
            raise RuntimeFailure(f"the bind mount {mount.source} does not exist on this machine")
    if container.working_dir and not Path(container.working_dir).is_dir():
        raise RuntimeFailure(
            f"the working directory {container.working_dir} does not exist on this machine: "
            "the process runtime has no images"
        )


def plan(assignment: Assignment, place: Place, cgroups: Sequence[Path]) -> Plan:
    """The plan of a task; makes its folders. Raises RuntimeFailure."""
    container = assignment.spec.container
    folder = place.folder(assignment.task)
    work = folder / "work"
    user = _user(container.user)
    _make_folder(work, user)
    ports = list(_bind(assignment.spec.ports, place))
    return Plan(
        command=_command(container),
        environment={
            "PATH": PATH,
            "HOME": str(work),
            "LANG": "C.UTF-8",
            **dict(_mount_variables(assignment, place, user)),
            **_file_variables(assignment, place, user),
            **container.environment,
            **_port_variables(ports),
            MARK: str(folder),
        },
        directory=container.working_dir or str(work),
        user=user,
        cgroups=[str(group) for group in cgroups],
        image=container.image,
        ports=ports,
        remark="; ".join(
            filter(None, (FILES_REMARK if container.files else "", remark(container)))
        ),
    )


def signal_number(name: str) -> int:
    """The number of a signal, by its name or number: SIGTERM, term, 15, SIGRTMIN+3.

    Raises RuntimeFailure.
    """
    base, _, offset = name.upper().partition("+")
    base = base if base.startswith("SIG") else f"SIG{base}"
    found = getattr(signal, base, None)
    if name.isdigit():
        number = int(name)
    elif isinstance(found, signal.Signals) and (not offset or offset.isdigit()):
        number = found + int(offset or 0)
    else:
        raise RuntimeFailure(f"there is no signal {name!r}")
    if number not in signal.valid_signals():
        raise RuntimeFailure(f"there is no signal {name!r}")
    return number


def _command(container: ContainerSpec) -> list[str]:
    command = [*(container.entrypoint or ()), *(container.command or ())]
    if not command:
        raise RuntimeFailure("the process runtime has no images: give the service a command")
    return command


def _user(text: str) -> User | None:
    """`user[:group]`, by name or number; None for the agent's own."""
    if not text:
        return None
    name, _, group_name = text.partition(":")
    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
        user, group, groups = entry.pw_uid, entry.pw_gid, os.getgrouplist(name, entry.pw_gid)
    except KeyError:
        if not name.isdigit():
            raise RuntimeFailure(f"the user {name} does not exist on this machine") from None
        user, group, groups = int(name), int(name), []
    if group_name:
        group = _group(group_name)
        groups = [group]
    if os.geteuid() != 0 and user != os.geteuid():
        raise RuntimeFailure(f"the agent may not run a process as {name}: it is not root")
    return None if os.geteuid() != 0 else (user, group, groups)


def _group(name: str) -> int:
    try:
        return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise RuntimeFailure(f"the group {name} does not exist on this machine") from None


def _bind(ports: Sequence[Port], place: Place) -> Iterator[BoundPort]:
    taken: set[int] = set()
    for port in ports:
        host = _fixed(port) or _free(port, place, taken)
        taken.add(host)
        protocol = port.protocol.name.lower()
        yield BoundPort(container=port.target, host=host, address=place.address, protocol=protocol)


def _fixed(port: Port) -> int:
    return (port.published or 0) if port.mode is PublishMode.HOST else 0


def _free(port: Port, place: Place, taken: set[int]) -> int:
    kind = socket.SOCK_DGRAM if port.protocol is Protocol.UDP else socket.SOCK_STREAM
    for _ in range(PORT_TRIES_MAX):
        host = place.chance.choice(HOST_PORTS)
        if host in taken:
            continue
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("", host))
            except OSError:
                continue
            return host
    raise RuntimeFailure(f"no free port was found in {PORT_TRIES_MAX} tries", temporary=True)


def _port_variables(ports: Sequence[BoundPort]) -> Mapping[str, str]:
    variables = {f"ORB_PORT_{port.container}": str(port.host) for port in ports}
    first = next((port.host for port in ports if port.protocol == "tcp"), None)
    return variables if first is None else {"PORT": str(first), **variables}


def _mount_variables(
    assignment: Assignment, place: Place, user: User | None
) -> Iterator[tuple[str, str]]:
    """Where mounts really are: nothing is mounted at their targets."""
    for mount in assignment.spec.container.mounts:
        path = _mount_path(assignment, mount, place)
        if mount.kind is not MountKind.BIND:
            _make_folder(path, user)
        if mount.kind is MountKind.VOLUME:
            yield f"ORB_VOLUME_{_variable(mount.source)}", str(path)
        yield f"ORB_MOUNT_{_variable(mount.target)}", str(path)


def _file_variables(assignment: Assignment, place: Place, user: User | None) -> dict[str, str]:
    """Where configs and secrets really are; the user of the process may enter their folders."""
    grants = assignment.spec.container.files
    if not grants:
        return {}
    if place.files is None:
        raise RuntimeFailure("this agent has no place for configs and secrets")
    variables = {}
    for grant, path in place.files.files(assignment.task, grants):
        if user is not None:
            os.chown(path.parent, user[0], user[1])
        variables[f"ORB_{grant.kind.name}_{_variable(grant.name)}"] = str(path)
    return variables


def _mount_path(assignment: Assignment, mount: Mount, place: Place) -> Path:
    match mount.kind:
        case MountKind.BIND:
            return Path(mount.source)
        case MountKind.VOLUME:
            replica = assignment.replica
            return place.volumes / f"{replica.environment}.{replica.app}.{mount.source}"
        case MountKind.TMPFS | MountKind.ANONYMOUS:
            return place.folder(assignment.task) / "mounts" / _variable(mount.target).lower()


def _variable(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").upper()


def _make_folder(path: Path, user: User | None) -> None:
    if not path.is_dir():
        path.mkdir(parents=True)
        if user is not None:
            os.chown(path, user[0], user[1])
