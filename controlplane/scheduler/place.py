"""One pass: every pending task gets a node, the promise of one, or the reason why it waits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Final

from controlplane.scheduler.ask import Ask, Demand, Demands
from controlplane.scheduler.candidates import Candidates
from controlplane.scheduler.explain import reachable, refusal, why_there
from controlplane.scheduler.fill import fill
from controlplane.scheduler.filters import admitted
from controlplane.scheduler.preempt import Standing, preempted_by, room_being_made
from controlplane.scheduler.room import Room
from controlplane.scheduler.scores import best
from controlplane.state.commands import TASKS_PER_COMMAND_MAX, AssignTasks, Single, StopTasks
from controlplane.state.tables import State, Task
from orb.ids import Millis, NodeName, ServiceKey, TaskId

ONE_BY_ONE_MAX: Final = 2
"""Tasks of a group up to which placing each alone costs less than sorting turns."""
ROWS_EXPLAINED_MAX: Final = 50_000
"""Nodes looked at for the reasons of one pass; groups after that get a short reason."""
NO_ROOM: Final = "no node has room that suits it; `explain` says which objects to what"

Siblings = tuple[tuple[NodeName, ...], str]
"""Where other wanted tasks of a replica are, and why its new one must wait for them (or not)."""
NO_SIBLINGS: Final[Siblings] = ((), "")


@dataclass(frozen=True, slots=True)
class Decision:
    """What one pass wants: where tasks go, who makes room, and why the others wait."""

    commands: tuple[Single, ...]
    pending: Mapping[TaskId, str]
    """Each task that stays without a node, and why, in one line."""


def asks(state: State, demands: Demands) -> list[Ask]:
    """The pending tasks, in groups that are the same to the scheduler."""
    found: dict[object, Ask] = {}
    made = room_being_made(state) if state.unplaced else {}
    for name in sorted(state.unplaced):
        task = state.tasks[name]
        if task.wanted:
            replica = state.replicas[task.replica]
            spec = (task.replica.owner, task.revision)
            earmark = made.get(preempted_by(task)) if made else None
            siblings = NO_SIBLINGS
            if len(state.tasks_of_replica[task.replica]) > 1:
                siblings = _siblings(state, task)
            key = (spec, task.priority, replica.home, task.avoid, siblings, earmark and name)
            ask = found.get(key)
            if ask is None:
                demand = demands.of(spec, state.specs[spec])
                ask = found[key] = Ask(spec[0], task.priority, demand)
                ask.home, ask.avoid, ask.earmark = replica.home, task.avoid, earmark
                ask.own, ask.blocked = siblings
            ask.tasks.append(name)
    _find_new_services(state, found.values())
    return list(found.values())


def _find_new_services(state: State, groups: Iterable[Ask]) -> None:
    """Mark the groups of services none of whose tasks is on a node: there is nothing to count."""
    waiting: dict[ServiceKey, int] = {}
    for ask in groups:
        if not ask.own:
            waiting[ask.service] = waiting.get(ask.service, 0) + len(ask.tasks)
    for ask in groups:
        ask.alone = waiting.get(ask.service) == len(state.replicas_of_service[ask.service])


def _siblings(state: State, task: Task) -> Siblings:
    """Where other wanted tasks of the replica are, and whether one of them must end first."""
    placed = [
        (other, other.node)
        for other in state.tasks_in(task.replica)
        if other.node is not None and not other.ended
    ]
    own = tuple(node for other, node in placed if other.wanted)
    if placed and state.spec_of(task).named_volumes:
        _, node = placed[0]
        return own, f"waits until its last task on {node} has ended: its data allows one at a time"
    return own, ""


def place(room: Room, ask: Ask, count: int) -> list[int]:
    """Take rows for up to *count* tasks of *ask*, in the order of the tasks."""
    if count > ONE_BY_ONE_MAX and ask.home is None:
        filled = fill(room, ask, admitted(room, ask, room.all), count)
        if len(filled):
            room.take_many(ask, filled)
        rows: list[int] = filled.tolist()
        return rows
    at, rows = reachable(room, ask), []
    while len(rows) < count:
        row = best(room, ask, admitted(room, ask, at), at)
        if row is None:
            break
        room.take(ask, row)
        rows.append(row)
    return rows


@dataclass(slots=True)
class Pass:
    """One pass over all pending tasks."""

    state: State
    room: Room
    claims: list[Ask]
    """Those for whom room is being made."""
    commands: list[Single] = field(default_factory=list)
    pending: dict[TaskId, str] = field(default_factory=dict)
    _standing: Standing | None = None
    _full: dict[Demand, None] = field(default_factory=dict)
    """Demands that found no room: what is free only shrinks during a pass."""
    _hopeless: dict[Demand, str] = field(default_factory=dict)
    """Demands that found no room, no promise and no victims, and the reason."""
    _rows_explained: int = 0

    def run(self, waiting: Iterable[Ask]) -> None:
        """Decide about all tasks, each in its turn.

        A group is placed as a whole in the turn of its oldest task; those of it that find no room
        now wait, or preempt, in their own turns, so that the next pass sees the same order.
        """
        turns = [(ask.turn, ask) for ask in waiting]
        heapify(turns)
        while turns:
            _, ask = heappop(turns)
            ask.settled += self._settle(ask)
            if ask.settled < len(ask.tasks):
                heappush(turns, (ask.turn, ask))

    def _settle(self, ask: Ask) -> int:
        """Decide about the next tasks of *ask*; how many."""
        if ask.blocked:
            return self._leave(ask, ask.blocked)
        if not ask.tried:
            ask.tried = True
            return self._place(ask)
        hopeless = _is_plain(ask) and ask.demand in self._hopeless
        first = ask.tasks[ask.settled]
        waits = None if hopeless else self._wait(ask, self.state.tasks[first])
        if waits is None:
            return self._leave(ask, self._refuse(ask))
        self.pending[first] = waits
        return 1

    def _leave(self, ask: Ask, reason: str) -> int:
        """Leave all its other tasks without a node; how many."""
        left = ask.tasks[ask.settled :]
        self.pending.update(dict.fromkeys(left, reason))
        return len(left)

    def _place(self, ask: Ask) -> int:
        """Place as many tasks of *ask* as there is room for now; how many."""
        if ask.demand in self._full:
            return 0
        rows = place(self.room, ask, len(ask.tasks))
        if rows:
            self._assign(ask, rows)
        if len(rows) < len(ask.tasks) and _is_plain(ask):
            self._full[ask.demand] = None
        return len(rows)

    def _assign(self, ask: Ask, rows: list[int]) -> None:
        why = why_there(self.room, ask, rows)
        nodes = [self.room.candidates.names[row] for row in rows]
        for start in range(0, len(rows), TASKS_PER_COMMAND_MAX):
            some = nodes[start : start + TASKS_PER_COMMAND_MAX]
            tasks = ask.tasks[start : start + len(some)]
            self.commands.append(AssignTasks(tasks=tuple(tasks), nodes=tuple(some), why=why))

    def _wait(self, ask: Ask, task: Task) -> str | None:
        """What one task waits for; None if neither waiting nor preemption helps it."""
        at = reachable(self.room, ask)
        if self._standing is None:
            self._standing = Standing(self.room, ask.priority, self.claims)
        waits = self._standing.hold_coming(ask, at)
        if waits is not None:
            return waits
        found = self._standing.preempt(ask, at)
        if found is None:
            return None
        victims, row = found
        stopped = tuple(victim.task for victim in victims)
        self.commands.append(StopTasks(tasks=stopped, reason=preempted_by(task)))
        return self._standing.evict(ask, victims, row)

    def _refuse(self, ask: Ask) -> str:
        plain = _is_plain(ask)
        known = self._hopeless.get(ask.demand) if plain else None
        if known is not None:
            return known
        rows = len(self.room.candidates.names) if ask.home is None else 1
        self._rows_explained += rows
        explained = self._rows_explained <= max(ROWS_EXPLAINED_MAX, rows)
        reason = str(refusal(self.room, ask)) if explained else NO_ROOM
        if plain:
            self._hopeless[ask.demand] = reason
        return reason


def _is_plain(ask: Ask) -> bool:
    """Whether only its demand tells the ask apart, so that another one fares no better."""
    return ask.home is None and not ask.avoid and not ask.demand.per_node_max


class Scheduler:
    """Decides where pending tasks go. What it keeps between passes only saves time."""

    def __init__(self) -> None:
        self._candidates = Candidates()
        self._demands = Demands()

    def schedule(self, state: State, now: Millis) -> Decision:  # noqa: ARG002 - as every decision
        """Where the pending tasks of *state* go, who makes room for them, and why others wait."""
        waiting = asks(state, self._demands)
        if not waiting:
            return Decision((), {})
        done = self.begin(state, waiting)
        done.run(waiting)
        return Decision(tuple(done.commands), done.pending)

    def begin(self, state: State, waiting: Iterable[Ask]) -> Pass:
        """A pass over *state*, with those who wait in it, in which nothing is decided yet."""
        self._candidates.refresh(state)
        claims = [ask for ask in waiting if ask.earmark is not None]
        return Pass(state, Room(state, self._candidates, self._demands), claims)


def schedule(state: State, now: Millis) -> Decision:
    """The same as a new `Scheduler` decides, which remembers nothing."""
    return Scheduler().schedule(state, now)
