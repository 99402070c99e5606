"""The talk with the control plane: one stream to the leader, begun anew whenever it breaks.

A new session starts with everything: the facts and all reports one way, the whole set of
assignments the other. So nothing that got lost in between matters.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from agent.contents import Contents
from agent.intake import TASKS_PER_NODE_MAX, Gap, Intake, WholeSet
from agent.link import Dial, Exchange, Link, LinkBroken
from agent.reporter import Reporter
from agent.runtime.base import Runtime
from agent.streams import Streams
from orb.clock import Clock
from orb.errors import OrbError
from orb.ids import TaskId
from orb.logs import Logger
from orb.race import unless, until_first
from orb.v1 import agent_pb2 as pb
from orb.v1 import types_pb2
from orb.wire import to_message
from orb.work import HEARTBEAT_EVERY_MS, Assignment, NodeFacts, Usage

RETRY_FIRST_MS: Final = 200
"""The longest first wait before the next server; it doubles, and a part of it is chance."""
RETRY_MAX_MS: Final = 8_000
"""Thousands of agents that come back at once must not keep a busy server from answering any."""
RETRY_REFUSED_MS: Final = 500
"""The longest wait while nobody listens where servers should be: they may be back any moment."""
SETTLED_SECONDS: Final = 10.0
"""A session that broke sooner counts as a failure, so that the waits grow."""
HINTS_FOLLOWED_MAX: Final = 3
"""Leaders that are gone to at once, one after the other; then it waits like after a failure."""
FIRST_ANSWER_SECONDS: Final = 5.0
"""A server that has not sent the whole set after that is given up for the next one. If nothing but
silence was met since, it may be that all servers are too busy: then the patience doubles."""
PATIENCE_DOUBLINGS_MAX: Final = 3
RETRY_BUSY_MS: Final = 2_000
"""The longest wait after a first silence; it doubles with the patience."""
SEND_SECONDS: Final = 10.0
"""A server that takes no message for that long is given up for the next one."""
REPORTS_GATHER_MS: Final = 10
"""Reports wait that long for others, to travel in one message."""
COMPLAIN_EVERY_MS: Final = 30_000
"""While no server answers, the log says so once in that time."""

SessionCall = Exchange[pb.AgentMessage, pb.ServerMessage]
log = Logger("session")


class Duties(Protocol):
    """Who does what the servers want done."""

    @property
    def count(self) -> int:
        """How many tasks it cares for."""
        ...

    def take(self, assignments: Sequence[Assignment]) -> None:
        """This is everything that the machine must have."""
        ...

    def change(self, assignments: Sequence[Assignment], removed: Sequence[TaskId]) -> None:
        """These are new or changed, and those must go."""
        ...


class Machine(Protocol):
    """What this machine is, and uses."""

    @property
    def facts(self) -> NodeFacts:
        """What it is, as far as it was read last."""
        ...

    def usage(self, tasks: int) -> Usage:
        """What it uses just now; *tasks* run on it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts:
    """What a session works with."""

    addresses: Sequence[str]
    dial: Dial
    clock: Clock
    chance: Random
    machine: Machine
    reporter: Reporter
    contents: Contents
    runtime: Runtime
    duties: Duties


