from controlplane.reconcilers.replicas import replicas
from controlplane.state.commands import CreateTasks, StopTasks
from orb.ids import NodeName, ServiceKey, TaskId
from orb.lifecycle import Availability, NodeStatus, TaskState
from orb.spec import Mode, Placement
from tests.factories import (
    a_node,
    a_replica,
    a_service,
    a_service_key,
    a_service_spec,
    a_state_with,
    a_task,
    a_task_spec,
)
from tests.reconcilers.seeing import seen_by

WEB = a_service_key()


def new(*numbers: int, key: ServiceKey = WEB, revision: int = 1) -> CreateTasks:
    return CreateTasks(service=key, revision=revision, numbers=numbers, reason="new")


def new_on(node: str, number: int, *, revision: int = 1) -> CreateTasks:
    return CreateTasks(
        service=WEB,
        revision=revision,
        numbers=(number,),
        reason=f"new on {node}",
        home=NodeName(node),
    )


def test_numbers_that_are_missing_get_tasks_in_one_command() -> None:
    state = a_state_with(a_service(replicas=4), a_task(1, "web/2", node="n1"))
    assert seen_by(replicas, state) == [new(1, 3, 4)]


def test_a_service_with_all_its_replicas_is_left_alone() -> None:
    state = a_state_with(a_service(replicas=1), a_task(1, "web/1", node="n1"))
    assert seen_by(replicas, state) == []


def test_a_service_that_is_not_open_yet_gets_nothing() -> None:
    assert seen_by(replicas, a_state_with(a_service(replicas=2, opened=0))) == []


def test_until_a_new_revision_is_open_new_numbers_get_the_one_that_is() -> None:
    service = a_service(replicas=2, release=3, revision=3, opened=2)
    state = a_state_with(service, a_task(1, "web/1", node="n1", revision=2))
    assert seen_by(replicas, state) == [new(2, revision=2)]


def test_numbers_that_are_too_many_stop_whatever_they_run() -> None:
    state = a_state_with(
        a_service(replicas=1),
        a_task(1, "web/1", node="n1"),
        a_task(2, "web/2", node="n1"),
        a_task(3, "web/3", revision=0),
    )
    assert seen_by(replicas, state) == [
        StopTasks(tasks=(TaskId(2), TaskId(3)), reason="scaled to 1")
    ]


def test_a_number_in_the_past_of_a_service_is_not_made_again_here() -> None:
    """That is for `restart`, which knows about waiting."""
    gone = a_task(1, "web/1", node="n1", state=TaskState.FAILED)
    assert seen_by(replicas, a_state_with(a_service(replicas=1), gone)) == []


def test_tasks_of_a_service_that_is_gone_are_stopped() -> None:
    specs = {(WEB, 1): a_task_spec()}
    state = a_state_with(a_service("api"), a_task(1, "web/1", node="n1"), specs=specs)
    stop = StopTasks(tasks=(TaskId(1),), reason="its service was deleted")
    assert stop in seen_by(replicas, state)


def test_a_global_service_has_a_replica_on_every_node_that_takes_new_tasks() -> None:
    state = a_state_with(
        a_service(mode=Mode.GLOBAL),
        a_replica("web/2", home="n2"),
        a_node("n1"),
        a_node("n2"),
        a_node("n3", availability=Availability.CORDONED),
        a_node("n4", status=NodeStatus.SUSPECT),
        a_node("n5"),
        a_task(1, "web/2", node="n2"),
    )
    assert seen_by(replicas, state) == [new_on("n1", 1), new_on("n5", 3)]


def test_a_global_replica_without_tasks_keeps_its_number_and_home() -> None:
    state = a_state_with(a_service(mode=Mode.GLOBAL), a_replica("web/7", home="n1"), a_node("n1"))
    assert seen_by(replicas, state) == [new_on("n1", 7)]


def test_a_global_service_keeps_to_its_constraints() -> None:
    placement = Placement(constraints=("node.labels.disk == ssd",))
    spec = a_service_spec(mode=Mode.GLOBAL, placement=placement)
    state = a_state_with(a_service(spec=spec), a_node("n1", labels={"disk": "ssd"}), a_node("n2"))
    assert seen_by(replicas, state) == [new_on("n1", 1)]


def test_a_global_replica_stops_when_its_node_is_drained_or_does_not_suit_it_any_more() -> None:
    placement = Placement(constraints=("node.labels.disk == ssd",))
    spec = a_service_spec(mode=Mode.GLOBAL, placement=placement)
    state = a_state_with(
        a_service(spec=spec),
        a_node("n1", labels={"disk": "ssd"}, availability=Availability.DRAINING),
        a_node("n2"),
        a_node("n3", labels={"disk": "ssd"}, availability=Availability.CORDONED),
        *(a_replica(f"web/{n}", home=f"n{n}") for n in (1, 2, 3)),
        *(a_task(n, f"web/{n}", node=f"n{n}") for n in (1, 2, 3)),
    )
    assert seen_by(replicas, state) == [
        StopTasks(tasks=(TaskId(1),), reason="drain of n1"),
        StopTasks(tasks=(TaskId(2),), reason="node n2 does not suit it any more"),
    ]


def test_a_replica_from_when_the_service_was_not_global_goes() -> None:
    state = a_state_with(
        a_service(mode=Mode.GLOBAL), a_replica("web/1"), a_node("n1"), a_task(1, "web/1", node="n1")
    )
    assert seen_by(replicas, state) == [
        new_on("n1", 2),
        StopTasks(tasks=(TaskId(1),), reason="the service is global now"),
    ]


def test_what_waits_for_the_node_of_a_global_replica_that_takes_no_tasks_is_taken_back() -> None:
    state = a_state_with(
        a_node("n1", status=NodeStatus.DOWN),
        a_node("n2"),
        a_service(mode=Mode.GLOBAL),
        a_replica("web/1", home="n1"),
        a_replica("web/2", home="n2"),
        a_task(1, "web/1"),
        a_task(2, "web/2"),
    )
    assert seen_by(replicas, state) == [
        StopTasks(tasks=(TaskId(1),), reason="node n1 takes no tasks now")
    ]
