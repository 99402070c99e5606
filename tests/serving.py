"""A whole server in this process over mutual TLS on loopback, and an agent tests speak for."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc

from controlplane.config import read_config
from controlplane.server import Server
from controlplane.state.tables import State
from orb.clock import SystemClock
from orb.lifecycle import Desired, TaskState
from orb.tls import SERVER_DNS_NAME, Authority, Identity
from orb.v1 import agent_pb2, types_pb2
from orb.v1.agent_pb2_grpc import AgentsStub
from orb.v1.control_pb2_grpc import ControlStub
from orb.wire import to_message
from orb.work import Report
from tests.factories import some_facts

T = TypeVar("T")


class Serving:
    """A server that runs, and ways to talk to it."""

    def __init__(self, server: Server, port: int, authority: Authority, folder: Path) -> None:
        self.server = server
        self.port = port
        self._authority = authority
        self._folder = folder
        self._channels: list[grpc.aio.Channel] = []

    @property
    def state(self) -> State:
        return self.server._machine.state

    def channel(self, identity: str, authority: Authority | None = None) -> grpc.aio.Channel:
        kind, _, name = identity.partition(":")
        found = (authority or self._authority).issue(
            Identity(kind, name), self._folder / f"{kind}-{name}"
        )
        tls = grpc.ssl_channel_credentials(
            (self._folder / "server" / "ca.pem").read_bytes(),
            found.key.read_bytes(),
            found.certificate.read_bytes(),
        )
        return self._opened(tls)

    def nameless_channel(self) -> grpc.aio.Channel:
        """One that shows no certificate."""
        return self._opened(
            grpc.ssl_channel_credentials((self._folder / "server" / "ca.pem").read_bytes())
        )

    def control(self, identity: str = "user:admin") -> Any:
        return ControlStub(self.channel(identity))

    def agents(self, identity: str = "node:n1") -> Any:
        return AgentsStub(self.channel(identity))

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close(None)

    def _opened(self, tls: grpc.ChannelCredentials) -> grpc.aio.Channel:
        channel = grpc.aio.secure_channel(
            f"127.0.0.1:{self.port}",
            tls,
            options=[
                ("grpc.ssl_target_name_override", SERVER_DNS_NAME),
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.max_send_message_length", -1),
                ("grpc.enable_retries", 0),
            ],
        )
        self._channels.append(channel)
        return channel


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Serving]:
    """A server of one, in memory, with certificates in *folder*."""
    authority = Authority.create("test")
    authority.issue(Identity("server", "s1"), folder / "server")
    port = free_port()
    arguments = ["--name=s1", "--in-memory", f"--servers=s1=127.0.0.1:{port}:{port + 1}"]
    config = read_config([*arguments, f"--certs={folder / 'server'}"], {})
    server = Server(config, {}, SystemClock(), random.SystemRandom())
    running = asyncio.ensure_future(server.run())
    served = Serving(server, port, authority, folder)
    try:
        yield served
    finally:
        await served.close()
        server.stop()
        await running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def serve(folder: Path, story: Callable[[Serving], Coroutine[Any, Any, T]]) -> T:
    """Run *story* against a server, and end it."""

    async def told() -> T:
        async with serving(folder) as served:
            return await story(served)

    return asyncio.run(told())


class Agent:
    """An agent that a test speaks for."""

    def __init__(self, served: Serving, name: str = "n1") -> None:
        self.name = name
        self.stub = served.agents(f"node:{name}")
        self.call: Any = None
        self.desired: dict[int, Desired] = {}
        """What it has been told."""

    async def connect(self, *reports: Report) -> agent_pb2.Assignments:
        """Say hello; the first set."""
        self.call = self.stub.Session()
        hello = agent_pb2.Hello(
            facts=to_message(some_facts(self.name), types_pb2.NodeFacts),
            reports=[to_message(report, types_pb2.Report) for report in reports],
        )
        await self.call.write(agent_pb2.AgentMessage(hello=hello))
        return await self.assignments()

    async def assignments(self) -> agent_pb2.Assignments:
        """The next set or difference."""
        found: agent_pb2.Assignments = (await self.hear("assignments")).assignments
        for one in found.set:
            self.desired[one.task] = Desired(one.desired)
        for task in found.remove:
            del self.desired[task]
        return found

    async def hear(self, kind: str) -> agent_pb2.ServerMessage:
        """The next message of that kind; others are passed over."""
        async with asyncio.timeout(10):
            while True:
                message: agent_pb2.ServerMessage = await self.call.read()
                assert message is not grpc.aio.EOF, "the server has ended the session"
                if message.WhichOneof("message") == kind:
                    return message

    async def report(self, *reports: Report) -> None:
        messages = [to_message(report, types_pb2.Report) for report in reports]
        await self.call.write(agent_pb2.AgentMessage(reports=agent_pb2.Reports(reports=messages)))

    async def run_all(self) -> None:
        """Report every task that it has been told to run as ready."""
        await self.report(
            *(
                Report(task=task, state=TaskState.RUNNING, ready=True, container_id=f"c{task}")  # type: ignore[arg-type]
                for task, desired in self.desired.items()
                if desired is Desired.RUN
            )
        )


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 10) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.01)
