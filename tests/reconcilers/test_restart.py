from dataclasses import replace

import pytest

from controlplane.reconcilers.places import Place, place_of
from controlplane.reconcilers.restart import is_over, restart
from controlplane.state.commands import CreateTasks, StopTasks
from controlplane.state.tables import State, Task
from orb.ids import Millis, NodeName, TaskId
from orb.lifecycle import Availability, Desired, NodeStatus, TaskState
from orb.spec import Mode, Placement, RestartCondition, RestartPolicy, UpdateConfig, UpdateOrder
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
)
from tests.reconcilers.seeing import LATER, seen_by

MINUTE = 60_000


def failed(number: int = 1, *, ago: int = 0, node: str = "n1", revision: int = 1) -> Task:
    """A task that failed so many milliseconds before LATER."""
    since = Millis(LATER - ago)
    return a_task(
        number,
        node=node,
        state=TaskState.FAILED,
        exit_code=1,
        since=since,
        created_at=NOW,
        revision=revision,
    )


def ended_well(*, ago: int = 0) -> Task:
    task = a_task(1, node="n1", state=TaskState.STOPPED, since=Millis(LATER - ago), exit_code=0)
    return replace(task, desired=Desired.RUN)


def again(
    reason: str = "restart", *, avoid: tuple[str, ...] = (), is_restart: bool = True
) -> CreateTasks:
    return CreateTasks(
        service=a_service_key(),
        revision=1,
        numbers=(1,),
        reason=reason,
        avoid=tuple(map(NodeName, avoid)),
        is_restart=is_restart,
    )


def after_failures(*ago: int, last: Task, on: str = "n1", nodes: int = 1) -> State:
    """One replica whose tasks failed so long ago, on that node."""
    failures = tuple(LATER - each for each in ago)
    replica = a_replica(failures=failures, failed_on=(on,) * len(failures))
    names = [a_node(f"n{n}") for n in range(1, nodes + 1)]
    return a_state_with(a_service(replicas=1), replica, *names, last)


@pytest.mark.parametrize(
    ("failures", "wait"),
    [(1, 1_000), (2, 2_000), (3, 4_000), (6, 32_000), (7, 60_000), (20, 60_000)],
)
def test_the_wait_doubles_with_each_failure_up_to_a_minute(failures: int, wait: int) -> None:
    times = [wait + 10 * MINUTE] * (failures - 1)
    early = after_failures(*times, wait - 1, last=failed(ago=wait - 1))
    assert seen_by(restart, early) == []
    due = after_failures(*times, wait, last=failed(ago=wait))
    assert seen_by(restart, due) == [again()]


def test_a_policy_may_wait_otherwise() -> None:
    policy = RestartPolicy(delay_ms=Millis(5_000), delay_max_ms=Millis(7_000))
    service = a_service(spec=a_service_spec(replicas=1, restart=policy))
    replica = a_replica(failures=(LATER - 9_000, LATER - 6_999), failed_on=("n1", "n1"))
    state = a_state_with(service, replica, a_node(), failed(ago=6_999))
    assert seen_by(restart, state) == []
    assert seen_by(restart, state, Millis(LATER + 1)) == [again()]


def test_a_replica_that_runs_is_left_alone() -> None:
    state = a_state_with(a_service(replicas=1), failed(1), a_task(2, node="n1"))
    assert seen_by(restart, state) == []


def test_a_lost_task_is_replaced_at_once() -> None:
    lost = a_task(1, node="n1", state=TaskState.LOST, since=LATER)
    node = a_node("n1", status=NodeStatus.DOWN)
    assert seen_by(restart, a_state_with(a_service(replicas=1), node, lost)) == [
        again("lost with n1")
    ]


def test_a_task_that_its_node_did_not_take_is_replaced_elsewhere() -> None:
    lost = a_task(1, node="n1", state=TaskState.LOST, since=LATER)
    state = a_state_with(a_service(replicas=1), a_node("n1"), a_node("n2"), lost)
    assert seen_by(restart, state) == [again("lost with n1", avoid=("n1",))]


