"""A cluster of real processes on loopback, which tests may hurt."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import grpc

from cli.channels import Channels, translated
from cli.client import Client
from cli.contexts import Context
from orb.errors import OrbError
from orb.spec import AppSpec, ContainerSpec, ServiceSpec, TaskSpec
from orb.tls import Authority, Identity
from orb.v1 import control_pb2 as pb

T = TypeVar("T")
PORTS = range(15_000, 30_000)
"""Below those that the kernel gives to outgoing connections: one of these could else take the port
of a server between its death and its start."""
ROOT = Path(__file__).parents[2]
SERVERS = ("s1", "s2", "s3")


class Cluster:
    """Servers and agents, each a process; all end with the test."""

    def __init__(self, folder: Path, servers: tuple[str, ...] = SERVERS) -> None:
        self.folder = folder
        self.names = servers
        self._founders = servers
        self.ports = {name: (free_port(), free_port()) for name in servers}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._agents: dict[str, list[str]] = {}
        authority = Authority.create("test")
        for name in servers:
            authority.issue(Identity("server", name), folder / "certs" / name, ["127.0.0.1"])
        authority.issue(Identity("user", "admin"), folder / "certs" / "admin")
        self.authority = authority

    # --- processes ----------------------------------------------------------------------------
    def start(self, *names: str) -> None:
        """Start servers; all of them if none is named."""
        for name in names or self.names:
            is_founder = name in self._founders
            listed = self._founders if is_founder else (name,)
            table = ",".join(f"{each}={self.place(each)}" for each in listed)
            self._run(
                name,
                "controlplane",
                [
                    f"--name={name}",
                    f"--servers={table}",
                    f"--data={self.folder / name}",
                    *([] if is_founder else ["--join"]),
                ],
            )

    def place(self, name: str) -> str:
        """Where a server is, as orbctl and orb-server are told."""
        client, peer = self.ports[name]
        return f"127.0.0.1:{client}:{peer}"

    def join(self, name: str) -> None:
        """Start a server that waits to be added, perhaps under the name of one that is gone."""
        self._founders = tuple(one for one in self._founders if one != name)
        self.ports[name] = (free_port(), free_port())
        self.authority.issue(Identity("server", name), self.folder / "certs" / name, ["127.0.0.1"])
        self.names = (*(one for one in self.names if one != name), name)
        self.start(name)

    async def orbctl(self, *arguments: str) -> tuple[int, str]:
        """Run orbctl as a person would; its exit code, and what it wrote."""
        servers = ",".join(f"127.0.0.1:{self.ports[name][0]}" for name in self.names)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli.main",
            *arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={
                **os.environ,
                "ORB_SERVERS": servers,
                "ORB_CERTS": str(self.folder / "certs" / "admin"),
                "XDG_CONFIG_HOME": str(self.folder / "config"),
            },
        )
        written, _ = await process.communicate()
        return process.returncode or 0, written.decode()

    def start_agent(self, name: str, *arguments: str) -> None:
        """Start an agent, or start it again as it was."""
        if name not in self._agents:
            self.authority.issue(Identity("node", name), self.folder / "certs" / name)
            self._agents[name] = list(arguments)
        servers = ",".join(f"127.0.0.1:{client}" for client, _ in self.ports.values())
        self._run(
            name,
            "agent",
            [
                f"--name={name}",
                f"--servers={servers}",
                f"--data={self.folder / name}",
                "--address=127.0.0.1",
                *self._agents[name],
            ],
        )

    def kill(self, *names: str) -> None:
        """Kill -9 them all at once, and wait until they are gone."""
        for name in names:
            self.processes[name].send_signal(signal.SIGKILL)
        for name in names:
            self.processes.pop(name).wait(10)

    def terminate(self, name: str) -> int:
        """End one cleanly; its exit code."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(10)

    def log(self, name: str) -> str:
        """What it has written so far."""
        return (self.folder / f"{name}.log").read_text()

    def close(self) -> None:
        """Kill what still runs."""
        self.kill(*self.processes)

    def _run(self, name: str, package: str, arguments: list[str]) -> None:
        code = f"from {package}.main import main; main()"
        certificates = f"--certs={self.folder / 'certs' / name}"
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-c", code, *arguments, certificates],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    # --- asking -------------------------------------------------------------------------------
    @contextlib.asynccontextmanager
    async def client(self, *servers: str) -> AsyncIterator[Client]:
        """A client of these servers; of all if none is named."""
        addresses = tuple(f"127.0.0.1:{self.ports[name][0]}" for name in servers or self.names)
        context = Context(
            name="test", servers=addresses, certificates=self.folder / "certs" / "admin"
        )
        client = Client(context)
        try:
            yield client
        finally:
            await client.close()

    async def leader(self) -> str:
        """The name of the server that leads, once one does."""
        async with self.client() as client:
            return await patiently(lambda: _leader(client))

    async def digest(self, name: str) -> str:
        """The index and fingerprint of one server's state."""
        assert self.processes[name].poll() is None, f"{name} has ended: {self.log(name)[-2000:]}"
        context = Context(
            name="test",
            servers=(f"127.0.0.1:{self.ports[name][0]}",),
            certificates=self.folder / "certs" / "admin",
        )
        channels = Channels(context)
        try:
            address = context.servers[0]
            call = channels._channel(address).unary_unary(
                "/orb.v1.Control/Get", pb.GetRequest.SerializeToString, pb.GetReply.FromString
            )(
                pb.GetRequest(kind=pb.KIND_STATUS, stale=True),
                metadata=(("orb-debug", "digest"),),
                timeout=5,
            )
            await call
            metadata: Mapping[str, str] = dict(await call.trailing_metadata())
            return metadata["orb-digest"]
        except grpc.aio.AioRpcError as error:
            raise translated(error) from error
        finally:
            await channels.close()

    async def digests_agree(self) -> str:
        """Wait until all servers hold the same state at the same index; its fingerprint."""
        deadline = time.monotonic() + 20
        while True:
            found = {
                name: await patiently(lambda name=name: self.digest(name))  # type: ignore[misc]
                for name in self.names
            }
            if len(set(found.values())) == 1:
                return next(iter(found.values()))
            indexes = {digest.split()[0] for digest in found.values()}
            assert len(indexes) == len(set(found.values())), f"the states have parted: {found}"
            assert time.monotonic() < deadline, f"the servers do not catch up: {found}"
            await asyncio.sleep(0.1)


def free_port() -> int:
    """A port that nobody listens at."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def a_cluster(folder: Path, servers: tuple[str, ...] = SERVERS) -> Iterator[Cluster]:
    """A cluster whose servers run."""
    cluster = Cluster(folder, servers)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.close()


async def patiently(ask: Callable[[], Awaitable[T]], seconds: float = 20) -> T:
    """Ask until there is an answer that is true, passing over errors."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = await ask()
            if last:
                return last
        except OrbError as error:
            last = error
        await asyncio.sleep(0.1)
    raise AssertionError(f"no answer within {seconds} s; the last: {last}")


async def _leader(client: Client) -> str:
    return (await client.status()).leader


def an_app(
    name: str = "shop",
    *,
    replicas: int = 2,
    image: str = "app:v1",
    command: tuple[str, ...] | None = None,
) -> AppSpec:
    """An app of one service of the same name."""
    task = TaskSpec(container=ContainerSpec(image=image, command=command))
    return AppSpec(name=name, services=(ServiceSpec(name=name, task=task, replicas=replicas),))
