"""How a release stands: done when all that it changed serves, failed when a replica cannot."""

from collections.abc import Iterator
from typing import Final

from controlplane.reconcilers.places import Place
from controlplane.reconcilers.restart import has_failed, has_succeeded, is_over
from controlplane.reconcilers.survey import Survey
from controlplane.state.commands import SetReleaseStatus
from controlplane.state.tables import Release, Service
from orb.ids import AppKey, Millis, ServiceKey
from orb.lifecycle import ReleaseStatus

FAILURES_OF_A_RELEASE_MAX: Final = 3
"""So many failures of one replica, and the release has failed."""

FAILED_AFTER_MS: Final = Millis(10_000)
"""No sooner after it was made: many a service dies a few times until the one it needs is up."""

_SETTLED: Final = frozenset({ReleaseStatus.DONE, ReleaseStatus.FAILED})


def releases(survey: Survey) -> Iterator[SetReleaseStatus]:
    """Judge every release that is still rolling."""
    for app in survey.state.apps.values():
        release = survey.state.releases.get(app.key, {}).get(app.release)
        if release is not None and release.status is ReleaseStatus.ROLLING:
            yield from _judge(survey, release)


def _judge(survey: Survey, release: Release) -> Iterator[SetReleaseStatus]:
    services = list(_answered_for(survey, release))
    failures = (_failure(survey, release, service) for service in services)
    why = next((failure for failure in failures if failure), None)
    if why is not None:
        yield _verdict(release, ReleaseStatus.FAILED, why)
    elif all(has_converged(survey, service) for service in services):
        yield _verdict(release, ReleaseStatus.DONE)


def _verdict(release: Release, status: ReleaseStatus, why: str = "") -> SetReleaseStatus:
    return SetReleaseStatus(app=release.app, number=release.number, status=status, message=why)


def _answered_for(survey: Survey, release: Release) -> Iterator[Service]:
    """The services that have changed since the last release that was done or had failed."""
    known = survey.state.releases[release.app]
    settled = [n for n, each in known.items() if each.status in _SETTLED and n < release.number]
    floor = max(settled, default=0)
    for service in _services(survey, release.app):
        if service.release > floor:
            yield service


def _services(survey: Survey, app: AppKey) -> Iterator[Service]:
    for name in survey.state.services_of_app.get(app, ()):
        yield survey.state.services[ServiceKey(*app, name)]


def has_converged(survey: Survey, service: Service) -> bool:
    """Every replica that it wants runs its revision and serves (or has done its work)."""
    if service.opened != service.revision or survey.untried.get(service.key):
        return False
    if service.spec.is_global and not _is_everywhere(survey, service):
        return False
    places = survey.restless.get(service.key, ())
    return all(_is_settled(survey, place) for place in places)


def _is_settled(survey: Survey, place: Place) -> bool:
    service = place.service
    if not survey.keeps(service, place.replica):
        return not place.wanted
    if not place.wanted:
        is_done = is_over(place, survey.now) and place.last is not None
        return not survey.may_start(service, place.replica) or (
            is_done and place.last is not None and has_succeeded(place.last)
        )
    return any(survey.is_proven(task) for task in place.wanted) and all(
        task.revision == service.revision for task in place.wanted
    )


def _is_everywhere(survey: Survey, service: Service) -> bool:
    """Every node that suits a global service and takes new tasks has its replica."""
    state = survey.state
    homes = {
        replica.home: None
        for replica in state.replicas_in(service.key)
        if state.tasks_of_replica.get(replica.key)
    }
    return all(
        node.name in homes
        for node in state.nodes.values()
        if node.schedulable and survey.suitability.suits(service.spec.task.placement, node.name)
    )


def _failure(survey: Survey, release: Release, service: Service) -> str | None:
    places = survey.restless.get(service.key, ())
    failing = (place for place in places if _has_failed(survey, release, place))
    place = next(failing, None)
    if place is None or place.last is None:
        return None
    last = place.last
    tries = len([at for at in place.replica.failures if at >= release.at])
    where = f" on {last.node}" if last.node else ""
    times = "failed" if tries == 1 else f"failed {tries} times, last"
    return f"{place.replica.key.name} {times}{where}: {last.message or _exit(place)}"


def _has_failed(survey: Survey, release: Release, place: Place) -> bool:
    """Its tries of this revision have failed often enough, and none is under way."""
    last, service = place.last, place.service
    if last is None or last.revision != service.revision or place.count(service.revision):
        return False
    if not has_failed(place, last) or not survey.keeps(service, place.replica):
        return False
    tries = sum(at >= release.at for at in place.replica.failures)
    is_old_enough = survey.now - release.at >= FAILED_AFTER_MS
    if tries >= FAILURES_OF_A_RELEASE_MAX and is_old_enough:
        return True
    return tries > 0 and not place.wanted and is_over(place, survey.now)


def _exit(place: Place) -> str:
    last = place.last
    code = None if last is None else last.exit_code
    return "it did not start" if code is None else f"exit code {code}"
