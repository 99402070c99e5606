"""Replicas: what a numbered place remembers of the tasks that ran in it."""

from dataclasses import replace
from typing import Final

from controlplane.state import indexes
from controlplane.state.commands import (
    TASKS_PER_COMMAND_MAX,
    Answer,
    Applied,
    ReapReplicas,
    Refused,
)
from controlplane.state.stamp import Stamp
from controlplane.state.tables import FAILURES_PER_REPLICA_MAX, Replica, State, Task
from orb.ids import NodeName, ReplicaKey, ServiceKey
from orb.lifecycle import Desired, TaskState
from orb.spec import RestartCondition

HEALTHY_AFTER_MS: Final = 10 * 60 * 1_000
"""A task that was ready for so long clears the failures of its replica when it ends."""

_MADE: Final = (TaskState.STARTING, TaskState.RUNNING)


def occupy(state: State, key: ReplicaKey, home: NodeName | None, *, is_restart: bool) -> None:
    """A new task comes into the replica, which is made if it is new."""
    old = state.replicas.get(key)
    replica = old or Replica(key=key, home=home)
    if is_restart:
        replica = replace(replica, restarts=replica.restarts + 1)
    if replica is not old:
        indexes.put_replica(state, replica)


def note(state: State, stamp: Stamp, before: Task, after: Task) -> None:
    """Remember what a step of a task means for its replica: a home, a failure, good health."""
    if before.desired is not Desired.RUN or after.state is before.state:
        return
    old = state.replicas.get(after.replica)
    if old is None:
        return
    replica = old
    if replica.home is None and _has_data(state, after):
        replica = replace(replica, home=after.node)
    if after.ended and replica.failures and _was_healthy(stamp, before):
        replica = replace(replica, failures=(), failed_on=())
    if after.ended and _ended_unwished(state, after) and _is_wanted_revision(state, after):
        replica = _with_failure(replica, stamp, after)
    if replica is not old:
        indexes.put_replica(state, replica)


def leave_home(state: State, service: ServiceKey) -> None:
    """A service that becomes global, or is so no more, forgets which node each replica belongs to.

    Where volumes lie is learned again when the next task is made there.
    """
    for replica in state.replicas_in(service):
        if replica.home is not None:
            indexes.put_replica(state, replace(replica, home=None))


def forgive(state: State, service: ServiceKey) -> None:
    """A new revision starts without the failures of the old one."""
    for replica in state.replicas_in(service):
        if replica.failures:
            indexes.put_replica(state, replace(replica, failures=(), failed_on=()))


def reap(state: State, command: ReapReplicas) -> Answer:
    """Forget replicas that hold nothing and are not asked for, with their ended tasks."""
    if len(command.replicas) > TASKS_PER_COMMAND_MAX:
        return Refused(f"more than {TASKS_PER_COMMAND_MAX} replicas in one command")
    gone = 0
    for key in command.replicas:
        if key in state.replicas and not _is_asked_for(state, key):
            held = state.tasks_in(key)
            if all(task.ended for task in held):
                for task in held:
                    indexes.drop_task(state, task)
                indexes.drop_replica(state, key)
                gone += 1
    return Applied(number=gone, changed=gone > 0)


def _has_data(state: State, task: Task) -> bool:
    """Its container was made, and with it the volumes of its replica."""
    made = task.state in _MADE or bool(task.container_id)
    return made and bool(state.spec_of(task).named_volumes)


def _ended_unwished(state: State, task: Task) -> bool:
    """It failed, or has come to a good end in a service that is meant to go on for ever."""
    service = state.services.get(task.replica.owner)
    if service is None or task.state is not TaskState.STOPPED:
        return task.state is TaskState.FAILED
    policy = service.spec.restart
    return not service.spec.is_job and policy.condition is RestartCondition.ANY


def _was_healthy(stamp: Stamp, task: Task) -> bool:
    return task.ready_since is not None and stamp.now - task.ready_since >= HEALTHY_AFTER_MS


def _is_wanted_revision(state: State, task: Task) -> bool:
    service = state.services.get(task.replica.owner)
    return service is not None and task.revision in {service.revision, service.opened}


def _with_failure(replica: Replica, stamp: Stamp, task: Task) -> Replica:
    node = task.node if task.node is not None else NodeName("")
    return replace(
        replica,
        failures=(*replica.failures, stamp.now)[-FAILURES_PER_REPLICA_MAX:],
        failed_on=(*replica.failed_on, node)[-FAILURES_PER_REPLICA_MAX:],
    )


def _is_asked_for(state: State, key: ReplicaKey) -> bool:
    service = state.services[key.owner]
    return not service.spec.is_global and key.number <= service.spec.replicas
