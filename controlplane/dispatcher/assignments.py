"""What a node must have, from the state alone; and how that differs from what it was told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controlplane.state.tables import State, Task
from orb.ids import NodeName, TaskId
from orb.lifecycle import Desired, TaskState
from orb.work import Assignment, NodeFacts, Report

Wanted = Mapping[TaskId, Desired]
"""The tasks that a node must have, and what is wanted of each: all that can change of them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a node must be told."""

    changed: tuple[TaskId, ...]
    """New, or wanted in another way."""
    removed: tuple[TaskId, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed)


def wanted(state: State, node: NodeName, held: Iterable[TaskId]) -> dict[TaskId, Desired]:
    """What *node*, which is known to hold the tasks *held*, must have: in the order of the tasks.

    A task that has ended there stays, stopped, until it is reaped: its output can still be read.
    A lost one goes: its place is taken.
    """
    tasks = {task.id: task.desired for task in state.tasks_at(node)}
    for task_id in held:
        task = state.tasks.get(task_id)
        if task is not None and _is_kept(task, node):
            tasks[task_id] = Desired.STOP
    return dict(sorted(tasks.items()))


def has_ended_for_good(state: State, held: Iterable[TaskId]) -> bool:
    """Whether one of these tasks has been reaped. Nothing else tells: reaping changes no node."""
    return any(task not in state.tasks for task in held)


def difference(told: Wanted, now: Wanted) -> Difference:
    """What makes *now* of *told*."""
    return Difference(
        tuple(task for task, desired in now.items() if told.get(task) is not desired),
        tuple(task for task in told if task not in now),
    )


def assignment(state: State, task_id: TaskId, desired: Desired) -> Assignment:
    """The task as its node must have it. The task must exist."""
    task = state.tasks[task_id]
    return Assignment(
        task=task.id,
        replica=task.replica,
        release=task.revision,
        desired=desired,
        spec=state.spec_of(task),
        trace=task.trace,
    )


def must_register(state: State, facts: NodeFacts) -> bool:
    """Whether the state does not know yet what the agent says of its machine."""
    node = state.nodes.get(facts.name)
    return node is None or node.facts != facts


def is_news(state: State, node: NodeName, report: Report) -> bool:
    """Whether the report would change the state: most that a returning agent says is old."""
    task = state.tasks.get(report.task)
    if task is None or task.node != node or task.ended:
        return False
    return not (
        task.state is report.state
        and task.ready == (report.ready and report.state is TaskState.RUNNING)
        and task.message == report.message
        and task.ports == report.ports
        and task.exit_code == report.exit_code
        and task.container_id == (report.container_id or task.container_id)
        and task.image_id == (report.image_id or task.image_id)
        and task.started_at == (task.started_at if report.started_at is None else report.started_at)
        and (task.oom_killed, task.image_missing) == (report.oom_killed, report.image_missing)
    )


def _is_kept(task: Task, node: NodeName) -> bool:
    return task.node == node and task.ended and task.state is not TaskState.LOST
