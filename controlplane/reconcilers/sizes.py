"""No command of the leader names more things than one step of agreement should carry."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from controlplane.state.commands import (
    TASKS_PER_COMMAND_MAX,
    AssignTasks,
    CreateTasks,
    LoseTasks,
    ReapReplicas,
    ReapTasks,
    Single,
    StopTasks,
)

THINGS_PER_COMMAND_MAX: Final = 2_000
"""Tasks or replicas that one command of the leader names; one with more becomes several."""

assert THINGS_PER_COMMAND_MAX <= TASKS_PER_COMMAND_MAX  # noqa: S101 - apply refuses more

T = TypeVar("T")


def in_steps(command: Single) -> Iterator[Single]:
    """The same command, in several if it names too much."""
    if size_of(command) <= THINGS_PER_COMMAND_MAX:
        yield command
        return
    match command:
        case CreateTasks(numbers=numbers):
            yield from (replace(command, numbers=some) for some in _slices(numbers))
        case StopTasks(tasks=tasks) | LoseTasks(tasks=tasks) | ReapTasks(tasks=tasks):
            yield from (replace(command, tasks=some) for some in _slices(tasks))
        case AssignTasks(tasks=tasks, nodes=nodes):
            steps = zip(_slices(tasks), _slices(nodes), strict=True)
            yield from (replace(command, tasks=some, nodes=there) for some, there in steps)
        case ReapReplicas(replicas=replicas):
            yield from (replace(command, replicas=some) for some in _slices(replicas))
        case _:
            yield command


def size_of(command: Single) -> int:
    """How many things it names, and so about how much work it makes."""
    match command:
        case CreateTasks(numbers=things):
            return len(things)
        case StopTasks(tasks=ids) | LoseTasks(tasks=ids) | ReapTasks(tasks=ids):
            return len(ids)
        case AssignTasks(tasks=ids):
            return len(ids)
        case ReapReplicas(replicas=keys):
            return len(keys)
        case _:
            return 1


def _slices(things: Sequence[T]) -> Iterator[tuple[T, ...]]:
    for start in range(0, len(things), THINGS_PER_COMMAND_MAX):
        yield tuple(things[start : start + THINGS_PER_COMMAND_MAX])
