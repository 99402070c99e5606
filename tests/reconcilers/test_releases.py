from dataclasses import replace

from controlplane.reconcilers.releases import releases
from controlplane.state.commands import SetReleaseStatus, Single
from controlplane.state.tables import Node, Release, Replica, Service, Task
from orb.ids import AppKey, Millis
from orb.lifecycle import Desired, NodeStatus, ReleaseStatus, TaskState
from orb.spec import Mode, RestartCondition, RestartPolicy
from tests.factories import (
    NOW,
    a_node,
    a_replica,
    a_service,
    a_service_spec,
    a_state_with,
    a_task,
    an_app_spec,
)
from tests.reconcilers.seeing import LATER, seen_by

Record = Service | Task | Replica | Node | Release


def a_release(number: int, status: ReleaseStatus = ReleaseStatus.ROLLING) -> Release:
    return Release(
        app=AppKey("default", "shop"),
        number=number,
        spec=an_app_spec(),
        author="test",
        at=Millis(NOW + 1_000),
        reason="",
        status=status,
        status_since=NOW,
    )


def judged(*records: Record) -> list[Single]:
    return seen_by(releases, a_state_with(a_node("n1"), a_node("n2"), *records))


def done(number: int = 1) -> list[Single]:
    return [
        SetReleaseStatus(
            app=AppKey("default", "shop"), number=number, status=ReleaseStatus.DONE, message=""
        )
    ]


def failed(message: str, number: int = 1) -> list[Single]:
    return [
        SetReleaseStatus(
            app=AppKey("default", "shop"),
            number=number,
            status=ReleaseStatus.FAILED,
            message=message,
        )
    ]


def runs(number: int = 1, *, revision: int = 1, service: str = "web", since: Millis = NOW) -> Task:
    name = f"{service}/{number}"
    return a_task(number, name, node="n1", revision=revision, since=since)


def crashed(number: int = 9, *, revision: int = 1, message: str = "", code: int = 1) -> Task:
    return a_task(
        number,
        node="n1",
        state=TaskState.FAILED,
        revision=revision,
        message=message,
        exit_code=code,
        since=LATER,
    )


def with_failures(count: int, *, before: int = 0) -> Replica:
    """A replica that failed *count* times since the release, and *before* times earlier."""
    times = (*[NOW] * before, *[LATER - 1_000] * count)
    return a_replica(failures=times, failed_on=("n1",) * len(times))


def test_a_release_is_done_when_every_replica_of_its_services_serves() -> None:
    assert judged(a_service(replicas=2), runs(1), runs(2)) == done()


def test_a_missing_replica_keeps_it_rolling() -> None:
    assert judged(a_service(replicas=2), runs(1)) == []


def test_a_task_that_is_not_proven_yet_keeps_it_rolling() -> None:
    assert judged(a_service(replicas=1), runs(1, since=Millis(LATER - 1_999))) == []


def test_an_old_task_keeps_it_rolling_even_beside_a_new_one() -> None:
    service = a_service(replicas=1, release=2, revision=2)
    assert judged(service, runs(1), runs(2, revision=2)) == []


def test_a_surplus_number_keeps_it_rolling_until_it_is_told_to_stop() -> None:
    surplus = a_task(2, "web/2", node="n1")
    assert judged(a_service(replicas=1), runs(1), surplus) == []
    stopping = replace(surplus, desired=Desired.STOP)
    assert judged(a_service(replicas=1), runs(1), stopping) == done()


def test_a_service_that_waits_for_others_keeps_it_rolling() -> None:
    assert judged(a_service(replicas=0, opened=0)) == []


def test_an_app_without_replicas_is_done() -> None:
    assert judged(a_service(replicas=0)) == done()


def test_a_finished_job_is_done_and_a_running_one_is_not() -> None:
    job = a_service(spec=a_service_spec(replicas=1, mode=Mode.REPLICATED_JOB))
    finished = replace(runs(1), state=TaskState.STOPPED, exit_code=0, ready=False, ready_since=None)
    assert judged(job, finished) == done()
    assert judged(job, replace(runs(1), ready=False, ready_since=None)) == []


def test_a_global_service_must_be_on_every_node_that_takes_tasks() -> None:
    service = a_service(mode=Mode.GLOBAL)
    first = (a_replica("web/1", home="n1"), a_task(1, "web/1", node="n1"))
    assert judged(service, *first) == []
    second = (a_replica("web/2", home="n2"), a_task(2, "web/2", node="n2"))
    assert judged(service, *first, *second) == done()
    silent = a_node("n2", status=NodeStatus.DOWN)
    assert judged(silent, service, *first) == done()


def test_what_earlier_releases_left_undone_counts_until_one_is_done_or_has_failed() -> None:
    waiting = a_service("db", replicas=1, release=1, opened=0)
    changed = a_service("web", replicas=1, release=2)
    records = (waiting, changed, runs(1))
    superseded = a_release(1, ReleaseStatus.SUPERSEDED)
    assert judged(*records, superseded, a_release(2)) == []
    settled = a_release(1, ReleaseStatus.FAILED)
    assert judged(*records, settled, a_release(2)) == done(2)


def test_only_a_release_that_is_rolling_is_judged() -> None:
    settled = a_release(1, ReleaseStatus.FAILED)
    assert judged(a_service(replicas=1), runs(1), settled) == []


def test_three_failures_of_a_replica_fail_it_and_the_last_one_is_told() -> None:
    crash = crashed(message="image my-app:v9 not found")
    assert judged(a_service(replicas=1), with_failures(2), crash, a_release(1)) == []
    assert judged(a_service(replicas=1), with_failures(3), crash, a_release(1)) == failed(
        "web/1 failed 3 times, last on n1: image my-app:v9 not found"
    )


def test_it_does_not_fail_in_its_first_ten_seconds_nor_while_a_try_is_under_way() -> None:
    records = (a_service(replicas=1), with_failures(3), crashed())
    young = replace(a_release(1), at=Millis(LATER - 9_999))
    assert judged(*records, young) == []
    under_way = a_task(10, node="n1", state=TaskState.STARTING)
    assert judged(*records, under_way, a_release(1)) == []


def test_failures_before_the_release_do_not_count() -> None:
    assert judged(a_service(replicas=1), with_failures(2, before=5), crashed(), a_release(1)) == []


def test_a_replica_whose_new_task_serves_in_the_end_has_not_failed() -> None:
    records = (a_service(replicas=1), with_failures(3), crashed(), runs(1), a_release(1))
    assert judged(*records) == done()


def test_an_old_task_that_serves_does_not_save_the_new_revision() -> None:
    service = a_service(replicas=1, release=2, revision=2)
    records = (service, with_failures(3), runs(1), crashed(revision=2), a_release(2))
    assert judged(*records) == failed("web/1 failed 3 times, last on n1: exit code 1", 2)


def test_a_replica_that_gets_no_other_try_fails_it_at_once() -> None:
    policy = RestartPolicy(condition=RestartCondition.NONE)
    service = a_service(spec=a_service_spec(replicas=1, restart=policy))
    assert judged(service, with_failures(1), crashed(code=3), a_release(1)) == failed(
        "web/1 failed on n1: exit code 3"
    )
