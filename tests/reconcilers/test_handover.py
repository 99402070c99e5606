from collections.abc import Sequence

from controlplane.reconcilers.handover import RETURN_SETTLE_MS, handover
from controlplane.reconcilers.sweep import PROVE_MS
from controlplane.state.commands import Single, StopTasks
from controlplane.state.tables import Node, Release, Service, Task
from orb.ids import AppKey, Millis, TaskId
from orb.lifecycle import Availability, NodeStatus, ReleaseStatus
from tests.factories import (
    NOW,
    a_node,
    a_service,
    a_service_spec,
    a_state_with,
    a_task,
    an_app_spec,
)
from tests.reconcilers.seeing import LATER, seen_by

TWO_NODES = (a_node("n1"), a_node("n2"))
ONE = a_service(replicas=1)
UPDATED = a_service(replicas=1, release=2, revision=2)


def stopped(
    *tasks: Task, service: Service = ONE, nodes: Sequence[Node] = TWO_NODES, failed: bool = False
) -> list[Single]:
    releases = [_failed_release(service)] if failed else []
    return seen_by(handover, a_state_with(service, *nodes, *tasks, *releases))


def _failed_release(service: Service) -> Release:
    return Release(
        app=AppKey("default", "shop"),
        number=service.release,
        spec=an_app_spec(a_service_spec()),
        author="test",
        at=NOW,
        reason="",
        status=ReleaseStatus.FAILED,
        status_since=NOW,
    )


def stop(task: int, why: str) -> list[Single]:
    return [StopTasks(tasks=(TaskId(task),), reason=why)]


def test_a_single_task_stays() -> None:
    assert stopped(a_task(1, node="n1")) == []


def test_of_two_equal_copies_the_one_that_is_ready_longest_stays() -> None:
    younger, older = a_task(1, node="n1", since=Millis(NOW + 1)), a_task(2, node="n2", since=NOW)
    assert stopped(younger, older) == stop(1, "another copy of the replica serves")


def test_a_copy_that_does_not_serve_yet_is_superfluous_too() -> None:
    assert stopped(a_task(1, node="n1"), a_task(2)) == stop(2, "another copy of the replica serves")


def test_copies_wait_until_the_node_that_came_back_has_answered_for_a_while() -> None:
    for since, decided in (
        (LATER - RETURN_SETTLE_MS + 1, []),
        (LATER - RETURN_SETTLE_MS, stop(2, "another copy of the replica serves")),
    ):
        nodes = (a_node("n1", status_since=Millis(since)), a_node("n2"))
        tasks = (a_task(1, node="n1", since=NOW), a_task(2, node="n2", since=Millis(NOW + 1)))
        assert stopped(*tasks, nodes=nodes) == decided


def test_a_copy_on_a_suspect_node_is_kept_for_its_return() -> None:
    nodes = (a_node("n1", status=NodeStatus.SUSPECT), a_node("n2"))
    assert stopped(a_task(1, node="n1"), a_task(2, node="n2"), nodes=nodes) == []


def test_while_none_serves_all_are_kept() -> None:
    assert stopped(a_task(1, node="n1", ready=False), a_task(2)) == []


def test_an_old_task_stops_when_the_new_one_serves() -> None:
    old, new = a_task(1, node="n1"), a_task(2, node="n2", revision=2)
    assert stopped(old, new, service=UPDATED) == stop(1, "update to release 2")


def test_an_old_task_serves_until_the_new_one_is_proven() -> None:
    old = a_task(1, node="n1")
    starting = a_task(2, node="n2", revision=2, ready=False)
    assert stopped(old, starting, service=UPDATED) == []
    unproven = a_task(2, node="n2", revision=2, since=Millis(LATER - PROVE_MS + 1))
    assert stopped(old, unproven, service=UPDATED) == []
    proven = a_task(2, node="n2", revision=2, since=Millis(LATER - PROVE_MS))
    assert stopped(old, proven, service=UPDATED) == stop(1, "update to release 2")


def test_when_the_release_has_failed_the_old_task_stays_and_the_new_one_goes() -> None:
    old, new = a_task(1, node="n1"), a_task(2, node="n2", revision=2, ready=False)
    assert stopped(old, new, service=UPDATED, failed=True) == stop(2, "release 2 has failed")


def test_a_task_on_a_draining_node_stops_when_its_replacement_serves() -> None:
    nodes = (a_node("n1", availability=Availability.DRAINING), a_node("n2"))
    waiting = a_task(2, node="n2", ready=False)
    assert stopped(a_task(1, node="n1"), waiting, nodes=nodes) == []
    assert stopped(a_task(1, node="n1"), a_task(2, node="n2"), nodes=nodes) == stop(
        1, "moved off n1"
    )


def test_the_new_revision_on_a_draining_node_is_better_than_the_old_one_elsewhere() -> None:
    nodes = (a_node("n1", availability=Availability.DRAINING), a_node("n2"))
    new, old = a_task(1, node="n1", revision=2), a_task(2, node="n2")
    assert stopped(new, old, service=UPDATED, nodes=nodes) == stop(2, "update to release 2")
