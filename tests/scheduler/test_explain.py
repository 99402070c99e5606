"""Every refusal says who objects to what, and what would help; every placement says why there."""

from dataclasses import replace

import pytest

from controlplane.scheduler import explain_spec, explain_task, schedule
from controlplane.state.commands import AssignTasks
from controlplane.state.tables import State
from orb.ids import TaskId
from orb.lifecycle import Availability, NodeStatus
from orb.resources import Resources
from orb.spec import Mode, Placement, Port, Priority, PublishMode, ServiceSpec
from tests.factories import (
    MIB,
    NOW,
    Record,
    a_node,
    a_service,
    a_service_spec,
    a_state_with,
    a_task,
    a_task_spec,
    some_resources,
)

PORT = Port(target=80, published=8080, mode=PublishMode.HOST)


def why_pending(spec: ServiceSpec, *others: Record, avoid: tuple[str, ...] = ()) -> str:
    state = a_state_with(*others, a_service("web", spec=spec), a_task(99, "web/1", avoid=avoid))
    return schedule(state, NOW).pending[TaskId(99)]


def needing(needs: Resources) -> ServiceSpec:
    return a_service_spec(needs=needs)


def placed_by(**placement: object) -> ServiceSpec:
    return a_service_spec(placement=Placement(**placement))  # type: ignore[arg-type]


def test_objections_are_counted_and_the_nearest_node_is_named() -> None:
    spec = needing(some_resources(cpus=1, memory_mib=1024))
    nodes = [
        a_node(f"n{number}", memory_gib=size) for number, size in ((1, 0.25), (2, 0.75), (3, 0.5))
    ]
    closed = [a_node(name, availability=Availability.CORDONED) for name in ("n4", "n5")]

    assert why_pending(spec, *nodes, *closed) == (
        "3 of 5 nodes: 256 MiB to 768 MiB of memory short; 2: cordoned. To place it: uncordon n4."
    )


def test_a_node_whose_engine_is_silent_gets_nothing_and_is_named() -> None:
    silent = a_node("n1")
    silent = replace(silent, facts=replace(silent.facts, trouble="connection refused"))
    spec = a_service_spec()

    assert why_pending(spec, silent) == (
        "1 of 1 node: its Docker Engine does not answer."
        " To place it: make the Docker Engine of n1 answer."
    )
    state = a_state_with(silent, a_node("n2"), a_service("web", spec=spec), a_task(9, "web/1"))
    (command,) = schedule(state, NOW).commands
    assert isinstance(command, AssignTasks)
    assert command.nodes == ("n2",)


