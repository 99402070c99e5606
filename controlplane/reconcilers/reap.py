"""What may be forgotten: long histories, replicas nobody wants, tasks of deleted services."""

from collections.abc import Iterator

from controlplane.reconcilers.places import Place
from controlplane.reconcilers.survey import Survey
from controlplane.state.commands import ReapReplicas, ReapTasks
from controlplane.state.tables import ENDED_TASKS_PER_REPLICA_MAX
from orb.ids import ReplicaKey, TaskId


def reap(survey: Survey) -> Iterator[ReapTasks | ReapReplicas]:
    """Forget what has ended and what nobody will ask for."""
    tasks = list(_old_tasks(survey))
    if tasks:
        yield ReapTasks(tasks=tuple(tasks))
    replicas = list(_unwanted(survey))
    if replicas:
        yield ReapReplicas(replicas=tuple(replicas))


def _old_tasks(survey: Survey) -> Iterator[TaskId]:
    for task in survey.swept.orphans:
        if task.ended:
            yield task.id
    for places in survey.restless.values():
        for place in places:
            for task in place.ended[:-ENDED_TASKS_PER_REPLICA_MAX]:
                yield task.id


def _unwanted(survey: Survey) -> Iterator[ReplicaKey]:
    for places in survey.restless.values():
        for place in places:
            if not place.wanted and not place.stopping and not _is_remembered(survey, place):
                yield place.replica.key


def _is_remembered(survey: Survey, place: Place) -> bool:
    """It is wanted, or it knows where its data lies in case it is wanted again."""
    if survey.keeps(place.service, place.replica):
        return True
    home = place.replica.home
    return place.service.spec.is_stateful and home is not None and home in survey.state.nodes
