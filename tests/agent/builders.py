"""Builders for tests of the agent."""

from orb.ids import TaskId
from orb.lifecycle import Desired
from orb.spec import Healthcheck, Port, TaskSpec
from orb.work import Assignment
from tests.factories import a_replica_key, a_task_spec


def an_assignment(
    number: int = 1,
    image: str = "app:v1",
    *,
    desired: Desired = Desired.RUN,
    ports: tuple[Port, ...] = (),
    healthcheck: Healthcheck | None = None,
    spec: TaskSpec | None = None,
) -> Assignment:
    return Assignment(
        task=TaskId(number),
        replica=a_replica_key(f"web/{number}"),
        release=1,
        desired=desired,
        spec=spec or a_task_spec(image=image, ports=ports, healthcheck=healthcheck),
    )
