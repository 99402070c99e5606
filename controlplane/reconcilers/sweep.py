"""The loop over all tasks: nearly all are at rest, and a pass costs little more than this loop."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from controlplane.reconcilers.places import Place, place
from controlplane.reconcilers.suitability import Suitability
from controlplane.state.tables import ENDED_TASKS_PER_REPLICA_MAX, Service, State, Task
from orb.ids import Millis, NodeName, ServiceKey, TaskId
from orb.lifecycle import Availability, Desired, NodeStatus, TaskState
from orb.spec import REPLICAS_MAX, Placement

PROVE_MS: Final = Millis(2_000)
"""How long a task that nothing asks for its health must run before we build on it."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What the loop has found."""

    orphans: list[Task] = field(default_factory=list)
    """Tasks whose service or replica is gone."""
    restless: dict[ServiceKey, list[Place]] = field(default_factory=dict)
    """The places of each service that may need something, by number."""
    filled: dict[ServiceKey, int] = field(default_factory=dict)
    """How many of the numbers that a replicated service wants have had a task."""


@dataclass(slots=True)
class _Norm:
    """What a place of a service is compared with."""

    service: Service
    revision: int
    is_global: bool
    replicas: int
    placement: Placement | None
    """None if it suits every node."""
    filled: int = 0


def sweep(state: State, now: Millis, suitability: Suitability) -> Swept:
    """Sort out the replicas at rest: one wanted task of the right revision that has served for a
    while where it may stay, a short history, and a number that is wanted. They need nothing.
    """
    swept, tasks = Swept(), state.tasks
    norms: dict[tuple[str, ...], _Norm] = {k: _norm(each) for k, each in state.services.items()}
    calm, proven = _calm_nodes(state), now - PROVE_MS
    for key, ids in state.tasks_of_replica.items():
        norm = norms.get(key[:3])
        if norm is None:
            swept.orphans.extend(tasks[task] for task in ids)
            continue
        if key.number <= norm.replicas:
            norm.filled += 1
            task = _only_living(tasks, ids)
            if (
                task is not None
                and task.state is TaskState.RUNNING
                and task.ready_since is not None
                and task.ready_since <= proven
                and task.desired is Desired.RUN
                and task.revision == norm.revision
                and task.node is not None
                and task.node in calm
                and (not norm.is_global or state.replicas[key].home == task.node)
                and (norm.placement is None or suitability.suits(norm.placement, task.node))
            ):
                continue
        _keep(swept, state, norm, [tasks[task] for task in ids])
    for places in swept.restless.values():
        places.sort(key=lambda each: each.number)
    swept.filled.update((norm.service.key, norm.filled) for norm in norms.values())
    return swept


def _norm(service: Service) -> _Norm:
    spec = service.spec
    limit = REPLICAS_MAX if spec.is_global else spec.replicas
    placement = spec.task.placement
    is_picky = bool(placement.constraints or placement.platform)
    return _Norm(service, service.revision, spec.is_global, limit, placement if is_picky else None)


def _calm_nodes(state: State) -> dict[NodeName, None]:
    """The nodes that answer and whose tasks may stay."""
    return {
        name: None
        for name, node in state.nodes.items()
        if node.status is NodeStatus.READY and node.availability is not Availability.DRAINING
    }


def _only_living(tasks: dict[TaskId, Task], ids: Iterable[TaskId]) -> Task | None:
    """The one task that has not ended, if there is just one and the history is short."""
    living = None
    count = 0
    for task_id in ids:
        count += 1
        task = tasks[task_id]
        if not task.ended:
            if living is not None:
                return None
            living = task
    return living if count <= 1 + ENDED_TASKS_PER_REPLICA_MAX else None


def _keep(swept: Swept, state: State, norm: _Norm, tasks: list[Task]) -> None:
    """Take the place in, or the orphans of an earlier service of the same name."""
    key = tasks[0].replica
    replica = state.replicas.get(key)
    if replica is None:
        norm.filled -= key.number <= norm.replicas
        swept.orphans.extend(tasks)
    else:
        found = place(norm.service, replica, tasks)
        swept.restless.setdefault(norm.service.key, []).append(found)
