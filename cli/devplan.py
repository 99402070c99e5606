"""The plan of a local cluster: names, ports and folders, chosen once and kept in one file."""

import dataclasses
import json
import os
import socket
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from orb.errors import Conflict, InvalidInput, NotFound

PLAN_VERSION: Final = 1
LOOPBACK: Final = "127.0.0.1"
PORTS: Final = (10_000, 30_000)
ZONES: Final = ("a", "b", "c")
SERVER_COUNTS: Final = (1, 3, 5)
NODES_MAX: Final = 50
"""Agents on one machine; each takes about 70 MiB."""
DEFAULT_DIRECTORY: Final = Path(".orb/dev")

Runtime = Literal["docker", "process", "fake"]
RUNTIMES: Final = ("docker", "process", "fake")


@dataclass(frozen=True, slots=True, kw_only=True)
class DevServer:
    """A server: where orbctl and agents, and where its peers find it."""

    name: str
    client_port: int
    peer_port: int

    @property
    def address(self) -> str:
        """Where orbctl finds it."""
        return f"{LOOPBACK}:{self.client_port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DevNode:
    """A node with its zone."""

    name: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole local cluster in *directory* (absolute)."""

    directory: Path
    context: str
    runtime: Runtime
    reason: str
    """Why this runtime."""
    docker_host: str
    servers: tuple[DevServer, ...]
    nodes: tuple[DevNode, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where orbctl finds the servers."""
        return tuple(server.address for server in self.servers)

    @property
    def certificates(self) -> Path:
        """The folder of the CA and all certificates."""
        return self.directory / "certs"

    @property
    def logs(self) -> Path:
        """The folder of a log for each process."""
        return self.directory / "logs"

    def data(self, name: str) -> Path:
        """What the server or node of that name keeps."""
        return self.directory / "data" / name


def directory_of(given: Path | None, standing_in: Path) -> Path:
    """The folder of the local cluster: as given, the nearest one above, else `.orb/dev` here."""
    if given is not None:
        return given.absolute()
    for folder in (standing_in, *standing_in.parents):
        if _file(folder / DEFAULT_DIRECTORY).is_file():
            return folder / DEFAULT_DIRECTORY
    return (standing_in / DEFAULT_DIRECTORY).absolute()


def load(directory: Path) -> Plan:
    """The plan in *directory*. Raises NotFound, InvalidInput."""
    path = _file(directory)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["version"] != PLAN_VERSION:
            raise InvalidInput(
                f"{path} was written by another version of Orb",
                remedy="end that cluster with the other version, or remove its folder",
            )
        return Plan(
            directory=directory,
            context=kept["context"],
            runtime=kept["runtime"],
            reason=kept["reason"],
            docker_host=kept["docker_host"],
            servers=tuple(DevServer(**server) for server in kept["servers"]),
            nodes=tuple(DevNode(**node) for node in kept["nodes"]),
        )
    except FileNotFoundError:
        raise NotFound(
            f"there is no local cluster in {directory}", remedy="start one with `orbctl dev`"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{path} cannot be read: {error}", remedy="remove the folder and start anew"
        ) from None


def save(plan: Plan) -> None:
    """Keep the plan in its folder."""
    fields = dataclasses.asdict(plan)
    del fields["directory"]
    plan.directory.mkdir(parents=True, exist_ok=True)
    path = _file(plan.directory)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps({"version": PLAN_VERSION, **fields}, indent=2), encoding="utf-8")
    partial.replace(path)


def new_servers(count: int, directory: Path) -> tuple[DevServer, ...]:
    """Servers on ports that are free now. Raises InvalidInput for a count without sense."""
    if count not in SERVER_COUNTS:
        raise InvalidInput(f"{count} servers make no sense", remedy="take 1, 3 or 5")
    ports = _free_ports(2 * count, directory)
    return tuple(
        DevServer(name=f"s{n + 1}", client_port=ports[2 * n], peer_port=ports[2 * n + 1])
        for n in range(count)
    )


def new_nodes(count: int) -> tuple[DevNode, ...]:
    """Nodes in the zones a, b and c by turns. Raises InvalidInput."""
    if not 1 <= count <= NODES_MAX:
        raise InvalidInput(f"{count} nodes cannot be had", remedy=f"take 1 to {NODES_MAX}")
    return tuple(DevNode(name=f"n{n + 1}", zone=ZONES[n % len(ZONES)]) for n in range(count))


def check_ports(servers: Sequence[DevServer]) -> None:
    """Raises Conflict if another program has taken a port in the meantime."""
    for server in servers:
        for port in (server.client_port, server.peer_port):
            if not _is_free(port):
                raise Conflict(
                    f"port {port} of the server {server.name} is taken by another program",
                    remedy="end that program, or start anew: `orbctl dev stop --wipe`",
                )


def python_path() -> dict[str, str]:
    """The environment in which `python -P -m controlplane.main` finds the packages."""
    root = Path(__file__).parents[1]
    if "site-packages" in root.parts:
        return {}
    outer = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(root), *([outer] if outer else [])])}


def _free_ports(count: int, directory: Path) -> list[int]:
    """Ports that nobody listens on, below those that the kernel gives away; by the folder's name,
    so that two local clusters do not choose the same ones while the other rests."""
    first, last = PORTS
    start = zlib.crc32(str(directory).encode()) % (last - first)
    found: list[int] = []
    for step in range(last - first):
        port = first + (start + step) % (last - first)
        if _is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise Conflict(f"no {count} free ports between {first} and {last}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _file(directory: Path) -> Path:
    return directory / "cluster.json"
