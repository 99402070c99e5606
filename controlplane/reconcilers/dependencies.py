"""Who may start: a service and each new revision of it wait for what they depend on, once."""

from collections.abc import Iterable, Iterator

from controlplane.reconcilers.places import Place, place_of
from controlplane.reconcilers.restart import has_succeeded
from controlplane.reconcilers.survey import Survey
from controlplane.state.commands import OpenService
from controlplane.state.tables import Service
from orb.ids import ReplicaKey, ServiceKey
from orb.lifecycle import TaskState
from orb.spec import Condition, Dependency


def dependencies(survey: Survey) -> Iterator[OpenService]:
    """Open each new revision whose dependencies are met; what has been opened stays open."""
    for service in survey.state.services.values():
        if service.opened != service.revision and waits_for(survey, service) is None:
            yield OpenService(service=service.key, revision=service.revision)


def waits_for(survey: Survey, service: Service) -> str | None:
    """The first dependency that is not met, in words; None when all are."""
    unmet = (_unmet(survey, service, each) for each in service.spec.depends_on)
    return next((why for why in unmet if why is not None), None)


def _unmet(survey: Survey, service: Service, dependency: Dependency) -> str | None:
    key = ServiceKey(*service.key.owner, dependency.service)
    other = survey.state.services.get(key)
    if other is None:
        return (
            f"waits for {dependency.service}, which does not exist" if dependency.required else None
        )
    if not dependency.required and _has_failed(survey, other):
        return None
    if _is_met(survey, other, dependency.condition):
        return None
    return f"waits for {dependency.service} to {_WORDS[dependency.condition]}"


_WORDS = {
    Condition.STARTED: "start",
    Condition.HEALTHY: "be healthy",
    Condition.COMPLETED: "complete",
}


def _is_met(survey: Survey, other: Service, condition: Condition) -> bool:
    if other.opened != other.revision:
        return False
    places = list(_places(survey, other))
    if condition is Condition.COMPLETED:
        return all(place is not None and _has_completed(place) for place in places)
    return all(
        place is not None and (_has_completed(place) or _runs(place, condition)) for place in places
    )


def _runs(place: Place, condition: Condition) -> bool:
    return any(
        task.revision == place.service.revision
        and task.state is TaskState.RUNNING
        and (task.ready or condition is Condition.STARTED)
        for task in place.wanted
    )


def _has_completed(place: Place) -> bool:
    return any(
        has_succeeded(task) and task.revision == place.service.revision for task in place.ended
    )


def _has_failed(survey: Survey, other: Service) -> bool:
    places = (place for place in _places(survey, other) if place is not None)
    return any(place.replica.failures for place in places)


def _places(survey: Survey, service: Service) -> Iterable[Place | None]:
    """The places that a service wants; None for one that has not been made yet."""
    state = survey.state
    if service.spec.is_global:
        for replica in state.replicas_in(service.key):
            if survey.keeps(service, replica) and survey.may_start(service, replica):
                yield place_of(state, service, replica.key)
        return
    for number in range(1, service.spec.replicas + 1):
        yield place_of(state, service, ReplicaKey(*service.key, number))
