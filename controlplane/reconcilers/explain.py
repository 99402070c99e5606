"""What a replica that has no task waits for, in words for people."""

from controlplane.reconcilers.dependencies import waits_for
from controlplane.reconcilers.places import Place, place_of, stops_first
from controlplane.reconcilers.restart import has_succeeded, is_over, next_try_at
from controlplane.reconcilers.survey import Survey
from controlplane.state.tables import Service
from orb.ids import ReplicaKey


def what_next(survey: Survey, key: ReplicaKey) -> str:
    """What becomes of a replica that has no wanted task; empty if that needs no word."""
    service = survey.state.services.get(key.owner)
    if service is None:
        return ""
    found = place_of(survey.state, service, key)
    if found is None or not service.opened:
        return waits_for(survey, service) or ""
    return "" if found.wanted else _of_a_place(survey, service, found)


def _of_a_place(survey: Survey, service: Service, place: Place) -> str:
    if not survey.keeps(service, place.replica):
        return "" if place.stopping else "it is not wanted any more"
    if place.last is not None and is_over(place, survey.now):
        is_done = has_succeeded(place.last)
        return "it has completed" if is_done else "its restart policy gives it no other try"
    if not survey.may_start(service, place.replica):
        return f"it waits until node {place.replica.home} takes tasks"
    if place.stopping and stops_first(service.spec):
        return "its old task must stop first"
    wait = next_try_at(place) - survey.now
    return f"next try in {-(-wait // 1000)} s" if wait > 0 else ""
