"""Output and commands of tasks on their way between a person and an agent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar

from controlplane.dispatcher.pipe import Pipe
from orb.errors import NotFound, OrbError, Unavailable
from orb.ids import NodeName
from orb.v1 import agent_pb2 as pb

In = TypeVar("In")

RELAYS_MAX: Final = 1_000
"""Streams of output and commands through one server; one more is refused."""
CHUNKS_WAITING_MAX: Final = 32
"""Messages of one stream that wait for a slow reader; then the writer waits."""
ANSWER_WITHIN_S: Final = 10.0
"""How long an agent may take to open a stream that it was asked for, in seconds."""


class Relay(Generic[In]):
    """One stream. The agent's words come out of `incoming`, the person's go into `outgoing`."""

    def __init__(self, number: int, node: NodeName) -> None:
        self.number = number
        self.node = node
        self.incoming: Pipe[In] = Pipe(CHUNKS_WAITING_MAX)
        self.outgoing: Pipe[pb.ExecToTask] = Pipe(CHUNKS_WAITING_MAX)
        self.opened = asyncio.Event()

    def end(self, error: OrbError | None = None) -> None:
        """The agent has no more to say."""
        self.opened.set()
        self.incoming.end(error)
        self.outgoing.leave()

    def close(self) -> None:
        """The person has gone."""
        self.incoming.leave()
        self.outgoing.end()


Tell = Callable[[NodeName, pb.ServerMessage], None]
"""Sends a command to the agent of a node. Raises Unavailable if it is not connected."""
LogRelay = Relay[pb.LogChunk]
ExecRelay = Relay[pb.ExecFromTask]


class Relays:
    """All streams through this server."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._open: dict[int, LogRelay | ExecRelay] = {}
        self._last = 0

    @asynccontextmanager
    async def logs(self, node: NodeName, start: pb.StartLogs) -> AsyncIterator[LogRelay]:
        """The output of a task; `start.stream` is filled in here. Raises Unavailable."""
        relay: LogRelay = Relay(self._number(), node)
        start.stream = relay.number
        async with self._opened(relay, pb.ServerMessage(start_logs=start)):
            yield relay

    @asynccontextmanager
    async def execution(self, node: NodeName, start: pb.StartExec) -> AsyncIterator[ExecRelay]:
        """A command in a task; `start.stream` is filled in here. Raises Unavailable."""
        relay: ExecRelay = Relay(self._number(), node)
        start.stream = relay.number
        async with self._opened(relay, pb.ServerMessage(start_exec=start)):
            yield relay

    def claim(self, number: int, node: NodeName) -> LogRelay | ExecRelay:
        """The stream of that number, for the agent of *node* that opens it. Raises NotFound."""
        relay = self._open.get(number)
        if relay is None or relay.node != node or relay.opened.is_set():
            raise NotFound(f"nobody waits for the stream {number} from {node}")
        relay.opened.set()
        return relay

    def node_left(self, node: NodeName) -> None:
        """The agent of *node* is no longer connected: its streams end."""
        for relay in self._open.values():
            if relay.node == node:
                relay.end(lost(node))

    @asynccontextmanager
    async def _opened(
        self, relay: LogRelay | ExecRelay, message: pb.ServerMessage
    ) -> AsyncIterator[None]:
        if len(self._open) >= RELAYS_MAX:
            raise Unavailable(
                f"{RELAYS_MAX} streams go through this server already", remedy="try again later"
            )
        self._open[relay.number] = relay
        try:
            self._tell(relay.node, message)
            await self._answered(relay)
            yield
        finally:
            relay.close()
            del self._open[relay.number]
            self._stop(relay)

    @staticmethod
    async def _answered(relay: LogRelay | ExecRelay) -> None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await relay.opened.wait()
        except TimeoutError:
            raise Unavailable(
                f"the agent of {relay.node} has not answered within {ANSWER_WITHIN_S:.0f} s",
                remedy=f"look at the node with `orbctl describe {relay.node}`",
            ) from None

    def _stop(self, relay: LogRelay | ExecRelay) -> None:
        try:
            self._tell(relay.node, pb.ServerMessage(stop_stream=pb.StopStream(stream=relay.number)))
        except Unavailable:
            return  # with its agent the stream has gone too

    def _number(self) -> int:
        self._last += 1
        return self._last


def lost(node: NodeName) -> Unavailable:
    """What a person is told whose stream broke."""
    return Unavailable(
        f"the connection to the agent of {node} was lost",
        remedy=f"try again; `orbctl describe {node}` shows how the node is",
    )
