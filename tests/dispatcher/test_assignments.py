"""What a node must have, and what changes of it."""

from controlplane.dispatcher.assignments import (
    Difference,
    assignment,
    difference,
    has_ended_for_good,
    is_news,
    must_register,
    wanted,
)
from orb.ids import NodeName, ReplicaKey, TaskId
from orb.lifecycle import Desired, TaskState
from orb.work import Assignment, BoundPort
from tests.factories import (
    a_node,
    a_report,
    a_service,
    a_state_with,
    a_task,
    a_task_spec,
    some_facts,
)

N1 = NodeName("n1")
RUN, STOP = Desired.RUN, Desired.STOP


def test_a_node_must_have_its_own_tasks_until_they_have_ended() -> None:
    state = a_state_with(
        a_service(),
        a_task(1, "web/1", node="n1"),
        a_task(2, "web/2", node="n1", desired=STOP),
        a_task(3, "web/3", node="n2"),
        a_task(4, "web/4"),
        a_task(5, "web/5", node="n1", state=TaskState.FAILED),
    )
    assert wanted(state, N1, ()) == {1: RUN, 2: STOP}


def test_an_ended_task_that_the_node_still_has_is_kept_for_its_output() -> None:
    state = a_state_with(
        a_service(),
        a_task(1, "web/1", node="n1"),
        a_task(2, "web/2", node="n1", state=TaskState.FAILED, desired=RUN),
        a_task(3, "web/3", node="n1", state=TaskState.STOPPED),
        a_task(4, "web/4", node="n1", state=TaskState.LOST),
        a_task(5, "web/5", node="n2", state=TaskState.STOPPED),
    )
    assert wanted(state, N1, map(TaskId, (1, 2, 3, 4, 5, 6))) == {1: RUN, 2: STOP, 3: STOP}


def test_reaping_is_what_ends_an_ended_task_for_good() -> None:
    state = a_state_with(a_service(), a_task(2, node="n1", state=TaskState.FAILED))
    assert not has_ended_for_good(state, [TaskId(2)])
    assert has_ended_for_good(state, [TaskId(2), TaskId(3)])


def test_the_difference_is_what_is_new_or_wanted_otherwise_and_what_is_gone() -> None:
    told = {TaskId(1): RUN, TaskId(2): RUN, TaskId(3): STOP}
    now = {TaskId(2): STOP, TaskId(3): STOP, TaskId(4): RUN}
    assert difference(told, now) == Difference((TaskId(2), TaskId(4)), (TaskId(1),))
    assert not difference(told, told)


def test_an_assignment_is_the_task_with_the_spec_of_its_own_revision() -> None:
    old, new = a_task_spec(image="app:v1"), a_task_spec(image="app:v2")
    service = a_service(revision=2)
    state = a_state_with(
        service,
        a_task(1, "web/1", node="n1", revision=1),
        specs={(service.key, 1): old, (service.key, 2): new},
    )
    assert assignment(state, TaskId(1), RUN) == Assignment(
        task=TaskId(1),
        replica=ReplicaKey("default", "shop", "web", 1),
        release=1,
        desired=RUN,
        spec=old,
    )


def test_only_facts_that_the_state_does_not_know_are_registered() -> None:
    state = a_state_with(a_node("n1", zone="a"))
    assert not must_register(state, some_facts("n1", zone="a"))
    assert must_register(state, some_facts("n1", zone="b"))
    assert must_register(state, some_facts("n2", zone="a"))


def test_a_report_is_news_only_if_it_would_change_the_state() -> None:
    state = a_state_with(
        a_service(),
        a_task(1, "web/1", node="n1"),
        a_task(2, "web/2", node="n1", state=TaskState.FAILED),
    )
    assert is_news(state, N1, a_report(1))  # it brings the container's id
    assert is_news(state, N1, a_report(1, TaskState.FAILED, exit_code=1))
    assert not is_news(state, N1, a_report(2, TaskState.STOPPED))
    assert not is_news(state, N1, a_report(3))
    assert not is_news(state, NodeName("n2"), a_report(1, TaskState.FAILED))


def test_what_the_state_holds_already_is_no_news() -> None:
    port = BoundPort(container=80, host=30_000, address="10.0.0.1")
    task = a_task(1, "web/1", node="n1")
    known = type(task)(
        **{
            **{name: getattr(task, name) for name in task.__slots__},
            "container_id": "c1",
            "ports": (port,),
        }
    )
    state = a_state_with(a_service(), known)
    report = a_report(1)
    same = type(report)(
        **{**{name: getattr(report, name) for name in report.__slots__}, "ports": (port,)}
    )
    assert not is_news(state, N1, same)
    assert is_news(state, N1, report)  # the port is gone
