"""The way to a new revision: so many replicas at a time, each old task replaced by a new one."""

from collections.abc import Iterator, Sequence
from itertools import islice

from controlplane.reconcilers.creation import replacements
from controlplane.reconcilers.places import Place
from controlplane.reconcilers.restart import is_over, next_try_at
from controlplane.reconcilers.survey import Survey
from controlplane.state.commands import CreateTasks, StopTasks
from controlplane.state.tables import Service
from orb.ids import Millis


def rollout(survey: Survey) -> Iterator[CreateTasks | StopTasks]:
    """Replace tasks of old revisions, unless the release has failed or still waits for others."""
    yield from replacements(
        (place, f"update to release {place.service.revision}") for place in _chosen(survey)
    )


def _chosen(survey: Survey) -> Iterator[Place]:
    for key, places in survey.kept.items():
        service = survey.state.services[key]
        if service.opened != service.revision or survey.is_held(service):
            continue
        old = [place for place in places if place.wanted and not place.count(service.revision)]
        due = [place for place in old if _may_try(survey, place)]
        yield from (place for place in due if _has_begun(place))
        fresh = [place for place in due if not _has_begun(place)]
        if fresh:
            fresh.sort(key=lambda place: any(survey.is_proven(task) for task in place.wanted))
            yield from islice(fresh, _room(survey, places, service))


def _may_try(survey: Survey, place: Place) -> bool:
    return survey.may_start(place.service, place.replica) and survey.now >= next_try_at(place)


def _room(survey: Survey, places: Sequence[Place], service: Service) -> int:
    """How many more replicas may begin to change now."""
    update = service.spec.update
    if survey.now < _pause_until(survey, service):
        return 0
    if not update.parallelism:
        return len(places)
    return max(0, update.parallelism - sum(_is_between(survey, place) for place in places))


def _is_between(survey: Survey, place: Place) -> bool:
    """It is neither still old nor proven new, nor at its end."""
    if not place.wanted:
        return survey.may_start(place.service, place.replica) and not is_over(place, survey.now)
    new = [task for task in place.wanted if task.revision == place.service.revision]
    if not new:
        return _has_begun(place)
    return not any(survey.is_proven(task) for task in new)


def _has_begun(place: Place) -> bool:
    """It has tried the new revision and failed, and its old task runs on: it is one of those that
    change now, and tries again."""
    return place.last is not None and place.last.revision == place.service.revision


def _pause_until(survey: Survey, service: Service) -> Millis:
    """When the delay after the newest updated replica is over."""
    delay = service.spec.update.delay_ms
    if not delay:
        return Millis(0)
    times = [
        task.ready_since
        for replica in survey.state.replicas_in(service.key)
        for task in survey.state.tasks_in(replica.key)
        if task.wanted and task.revision == service.revision and task.ready_since is not None
    ]
    return Millis(max(times, default=0) + delay)
