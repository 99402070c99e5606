"""What agents have seen: tasks come further, and their replicas remember how they ended."""

from controlplane.state import events, indexes, replicas
from controlplane.state.commands import (
    TASKS_PER_COMMAND_MAX,
    Answer,
    Applied,
    Refused,
    ReportTasks,
)
from controlplane.state.stamp import Stamp
from controlplane.state.tables import State, Task, changed
from orb.lifecycle import TERMINAL, Actor, Desired, TaskState, may_move
from orb.work import MESSAGE_CHARACTERS_MAX, Report


def report(state: State, stamp: Stamp, command: ReportTasks) -> Answer:
    """Take over what the agent of a node has seen of its own tasks; they never go back."""
    if command.node not in state.nodes:
        return Refused(f"there is no node {command.node}", missing=True)
    if len(command.reports) > TASKS_PER_COMMAND_MAX:
        return Refused(f"more than {TASKS_PER_COMMAND_MAX} reports in one command")
    taken = 0
    ready: list[Task] = []
    for one in command.reports:
        before = state.tasks.get(one.task)
        if before is None or before.node != command.node or not _is_news(before, one):
            continue
        after = _seen(before, one, stamp)
        if after.state is before.state and after == before:
            continue
        indexes.put_task(state, after)
        replicas.note(state, stamp, before, after)
        taken += 1
        if after.ready and not before.ready:
            ready.append(after)
        elif after.state is not before.state or (before.ready and not after.ready):
            _say(state, stamp, after)
    events.record_tasks(state, stamp, "task.ready", ready, f"ready on {command.node}", command.node)
    return Applied(number=taken, changed=taken > 0)


def _is_news(task: Task, seen: Report) -> bool:
    if task.ended:
        return False
    return seen.state is task.state or may_move(Actor.AGENT, task.state, seen.state)


def _seen(task: Task, seen: Report, stamp: Stamp) -> Task:
    """The task as the report tells it."""
    ended = seen.state in TERMINAL
    ready = seen.ready and seen.state is TaskState.RUNNING
    since = task.ready_since if task.ready else stamp.now
    finished = stamp.now if ended and seen.finished_at is None else seen.finished_at
    return changed(
        task,
        state=seen.state,
        since=task.since if seen.state is task.state else stamp.now,
        ready=ready,
        ready_since=since if ready else None,
        message=seen.message[:MESSAGE_CHARACTERS_MAX],
        exit_code=seen.exit_code,
        oom_killed=seen.oom_killed,
        image_missing=seen.image_missing,
        container_id=seen.container_id or task.container_id,
        image_id=seen.image_id or task.image_id,
        ports=seen.ports,
        started_at=task.started_at if seen.started_at is None else seen.started_at,
        finished_at=finished,
    )


def _say(state: State, stamp: Stamp, task: Task) -> None:
    """Tell people of an end, and of one that runs but does not serve any more."""
    where, message = f"on {task.node}", f": {task.message}" if task.message else ""
    if task.state is TaskState.FAILED:
        kind, what = "task.failed", f"failed {where}{message}"
    elif task.state is TaskState.STOPPED:
        wished = task.desired is Desired.STOP
        why = f": {task.stop_reason}" if wished and task.stop_reason else message
        kind, what = "task.stopped", f"{'stopped' if wished else 'has completed'} {where}{why}"
    elif task.state is TaskState.RUNNING and task.wanted and task.message:
        kind, what = "task.unready", f"not ready {where}{message}"
    else:
        return
    events.record(state, stamp, kind, f"{task.replica.name} {what}", events.of_task(task))
