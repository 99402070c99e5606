from controlplane.reconcilers.drain import drain
from controlplane.state.commands import CreateTasks, Single, StopTasks
from controlplane.state.tables import Node, Replica, Service, Task
from orb.ids import TaskId
from orb.lifecycle import Availability, TaskState
from orb.spec import Mode, Placement, UpdateConfig, UpdateOrder
from tests.factories import (
    a_node,
    a_replica,
    a_service,
    a_service_key,
    a_service_spec,
    a_state_with,
    a_task,
    a_volume,
)
from tests.reconcilers.seeing import seen_by

DRAINING = a_node("n1", availability=Availability.DRAINING)


def moved(service: Service, *records: Task | Replica, node: Node = DRAINING) -> list[Single]:
    return seen_by(drain, a_state_with(service, node, a_node("n2"), *records))


def copy(*numbers: int, copies: int = 2) -> CreateTasks:
    return CreateTasks(
        service=a_service_key(),
        revision=1,
        numbers=numbers,
        reason="drain of n1",
        copies=copies,
    )


def some_tasks(count: int) -> list[Task]:
    return [a_task(n, f"web/{n}", node="n1") for n in range(1, count + 1)]


def test_a_task_on_a_draining_node_gets_a_copy_elsewhere_first() -> None:
    assert moved(a_service(replicas=1), *some_tasks(1)) == [copy(1)]


def test_a_cordoned_node_keeps_its_tasks() -> None:
    node = a_node("n1", availability=Availability.CORDONED)
    assert moved(a_service(replicas=1), *some_tasks(1), node=node) == []


def test_a_quarter_of_a_service_moves_at_once() -> None:
    assert moved(a_service(replicas=3), *some_tasks(3)) == [copy(1)]
    assert moved(a_service(replicas=8), *some_tasks(8)) == [copy(1, 2)]


def test_those_on_the_move_count() -> None:
    waiting = a_task(9, "web/1")
    assert moved(a_service(replicas=3), *some_tasks(3), waiting) == []
    arriving = a_task(9, "web/1", node="n2")
    assert moved(a_service(replicas=8), *some_tasks(8), arriving) == [copy(2)]


def test_a_service_that_stops_first_is_told_to_stop() -> None:
    update = UpdateConfig(order=UpdateOrder.STOP_FIRST)
    service = a_service(spec=a_service_spec(replicas=2, update=update))
    assert moved(service, *some_tasks(2)) == [StopTasks(tasks=(TaskId(1),), reason="drain of n1")]
    stopping = a_task(1, "web/1", node="n1", state=TaskState.STOPPING)
    assert moved(service, stopping, some_tasks(2)[1]) == []


def test_a_service_that_stops_first_stays_while_no_other_node_would_take_it() -> None:
    update = UpdateConfig(order=UpdateOrder.STOP_FIRST)
    service = a_service(spec=a_service_spec(replicas=1, update=update))
    state = a_state_with(service, DRAINING, *some_tasks(1))
    assert seen_by(drain, state) == []


def test_a_replica_whose_data_lies_there_stays() -> None:
    service = a_service(spec=a_service_spec(replicas=1, mounts=(a_volume(),)))
    assert moved(service, a_replica(home="n1"), *some_tasks(1)) == []


def test_a_replica_that_has_not_written_its_data_yet_moves() -> None:
    service = a_service(spec=a_service_spec(replicas=1, mounts=(a_volume(),)))
    preparing = a_task(1, node="n1", state=TaskState.PREPARING)
    assert moved(service, preparing) == [StopTasks(tasks=(TaskId(1),), reason="drain of n1")]


def test_a_task_on_a_node_that_does_not_suit_it_any_more_moves_as_in_a_drain() -> None:
    placement = Placement(constraints=("node.labels.disk == ssd",))
    service = a_service(spec=a_service_spec(replicas=1, placement=placement))
    assert moved(service, *some_tasks(1), node=a_node("n1", labels={"disk": "hdd"})) == [copy(1)]


def test_global_replicas_and_surplus_numbers_are_not_moved() -> None:
    assert moved(a_service(replicas=1, mode=Mode.GLOBAL), *some_tasks(1)) == []
    assert moved(a_service(replicas=0), *some_tasks(1)) == []


def test_during_an_update_the_copy_is_of_the_open_revision() -> None:
    (command,) = moved(a_service(replicas=1, release=2, revision=2), *some_tasks(1))
    assert isinstance(command, CreateTasks)
    assert (command.revision, command.copies) == (2, 1)
