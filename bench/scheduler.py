"""How fast the scheduler decides on 5,000 nodes. Repeat with: python -m bench.scheduler [seed].

Three figures a case, so that nothing hides: *decide* is the choice of a node for tasks that are
already grouped, by a leader that has scheduled before (filters, scores, keeping the ledger; for
preemption also the survey of who could go); *pass* is a whole `schedule()` of the same
leader (reading the state, grouping, deciding, reasons, commands); *first pass*
is the same for a leader that has just begun and must build its arrays. Times are by the wall clock;
CPU is the time this process had of it, which differs where others use the machine. Of several runs
the fastest is shown. Garbage is collected as in a server (controlplane/main).
"""

import gc
import random
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from time import perf_counter, process_time
from timeit import repeat
from typing import Final

import numpy as np

from controlplane.scheduler import Scheduler
from controlplane.scheduler.ask import Ask, Demands
from controlplane.scheduler.candidates import Candidates
from controlplane.scheduler.place import Pass, asks, place
from controlplane.scheduler.room import Room
from controlplane.state.commands import AssignTasks, Single, StopTasks
from controlplane.state.tables import Node, Service, State, Task
from orb.ids import Millis
from orb.resources import Resources
from orb.spec import Placement, Port, Priority, PublishMode, TaskSpec
from tests.factories import a_node, a_service, a_service_spec, a_state_with, a_task, a_task_spec

NODES: Final = 5_000
REPLICAS: Final = 10_000
DECISIONS_PER_SECOND_MIN: Final = 10_000
"""The floor of every case, in time of the processor."""
NOW: Final = Millis(1_700_000_000_000)
MIB: Final = 1024**2
RUNS: Final = 5
"""Runs of which the fastest is shown."""


def some_nodes(chance: random.Random) -> list[Node]:
    """Three zones, two platforms, three sizes, disks of two kinds, and GPUs in every tenth."""
    return [
        a_node(
            f"n{number:04d}",
            zone="abc"[number % 3],
            cpus=chance.choice([16, 32, 64]),
            memory_gib=chance.choice([64, 128]),
            arch="arm64" if chance.random() < 0.1 else "amd64",
            devices={"gpu": 8} if chance.random() < 0.1 else {},
            labels={"disk": chance.choice(["ssd", "hdd"]), "rack": f"r{number % 200}"},
        )
        for number in range(NODES)
    ]


def some_task(chance: random.Random) -> TaskSpec:
    """Every filter and score has something to do in some of them."""
    devices = {"gpu": chance.choice([1, 2, 4])} if chance.random() < 0.03 else {}
    disk = ("node.labels.disk == ssd",) if chance.random() < 0.3 else ()
    rack = (f"node.labels.rack != r{chance.randint(0, 20)}",) if chance.random() < 0.1 else ()
    port = Port(target=80, published=8000 + chance.randint(0, 50), mode=PublishMode.HOST)
    return a_task_spec(
        needs=Resources(chance.randint(1, 40) * 50, chance.randint(1, 64) * 64 * MIB, devices),
        ports=(port,) if chance.random() < 0.05 else (),
        placement=Placement(
            constraints=disk + rack,
            platform="linux/amd64" if chance.random() < 0.2 else "",
            max_replicas_per_node=chance.choice([0, 0, 0, 2]),
        ),
    )


def pending(services: Iterable[tuple[Service, int]]) -> list[Service | Task]:
    """The services, with so many new tasks each."""
    records: list[Service | Task] = []
    number = 0
    for service, replicas in services:
        records.append(service)
        for place_in_service in range(1, replicas + 1):
            number += 1
            name = f"{service.key.service}/{place_in_service}"
            records.append(a_task(number, name, priority=service.spec.priority))
    return records


def a_declared(
    name: str, task: TaskSpec, replicas: int, priority: Priority = Priority.NORMAL
) -> tuple[Service, int]:
    spec = a_service_spec(name, task=task, replicas=replicas, priority=priority)
    return a_service(name, spec=spec), replicas


def distinct(chance: random.Random) -> State:
    services = [a_declared(f"s{each}", some_task(chance), 1) for each in range(REPLICAS)]
    return a_state_with(*some_nodes(chance), *pending(services))


def identical(chance: random.Random) -> State:
    task = a_task_spec(needs=Resources(500, 512 * MIB))
    return a_state_with(*some_nodes(chance), *pending([a_declared("web", task, REPLICAS)]))


def mixed(chance: random.Random) -> State:
    """820 services of 1 to about 50 replicas."""
    sizes = [1 + min(int(chance.expovariate(1 / 11.5)), 60) for _ in range(820)]
    while sum(sizes) != REPLICAS:
        chosen = chance.randrange(len(sizes))
        sizes[chosen] = max(1, sizes[chosen] + (1 if sum(sizes) < REPLICAS else -1))
    services = [a_declared(f"s{each}", some_task(chance), size) for each, size in enumerate(sizes)]
    return a_state_with(*some_nodes(chance), *pending(services))


