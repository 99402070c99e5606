"""Following a release to its end: what is seen is a picture, a verdict is a function of it."""

import asyncio
import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

import click

from cli.asking import Failed, LogQuery, Query, View
from cli.columns import readiness
from cli.screen import Screen, bar
from cli.words import coloured, count, now, plain
from orb.cluster import ReleaseView, ReplicaView, ServiceView
from orb.errors import Conflict, NotFound, OrbError

if TYPE_CHECKING:
    from cli.client import Client

LOG_LINES_OF_A_FAILURE: Final = 20
START_MS: Final = 5_000
"""A replica that runs for less is not in trouble because it is not ready."""
LOOK_AGAIN_S: Final = 1.0
"""The picture is looked at so often also when nothing has changed: time has passed."""
LOOKS_WAITING_MAX: Final = 16
"""Answers of watches that wait to be shown; at the bound the watches wait."""
_KINDS: Final = ("releases", "services", "replicas")
_PASSING: Final = frozenset({"it waits for the scheduler", "it has no task yet"})
_AGO: Final = re.compile(r"as last heard \d+ s ago, ")
_FAILING: Final = frozenset({"failed", "lost", "pending"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A release and its app as last seen. None: not seen yet."""

    environment: str
    app: str
    number: int
    changed: bool = True
    """False: all was already so; then it is done when all is healthy."""
    releases: tuple[ReleaseView, ...] | None = None
    services: tuple[ServiceView, ...] | None = None
    replicas: tuple[ReplicaView, ...] | None = None
    now: int = 0
    """When it was last looked at, in milliseconds since the epoch."""

    @property
    def release(self) -> ReleaseView | None:
        """The one that is followed."""
        return next((view for view in self.releases or () if view.number == self.number), None)

    @property
    def is_complete(self) -> bool:
        """Each part has been seen once."""
        return None not in (self.releases, self.services, self.replicas)

    @property
    def is_healthy(self) -> bool:
        """Every service has all its replicas ready."""
        return all(_is_settled(view) for view in self.services or ())


def seen(picture: Picture, kind: str, views: tuple[View, ...]) -> Picture:
    """The picture after another look at things of one kind."""
    if kind == "releases":
        return replace(picture, releases=cast("tuple[ReleaseView, ...]", views))
    if kind == "services":
        return replace(picture, services=cast("tuple[ServiceView, ...]", views))
    return replace(picture, replicas=cast("tuple[ReplicaView, ...]", views))


def verdict(picture: Picture) -> str:
    """`done`, `failed`, `superseded` or `deleted`; empty while it goes on."""
    if not picture.is_complete:
        return ""
    if not picture.releases:
        return "deleted"
    release = picture.release
    if release is None:
        return "superseded"
    if release.status == "done" and not picture.changed and not picture.is_healthy:
        return ""
    return "" if release.status == "rolling" else release.status


def block(picture: Picture, *, bars: bool = True) -> list[str]:
    """What a terminal shows: a line a service, and below it what is wrong."""
    if not picture.is_complete:
        return [f"{picture.app}: release {picture.number} …"]
    shown = picture.services or ()
    names = max((len(view.name) for view in shown), default=0)
    lines = []
    for view in shown:
        part = min(view.ready, view.updated)
        gauge = f"{bar(part, view.desired)}  " if bars else ""
        state = f"{view.name.ljust(names)}  {gauge}{readiness(view)} ready"
        lines.append(f"  {state}{_doing(picture, view)}")
    return lines + [f"  {line}" for line in troubles(picture)]


class News:
    """What a pipe is told: what has changed, a line each, and each reason of a service once."""

    def __init__(self) -> None:
        self._progress: dict[str, str] = {}
        self._reasons: set[tuple[str, str]] = set()

    def of(self, picture: Picture) -> Iterator[str]:
        """The lines that this look adds."""
        for view in picture.services or ():
            if self._progress.get(view.name) != _progress(view):
                self._progress[view.name] = _progress(view)
                yield f"{view.name}  {_progress(view)}"
        for (service, message), views in _in_trouble(picture).items():
            reason = (service, _without_when(message))
            if reason not in self._reasons:
                self._reasons.add(reason)
                yield _trouble(views, message)


def troubles(picture: Picture) -> list[str]:
    """Why replicas are not ready: one line for all with the same reason."""
    return [_trouble(views, message) for (_, message), views in _in_trouble(picture).items()]


def _in_trouble(picture: Picture) -> dict[tuple[str, str], list[ReplicaView]]:
    """The replicas that are not ready, by service and reason. What a start brings with it is none,
    a replica that has just been started is given a moment; nor is it when one is told to go."""
    reasons: dict[tuple[str, str], list[ReplicaView]] = {}
    for view in picture.replicas or ():
        is_waited_for = not view.ready and view.state != "stopping"
        if is_waited_for and view.message and not _is_young(view, picture.now):
            reasons.setdefault((view.service, plain(view.message)), []).append(view)
    return reasons


def _trouble(views: Sequence[ReplicaView], message: str) -> str:
    return click.style(f"{_who(views)}: {message}", fg="yellow")


async def follow(client: "Client", picture: Picture, screen: Screen) -> Picture:
    """Show the progress until the release is over; the last picture. Raises OrbError."""
    looks: asyncio.Queue[tuple[str, tuple[View, ...]]] = asyncio.Queue(LOOKS_WAITING_MAX)
    news = News()

    async def feed(kind: str) -> None:
        query = Query(kind=kind, environment=picture.environment, app=picture.app)
        async for views in client.watch(query):
            await looks.put((kind, views))

    async with asyncio.TaskGroup() as group:
        feeds = [group.create_task(feed(kind)) for kind in _KINDS]
        try:
            over = await _until_over(looks, picture, screen, news)
        finally:
            for task in feeds:
                task.cancel()
    last = await looked(client, over)  # the watches are not in step with each other
    _show(last, screen, news)
    screen.keep()
    return last


async def _until_over(
    looks: "asyncio.Queue[tuple[str, tuple[View, ...]]]",
    picture: Picture,
    screen: Screen,
    news: News,
) -> Picture:
    while not verdict(picture):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN_S):
                picture = seen(picture, *await looks.get())
        picture = replace(picture, now=now())
        while screen.live and not looks.empty():
            picture = seen(picture, *looks.get_nowait())
        _show(picture, screen, news)
    return picture


async def looked(client: "Client", picture: Picture) -> Picture:
    """The picture after a fresh look at everything."""
    for kind in _KINDS:
        query = Query(kind=kind, environment=picture.environment, app=picture.app)
        picture = seen(picture, kind, await client.get(query))
    return replace(picture, now=now())


def _show(picture: Picture, screen: Screen, news: News) -> None:
    if screen.live:
        screen.draw(block(picture))
    elif picture.is_complete:
        for line in news.of(picture):
            screen.say(line)


async def conclude(client: "Client", picture: Picture, screen: Screen) -> None:
    """Say how it ended. Raises Failed with the reason and the last lines of a failing replica."""
    name = f"release {picture.number} of {picture.app}"
    match verdict(picture):
        case "done":
            screen.say(click.style("done", fg="green") + f": {_summary(picture)}")
        case "superseded":
            newest = max(view.number for view in picture.releases or ())
            raise Conflict(
                f"{name} was superseded by release {newest} before it was done",
                remedy=f"see it with `orbctl get releases {picture.app}`",
            )
        case "deleted":
            raise NotFound(f"{picture.app} was deleted before release {picture.number} was done")
        case _:
            release = picture.release
            why = plain(release.message) if release and release.message else "it did not get ready"
            lines = [f"{name} failed: {why}"]
            lines += [
                line for line in map(click.unstyle, troubles(picture)) if _reason(line) not in why
            ]
            lines += await last_words(client, picture)
            raise Failed(
                click.unstyle("\n  ".join(lines)),
                remedy=f"see `orbctl describe {picture.app}`; apply again when it is mended",
            )


async def last_words(client: "Client", picture: Picture) -> list[str]:
    """The newest lines of the replica that fails, under a heading; empty if there are none."""
    failing = culprit(picture)
    if failing is None:
        return []
    name = f"{failing.app}.{failing.name}"
    query = LogQuery(environment=picture.environment, name=name, tail=LOG_LINES_OF_A_FAILURE)
    try:
        lines = [line async for line in client.logs(query)]
    except OrbError as error:
        return [f"its log cannot be read: {error.message}"]
    if not lines:
        return [] if failing.started_at is None else [f"{failing.name} has written nothing"]
    newest = lines[-LOG_LINES_OF_A_FAILURE:]
    return [f"last lines of {failing.name}:", *(f"  | {line.text}" for line in newest)]


def culprit(picture: Picture) -> ReplicaView | None:
    """The replica whose log most likely tells why."""
    waiting = [view for view in picture.replicas or () if not view.ready]
    release = picture.release
    told = release.message if release else ""
    waiting.sort(
        key=lambda view: (
            not told.startswith(f"{view.name} "),
            view.state not in _FAILING,
            -view.restarts,
            view.replica,
        )
    )
    return next(iter(waiting), None)


def _reason(trouble: str) -> str:
    """What a line of trouble says, without whom it befell and when it is tried again."""
    return _without_when(trouble.partition(": ")[2])


def _without_when(message: str) -> str:
    return _AGO.sub("as last heard, ", message.partition("; next try")[0])


def _is_young(view: ReplicaView, at: int) -> bool:
    if view.message in _PASSING:
        return True
    if view.restarts or view.started_at is None or view.state in {"failed", "lost"}:
        return False
    return at - view.started_at < START_MS


def _is_settled(view: ServiceView) -> bool:
    return view.mode.endswith("-job") or (view.ready >= view.desired and not view.message)


def _progress(view: ServiceView) -> str:
    updated = "" if view.updated >= view.desired else f", {view.updated} updated"
    return f"{view.ready}/{view.desired} ready{updated}"


def _doing(picture: Picture, service: ServiceView) -> str:
    """How many of its replicas are in which state, if not all are ready."""
    states: dict[str, int] = {}
    for view in picture.replicas or ():
        if view.service == service.name and not view.ready:
            states[view.state] = states.get(view.state, 0) + 1
    words = [f"{number} {coloured(state)}" for state, number in _in_order(states)]
    if service.updated < service.desired:
        words.append(f"{service.updated} of {service.desired} updated")
    return f"   {', '.join(words)}" if words else ""


def _in_order(states: Mapping[str, int]) -> list[tuple[str, int]]:
    order = ("pending", "assigned", "preparing", "starting", "running", "stopping")
    ranks = {state: rank for rank, state in enumerate(order)}
    return sorted(states.items(), key=lambda item: (ranks.get(item[0], len(ranks)), item[0]))


def _who(views: Sequence[ReplicaView]) -> str:
    """`web/1`, or `web/1, web/2 and 7 more`."""
    names = [view.name for view in views]
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more


def _summary(picture: Picture) -> str:
    services = picture.services or ()
    words = ", ".join(f"{view.name} {view.ready}/{view.desired}" for view in services[:6])
    more = f" and {count(len(services) - 6, 'service')} more" if len(services) > 6 else ""
    return f"{picture.app} is at release {picture.number} ({words}{more} ready)"
