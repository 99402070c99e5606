"""The control plane in a bottle: the real decisions and the real state, over a log of one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from controlplane.dispatcher.assignments import (
    assignment,
    difference,
    has_ended_for_good,
    is_news,
    must_register,
    wanted,
)
from controlplane.leader import AUTHOR, PAUSE_MS, TICK_MS, in_entries
from controlplane.reconcilers import decide
from controlplane.reconcilers.sizes import in_steps
from controlplane.scheduler import Scheduler
from controlplane.sim.agents import Agent
from controlplane.sim.clockwork import Clockwork, Trace
from controlplane.state.codec import decode_answer, encode_entry
from controlplane.state.commands import (
    Answer,
    Applied,
    Batch,
    Command,
    Entry,
    ReapReplicas,
    ReapTasks,
    RegisterNode,
    ReportTasks,
    Single,
)
from controlplane.state.machine import Machine
from controlplane.state.tables import State, View
from orb.ids import Millis, NodeName, TaskId
from orb.lifecycle import Desired
from orb.work import NodeFacts, Report

AGREE_MS: Final = (2, 12)
"""From a proposal to its being applied, at least and at most."""
GATHER_MS: Final = 20
"""How long what agents say is gathered into one entry."""
SERVERS: Final = 2
"""State machines that apply the same entries: one leads, the other must stay equal."""

Witness = Callable[[State, Sequence[Single]], None]
Decide = Callable[[View, Millis], Sequence[Single]]


@dataclass(slots=True)
class Session:
    """What the server knows of one stream."""

    number: int
    agent: Agent
    told: Mapping[TaskId, Desired] = field(default_factory=dict)


class Control:
    """Servers, their log, the leader's passes, and the sessions with the agents."""

    def __init__(
        self,
        clockwork: Clockwork,
        trace: Trace,
        rng: Random,
        witness: Witness,
        decide: Decide = decide,
    ) -> None:
        self.machines = [Machine() for _ in range(SERVERS)]
        self.entries = 0
        self.reigns = 0
        self.leads = False
        self.pending: Mapping[TaskId, str] = {}
        self._clockwork, self._trace, self._rng, self._witness = clockwork, trace, rng, witness
        self._decide = decide
        self._scheduler = Scheduler()
        self._leading_since = clockwork.now
        self._heard: dict[NodeName, Millis] = {}
        self._sessions: dict[NodeName, Session] = {}
        self._numbers = 0
        self._pushed_at: dict[NodeName, int] = {}
        self._facts: dict[NodeName, NodeFacts] = {}
        self._reports: dict[NodeName, dict[TaskId, Report]] = {}
        self._has_reaped = False
        self._gathering = self._passing = self._pass_is_due = self._missed_a_look = False
        clockwork.every(TICK_MS, self._look_soon)

    @property
    def state(self) -> State:
        """What the leading server holds."""
        return self.machines[0].state

    # --- the log -------------------------------------------------------------------------------
    def commit(self, command: Command, author: str) -> Answer:
        """Agree on a command and apply it on every server, through its bytes."""
        self.entries += 1
        entry = Entry(command=command, now=self._clockwork.now, author=author)
        data = encode_entry(entry)
        answers = [machine.apply(self.entries, data) for machine in self.machines]
        if len(set(answers)) > 1:
            raise AssertionError(f"the servers answer differently to entry {self.entries}")
        answer = decode_answer(answers[0])
        singles = command.commands if isinstance(command, Batch) else (command,)
        self._trace.add(f"#{self.entries} {author}: {summary(singles)} -> {short(answer)}")
        self._witness(self.state, singles)
        if isinstance(answer, Applied) and answer.changed:
            self._has_reaped |= any(isinstance(one, ReapTasks | ReapReplicas) for one in singles)
            self._clockwork.after(1, self._push)
            self._look_soon()
        return answer

    # --- leading -------------------------------------------------------------------------------
    def lead(self) -> None:
        """A server begins to lead: the other one, and it knows nothing but the state."""
        self.machines.reverse()
        self.reigns += 1
        self.leads = True
        self._leading_since = self._clockwork.now
        self._trace.add(f"reign {self.reigns} begins")
        self._look_soon()

    def fall(self) -> None:
        """The leader is gone, and with it all that only it had."""
        self._trace.add(f"reign {self.reigns} ends")
        self.leads = self._passing = False
        self._heard.clear()
        self._facts.clear()
        self._reports.clear()
        self._scheduler = Scheduler()
        sessions, self._sessions = self._sessions, {}
        self._pushed_at.clear()
        for session in sessions.values():
            if session.agent.reachable and session.number == session.agent.session:
                session.agent.dropped()

    def restart_follower(self) -> None:
        """The other server loses its memory and comes back from a snapshot of this one."""
        fresh = Machine()
        fresh.restore(self.machines[0].snapshot())
        self.machines[1] = fresh
        self._trace.add("a server is restored from a snapshot")

    def _look_soon(self) -> None:
        if self.leads and not self._pass_is_due:
            self._pass_is_due = True
            self._clockwork.after(PAUSE_MS, self._pass)

    def _pass(self) -> None:
        """Look, decide, propose; place, propose: each takes effect some time later."""
        self._pass_is_due = False
        if not self.leads or self._passing:
            self._missed_a_look = True
            return
        self._passing, self._missed_a_look = True, False
        reign = self.reigns
        view = View(state=self.state, heard=self._heard, leading_since=self._leading_since)
        decided = self._decide(view, self._clockwork.now)

        def place() -> None:
            decision = self._scheduler.schedule(self.state, self._clockwork.now)
            self.pending = decision.pending
            self._propose(reign, decision.commands, done)

        def done() -> None:
            self._passing = False
            if self._missed_a_look:
                self._look_soon()

        self._propose(reign, decided, place)

    def _propose(self, reign: int, commands: Sequence[Single], then: Callable[[], None]) -> None:
        steps = [step for command in commands for step in in_steps(command)]
        if not steps:
            then()
            return

        def agreed() -> None:
            if self.leads and self.reigns == reign:
                for some in in_entries(steps):
                    self.commit(Batch(commands=tuple(some)), AUTHOR)
                then()
            elif self._rng.random() < 0.5:  # it was agreed on, and nobody is left to be told
                self.commit(Batch(commands=tuple(steps)), AUTHOR)

        self._clockwork.after(self._rng.randint(*AGREE_MS), agreed)

    # --- the sessions --------------------------------------------------------------------------
    def hello(self, agent: Agent, reports: Sequence[Report]) -> int:
        """An agent has found us."""
        if not self.leads:
            return 0
        self._numbers += 1
        number = self._numbers

        def arrived() -> None:
            if agent.session == number and agent.reachable:
                self._begin(Session(number, agent), reports)
            elif agent.session == number:
                agent.session = 0

        self._send(agent, arrived)
        return number

    def _begin(self, session: Session, reports: Sequence[Report]) -> None:
        if not self.leads:
            session.agent.dropped()
            return
        agent = session.agent
        self._sessions[agent.name] = session
        self._heard[agent.name] = self._clockwork.now
        if must_register(self.state, agent.facts):
            self._facts[agent.name] = agent.facts
        self._gather(agent.name, reports)
        told = wanted(self.state, agent.name, [report.task for report in reports])
        session.told = told
        full = [assignment(self.state, task, desired) for task, desired in told.items()]
        self._send(agent, lambda: agent.told_all(session.number, full))

    def beat(self, node: NodeName, session: int) -> None:
        """A sign of life."""
        known = self._sessions.get(node)
        if known is not None and known.number == session and self.leads:
            self._heard[node] = self._clockwork.now

    def say(self, node: NodeName, session: int, reports: Sequence[Report]) -> None:
        """What an agent has seen comes in."""
        known = self._sessions.get(node)
        if known is not None:

            def arrived() -> None:
                if self._sessions.get(node) is known and known.number == session:
                    self._gather(node, reports)

            self._send(known.agent, arrived)

    def facts(self, facts: NodeFacts, session: int) -> None:
        """A machine has changed."""
        known = self._sessions.get(facts.name)
        if known is not None and known.number == session and must_register(self.state, facts):
            self._facts[facts.name] = facts
            self._gather(facts.name, ())

    def _gather(self, node: NodeName, reports: Iterable[Report]) -> None:
        mine = self._reports.setdefault(node, {})
        for report in reports:
            if is_news(self.state, node, report) or report.task in mine:
                mine[report.task] = report
        if not self._gathering:
            self._gathering = True
            self._clockwork.after(GATHER_MS, self._agree_on_gathered)

    def _agree_on_gathered(self) -> None:
        self._gathering = False
        facts, self._facts = self._facts, {}
        reports, self._reports = self._reports, {}
        commands: list[Single] = [RegisterNode(facts=each) for each in facts.values()]
        commands += [
            ReportTasks(node=node, reports=tuple(each.values()))
            for node, each in reports.items()
            if each
        ]
        if commands and self.leads:
            self.commit(Batch(commands=tuple(commands)), "agents")

    def _push(self) -> None:
        """Tell every connected node what has changed for it."""
        for node, at in self.state.assigned_at.items():
            session = self._sessions.get(node)
            if session is None or self._pushed_at.get(node) == at:
                continue
            self._pushed_at[node] = at
            self._tell(session)
        if self._has_reaped:
            self._has_reaped = False
            for session in self._sessions.values():
                if has_ended_for_good(self.state, session.told):
                    self._tell(session)

    def _tell(self, session: Session) -> None:
        agent = session.agent
        now = wanted(self.state, agent.name, session.told)
        change = difference(session.told, now)
        session.told = now
        if change:
            changed = [assignment(self.state, task, now[task]) for task in change.changed]
            removed = change.removed
            self._send(agent, lambda: agent.told(session.number, changed, removed))

    def _send(self, agent: Agent, deed: Callable[[], None]) -> None:
        """Over the network, in whichever direction; nothing comes out of a cut one."""

        def arrive() -> None:
            if agent.reachable and agent.up:
                deed()

        now = self._clockwork.now
        delay = self._rng.randint(*agent.pace.net) * agent.slowness
        agent.line_free_at = max(agent.line_free_at, now + delay)  # a stream keeps its order
        self._clockwork.after(agent.line_free_at - now, arrive)


def summary(commands: Sequence[Single]) -> str:
    """The kinds of the commands, and how many of each."""
    kinds: dict[str, int] = {}
    for command in commands:
        kinds[type(command).__name__] = kinds.get(type(command).__name__, 0) + 1
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())


def short(answer: Answer) -> str:
    """An answer in a few words."""
    if isinstance(answer, Applied):
        return f"{answer.number}{'' if answer.changed else ' (nothing new)'}"
    return f"refused: {answer.why}"
