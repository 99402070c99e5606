"""Keeps every agent told while this server leads: who must do what, and what agents have said."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from controlplane.dispatcher.assignments import is_news, must_register
from controlplane.dispatcher.collector import Collector, Propose
from controlplane.dispatcher.messages import Encoder
from controlplane.dispatcher.relays import Relays
from controlplane.dispatcher.sessions import Session, Sessions
from controlplane.raft.log import Log, Role
from controlplane.state.tables import State
from orb import telemetry
from orb.clock import Clock
from orb.errors import NotLeader
from orb.ids import Millis, NodeName
from orb.lifecycle import TaskState
from orb.logs import Logger
from orb.work import MESSAGE_CHARACTERS_MAX, NodeFacts, Report, Usage

SWEEP_EVERY_S: Final = 1.0
"""How often silent sessions and reaped tasks are looked for, in seconds."""

log = Logger("dispatcher")
_START: Final = telemetry.Histogram(
    "orb.task.start", "s", "From the making of a task to its container running", telemetry.SECONDS
)
Heard = Callable[[NodeName, Millis], None]
"""Told of every sign of life, and when."""


class Dispatcher:
    """The sessions of this server, and what moves through them."""

    def __init__(
        self, agreement: Log, state: State, proposer: Propose, heard: Heard, clock: Clock
    ) -> None:
        self.encoder: Final = Encoder()
        self.sessions: Final = Sessions(self._node_left)
        self.relays: Final = Relays(self.sessions.tell)
        self.usage: dict[NodeName, Usage] = {}
        """What the machines of connected agents use just now."""
        self.state: Final = state
        self._agreement = agreement
        self._collector = Collector(proposer, clock)
        self._heard = heard
        self._clock = clock
        self._term = -1
        telemetry.gauge(
            "orb.dispatcher.sessions",
            "1",
            "Agents that are connected",
            lambda: [(len(self.sessions), {})],
        )

    async def run(self) -> None:
        """Serve until cancelled; then end all sessions."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(), name="dispatcher-watch")
                group.create_task(self._sweep(), name="dispatcher-sweep")
                group.create_task(self._collector.run(), name="dispatcher-collector")
        finally:
            self.sessions.end_all(NotLeader(None))

    async def enter(self, facts: NodeFacts, reports: Sequence[Report]) -> Session:
        """An agent has connected. Raises NotLeader, or what `Log.barrier` raises."""
        await self._be_sure()
        session = Session(facts.name, [report.task for report in reports])
        self.sessions.enter(session)
        self.heard(session, None)
        self.facts(facts)
        return session

    def heard(self, session: Session, usage: Usage | None) -> None:
        """The agent has given a sign of life."""
        session.heard_s = self._clock.monotonic()
        self._heard(session.node, self._clock.now())
        if usage is not None:
            trouble = usage.trouble[:MESSAGE_CHARACTERS_MAX]
            self.usage[session.node] = replace(usage, trouble=trouble)

    def facts(self, facts: NodeFacts) -> None:
        """The agent says what its machine is; the state learns it if it does not know it yet."""
        if must_register(self.state, facts):
            self._collector.register(facts)

    async def report(self, session: Session, reports: Sequence[Report]) -> None:
        """The agent says what has become of its tasks. Waits while too much waits already."""
        news = [report for report in reports if is_news(self.state, session.node, report)]
        for report in news:
            self._trace_start(report)
        if news:
            await self._collector.report(session.node, news)

    def _trace_start(self, report: Report) -> None:
        """A container runs: the end of the way that began with a person's command."""
        task = self.state.tasks[report.task]
        if report.state is TaskState.RUNNING and task.state < TaskState.RUNNING:
            now = self._clock.now()
            _START.record((now - task.created_at) / 1000)
            telemetry.record_span(
                "start of a task", task.trace, task.created_at, now, replica=task.replica.name
            )

    def stop_serving(self) -> None:
        """End all sessions; the agents go to the leader, and tell it everything again."""
        self._collector.clear()
        if not len(self.sessions):
            return
        leader = self._agreement.status().leader
        log.info("this server leads no more: its agents go to the next", leader=leader)
        self.sessions.end_all(NotLeader(leader))

    async def _be_sure(self) -> None:
        """A set that lacks a task would end it: so once a term, know all that was agreed on."""
        status = self._agreement.status()
        if status.role is not Role.LEADER:
            raise NotLeader(status.leader if status.quorum else None)
        if status.term != self._term:
            await self._agreement.barrier()
            self._term = status.term

    async def _watch(self) -> None:
        """Sessions learn what has changed; they end when this server leads no more."""
        async for status in self._agreement.changes():
            if status.role is Role.LEADER and status.term == self._term:
                self.sessions.wake_those_behind(self.state)
            else:
                self.stop_serving()

    async def _sweep(self) -> None:
        while True:
            await self._clock.sleep(SWEEP_EVERY_S)
            self.sessions.sweep(self.state, self._clock.monotonic())

    def _node_left(self, node: NodeName) -> None:
        self.usage.pop(node, None)
        self.relays.node_left(node)
