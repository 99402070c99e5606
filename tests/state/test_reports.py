"""Reports: tasks come further, never back, and replicas remember how they ended."""

from dataclasses import replace

from controlplane.state import invariants
from controlplane.state.apply import apply
from controlplane.state.commands import Answer, Applied, Entry, LoseTasks, Refused, ReportTasks
from controlplane.state.replicas import HEALTHY_AFTER_MS
from controlplane.state.tables import FAILURES_PER_REPLICA_MAX, State
from orb.ids import Millis, NodeName, TaskId
from orb.lifecycle import Desired, TaskState
from orb.spec import Mode, RestartCondition, RestartPolicy
from orb.work import MESSAGE_CHARACTERS_MAX, Report
from tests.factories import (
    NOW,
    a_node,
    a_replica,
    a_replica_key,
    a_report,
    a_service,
    a_service_spec,
    a_state_with,
    a_task,
    a_volume,
)


def report(state: State, *reports: Report, node: str = "n1", after: int = 1_000) -> Answer:
    command = ReportTasks(node=NodeName(node), reports=reports)
    stamp = Entry(command=command, now=Millis(NOW + after))
    answer = apply(state, stamp, state.index + 1)
    assert invariants.check(state) == []
    return answer


def test_a_report_is_the_whole_truth_about_a_task() -> None:
    state = a_state_with(a_service(), a_task(1, node="n1", state=TaskState.ASSIGNED))
    seen = replace(a_report(1), started_at=Millis(NOW + 900), image_id="sha")
    assert report(state, seen) == Applied(number=1)
    task = a_task(1, node="n1", since=Millis(NOW + 1_000), created_at=NOW)
    assert state.tasks[TaskId(1)] == replace(
        task, container_id="c1", image_id="sha", started_at=Millis(NOW + 900)
    )
    assert [(event.kind, event.message) for event in state.events] == [
        ("task.ready", "web/1 ready on n1")
    ]


def test_a_task_that_runs_but_does_not_serve_any_more_is_told_with_the_reason() -> None:
    state = a_state_with(a_service(), a_task(1, node="n1"))
    report(state, replace(a_report(1), ready=False, message="no answer within 3 s"))
    assert [(event.kind, event.message) for event in state.events] == [
        ("task.unready", "web/1 not ready on n1: no answer within 3 s")
    ]


def test_the_same_report_again_changes_nothing() -> None:
    state = a_state_with(a_service(), a_task(1, node="n1", state=TaskState.ASSIGNED))
    report(state, a_report(1))
    assert report(state, a_report(1), after=2_000) == Applied(number=0, changed=False)


def test_reports_that_go_back_or_are_of_others_are_passed_over() -> None:
    state = a_state_with(
        a_node("n2"),
        a_service(),
        a_task(1, node="n1", state=TaskState.RUNNING),
        a_task(2, "web/2", node="n2"),
        a_task(3, "web/3"),
    )
    before = dict(state.tasks)
    reports = (
        a_report(1, TaskState.PREPARING),
        a_report(1, TaskState.LOST),
        a_report(2, TaskState.FAILED),
        a_report(3, TaskState.RUNNING),
        a_report(9, TaskState.RUNNING),
    )
    assert report(state, *reports) == Applied(number=0, changed=False)
    assert state.tasks == before


def test_an_ended_task_stays_as_it_ended() -> None:
    state = a_state_with(a_service(), a_task(1, node="n1", state=TaskState.LOST))
    assert report(state, a_report(1)) == Applied(number=0, changed=False)
    assert report(state, a_report(1), node="n9") == Refused("there is no node n9", missing=True)


def test_ready_since_starts_again_with_every_readiness() -> None:
    state = a_state_with(a_service(), a_task(1, node="n1", ready=False))
    times: list[Millis | None] = []
    for after, ready in ((1, True), (2, True), (3, False), (4, True)):
        report(state, replace(a_report(1, ready=ready), message=str(after)), after=after)
        times.append(state.tasks[TaskId(1)].ready_since)
    assert times == [NOW + 1, NOW + 1, None, NOW + 4]


