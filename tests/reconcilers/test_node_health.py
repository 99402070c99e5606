from collections.abc import Mapping

import pytest

from controlplane.reconcilers.node_health import RECONNECT_MS, node_health
from controlplane.reconcilers.survey import look
from controlplane.state.commands import SetBrake, SetNodeStatus, Single
from controlplane.state.tables import Node, View
from orb.ids import Millis, NodeName
from orb.lifecycle import NodeStatus
from tests.factories import NOW, a_node, a_state_with

S = NodeStatus
LATER = Millis(NOW + 100_000)
"""Long after every node came to be, and long after this server began to lead."""


def judged(
    *nodes: Node,
    silent_ms: Mapping[str, int] | None = None,
    brake_since: Millis | None = None,
    leading_since: Millis = NOW,
) -> list[Single]:
    """What is said at LATER when each node was heard so long ago (just now if not named)."""
    state = a_state_with(*nodes)
    state.brake_since = brake_since
    silences = {node.name: (silent_ms or {}).get(node.name, 0) for node in nodes}
    heard = {name: Millis(LATER - silence) for name, silence in silences.items() if silence >= 0}
    view = View(state=state, heard=heard, leading_since=leading_since)
    return list(node_health(look(view, LATER)))


def some_nodes(count: int, **kwargs: NodeStatus) -> list[Node]:
    return [a_node(f"n{n}", status=kwargs.get(f"n{n}", S.READY)) for n in range(1, count + 1)]


def status(node: str, old: NodeStatus, new: NodeStatus, reason: str) -> SetNodeStatus:
    return SetNodeStatus(node=NodeName(node), old=old, new=new, reason=reason)


def test_a_node_that_is_heard_stays_as_it_is() -> None:
    assert judged(*some_nodes(3), silent_ms={"n1": 3_000, "n2": 1_000}) == []


def test_three_missed_heartbeats_make_a_node_suspect() -> None:
    assert judged(*some_nodes(3), silent_ms={"n2": 3_001}) == [
        status("n2", S.READY, S.SUSPECT, "nothing heard for 3 s")
    ]


def test_a_suspect_node_is_down_after_fifteen_seconds() -> None:
    nodes = some_nodes(3, n2=S.SUSPECT)
    assert judged(*nodes, silent_ms={"n2": 15_000}) == []
    assert judged(*nodes, silent_ms={"n2": 15_001}) == [
        status("n2", S.SUSPECT, S.DOWN, "nothing heard for 15 s")
    ]


def test_no_node_is_down_before_it_was_suspect() -> None:
    assert judged(*some_nodes(3), silent_ms={"n2": 60_000}) == [
        status("n2", S.READY, S.SUSPECT, "nothing heard for 60 s")
    ]


@pytest.mark.parametrize("old", [S.SUSPECT, S.DOWN])
def test_a_node_that_is_heard_again_is_ready(old: NodeStatus) -> None:
    assert judged(*some_nodes(3, n2=old), silent_ms={"n2": 500}) == [
        status("n2", old, S.READY, "it answers again")
    ]


def test_a_node_that_has_just_been_called_ready_is_believed_though_its_last_heartbeat_is_old() -> (
    None
):
    back = a_node("n2", status_since=Millis(LATER - 1_000))
    assert judged(a_node("n1"), back, a_node("n3"), silent_ms={"n2": 30_000}) == []


def test_a_new_leader_gives_every_node_time_to_find_it() -> None:
    in_time = Millis(LATER - RECONNECT_MS - 3_000)
    assert judged(*some_nodes(3), silent_ms={"n2": -1}, leading_since=in_time) == []
    too_late = Millis(in_time - 1)
    assert judged(*some_nodes(3), silent_ms={"n2": -1}, leading_since=too_late) == [
        status("n2", S.READY, S.SUSPECT, "nothing heard for 3 s")
    ]


def test_a_suspect_node_is_not_ready_only_because_the_leader_is_new() -> None:
    nodes = some_nodes(3, n2=S.SUSPECT)
    assert judged(*nodes, silent_ms={"n2": -1}, leading_since=LATER) == []


def test_the_brake_comes_on_when_more_than_half_fall_silent_within_a_heartbeat() -> None:
    assert judged(*some_nodes(3), silent_ms={"n1": 3_001, "n2": 2_001}) == [
        SetBrake(on=True, reason="2 of 3 nodes fell silent together: no task is moved off them"),
        status("n1", S.READY, S.SUSPECT, "nothing heard for 3 s"),
    ]


def test_half_of_the_nodes_are_not_more_than_half() -> None:
    assert judged(*some_nodes(2), silent_ms={"n1": 3_001}) == [
        status("n1", S.READY, S.SUSPECT, "nothing heard for 3 s")
    ]


def test_the_only_node_is_never_given_up() -> None:
    (node,) = some_nodes(1, n1=S.SUSPECT)
    assert judged(node, silent_ms={"n1": 60_000}, brake_since=NOW) == []


def test_nodes_that_were_down_before_do_not_count_for_the_brake() -> None:
    nodes = some_nodes(5, n1=S.DOWN, n2=S.DOWN, n3=S.SUSPECT)
    silent = {"n1": 90_000, "n2": 90_000, "n3": 16_000}
    assert judged(*nodes, silent_ms=silent) == [
        status("n3", S.SUSPECT, S.DOWN, "nothing heard for 16 s")
    ]


def test_under_the_brake_no_node_becomes_down_but_those_that_answer_become_ready() -> None:
    nodes = some_nodes(5, n1=S.SUSPECT, n2=S.SUSPECT, n3=S.SUSPECT)
    silent = {"n1": 60_000, "n2": 60_000}
    assert judged(*nodes, silent_ms=silent, brake_since=NOW) == [
        status("n3", S.SUSPECT, S.READY, "it answers again")
    ]


def test_the_brake_holds_while_those_that_came_back_may_only_be_the_first() -> None:
    back = a_node("n1", status_since=Millis(LATER - 14_999))
    silent = a_node("n2", status=S.SUSPECT)
    ages = {"n2": 60_000}
    assert judged(back, silent, a_node("n3"), silent_ms=ages, brake_since=NOW) == []


def test_the_brake_goes_off_when_half_have_answered_for_a_while() -> None:
    back = a_node("n1", status_since=Millis(LATER - 15_000))
    silent = a_node("n2", status=S.SUSPECT)
    ages = {"n2": 60_000}
    assert judged(back, silent, a_node("n3"), silent_ms=ages, brake_since=NOW) == [
        SetBrake(on=False, reason="at least half of the nodes answer again"),
        status("n2", S.SUSPECT, S.DOWN, "nothing heard for 60 s"),
    ]


def test_a_cluster_without_nodes_needs_no_verdict() -> None:
    assert judged() == []
