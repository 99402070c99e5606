"""The checks themselves: each finds what it is there for."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from controlplane.state import indexes, invariants
from controlplane.state.tables import CLIENTS_MAX, Client, State
from orb.ids import AppKey, NodeName, TaskId
from orb.resources import Resources
from tests.factories import (
    NOW,
    a_node,
    a_replica_key,
    a_service,
    a_service_key,
    a_service_spec,
    a_state_with,
    a_task,
    a_volume,
)
from tests.state.samples import the_state

Spoil = Callable[[State], object]
SHOP = AppKey("default", "shop")


def change(state: State, number: int, **values: object) -> None:
    task = state.tasks[TaskId(number)]
    state.tasks[task.id] = replace(task, **values)  # type: ignore[arg-type] # any field


def forget_replica(state: State) -> None:
    indexes.drop_replica(state, a_replica_key())


def test_a_sound_state_is_found_sound() -> None:
    assert invariants.check(the_state()) == []
    assert invariants.check(State()) == []


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda s: s.unplaced.clear(), "unplaced is not what the other tables say"),
        (lambda s: s.reserved.update(n1=Resources()), "reserved is not what the other"),
        (lambda s: s.tasks_on_node.clear(), "tasks_on_node is not what the other tables say"),
        (lambda s: s.environments.clear(), "its environment does not exist"),
        (lambda s: s.releases[SHOP].clear(), "its current release 1 does not exist"),
        (lambda s: s.apps.clear(), "apps and releases are not of the same apps"),
        (lambda s: s.services.clear(), "services_of_app is not what the other tables say"),
        (lambda s: s.replicas.clear(), "replicas_of_service is not what the other tables say"),
        (lambda s: s.specs.clear(), "the derived tables cannot be derived"),
        (lambda s: change(s, 7, node=None), "tasks_on_node is not what the other tables say"),
        (lambda s: change(s, 8, ready=True, ready_since=NOW), "it is ready but NEW"),
        (lambda s: change(s, 7, avoid=("n1",)), "it is on a node that it must avoid"),
        (lambda s: change(s, 7, ready=False), "ready and ready_since do not agree"),
        (forget_replica, "it is wanted in a replica that does not exist"),
        (lambda s: s.events.clear(), "the events are not numbered without gaps"),
        (
            lambda s: s.clients.update(
                {str(n): Client(sequence=1, answer=b"", used_at=NOW) for n in range(CLIENTS_MAX)}
            ),
            "too many clients",
        ),
    ],
)
def test_what_is_wrong_is_named(spoil: Spoil, complaint: str) -> None:
    state = the_state()
    spoil(state)
    found = invariants.check(state)
    assert any(complaint in line for line in found), found


def test_an_over_committed_node_is_named() -> None:
    state = a_state_with(a_node(cpus=0.05), a_service(), a_task(1, node="n1"))
    assert invariants.check(state) == [
        f"node n1: squeezed=False, but {state.reserved[NodeName('n1')]} of its capacity is held"
    ]


def test_two_tasks_on_the_same_data_are_named() -> None:
    service = a_service(spec=a_service_spec(mounts=(a_volume(),)))
    state = a_state_with(service, a_task(1, node="n1"), a_task(2, node="n2"))
    assert invariants.check(state) == [
        f"replica {a_replica_key()}: more than one task with its volumes holds a node"
    ]


def test_too_many_copies_are_named() -> None:
    state = a_state_with(a_service(), *(a_task(number) for number in range(1, 5)))
    assert invariants.check(state) == [
        f"replica {a_replica_key()}: more than 3 wanted tasks of one revision"
    ]


def test_a_spec_that_nothing_uses_is_named() -> None:
    state = a_state_with(a_service())
    state.specs[a_service_key(), 9] = a_service_spec().task
    indexes.rebuild(state)
    assert invariants.check(state) == [f"spec {a_service_key()} 9: nothing uses it"]
