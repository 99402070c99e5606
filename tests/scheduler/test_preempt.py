"""Who makes room for whom, and that nobody is stopped in vain or twice for one need."""

from controlplane.scheduler import schedule
from controlplane.state.apply import apply
from controlplane.state.commands import AssignTasks, Batch, Entry, ReportTasks, StopTasks
from controlplane.state.tables import Service, State
from orb.ids import NodeName, TaskId
from orb.lifecycle import Availability, Desired, TaskState
from orb.resources import Resources
from orb.spec import Placement, Port, Priority, PublishMode
from tests.factories import (
    MIB,
    NOW,
    a_node,
    a_report,
    a_service,
    a_service_spec,
    a_state_with,
    a_task,
    a_task_spec,
    some_resources,
)

LOW, NORMAL, HIGH, SYSTEM = Priority


def a_kind(name: str, cpus: float, priority: Priority, memory_mib: int = 1) -> Service:
    needs = some_resources(cpus=cpus, memory_mib=memory_mib)
    return a_service(name, spec=a_service_spec(name, needs=needs, priority=priority))


def decide_and_apply(state: State) -> tuple[list[TaskId], list[TaskId]]:
    """One pass: which tasks were placed, and which were told to stop."""
    commands = schedule(state, NOW).commands
    apply(state, Entry(command=Batch(commands=commands), now=NOW), state.index + 1)
    placed = [each for one in commands if isinstance(one, AssignTasks) for each in one.tasks]
    stopped = [each for one in commands if isinstance(one, StopTasks) for each in one.tasks]
    return placed, stopped


def end(state: State, *tasks: int) -> None:
    for number in tasks:
        node = state.tasks[TaskId(number)].node
        assert node is not None
        report = a_report(number, TaskState.STOPPED)
        apply(
            state,
            Entry(command=ReportTasks(node=node, reports=(report,)), now=NOW),
            state.index + 1,
        )


def test_the_lowest_priority_makes_room_for_a_higher_one() -> None:
    state = a_state_with(
        a_node("n1", cpus=1),
        a_node("n2", cpus=1),
        a_kind("low", 1, LOW),
        a_kind("normal", 1, NORMAL),
        a_kind("high", 1, HIGH),
        a_task(1, "normal/1", node="n1", priority=NORMAL),
        a_task(2, "low/1", node="n2", priority=LOW),
        a_task(3, "high/1", priority=HIGH),
    )

    decision = schedule(state, NOW)

    assert decision.commands == (
        StopTasks(tasks=(TaskId(2),), reason="preempted by shop.high/1 (task 3)"),
    )
    assert decision.pending == {3: "waits for room on n2, where a task is stopping"}


def test_nobody_makes_room_for_an_equal_or_a_lower_priority() -> None:
    state = a_state_with(
        a_node("n1", cpus=1),
        a_kind("old", 1, HIGH),
        a_kind("new", 1, HIGH),
        a_kind("low", 1, LOW),
        a_task(1, "old/1", node="n1", priority=HIGH),
        a_task(2, "new/1", priority=HIGH),
        a_task(3, "low/1", priority=LOW),
    )

    assert schedule(state, NOW).commands == ()


def test_the_node_where_the_fewest_must_go_is_chosen() -> None:
    state = a_state_with(
        a_node("n1", cpus=2),
        a_node("n2", cpus=2),
        a_kind("small", 1, LOW),
        a_kind("large", 2, LOW),
        a_kind("high", 2, HIGH),
        a_task(1, "small/1", node="n1", priority=LOW),
        a_task(2, "small/2", node="n1", priority=LOW),
        a_task(3, "large/1", node="n2", priority=LOW),
        a_task(4, "high/1", priority=HIGH),
    )

    assert decide_and_apply(state) == ([], [3])


def test_on_that_node_nobody_goes_in_vain() -> None:
    state = a_state_with(
        a_node("n1", cpus=4, memory_gib=4),
        a_kind("wide", 2, LOW, memory_mib=100),
        a_kind("deep", 0.5, LOW, memory_mib=2000),
        a_kind("tiny", 0.5, LOW, memory_mib=10),
        a_kind("high", 3, HIGH, memory_mib=3000),
        a_task(1, "wide/1", node="n1", priority=LOW),
        a_task(2, "deep/1", node="n1", priority=LOW),
        a_task(3, "tiny/1", node="n1", priority=LOW),
        a_task(4, "tiny/2", node="n1", priority=LOW),
        a_task(5, "high/1", priority=HIGH),
    )

    placed, stopped = decide_and_apply(state)

    assert (placed, sorted(stopped)) == ([], [1, 2])


def test_the_next_passes_stop_nobody_else_for_the_same_need() -> None:
    state = a_state_with(
        *(a_node(f"n{number}", cpus=1) for number in range(1, 5)),
        a_kind("low", 1, LOW),
        a_kind("high", 0.6, HIGH),
        *(a_task(n, f"low/{n}", node=f"n{n}", priority=LOW) for n in (1, 2, 3, 4)),
        a_task(5, "high/1", priority=HIGH),
        a_task(6, "high/2", priority=HIGH),
    )

    _, stopped = decide_and_apply(state)
    later = [decide_and_apply(state) for _ in range(3)]
    end(state, stopped[0])
    first, _ = decide_and_apply(state)
    end(state, stopped[1])
    second, _ = decide_and_apply(state)

    assert len(stopped) == 2
    assert later == [([], [])] * 3
    assert sorted(first + second) == [5, 6]


