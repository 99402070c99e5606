"""Everything about one thing, and why it is as it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import assert_never

from controlplane.api.look import Filter, Look
from controlplane.api.names import Asked, resolve
from controlplane.api.nodes import node_view
from controlplane.api.releases import events, releases
from controlplane.api.replicas import next_of, replica_view, replicas, task_views
from controlplane.api.services import service_view, services
from controlplane.scheduler import explain_task
from controlplane.state.tables import Service, State, Task
from orb.cluster import EventView, NodeView, ReleaseView, ReplicaView, ServiceView, TaskView
from orb.ids import AppKey, NodeName, ReplicaKey, ServiceKey
from orb.lifecycle import Availability, NodeStatus
from orb.spec import AppSpec

EVENTS_SHOWN = 20
EXPLANATIONS_MAX = 5
"""Waiting replicas of a service that are explained one by one; the others wait for the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What was found, and of which kind it is."""

    kind: str
    nodes: tuple[NodeView, ...] = ()
    services: tuple[ServiceView, ...] = ()
    replicas: tuple[ReplicaView, ...] = ()
    tasks: tuple[TaskView, ...] = ()
    releases: tuple[ReleaseView, ...] = ()
    events: tuple[EventView, ...] = ()
    spec: AppSpec | None = None
    explanation: tuple[str, ...] = ()


def describe(look: Look, asked: Asked) -> Description:
    """Describe what has that name. Raises NotFound, or InvalidInput if several things have it."""
    meaning = resolve(look.state, asked)
    match meaning.key:
        case ReplicaKey():
            return _replica(look, meaning.key)
        case ServiceKey():
            return _service(look, look.state.services[meaning.key])
        case AppKey():
            return _app(look, meaning.key)
        case str():
            return _node(look, NodeName(meaning.key))
        case _:
            assert_never(meaning.key)


def _replica(look: Look, key: ReplicaKey) -> Description:
    tasks = look.state.tasks_in(key)
    asked = Filter(
        environment=key.environment,
        app=key.app,
        service=key.service,
        name=str(key.number),
        limit=EVENTS_SHOWN,
    )
    return Description(
        kind="replica",
        services=(service_view(look, look.state.services[key.owner]),),
        replicas=(replica_view(look, key),),
        tasks=task_views(look, tasks),
        events=events(look, asked),
        explanation=tuple(_of_replica(look, key)),
    )


def _service(look: Look, service: Service) -> Description:
    key = service.key
    asked = Filter(
        environment=key.environment, app=key.app, service=key.service, limit=EVENTS_SHOWN
    )
    release = look.state.releases[key.owner][look.state.apps[key.owner].release]
    return Description(
        kind="service",
        services=(service_view(look, service),),
        replicas=tuple(replicas(look, asked)),
        releases=tuple(releases(look, Filter(environment=key.environment, app=key.app))),
        events=events(look, asked),
        spec=replace(release.spec, services=(service.spec,)),
        explanation=tuple(_of_service(look, service)),
    )


def _app(look: Look, key: AppKey) -> Description:
    asked = Filter(environment=key.environment, app=key.app, limit=EVENTS_SHOWN)
    return Description(
        kind="app",
        services=tuple(services(look, asked)),
        replicas=tuple(replicas(look, asked)),
        releases=tuple(releases(look, asked)),
        events=events(look, asked),
        spec=look.state.releases[key][look.state.apps[key].release].spec,
        explanation=tuple(
            f"{view.name}: {view.message}" for view in services(look, asked) if view.message
        ),
    )


def _node(look: Look, name: NodeName) -> Description:
    asked = Filter(node=name, limit=EVENTS_SHOWN)
    return Description(
        kind="node",
        nodes=(node_view(look, look.state.nodes[name]),),
        replicas=tuple(replicas(look, asked)),
        events=events(look, asked),
        explanation=tuple(_of_node(look, name)),
    )


def _of_tasks(state: State, tasks: Sequence[Task]) -> Iterator[str]:
    for task in tasks:
        if task.wanted:
            why = f" (made for: {task.reason})" if task.reason not in {"", "new"} else ""
            verb = "waits:" if task.node is None else "is"
            yield f"{task.replica.name} {verb} {explain_task(state, task.id)}{why}"


def _of_replica(look: Look, key: ReplicaKey) -> Iterator[str]:
    tasks = look.state.tasks_in(key)
    yield from _of_tasks(look.state, tasks)
    if (what := next_of(look, key)) and not any(task.wanted for task in tasks):
        yield f"{key.name}: {what}"


def _of_service(look: Look, service: Service) -> Iterator[str]:
    state = look.state
    if service.opened != service.revision:
        names = ", ".join(one.service for one in service.spec.depends_on)
        yield f"it starts once what it depends on is there: {names}"
    waiting = [
        task
        for replica in state.replicas_in(service.key)
        for task in state.tasks_in(replica.key)
        if task.wanted and task.node is None
    ]
    yield from _of_tasks(state, waiting[:EXPLANATIONS_MAX])
    if len(waiting) > EXPLANATIONS_MAX:
        yield f"and {len(waiting) - EXPLANATIONS_MAX} more wait"
    idle = (
        f"{one.key.name}: {what}"
        for one in state.replicas_in(service.key)
        if (what := next_of(look, one.key))
    )
    yield from islice(idle, EXPLANATIONS_MAX)


def _of_node(look: Look, name: NodeName) -> Iterator[str]:
    node = look.state.nodes[name]
    if node.status is NodeStatus.SUSPECT:
        yield "it has missed its heartbeats: nothing new goes there, stand-ins take over"
    elif node.status is NodeStatus.DOWN:
        yield "it is silent for so long that its tasks are taken to be lost"
    if node.availability is Availability.CORDONED:
        yield "nothing new goes there: a person has cordoned it"
    elif node.availability is Availability.DRAINING:
        yield "its tasks move away: a person drains it"
    if node.facts.trouble:
        yield f"nothing new goes there: {node.facts.trouble}"
    if node.squeezed:
        yield "its machine has shrunk below what its tasks reserve"