class Session:
    """Talks with whichever server leads, for ever."""

    def __init__(self, parts: SessionParts) -> None:
        self._parts = parts
        self._addresses = list(parts.addresses)
        parts.chance.shuffle(self._addresses)
        self._turn = 0
        self._failures = 0
        self._refused = False
        self._silences = 0
        """Servers in a row that did not answer at all."""
        self._failed = ""
        """The server that was given up last."""
        self._complained_at = -COMPLAIN_EVERY_MS / 1000
        self.server = ""
        """The server that it talks with; empty while there is none."""

    async def run(self) -> None:
        """Talk until cancelled."""
        leader, hints = "", 0
        while True:
            leader = await self._talk(leader or self._next_address())
            hints = hints + 1 if leader else 0
            if not leader or hints > HINTS_FOLLOWED_MAX:
                leader, hints = "", 0
                await self._parts.clock.sleep(self._wait())

    def _next_address(self) -> str:
        """The next one in turn, but not the one that has just failed, if there are others."""
        for _ in self._addresses:
            self._turn += 1
            address = self._addresses[self._turn % len(self._addresses)]
            if address != self._failed:
                return address
        return self._addresses[0]

    def _wait(self) -> float:
        if self._refused:
            longest = RETRY_REFUSED_MS
        elif self._silences:
            longest = RETRY_BUSY_MS << min(self._silences - 1, PATIENCE_DOUBLINGS_MAX)
        else:
            longest = min(RETRY_MAX_MS, RETRY_FIRST_MS << min(self._failures, 10))
            self._failures += 1
        return longest * (0.25 + 0.75 * self._parts.chance.random()) / 1000

    async def _talk(self, address: str) -> str:
        """One session. Returns the address of the leader if the server has named another one."""
        link = None
        begun = self._parts.clock.monotonic()
        self._refused = False
        try:
            link = self._parts.dial(address)
            await self._converse(link, address)
            self._give_up(address, "it ended the session")
        except LinkBroken as broken:
            if broken.leader and broken.leader not in {address, self._failed}:
                self._silences = 0
                return broken.leader
            self._refused = broken.refused
            self._give_up(address, str(broken))
        except TimeoutError:
            silences = self._silences
            self._give_up(address, "it does not answer")
            self._silences = silences + 1
        except (Gap, OrbError) as error:
            self._give_up(address, str(error))
        finally:
            if self.server and self._parts.clock.monotonic() - begun >= SETTLED_SECONDS:
                self._failures = 0
            self.server = ""
            if link is not None:
                await link.close()
        return ""

    async def _converse(self, link: Link, address: str) -> None:
        facts = self._parts.machine.facts
        call = link.session()
        streams = Streams(link, self._parts.runtime)
        intake = Intake()
        try:
            patience = FIRST_ANSWER_SECONDS * 2 ** min(self._silences, PATIENCE_DOUBLINGS_MAX)
            async with asyncio.timeout(patience):
                await self._greet(call, facts)
                first = await call.receive()
            self.server = address
            await until_first(
                streams.run(),  # first, so that it is there when the server asks for a stream
                self._speak(call, facts, intake),
                self._listen(call, first, intake, streams),
            )
        finally:
            call.cancel()

    async def _greet(self, call: SessionCall, facts: NodeFacts) -> None:
        """Everything that this node is and has."""
        self._parts.reporter.restart()
        self._parts.contents.restart()
        held = self._parts.reporter.take(TASKS_PER_NODE_MAX)
        reports = [to_message(report, types_pb2.Report) for report in held]
        hello = pb.Hello(facts=to_message(facts, types_pb2.NodeFacts), reports=reports)
        await call.send(pb.AgentMessage(hello=hello))

    async def _speak(self, call: SessionCall, facts: NodeFacts, intake: Intake) -> None:
        """Reports as they come, a heartbeat every second, and the facts when they change."""
        clock, reporter = self._parts.clock, self._parts.reporter
        beat_at = clock.monotonic()
        while True:
            now = clock.monotonic()
            if now >= beat_at:
                usage = self._parts.machine.usage(self._parts.duties.count)
                beat = pb.Heartbeat(
                    usage=to_message(usage, types_pb2.Usage), version=intake.version
                )
                await _send(call, pb.AgentMessage(heartbeat=beat))
                beat_at = max(beat_at, now - HEARTBEAT_EVERY_MS / 1000) + HEARTBEAT_EVERY_MS / 1000
                facts = await self._tell_facts(call, facts)
            if not await unless(reporter.wake, clock.sleep(max(0.0, beat_at - clock.monotonic()))):
                await clock.sleep(REPORTS_GATHER_MS / 1000)
            while reports := reporter.take():
                messages = [to_message(report, types_pb2.Report) for report in reports]
                await _send(call, pb.AgentMessage(reports=pb.Reports(reports=messages)))
            while digests := self._parts.contents.questions():
                await _send(call, pb.AgentMessage(needs=pb.Needs(digests=digests)))

    async def _tell_facts(self, call: SessionCall, known: NodeFacts) -> NodeFacts:
        facts = self._parts.machine.facts
        if facts != known:
            await _send(call, pb.AgentMessage(facts=to_message(facts, types_pb2.NodeFacts)))
        return facts

    async def _listen(
        self, call: SessionCall, first: pb.ServerMessage | None, intake: Intake, streams: Streams
    ) -> None:
        message = first
        while message is not None:
            match message.WhichOneof("message"):
                case "assignments":
                    self._take(message.assignments, intake)
                case "contents":
                    self._parts.contents.take(message.contents.contents)
                case "start_logs":
                    streams.start_logs(message.start_logs)
                case "start_exec":
                    streams.start_exec(message.start_exec)
                case "stop_stream":
                    streams.stop(message.stop_stream.stream)
                case _:
                    log.warning("the server is newer: it sends what this agent does not know")
            message = await call.receive()

    def _take(self, message: pb.Assignments, intake: Intake) -> None:
        taken = intake.take(message)
        if isinstance(taken, WholeSet):
            self._complained_at = -COMPLAIN_EVERY_MS / 1000
            log.info("in session", server=self.server, tasks=len(taken.assignments))
            self._parts.duties.take(taken.assignments)
        elif taken is not None:
            self._parts.duties.change(taken.assignments, taken.removed)

    def _give_up(self, address: str, why: str) -> None:
        self._silences = 0
        self._failed = address
        log.debug("a session failed", server=address, why=why)
        now = self._parts.clock.monotonic()
        if now - self._complained_at >= COMPLAIN_EVERY_MS / 1000:
            self._complained_at = now
            log.warning("no session: it tries the next server", server=address, why=why)


async def _send(call: SessionCall, message: pb.AgentMessage) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await call.send(message)
