from dataclasses import replace

from controlplane.reconcilers.rollout import rollout
from controlplane.state.commands import CreateTasks, Single, StopTasks
from controlplane.state.tables import Release, Replica, Service, Task
from orb.ids import AppKey, Millis, TaskId
from orb.lifecycle import Desired, NodeStatus, ReleaseStatus, TaskState
from orb.spec import Mode, UpdateConfig, UpdateOrder
from tests.factories import (
    NOW,
    a_node,
    a_replica,
    a_service,
    a_service_key,
    a_service_spec,
    a_state_with,
    a_task,
    a_volume,
    an_app_spec,
)
from tests.reconcilers.seeing import LATER, seen_by


def updated(replicas: int = 3, *, opened: int = 2, update: UpdateConfig | None = None) -> Service:
    """A service at revision 2."""
    spec = a_service_spec(replicas=replicas, update=update)
    return a_service(spec=spec, release=2, revision=2, opened=opened)


def old(*numbers: int) -> list[Task]:
    return [a_task(n, f"web/{n}", node="n1") for n in numbers]


def new(number: int, *, ready: bool = True, since: Millis = NOW) -> Task:
    return a_task(100 + number, f"web/{number}", node="n2", revision=2, ready=ready, since=since)


def failed(number: int, *, since: Millis = NOW) -> Task:
    """A try of the new revision that came to nothing."""
    return replace(new(number, ready=False, since=since), state=TaskState.FAILED, exit_code=1)


def steps(
    service: Service, *records: Task | Replica | Release, now: Millis = LATER
) -> list[Single]:
    return seen_by(rollout, a_state_with(service, a_node("n1"), a_node("n2"), *records), now)


def update(*numbers: int) -> CreateTasks:
    return CreateTasks(
        service=a_service_key(), revision=2, numbers=numbers, reason="update to release 2"
    )


def stop(*tasks: int) -> StopTasks:
    return StopTasks(tasks=tuple(map(TaskId, tasks)), reason="update to release 2")


def test_a_service_whose_tasks_are_all_new_needs_no_step() -> None:
    assert steps(updated(2), new(1), new(2)) == []


def test_one_replica_changes_at_a_time() -> None:
    assert steps(updated(), *old(1, 2, 3)) == [update(1)]
    assert steps(updated(), *old(1, 2, 3), new(1, ready=False)) == []
    assert steps(updated(), new(1), *old(2, 3)) == [update(2)]


def test_a_new_task_must_be_proven_before_the_next_replica_changes() -> None:
    assert steps(updated(), new(1, since=Millis(LATER - 1_999)), *old(2, 3)) == []


def test_several_change_at_once_if_the_spec_says_so() -> None:
    two = UpdateConfig(parallelism=2)
    assert steps(updated(update=two), *old(1, 2, 3)) == [update(1, 2)]
    assert steps(updated(update=two), new(1, ready=False), *old(1, 2, 3)) == [update(2)]
    everything = UpdateConfig(parallelism=0)
    assert steps(updated(update=everything), *old(1, 2, 3)) == [update(1, 2, 3)]


def test_replicas_that_serve_nobody_change_first() -> None:
    broken = a_task(2, "web/2", node="n1", ready=False)
    assert steps(updated(), *old(1), broken, *old(3)) == [update(2)]


def test_nothing_changes_before_the_dependencies_are_met() -> None:
    assert steps(updated(opened=1), *old(1, 2, 3)) == []


def test_between_replicas_the_delay_passes() -> None:
    slow = UpdateConfig(delay_ms=Millis(10_000))
    recent = new(1, since=Millis(LATER - 9_999))
    assert steps(updated(update=slow), recent, *old(2, 3)) == []
    assert steps(updated(update=slow), recent, *old(2, 3), now=Millis(LATER + 1)) == [update(2)]


def test_a_service_that_stops_first_is_told_to_stop() -> None:
    order = UpdateConfig(order=UpdateOrder.STOP_FIRST)
    assert steps(updated(update=order), *old(1, 2, 3)) == [stop(1)]
    stopping = replace(old(1)[0], state=TaskState.STOPPING, desired=Desired.STOP)
    assert steps(updated(update=order), stopping, *old(2, 3)) == []


def test_while_a_stopped_replica_has_no_new_task_yet_no_other_stops() -> None:
    order = UpdateConfig(order=UpdateOrder.STOP_FIRST)
    stopped = a_task(1, "web/1", node="n1", state=TaskState.STOPPED)
    assert steps(updated(update=order), stopped, *old(2, 3)) == []


def test_a_replica_with_data_stops_first_whatever_the_spec_says() -> None:
    spec = a_service_spec(replicas=1, mounts=(a_volume(),))
    assert steps(a_service(spec=spec, release=2, revision=2), *old(1)) == [stop(1)]


def test_a_replica_whose_new_task_failed_tries_again_after_the_back_off_and_no_other_begins() -> (
    None
):
    replica = a_replica(failures=(LATER - 999,), failed_on=("n2",))
    tried = failed(1, since=Millis(LATER - 999))
    assert steps(updated(), replica, *old(1, 2, 3), tried) == []
    assert steps(updated(), replica, *old(1, 2, 3), tried, now=Millis(LATER + 1)) == [update(1)]


def test_when_the_release_has_failed_what_is_old_stays() -> None:
    release = Release(
        app=AppKey("default", "shop"),
        number=2,
        spec=an_app_spec(),
        author="test",
        at=NOW,
        reason="",
        status=ReleaseStatus.FAILED,
        status_since=NOW,
    )
    assert steps(updated(), *old(1, 2, 3), release) == []


def test_numbers_that_are_not_wanted_any_more_are_not_updated() -> None:
    assert steps(updated(1), *old(2, 3)) == []


def test_a_global_replica_whose_node_does_not_answer_is_left_and_blocks_nobody() -> None:
    service = a_service(mode=Mode.GLOBAL, release=2, revision=2)
    homes = [a_replica(f"web/{n}", home=f"n{n}") for n in (1, 2)]
    nodes = (a_node("n1", status=NodeStatus.SUSPECT), a_node("n2"))
    tasks = [a_task(n, f"web/{n}", node=f"n{n}") for n in (1, 2)]
    assert seen_by(rollout, a_state_with(service, *nodes, *homes, *tasks)) == [update(2)]
