"""Puts together what a server says the node must have: whole sets in parts, then differences.

It notices what is missing. Then the session starts anew with a whole set: differences are never
replayed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from orb.ids import TaskId
from orb.v1 import agent_pb2 as pb
from orb.wire import to_record
from orb.work import Assignment

TASKS_PER_NODE_MAX: Final = 20_000
"""Assignments in one whole set; a server that sends more is not believed."""


class Gap(Exception):
    """A message is missing or out of order: only a whole set can help."""


@dataclass(frozen=True, slots=True)
class WholeSet:
    """Everything that the node must have."""

    assignments: Sequence[Assignment]


@dataclass(frozen=True, slots=True)
class Difference:
    """What is new or changed, and what must go."""

    assignments: Sequence[Assignment]
    removed: Sequence[TaskId]


class Intake:
    """One session's view of what was sent so far."""

    def __init__(self) -> None:
        self._parts: dict[TaskId, Assignment] = {}
        self.version = 0
        """What was taken in last; 0 before the first whole set."""

    def take(self, message: pb.Assignments) -> WholeSet | Difference | None:
        """What to do now; None if more parts must come first. Raises Gap or InvalidInput."""
        assignments = _read(message)
        if not message.full:
            return self._difference(message, assignments)
        self._parts |= assignments
        if len(self._parts) > TASKS_PER_NODE_MAX:
            raise Gap(f"the server sends more than {TASKS_PER_NODE_MAX} tasks")
        if message.more:
            return None
        parts, self._parts = self._parts, {}
        self.version = message.version
        return WholeSet(list(parts.values()))

    def _difference(
        self, message: pb.Assignments, assignments: Mapping[TaskId, Assignment]
    ) -> Difference:
        if self._parts or not self.version:
            raise Gap("a difference came before the whole set")
        if message.version != self.version + 1:
            raise Gap(f"version {message.version} came after {self.version}")
        self.version = message.version
        return Difference(list(assignments.values()), [TaskId(task) for task in message.remove])


def _read(message: pb.Assignments) -> dict[TaskId, Assignment]:
    read = (
        to_record(assignment, Assignment, f"set.{place}")
        for place, assignment in enumerate(message.set)
    )
    return {assignment.task: assignment for assignment in read}
