"""Of several copies of a replica one stays: the others stop once the best of them serves."""

from collections.abc import Iterator
from typing import Final

from controlplane.reconcilers.places import Place
from controlplane.reconcilers.survey import Survey
from controlplane.state.commands import StopTasks
from controlplane.state.tables import Task
from orb.ids import Millis, TaskId
from orb.lifecycle import NodeStatus

RETURN_SETTLE_MS: Final = Millis(10_000)
"""How long a node that came back must answer before stand-ins for its tasks go. A node that comes
and goes faster than that costs its replicas one stand-in each, not one each time."""

Rank = tuple[bool, bool]
"""How much we want one copy rather than another; its meaning is in `_rank`."""


def handover(survey: Survey) -> Iterator[StopTasks]:
    """End make-before-break: after a rollout, a drain, or the return of a suspect node."""
    reasons: dict[str, list[TaskId]] = {}
    for place in survey.kept_places():
        if len(place.wanted) > 1:
            for task, why in _superfluous(survey, place):
                reasons.setdefault(why, []).append(task.id)
    for why, tasks in reasons.items():
        yield StopTasks(tasks=tuple(tasks), reason=why)


def _superfluous(survey: Survey, place: Place) -> Iterator[tuple[Task, str]]:
    keeper = _keeper(survey, place)
    if keeper is None:
        return
    best = _rank(survey, place, keeper)
    for task in place.wanted:
        rank = _rank(survey, place, task)
        settled = _is_settled(survey, keeper) and _is_settled(survey, task)
        if task is not keeper and (rank < best or (rank == best and settled)):
            yield task, _why(survey, task, keeper)


def _keeper(survey: Survey, place: Place) -> Task | None:
    """The copy that stays: the most wanted of those that serve, then the one ready longest."""
    serving = [task for task in place.wanted if survey.is_proven(task)]
    if not serving:
        return None
    best = max(_rank(survey, place, task) for task in serving)
    equals = [task for task in serving if _rank(survey, place, task) == best]
    return min(equals, key=lambda task: (task.ready_since or task.since, task.id))


def _rank(survey: Survey, place: Place, task: Task) -> Rank:
    """First what is of the newest revision (unless that has failed), then what may stay there."""
    is_new = survey.is_held(place.service) or task.revision == place.service.revision
    return is_new, not survey.is_leaving(task)


def _is_settled(survey: Survey, task: Task) -> bool:
    """Its node, if it has one, has answered for a while."""
    node = survey.node_of(task)
    if node is None:
        return True
    answers = node.status is NodeStatus.READY
    return answers and survey.now - node.status_since >= RETURN_SETTLE_MS


def _why(survey: Survey, task: Task, keeper: Task) -> str:
    if task.revision < keeper.revision:
        return f"update to release {keeper.revision}"
    if task.revision > keeper.revision:
        return f"release {task.revision} has failed"
    if survey.is_leaving(task):
        return f"moved off {task.node}"
    return "another copy of the replica serves"
