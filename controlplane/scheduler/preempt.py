"""Making room: who is stopping already, who would have to stop, and what is held back for whom.

Everything is read from the state in each pass. A victim's stop reason names the task that it makes
room for, so that the next pass finds the room again and stops nobody else for the same need.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from controlplane.scheduler.amounts import Amounts, Holdings, Ints, Mask, Needs
from controlplane.scheduler.ask import Ask
from controlplane.scheduler.filters import suitable
from controlplane.scheduler.room import Room
from controlplane.scheduler.scores import best
from controlplane.state.indexes import spec_key
from controlplane.state.tables import State, Task
from orb.ids import NodeName, TaskId
from orb.lifecycle import Desired
from orb.spec import Priority

NODES_WEIGHED_MAX: Final = 8
"""Nodes whose victims are picked in earnest for one task; at the bound the best so far is taken."""


class Victim(NamedTuple):
    """A task that could be told to stop."""

    task: TaskId
    priority: Priority
    needs: Needs


def preempted_by(task: Task) -> str:
    """The stop reason of the victims of *task*, by which later passes know whom they make room for.

    It names the task by number too: another task of the same replica is another need.
    """
    return f"preempted by {task.replica.app}.{task.replica.name} (task {task.id})"


def room_being_made(state: State) -> dict[str, NodeName]:
    """Where tasks are stopping, by their stop reason: see `preempted_by`."""
    return {
        task.stop_reason: name
        for name, there in state.tasks_on_node.items()
        for task in map(state.tasks.__getitem__, there)
        if task.desired is Desired.STOP
    }


class Standing:
    """Who holds room on open nodes, who of them is going, and who could be told to go."""

    def __init__(self, room: Room, top: Priority, claims: Sequence[Ask]) -> None:
        """*top* is the highest priority of those who wait: nobody below it is safe. *claims* are
        those for whom room is being made: others take that last."""
        self._room = room
        self._victims: dict[int, list[Victim]] = {}
        self._going: dict[int, int] = {}
        """Rows and how many tasks are stopping there."""
        going, below = self._survey(top)
        room.coming = room.free.plus(going)
        self._spare = room.coming.copy()
        """What is coming and is not claimed."""
        for ask in claims:
            claimed = None if ask.earmark is None else room.candidates.row_of.get(ask.earmark)
            if claimed is not None:
                self._spare.add(claimed, room.candidates.needs(ask.demand), -1)
        self._reaches = [room.coming]
        """What is coming, then that and what all tasks up to each priority have."""
        self._singles: list[Amounts] = []
        """What is coming and the most that one task up to each priority has."""
        highest = Amounts(np.zeros_like(room.coming.table))
        for held in below:
            self._reaches.append(self._reaches[-1].plus(held))
            highest = highest.highest(held)
            self._singles.append(Amounts(room.coming.table + highest.table))
        room.followers = [*self._reaches, *self._singles, self._spare]

    def _survey(self, top: Priority) -> tuple[Holdings, list[Holdings]]:
        """What the tasks on open nodes hold that are going, and that could be told to go, by
        priority; the latter are the victims."""
        state, candidates = self._room.state, self._room.candidates
        known: list[Needs] = []
        number_of: dict[tuple[tuple[str, ...], int], int] = {}
        going, below = Holdings(known), [Holdings(known) for _ in range(Priority.LOW, top)]
        for name, there in state.tasks_on_node.items():
            row = candidates.row_of[name]
            if not candidates.open[row]:
                continue
            victims = self._victims[row] = []
            for task in map(state.tasks.__getitem__, there):
                is_going = task.desired is Desired.STOP
                if not is_going and task.priority >= top:
                    continue
                # The same as its spec's key, without the cost of making one for each task.
                key = (task.replica[:3], task.revision)
                number = number_of.get(key)
                if number is None:
                    number = number_of[key] = len(known)
                    known.append(self._needs_of(task))
                if is_going:
                    going.add(row, number)
                    self._going[row] = self._going.get(row, 0) + 1
                else:
                    below[task.priority - 1].add(row, number)
                    victims.append(Victim(task.id, task.priority, known[number]))
        return going, below

    def _needs_of(self, task: Task) -> Needs:
        key, room = spec_key(task), self._room
        return room.candidates.needs(room.demands.of(key, room.state.specs[key]))

    def hold_coming(self, ask: Ask, at: slice) -> str | None:
        """Promise a task room that stopping tasks will leave; where, in words, or None."""
        room = self._room
        needs = room.candidates.needs(ask.demand)
        if not self._going:
            return None
        mask = room.with_room(room.coming, ask, at)
        if not mask.any():
            return None
        mask &= suitable(room, ask, at)
        row = None if ask.earmark is None else room.candidates.row_of.get(ask.earmark)
        if row is not None and at.start <= row < at.stop and mask[row - at.start]:
            self._spare.add(row, needs, 1)
        else:
            unclaimed = mask & room.with_room(self._spare, ask, at)
            row = best(room, ask, unclaimed if unclaimed.any() else mask, at)
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
        room, suits = self._room, suitable(self._room, ask, at)
        for threshold in range(Priority.LOW, min(ask.priority, len(self._reaches))):
            singles = room.with_room(self._singles[threshold - 1], ask, at) & suits
            found = self._fewest(ask, singles, at, threshold) if singles.any() else None
            if found is not None and len(found[0]) == 1:
                return found
            mask = room.with_room(self._reaches[threshold], ask, at) & suits
            if mask.any():
                mask &= self._is_least(ask, mask, at, threshold)
                several = self._fewest(ask, mask, at, threshold)
                return min(filter(None, (found, several)), key=lambda each: len(each[0]))
        return None

    def _fewest(
        self, ask: Ask, mask: Mask, at: slice, threshold: int
    ) -> tuple[list[Victim], int] | None:
        """Weigh the nodes of *mask*, the best first, until one victim is found to do."""
        found: tuple[list[Victim], int] | None = None
        left = mask.copy()
        for _ in range(NODES_WEIGHED_MAX):
            row = best(self._room, ask, left, at)
            if row is None:
                break
            victims = self._pick(ask, row, threshold)
            if found is None or len(victims) < len(found[0]):
                found = (victims, row)
            if len(found[0]) == 1:
                break
            left[row - at.start] = False
        return found

    def _is_least(self, ask: Ask, mask: Mask, at: slice, threshold: int) -> Mask:
        """The rows of *mask* where the largest victims would leave the fewest to go."""
        room = self._room
        coming, singles = room.coming.table, self._singles[threshold - 1].table
        least: Ints = np.ones(at.stop - at.start, np.int64)
        for place, needed in room.candidates.needs(ask.demand).places:
            short = np.maximum(needed - coming[place, at], 0)
            largest = np.maximum(singles[place, at] - coming[place, at], 1)
            np.maximum(least, -(-short // largest), out=least)
        fewest: Mask = least == least[mask].min()
        return fewest

    def _pick(self, ask: Ask, row: int, threshold: int) -> list[Victim]:
        """Who goes on this row: one if one will do, else the largest help first, none in vain."""
        short = self._shortage(ask, row)
        candidates = [each for each in self._victims.get(row, ()) if each.priority <= threshold]
        alone = candidates
        for place, missing in short:
            alone = [each for each in alone if each.needs.each[place] >= missing]
        if alone:
            return [min(alone, key=lambda each: (each.priority, each.needs.each, -each.task))]
        chosen: list[Victim] = []
        left = short
        while left:
            following = max(
                candidates, key=lambda each: (_help(each, left), -each.priority, each.task)
            )
            candidates.remove(following)
            chosen.append(following)
            left = [
                (place, missing - following.needs.each[place])
                for place, missing in left
                if missing > following.needs.each[place]
            ]
        for each in sorted(chosen, key=lambda each: (-each.priority, each.task)):
            without = [other for other in chosen if other is not each]
            if _covers(without, short):
                chosen = without
        return chosen

    def _shortage(self, ask: Ask, row: int) -> list[tuple[int, int]]:
        """What will be missing on a row, by the place of the resource."""
        coming = self._room.coming.table[:, row].tolist()
        places = self._room.candidates.needs(ask.demand).places
        return [(place, need - coming[place]) for place, need in places if need > coming[place]]

    def evict(self, ask: Ask, victims: list[Victim], row: int) -> str:
        """Count the victims as going and hold the room back; what *ask* waits for, in words."""
        room = self._room
        gone = [victim.task for victim in victims]
        self._victims[row] = [each for each in self._victims[row] if each.task not in gone]
        for victim in victims:
            for amounts in (self._spare, *self._reaches[: victim.priority]):
                amounts.add(row, victim.needs, 1)
        self._going[row] = self._going.get(row, 0) + len(victims)
        room.promise(ask, row)
        coming = room.coming.table[:, row].tolist()
        for priority, single in enumerate(self._singles, Priority.LOW):
            left = [each.needs for each in self._victims[row] if each.priority <= priority]
            single.set(row, coming, left)
        return self._waiting(row)


def _covers(victims: list[Victim], short: list[tuple[int, int]]) -> bool:
    for place, missing in short:
        if sum([each.needs.each[place] for each in victims]) < missing:
            return False
    return True


def _help(victim: Victim, short: list[tuple[int, int]]) -> float:
    """How much of the shortage the victim's end would cover, a part of each resource at a time."""
    return sum(min(victim.needs.each[place] / missing, 1.0) for place, missing in short)
