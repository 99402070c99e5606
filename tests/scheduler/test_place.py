"""Where pending tasks go: spread, packing, turns, and what `apply` makes of it."""

import pytest

from controlplane.scheduler import schedule
from controlplane.state.commands import AssignTasks
from controlplane.state.tables import State
from orb.ids import TaskId
from orb.lifecycle import Availability, Desired, NodeStatus, TaskState
from orb.resources import Resources
from orb.spec import Placement, Priority
from tests.factories import (
    MIB,
    NOW,
    a_node,
    a_replica,
    a_service,
    a_service_spec,
    a_state_with,
    a_task,
    a_volume,
    some_resources,
)


def places(state: State) -> dict[int, str]:
    """Where each task goes that goes anywhere."""
    return {
        task: node
        for command in schedule(state, NOW).commands
        if isinstance(command, AssignTasks)
        for task, node in zip(command.tasks, command.nodes, strict=True)
    }


def test_nothing_waits_so_nothing_is_decided() -> None:
    decision = schedule(a_state_with(a_node("n1")), NOW)

    assert (decision.commands, decision.pending) == ((), {})


def test_replicas_are_spread_over_zones_then_nodes() -> None:
    state = a_state_with(
        a_node("n1", zone="a"),
        a_node("n2", zone="a"),
        a_node("n3", zone="b"),
        a_service(replicas=4),
        *(a_task(number, f"web/{number}") for number in (1, 2, 3, 4)),
    )

    assert places(state) == {1: "n1", 2: "n3", 3: "n2", 4: "n3"}


def test_replicas_that_are_there_already_count_for_the_spread() -> None:
    state = a_state_with(
        a_node("n1", zone="a"),
        a_node("n2", zone="b"),
        a_node("n3", zone="b"),
        a_service(),
        a_task(1, "web/1", node="n1"),
        a_task(2, "web/2", node="n2"),
        a_task(3, "web/3"),
    )

    assert places(state) == {3: "n3"}


def test_replicas_that_are_told_to_stop_do_not_count_for_the_spread() -> None:
    state = a_state_with(
        a_node("n1"),
        a_node("n2"),
        a_service("other"),
        a_service(),
        a_task(1, "other/1", node="n2"),
        a_task(2, "web/2", node="n2", desired=Desired.STOP),
        a_task(3, "web/3"),
    )

    assert places(state) == {3: "n2"}


def test_a_named_attribute_takes_the_place_of_the_zone() -> None:
    placement = Placement(spread=("node.labels.rack",))
    state = a_state_with(
        a_node("n1", zone="a", labels={"rack": "r1"}),
        a_node("n2", zone="b", labels={"rack": "r1"}),
        a_node("n3", zone="b", labels={"rack": "r2"}),
        a_service(spec=a_service_spec(placement=placement)),
        a_task(1, "web/1", node="n1"),
        a_task(2, "web/2"),
    )

    assert places(state) == {2: "n3"}


def test_the_second_attribute_is_spread_over_within_the_first() -> None:
    placement = Placement(spread=("node.zone", "node.labels.rack"))
    state = a_state_with(
        a_node("n1", zone="a", labels={"rack": "r1"}),
        a_node("n2", zone="a", labels={"rack": "r1"}),
        a_node("n3", zone="a", labels={"rack": "r2"}),
        a_node("n4", zone="b", labels={"rack": "r1"}),
        a_service(spec=a_service_spec(placement=placement)),
        *(a_task(number, f"web/{number}") for number in range(1, 6)),
    )

    assert places(state) == {1: "n1", 2: "n4", 3: "n3", 4: "n4", 5: "n2"}


def test_different_services_are_packed_onto_the_fullest_node_that_fits() -> None:
    state = a_state_with(
        a_node("n1"),
        a_node("n2"),
        a_node("n3"),
        a_service("db", spec=a_service_spec("db", needs=some_resources(cpus=3))),
        a_service("web"),
        a_service("big", spec=a_service_spec("big", needs=some_resources(cpus=2))),
        a_task(1, "db/1", node="n2"),
        a_task(2, "web/1"),
        a_task(3, "big/1"),
    )

    assert places(state) == {2: "n2", 3: "n1"}


def test_of_nodes_with_as_much_left_the_one_filled_most_is_taken() -> None:
    state = a_state_with(
        a_node("n1", cpus=2, memory_gib=4),
        a_node("n2", cpus=4, memory_gib=8),
        a_service("db", spec=a_service_spec("db", needs=some_resources(cpus=2, memory_mib=4096))),
        a_service(),
        a_task(1, "db/1", node="n2"),
        a_task(2, "web/1"),
    )

    assert places(state) == {2: "n2"}


def test_nodes_with_devices_are_kept_for_those_who_need_them() -> None:
    state = a_state_with(
        a_node("n1", cpus=2, devices={"gpu": 2}),
        a_node("n2", cpus=8),
        a_service(),
        a_service("train", spec=a_service_spec("train", needs=Resources(100, MIB, {"gpu": 2}))),
        a_task(1, "web/1"),
        a_task(2, "train/1"),
    )

    assert places(state) == {1: "n2", 2: "n1"}


def test_where_only_nodes_with_devices_have_room_they_are_used() -> None:
    state = a_state_with(
        a_node("n1", cpus=2, devices={"gpu": 2}),
        a_node("n2", cpus=0.05),
        a_service(),
        a_task(1, "web/1"),
    )

    assert places(state) == {1: "n1"}


