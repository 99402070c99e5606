from controlplane.reconcilers.stand_ins import stand_ins
from controlplane.state.commands import CreateTasks
from controlplane.state.tables import Node, Service, Task
from orb.ids import NodeName
from orb.lifecycle import NodeStatus, TaskState
from orb.spec import Mode
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
from tests.reconcilers.seeing import LATER, seen_by

SUSPECT = a_node("n1", status=NodeStatus.SUSPECT)


def stand_in(*numbers: int, copies: int = 2, silent: tuple[str, ...] = ("n1",)) -> CreateTasks:
    return CreateTasks(
        service=a_service_key(),
        revision=1,
        numbers=numbers,
        reason=f"stand-in for {', '.join(silent)}",
        copies=copies,
        avoid=tuple(map(NodeName, silent)),
    )


def made_for(service: Service, *tasks: Task, nodes: tuple[Node, ...] = (SUSPECT,)) -> list[object]:
    return list(seen_by(stand_ins, a_state_with(service, *nodes, a_node("n2"), *tasks)))


def test_every_replica_of_a_suspect_node_gets_a_stand_in_and_no_other_does() -> None:
    tasks = (a_task(n, f"web/{n}", node="n2" if n == 2 else "n1") for n in (1, 2, 3))
    assert made_for(a_service(replicas=3), *tasks) == [stand_in(1, 3)]


def test_a_replica_that_has_a_task_elsewhere_or_on_its_way_needs_none() -> None:
    on_its_way = a_task(2, "web/1")
    assert made_for(a_service(replicas=1), a_task(1, node="n1"), on_its_way) == []


def test_a_stand_in_whose_node_falls_silent_too_gets_one() -> None:
    third = a_node("n3", status=NodeStatus.SUSPECT)
    tasks = (a_task(1, node="n1"), a_task(2, node="n3"))
    assert made_for(a_service(replicas=1), *tasks, nodes=(SUSPECT, third)) == [
        stand_in(1, copies=3, silent=("n1", "n3"))
    ]


def test_no_replica_has_more_than_three_copies() -> None:
    silent = [a_node(f"n{n}", status=NodeStatus.SUSPECT) for n in (1, 3, 4)]
    tasks = (a_task(1, node="n1"), a_task(2, node="n3"), a_task(3, node="n4"))
    assert made_for(a_service(replicas=1), *tasks, nodes=tuple(silent)) == []


def test_the_brake_holds_them_back() -> None:
    state = a_state_with(a_service(replicas=1), SUSPECT, a_node("n2"), a_task(1, node="n1"))
    state.brake_since = LATER
    assert seen_by(stand_ins, state) == []


def test_a_replica_with_data_gets_none() -> None:
    spec = a_service_spec(replicas=1, mounts=(a_volume(),))
    assert made_for(a_service(spec=spec), a_task(1, node="n1")) == []


def test_jobs_and_global_services_get_none() -> None:
    for mode in (Mode.GLOBAL, Mode.GLOBAL_JOB, Mode.REPLICATED_JOB):
        assert made_for(a_service(replicas=1, mode=mode), a_task(1, node="n1")) == []


def test_a_number_that_is_not_wanted_any_more_gets_none() -> None:
    assert made_for(a_service(replicas=1), a_task(1, "web/2", node="n1")) == []


def test_a_stand_in_that_failed_is_made_again_after_the_back_off() -> None:
    failed = a_task(2, node="n2", state=TaskState.FAILED, since=LATER)
    replica = a_replica(failures=(LATER,), failed_on=("n2",))
    state = a_state_with(
        a_service(replicas=1), replica, SUSPECT, a_node("n2"), a_task(1, node="n1"), failed
    )
    assert seen_by(stand_ins, state) == []
    state.nodes[NodeName("n1")] = SUSPECT
    assert seen_by(stand_ins, state, type(LATER)(LATER + 1_000)) == [stand_in(1)]


def test_during_an_update_the_stand_in_is_of_the_open_revision() -> None:
    service = a_service(replicas=1, release=2, revision=2)
    (command,) = made_for(service, a_task(1, node="n1", revision=1))
    assert isinstance(command, CreateTasks)
    assert (command.revision, command.copies) == (2, 1)
