"""Nodes: they join, are judged, allowed, labelled and forgotten."""

from dataclasses import replace

from controlplane.state import invariants
from controlplane.state.apply import apply
from controlplane.state.commands import (
    Answer,
    Applied,
    Entry,
    Refused,
    RegisterNode,
    RemoveNode,
    ReportTasks,
    SetAvailability,
    SetBrake,
    SetLabels,
    SetNodeStatus,
    Single,
)
from controlplane.state.tables import State
from orb.ids import Millis, NodeName, TaskId
from orb.lifecycle import Availability, NodeStatus, TaskState
from orb.resources import Resources
from tests.factories import (
    NOW,
    a_node,
    a_report,
    a_service,
    a_service_spec,
    a_state_with,
    a_task,
    some_facts,
    some_resources,
)

N1 = NodeName("n1")
LATER = Millis(NOW + 1_000)


def do(state: State, command: Single) -> Answer:
    answer = apply(state, Entry(command=command, now=LATER, author="ann"), state.index + 1)
    assert invariants.check(state) == []
    return answer


def told(state: State) -> list[tuple[str, str]]:
    return [(event.kind, event.message) for event in state.events]


def test_a_node_joins_ready_and_holds_nothing() -> None:
    state = State()
    assert do(state, RegisterNode(facts=some_facts())) == Applied(number=1)
    assert state.nodes == {N1: a_node(status_since=LATER)}
    assert state.reserved == {N1: Resources()}
    assert told(state) == [("node.joined", "n1 has joined from n1.example.org")]


def test_a_node_whose_engine_is_silent_takes_no_new_tasks_until_it_answers() -> None:
    state = a_state_with(a_node())
    do(state, RegisterNode(facts=replace(some_facts(), trouble="connection refused")))
    assert not state.nodes[N1].schedulable
    do(state, RegisterNode(facts=some_facts()))
    assert state.nodes[N1].schedulable
    assert told(state) == [
        ("node.trouble", "n1 takes no new tasks: connection refused"),
        ("node.well", "n1 takes new tasks again: its runtime answers"),
    ]


def test_a_node_that_says_nothing_new_changes_nothing() -> None:
    state = a_state_with(a_node())
    assert do(state, RegisterNode(facts=some_facts())) == Applied(changed=False)


def test_a_node_that_comes_back_is_ready_and_keeps_what_people_chose() -> None:
    chosen = replace(
        a_node(status=NodeStatus.DOWN, availability=Availability.CORDONED), labels={"rack": "7"}
    )
    state = a_state_with(chosen)
    do(state, RegisterNode(facts=some_facts(cpus=8)))
    assert state.nodes[N1] == replace(
        chosen, facts=some_facts(cpus=8), status=NodeStatus.READY, status_since=LATER
    )
    assert told(state) == [("node.ready", "n1 is back")]


def test_a_node_that_shrinks_below_what_it_holds_is_squeezed_until_that_fits() -> None:
    spec = a_service_spec(needs=some_resources(cpus=2))
    state = a_state_with(
        a_node(cpus=4), a_service(spec=spec), a_task(1, node="n1"), a_task(2, "web/2", node="n1")
    )
    do(state, RegisterNode(facts=some_facts(cpus=3)))
    assert state.nodes[N1].squeezed
    do(state, ReportTasks(node=N1, reports=(a_report(1, TaskState.STOPPED),)))
    assert not state.nodes[N1].squeezed


def test_nonsense_from_an_agent_is_refused() -> None:
    state = State()
    assert do(state, RegisterNode(facts=some_facts(""))) == Refused("a node must have a name")
    assert do(state, RegisterNode(facts=some_facts(cpus=-1))) == Refused(
        "n1 claims a negative capacity"
    )
    assert state == State(index=2)


def test_a_verdict_counts_only_from_the_status_it_was_made_for() -> None:
    state = a_state_with(a_node())
    suspect = SetNodeStatus(
        node=N1, old=NodeStatus.READY, new=NodeStatus.SUSPECT, reason="3 heartbeats missed"
    )
    assert do(state, suspect) == Applied(number=1)
    assert do(state, suspect) == Refused("n1 is SUSPECT, not READY")
    assert state.nodes[N1] == replace(a_node(), status=NodeStatus.SUSPECT, status_since=LATER)
    assert told(state) == [("node.suspect", "n1 is suspect: 3 heartbeats missed")]


def test_cordon_drain_and_back() -> None:
    state = a_state_with(a_node())
    for availability in (Availability.CORDONED, Availability.DRAINING, Availability.ACTIVE):
        command = SetAvailability(node=N1, availability=availability)
        assert do(state, command) == Applied(number=1)
        assert do(state, command) == Applied(changed=False)
    assert told(state)[1] == ("node.draining", "n1 is draining by wish of ann")


def test_labels_are_given_and_taken() -> None:
    state = a_state_with(replace(a_node(labels={"zone": "a"}), labels={"rack": "1", "old": "x"}))
    do(state, SetLabels(node=N1, labels={"rack": "2", "disk": "ssd"}, remove=("old",)))
    assert state.nodes[N1].labels == {"disk": "ssd", "rack": "2"}
    assert state.nodes[N1].all_labels == {"zone": "a", "disk": "ssd", "rack": "2"}
    assert do(state, SetLabels(node=N1, remove=("none",))) == Applied(changed=False)
    many = {f"l{n}": "" for n in range(201)}
    assert do(state, SetLabels(node=N1, labels=many)) == Refused(
        "n1 would have more than 200 labels"
    )


def test_only_a_silent_node_can_be_removed_and_its_tasks_are_lost() -> None:
    state = a_state_with(a_node(), a_service(), a_task(1, node="n1"))
    assert do(state, RemoveNode(node=N1)) == Refused(
        "n1 answers; only a node that is silent can be removed"
    )
    do(state, SetNodeStatus(node=N1, old=NodeStatus.READY, new=NodeStatus.DOWN))
    assert do(state, RemoveNode(node=N1)) == Applied(number=1)
    assert (state.nodes, state.reserved) == ({}, {})
    assert state.tasks[TaskId(1)].state is TaskState.LOST


def test_commands_for_an_unknown_node_say_so() -> None:
    missing = Refused("there is no node n1", missing=True)
    commands: list[Single] = [
        SetNodeStatus(node=N1, old=NodeStatus.READY, new=NodeStatus.DOWN),
        SetAvailability(node=N1, availability=Availability.ACTIVE),
        SetLabels(node=N1),
        RemoveNode(node=N1),
    ]
    assert [do(State(), command) for command in commands] == [missing] * 4


def test_the_brake_remembers_since_when_it_holds() -> None:
    state = State()
    assert do(state, SetBrake(on=False)) == Applied(changed=False)
    assert do(state, SetBrake(on=True, reason="5 of 8 nodes are silent")) == Applied(number=1)
    assert do(state, SetBrake(on=True)) == Applied(changed=False)
    since = [state.brake_since]
    assert do(state, SetBrake(on=False)) == Applied(number=1)
    assert [*since, state.brake_since] == [LATER, None]
    assert told(state) == [
        ("brake.on", "evictions are held back: 5 of 8 nodes are silent"),
        ("brake.off", "evictions are allowed again"),
    ]
