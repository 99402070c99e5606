from controlplane.reconcilers.losses import losses
from controlplane.reconcilers.survey import look
from controlplane.state.commands import LoseTasks, Single
from controlplane.state.tables import Node, State, Task, View
from orb.ids import Millis, TaskId
from orb.lifecycle import NodeStatus, TaskState
from tests.factories import NOW, a_node, a_service, a_state_with, a_task

LATER = Millis(NOW + 60_000)


def lost(state: State, *, leading_since: Millis = NOW) -> list[Single]:
    return list(losses(look(View(state=state, leading_since=leading_since), LATER)))


def assigned(number: int, replica: str, node: str, since: int) -> Task:
    return a_task(number, replica, node=node, state=TaskState.ASSIGNED, since=Millis(since))


def test_a_node_that_is_down_costs_its_tasks_but_not_its_neighbours() -> None:
    state = a_state_with(
        a_service(replicas=3),
        a_node("n1", status=NodeStatus.DOWN),
        a_node("n2"),
        a_task(1, "web/1", node="n1"),
        a_task(2, "web/2", node="n2"),
        a_task(3, "web/3", node="n1", state=TaskState.STOPPING),
    )
    assert lost(state) == [LoseTasks(tasks=(TaskId(1), TaskId(3)), reason="node n1 is down")]


def test_a_suspect_node_keeps_its_tasks() -> None:
    node = a_node("n1", status=NodeStatus.SUSPECT)
    state = a_state_with(a_service(replicas=1), node, a_task(1, "web/1", node="n1"))
    assert lost(state) == []


def test_an_assignment_that_nobody_takes_is_lost_after_ten_seconds() -> None:
    state = a_state_with(
        a_service(replicas=2),
        a_node("n1"),
        assigned(1, "web/1", "n1", LATER - 10_011),
        assigned(2, "web/2", "n1", LATER - 10_010),
    )
    why = "node n1 did not take it within 10 s"
    assert lost(state) == [LoseTasks(tasks=(TaskId(1),), reason=why)]


def test_an_assignment_is_not_held_against_a_node_that_cannot_have_answered_this_leader() -> None:
    state = a_state_with(a_service(replicas=1), a_node("n1"), assigned(1, "web/1", "n1", NOW))
    assert lost(state, leading_since=Millis(LATER - 5_000)) == []


def test_a_node_that_is_just_back_has_its_ten_seconds_again() -> None:
    back: Node = a_node("n1", status_since=Millis(LATER - 5_000))
    state = a_state_with(a_service(replicas=1), back, assigned(1, "web/1", "n1", NOW))
    assert lost(state) == []


def test_a_suspect_node_is_not_asked_for_acknowledgements() -> None:
    node = a_node("n1", status=NodeStatus.SUSPECT)
    state = a_state_with(a_service(replicas=1), node, assigned(1, "web/1", "n1", NOW))
    assert lost(state) == []


def test_when_very_many_wait_each_waits_longer() -> None:
    tasks = [assigned(n, f"web/{n}", "n1", LATER - 14_000) for n in range(1, 1_001)]
    state = a_state_with(a_service(replicas=1_000), a_node("n1"), *tasks)
    assert lost(state) == []
