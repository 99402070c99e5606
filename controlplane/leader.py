"""The leader's day: look, decide, propose; place, propose; look again."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from controlplane.raft.log import ENTRY_BYTES_MAX, Log, LogStatus, Role
from controlplane.reconcilers import decide
from controlplane.reconcilers.sizes import in_steps, size_of
from controlplane.state.codec import encode_entry
from controlplane.state.commands import Batch, Entry, Single
from controlplane.state.tables import State, View
from orb.clock import Clock
from orb.errors import Unavailable, Unknown
from orb.ids import Millis, NodeName, TaskId
from orb.logs import Logger
from orb.telemetry import SECONDS, Histogram

AUTHOR: Final = "leader"
"""Who asks for what nobody asked for: the author of our entries."""
TICK_MS: Final = 250
"""A pass is made at least so often: time alone can make something necessary."""
PAUSE_MS: Final = 20
"""At least so long between two passes: what happens meanwhile is looked at together."""
PAUSE_PER_PASS: Final = 2
"""At least so many times as long as the last pass took: the rest of the time is for others."""
STALL_MS: Final = 1_000
"""If we did not run for so much longer than a tick, the silence of the nodes is our own fault."""
THINGS_PER_ENTRY_MAX: Final = 5_000
"""Tasks and replicas that one of our entries names; more go into the next entry."""
HEARTBEATS_MAX: Final = 25_000
"""Nodes whose heartbeat is kept; at the bound those that are not in the state are forgotten."""

_log = Logger("leader")
_decide_seconds = Histogram("orb.leader.decide", "s", "What the reconcilers took", SECONDS)
_place_seconds = Histogram("orb.leader.place", "s", "What the scheduler took", SECONDS)
_propose_seconds = Histogram("orb.leader.propose", "s", "What agreement took", SECONDS)


class Placement(Protocol):
    """What a scheduler answers."""

    @property
    def commands(self) -> Sequence[Single]:
        """The placements."""
        ...

    @property
    def pending(self) -> Mapping[TaskId, str]:
        """Why each task that got no node waits, one line each."""
        ...


Schedule = Callable[[State, Millis], Placement]


@dataclass(frozen=True, slots=True)
class Reign:
    """One uninterrupted time of leading."""

    term: int
    since: Millis
    """Silence before this is not held against a node; it moves on when we have not run."""


class Leader:
    """Makes the passes while this server leads, and keeps what only a leader has in memory."""

    def __init__(self, log: Log, state: State, schedule: Schedule, clock: Clock) -> None:
        self.pending: Mapping[TaskId, str] = {}
        """Why each task that has no node waits, as of the last pass."""
        self._agreement, self._state, self._schedule, self._clock = log, state, schedule, clock
        self._heard: dict[NodeName, Millis] = {}
        self._reign: Reign | None = None
        self._status: LogStatus | None = None
        self._wake = asyncio.Event()
        self._ran_at = (clock.now(), clock.monotonic())

    @property
    def leads(self) -> bool:
        """This server leads, and its state holds all that was acknowledged before."""
        return self._reign is not None

    @property
    def view(self) -> View:
        """What a decision would be made from now; if this server does not lead, only the state."""
        since = Millis(0) if self._reign is None else self._reign.since
        return View(state=self._state, heard=self._heard, leading_since=since)

    def heard(self, node: NodeName, now: Millis) -> None:
        """A node has given a sign of life."""
        self._heard[node] = now
        if len(self._heard) > HEARTBEATS_MAX:
            known = self._state.nodes
            self._heard = {name: at for name, at in self._heard.items() if name in known}

    async def run(self) -> None:
        """Lead whenever this server is the one to lead, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="leader-watch")
            group.create_task(self._tick(), name="leader-tick")
            group.create_task(self._pass_after_pass(), name="leader-passes")

    async def _watch(self) -> None:
        async for status in self._agreement.changes():
            self._status = status
            self._wake.set()

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(TICK_MS / 1000)
            self._notice_a_stall()
            self._wake.set()

    async def _pass_after_pass(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            started = self._clock.monotonic()
            try:
                await self._one_pass()
            except (Unavailable, Unknown) as error:
                self._step_down(str(error))
            except Exception as error:  # noqa: BLE001 - a bug in one decision must not end the server: it is told, and the next pass tries again
                _log.failure("a pass has failed", error)
                await self._clock.sleep(TICK_MS / 1000)
            took = self._clock.monotonic() - started
            await self._clock.sleep(max(PAUSE_MS / 1000, took * PAUSE_PER_PASS))

    async def _one_pass(self) -> None:
        """Look, decide, propose; place, propose."""
        status = self._status
        if status is None or status.role is not Role.LEADER or not status.quorum:
            self._step_down("another server leads, or none can")
            return
        if self._reign is None or self._reign.term != status.term:
            await self._begin(status.term)
        self._notice_a_stall()
        with _timed(self._clock, _decide_seconds):
            decided = decide(self.view, self._clock.now())
        await self._propose(decided)
        with _timed(self._clock, _place_seconds):
            placement = self._schedule(self._state, self._clock.now())
        self.pending = placement.pending
        await self._propose(placement.commands)

    async def _begin(self, term: int) -> None:
        """Lead from here on: first know all that was acknowledged, and hold no silence against
        nodes that have had no time to find us."""
        self._step_down("a new term has begun")
        await self._agreement.barrier()
        self._reign = Reign(term, self._clock.now())
        _log.info("this server leads", term=term)

    def _step_down(self, why: str) -> None:
        if self._reign is not None:
            _log.info("this server leads no more", term=self._reign.term, why=why)
        self._reign = None
        self._heard.clear()
        self.pending = {}

    def _notice_a_stall(self) -> None:
        """After a time in which we did not run, or a jump of the clock, begin to listen afresh."""
        then, now = self._ran_at, (self._clock.now(), self._clock.monotonic())
        self._ran_at = now
        ran_ms = (now[1] - then[1]) * 1000
        stalled = ran_ms > TICK_MS + STALL_MS or abs(now[0] - then[0] - ran_ms) > STALL_MS
        if stalled and self._reign is not None:
            _log.warning("this server did not run for a while", milliseconds=int(ran_ms))
            self._heard.clear()
            self._reign = Reign(self._reign.term, now[0])

    async def _propose(self, commands: Sequence[Single]) -> None:
        """Have all of it agreed on, in order. A refusal needs no answer: the next pass decides."""
        steps = [step for command in commands for step in in_steps(command)]
        for some in in_entries(steps):
            with _timed(self._clock, _propose_seconds):
                for entry in packed(some, self._clock.now()):
                    await self._agreement.propose(entry)


def in_entries(commands: Sequence[Single]) -> Iterator[Sequence[Single]]:
    """The commands in order, as many together as one entry should hold."""
    together: list[Single] = []
    size = 0
    for command in commands:
        size += size_of(command)
        if together and size > THINGS_PER_ENTRY_MAX:
            yield together
            together, size = [], size_of(command)
        together.append(command)
    if together:
        yield together


def packed(commands: Sequence[Single], now: Millis) -> Iterator[bytes]:
    """One encoded entry for all of them, or several if it would be too large to agree on."""
    entry = encode_entry(Entry(command=Batch(commands=tuple(commands)), now=now, author=AUTHOR))
    if len(entry) <= ENTRY_BYTES_MAX or len(commands) == 1:
        yield entry
        return
    middle = len(commands) // 2
    yield from packed(commands[:middle], now)
    yield from packed(commands[middle:], now)


@contextmanager
def _timed(clock: Clock, into: Histogram) -> Iterator[None]:
    started = clock.monotonic()
    yield
    into.record(clock.monotonic() - started)
