"""Tasks that nobody can answer for: their node is down or gone, or never took them."""

from collections.abc import Iterator
from typing import Final

from controlplane.reconcilers.survey import Survey
from controlplane.state.commands import LoseTasks
from controlplane.state.tables import Node, Task
from orb.ids import Millis, NodeName, TaskId
from orb.lifecycle import NodeStatus, TaskState

UNACKNOWLEDGED_AFTER_MS: Final = Millis(10_000)
"""How long a node that answers may leave an assignment unacknowledged."""
UNACKNOWLEDGED_PER_TASK_MS: Final = 5
"""How much longer for each task that waits with it: when thousands start, reports queue."""


def losses(survey: Survey) -> Iterator[LoseTasks]:
    """Give up the tasks of nodes that are down or gone, and those that their node never took."""
    state = survey.state
    for name in list(state.tasks_on_node):
        node = state.nodes.get(name)
        if node is None or node.status is NodeStatus.DOWN:
            why = f"node {name} is {'gone' if node is None else 'down'}"
            yield LoseTasks(tasks=tuple(state.tasks_on_node[name]), reason=why)
    yield from _unacknowledged(survey)


def _unacknowledged(survey: Survey) -> Iterator[LoseTasks]:
    waiting = [
        task
        for places in survey.restless.values()
        for place in places
        for task in (*place.wanted, *place.stopping)
        if task.state is TaskState.ASSIGNED
    ]
    patience = UNACKNOWLEDGED_AFTER_MS + UNACKNOWLEDGED_PER_TASK_MS * len(waiting)
    late: dict[NodeName, list[TaskId]] = {}
    for task in waiting:
        node = survey.node_of(task)
        if node is None or node.status is not NodeStatus.READY:
            continue
        if survey.now - _asked_since(survey, task, node) > patience:
            late.setdefault(node.name, []).append(task.id)
    for name, tasks in late.items():
        why = f"node {name} did not take it within {patience // 1000} s"
        yield LoseTasks(tasks=tuple(tasks), reason=why)


def _asked_since(survey: Survey, task: Task, node: Node) -> Millis:
    """Since when this node could have answered this leader."""
    return max(task.since, survey.view.leading_since, node.status_since)
