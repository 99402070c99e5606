"""A group placed in one pass goes where its tasks would go one by one, and to the best nodes."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.scheduler.ask import Ask, Demands
from controlplane.scheduler.candidates import Candidates
from controlplane.scheduler.explain import reachable
from controlplane.scheduler.fill import fill
from controlplane.scheduler.filters import admitted
from controlplane.scheduler.place import place
from controlplane.scheduler.room import Room
from controlplane.scheduler.scores import best
from controlplane.state.tables import Node, State
from orb.resources import Resources
from orb.spec import Placement, Port, PublishMode
from tests.factories import (
    a_node,
    a_service,
    a_service_key,
    a_service_spec,
    a_state_with,
    a_task,
    a_task_spec,
    some_resources,
)

SEEDS = st.integers(0, 2**32)
SPREADS = ((), ("node.labels.rack",), ("node.zone", "node.labels.rack"))


def a_cluster(chance: random.Random) -> State:
    """A random cluster with some tasks of `web` and of others on it."""
    sizes = [(2, 4), (4, 8), (8, 8)] if chance.random() < 0.5 else [(4, 8)]
    nodes = []
    for number in range(1, chance.randint(1, 14) + 1):
        cpus, memory = chance.choice(sizes)
        devices = {"gpu": chance.randint(1, 4)} if chance.random() < 0.2 else {}
        labels = {"rack": f"r{chance.randint(1, 4)}"}
        zone = chance.choice(["a", "b", "c"]) if chance.random() < 0.9 else ""
        nodes.append(
            a_node(
                f"n{number}",
                zone=zone,
                cpus=cpus,
                memory_gib=memory,
                devices=devices,
                labels=labels,
            )
        )
    needs = some_resources(cpus=chance.choice([0.1, 0.5, 1]), memory_mib=chance.choice([0, 300]))
    ports = (Port(target=1, published=80, mode=PublishMode.HOST),) if chance.random() < 0.1 else ()
    spread = chance.choice(SPREADS)
    most = chance.choice([0, 0, 0, 1, 2, 5])
    placement = Placement(spread=spread, max_replicas_per_node=most)
    task = a_task_spec(needs=needs, ports=ports, placement=placement)
    other = a_service_spec("db", needs=some_resources(cpus=0.5, memory_mib=512))
    tasks = []
    if chance.random() < 0.6:
        for number in range(chance.randint(0, 12)):
            replica = chance.choice(["web", "db"])
            node = chance.choice(nodes).name
            tasks.append(a_task(number + 1, f"{replica}/{number + 1}", node=node))
    return a_state_with(
        *nodes,
        a_service(spec=a_service_spec(task=task)),
        a_service("db", spec=other),
        *tasks,
    )


def a_room(state: State) -> Room:
    candidates = Candidates()
    candidates.refresh(state)
    return Room(state, candidates, Demands())


def an_ask(state: State, room: Room) -> Ask:
    service = state.services[a_service_key()]
    demand = room.demands.of((service.key, 1), service.spec.task)
    return Ask(service.key, service.spec.priority, demand)


def one_by_one(state: State, count: int) -> list[int]:
    room = a_room(state)
    ask = an_ask(state, room)
    rows: list[int] = []
    while len(rows) < count:
        at = reachable(room, ask)
        row = best(room, ask, admitted(room, ask, at), at)
        if row is None:
            break
        room.take(ask, row)
        rows.append(row)
    return rows


@settings(max_examples=200, deadline=None)
@given(SEEDS, st.sampled_from([1, 2, 3, 5, 8, 20, 70, 300]))
def test_a_group_goes_where_its_tasks_would_go_one_by_one(seed: int, count: int) -> None:
    state = a_cluster(random.Random(seed))
    room = a_room(state)
    ask = an_ask(state, room)

    rows = fill(room, ask, admitted(room, ask, room.all), count).tolist()

    assert rows == one_by_one(state, count)


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.integers(1, 40))
def test_what_is_kept_up_to_date_equals_what_is_worked_out_afresh(seed: int, count: int) -> None:
    state = a_cluster(random.Random(seed))
    room = a_room(state)
    ask = an_ask(state, room)
    room.keys(ask.demand)

    place(room, ask, count)

    fresh = a_room(state)
    fresh.free = room.free.copy()
    fresh._fit = fresh.fit_of(np.arange(len(state.nodes)), fresh.free.table)
    assert room.keys(ask.demand).tolist() == fresh.keys(ask.demand).tolist()


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from([3, 10, 40, 400]))
def test_the_same_is_true_where_only_the_best_nodes_are_looked_at(seed: int, count: int) -> None:
    chance = random.Random(seed)
    zones = chance.choice(["a", "ab", "abc"])
    nodes = [
        a_node(f"n{number:03d}", zone=chance.choice(zones), cpus=chance.choice([1, 2, 4]))
        for number in range(250)
    ]
    other = a_service_spec("db", needs=some_resources(cpus=0.5, memory_mib=512))
    tasks = [a_task(each, f"db/{each}", node=chance.choice(nodes).name) for each in range(1, 200)]
    web = a_service_spec(needs=some_resources(cpus=0.5))
    state = a_state_with(*nodes, a_service(spec=web), a_service("db", spec=other), *tasks)
    room = a_room(state)
    ask = an_ask(state, room)

    rows = fill(room, ask, admitted(room, ask, room.all), count).tolist()

    assert rows == one_by_one(state, count)


def chosen_by_hand(state: State) -> str | None:
    """The node for one task of `web`, worked out slowly and without arrays."""
    spec = state.services[a_service_key()].spec.task
    most = spec.placement.max_replicas_per_node

    def admits(node: Node) -> bool:
        here = neighbours(state, node, ["name"])
        free = node.facts.capacity - state.reserved[node.name]
        return (
            spec.reservations.fits(free)
            and not (most and here >= most)
            and not (spec.ports and here)
        )

    def key(node: Node) -> tuple[object, ...]:
        path = [each.rpartition(".")[2] for each in spec.placement.spread or ("node.zone",)]
        spread = [neighbours(state, node, path[:depth]) for depth in range(1, len(path) + 1)]
        idle = sum(kind not in spec.reservations.devices for kind in node.facts.capacity.devices)
        fit = how_full(state, node)
        return (*spread, neighbours(state, node, ["name"]), idle, *fit, node.name)

    suitable = [node for node in state.nodes.values() if admits(node)]
    return min(suitable, key=key).name if suitable else None


def neighbours(state: State, node: Node, path: list[str]) -> int:
    """How many tasks of `web` are on nodes that have the same labels (or name)."""

    def values(of: Node) -> list[str]:
        return [{**of.all_labels, "name": of.name}.get(each, "") for each in path]

    webs = (task for task in state.tasks.values() if task.replica.service == "web")
    return sum(values(state.nodes[task.node]) == values(node) for task in webs if task.node)


def how_full(state: State, node: Node) -> tuple[int, int]:
    """What is left, by the largest node's measure, then by its own."""
    everywhere = [amounts(other.facts.capacity) for other in state.nodes.values()]
    kinds = sorted({kind: None for each in everywhere for kind in each})
    free = amounts(node.facts.capacity - state.reserved[node.name])
    own = amounts(node.facts.capacity)
    left, empty = 0.0, 0.0
    for kind in ["cpu", "memory", *(kind for kind in kinds if kind not in {"cpu", "memory"})]:
        largest = max(each.get(kind, 0) for each in everywhere)
        left += free.get(kind, 0) * ((1 << 20) / largest) if largest else 0
        share = 1023 / sum(amount > 0 for amount in own.values()) / max(own.get(kind, 0), 1)
        empty += free.get(kind, 0) * share
    return int(left), int(empty)


def amounts(resources: Resources) -> dict[str, int]:
    main = {"cpu": resources.milli_cpus, "memory": resources.memory_bytes}
    return {**main, **resources.devices}


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_the_best_node_is_the_one_found_by_hand(seed: int) -> None:
    state = a_cluster(random.Random(seed))
    room = a_room(state)

    rows = one_by_one(state, 1)

    assert [room.candidates.names[row] for row in rows] == [
        name for name in [chosen_by_hand(state)] if name
    ]
