"""Tasks: they are made, placed, told to stop, declared lost, and forgotten."""

from collections.abc import Iterable

from controlplane.state import events, indexes, replicas
from controlplane.state.commands import (
    COPIES_MAX,
    TASKS_PER_COMMAND_MAX,
    Answer,
    Applied,
    AssignTasks,
    CreateTasks,
    LoseTasks,
    ReapTasks,
    Refused,
    StopTasks,
)
from controlplane.state.stamp import Stamp
from controlplane.state.tables import TASKS_MAX, Node, Service, State, Task, changed
from orb.ids import ReplicaKey, TaskId
from orb.lifecycle import Actor, Desired, TaskState, may_move
from orb.spec import REPLICAS_MAX, PublishMode, TaskSpec


def create(state: State, stamp: Stamp, command: CreateTasks) -> Answer:
    """Make a task in each of these replicas that does not hold enough of this revision yet."""
    service = state.services.get(command.service)
    if service is None:
        return Refused(f"there is no service {command.service.service}", missing=True)
    refused = _objection_to_create(state, stamp, service, command)
    if refused:
        return Refused(refused)
    made: list[Task] = []
    for number in command.numbers:
        key = ReplicaKey(*service.key, number)
        if _may_hold_more(state, service, key, command):
            replicas.occupy(state, key, command.home, is_restart=command.is_restart)
            made.append(_make(state, stamp, service, key, command))
    events.record_tasks(state, stamp, "task.created", made, f"made ({command.reason})")
    return Applied(number=len(made), changed=bool(made))


def _objection_to_create(
    state: State, stamp: Stamp, service: Service, command: CreateTasks
) -> str | None:
    count = len(command.numbers)
    if command.revision not in {service.revision, service.opened} or not command.revision:
        return f"{service.key.service} is at revision {service.revision}, not {command.revision}"
    if count > TASKS_PER_COMMAND_MAX or not stamp.room_for(count):
        return f"more than {TASKS_PER_COMMAND_MAX} tasks in one command, or too many in one entry"
    if len(state.tasks) + count > TASKS_MAX:
        return f"the cluster would have more than {TASKS_MAX} tasks"
    if not 1 <= command.copies <= COPIES_MAX:
        return f"a replica has 1 to {COPIES_MAX} copies, not {command.copies}"
    if command.home is not None and command.home not in state.nodes:
        return f"there is no node {command.home}"
    if not all(1 <= number <= REPLICAS_MAX for number in command.numbers):
        return f"replicas are numbered from 1 to {REPLICAS_MAX}"
    return None


def _may_hold_more(state: State, service: Service, key: ReplicaKey, command: CreateTasks) -> bool:
    """Whether the replica is (still) asked for and has fewer wanted tasks of that revision."""
    if not service.spec.is_global and key.number > service.spec.replicas:
        return False
    held = state.tasks_in(key)
    there = sum(task.wanted and task.revision == command.revision for task in held)
    return there < command.copies


def _make(
    state: State, stamp: Stamp, service: Service, key: ReplicaKey, command: CreateTasks
) -> Task:
    task = Task(
        id=stamp.mint(),
        replica=key,
        revision=command.revision,
        priority=service.spec.priority,
        desired=Desired.RUN,
        state=TaskState.NEW,
        since=stamp.now,
        created_at=stamp.now,
        avoid=command.avoid,
        reason=command.reason,
        trace=stamp.trace or ("" if command.is_restart else service.trace),
    )
    indexes.put_task(state, task)
    return task


def assign(state: State, stamp: Stamp, command: AssignTasks) -> Answer:
    """Place tasks in the order given, each only where there is room for it then."""
    if len(command.tasks) != len(command.nodes):
        return Refused("as many nodes as tasks are needed")
    if len(command.tasks) > TASKS_PER_COMMAND_MAX:
        return Refused(f"more than {TASKS_PER_COMMAND_MAX} tasks in one command")
    placed: list[Task] = []
    for task_id, name in zip(command.tasks, command.nodes, strict=True):
        task, node = state.tasks.get(task_id), state.nodes.get(name)
        if task is None or node is None or not _may_go(state, task, node):
            continue
        moved = changed(
            task, node=name, state=TaskState.ASSIGNED, since=stamp.now, placed=command.why
        )
        indexes.put_task(state, moved)
        placed.append(moved)
    events.record_placed(state, stamp, placed)
    return Applied(number=len(placed), changed=bool(placed))