def test_room_that_becomes_free_is_not_taken_by_a_lower_priority() -> None:
    state = a_state_with(
        a_node("n1", cpus=1),
        a_kind("low", 0.4, LOW),
        a_kind("high", 0.8, HIGH),
        a_task(1, "low/1", node="n1", priority=LOW),
        a_task(2, "low/2", node="n1", priority=LOW),
        a_task(3, "high/1", priority=HIGH),
    )
    _, stopped = decide_and_apply(state)
    waiting = a_task(4, "low/3", priority=LOW)
    state = a_state_with(
        *state.nodes.values(), *state.services.values(), *state.tasks.values(), waiting
    )

    end(state, stopped[0])
    between = decide_and_apply(state)
    end(state, stopped[1])

    assert between == ([], [])
    assert decide_and_apply(state) == ([3], [])


def test_room_beyond_what_is_promised_may_be_taken_at_once() -> None:
    state = a_state_with(
        a_node("n1", cpus=3),
        a_kind("going", 2, LOW),
        a_kind("high", 2, HIGH),
        a_kind("low", 1, LOW),
        a_task(1, "going/1", node="n1", priority=LOW, desired=Desired.STOP),
        a_task(2, "high/1", priority=HIGH),
        a_task(3, "low/1", priority=LOW),
    )

    decision = schedule(state, NOW)

    assert [command.tasks for command in decision.commands if isinstance(command, AssignTasks)] == [
        (3,)
    ]
    assert decision.pending == {2: "waits for room on n1, where a task is stopping"}


def test_a_task_that_other_rules_keep_away_stops_nobody() -> None:
    port = Port(target=80, published=80, mode=PublishMode.HOST)
    needs = some_resources(cpus=1)
    here = Placement(constraints=("node.name == n1",))
    state = a_state_with(
        a_node("n1", cpus=1, availability=Availability.CORDONED),
        a_node("n2", cpus=1),
        a_kind("low", 1, LOW),
        a_service(
            "pinned", spec=a_service_spec("pinned", needs=needs, placement=here, priority=HIGH)
        ),
        a_service(
            "front",
            spec=a_service_spec(
                "front", priority=HIGH, task=a_task_spec(needs=needs, ports=(port,))
            ),
        ),
        a_service(
            "old", spec=a_service_spec("old", task=a_task_spec(needs=Resources(), ports=(port,)))
        ),
        a_task(1, "low/1", node="n1", priority=LOW),
        a_task(2, "low/2", node="n2", priority=LOW),
        a_task(3, "old/1", node="n2"),
        a_task(4, "pinned/1", priority=HIGH),
        a_task(5, "front/1", priority=HIGH),
    )

    assert schedule(state, NOW).commands == ()


def test_a_task_that_no_node_could_ever_hold_stops_nobody() -> None:
    state = a_state_with(
        a_node("n1", cpus=1),
        a_kind("low", 1, LOW),
        a_kind("high", 2, HIGH),
        a_task(1, "low/1", node="n1", priority=LOW),
        a_task(2, "high/1", priority=HIGH),
    )

    assert schedule(state, NOW).commands == ()


def test_devices_are_made_free_too() -> None:
    needs = Resources(100, MIB, {"gpu": 2})
    state = a_state_with(
        a_node("n1", devices={"gpu": 2}),
        a_service("low", spec=a_service_spec("low", needs=needs, priority=LOW)),
        a_service("high", spec=a_service_spec("high", needs=needs, priority=HIGH)),
        a_kind("idle", 0.1, LOW),
        a_task(1, "idle/1", node="n1", priority=LOW),
        a_task(2, "low/1", node="n1", priority=LOW),
        a_task(3, "high/1", priority=HIGH),
    )

    assert decide_and_apply(state) == ([], [2])


def test_a_replica_at_home_makes_room_there() -> None:
    state = a_state_with(
        a_node("n1", cpus=1),
        a_node("n2", cpus=1),
        a_kind("low", 1, LOW),
        a_kind("high", 1, SYSTEM),
        a_task(1, "low/1", node="n1", priority=LOW),
        a_task(2, "low/2", node="n2", priority=LOW),
        a_task(3, "high/1", priority=SYSTEM),
    )
    replica = state.tasks[TaskId(3)].replica
    state.replicas[replica] = type(state.replicas[replica])(key=replica, home=NodeName("n2"))

    assert decide_and_apply(state) == ([], [2])


def test_a_group_that_waits_does_so_task_by_task_among_others() -> None:
    """So that the next pass, in which its placed tasks are gone, sees the same order."""
    state = a_state_with(
        a_node("n1", cpus=2),
        a_kind("going", 1, LOW),
        a_kind("web", 1, NORMAL),
        a_kind("old", 1, NORMAL),
        a_task(1, "going/1", node="n1", priority=LOW, desired=Desired.STOP),
        a_task(2, "web/1"),
        a_task(3, "old/1"),
        a_task(4, "web/2"),
    )

    first = schedule(state, NOW)
    decide_and_apply(state)
    second = schedule(state, NOW)

    waits = "waits for room on n1, where a task is stopping"
    assert (first.pending[TaskId(3)], second.pending[TaskId(3)]) == (waits, waits)