@pytest.mark.parametrize(
    ("spec", "nodes", "expected"),
    [
        (
            needing(some_resources(cpus=1, memory_mib=700)),
            [a_node("n1", memory_gib=0.25), a_node("n2", memory_gib=0.5)],
            (
                "2 of 2 nodes: 188 MiB to 444 MiB of memory short."
                " To place it: add 188 MiB of memory to n2, or reserve 188 MiB of memory less."
            ),
        ),
        (
            needing(Resources(2_500, 10 * MIB, {"gpu": 2})),
            [a_node("n1", cpus=2, devices={"gpu": 1})],
            (
                "1 of 1 node: 0.5 CPU and 1 gpu short."
                " To place it: add 0.5 CPU and 1 gpu to n1, or reserve that much less."
            ),
        ),
        (
            needing(Resources(100, MIB, {"fpga": 1})),
            [a_node("n1")],
            "1 of 1 node: 1 fpga short. To place it: add 1 fpga to n1, or reserve 1 fpga less.",
        ),
        (
            placed_by(constraints=("node.labels.disk == ssd",)),
            [a_node("n1"), a_node("n2", status=NodeStatus.DOWN)],
            (
                "1 of 2 nodes: down; 1: constraint 'node.labels.disk == ssd' not met."
                " To place it: give n1 the label disk=ssd."
            ),
        ),
        (
            placed_by(constraints=("node.name != n1",)),
            [a_node("n1")],
            (
                "1 of 1 node: constraint 'node.name != n1' not met."
                " To place it: drop the constraint 'node.name != n1' (n1 has 'n1')."
            ),
        ),
        (
            placed_by(constraints=("nonsense",)),
            [a_node("n1")],
            (
                "1 of 1 node: constraint 'nonsense' not met."
                " To place it: correct the constraint 'nonsense', which cannot be read."
            ),
        ),
        (
            placed_by(platform="linux/arm64"),
            [a_node("n1"), a_node("n2")],
            (
                "2 of 2 nodes: platform linux/amd64, not linux/arm64."
                " To place it: add a node with the platform linux/arm64."
            ),
        ),
        (
            placed_by(),
            [
                a_node("n1", availability=Availability.DRAINING),
                a_node("n2", status=NodeStatus.SUSPECT),
            ],
            (
                "1 of 2 nodes: draining; 1: suspect (its heartbeats are missing)."
                " To place it: uncordon n1."
            ),
        ),
        (placed_by(), [], "the cluster has no node. To place it: add a node."),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_would_help(
    spec: ServiceSpec, nodes: list[Record], expected: str
) -> None:
    assert why_pending(spec, *nodes) == expected


def test_a_port_in_use_is_named() -> None:
    spec = a_service_spec(task=a_task_spec(ports=(PORT,)))
    other = a_service("front", spec=a_service_spec("front", task=a_task_spec(ports=(PORT,))))

    assert why_pending(spec, a_node("n1"), other, a_task(1, "front/1", node="n1")) == (
        "1 of 1 node: host port 8080 in use."
        " To place it: add a node, or stop what uses port 8080 on n1."
    )


def test_two_of_a_group_cannot_have_one_port_of_a_node() -> None:
    state = a_state_with(
        a_node("n1"),
        a_service(spec=a_service_spec(task=a_task_spec(ports=(PORT,)))),
        *(a_task(number, f"web/{number}") for number in (1, 2, 3, 4)),
    )

    assert list(schedule(state, NOW).pending) == [2, 3, 4]


def test_the_most_replicas_on_a_node_are_said() -> None:
    spec = placed_by(max_replicas_per_node=1)

    assert why_pending(spec, a_node("n1"), a_task(1, "web/2", node="n1")) == (
        "1 of 1 node: already 1 of web, the most allowed on a node."
        " To place it: add a node, or raise max_replicas_per_node to 2."
    )


def test_an_avoided_node_is_not_chosen_and_that_is_said() -> None:
    assert why_pending(placed_by(), a_node("n1"), avoid=("n1", "gone")) == (
        "1 of 1 node: avoided, because the replica failed there or was not taken."
        " To place it: make room on another node."
    )


def test_a_node_that_breaks_two_rules_needs_two_changes() -> None:
    spec = needing(some_resources(cpus=8))

    assert why_pending(spec, a_node("n1", availability=Availability.CORDONED)) == (
        "1 of 1 node: cordoned."
        " To place it: uncordon n1 and add 4 CPUs to n1, or reserve 4 CPUs less."
    )


def whys(state: State) -> list[str]:
    commands = schedule(state, NOW).commands
    return [command.why for command in commands if isinstance(command, AssignTasks)]


def test_a_placement_says_the_zone_the_counts_and_the_fill() -> None:
    zoned = [a_node("n1", zone="a"), a_node("n2", zone="b"), a_node("n3")]
    one = a_service(spec=needing(some_resources(cpus=1, memory_mib=2048)))

    assert whys(a_state_with(*zoned, one, a_task(1, "web/1"))) == [
        (
            "zone a now has 1 of 1; the fullest of the nodes with the fewest that have room"
            " (now CPU 25 %, memory 25 % reserved)"
        )
    ]
    assert whys(a_state_with(*zoned, one, a_task(1, "web/1", node="n1"), a_task(2, "web/2"))) == [
        (
            "zone b now has 1 of 2; the fullest of the nodes with the fewest that have room"
            " (now CPU 25 %, memory 25 % reserved)"
        )
    ]
    many = [a_task(number, f"web/{number}") for number in range(1, 6)]
    assert whys(a_state_with(*zoned, one, *many)) == [
        (
            "1 in zone (none), 2 in zone a, 2 in zone b, on 3 nodes, at most 2 on one;"
            " the fullest nodes with the fewest first"
        )
    ]
    assert whys(a_state_with(a_node("n1"), one, *many[:3])) == [
        "3 tasks on 1 node, at most 3 on one; the fullest nodes with the fewest first"
    ]


def test_a_task_explains_where_it_is_going_is_or_why_it_waits() -> None:
    state = a_state_with(
        a_node("n1", cpus=1),
        a_service(spec=needing(some_resources(cpus=0.6))),
        *(a_task(number, f"web/{number}") for number in (1, 2)),
        a_task(3, "web/3", node="n1"),
    )
    state.reserved.update({name: Resources() for name in state.nodes})

    going, waiting, there = (explain_task(state, TaskId(number)) for number in (1, 2, 3))

    assert (going.nodes, going.waiting) == (("n1",), 0)
    assert going.text.startswith("about to go to n1: ")
    assert (waiting.nodes, waiting.waiting) == ((), 1)
    assert waiting.text == (
        "1 of 1 node: 0.2 CPU short. To place it: add 0.2 CPU to n1, or reserve 0.2 CPU less."
    )
    assert (there.nodes, there.text) == (("n1",), "on n1: it was placed before reasons were kept")


def test_a_spec_that_nobody_has_applied_is_explained_after_all_that_waits() -> None:
    state = a_state_with(
        a_node("n1", cpus=1),
        a_node("n2", cpus=1),
        a_node("n3", status=NodeStatus.DOWN),
        a_service(spec=needing(some_resources(cpus=0.6))),
        a_task(1, "web/1"),
    )

    answer = explain_spec(state, a_service_spec("new", replicas=3, needs=some_resources(cpus=0.4)))

    assert (answer.nodes, answer.waiting) == (("n1", "n2", "n2"), 0)
    assert str(answer) == (
        "3 of 3 would be placed: 3 tasks on 2 nodes, at most 2 on one;"
        " the fullest nodes with the fewest first"
    )


def test_a_global_spec_is_asked_of_every_node() -> None:
    state = a_state_with(a_node("n1"), a_node("n2"), a_node("n3", status=NodeStatus.DOWN))

    answer = explain_spec(state, a_service_spec("log", mode=Mode.GLOBAL, priority=Priority.SYSTEM))

    assert (answer.nodes, answer.waiting) == (("n1", "n2"), 1)
    assert str(answer) == (
        "2 of 3 would be placed: one on every suitable node;"
        " n3, its only possible node: down. To place it: bring n3 back."
    )


def test_amounts_beyond_all_measure_are_no_trouble() -> None:
    huge = Resources(10**30, 10**30, {"gpu": 10**30})

    assert why_pending(needing(huge), a_node("n1")).startswith("1 of 1 node: ")
    assert (
        whys(
            a_state_with(
                a_node("n1", cpus=10**30, memory_gib=10**30, devices={"gpu": 10**30}),
                a_service(),
                a_task(1, "web/1"),
            )
        )
        != []
    )