def test_where_there_is_no_other_node_the_same_one_is_tried_again() -> None:
    lost = a_task(1, node="n1", state=TaskState.LOST, since=LATER)
    other = a_node("n2", availability=Availability.CORDONED)
    state = a_state_with(a_service(replicas=1), a_node("n1"), other, lost)
    assert seen_by(restart, state) == [again("lost with n1")]


def test_after_five_failures_in_five_minutes_another_node_is_tried() -> None:
    ago = (4 * MINUTE, 3 * MINUTE, 2 * MINUTE, MINUTE, 30_000)
    state = after_failures(*ago, last=failed(ago=30_000), nodes=2)
    assert seen_by(restart, state) == [again(avoid=("n1",))]


def test_five_failures_in_more_than_five_minutes_are_no_reason_to_move() -> None:
    ago = (6 * MINUTE, 3 * MINUTE, 2 * MINUTE, MINUTE, 30_000)
    state = after_failures(*ago, last=failed(ago=30_000), nodes=2)
    assert seen_by(restart, state) == [again()]


def test_a_node_that_does_not_suit_the_task_is_no_other_node() -> None:
    ago = (4 * MINUTE, 3 * MINUTE, 2 * MINUTE, MINUTE, 30_000)
    placement = Placement(constraints=("node.name == n1",))
    service = a_service(spec=a_service_spec(replicas=1, placement=placement))
    state = after_failures(*ago, last=failed(ago=30_000), nodes=2)
    state.services[service.key] = service
    assert seen_by(restart, state) == [again()]


def test_a_task_that_finds_no_other_node_is_taken_back_and_avoids_nothing_then() -> None:
    ago = (4 * MINUTE, 3 * MINUTE, 2 * MINUTE, MINUTE, 30_000)
    state = after_failures(*ago, last=failed(ago=30_000), nodes=2)
    searching = a_task(2, avoid=("n1",), since=Millis(LATER - 15_001))
    stuck = a_state_with(*state.services.values(), *state.nodes.values(), searching)
    assert seen_by(restart, stuck) == [
        StopTasks(tasks=(TaskId(2),), reason="no other node takes it: back to where it failed")
    ]
    taken_back = replace(searching, state=TaskState.STOPPED, desired=Desired.STOP, since=LATER)
    state = after_failures(*ago, last=failed(ago=30_000), nodes=2)
    state.tasks[taken_back.id] = taken_back
    state.tasks_of_replica[taken_back.replica][taken_back.id] = None
    assert seen_by(restart, state) == [again("new", is_restart=False)]


def test_a_task_that_waits_for_a_silent_node_that_it_avoids_goes_on_waiting() -> None:
    searching = a_task(2, avoid=("n1",), since=Millis(LATER - 60_000))
    node = a_node("n1", status=NodeStatus.SUSPECT)
    assert seen_by(restart, a_state_with(a_service(replicas=1), node, searching)) == []


def test_a_task_that_was_told_to_stop_is_replaced_at_once_if_its_replica_is_wanted_again() -> None:
    stopped = a_task(1, node="n1", state=TaskState.STOPPED, since=LATER)
    assert seen_by(restart, a_state_with(a_service(replicas=1), a_node(), stopped)) == [
        again("new", is_restart=False)
    ]


def test_a_task_of_an_older_revision_is_replaced_by_the_open_one_without_waiting() -> None:
    service = a_service(replicas=1, release=2, revision=2)
    state = a_state_with(service, a_node(), failed(ago=0))
    (command,) = seen_by(restart, state)
    assert command == replace(again("update to release 2"), revision=2)


@pytest.mark.parametrize("is_stop_first", [True, False])
def test_while_the_old_task_stops_only_a_start_first_service_gets_the_new_one(
    *,
    is_stop_first: bool,
) -> None:
    order = UpdateOrder.STOP_FIRST if is_stop_first else UpdateOrder.START_FIRST
    service = a_service(spec=a_service_spec(replicas=1, update=UpdateConfig(order=order)))
    stopping = a_task(2, node="n1", state=TaskState.STOPPING)
    state = a_state_with(service, a_node(), failed(1, ago=1_000), stopping)
    assert seen_by(restart, state) == ([] if is_stop_first else [again()])