def full(chance: random.Random) -> State:
    """Ten tasks of low priority fill every node, and 5,000 services of high priority wait."""
    nodes = [
        replace(node, facts=replace(node.facts, capacity=Resources(16_000, 64 * 1024 * MIB)))
        for node in some_nodes(chance)
    ]
    small = a_task_spec(needs=Resources(1_600, 6_553 * MIB))
    low, _ = a_declared("low", small, NODES * 10, Priority.LOW)
    running = [
        a_task(
            100_000 + each, f"low/{each + 1}", node=nodes[each % NODES].name, priority=Priority.LOW
        )
        for each in range(NODES * 10)
    ]
    high = [
        a_declared(
            f"h{each}",
            a_task_spec(needs=Resources(chance.randint(10, 16) * 100, 4_096 * MIB)),
            1,
            Priority.HIGH,
        )
        for each in range(NODES)
    ]
    return a_state_with(*nodes, low, *running, *pending(high))


@dataclass(frozen=True)
class Figures:
    """Of one case, in seconds."""

    each: list[float]
    """Deciding about one group."""
    cpu: float
    """Deciding about all of them, of the processor's time."""
    passes: list[float]
    first: float
    tasks: int
    placed: int
    stopped: int


def measure(state: State, decide: Callable[[Pass, Ask], None]) -> Figures:
    started = perf_counter()
    scheduler = Scheduler()
    scheduler.schedule(state, NOW)
    first = perf_counter() - started
    passes: list[float] = []
    commands: tuple[Single, ...] = ()
    for _ in range(RUNS):
        started = perf_counter()
        commands = scheduler.schedule(state, NOW).commands
        passes.append(perf_counter() - started)
    placed = sum(len(each.tasks) for each in commands if isinstance(each, AssignTasks))
    stopped = sum(len(each.tasks) for each in commands if isinstance(each, StopTasks))
    kept = Candidates(), Demands()
    runs = [decisions(state, decide, *kept) for _ in range(RUNS)]
    each, cpu = min(runs, key=lambda run: sum(run[0]))
    return Figures(each, cpu, passes, first, len(state.unplaced), placed, stopped)


def decisions(
    state: State, decide: Callable[[Pass, Ask], None], candidates: Candidates, demands: Demands
) -> tuple[list[float], float]:
    """How long each group took, and the processor's time for all."""
    candidates.refresh(state)
    now = Pass(state, Room(state, candidates, demands), [])
    groups = sorted(asks(state, demands), key=lambda ask: ask.turn)
    each = []
    began = process_time()
    for ask in groups:
        started = perf_counter()
        decide(now, ask)
        each.append(perf_counter() - started)
    return each, process_time() - began


def show(name: str, aim: str, figures: Figures) -> None:
    total, tasks = sum(figures.each), figures.tasks
    ordered = sorted(figures.each)
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    best, worst = min(figures.passes), max(figures.passes)
    print(f"\n{name}   (aim: {aim})")
    print(f"  placed {figures.placed:,} of {tasks:,} tasks, told {figures.stopped:,} to stop")
    print(
        f"  decide      {tasks / total:>9,.0f} tasks/s   {total * 1e3:8.1f} ms in all"
        f" (CPU {figures.cpu * 1e3:.1f} ms)"
        f"   a group: p50 {p50 * 1e6:.0f} µs, p99 {p99 * 1e6:.0f} µs"
    )
    print(
        f"  pass        {tasks / best:>9,.0f} tasks/s   {best * 1e3:8.1f} ms"
        f"   (slowest of {RUNS}: {worst * 1e3:.1f} ms)"
    )
    print(f"  first pass  {tasks / figures.first:>9,.0f} tasks/s   {figures.first * 1e3:8.1f} ms")


def placing(now: Pass, ask: Ask) -> None:
    place(now.room, ask, len(ask.tasks))


def settling(now: Pass, ask: Ask) -> None:
    now.run([ask])


CASES: Final = (
    (
        "10,000 services of one replica, all different",
        "30,000/s, floor 10,000/s, p99 1 ms",
        distinct,
        placing,
    ),
    ("one service of 10,000 replicas, spread over zones", "5 ms", identical, placing),
    ("820 services with 10,000 replicas", "100,000/s", mixed, placing),
    ("preemption: 5,000 full nodes, 5,000 tasks of higher priority", "10,000/s", full, settling),
)


def main() -> int:
    """Print all figures; fail if any case is below the floor."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    print(f"{NODES:,} nodes, one core. Repeat: python -m bench.scheduler {seed}")
    numbers = np.arange(NODES)
    steps = min(repeat(lambda: numbers >= 7, number=1_000, repeat=5)) * 1_000
    print(f"Speed of this machine now: {steps:.1f} µs to compare {NODES:,} numbers in an array")
    slowest = float(DECISIONS_PER_SECOND_MIN)
    for name, aim, build, decide in CASES:
        state = build(random.Random(seed))  # noqa: S311 - a seed, no secret
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        figures = measure(state, decide)
        show(name, aim, figures)
        slowest = min(slowest, figures.tasks / figures.cpu)
    return 0 if slowest >= DECISIONS_PER_SECOND_MIN else 1


if __name__ == "__main__":
    sys.exit(main())
