"""What holds in every cluster: nothing is over-committed, refused, forgotten, or decided twice."""

import random
import subprocess
import sys
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.scheduler import Decision, Scheduler, explain_task, schedule
from controlplane.state import invariants
from controlplane.state.apply import apply
from controlplane.state.commands import (
    Applied,
    AssignTasks,
    Batch,
    Entry,
    ReportTasks,
    SetAvailability,
    SetLabels,
    SetNodeStatus,
    StopTasks,
)
from controlplane.state.tables import Service, State, Task
from orb.ids import NodeName, TaskId
from orb.lifecycle import Availability, Desired, NodeStatus, TaskState
from orb.resources import Resources
from orb.spec import Placement, Port, Priority, PublishMode, TaskSpec
from tests.factories import (
    MIB,
    NOW,
    Record,
    a_node,
    a_replica,
    a_report,
    a_service,
    a_service_spec,
    a_state_with,
    a_task,
    a_task_spec,
    a_volume,
)

SEEDS = st.integers(0, 2**32)


def a_random_spec(chance: random.Random) -> TaskSpec:
    needs = Resources(
        chance.choice([0, 250, 500, 1000, 1500]),
        chance.choice([0, 64, 256, 1024]) * MIB,
        {"gpu": chance.choice([1, 2])} if chance.random() < 0.15 else {},
    )
    port = Port(target=80, published=chance.choice([80, 81]), mode=PublishMode.HOST)
    return a_task_spec(
        needs=needs,
        ports=(port,) if chance.random() < 0.15 else (),
        mounts=(a_volume("data"),) if chance.random() < 0.15 else (),
        placement=Placement(
            constraints=("node.labels.disk == ssd",) if chance.random() < 0.2 else (),
            max_replicas_per_node=chance.choice([0, 0, 0, 1, 2]),
            spread=chance.choice([(), (), ("node.labels.disk", "node.zone")]),
        ),
    )


def a_random_node(chance: random.Random, name: str) -> Record:
    return a_node(
        name,
        zone=chance.choice(["a", "b", ""]),
        cpus=chance.choice([1, 2, 4]),
        memory_gib=chance.choice([1, 2, 4]),
        devices={"gpu": chance.randint(1, 4)} if chance.random() < 0.2 else {},
        labels={"disk": chance.choice(["ssd", "hdd"])},
        status=chance.choice([NodeStatus.READY] * 5 + [NodeStatus.SUSPECT, NodeStatus.DOWN]),
        availability=chance.choice([Availability.ACTIVE] * 6 + [Availability.CORDONED]),
    )


def a_random_state(seed: int) -> State:
    """A cluster in the middle of its life, in which nothing is over-committed."""
    chance = random.Random(seed)
    nodes = [a_random_node(chance, f"n{each}") for each in range(1, chance.randint(2, 9))]
    services: list[Service] = []
    waiting: list[Task] = []
    homes: list[Record] = []
    number = 0
    for each in range(chance.randint(1, 8)):
        priority = chance.choice(list(Priority))
        spec = a_service_spec(
            f"s{each}", replicas=30, task=a_random_spec(chance), priority=priority
        )
        services.append(a_service(f"s{each}", spec=spec))
        for place in range(1, chance.randint(2, 14)):
            number += 1
            avoid = (f"n{chance.randint(1, 9)}",) if chance.random() < 0.1 else ()
            waiting.append(a_task(number, f"s{each}/{place}", priority=priority, avoid=avoid))
            if chance.random() < 0.1:
                homes.append(a_replica(f"s{each}/{place}", home=f"n{chance.randint(1, 9)}"))
    chance.shuffle(waiting)
    state = a_state_with(*nodes, *services, *homes, *waiting)
    _let_some_run(state, chance)
    return state


def _let_some_run(state: State, chance: random.Random) -> None:
    """Place some of the tasks anywhere, as the years would have; some of them are stopping."""
    for task in list(state.unplaced):
        if chance.random() < 0.6:
            node = chance.choice(list(state.nodes))
            do(state, AssignTasks(tasks=(task,), nodes=(node,)))
            if chance.random() < 0.15:
                do(state, StopTasks(tasks=(task,), reason="scaled"))


def do(state: State, *commands: object) -> tuple[Applied, ...]:
    entry = Entry(command=Batch(commands=commands), now=NOW)  # type: ignore[arg-type]
    answer = apply(state, entry, state.index + 1)
    assert isinstance(answer, Applied)
    assert all(isinstance(part, Applied) for part in answer.parts)
    return answer.parts  # type: ignore[return-value]


