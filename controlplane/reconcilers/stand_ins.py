"""A stateless replica on a node that does not answer gets a second task elsewhere, at once."""

from collections.abc import Iterator

from controlplane.reconcilers.creation import creation, merged
from controlplane.reconcilers.restart import next_try_at
from controlplane.reconcilers.survey import Survey
from controlplane.state.commands import COPIES_MAX, CreateTasks
from orb.spec import ServiceSpec


def stand_ins(survey: Survey) -> Iterator[CreateTasks]:
    """Make stand-ins for what runs on silent nodes only, unless the brake is on.

    When the nodes of COPIES_MAX tasks of a replica are silent, no further one is made.
    """
    if survey.silent and survey.state.brake_since is None:
        yield from merged(_stand_ins(survey))


def _stand_ins(survey: Survey) -> Iterator[CreateTasks]:
    for place in survey.kept_places():
        nodes = (task.node for task in place.wanted)
        silent = tuple(name for name in nodes if name is not None and name in survey.silent)
        if not silent or len(silent) < len(place.wanted) or len(silent) >= COPIES_MAX:
            continue
        if may_have_stand_in(place.service.spec) and survey.now >= next_try_at(place):
            names = tuple(dict.fromkeys(silent))
            yield creation(place, f"stand-in for {', '.join(names)}", avoid=names)


def may_have_stand_in(spec: ServiceSpec) -> bool:
    """Two copies of it do no harm, and it may run anywhere."""
    return not spec.is_stateful and not spec.is_global and not spec.is_job
