"""One replica and its tasks, as a pass finds them."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.state.tables import Replica, Service, State, Task
from orb.ids import ReplicaKey
from orb.lifecycle import Desired
from orb.spec import ServiceSpec, TaskSpec, UpdateOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A replica of a service that exists, and its tasks."""

    service: Service
    replica: Replica
    wanted: tuple[Task, ...] = ()
    """Those that have not ended and are not told to, oldest first."""
    stopping: tuple[Task, ...] = ()
    """Those told to stop that have not ended."""
    ended: tuple[Task, ...] = ()
    """Those that have ended, in the order in which they did."""

    @property
    def number(self) -> int:
        """The replica's number."""
        return self.replica.key.number

    @property
    def last(self) -> Task | None:
        """The task that ended last, of the open revision if there is one of it."""
        opened = [task for task in self.ended if task.revision == self.service.opened]
        return (opened or self.ended or (None,))[-1]

    def count(self, revision: int) -> int:
        """How many wanted tasks of that revision it has."""
        return sum(task.revision == revision for task in self.wanted)


def place(service: Service, replica: Replica, tasks: Sequence[Task]) -> Place:
    """The replica with its *tasks*, oldest first."""
    living = [task for task in tasks if not task.ended]
    ended = [task for task in tasks if task.ended]
    ended.sort(key=lambda task: (task.since, task.id))
    return Place(
        service=service,
        replica=replica,
        wanted=tuple(task for task in living if task.desired is Desired.RUN),
        stopping=tuple(task for task in living if task.desired is Desired.STOP),
        ended=tuple(ended),
    )


def place_of(state: State, service: Service, key: ReplicaKey) -> Place | None:
    """The place *key* of a service, whether at rest or not; None if there is none yet."""
    replica = state.replicas.get(key)
    return None if replica is None else place(service, replica, state.tasks_in(key))


def stops_first(spec: ServiceSpec) -> bool:
    """An old task must have ended before a new one of the same replica may be made."""
    return spec.is_stateful or spec.is_job or spec.update.order is UpdateOrder.STOP_FIRST


def is_asked_for_health(spec: TaskSpec) -> bool:
    """Its readiness means more than that the process runs."""
    return not spec.healthcheck_disabled and (spec.healthcheck is not None or bool(spec.ports))
