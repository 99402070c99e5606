"""A stateless replica on a node that does not answer gets a second task elsewhere, at once."""

from collections.abc import Iterator

from controlplane.reconcilers.creation import creation, merged
from controlplane.reconcilers.places import Place
from controlplane.reconcilers.restart import next_try_at
from controlplane.reconcilers.survey import Survey
from controlplane.state.commands import COPIES_MAX, CreateTasks
from orb.ids import NodeName
from orb.lifecycle import NodeStatus
from orb.spec import ServiceSpec


def stand_ins(survey: Survey) -> Iterator[CreateTasks]:
    """Make stand-ins for what runs on silent nodes only, unless the brake is on.

    When the nodes of COPIES_MAX tasks of a replica are silent, no further one is made.
    """
    if survey.state.brake_since is None:
        yield from merged(_stand_ins(survey))


def _stand_ins(survey: Survey) -> Iterator[CreateTasks]:
    for place in survey.kept_places():
        if not place.wanted or not may_have_stand_in(place.service.spec):
            continue
        silent = _silent_nodes(survey, place)
        if len(silent) < len(place.wanted) or len(place.wanted) >= COPIES_MAX:
            continue
        if survey.now >= next_try_at(place):
            names = tuple(dict.fromkeys(silent))
            yield creation(place, f"stand-in for {', '.join(names)}", avoid=names)


def may_have_stand_in(spec: ServiceSpec) -> bool:
    """Two copies of it do no harm, and it may run anywhere."""
    return not spec.is_stateful and not spec.is_global and not spec.is_job


def _silent_nodes(survey: Survey, place: Place) -> tuple[NodeName, ...]:
    nodes = (survey.node_of(task) for task in place.wanted)
    return tuple(
        node.name for node in nodes if node is not None and node.status is not NodeStatus.READY
    )
