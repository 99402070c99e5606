"""Services as people see them: how many there should be, are, and why not."""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.api.look import Filter, Look
from controlplane.api.replicas import message_of
from controlplane.state.tables import Service, Task
from orb.cluster import PublishedView, ServiceView
from orb.ids import ReplicaKey
from orb.lifecycle import Desired, TaskState


@dataclass(slots=True)
class Count:
    """Replicas of one service."""

    desired: int
    running: int = 0
    ready: int = 0
    updated: int = 0
    completed: int = 0
    """Of a job: those whose newest task exited with 0."""
    why: str = ""
    """Of one that is not ready: what its task says."""


def services(look: Look, wanted: Filter) -> Iterator[ServiceView]:
    """The services asked for, by name; each is looked at when it is taken."""
    for key in wanted.services(look.state):
        service = look.state.services.get(key)
        if service is not None and wanted.name in {"", key.service}:
            yield service_view(look, service)


def service_view(look: Look, service: Service) -> ServiceView:
    """One service."""
    spec, count = service.spec, count_of(look, service)
    return ServiceView(
        environment=service.key.environment,
        app=service.key.app,
        name=service.key.service,
        mode=spec.mode.name.lower().replace("_", "-"),
        desired=count.desired,
        running=count.running,
        ready=count.ready,
        release=service.release,
        updated=count.updated,
        image=spec.task.container.image,
        ports=tuple(
            PublishedView(
                target=port.target,
                published=port.published,
                protocol=port.protocol.name.lower(),
                mode=port.mode.name.lower(),
            )
            for port in spec.task.ports
        ),
        message=why_not(service, count),
    )


def count_of(look: Look, service: Service) -> Count:
    """How its replicas are."""
    state = look.state
    numbers = state.replicas_of_service.get(service.key, {})
    count = Count(len(numbers) if service.spec.is_global else service.spec.replicas)
    for number in sorted(numbers):
        tasks = state.tasks_of_replica.get(ReplicaKey(*service.key, number), ())
        if not (len(tasks) == 1 and _is_at_rest(state.tasks[next(iter(tasks))], service, count)):
            _add(look, service, [state.tasks[task] for task in tasks], count)
    return count


def why_not(service: Service, count: Count) -> str:
    """Why it is not as wanted; empty when it is."""
    if service.spec.is_job:
        short = count.desired - count.completed
        return f"{short} of {count.desired} have not completed{_colon(count.why)}" if short else ""
    if service.opened != service.revision and not count.ready:
        return "it waits for the services it depends on"
    short = count.desired - count.ready
    if short > 0:
        return f"{short} of {count.desired} not ready{_colon(count.why)}"
    late = count.desired - count.updated
    return f"{late} of {count.desired} to be updated" if late > 0 else ""


def _is_at_rest(task: Task, service: Service, count: Count) -> bool:
    """Count a replica whose only task is ready and wanted, as nearly all are; False for others."""
    if not task.ready or task.desired is not Desired.RUN or task.state is not TaskState.RUNNING:
        return False
    count.running += 1
    count.ready += 1
    count.updated += task.revision == service.revision
    return True


def _add(look: Look, service: Service, tasks: list[Task], count: Count) -> None:
    is_running = is_ready = is_updated = False
    for task in tasks:
        if task.wanted:
            is_running = is_running or task.state is TaskState.RUNNING
            is_ready = is_ready or task.ready
            is_updated = is_updated or (task.ready and task.revision == service.revision)
    count.running += is_running
    count.ready += is_ready
    count.updated += is_updated
    if service.spec.is_job and tasks:
        newest = tasks[-1]
        count.completed += newest.state is TaskState.STOPPED and newest.desired is Desired.RUN
    if not is_ready and not count.why:
        count.why = next(_reasons(look, tasks), "")


def _reasons(look: Look, tasks: list[Task]) -> Iterator[str]:
    """What the tasks of a replica say, newest first."""
    for task in reversed(tasks):
        message = message_of(look, task)
        if message:
            yield message


def _colon(why: str) -> str:
    return f": {why}" if why else ""
