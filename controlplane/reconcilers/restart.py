"""A replica whose task has ended gets a new one: when, where not, and when no more."""

from collections.abc import Iterator
from typing import Final

from controlplane.reconcilers.creation import creation, merged
from controlplane.reconcilers.places import Place, stops_first
from controlplane.reconcilers.survey import Survey
from controlplane.state.commands import CreateTasks, StopTasks
from controlplane.state.tables import FAILURES_PER_REPLICA_MAX, Task
from orb.ids import Millis, NodeName
from orb.lifecycle import Desired, NodeStatus, TaskState
from orb.spec import RestartCondition

BACKOFF_DOUBLINGS_MAX: Final = 16
"""After so many doublings the wait is at its maximum, whatever the policy says."""
FAILURES_BEFORE_MOVE: Final = 5
"""Failures within MOVE_WINDOW_MS after which another node is tried."""
MOVE_WINDOW_MS: Final = Millis(5 * 60_000)
STUCK_AFTER_MS: Final = Millis(15_000)
"""How long a task may look for a node other than those it avoids."""

assert FAILURES_BEFORE_MOVE <= FAILURES_PER_REPLICA_MAX  # noqa: S101 - what is counted is kept


def restart(survey: Survey) -> Iterator[CreateTasks | StopTasks]:
    """Replace the tasks that have ended, each replica after its back-off."""
    yield from merged(_restarts(survey))
    stuck = tuple(task.id for task in _stuck(survey))
    if stuck:
        yield StopTasks(tasks=stuck, reason="no other node takes it: back to where it failed")


def _restarts(survey: Survey) -> Iterator[CreateTasks]:
    for place in survey.kept_places():
        if place.wanted or place.last is None or not survey.may_start(place.service, place.replica):
            continue
        if place.stopping and stops_first(place.service.spec):
            continue
        if is_over(place, survey.now) or survey.now < next_try_at(place):
            continue
        avoid = nodes_to_avoid(survey, place)
        is_restart = ended_by_itself(place.last) or place.last.state is TaskState.LOST
        yield creation(place, _reason(place), avoid=avoid, is_restart=is_restart)


def _stuck(survey: Survey) -> Iterator[Task]:
    """Tasks that find no node but could have one if they avoided none."""
    for task_id in survey.state.unplaced:
        task = survey.state.tasks[task_id]
        if task.wanted and task.avoid and survey.now - task.since > STUCK_AFTER_MS:
            avoided = (survey.state.nodes.get(name) for name in task.avoid)
            if any(node is not None and node.schedulable for node in avoided):
                yield task


def is_over(place: Place, now: Millis) -> bool:
    """The replica has done its work, or its policy gives it no other try."""
    last, policy = place.last, place.service.spec.restart
    if last is None or last.revision != place.service.opened or not ended_by_itself(last):
        return False
    if not has_failed(place, last):
        return True
    return policy.condition is RestartCondition.NONE or _is_out_of_tries(place, now)


def next_try_at(place: Place) -> Millis:
    """When a new task may be made: at once, or after the back-off if the last one failed."""
    last, policy = place.last, place.service.spec.restart
    if last is None or last.revision != place.service.opened or not ended_by_itself(last):
        return Millis(0)
    doublings = min(max(0, len(place.replica.failures) - 1), BACKOFF_DOUBLINGS_MAX)
    wait = min(policy.delay_ms << doublings, max(policy.delay_max_ms, policy.delay_ms))
    return Millis(last.since + wait)


def ended_by_itself(task: Task) -> bool:
    """Nobody told it to end, and its node can answer for it."""
    return task.desired is Desired.RUN and task.state in {TaskState.STOPPED, TaskState.FAILED}


def has_failed(place: Place, task: Task) -> bool:
    """It ended by itself, and that was not its work done."""
    spec = place.service.spec
    is_meant_to_end = spec.is_job or spec.restart.condition is not RestartCondition.ANY
    return ended_by_itself(task) and not (has_succeeded(task) and is_meant_to_end)


def has_succeeded(task: Task) -> bool:
    """It came to its own end, and a good one."""
    return ended_by_itself(task) and (task.state is TaskState.STOPPED or task.exit_code == 0)


def nodes_to_avoid(survey: Survey, place: Place) -> tuple[NodeName, ...]:
    """Where the next task must not go: never so many nodes that none is left.

    The next task after one that was `_stuck` avoids nothing.
    """
    last = place.last
    if place.replica.home is not None or (last is not None and last.avoid and last.node is None):
        return ()
    bad = {*_where_it_fails(place, survey.now), *_where_it_was_not_taken(survey, place)}
    if not bad:
        return ()
    names = tuple(sorted(bad))
    return names if survey.has_other_node(place.service, names) else ()


def _where_it_fails(place: Place, now: Millis) -> tuple[NodeName, ...]:
    recent = [at for at in place.replica.failures if now - at <= MOVE_WINDOW_MS]
    if len(recent) < FAILURES_BEFORE_MOVE:
        return ()
    return place.replica.failed_on[-FAILURES_BEFORE_MOVE:]


def _where_it_was_not_taken(survey: Survey, place: Place) -> Iterator[NodeName]:
    for task in place.ended:
        node = survey.node_of(task)
        is_untaken = task.state is TaskState.LOST and not task.container_id
        if is_untaken and node is not None and node.status is NodeStatus.READY:
            yield node.name


def _is_out_of_tries(place: Place, now: Millis) -> bool:
    policy, replica = place.service.spec.restart, place.replica
    if not policy.attempts_max:
        return False
    if policy.attempts_max >= FAILURES_PER_REPLICA_MAX and not policy.window_ms:
        return replica.restarts >= policy.attempts_max
    since = now - policy.window_ms if policy.window_ms else 0
    return sum(at >= since for at in replica.failures) > policy.attempts_max


def _reason(place: Place) -> str:
    last, opened = place.last, place.service.opened
    if last is None:
        return "new"
    if last.revision != opened:
        return f"update to release {opened}"
    if last.state is TaskState.LOST:
        return f"lost with {last.node}"
    return "restart" if ended_by_itself(last) else "new"
