"""Gathers what agents say into few entries: registrations, and the newest report of each task."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from controlplane.dispatcher.checks import size_of_facts, size_of_report
from controlplane.state.commands import (
    Answer,
    Applied,
    Batch,
    Command,
    RegisterNode,
    ReportTasks,
    Single,
)
from orb.clock import Clock
from orb.errors import NotLeader, OrbError, Unavailable, Unknown
from orb.ids import NodeName, TaskId
from orb.logs import Logger
from orb.telemetry import SECONDS, Counter, Histogram
from orb.work import NodeFacts, Report

REPORTS_PER_ENTRY_MAX: Final = 2_000
"""Reports in one entry; the rest goes into the next."""
ENTRY_BYTES_AIM: Final = 1024 * 1024
"""An entry takes reports and facts until it may be this large; the rest goes into the next."""
REPORTS_WAITING_MAX: Final = 20_000
"""Reports that wait for an entry; at the bound, sessions read nothing more from their agents."""
RETRY_AFTER_S: Final = 0.5
"""After a failed proposal that long is waited, in seconds; what has failed is proposed again."""
AUTHOR: Final = "agents"

log = Logger("dispatcher")
_REPORTS: Final = Counter("orb.dispatcher.reports", "1", "Reports of agents that were news.")
_ENTRIES: Final = Counter("orb.dispatcher.entries", "1", "Entries that carried words of agents.")
_WAIT: Final = Histogram(
    "orb.dispatcher.report_wait", "s", "From a report to its being agreed on.", SECONDS
)


class Propose(Protocol):
    """The way into the log."""

    async def propose(self, command: Command, *, author: str) -> Answer:
        """Have the command agreed on."""
        ...


class Collector:
    """What agents have said and the log does not hold yet: at most one report a task."""

    def __init__(self, proposer: Propose, clock: Clock) -> None:
        self._proposer = proposer
        self._clock = clock
        self._facts: dict[NodeName, NodeFacts] = {}
        self._reports: dict[NodeName, dict[TaskId, Report]] = {}
        self._waiting = 0
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def run(self) -> None:
        """Propose what was gathered, for ever: one entry after the other, or an older report that
        is proposed again could come after a newer one."""
        while True:
            await self._has_news.wait()
            commands = self._take()
            if not commands:
                continue
            started = self._clock.monotonic()
            if await self._proposed(commands):
                _WAIT.record(self._clock.monotonic() - started)
            else:
                await self._clock.sleep(RETRY_AFTER_S)

    def register(self, facts: NodeFacts) -> None:
        """The machine is so. Newer facts take the place of those that wait."""
        self._facts[facts.name] = facts
        self._has_news.set()

    async def report(self, node: NodeName, reports: Sequence[Report]) -> None:
        """The agent has seen this. Waits at the bound."""
        while self._waiting >= REPORTS_WAITING_MAX:
            self._has_room.clear()
            await self._has_room.wait()
        self._put(node, reports)

    def clear(self) -> None:
        """This server leads no more: agents will tell the next one everything again."""
        self._facts.clear()
        self._reports.clear()
        self._waiting = 0
        self._has_room.set()

    def _put(self, node: NodeName, reports: Sequence[Report]) -> None:
        if not reports:
            return
        waiting = self._reports.setdefault(node, {})
        before = len(waiting)
        for report in reports:
            waiting.pop(report.task, None)
            waiting[report.task] = report
        self._waiting += len(waiting) - before
        self._has_news.set()

    async def _proposed(self, commands: Sequence[Single]) -> bool:
        try:
            answer = await self._proposer.propose(Batch(commands=tuple(commands)), author=AUTHOR)
        except NotLeader:
            self.clear()
            return True
        except (Unavailable, Unknown) as error:
            log.warning("reports could not be agreed on; they wait", why=error.message)
            self._take_back(commands)
            return False
        except OrbError as error:
            log.failure("words of agents can never be agreed on; they are dropped", error)
            return True
        _ENTRIES.add()
        _REPORTS.add(sum(len(c.reports) for c in commands if isinstance(c, ReportTasks)))
        if not isinstance(answer, Applied):
            log.error("words of agents were refused", why=answer.why)
        return True

    def _take(self) -> list[Single]:
        """The commands of the next entry, taken out of what waits."""
        commands: list[Single] = []
        room = ENTRY_BYTES_AIM
        while self._facts and room > 0:
            facts = self._facts.pop(next(iter(self._facts)))
            commands.append(RegisterNode(facts=facts))
            room -= size_of_facts(facts)
        count = 0
        while self._reports and room > 0 and count < REPORTS_PER_ENTRY_MAX:
            node, taken = self._take_some(REPORTS_PER_ENTRY_MAX - count, room)
            commands.append(ReportTasks(node=node, reports=tuple(taken)))
            room -= sum(map(size_of_report, taken))
            count += len(taken)
        self._waiting -= count
        self._has_room.set()
        if not self._reports and not self._facts:
            self._has_news.clear()
        return commands

    def _take_some(self, most: int, room: int) -> tuple[NodeName, list[Report]]:
        """At least one and at most so many reports of the node that waits longest."""
        node, reports = next(iter(self._reports.items()))
        taken: list[Report] = []
        while reports and len(taken) < most and room > 0:
            report = reports.pop(next(iter(reports)))
            taken.append(report)
            room -= size_of_report(report)
        if not reports:
            del self._reports[node]
        return node, taken

    def _take_back(self, commands: Sequence[Single]) -> None:
        """Let it wait again, unless something newer waits already."""
        for command in commands:
            if isinstance(command, RegisterNode):
                self._facts.setdefault(command.facts.name, command.facts)
            elif isinstance(command, ReportTasks):
                newer = self._reports.get(command.node, {})
                older = [report for report in command.reports if report.task not in newer]
                self._put(command.node, older)
        self._has_news.set()
