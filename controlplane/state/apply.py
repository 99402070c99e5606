"""The one door through which the state changes: deterministic and total."""

from typing import assert_never

from controlplane.state import (
    apps,
    clients,
    environments,
    events,
    nodes,
    replicas,
    reports,
    secrets,
    tasks,
)
from controlplane.state.commands import (
    COMMANDS_PER_BATCH_MAX,
    Answer,
    Applied,
    ApplyApp,
    AssignTasks,
    Batch,
    CreateTasks,
    DeleteApp,
    Entry,
    LoseTasks,
    OpenService,
    ReapReplicas,
    ReapTasks,
    Refused,
    RegisterNode,
    RemoveNode,
    RemoveSecret,
    ReportTasks,
    ScaleService,
    SetAvailability,
    SetBrake,
    SetLabels,
    SetNodeStatus,
    SetReleaseStatus,
    SetSecret,
    SetTrust,
    Single,
    StopTasks,
)
from controlplane.state.stamp import Stamp
from controlplane.state.tables import State


def apply(state: State, entry: Entry, index: int) -> Answer:
    """Do what the agreed entry says, or say why not. It never raises, and never depends on when,
    where or in which process it runs. A retry of a numbered request changes nothing.
    """
    state.index = index
    earlier = clients.replayed(state, entry)
    if earlier is not None:
        return earlier
    stamp = Stamp(index, entry.now, entry.author, entry.trace)
    if isinstance(entry.command, Batch):
        answer = _batch(state, stamp, entry.command)
    else:
        answer = _single(state, stamp, entry.command)
    clients.remember(state, entry, answer)
    return answer


def _batch(state: State, stamp: Stamp, batch: Batch) -> Answer:
    if len(batch.commands) > COMMANDS_PER_BATCH_MAX:
        return Refused(f"a batch of more than {COMMANDS_PER_BATCH_MAX} commands")
    parts = tuple(_single(state, stamp, command) for command in batch.commands)
    done = [part for part in parts if isinstance(part, Applied)]
    return Applied(number=len(done), changed=any(part.changed for part in done), parts=parts)


def _single(state: State, stamp: Stamp, command: Single) -> Answer:
    """Each handler checks all before it changes anything, so that nothing can raise half-way."""
    try:
        return _handled(state, stamp, command)
    except Exception as error:  # noqa: BLE001 - a bug must not stop agreement; it is told, and tested for
        why = f"internal: {type(command).__name__}: {type(error).__name__}: {error}"
        events.record(state, stamp, "internal", why)
        return Refused(why)


def _handled(state: State, stamp: Stamp, command: Single) -> Answer:
    match command:
        case ApplyApp() | ScaleService() | DeleteApp() | OpenService() | SetReleaseStatus():
            return _on_apps(state, stamp, command)
        case SetAvailability() | SetLabels() | RemoveNode() | RegisterNode() | SetNodeStatus():
            return _on_nodes(state, stamp, command)
        case SetSecret() | RemoveSecret():
            return _on_secrets(state, stamp, command)
        case SetTrust():
            return environments.set_trust(state, stamp, command)
        case SetBrake():
            return nodes.set_brake(state, stamp, command)
        case CreateTasks() | StopTasks() | LoseTasks() | AssignTasks() | ReportTasks():
            return _on_tasks(state, stamp, command)
        case ReapTasks() | ReapReplicas():
            return _reap(state, command)
        case _:
            assert_never(command)


def _on_apps(
    state: State,
    stamp: Stamp,
    command: ApplyApp | ScaleService | DeleteApp | OpenService | SetReleaseStatus,
) -> Answer:
    match command:
        case ApplyApp():
            return apps.apply_app(state, stamp, command)
        case ScaleService():
            return apps.scale(state, stamp, command)
        case DeleteApp():
            return apps.delete(state, stamp, command)
        case OpenService():
            return apps.open_service(state, command)
        case SetReleaseStatus():
            return apps.set_release_status(state, stamp, command)
        case _:
            assert_never(command)


def _on_secrets(state: State, stamp: Stamp, command: SetSecret | RemoveSecret) -> Answer:
    match command:
        case SetSecret():
            return secrets.set_secret(state, stamp, command)
        case RemoveSecret():
            return secrets.remove(state, stamp, command)
        case _:
            assert_never(command)


def _reap(state: State, command: ReapTasks | ReapReplicas) -> Answer:
    match command:
        case ReapTasks():
            return tasks.reap(state, command)
        case ReapReplicas():
            return replicas.reap(state, command)
        case _:
            assert_never(command)


def _on_nodes(
    state: State,
    stamp: Stamp,
    command: SetAvailability | SetLabels | RemoveNode | RegisterNode | SetNodeStatus,
) -> Answer:
    match command:
        case SetAvailability():
            return nodes.set_availability(state, stamp, command)
        case SetLabels():
            return nodes.set_labels(state, stamp, command)
        case RemoveNode():
            return nodes.remove(state, stamp, command)
        case RegisterNode():
            return nodes.register(state, stamp, command)
        case SetNodeStatus():
            return nodes.set_status(state, stamp, command)
        case _:
            assert_never(command)


def _on_tasks(
    state: State,
    stamp: Stamp,
    command: CreateTasks | StopTasks | LoseTasks | AssignTasks | ReportTasks,
) -> Answer:
    match command:
        case CreateTasks():
            return tasks.create(state, stamp, command)
        case StopTasks():
            return tasks.stop(state, stamp, command)
        case LoseTasks():
            return tasks.lose(state, stamp, command)
        case AssignTasks():
            return tasks.assign(state, stamp, command)
        case ReportTasks():
            return reports.report(state, stamp, command)
        case _:
            assert_never(command)
