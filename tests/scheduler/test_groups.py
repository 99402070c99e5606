"""A group placed in one pass goes where its tasks would go one by one, and to the best nodes."""

import random

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
from controlplane.state.tables import State
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


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3, 5, 8, 20, 70, 300]))
def test_a_group_goes_where_its_tasks_would_go_one_by_one(seed: int, count: int) -> None:
    state = a_cluster(random.Random(seed))
    room = a_room(state)
    ask = an_ask(state, room)

    rows = fill(room, ask, admitted(room, ask, room.all), count).tolist()

    assert rows == one_by_one(state, count)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_what_is_kept_up_to_date_equals_what_is_worked_out_afresh(seed: int, count: int) -> None:
    state = a_cluster(random.Random(seed))
    room = a_room(state)
    ask = an_ask(state, room)
    room.keys(ask.demand)

    place(room, ask, count)

    fresh = a_room(state)
    fresh.free = room.free.copy()
    fresh._fit = fresh.fit_of(fresh.all, fresh.free)
    assert room.keys(ask.demand).tolist() == fresh.keys(ask.demand).tolist()