def carry_out(state: State, decision: Decision) -> None:
    """Apply it, and see that nothing of it is passed over."""
    answers = do(state, *decision.commands)
    asked = [
        len(one.tasks) for one in decision.commands if isinstance(one, AssignTasks | StopTasks)
    ]
    assert [answer.number for answer in answers] == asked


def unplaced(state: State) -> list[TaskId]:
    return sorted(task for task in state.unplaced if state.tasks[task].wanted)


@settings(max_examples=120, deadline=None)
@given(SEEDS)
def test_nothing_that_is_decided_is_refused_or_over_committed(seed: int) -> None:
    state = a_random_state(seed)
    before = unplaced(state)

    decision = schedule(state, NOW)
    carry_out(state, decision)

    assert invariants.check(state) == []
    assert sorted(decision.pending) == unplaced(state)
    assert all(decision.pending.values())
    assert len(before) >= len(decision.pending)


@settings(max_examples=120, deadline=None)
@given(SEEDS)
def test_nobody_is_stopped_twice_for_one_need(seed: int) -> None:
    state = a_random_state(seed)
    reasons: list[str] = []
    for _ in range(4):
        decision = schedule(state, NOW)
        reasons += [one.reason for one in decision.commands if isinstance(one, StopTasks)]
        carry_out(state, decision)

    assert len(reasons) == len(dict.fromkeys(reasons))


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_only_its_equals_or_betters_take_room_that_was_made_for_a_task(seed: int) -> None:
    state = a_random_state(seed)
    first = schedule(state, NOW)
    carry_out(state, first)
    stops = [one for one in first.commands if isinstance(one, StopTasks)]
    _let_all_end(state)

    second = schedule(state, NOW)
    carry_out(state, second)

    makers = {one.reason for one in stops}
    waiting = [state.tasks[task] for task in state.unplaced]
    again = [task for task in waiting if _preempts(task) in makers]
    placed = [state.tasks[task] for one in second.commands for task in tasks_of(one)]
    assert all(any(other.priority >= task.priority for other in placed) for task in again)


def tasks_of(command: object) -> tuple[TaskId, ...]:
    return command.tasks if isinstance(command, AssignTasks) else ()


def _preempts(task: Task) -> str:
    return f"preempted by {task.replica.app}.{task.replica.name} (task {task.id})"


def _let_all_end(state: State) -> None:
    for task in list(state.tasks.values()):
        if task.desired is Desired.STOP and not task.ended and task.node is not None:
            report = a_report(task.id, TaskState.STOPPED)
            do(state, ReportTasks(node=task.node, reports=(report,)))


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_what_a_scheduler_remembers_changes_nothing(seed: int) -> None:
    chance = random.Random(seed)
    state = a_random_state(seed)
    kept = Scheduler()
    for _ in range(6):
        decision = kept.schedule(state, NOW)
        assert decision == schedule(state, NOW)
        carry_out(state, decision)
        _let_something_happen(state, chance)


def _let_something_happen(state: State, chance: random.Random) -> None:
    name = NodeName(chance.choice(list(state.nodes)))
    node = state.nodes[name]
    match chance.randrange(5):
        case 0:
            do(state, SetAvailability(node=name, availability=chance.choice(list(Availability))))
        case 1:
            do(state, SetLabels(node=name, labels={"disk": chance.choice(["ssd", "hdd"])}))
        case 2:
            new = NodeStatus.SUSPECT if node.status is NodeStatus.READY else NodeStatus.READY
            do(state, SetNodeStatus(node=name, old=node.status, new=new))
        case 3:
            _let_all_end(state)
        case _:
            larger = node.facts.capacity + Resources(500, 128 * MIB, {"fpga": 1})
            state.nodes[name] = replace(node, facts=replace(node.facts, capacity=larger))


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_every_task_can_be_explained(seed: int) -> None:
    state = a_random_state(seed)
    pending = schedule(state, NOW).pending

    for task in state.tasks:
        answer = explain_task(state, task)
        assert answer.waiting == (task in pending)
        assert answer.text


def test_the_hash_seed_of_a_process_changes_nothing() -> None:
    script = (
        "from tests.scheduler.test_properties import *\n"
        "print([schedule(a_random_state(seed), NOW) for seed in range(12)])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "2")
    }

    assert len(outputs) == 1
