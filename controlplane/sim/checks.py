"""What must hold at every step of a simulated world, and what must have come true after quiet."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from controlplane.reconcilers.suitability import Suitability
from controlplane.sim.agents import Agent
from controlplane.state import invariants
from controlplane.state.commands import AssignTasks, Single
from controlplane.state.tables import Node, Service, State, Task
from orb.ids import Millis, NodeName, ReplicaKey
from orb.lifecycle import Desired, NodeStatus, ReleaseStatus, TaskState
from orb.spec import PublishMode, TaskSpec

SURPLUS_MAX_MS: Final = 60_000
"""How long two ready copies of a replica that differ in nothing may stay."""


class Violated(AssertionError):
    """A promise is broken. The message says which."""


class Safety:
    """Looks at every entry that is applied, and at what is true on the machines."""

    def __init__(self, agents: Mapping[NodeName, Agent], every: int) -> None:
        self._agents, self._every = agents, every
        self._seen = 0
        self._doubled: dict[ReplicaKey, Millis] = {}

    def after(self, state: State, commands: Sequence[Single], now: Millis) -> None:
        """Raise Violated if the state, or the world, is not as promised."""
        for command in commands:
            if isinstance(command, AssignTasks):
                self._placed(state, command)
        self._seen += 1
        if self._seen % self._every == 0:
            self._whole(state, now)

    def _placed(self, state: State, command: AssignTasks) -> None:
        suitability = Suitability(state.nodes)
        for task_id, name in zip(command.tasks, command.nodes, strict=True):
            task = state.tasks.get(task_id)
            if task is None or task.node != name or task.state is not TaskState.ASSIGNED:
                continue
            spec = state.spec_of(task)
            if not suitability.suits(spec.placement, name):
                raise Violated(f"{_words(task)} is on a node that does not suit it")
            most = spec.placement.max_replicas_per_node
            if most and _replicas_there(state, task, name) > most:
                raise Violated(f"{_words(task)} is one of more than {most} replicas there")

    def _whole(self, state: State, now: Millis) -> None:
        wrong = [*invariants.check(state), *_internal(state), *_shared_data(self._agents)]
        wrong += self._surplus(state, now)
        if wrong:
            raise Violated("; ".join(wrong[:5]))

    def _surplus(self, state: State, now: Millis) -> Iterator[str]:
        """Beyond a stand-in, an update and a drain there is one ready copy, after a short while."""
        doubled = {key: None for key in state.replicas if _has_equal_copies(state, key)}
        self._doubled = {
            key: at for key, at in self._doubled.items() if key in doubled and _is_calm(state)
        }
        for key in doubled:
            since = self._doubled.setdefault(key, now)
            if now - since > SURPLUS_MAX_MS:
                yield f"{key.name} has had two equal ready copies for {(now - since) / 1000:.0f} s"


def _internal(state: State) -> list[str]:
    return [event.message for event in state.events if event.kind == "internal"]


def _shared_data(agents: Mapping[NodeName, Agent]) -> Iterator[str]:
    """No two containers use the data of one replica on one machine."""
    for agent in agents.values():
        users: Counter[ReplicaKey] = Counter()
        for container in agent.containers.values():
            if container.running and container.assignment.spec.named_volumes:
                users[container.assignment.replica] += 1
        for key, count in users.items():
            if count > 1:
                yield f"{count} containers on {agent.name} use the data of {key.name}"


def _has_equal_copies(state: State, key: ReplicaKey) -> bool:
    held = state.tasks_of_replica.get(key, ())
    if len(held) < 2:
        return False
    tasks = [state.tasks[task] for task in held]
    ready = [
        task
        for task in tasks
        if task.wanted
        and task.ready
        and task.node is not None
        and state.nodes[task.node].status is NodeStatus.READY
    ]
    return len(ready) > 1 and len({task.revision for task in ready}) < len(ready)


def _is_calm(state: State) -> bool:
    return state.brake_since is None and all(
        node.status is not NodeStatus.SUSPECT for node in state.nodes.values()
    )


def _replicas_there(state: State, task: Task, name: NodeName) -> int:
    here = state.tasks_at(name)
    mine = {other.replica for other in here if other.replica.owner == task.replica.owner}
    return len(mine)


# --- after quiet ------------------------------------------------------------------------------
def unfinished(state: State, agents: Mapping[NodeName, Agent]) -> list[str]:
    """What has not come true although nothing has gone wrong for a long time."""
    found = [*_unwell(state, agents), *_orphans(state, agents)]
    for service in state.services.values():
        found += _of_service(state, service)
    found += _releases(state)
    for task in state.tasks.values():
        if task.desired is Desired.STOP and not task.ended:
            found.append(f"{_words(task)} was told to stop and has not")
        if task.state is TaskState.NEW:
            found += (f"{_words(task)} could be on {n}" for n in list(_possible(state, task))[:1])
    return found


def _unwell(state: State, agents: Mapping[NodeName, Agent]) -> Iterator[str]:
    if state.brake_since is not None:
        yield "the brake is still on"
    for node in state.nodes.values():
        agent = agents[node.name]
        expected = NodeStatus.READY if agent.up else NodeStatus.DOWN
        if node.status is not expected:
            yield f"{node.name} is {'up' if agent.up else 'off'}, and said to be {node.status.name}"
        if not agent.up:
            yield from (f"{_words(task)} is not given up" for task in state.tasks_at(node.name))


def _orphans(state: State, agents: Mapping[NodeName, Agent]) -> Iterator[str]:
    for agent in agents.values():
        if not agent.up:
            continue
        for container in agent.containers.values():
            task = state.tasks.get(container.assignment.task)
            if container.running and (task is None or task.ended or task.node != agent.name):
                yield f"{agent.name} runs {container.assignment.task}, which should not be"


def _of_service(state: State, service: Service) -> Iterator[str]:
    name = f"{service.key.app}.{service.key.service}"
    if service.opened != service.revision:
        if not _waits_for_others(state, service):
            yield f"{name} was never opened for revision {service.revision}"
        return
    for replica in state.replicas_in(service.key):
        if not service.spec.is_global and replica.key.number > service.spec.replicas:
            held = [task for task in state.tasks_in(replica.key) if not task.ended]
            if held or not service.spec.is_stateful:
                yield f"{name} still has the replica {replica.key.number}"
    keys = list(_wanted_replicas(state, service))
    is_stuck = any(task.state is TaskState.NEW for key in keys for task in state.tasks_in(key))
    for key in keys:
        yield from _of_replica(state, service, key, is_stuck=is_stuck)


def _waits_for_others(state: State, service: Service) -> bool:
    """One that it depends on can find no node, or waits for one that is gone."""
    names = [dependency.service for dependency in service.spec.depends_on]
    others = (task for task in state.tasks.values() if task.replica.service in names)
    return any(task.wanted and _waits_for_its_node(state, task) for task in others)


def _releases(state: State) -> Iterator[str]:
    """A release whose tasks all have a node that answers is done, or has failed."""
    for app in state.apps.values():
        release = state.releases[app.key][app.release]
        tasks = [task for task in state.tasks.values() if task.replica.owner.owner == app.key]
        is_waiting = any(task.wanted and _waits_for_its_node(state, task) for task in tasks)
        if release.status is ReleaseStatus.ROLLING and not is_waiting:
            yield f"release {release.number} of {app.key.app} never ends"


def _wanted_replicas(state: State, service: Service) -> Iterator[ReplicaKey]:
    if not service.spec.is_global:
        for number in range(1, service.spec.replicas + 1):
            yield ReplicaKey(*service.key, number)
        return
    suitability = Suitability(state.nodes)
    homes = {replica.home: replica.key for replica in state.replicas_in(service.key)}
    for node in state.nodes.values():
        if node.schedulable and suitability.suits(service.spec.task.placement, node.name):
            yield homes.get(node.name, ReplicaKey(*service.key, 0))


def _of_replica(
    state: State, service: Service, key: ReplicaKey, *, is_stuck: bool
) -> Iterator[str]:
    """*is_stuck*: one of its replicas finds no node, so that a rollout or drain cannot go on."""
    name = f"{service.key.app}.{key.name}"
    tasks = state.tasks_in(key)
    wanted = [task for task in tasks if task.wanted and task.state is not TaskState.NEW]
    if len(wanted) > 1:
        yield f"{name} has {len(wanted)} tasks"
    elif not wanted:
        is_new = any(task.state is TaskState.NEW for task in tasks)
        if not is_new and not _is_done(service, tasks):
            yield f"{name} has no task"
    elif wanted[0].revision == service.revision or not (is_stuck or _has_failed(state, service)):
        yield from _of_task(state, service, wanted[0])


def _of_task(state: State, service: Service, task: Task) -> Iterator[str]:
    if task.state is not TaskState.RUNNING or not task.ready:
        if not _waits_for_its_node(state, task):
            yield f"{_words(task)} is not ready"
    elif task.revision != service.revision:
        yield f"{_words(task)} is still of revision {task.revision}"


def _is_done(service: Service, tasks: Sequence[Task]) -> bool:
    last = tasks[-1] if tasks else None
    return service.spec.is_job and last is not None and last.state is TaskState.STOPPED


def _waits_for_its_node(state: State, task: Task) -> bool:
    """Its data lies on a node that does not come back."""
    node = state.nodes.get(task.node) if task.node is not None else None
    return node is None or node.status is not NodeStatus.READY


def _has_failed(state: State, service: Service) -> bool:
    app = state.apps[service.key.owner]
    return state.releases[app.key][app.release].status is ReleaseStatus.FAILED


def _possible(state: State, task: Task) -> Iterator[NodeName]:
    """The nodes that have room for it, by the plainest reckoning."""
    spec, suitability = state.spec_of(task), Suitability(state.nodes)
    home = state.replicas[task.replica].home
    for node in state.nodes.values():
        if (
            node.schedulable
            and node.name not in task.avoid
            and home in {None, node.name}
            and spec.reservations.fits(node.facts.capacity - state.reserved[node.name])
            and suitability.suits(spec.placement, node.name)
            and _has_place(state, spec, task, node)
        ):
            yield node.name


def _has_place(state: State, spec: TaskSpec, task: Task, node: Node) -> bool:
    most = spec.placement.max_replicas_per_node
    if most and _replicas_there(state, task, node.name) >= most:
        return False
    ports = [port.published for port in spec.ports if port.mode is PublishMode.HOST]
    if not ports:
        return True
    others = (state.spec_of(other) for other in state.tasks_at(node.name))
    taken = [port.published for other in others for port in other.ports]
    return not any(port in taken for port in ports)


def _words(task: Task) -> str:
    where = f" on {task.node}" if task.node else ""
    return f"{task.replica.app}.{task.replica.name} ({task.state.name}{where}, task {task.id})"
