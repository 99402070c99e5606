"""Make before break: without faults, whoever was served once is served until nobody wants it."""

from collections.abc import Iterator

from controlplane.sim.checks import Violated
from controlplane.state.tables import Service, State
from orb.ids import Millis, ReplicaKey
from orb.spec import UpdateOrder


class Served:
    """Remembers which replicas have had a ready task, and looks whether they still have one."""

    def __init__(self) -> None:
        self._served: dict[ReplicaKey, None] = {}

    def after(self, state: State) -> None:
        """Raise Violated if a replica has lost its last ready task and is still asked for."""
        ready = {key: _is_served(state, key, since) for key, since in _replicas(state)}
        for key in self._served:
            if not ready.get(key, True):
                raise Violated(f"{key.app}.{key.name} was served, and is not")
        self._served = {key: None for key, is_ready in ready.items() if is_ready}


def _is_served(state: State, key: ReplicaKey, since: Millis) -> bool:
    """A task from before *since* is of an app of the same name that was deleted."""
    return any(task.ready and task.created_at >= since for task in state.tasks_in(key))


def _replicas(state: State) -> Iterator[tuple[ReplicaKey, Millis]]:
    for service in state.services.values():
        if _is_promised(service):
            for number in range(1, service.spec.replicas + 1):
                yield ReplicaKey(*service.key, number), service.created_at


def _is_promised(service: Service) -> bool:
    """A new task may be beside the old one."""
    spec = service.spec
    stops_first = spec.is_stateful or spec.update.order is UpdateOrder.STOP_FIRST
    return not (spec.is_global or spec.is_job or stops_first)