def _may_go(state: State, task: Task, node: Node) -> bool:
    """The promises that hold whatever a scheduler thinks: never over-committed, never astray."""
    if not may_move(Actor.SCHEDULER, task.state, TaskState.ASSIGNED) or not node.schedulable:
        return False
    home = state.replicas[task.replica].home
    if node.name in task.avoid or home not in {None, node.name}:
        return False
    spec = state.spec_of(task)
    return (
        spec.reservations.fits(node.facts.capacity - state.reserved[node.name])
        and not _port_taken(state, spec, node)
        and not (spec.named_volumes and _runs_elsewhere(state, task))
    )


def _port_taken(state: State, spec: TaskSpec, node: Node) -> bool:
    """Whether another task there has one of its fixed ports of the host."""
    wanted = _host_ports(spec)
    if not wanted:
        return False
    others = (state.spec_of(other) for other in state.tasks_at(node.name))
    return any(not wanted.isdisjoint(_host_ports(other)) for other in others)


def _host_ports(spec: TaskSpec) -> frozenset[tuple[int, str]]:
    if not spec.ports:
        return frozenset()
    return frozenset(
        (port.published, port.protocol.name)
        for port in spec.ports
        if port.published and port.mode is PublishMode.HOST
    )


def _runs_elsewhere(state: State, task: Task) -> bool:
    """At most one copy of a replica with data has a node at any time."""
    others = state.tasks_in(task.replica)
    return any(other.node is not None and not other.ended for other in others)


def stop(state: State, stamp: Stamp, command: StopTasks) -> Answer:
    """Tell tasks to stop; one without a node has stopped then."""
    if len(command.tasks) > TASKS_PER_COMMAND_MAX:
        return Refused(f"more than {TASKS_PER_COMMAND_MAX} tasks in one command")
    told = stop_these(state, stamp, _known(state, command.tasks), command.reason)
    return Applied(number=told, changed=told > 0)


def stop_these(state: State, stamp: Stamp, tasks: Iterable[Task], reason: str) -> int:
    """Tell these to stop, those that are still wanted; returns how many were told."""
    told: list[Task] = []
    for task in tasks:
        if state.tasks[task.id].wanted:
            told.append(_told(task, stamp, reason))
            indexes.put_task(state, told[-1])
    events.record_tasks(state, stamp, "task.stop", told, f"told to stop: {reason}")
    return len(told)


def _told(task: Task, stamp: Stamp, reason: str) -> Task:
    told = changed(task, desired=Desired.STOP, stop_reason=reason)
    if not may_move(Actor.RECONCILER, task.state, TaskState.STOPPED):
        return told
    return changed(told, state=TaskState.STOPPED, since=stamp.now, finished_at=stamp.now)


def lose(state: State, stamp: Stamp, command: LoseTasks) -> Answer:
    """Give up on tasks that nobody can answer for."""
    if len(command.tasks) > TASKS_PER_COMMAND_MAX:
        return Refused(f"more than {TASKS_PER_COMMAND_MAX} tasks in one command")
    lost = lose_these(state, stamp, _known(state, command.tasks), command.reason)
    return Applied(number=lost, changed=lost > 0)


def lose_these(state: State, stamp: Stamp, tasks: Iterable[Task], reason: str) -> int:
    """Give up on these, those that may be on a node; returns how many were lost."""
    lost: list[Task] = []
    for given in tasks:
        task = state.tasks[given.id]
        if may_move(Actor.RECONCILER, task.state, TaskState.LOST):
            after = changed(
                task,
                state=TaskState.LOST,
                since=stamp.now,
                ready=False,
                ready_since=None,
                message=reason,
                finished_at=stamp.now,
            )
            indexes.put_task(state, after)
            replicas.note(state, stamp, task, after)
            lost.append(after)
    events.record_tasks(state, stamp, "task.lost", lost, f"lost: {reason}")
    return len(lost)


def reap(state: State, command: ReapTasks) -> Answer:
    """Forget tasks that have ended."""
    if len(command.tasks) > TASKS_PER_COMMAND_MAX:
        return Refused(f"more than {TASKS_PER_COMMAND_MAX} tasks in one command")
    gone = 0
    for task_id in command.tasks:
        task = state.tasks.get(task_id)
        if task is not None and task.ended:
            indexes.drop_task(state, task)
            gone += 1
    return Applied(number=gone, changed=gone > 0)


def _known(state: State, ids: Iterable[TaskId]) -> list[Task]:
    return [state.tasks[task_id] for task_id in ids if task_id in state.tasks]
