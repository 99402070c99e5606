"""Which tasks a person means who wants output or a command."""

from controlplane.api.look import Look
from controlplane.api.names import Asked, resolve
from controlplane.api.replicas import main_task, message_of, state_word
from controlplane.state.tables import State, Task
from orb.errors import Conflict, InvalidInput
from orb.ids import AppKey, ReplicaKey, ServiceKey
from orb.lifecycle import TaskState


def replicas_of(state: State, asked: Asked) -> list[ReplicaKey]:
    """The replicas of what has that name. Raises NotFound, InvalidInput."""
    key = resolve(state, asked).key
    match key:
        case ReplicaKey():
            return [key]
        case ServiceKey():
            return [replica.key for replica in state.replicas_in(key)]
        case AppKey():
            names = sorted(state.services_of_app.get(key, ()))
            services = [ServiceKey(*key, name) for name in names]
            return [replica.key for one in services for replica in state.replicas_in(one)]
        case _:
            raise InvalidInput(
                f"{asked.name} is a node", remedy="name a service, a replica or an app"
            )


def with_output(state: State, replica: ReplicaKey) -> list[Task]:
    """The tasks of a replica whose output a person wants: those that run, else the last one that
    has ended. One that never ran has none; what an older one wrote would only mislead."""
    tasks = [task for task in state.tasks_in(replica) if task.node is not None]
    alive = [task for task in tasks if not task.ended and task.state >= TaskState.RUNNING]
    ended = [task for task in tasks if task.ended and task.state is not TaskState.LOST]
    return alive or [task for task in ended[-1:] if task.started_at is not None]


def running(look: Look, asked: Asked) -> Task:
    """The task in which a command can run. Raises NotFound, InvalidInput, Conflict."""
    keys = replicas_of(look.state, asked)
    mains = [main_task(look.state, look.state.tasks_in(key)) for key in keys]
    found = [task for task in mains if task is not None and task.state is TaskState.RUNNING]
    found.sort(key=lambda task: (not task.ready, task.replica))
    if found:
        return found[0]
    first = next((task for task in mains if task is not None), None)
    if first is None:
        raise Conflict(f"{asked.name} has no task", remedy="`orbctl get services` shows why")
    why = message_of(look, first)
    raise Conflict(
        f"{first.replica.name} does not run: it is {state_word(first)}{f', {why}' if why else ''}",
        remedy=f"`orbctl describe {first.replica.name}` tells more",
    )
