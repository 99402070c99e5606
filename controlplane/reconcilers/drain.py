"""Tasks leave nodes that are drained or do not suit them any more: make before break."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from controlplane.reconcilers.creation import replacements
from controlplane.reconcilers.places import Place, stops_first
from controlplane.reconcilers.restart import next_try_at
from controlplane.reconcilers.survey import Survey
from controlplane.state.commands import CreateTasks, StopTasks
from controlplane.state.tables import Service, Task
from orb.lifecycle import TaskState

MOVES_DIVISOR: Final = 4
"""A quarter of a service's replicas, and at least one, may be on the move at once."""


def drain(survey: Survey) -> Iterator[CreateTasks | StopTasks]:
    """Move the replicas of every service off the nodes that they must leave, some at a time."""
    yield from replacements(
        (place, f"drain of {place.wanted[0].node}") for place in _chosen(survey)
    )


def _chosen(survey: Survey) -> Iterator[Place]:
    for key in survey.restless:
        service = survey.state.services[key]
        if not service.spec.is_global:
            yield from islice(_to_move(survey, service), _room(survey, service))


def is_bound(survey: Survey, task: Task) -> bool:
    """It must leave its node and cannot: its data is there."""
    service = survey.state.services.get(task.replica.owner)
    replica = survey.state.replicas.get(task.replica)
    is_stateful = service is not None and service.spec.is_stateful
    at_home = replica is not None and replica.home is not None and replica.home == task.node
    return is_stateful and at_home and survey.is_leaving(task)


def _to_move(survey: Survey, service: Service) -> Iterator[Place]:
    """The places all of whose tasks must leave and can, and that may try now."""
    for place in survey.restless[service.key]:
        if not place.wanted or not survey.keeps(service, place.replica):
            continue
        if not all(survey.is_leaving(task) for task in place.wanted):
            continue
        if any(is_bound(survey, task) for task in place.wanted):
            continue
        if stops_first(service.spec) and not survey.has_other_node(service, ()):
            continue
        if survey.now >= next_try_at(place):
            yield place


def _room(survey: Survey, service: Service) -> int:
    """How many more of its replicas may begin to move."""
    moving = sum(_is_moving(survey, place) for place in survey.restless[service.key])
    return max(0, max(1, service.spec.replicas // MOVES_DIVISOR) - moving)


def _is_moving(survey: Survey, place: Place) -> bool:
    """It has no task, or one that is not yet running, where it could stay."""
    if not survey.keeps(place.service, place.replica):
        return False
    if not place.wanted:
        return bool(place.stopping)
    staying = [task for task in place.wanted if not survey.is_leaving(task)]
    if len(staying) == len(place.wanted):
        return any(task.state is not TaskState.RUNNING for task in staying)
    return bool(staying)
