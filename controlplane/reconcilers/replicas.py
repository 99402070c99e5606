"""As many replicas as the spec says: numbers that are missing get tasks, numbers too many stop."""

from collections.abc import Iterator, Sequence

from controlplane.reconcilers.places import Place
from controlplane.reconcilers.survey import Survey
from controlplane.state.commands import CreateTasks, StopTasks
from controlplane.state.tables import Replica, Service, Task
from orb.ids import NodeName, TaskId
from orb.lifecycle import Availability, TaskState


def replicas(survey: Survey) -> Iterator[CreateTasks | StopTasks]:
    """Give every service the replicas it asks for, and no more."""
    yield from _untried_numbers(survey)
    yield from _nodes_without(survey)
    yield from _surplus(survey)


def _untried_numbers(survey: Survey) -> Iterator[CreateTasks]:
    for key, numbers in survey.untried.items():
        service = survey.state.services[key]
        if service.opened and numbers:
            yield CreateTasks(
                service=key, revision=service.opened, numbers=tuple(numbers), reason="new"
            )


def _nodes_without(survey: Survey) -> Iterator[CreateTasks]:
    """A replica for every node that suits a global service: a new one, or one without tasks."""
    for service in survey.state.services.values():
        if not service.spec.is_global or not service.opened:
            continue
        known = survey.state.replicas_in(service.key)
        homes = {each.home: each for each in known if each.home is not None}
        free = _free_numbers(known)
        for node in survey.state.nodes.values():
            replica = homes.get(node.name)
            if replica is not None and survey.state.tasks_of_replica.get(replica.key):
                continue
            if node.schedulable and survey.suitability.suits(
                service.spec.task.placement, node.name
            ):
                number = next(free) if replica is None else replica.key.number
                yield _at_home(service, number, node.name)


def _at_home(service: Service, number: int, home: NodeName) -> CreateTasks:
    return CreateTasks(
        service=service.key,
        revision=service.opened,
        numbers=(number,),
        reason=f"new on {home}",
        home=home,
    )


def _free_numbers(known: Sequence[Replica]) -> Iterator[int]:
    taken = {replica.key.number: None for replica in known}
    number = 0
    while True:
        number += 1
        if number not in taken:
            yield number


def _surplus(survey: Survey) -> Iterator[StopTasks]:
    reasons: dict[str, list[TaskId]] = {}
    for places in survey.restless.values():
        for place in places:
            for why, task in _surplus_of(survey, place):
                reasons.setdefault(why, []).append(task.id)
    orphans = [task.id for task in survey.swept.orphans if task.wanted]
    if orphans:
        reasons["its service was deleted"] = orphans
    for why, tasks in reasons.items():
        yield StopTasks(tasks=tuple(tasks), reason=why)


def _surplus_of(survey: Survey, place: Place) -> Iterator[tuple[str, Task]]:
    """What is not asked for, and what only waits for the node of a global replica.

    That is made again when the node takes tasks; meanwhile it would look like a step of a rollout
    that is not done, and hold up all others.
    """
    keeps = survey.keeps(place.service, place.replica)
    may_start = survey.may_start(place.service, place.replica)
    for task in place.wanted:
        if not keeps:
            yield _why_surplus(survey, place.service, place.replica), task
        elif not may_start and task.state is TaskState.NEW:
            yield f"node {place.replica.home} takes no tasks now", task


def _why_surplus(survey: Survey, service: Service, replica: Replica) -> str:
    if not service.spec.is_global:
        return f"scaled to {service.spec.replicas}"
    if replica.home is None:
        return "the service is global now"
    node = survey.state.nodes.get(replica.home)
    if node is not None and node.availability is Availability.DRAINING:
        return f"drain of {node.name}"
    return f"node {replica.home} does not suit it any more"