def test_a_failure_is_remembered_with_its_place() -> None:
    state = a_state_with(a_service(), a_task(1, node="n1"))
    report(state, a_report(1, TaskState.FAILED, message="exit 1", exit_code=1))
    assert state.replicas[a_replica_key()] == a_replica(failures=(NOW + 1_000,), failed_on=("n1",))
    assert [event.message for event in state.events] == ["web/1 failed on n1: exit 1"]
    assert state.tasks[TaskId(1)].finished_at == NOW + 1_000


def test_a_service_that_exits_with_0_when_it_should_run_backs_off_like_one_that_fails() -> None:
    cases = {
        (Mode.REPLICATED, RestartCondition.ANY): (NOW + 1_000,),
        (Mode.REPLICATED, RestartCondition.ON_FAILURE): (),
        (Mode.REPLICATED_JOB, RestartCondition.ANY): (),
    }
    for (mode, condition), failures in cases.items():
        spec = a_service_spec(mode=mode, restart=RestartPolicy(condition=condition))
        state = a_state_with(a_service(spec=spec), a_task(1, node="n1"))
        report(state, a_report(1, TaskState.STOPPED, exit_code=0))
        assert state.replicas[a_replica_key()].failures == failures


def test_only_so_many_failures_are_remembered() -> None:
    times = tuple(range(FAILURES_PER_REPLICA_MAX))
    state = a_state_with(
        a_service(),
        a_task(1, node="n1"),
        a_replica(failures=times, failed_on=("n9",) * FAILURES_PER_REPLICA_MAX),
    )
    report(state, a_report(1, TaskState.FAILED))
    assert state.replicas[a_replica_key()].failures == (*times[1:], NOW + 1_000)


def test_ten_healthy_minutes_make_good_for_all_before() -> None:
    for after, failures in (
        (HEALTHY_AFTER_MS - 1, (5, NOW + HEALTHY_AFTER_MS - 1)),
        (HEALTHY_AFTER_MS, (NOW + HEALTHY_AFTER_MS,)),
    ):
        state = a_state_with(
            a_service(), a_task(1, node="n1"), a_replica(failures=(5,), failed_on=("n2",))
        )
        report(state, a_report(1, TaskState.FAILED), after=after)
        assert state.replicas[a_replica_key()].failures == failures


def test_losing_a_healthy_task_is_no_failure_and_forgives_too() -> None:
    state = a_state_with(
        a_service(), a_task(1, node="n1"), a_replica(failures=(5,), failed_on=("n2",))
    )
    stamp = Entry(
        command=LoseTasks(tasks=(TaskId(1),), reason="n1 is down"),
        now=Millis(NOW + HEALTHY_AFTER_MS),
    )
    apply(state, stamp, 101)
    assert state.replicas[a_replica_key()] == a_replica()


def test_what_was_told_to_stop_or_is_of_an_old_revision_does_not_fail_its_replica() -> None:
    state = a_state_with(
        a_service(release=2, revision=2),
        a_task(1, node="n1", desired=Desired.STOP, revision=2),
        a_task(2, "web/2", node="n1", revision=1),
    )
    report(state, a_report(1, TaskState.FAILED), a_report(2, TaskState.FAILED))
    assert [replica.failures for replica in state.replicas.values()] == [(), ()]


def test_the_first_container_decides_where_the_volumes_of_a_replica_lie() -> None:
    spec = a_service_spec(mounts=(a_volume(),))
    state = a_state_with(a_service(spec=spec), a_task(1, node="n1", state=TaskState.ASSIGNED))
    pulling = replace(a_report(1, TaskState.PREPARING), container_id="")
    report(state, pulling)
    assert state.replicas[a_replica_key()].home is None
    report(state, a_report(1, TaskState.STARTING))
    assert state.replicas[a_replica_key()].home == "n1"


def test_a_message_is_kept_up_to_its_bound() -> None:
    state = a_state_with(a_service(), a_task(1, node="n1"))
    report(state, a_report(1, message="x" * 5_000))
    assert len(state.tasks[TaskId(1)].message) == MESSAGE_CHARACTERS_MAX


def test_an_orphan_of_a_deleted_app_may_end_without_a_replica() -> None:
    spec = a_service_spec().task
    key = a_service(replicas=1).key
    orphan = a_task(1, node="n1", desired=Desired.STOP)
    state = a_state_with(orphan, specs={(key, 1): spec})
    assert report(state, a_report(1, TaskState.FAILED)) == Applied(number=1)
    assert state.replicas == {}
