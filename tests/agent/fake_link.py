"""A server and the way to it, for tests of the agent's side of the talk."""

import asyncio
from typing import Generic, TypeVar

from agent.link import LinkBroken
from orb.v1 import agent_pb2 as pb

Out = TypeVar("Out")
In = TypeVar("In")


class FakeExchange(Generic[Out, In]):
    """What the agent sent, and what the server says to it; an error is raised to the agent."""

    def __init__(self) -> None:
        self.sent: list[Out] = []
        self.said: asyncio.Queue[In | LinkBroken | None] = asyncio.Queue()
        self.finished = False
        self.cancelled = False
        self.stuck = False

    async def send(self, message: Out) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        self.sent.append(message)

    async def receive(self) -> In | None:
        said = await self.said.get()
        if isinstance(said, LinkBroken):
            raise said
        return said

    async def finish(self) -> None:
        self.finished = True

    def cancel(self) -> None:
        self.cancelled = True


class FakeLink:
    """One dialled connection."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.call: FakeExchange[pb.AgentMessage, pb.ServerMessage] = FakeExchange()
        self.log_streams: dict[int, FakeExchange[pb.LogChunk, pb.SendLogsReply]] = {}
        self.exec_streams: dict[int, FakeExchange[pb.ExecFromTask, pb.ExecToTask]] = {}
        self.closed = False

    def session(self) -> FakeExchange[pb.AgentMessage, pb.ServerMessage]:
        return self.call

    def logs(self, stream: int) -> FakeExchange[pb.LogChunk, pb.SendLogsReply]:
        return self.log_streams.setdefault(stream, FakeExchange())

    def exec(self, stream: int) -> FakeExchange[pb.ExecFromTask, pb.ExecToTask]:
        return self.exec_streams.setdefault(stream, FakeExchange())

    async def close(self) -> None:
        self.closed = True

    def say(self, message: pb.ServerMessage | LinkBroken | None) -> None:
        self.call.said.put_nowait(message)

    def kinds(self) -> list[str | None]:
        return [message.WhichOneof("message") for message in self.call.sent]


class FakeServers:
    """Remembers every link that was dialled; *answers* say what a server does at once."""

    def __init__(self) -> None:
        self.links: list[FakeLink] = []
        self.answers: dict[str, pb.ServerMessage | LinkBroken | None] = {}

    def dial(self, address: str) -> FakeLink:
        link = FakeLink(address)
        self.links.append(link)
        if address in self.answers:
            link.say(self.answers[address])
        return link

    @property
    def dialled(self) -> list[str]:
        return [link.address for link in self.links]
