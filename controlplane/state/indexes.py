"""The derived tables: kept in step with every change of a record, or derived afresh in whole."""

from collections.abc import Hashable
from dataclasses import replace
from typing import TypeVar

from controlplane.state import blobs
from controlplane.state.tables import Node, Replica, Service, SpecKey, State, Task
from orb.ids import NodeName, ReplicaKey
from orb.lifecycle import TaskState
from orb.resources import Resources

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


def put_task(state: State, task: Task) -> None:
    """Store a task, new or changed, and all that follows from it. Its spec and node must exist."""
    old = state.tasks.get(task.id)
    state.tasks[task.id] = task
    if old is None:
        _link(state, task)
    elif old.state is TaskState.NEW and task.state is not TaskState.NEW:
        del state.unplaced[task.id]
    held = None if old is None or old.ended else old.node
    holds = None if task.ended else task.node
    if held != holds:
        _let_go(state, task, held)
        _hold(state, task, holds)
    elif holds is not None and old is not None and old.desired is not task.desired:
        state.assigned_at[holds] = state.index


def drop_task(state: State, task: Task) -> None:
    """Forget a task, and its spec if nothing else uses that."""
    del state.tasks[task.id]
    _forget(state.tasks_of_replica, task.replica, task.id)
    state.unplaced.pop(task.id, None)
    if not task.ended:
        _let_go(state, task, task.node)
    key = spec_key(task)
    state.tasks_of_spec[key] -= 1
    if not state.tasks_of_spec[key]:
        del state.tasks_of_spec[key]
        drop_unused_spec(state, key)


def drop_unused_spec(state: State, key: SpecKey) -> None:
    """Forget a task spec that no task runs, and that no service wants or is opened for."""
    service = state.services.get(key[0])
    wanted = service is not None and key[1] in {service.revision, service.opened}
    if key in state.specs and key not in state.tasks_of_spec and not wanted:
        blobs.let_go(state, blobs.of_task(state.specs.pop(key)))
        _forget(state.revisions_of_service, *key)


def put_service(state: State, service: Service) -> None:
    """Store a service, new or changed, with the spec of its tasks."""
    old = state.services.get(service.key)
    state.services[service.key] = service
    state.services_of_app.setdefault(service.key.owner, {})[service.key.service] = None
    if (service.key, service.revision) not in state.specs:
        blobs.refer(state, blobs.of_task(service.spec.task))
    state.specs[service.key, service.revision] = service.spec.task
    state.revisions_of_service.setdefault(service.key, {})[service.revision] = None
    if old is not None:
        drop_unused_spec(state, (old.key, old.revision))
        drop_unused_spec(state, (old.key, old.opened))


def drop_service(state: State, service: Service) -> None:
    """Forget a service and its replicas. Its tasks stay until they are reaped, with their specs."""
    for replica in state.replicas_in(service.key):
        drop_replica(state, replica.key)
    del state.services[service.key]
    _forget(state.services_of_app, service.key.owner, service.key.service)
    drop_unused_spec(state, (service.key, service.revision))
    drop_unused_spec(state, (service.key, service.opened))


def put_replica(state: State, replica: Replica) -> None:
    """Store a replica, new or changed."""
    state.replicas[replica.key] = replica
    state.replicas_of_service.setdefault(replica.key.owner, {})[replica.key.number] = None


def drop_replica(state: State, key: ReplicaKey) -> None:
    """Forget a replica; its tasks are another matter."""
    del state.replicas[key]
    _forget(state.replicas_of_service, key.owner, key.number)


def put_node(state: State, node: Node) -> None:
    """Store a node, new or changed."""
    state.nodes[node.name] = node
    state.reserved.setdefault(node.name, Resources())


def drop_node(state: State, name: NodeName) -> None:
    """Forget a node. All its tasks must have ended."""
    del state.nodes[name]
    state.reserved.pop(name, None)
    state.assigned_at.pop(name, None)


def spec_key(task: Task) -> SpecKey:
    """Under which the spec of the task is stored."""
    return task.replica.owner, task.revision


def rebuild(state: State) -> None:
    """Derive every derived table afresh from the others."""
    state.tasks_of_replica = {}
    state.tasks_on_node = {}
    state.tasks_of_spec = {}
    state.unplaced = {}
    state.replicas_of_service = {}
    state.services_of_app = {}
    state.revisions_of_service = {}
    state.reserved = {name: Resources() for name in state.nodes}
    state.assigned_at = dict.fromkeys(state.nodes, state.index)
    blobs.count(state)
    for service in state.services.values():
        state.services_of_app.setdefault(service.key.owner, {})[service.key.service] = None
    for key, revision in state.specs:
        state.revisions_of_service.setdefault(key, {})[revision] = None
    for replica in state.replicas.values():
        put_replica(state, replica)
    tasks, state.tasks = state.tasks, {}
    for task in tasks.values():
        put_task(state, task)


def _link(state: State, task: Task) -> None:
    state.tasks_of_replica.setdefault(task.replica, {})[task.id] = None
    key = spec_key(task)
    state.tasks_of_spec[key] = state.tasks_of_spec.get(key, 0) + 1
    if task.state is TaskState.NEW:
        state.unplaced[task.id] = None


def _hold(state: State, task: Task, node: NodeName | None) -> None:
    if node is None:
        return
    state.tasks_on_node.setdefault(node, {})[task.id] = None
    state.reserved[node] += state.spec_of(task).reservations
    state.assigned_at[node] = state.index


def _let_go(state: State, task: Task, node: NodeName | None) -> None:
    if node is None:
        return
    _forget(state.tasks_on_node, node, task.id)
    state.reserved[node] -= state.spec_of(task).reservations
    state.assigned_at[node] = state.index
    here = state.nodes[node]
    if here.squeezed and state.reserved[node].fits(here.facts.capacity):
        state.nodes[node] = replace(here, squeezed=False)


def _forget(table: dict[K, dict[V, None]], key: K, item: V) -> None:
    """Take *item* out, and the whole row with the last one."""
    row = table[key]
    del row[item]
    if not row:
        del table[key]
