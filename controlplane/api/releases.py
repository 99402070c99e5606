"""Releases and events as people see them."""

from collections.abc import Iterator
from typing import Final

from controlplane.api.look import Filter, Look
from controlplane.api.replicas import number_of
from controlplane.state.tables import Event, Release
from orb.cluster import EventView, ReleaseView

RELEASES_SHOWN: Final = 20
"""Releases of an app in one answer, unless the person wants another number."""
EVENTS_SHOWN: Final = 200
"""Events in one answer, unless the person wants another number."""


def releases(look: Look, wanted: Filter) -> Iterator[ReleaseView]:
    """The releases asked for: by app, newest first."""
    number = number_of(wanted.name)
    for key in wanted.apps(look.state):
        app = look.state.apps.get(key)
        kept = look.state.releases.get(key, {}).values()
        found = [release for release in kept if number in {None, release.number}]
        found.sort(key=lambda release: -release.number)
        for release in found[: wanted.limit or RELEASES_SHOWN]:
            is_current = app is not None and app.release == release.number
            yield _release_view(release, current=is_current)


def events(look: Look, wanted: Filter) -> tuple[EventView, ...]:
    """The newest events asked for, oldest first."""
    number = number_of(wanted.name)
    found: list[EventView] = []
    for event in reversed(look.state.events):
        if event.sequence <= wanted.after or len(found) >= (wanted.limit or EVENTS_SHOWN):
            break
        if _is_wanted(event, wanted, number):
            found.append(_event_view(event))
    return tuple(reversed(found))


def _is_wanted(event: Event, wanted: Filter, number: int | None) -> bool:
    return (
        wanted.takes(event.environment, event.app, event.service)
        and wanted.node in {"", event.node}
        and number in {None, event.replica}
    )


def _release_view(release: Release, *, current: bool) -> ReleaseView:
    return ReleaseView(
        environment=release.app.environment,
        app=release.app.app,
        number=release.number,
        author=release.author,
        time=release.at,
        reason=release.reason,
        status=release.status.name.lower(),
        message=release.message,
        current=current,
        changes=release.changes,
    )


def _event_view(event: Event) -> EventView:
    return EventView(
        sequence=event.sequence,
        time=event.at,
        kind=event.kind,
        message=event.message,
        environment=event.environment,
        app=event.app,
        service=event.service,
        replica=event.replica,
        node=event.node,
        author=event.author,
    )