def test_a_replica_with_data_never_has_a_second_task_while_the_first_may_live() -> None:
    spec = a_service_spec(replicas=1, mounts=(a_volume(),))
    lost = a_task(1, node="n1", state=TaskState.LOST)
    stopping = a_task(2, node="n1", state=TaskState.STOPPING)
    state = a_state_with(a_service(spec=spec), a_node(), lost, stopping)
    assert seen_by(restart, state) == []


def test_a_replica_with_data_gets_a_task_that_waits_for_its_node() -> None:
    spec = a_service_spec(replicas=1, mounts=(a_volume(),))
    lost = a_task(1, node="n1", state=TaskState.LOST)
    node = a_node("n1", status=NodeStatus.DOWN)
    state = a_state_with(a_service(spec=spec), a_replica(home="n1"), node, a_node("n2"), lost)
    assert seen_by(restart, state) == [again("lost with n1")]


def test_a_global_replica_waits_until_its_node_takes_tasks() -> None:
    lost = a_task(1, node="n1", state=TaskState.LOST)
    service = a_service(mode=Mode.GLOBAL)
    node = a_node("n1", status=NodeStatus.DOWN)
    assert seen_by(restart, a_state_with(service, a_replica(home="n1"), node, lost)) == []
    back = a_state_with(service, a_replica(home="n1"), a_node("n1"), lost)
    assert seen_by(restart, back) == [again("lost with n1")]


def test_an_old_task_that_ends_late_does_not_make_a_finished_job_run_again() -> None:
    job = a_service_spec(replicas=1, mode=Mode.REPLICATED_JOB)
    done = replace(ended_well(ago=5_000), revision=2)
    late = a_task(2, node="n1", state=TaskState.STOPPED, since=LATER, revision=1)
    state = a_state_with(a_service(spec=job, release=2, revision=2), a_node(), done, late)
    assert seen_by(restart, state) == []


# --- when it is over --------------------------------------------------------------------------
def over(
    last: Task,
    *,
    restart: RestartPolicy | None = None,
    mode: Mode = Mode.REPLICATED,
    failures: int = 1,
) -> bool:
    service = a_service(spec=a_service_spec(replicas=1, mode=mode, restart=restart))
    times = tuple(LATER - 1_000 * n for n in range(failures, 0, -1))
    replica = a_replica(failures=times, failed_on=("n1",) * failures)
    state = a_state_with(service, replica, a_node(), last)
    found = place_of(state, service, last.replica)
    assert isinstance(found, Place)
    return is_over(found, LATER)


NONE = RestartPolicy(condition=RestartCondition.NONE)
ON_FAILURE = RestartPolicy(condition=RestartCondition.ON_FAILURE)


@pytest.mark.parametrize(
    ("policy", "after_failure", "after_success"),
    [(None, False, False), (ON_FAILURE, False, True), (NONE, True, True)],
)
def test_the_condition_says_after_which_end_a_service_is_over(
    policy: RestartPolicy | None, *, after_failure: bool, after_success: bool
) -> None:
    assert over(failed(), restart=policy) is after_failure
    assert over(ended_well(), restart=policy) is after_success


def test_a_job_is_over_when_it_has_succeeded_and_is_tried_again_when_it_has_failed() -> None:
    assert over(ended_well(), mode=Mode.REPLICATED_JOB)
    assert not over(failed(), mode=Mode.REPLICATED_JOB)


@pytest.mark.parametrize(("failures", "expected"), [(2, False), (3, True)])
def test_attempts_are_bounded(failures: int, *, expected: bool) -> None:
    policy = RestartPolicy(attempts_max=2)
    assert over(failed(), restart=policy, failures=failures) is expected


def test_attempts_are_counted_within_the_window() -> None:
    policy = RestartPolicy(attempts_max=2, window_ms=Millis(2_500))
    assert not over(failed(), restart=policy, failures=9)


def test_a_service_that_is_over_stays_so_until_there_is_a_new_revision() -> None:
    spec = a_service_spec(replicas=1, restart=NONE)
    state = a_state_with(a_service(spec=spec), a_node(), failed(ago=MINUTE))
    assert seen_by(restart, state) == []
    state = a_state_with(a_service(spec=spec, release=2, revision=2), a_node(), failed(ago=MINUTE))
    assert len(seen_by(restart, state)) == 1
