"""How a reconciler asks for tasks: exactly one more than it saw, many replicas in one command."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from controlplane.reconcilers.places import Place, stops_first
from controlplane.state.commands import CreateTasks, StopTasks
from orb.ids import NodeName, TaskId


def creation(
    place: Place, reason: str, *, avoid: tuple[NodeName, ...] = (), is_restart: bool = False
) -> CreateTasks:
    """One more task for this replica, of the revision that is open.

    It names how many there will then be, so that the same decision made twice makes one task.
    """
    service = place.service
    return CreateTasks(
        service=service.key,
        revision=service.opened,
        numbers=(place.number,),
        reason=reason,
        copies=place.count(service.opened) + 1,
        avoid=avoid,
        is_restart=is_restart,
    )


def merged(commands: Iterable[CreateTasks]) -> Iterator[CreateTasks]:
    """The same in fewer commands: those that differ in their numbers only become one."""
    numbers: dict[CreateTasks, list[int]] = {}
    for command in commands:
        numbers.setdefault(replace(command, numbers=()), []).extend(command.numbers)
    for command, chosen in numbers.items():
        yield replace(command, numbers=tuple(sorted(chosen)))


def replacements(chosen: Iterable[tuple[Place, str]]) -> Iterator[CreateTasks | StopTasks]:
    """Replace the wanted tasks of each place, for that reason: with a new one beside them, or by
    telling them to stop if that must come first (`restart` makes the new one when they have ended).
    """
    creations: list[CreateTasks] = []
    stops: dict[str, list[TaskId]] = {}
    for place, reason in chosen:
        if stops_first(place.service.spec):
            stops.setdefault(reason, []).extend(task.id for task in place.wanted)
        else:
            creations.append(creation(place, reason))
    yield from merged(creations)
    for reason, tasks in stops.items():
        yield StopTasks(tasks=tuple(tasks), reason=reason)