def test_devices_are_packed_where_fewer_are_left() -> None:
    needs = Resources(100, MIB, {"gpu": 1})
    state = a_state_with(
        a_node("n1", devices={"gpu": 4}),
        a_node("n2", devices={"gpu": 4}),
        a_service("old", spec=a_service_spec("old", needs=needs)),
        a_service("new", spec=a_service_spec("new", needs=needs)),
        a_task(1, "old/1", node="n2"),
        a_task(2, "new/1"),
    )

    assert places(state) == {2: "n2"}


def test_a_higher_priority_comes_first_then_the_older_task() -> None:
    needs = some_resources(cpus=3)
    state = a_state_with(
        a_node("n1"),
        *(
            a_service(name, spec=a_service_spec(name, needs=needs))
            for name in ("old", "young", "high")
        ),
        a_task(1, "old/1"),
        a_task(2, "young/1"),
        a_task(3, "high/1", priority=Priority.HIGH),
    )

    assert places(state) == {3: "n1"}


def test_of_equal_priority_the_older_task_comes_first() -> None:
    needs = some_resources(cpus=3)
    state = a_state_with(
        a_node("n1"),
        *(a_service(name, spec=a_service_spec(name, needs=needs)) for name in ("old", "young")),
        a_task(2, "young/1"),
        a_task(1, "old/1"),
    )

    assert places(state) == {1: "n1"}


def test_a_replica_that_is_replaced_may_stay_where_it_is() -> None:
    """Its old task is no neighbour: an update leaves the spread as it was."""
    one_each = Placement(max_replicas_per_node=1)
    state = a_state_with(
        a_node("n1"),
        a_node("n2"),
        a_service(revision=2, release=2, spec=a_service_spec(placement=one_each)),
        a_task(1, "web/1", node="n1", revision=1),
        a_task(2, "web/2", node="n2", revision=1),
        a_task(3, "web/1", revision=2),
        a_task(4, "web/2", revision=2),
    )

    assert places(state) == {3: "n1", 4: "n2"}


def test_a_replica_with_a_home_goes_there_or_nowhere() -> None:
    state = a_state_with(
        a_node("n1"),
        a_node("n2", availability=Availability.CORDONED),
        a_service(),
        a_replica("web/1", home="n1"),
        a_replica("web/2", home="n2"),
        a_replica("web/3", home="n3"),
        *(a_task(number, f"web/{number}") for number in (1, 2, 3)),
    )

    assert places(state) == {1: "n1"}
    assert schedule(state, NOW).pending == {
        2: "n2, its only possible node: cordoned. To place it: uncordon n2.",
        3: "n3, its only possible node: not in the cluster. To place it: bring n3 back.",
    }


def test_a_new_replica_with_volumes_goes_back_to_data_that_is_left() -> None:
    state = a_state_with(
        a_node("n1"),
        a_node("n2", volumes=("default.shop.data",)),
        a_service(spec=a_service_spec(mounts=(a_volume("data"),))),
        a_task(1, "web/1"),
    )

    assert places(state) == {1: "n2"}


def test_a_replica_with_volumes_waits_until_its_last_task_has_ended() -> None:
    state = a_state_with(
        a_node("n1"),
        a_service(spec=a_service_spec(mounts=(a_volume("data"),))),
        a_replica("web/1", home="n1"),
        a_task(1, "web/1", node="n1", state=TaskState.STOPPING),
        a_task(2, "web/1"),
    )

    decision = schedule(state, NOW)

    assert decision.commands == ()
    assert decision.pending == {
        2: "waits until its last task on n1 has ended: its data allows one at a time"
    }


def test_a_task_that_was_told_to_stop_needs_no_node() -> None:
    state = a_state_with(a_node("n1"), a_service(), a_task(1, "web/1", desired=Desired.STOP))

    assert schedule(state, NOW).commands == ()


@pytest.mark.parametrize("status", [NodeStatus.SUSPECT, NodeStatus.DOWN])
def test_a_silent_node_gets_nothing(status: NodeStatus) -> None:
    state = a_state_with(a_node("n1", status=status), a_node("n2"), a_service(), a_task(1, "web/1"))

    assert places(state) == {1: "n2"}


def test_a_group_gets_as_many_nodes_as_there_is_room_for() -> None:
    state = a_state_with(
        a_node("n1", cpus=1),
        a_service(spec=a_service_spec(needs=some_resources(cpus=0.4))),
        *(a_task(number, f"web/{number}") for number in (1, 2, 3)),
    )

    decision = schedule(state, NOW)

    assert places(state) == {1: "n1", 2: "n1"}
    assert decision.pending == {
        TaskId(3): "1 of 1 node: 0.2 CPU short."
        " To place it: add 0.2 CPU to n1, or reserve 0.2 CPU less."
    }


def test_a_squeezed_node_takes_nothing_not_even_what_reserves_nothing() -> None:
    state = a_state_with(
        a_node("n1", cpus=1),
        a_service("big", spec=a_service_spec("big", needs=some_resources(cpus=2))),
        a_service(spec=a_service_spec(needs=Resources())),
        a_task(1, "big/1", node="n1"),
        a_task(2, "web/1"),
    )

    assert places(state) == {}
