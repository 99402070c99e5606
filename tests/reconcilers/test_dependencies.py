from dataclasses import replace

import pytest

from controlplane.reconcilers.dependencies import dependencies, waits_for
from controlplane.state.commands import OpenService
from controlplane.state.tables import Service, Task
from orb.ids import ServiceKey
from orb.lifecycle import Desired, TaskState
from orb.spec import Condition, Dependency, Mode
from tests.factories import (
    a_node,
    a_replica,
    a_service,
    a_service_key,
    a_service_spec,
    a_state_with,
    a_task,
)
from tests.reconcilers.seeing import a_survey, seen_by

C = Condition


def web(condition: Condition, *, required: bool = True, opened: int = 0) -> Service:
    """A service that depends on `db`."""
    needs = Dependency(service="db", condition=condition, required=required)
    spec = a_service_spec(depends_on=(needs,))
    return a_service(spec=spec, revision=2, release=2, opened=opened)


def db(*, replicas: int = 1, mode: Mode = Mode.REPLICATED, revision: int = 1) -> Service:
    return a_service("db", replicas=replicas, mode=mode, revision=revision, release=revision)


def ended(*, code: int, revision: int = 1) -> Task:
    state = TaskState.FAILED if code else TaskState.STOPPED
    task = a_task(1, "db/1", node="n1", state=state, exit_code=code, revision=revision)
    return replace(task, desired=Desired.RUN)


def opens(service: Service, *others: Service | Task) -> list[ServiceKey]:
    """Which services are opened."""
    found = seen_by(dependencies, a_state_with(service, a_node("n1"), *others))
    return [command.service for command in found if isinstance(command, OpenService)]


WEB, STARTING = a_service_key(), a_task(1, "db/1", node="n1", state=TaskState.STARTING)
RUNS, READY = a_task(1, "db/1", node="n1", ready=False), a_task(1, "db/1", node="n1")


def test_a_service_that_depends_on_nothing_opens_at_once() -> None:
    state = a_state_with(a_service(opened=0, revision=3, release=3))
    assert seen_by(dependencies, state) == [OpenService(service=WEB, revision=3)]


def test_an_open_service_stays_open_whatever_becomes_of_its_dependencies() -> None:
    assert opens(web(C.HEALTHY, opened=2), db()) == []


@pytest.mark.parametrize(
    ("condition", "task", "expected"),
    [
        (C.STARTED, STARTING, []),
        (C.STARTED, RUNS, [WEB]),
        (C.STARTED, ended(code=0), [WEB]),
        (C.HEALTHY, RUNS, []),
        (C.HEALTHY, READY, [WEB]),
        (C.COMPLETED, READY, []),
        (C.COMPLETED, ended(code=1), []),
        (C.COMPLETED, ended(code=0), [WEB]),
        (C.COMPLETED, ended(code=0, revision=0), []),
    ],
)
def test_each_condition_asks_for_its_own(
    condition: Condition, task: Task, expected: list[ServiceKey]
) -> None:
    assert opens(web(condition), db(), task) == expected


def test_every_replica_that_is_wanted_counts_and_no_other() -> None:
    second = a_task(2, "db/2", node="n1")
    assert opens(web(C.HEALTHY), db(replicas=2), READY) == []
    assert opens(web(C.HEALTHY), db(replicas=2), READY, second) == [WEB]
    surplus = replace(second, ready=False)
    assert opens(web(C.HEALTHY), db(replicas=1), READY, surplus) == [WEB]


def test_a_new_revision_of_the_dependency_must_have_arrived() -> None:
    assert opens(web(C.HEALTHY), db(revision=2), READY) == []


def test_a_dependency_that_is_not_open_itself_holds_the_next_one() -> None:
    assert opens(web(C.STARTED), replace(db(), opened=0), RUNS) == [a_service_key("db")]


def test_a_dependency_with_no_replicas_holds_nobody() -> None:
    assert opens(web(C.HEALTHY), db(replicas=0)) == [WEB]


def test_a_global_dependency_counts_on_the_nodes_that_take_tasks() -> None:
    state = a_state_with(
        web(C.HEALTHY),
        db(mode=Mode.GLOBAL),
        a_node("n1"),
        a_replica("db/1", home="n1"),
        a_replica("db/2", home="n9"),
        READY,
    )
    assert seen_by(dependencies, state) == [OpenService(service=WEB, revision=2)]


def test_a_missing_dependency_holds_only_if_it_is_required() -> None:
    assert opens(web(C.STARTED)) == []
    assert opens(web(C.STARTED, required=False)) == [WEB]


def test_a_dependency_that_is_not_required_holds_until_it_fails() -> None:
    assert opens(web(C.HEALTHY, required=False), db(), STARTING) == []
    state = a_state_with(
        web(C.HEALTHY, required=False),
        db(),
        a_replica("db/1", failures=(1,), failed_on=("n1",)),
        ended(code=1),
    )
    assert seen_by(dependencies, state) == [OpenService(service=WEB, revision=2)]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (C.STARTED, "waits for db to start"),
        (C.HEALTHY, "waits for db to be healthy"),
        (C.COMPLETED, "waits for db to complete"),
    ],
)
def test_what_it_waits_for_can_be_said(condition: Condition, words: str) -> None:
    service = web(condition)
    assert waits_for(a_survey(a_state_with(service, db())), service) == words
