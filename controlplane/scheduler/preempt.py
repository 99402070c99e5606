"""Making room: who is stopping already, who would have to stop, and what is held back for whom.

Everything is read from the state in each pass. A victim's stop reason names the task that it makes
room for, so that the next pass finds the room again and stops nobody else for the same need.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from controlplane.scheduler.ask import Ask, Demand
from controlplane.scheduler.candidates import Ints, Mask
from controlplane.scheduler.filters import suitable
from controlplane.scheduler.room import Amounts, Room
from controlplane.scheduler.scores import best
from controlplane.state.tables import Task
from orb.ids import TaskId
from orb.lifecycle import Desired
from orb.spec import Priority

NODES_WEIGHED_MAX: Final = 8
"""Nodes whose victims are picked in earnest for one task; at the bound the best so far is taken."""


@dataclass(frozen=True, slots=True)
class Victim:
    """A task that could be told to stop."""

    task: TaskId
    priority: Priority
    demand: Demand


def preempted_by(task: Task) -> str:
    """The stop reason of the victims of *task*, by which later passes know whom they make room for.

    It names the task by number too: another task of the same replica is another need.
    """
    return f"preempted by {task.replica.app}.{task.replica.name} (task {task.id})"


class Standing:
    """Who holds room on open nodes, and who of them is going. Fills the room's reaches."""

    def __init__(self, room: Room, top: Priority) -> None:
        """*top* is the highest priority of those who wait: nobody below it is safe."""
        self._room = room
        self._victims: dict[int, list[Victim]] = {}
        self._earmarks: dict[str, int] = {}
        self._going: dict[int, int] = {}
        """Rows and how many tasks are stopping there."""
        coming = room.free.copy()
        below = [_none(room) for _ in range(Priority.LOW, top)]
        self._largest = [_none(room) for _ in range(Priority.LOW, top)]
        """By priority, at least the largest of each resource that one victim up to it has."""
        for row, task in self._present(top):
            demand = room.demands.of((task.replica.owner, task.revision), room.state.spec_of(task))
            if task.desired is Desired.STOP:
                coming.add(row, demand, 1)
                self._going[row] = self._going.get(row, 0) + 1
                self._earmarks[task.stop_reason] = row
            else:
                victim = Victim(task.id, task.priority, demand)
                self._victims.setdefault(row, []).append(victim)
                self._tower(row, victim)
                below[task.priority - 1].add(row, demand, 1)
        room.reaches = [coming]
        for more in below:
            room.reaches.append(_sum(room.reaches[-1], more))

    def _present(self, top: Priority) -> list[tuple[int, Task]]:
        """The tasks on open nodes that are going or could be told to."""
        room = self._room
        tasks, row_of, is_open = room.state.tasks, room.candidates.row_of, room.candidates.open
        present: list[tuple[int, Task]] = []
        for name, there in room.state.tasks_on_node.items():
            row = row_of.get(name)
            if row is not None and is_open[row]:
                present += [
                    (row, task)
                    for task in map(tasks.__getitem__, there)
                    if task.priority < top or task.desired is Desired.STOP
                ]
        return present

    def _tower(self, row: int, victim: Victim) -> None:
        """Let the row's largest amounts be no less than the victim's."""
        for largest in self._largest[victim.priority - 1 :]:
            largest.cpu[row] = max(largest.cpu[row], victim.demand.milli_cpus)
            largest.memory[row] = max(largest.memory[row], victim.demand.memory_bytes)
            for kind, count in victim.demand.devices:
                if kind in largest.devices:
                    largest.devices[kind][row] = max(largest.devices[kind][row], count)

    def hold_coming(self, ask: Ask, task: Task, at: slice) -> str | None:
        """Promise *task* room that stopping tasks will leave; where, in words, or None."""
        room = self._room
        if not self._going:
            return None
        mask = room.reaches[0].hold(ask.demand, at) & suitable(room, ask, at)
        row = self._earmarks.get(preempted_by(task))
        if row is None or not at.start <= row < at.stop or not mask[row - at.start]:
            row = best(room, ask, mask, at)
        if row is None:
            return None
        room.promise(ask, row)
        return self._waiting(row)

    def _waiting(self, row: int) -> str:
        count = self._going.get(row, 0)
        verb = "is" if count == 1 else "are"
        tasks = "a task" if count == 1 else f"{count} tasks"
        return (
            f"waits for room on {self._room.candidates.names[row]}, where {tasks} {verb} stopping"
        )

    def preempt(self, ask: Ask, at: slice) -> tuple[list[Victim], int] | None:
        """The victims whose end makes room for one task of *ask*, and their row; None if in vain.

        The lowest priority that suffices, on the node where the fewest must go.
        """
        room = self._room
        for threshold in range(Priority.LOW, ask.priority):
            if threshold < len(room.reaches):
                mask = room.reaches[threshold].hold(ask.demand, at) & suitable(room, ask, at)
                found = self._fewest(ask, mask, at, threshold) if mask.any() else None
                if found is not None:
                    return found
        return None

    def _fewest(
        self, ask: Ask, mask: Mask, at: slice, threshold: int
    ) -> tuple[list[Victim], int] | None:
        """Weigh the nodes of *mask*, those first where one victim may do."""
        found: tuple[list[Victim], int] | None = None
        bounds = self._at_least(ask, mask, at, threshold)
        for _ in range(NODES_WEIGHED_MAX):
            bound = int(np.where(mask, bounds, len(bounds) + NODES_WEIGHED_MAX).min())
            if not mask.any() or (found is not None and len(found[0]) <= bound):
                break
            row = best(self._room, ask, mask & (bounds == bound), at)
            if row is None:
                break
            victims = self._pick(ask, row, threshold)
            if found is None or len(victims) < len(found[0]):
                found = (victims, row)
            mask = mask.copy()
            mask[row - at.start] = False
        return found

    def _at_least(self, ask: Ask, mask: Mask, at: slice, threshold: int) -> Ints:
        """How many victims each row needs at least; exact for one where one may do."""
        reach, largest = self._room.reaches[0], self._largest[threshold - 1]
        demand = ask.demand
        one: Mask = reach.cpu[at] + largest.cpu[at] >= demand.milli_cpus
        one &= reach.memory[at] + largest.memory[at] >= demand.memory_bytes
        for kind, count in demand.devices:
            one &= reach.devices[kind][at] + largest.devices[kind][at] >= count
        if (one & mask).any():
            return np.where(one, 1, 2).astype(np.int64)
        sorts = [(reach.cpu, largest.cpu, demand.milli_cpus)]
        sorts.append((reach.memory, largest.memory, demand.memory_bytes))
        sorts += [(reach.devices[kind], largest.devices[kind], n) for kind, n in demand.devices]
        least: Ints = np.full(len(mask), 2, np.int64)
        for has, most, needed in sorts:
            short = np.maximum(needed - has[at], 0)
            np.maximum(least, -(-short // np.maximum(most[at], 1)), out=least)
        return least

    def _pick(self, ask: Ask, row: int, threshold: int) -> list[Victim]:
        """Who goes on this row: one if one will do, else the largest help first, none in vain."""
        short = _shortage(self._room.reaches[0], ask.demand, row)
        candidates = [each for each in self._victims.get(row, ()) if each.priority <= threshold]
        alone = [each for each in candidates if _covers([each], short)]
        if alone:
            return [min(alone, key=lambda each: (each.priority, _help(each, short), -each.task))]
        chosen: list[Victim] = []
        left = dict(short)
        while not _covers(chosen, short):
            following = max(
                candidates, key=lambda each: (_help(each, left), -each.priority, each.task)
            )
            candidates.remove(following)
            chosen.append(following)
            left = {kind: short[kind] - sum(_has(each, kind) for each in chosen) for kind in short}
            left = {kind: amount for kind, amount in left.items() if amount > 0}
        for each in sorted(chosen, key=lambda each: (-each.priority, each.task)):
            without = [other for other in chosen if other is not each]
            if _covers(without, short):
                chosen = without
        return chosen

    def evict(self, ask: Ask, victims: list[Victim], row: int) -> str:
        """Count the victims as going and hold the room back; what *ask* waits for, in words."""
        room = self._room
        gone = [victim.task for victim in victims]
        self._victims[row] = [each for each in self._victims[row] if each.task not in gone]
        for victim in victims:
            for reach in room.reaches[: victim.priority]:
                reach.add(row, victim.demand, 1)
        for largest in self._largest:
            for amount in (largest.cpu, largest.memory, *largest.devices.values()):
                amount[row] = 0
        for remaining in self._victims[row]:
            self._tower(row, remaining)
        self._going[row] = self._going.get(row, 0) + len(victims)
        room.promise(ask, row)
        return self._waiting(row)


def _none(room: Room) -> Amounts:
    rows = len(room.candidates.names)
    devices: dict[str, Ints] = {kind: np.zeros(rows, np.int64) for kind in room.free.devices}
    return Amounts(np.zeros(rows, np.int64), np.zeros(rows, np.int64), devices)


def _sum(left: Amounts, right: Amounts) -> Amounts:
    devices = {kind: amount + right.devices[kind] for kind, amount in left.devices.items()}
    return Amounts(left.cpu + right.cpu, left.memory + right.memory, devices)


def _has(victim: Victim, kind: str) -> int:
    match kind:
        case "cpu":
            return victim.demand.milli_cpus
        case "memory":
            return victim.demand.memory_bytes
        case _:
            return dict(victim.demand.devices).get(kind, 0)


def _shortage(free: Amounts, demand: Demand, row: int) -> dict[str, int]:
    """What is missing on a row, by kind of resource."""
    short = {
        "cpu": demand.milli_cpus - free.cpu.item(row),
        "memory": demand.memory_bytes - free.memory.item(row),
    }
    for kind, count in demand.devices:
        short[kind] = count - free.devices[kind].item(row)
    return {kind: amount for kind, amount in short.items() if amount > 0}


def _covers(victims: list[Victim], short: dict[str, int]) -> bool:
    return all(
        sum(_has(each, kind) for each in victims) >= missing for kind, missing in short.items()
    )


def _help(victim: Victim, short: dict[str, int]) -> float:
    """How much of the shortage the victim's end would cover, a part of each resource at a time."""
    return sum(min(_has(victim, kind) / missing, 1.0) for kind, missing in short.items())
