"""Tasks leave nodes that are drained or do not suit them any more: make before break."""

from collections.abc import Iterator, Sequence
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
    for key, places in survey.kept.items():
        service = survey.state.services[key]
        if service.spec.is_global or not _may_have_to_move(survey, service):
            continue
        leaving = [p for p in places if any(survey.is_leaving(task) for task in p.wanted)]
        if leaving:
            yield from islice(_to_move(survey, service, leaving), _room(survey, places, service))


def _may_have_to_move(survey: Survey, service: Service) -> bool:
    """Some node is being drained, or not every node suits all that it runs."""
    revisions = survey.state.revisions_of_service.get(service.key, ())
    placements = (survey.state.specs[service.key, each].placement for each in revisions)
    return survey.drains or any(each.constraints or each.platform for each in placements)


def is_bound(survey: Survey, task: Task) -> bool:
    """It must leave its node and cannot: its data is there."""
    service = survey.state.services.get(task.replica.owner)
    replica = survey.state.replicas.get(task.replica)
    is_stateful = service is not None and service.spec.is_stateful
    at_home = replica is not None and replica.home is not None and replica.home == task.node
    return is_stateful and at_home and survey.is_leaving(task)


def _to_move(survey: Survey, service: Service, leaving: Sequence[Place]) -> Iterator[Place]:
    """The places all of whose tasks must leave and can, and that may try now."""
    has_to_stop_first = stops_first(service.spec)
    if has_to_stop_first and not survey.has_other_node(service, ()):
        return
    for place in leaving:
        must_move = all(survey.is_leaving(task) for task in place.wanted)
        can_move = not any(is_bound(survey, task) for task in place.wanted)
        if must_move and can_move and survey.now >= next_try_at(place):
            yield place


def _room(survey: Survey, places: Sequence[Place], service: Service) -> int:
    """How many more of its replicas may begin to move."""
    moving = sum(_is_moving(survey, place) for place in places)
    return max(0, max(1, service.spec.replicas // MOVES_DIVISOR) - moving)


def _is_moving(survey: Survey, place: Place) -> bool:
    """Its new task is on its way: beside the old one, or after its end."""
    leaving = sum(survey.is_leaving(task) for task in place.wanted)
    if leaving or not stops_first(place.service.spec):
        return 0 < leaving < len(place.wanted)
    return not any(task.state is TaskState.RUNNING for task in place.wanted)
