"""What happened, in words for people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from controlplane.state.stamp import Stamp
from controlplane.state.tables import Event, State, Task
from orb.ids import AppKey, ServiceKey

EVENT_CHARACTERS_MAX: Final = 500
"""The longest message of an event; a longer one is cut."""
NAMES_PER_EVENT_MAX: Final = 5
"""Replicas that one message names; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an event is about; empty for nothing in particular."""

    environment: str = ""
    app: str = ""
    service: str = ""
    replica: int = 0
    node: str = ""


NOTHING: Final = About()


def record(state: State, stamp: Stamp, kind: str, message: str, about: About = NOTHING) -> None:
    """Remember that something happened; the oldest event goes when there are too many."""
    state.events_seen += 1
    event = Event(
        sequence=state.events_seen,
        at=stamp.now,
        kind=kind,
        message=message[:EVENT_CHARACTERS_MAX],
        environment=about.environment,
        app=about.app,
        service=about.service,
        replica=about.replica,
        node=about.node,
        author=stamp.author,
    )
    state.events.append(event)


def record_tasks(
    state: State, stamp: Stamp, kind: str, tasks: Sequence[Task], what: str, node: str = ""
) -> None:
    """Remember what happened to several tasks: one event for each service of theirs."""
    for group in _by_service(tasks):
        record(state, stamp, kind, f"{_names(group)} {what}", _of_group(group, node))


def record_placed(state: State, stamp: Stamp, tasks: Sequence[Task]) -> None:
    """Remember where several tasks were placed: one event for each service of theirs."""
    for group in _by_service(tasks):
        nodes = _listed(tuple(dict.fromkeys(task.node or "" for task in group)))
        what = f"{_names(group)} placed on {nodes}"
        record(state, stamp, "task.assigned", what, _of_group(group))


def _by_service(tasks: Sequence[Task]) -> Iterable[list[Task]]:
    groups: dict[ServiceKey, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.replica.owner, []).append(task)
    return groups.values()


def _of_group(group: Sequence[Task], node: str = "") -> About:
    first = of_task(group[0])
    if len(group) == 1:
        return replace(first, node=node or first.node)
    return replace(first, replica=0, node=node)


def _names(tasks: Sequence[Task]) -> str:
    return _listed([task.replica.name for task in tasks])


def _listed(names: Sequence[str]) -> str:
    """`web/1, web/2 and 7 more`."""
    shown = ", ".join(names[:NAMES_PER_EVENT_MAX])
    more = len(names) - NAMES_PER_EVENT_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def of_app(key: AppKey) -> About:
    """About an app."""
    return About(environment=key.environment, app=key.app)


def of_task(task: Task) -> About:
    """About a task: its replica and its node."""
    return About(
        environment=task.replica.environment,
        app=task.replica.app,
        service=task.replica.service,
        replica=task.replica.number,
        node=task.node or "",
    )
