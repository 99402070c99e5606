"""What must be true of every state, whatever was applied: checked by tests and simulation."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields

from controlplane.state import blobs, indexes
from controlplane.state.commands import COPIES_MAX
from controlplane.state.tables import (
    BLOBS_BYTES_MAX,
    CLIENTS_MAX,
    EVENTS_MAX,
    FAILURES_PER_REPLICA_MAX,
    RELEASES_PER_APP_MAX,
    TASKS_MAX,
    App,
    Replica,
    State,
    Task,
)
from orb.contents import digest_of
from orb.ids import ServiceKey
from orb.lifecycle import TaskState
from orb.spec import AppSpec

_DERIVED = (
    "tasks_of_replica",
    "tasks_on_node",
    "replicas_of_service",
    "services_of_app",
    "unplaced",
    "reserved",
    "tasks_of_spec",
    "revisions_of_service",
    "blob_uses",
)


def check(state: State) -> list[str]:
    """What is wrong with the state, a line each; empty if it is sound."""
    return list(_derived(state)) or [  # the others read the derived tables
        *_apps(state),
        *_specs(state),
        *_replicas(state),
        *_tasks(state),
        *_nodes(state),
        *_contents(state),
        *_bounds(state),
    ]


def _apps(state: State) -> Iterator[str]:
    if state.apps.keys() != state.releases.keys():
        yield "apps and releases are not of the same apps"
    for app in state.apps.values():
        for what in _of_app(state, app):
            yield f"app {app.key}: {what}"
    for service in state.services.values():
        owner = state.apps.get(service.key.owner)
        if owner is None:
            yield f"service {service.key}: its app does not exist"
        elif not service.revision <= service.release <= owner.release:
            yield f"service {service.key}: revision and release are out of order"


def _of_app(state: State, app: App) -> Iterator[str]:
    if app.key.environment not in state.environments:
        yield "its environment does not exist"
    release = state.releases.get(app.key, {}).get(app.release)
    if release is None:
        yield f"its current release {app.release} does not exist"
        return
    names = state.services_of_app.get(app.key, ())
    mine = {name: state.services[ServiceKey(*app.key, name)].spec for name in names}
    if mine != {service.name: service for service in release.spec.services}:
        yield "its services are not those of its current release"


def _specs(state: State) -> Iterator[str]:
    for service in state.services.values():
        if state.specs.get((service.key, service.revision)) != service.spec.task:
            yield f"service {service.key}: its task spec is not stored under its revision"
        if service.opened and (service.key, service.opened) not in state.specs:
            yield f"service {service.key}: the spec that it is opened for does not exist"
    for key, revision in state.specs:
        service_of = state.services.get(key)
        wanted = service_of is not None and revision in {service_of.revision, service_of.opened}
        if not wanted and not state.tasks_of_spec.get((key, revision)):
            yield f"spec {key} {revision}: nothing uses it"


def _replicas(state: State) -> Iterator[str]:
    for replica in state.replicas.values():
        for what in _of_replica(state, replica):
            yield f"replica {replica.key}: {what}"


def _of_replica(state: State, replica: Replica) -> Iterator[str]:
    if replica.key.owner not in state.services:
        yield "its service does not exist"
    if len(replica.failures) != len(replica.failed_on):
        yield "failures and places are not in step"
    if len(replica.failures) > FAILURES_PER_REPLICA_MAX:
        yield "it remembers too many failures"
    tasks = state.tasks_in(replica.key)
    copies = Counter(task.revision for task in tasks if task.wanted)
    if any(count > COPIES_MAX for count in copies.values()):
        yield f"more than {COPIES_MAX} wanted tasks of one revision"
    placed = [task for task in tasks if task.node is not None and not task.ended]
    if sum(bool(state.spec_of(task).named_volumes) for task in placed) > 1:
        yield "more than one task with its volumes holds a node"


def _tasks(state: State) -> Iterator[str]:
    for task in state.tasks.values():
        for what in _of_task(state, task):
            yield f"task {task.id} of {task.replica}: {what}"


def _of_task(state: State, task: Task) -> Iterator[str]:
    if indexes.spec_key(task) not in state.specs:
        yield "its spec does not exist"
    if task.wanted and task.replica not in state.replicas:
        yield "it is wanted in a replica that does not exist"
    placed = task.state not in {TaskState.NEW, TaskState.STOPPED}
    if (task.state is TaskState.NEW and task.node is not None) or (placed and task.node is None):
        yield f"it is {task.state.name} with the node {task.node}"
    if task.node is not None and not task.ended and task.node not in state.nodes:
        yield f"its node {task.node} does not exist"
    if task.node in task.avoid:
        yield "it is on a node that it must avoid"
    if task.ready and task.state is not TaskState.RUNNING:
        yield f"it is ready but {task.state.name}"
    if task.ready is not (task.ready_since is not None):
        yield "ready and ready_since do not agree"


def _nodes(state: State) -> Iterator[str]:
    for node in state.nodes.values():
        fits = state.reserved[node.name].fits(node.facts.capacity)
        if fits is node.squeezed:
            held = state.reserved[node.name]
            yield f"node {node.name}: squeezed={node.squeezed}, but {held} of its capacity is held"


def _contents(state: State) -> Iterator[str]:
    if state.blobs.keys() != state.blob_uses.keys():
        lost = [digest for digest in state.blob_uses if digest not in state.blobs]
        idle = [digest for digest in state.blobs if digest not in state.blob_uses]
        yield f"contents are referred to and not kept: {lost}, or kept for nothing: {idle}"
    if any(digest_of(content) != digest for digest, content in state.blobs.items()):
        yield "a content is not what its digest says"
    if sum(map(len, state.blobs.values())) > BLOBS_BYTES_MAX:
        yield "too much is kept of configs and secrets"
    for releases in state.releases.values():
        for release in releases.values():
            if set(_seen(release.spec)) - set(blobs.of_app(release.spec)):
                what = f"release {release.number} of {release.app}"
                yield f"{what}: a service sees a config or secret that the app has not"


def _seen(spec: AppSpec) -> Iterator[str]:
    for service in spec.services:
        yield from blobs.of_task(service.task)


def _bounds(state: State) -> Iterator[str]:
    if len(state.events) > EVENTS_MAX:
        yield "too many events"
    numbers = [event.sequence for event in state.events]
    first = state.events_seen - min(state.events_seen, EVENTS_MAX) + 1
    if numbers != list(range(first, state.events_seen + 1)):
        yield "the events are not numbered without gaps"
    if len(state.clients) > CLIENTS_MAX:
        yield "too many clients"
    if len(state.tasks) > TASKS_MAX:
        yield "too many tasks"
    for key, releases in state.releases.items():
        if len(releases) > RELEASES_PER_APP_MAX:
            yield f"app {key}: too many releases"


def _derived(state: State) -> Iterator[str]:
    """Compare with what a restore would derive; the order within a row does not count."""
    fresh = State()
    for field in fields(State):
        if field.name not in _DERIVED:
            setattr(fresh, field.name, getattr(state, field.name))
    fresh.tasks = dict(state.tasks)
    fresh.nodes = dict(state.nodes)
    try:
        indexes.rebuild(fresh)
    except KeyError as missing:
        yield f"the derived tables cannot be derived: {missing} does not exist"
        return
    for name in _DERIVED:
        if getattr(fresh, name) != getattr(state, name):
            yield f"{name} is not what the other tables say"
    if list(fresh.unplaced) != list(state.unplaced):
        yield "unplaced is out of order"
