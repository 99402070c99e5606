"""What one pass sees: the view, what a sweep over it has found, and what is true of its parts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from controlplane.reconcilers.places import Place, is_asked_for_health
from controlplane.reconcilers.suitability import Suitability
from controlplane.reconcilers.sweep import PROVE_MS, Swept, sweep
from controlplane.state.tables import Node, Replica, Service, State, Task, View
from orb.ids import Millis, NodeName, ReplicaKey, ServiceKey
from orb.lifecycle import Availability, NodeStatus, ReleaseStatus, TaskState


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
    def swept(self) -> Swept:
        """What needs a closer look."""
        return sweep(self.state, self.now, self.suitability)

    @property
    def restless(self) -> Mapping[ServiceKey, Sequence[Place]]:
        """The places of each service that are not at rest, by number; services at rest are out."""
        return self.swept.restless

    @cached_property
    def kept(self) -> Mapping[ServiceKey, Sequence[Place]]:
        """Of the restless places those that their services want."""
        return {
            key: [place for place in places if self.keeps(place.service, place.replica)]
            for key, places in self.restless.items()
        }

    @cached_property
    def drains(self) -> bool:
        """Whether any node is being drained."""
        nodes = self.state.nodes.values()
        return any(node.availability is Availability.DRAINING for node in nodes)

    @cached_property
    def silent(self) -> Mapping[NodeName, None]:
        """The nodes that do not answer."""
        nodes = self.state.nodes.values()
        return {node.name: None for node in nodes if node.status is not NodeStatus.READY}

    @cached_property
    def untried(self) -> Mapping[ServiceKey, Sequence[int]]:
        """The numbers that a replicated service wants and that have no task, nor an ended one."""
        state, filled = self.state, self.swept.filled
        return {
            key: _untried(state, service)
            for key, service in state.services.items()
            if not service.spec.is_global and filled.get(key, 0) < service.spec.replicas
        }

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

    def has_other_node(self, service: Service, than: Sequence[NodeName]) -> bool:
        """Whether another node takes new tasks and suits the service, whatever room it has."""
        placement = service.spec.task.placement
        return any(
            node.schedulable and name not in than and self.suitability.suits(placement, name)
            for name, node in self.state.nodes.items()
        )

    def kept_places(self) -> Iterator[Place]:
        """All of `kept`."""
        return chain.from_iterable(self.kept.values())

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


def _untried(state: State, service: Service) -> list[int]:
    """The numbers without a replica, or whose replica has no task, not even an ended one."""
    keys = [ReplicaKey(*service.key, number) for number in range(1, service.spec.replicas + 1)]
    return [
        key.number
        for key in keys
        if key not in state.replicas or not state.tasks_of_replica.get(key)
    ]
