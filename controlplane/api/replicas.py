"""Replicas as people see them: each by its main task."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from controlplane.api.look import Filter, Look
from controlplane.reconcilers.explain import what_next
from controlplane.reconcilers.survey import look as survey
from controlplane.state.tables import State, Task, View
from orb.cluster import ReplicaView, TaskView
from orb.errors import InvalidInput
from orb.ids import Millis, ReplicaKey
from orb.lifecycle import Desired, NodeStatus, TaskState

NO_TASK_YET = "it has no task yet"


def replicas(look: Look, wanted: Filter) -> Iterator[ReplicaView]:
    """The replicas asked for, by name; those of deleted services too, until they have stopped.

    Each is looked at when it is taken. Raises InvalidInput for a name that is none.
    """
    number = number_of(wanted.name)
    for key in _keys(look.state, wanted):
        if number is None or key.number == number:
            view = replica_view(look, key)
            if wanted.node in {"", view.node}:
                yield view


def number_of(name: str) -> int | None:
    """The number in `3` or `web/3`; None for an empty name. Raises InvalidInput."""
    text = name.rpartition("/")[2]
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"{name!r} names no replica", remedy="write it as web/3")
    return int(text[:9])


def replica_view(look: Look, key: ReplicaKey) -> ReplicaView:
    """One replica."""
    state = look.state
    task = main_task(state, state.tasks_in(key))
    replica = state.replicas.get(key)
    restarts = 0 if replica is None else replica.restarts
    if task is None:
        return _without_task(look, key, restarts)
    return ReplicaView(
        environment=key.environment,
        app=key.app,
        service=key.service,
        replica=key.number,
        name=key.name,
        state=state_word(task),
        ready=task.ready and task.wanted,
        node=task.node or "",
        task=str(task.id),
        container_id=task.container_id,
        started_at=task.started_at,
        restarts=restarts,
        release=task.revision,
        message=_message(look, key, task),
        ports=task.ports,
        image=state.spec_of(task).container.image,
        exit_code=task.exit_code,
    )


def main_task(state: State, tasks: Iterable[Task]) -> Task | None:
    """The one that people mean: ready for the longest time, on a node that answers before others;
    else the newest that is wanted, has not ended, or has."""
    return max(tasks, key=partial(_rank, state), default=None)


def message_of(look: Look, task: Task) -> str:
    """Why the task is as it is, if that needs a word."""
    if task.state is TaskState.NEW:
        return look.pending.get(task.id, "") or "it waits for the scheduler"
    if task.ended:
        return task.message
    said = task.stop_reason if task.desired is Desired.STOP else ""
    return "; ".join(filter(None, (said or task.message, _hearsay(look, task))))


def _hearsay(look: Look, task: Task) -> str:
    """That what is shown is old, if its node is silent; else empty."""
    node = None if task.node is None else look.state.nodes.get(task.node)
    if node is None or node.status is NodeStatus.READY:
        return ""
    ago = max(0, look.now - look.heard.get(node.name, node.status_since)) // 1000
    return f"as last heard {ago} s ago, node {node.name} is {node.status.name.lower()}"


def _message(look: Look, key: ReplicaKey, task: Task) -> str:
    """Why it is as it is, and what comes next if that is not its task's matter any more."""
    said = message_of(look, task)
    return said if task.wanted else "; ".join(filter(None, (said, next_of(look, key))))


def next_of(look: Look, key: ReplicaKey) -> str:
    """What a replica without a wanted task waits for; empty if that needs no word."""
    return what_next(survey(View(state=look.state), look.now), key)


def state_word(task: Task) -> str:
    """The state as people read it."""
    if task.desired is Desired.STOP and not task.ended:
        return TaskState.STOPPING.name.lower()
    return "pending" if task.state is TaskState.NEW else task.state.name.lower()


def task_views(look: Look, tasks: Sequence[Task]) -> tuple[TaskView, ...]:
    """The tasks of a replica, newest first."""
    return tuple(_task_view(look, task) for task in sorted(tasks, key=lambda t: -t.id))


def _task_view(look: Look, task: Task) -> TaskView:
    return TaskView(
        task=str(task.id),
        state=state_word(task),
        desired=task.desired.name.lower(),
        ready=task.ready,
        node=task.node or "",
        release=task.revision,
        image=look.state.spec_of(task).container.image,
        container_id=task.container_id,
        created_at=task.created_at,
        started_at=task.started_at,
        finished_at=task.finished_at,
        exit_code=task.exit_code,
        oom_killed=task.oom_killed,
        reason=task.reason,
        placed=task.placed,
        stop_reason=task.stop_reason,
        message=message_of(look, task),
        ports=task.ports,
    )


def _rank(state: State, task: Task) -> tuple[bool, bool, Millis, bool, bool, int]:
    is_ready = task.ready and not task.ended
    node = None if task.node is None else state.nodes.get(task.node)
    answers = node is not None and node.status is NodeStatus.READY
    ready_for = Millis(-(task.ready_since or 0)) if is_ready else Millis(0)
    serves = is_ready and task.wanted and answers
    return serves, is_ready, ready_for, task.wanted, not task.ended, task.id


def _without_task(look: Look, key: ReplicaKey, restarts: int) -> ReplicaView:
    service = look.state.services.get(key.owner)
    return ReplicaView(
        environment=key.environment,
        app=key.app,
        service=key.service,
        replica=key.number,
        name=key.name,
        state="pending",
        ready=False,
        node="",
        task="",
        container_id="",
        restarts=restarts,
        release=0 if service is None else service.revision,
        message=next_of(look, key) or NO_TASK_YET,
        image="" if service is None else service.spec.task.container.image,
    )


def _keys(state: State, wanted: Filter) -> list[ReplicaKey]:
    keys = {key: None for key in state.replicas if wanted.takes(*key[:3])}
    for key in state.tasks_of_replica:
        if key not in state.replicas and wanted.takes(*key[:3]) and _runs_on(state, key):
            keys[key] = None
    return sorted(keys)


def _runs_on(state: State, key: ReplicaKey) -> bool:
    return any(not task.ended for task in state.tasks_in(key))
