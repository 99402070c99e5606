"""Which agents are connected, what each was told, and what it must be told now."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from controlplane.dispatcher.assignments import (
    Wanted,
    difference,
    has_ended_for_good,
    wanted,
)
from controlplane.dispatcher.contents import NEEDS_MAX, answers
from controlplane.dispatcher.messages import Encoder
from controlplane.state.tables import State
from orb.errors import OrbError, Unavailable
from orb.ids import NodeName, TaskId
from orb.v1 import agent_pb2 as pb

COMMANDS_WAITING_MAX: Final = 500
"""Commands (starts and stops of streams) that wait for an agent; one more start is refused."""
SILENT_S_MAX: Final = 10.0
"""A session that has said nothing for so long, in seconds, is ended: its connection is dead."""


class Session:
    """One agent that is connected."""

    def __init__(self, node: NodeName, held: Iterable[TaskId]) -> None:
        self.node = node
        self.wake = asyncio.Event()
        """Set when there may be something to tell it."""
        self.wake.set()
        self.heard_s = 0.0
        """When it last said something, by the monotonic clock."""
        self.registered = False
        """Its node has been seen in the state."""
        self.ended: OrbError | None = None
        """Why the server ends it."""
        self._told: Wanted | None = None
        self._held = tuple(held)
        self._version = 0
        self._looked_at = -1
        self._keeps_ended = False
        self._commands: deque[pb.ServerMessage] = deque()
        self._needs: dict[str, None] = {}

    def end(self, error: OrbError) -> None:
        """End it; the agent is told *error*."""
        if self.ended is None:
            self.ended = error
            self.wake.set()

    def command(self, message: pb.ServerMessage) -> None:
        """Tell it to start or stop a stream. Raises Unavailable at the bound."""
        if len(self._commands) >= COMMANDS_WAITING_MAX and not message.HasField("stop_stream"):
            raise Unavailable(
                f"{COMMANDS_WAITING_MAX} commands wait for the agent of {self.node} already",
                remedy="try again later",
            )
        self._commands.append(message)
        self.wake.set()

    def need(self, digests: Iterable[str]) -> None:
        """Its tasks wait for these contents; what is beyond the bound it asks for again."""
        for digest in digests:
            if len(self._needs) < NEEDS_MAX:
                self._needs[digest] = None
        self.wake.set()

    def is_behind(self, state: State) -> bool:
        """Whether what the node must do has changed since it was last looked at."""
        return state.assigned_at.get(self.node, 0) > self._looked_at

    def must_clear(self, state: State) -> bool:
        """Whether tasks that it keeps for their output have been reaped."""
        return self._keeps_ended and has_ended_for_good(state, self._told or ())

    def look_again(self) -> None:
        """Compare anew, whatever the state's index says."""
        self._looked_at = -1
        self.wake.set()

    def messages(self, state: State, encoder: Encoder) -> Iterator[pb.ServerMessage]:
        """What it must be told now. The first time the whole set, then differences."""
        while self._commands:
            yield self._commands.popleft()
        if self._needs:
            needs, self._needs = self._needs, {}
            yield from answers(state, self.node, needs)
        if self._told is not None and not self.is_behind(state):
            return
        self._looked_at = state.index
        held = self._held if self._told is None else self._told
        now = wanted(state, self.node, held)
        self._keeps_ended = len(now) > len(state.tasks_on_node.get(self.node, ()))
        told, self._told = self._told, now
        if told is None:
            self._held = ()
            yield from self._numbered(encoder.whole(state, now, self._version + 1))
        elif changes := difference(told, now):
            yield from self._numbered(encoder.changes(state, now, changes, self._version + 1))

    def _numbered(self, messages: Iterable[pb.ServerMessage]) -> Iterator[pb.ServerMessage]:
        """Remember the version of what is sent. All are made before the first is yielded, so that
        they tell of one state."""
        made = list(messages)
        if made:
            self._version = made[-1].assignments.version
        return iter(made)


class Sessions:
    """All agents that are connected to this server: at most one session a node."""

    def __init__(self, on_leave: Callable[[NodeName], None]) -> None:
        self._of_node: dict[NodeName, Session] = {}
        self._on_leave = on_leave

    def __len__(self) -> int:
        return len(self._of_node)

    def enter(self, session: Session) -> None:
        """The newest session of a node wins; an older one is ended."""
        older = self._of_node.get(session.node)
        self._of_node[session.node] = session
        if older is not None:
            older.end(
                Unavailable(
                    f"another agent has connected as {session.node}",
                    remedy="only one agent may run with a node's certificate",
                )
            )
            self._on_leave(session.node)

    def leave(self, session: Session) -> None:
        """The session is over."""
        if self._of_node.get(session.node) is session:
            del self._of_node[session.node]
            self._on_leave(session.node)

    def tell(self, node: NodeName, message: pb.ServerMessage) -> None:
        """Send a command to the agent of *node*. Raises Unavailable if it is not connected."""
        session = self._of_node.get(node)
        if session is None:
            raise Unavailable(
                f"the agent of {node} is not connected to the leader",
                remedy=f"look at the node with `orbctl describe {node}`",
            )
        session.command(message)

    def end_all(self, error: OrbError) -> None:
        """End every session: this server serves agents no more."""
        for session in self._of_node.values():
            session.end(error)

    def wake_those_behind(self, state: State) -> None:
        """The state has changed."""
        for session in self._of_node.values():
            if session.is_behind(state):
                session.wake.set()

    def sweep(self, state: State, now_s: float) -> None:
        """End the silent, and those whose node was removed: they come back and join anew. Let go
        of output whose tasks have been reaped."""
        for session in self._of_node.values():
            is_known = session.node in state.nodes
            if now_s - session.heard_s > SILENT_S_MAX:
                session.end(Unavailable(f"nothing heard for {SILENT_S_MAX:.0f} s"))
            elif session.registered and not is_known:
                session.end(Unavailable(f"{session.node} was removed from the cluster"))
            elif session.must_clear(state):
                session.look_again()
            session.registered = is_known
