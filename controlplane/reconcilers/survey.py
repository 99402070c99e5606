"""What one pass sees: the view, and every replica that is not at rest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from controlplane.reconcilers.suitability import Suitability
from controlplane.state.tables import (
    ENDED_TASKS_PER_REPLICA_MAX,
    Node,
    Replica,
    Service,
    State,
    Task,
    View,
)
from orb.ids import Millis, ReplicaKey, ServiceKey
from orb.lifecycle import Availability, Desired, NodeStatus, ReleaseStatus, TaskState
from orb.spec import ServiceSpec, TaskSpec, UpdateOrder

PROVE_MS: Final = Millis(2_000)
"""How long a task that nothing asks for its health must run before we build on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One replica and its tasks, as a pass finds them."""

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
        """The task that ended last."""
        return self.ended[-1] if self.ended else None

    def count(self, revision: int) -> int:
        """How many wanted tasks of that revision it has."""
        return sum(task.revision == revision for task in self.wanted)


@dataclass(frozen=True)
class Survey:
    """The view, and what a sweep over it has found. Every reconciler of a pass gets the same."""

    view: View
    now: Millis
    suitability: Suitability

    @property
    def state(self) -> State:
        """What the cluster has agreed on."""
        return self.view.state

    @cached_property
    def orphans(self) -> Sequence[Task]:
        """Tasks whose service or replica is gone, oldest first."""
        return self._swept[0]

    @cached_property
    def restless(self) -> Mapping[ServiceKey, Sequence[Place]]:
        """The places of each service that are not at rest, by number; services at rest are out."""
        return self._swept[1]

    @cached_property
    def untried(self) -> Mapping[ServiceKey, Sequence[int]]:
        """The numbers that a replicated service wants and that have no task, nor an ended one."""
        state, filled = self.state, self._swept[2]
        return {
            key: _untried(state, service)
            for key, service in state.services.items()
            if not service.spec.is_global and filled.get(key, 0) < service.spec.replicas
        }

    @cached_property
    def _swept(self) -> tuple[list[Task], dict[ServiceKey, list[Place]], dict[ServiceKey, int]]:
        """Orphans, restless places, and how many of the wanted numbers have tasks."""
        state = self.state
        orphans: list[Task] = []
        restless: dict[ServiceKey, list[Place]] = {}
        filled: dict[ServiceKey, int] = {}
        for key, ids in state.tasks_of_replica.items():
            tasks = [state.tasks[task] for task in ids]
            owner = key.owner
            service, replica = state.services.get(owner), state.replicas.get(key)
            if service is None or replica is None:
                orphans += tasks
                continue
            if key.number <= service.spec.replicas:
                filled[owner] = filled.get(owner, 0) + 1
            if not self._at_rest(service, replica, tasks):
                restless.setdefault(owner, []).append(_place(service, replica, tasks))
        for places in restless.values():
            places.sort(key=lambda place: place.number)
        return orphans, restless, filled

    def _at_rest(self, service: Service, replica: Replica, tasks: list[Task]) -> bool:
        """One wanted task, of the right revision, proven, where it may stay; a short history."""
        living = [task for task in tasks if not task.ended]
        return (
            len(living) == 1
            and len(tasks) <= 1 + ENDED_TASKS_PER_REPLICA_MAX
            and living[0].revision == service.revision
            and living[0].desired is Desired.RUN
            and self.is_proven(living[0])
            and self.keeps(service, replica)
            and not self.is_leaving(living[0])
        )

    # --- what is true of a task ---------------------------------------------------------------
    def node_of(self, task: Task) -> Node | None:
        """The node that a task is on, if it has one that still exists."""
        return None if task.node is None else self.state.nodes.get(task.node)

    def is_proven(self, task: Task) -> bool:
        """It serves, and what is known of its health says that it will go on."""
        if task.state is not TaskState.RUNNING or not task.ready or task.ready_since is None:
            return False
        node = self.node_of(task)
        if node is None or node.status is not NodeStatus.READY:
            return False
        return self.now - task.ready_since >= self._proof_ms(task)

    def is_leaving(self, task: Task) -> bool:
        """Its node is being drained, or does not satisfy its constraints any more."""
        node = self.node_of(task)
        if node is None:
            return False
        if node.availability is Availability.DRAINING:
            return True
        return not self.suitability.suits(self.state.spec_of(task).placement, node.name)

    def _proof_ms(self, task: Task) -> int:
        service = self.state.services.get(task.replica.owner)
        if service is None or is_asked_for_health(self.state.spec_of(task)):
            return 0
        return min(PROVE_MS, service.spec.update.monitor_ms)

    # --- what is true of a service and its replicas -------------------------------------------
    def keeps(self, service: Service, replica: Replica) -> bool:
        """Whether the service wants this replica at all."""
        if not service.spec.is_global:
            return replica.key.number <= service.spec.replicas
        if replica.home is None:
            return False
        node = self.state.nodes.get(replica.home)
        return (
            node is not None
            and node.availability is not Availability.DRAINING
            and self.suitability.suits(service.spec.task.placement, node.name)
        )

    def may_start(self, service: Service, replica: Replica) -> bool:
        """Whether a new task of this replica is of use now: a global one needs its node."""
        if not service.spec.is_global:
            return True
        node = None if replica.home is None else self.state.nodes.get(replica.home)
        return node is not None and node.schedulable

    def kept_places(self) -> Iterator[Place]:
        """The restless places that their services want."""
        for places in self.restless.values():
            for place in places:
                if self.keeps(place.service, place.replica):
                    yield place

    def is_held(self, service: Service) -> bool:
        """Its app's current release has failed: what still runs an older revision stays."""
        app = self.state.apps.get(service.key.owner)
        if app is None:
            return False
        release = self.state.releases.get(app.key, {}).get(app.release)
        return release is not None and release.status is ReleaseStatus.FAILED


def look(view: View, now: Millis) -> Survey:
    """What a pass at *now* sees."""
    return Survey(view, now, Suitability(view.state.nodes))


def stops_first(spec: ServiceSpec) -> bool:
    """An old task must have ended before a new one of the same replica may be made."""
    return spec.is_stateful or spec.is_job or spec.update.order is UpdateOrder.STOP_FIRST


def is_asked_for_health(spec: TaskSpec) -> bool:
    """Its readiness means more than that the process runs."""
    return not spec.healthcheck_disabled and (spec.healthcheck is not None or bool(spec.ports))


def place_of(state: State, service: Service, key: ReplicaKey) -> Place | None:
    """A replica and its tasks, whether at rest or not."""
    replica = state.replicas.get(key)
    return None if replica is None else _place(service, replica, state.tasks_in(key))


def _place(service: Service, replica: Replica, tasks: Sequence[Task]) -> Place:
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


def _untried(state: State, service: Service) -> list[int]:
    key = service.key
    return [
        number
        for number in range(1, service.spec.replicas + 1)
        if not state.tasks_of_replica.get(ReplicaKey(*key, number))
    ]
