"""All reconcilers together, with the real state machine: what a person would see happen."""

from collections.abc import Callable

import pytest

from controlplane.reconcilers import decide
from controlplane.state.commands import DeleteApp, ScaleService
from controlplane.state.tables import Task, View
from orb.ids import Millis, NodeName, TaskId
from orb.lifecycle import Availability, NodeStatus, ReleaseStatus, TaskState
from orb.spec import (
    Condition,
    Dependency,
    Mode,
    RestartCondition,
    RestartPolicy,
    UpdateConfig,
    UpdateOrder,
)
from orb.work import Report
from tests.factories import NOW, a_service_key, a_service_spec, a_volume
from tests.reconcilers.settling import Toy, failed

S = ReleaseStatus
N2 = NodeName("n2")


def a_toy(nodes: int = 3, replicas: int = 3, image: str = "app:v1") -> Toy:
    """A cluster that runs `web`."""
    toy = Toy(nodes=nodes)
    toy.apply_app(a_service_spec(replicas=replicas, image=image))
    toy.run(8)
    toy.log.clear()
    return toy


def fails_in(revision: int, message: str = "exit code 1") -> Callable[[Task], Report | None]:
    def behaviour(task: Task) -> Report | None:
        return failed(task, message) if task.revision == revision else None

    return behaviour


def test_an_app_runs_and_its_release_is_done() -> None:
    toy = a_toy()
    assert toy.living() == ["web/1@n1 r1 RUNNING", "web/2@n2 r1 RUNNING", "web/3@n3 r1 RUNNING"]
    assert toy.release() == (1, S.DONE, "")


def test_a_cluster_at_rest_decides_nothing() -> None:
    toy = a_toy()
    toy.run(60)
    assert toy.log == []


def test_every_decision_made_twice_changes_nothing_the_second_time() -> None:
    toy = a_toy()
    toy.silent = ["n2"]
    toy.apply_app(a_service_spec(replicas=5, image="app:v2"))
    for _ in range(40):
        toy.now = Millis(toy.now + 250)
        toy.beat()
        view = View(state=toy.state, heard=toy.heard, leading_since=NOW)
        decided = decide(view, toy.now)
        toy.apply_all(decided)
        assert not toy.apply_all(decided)
        toy.settle()


def test_a_silent_node_gets_stand_ins_and_its_return_takes_them_away_again() -> None:
    toy = a_toy()
    toy.silent = ["n2"]
    toy.run(4)
    assert toy.state.nodes[N2].status is NodeStatus.SUSPECT
    assert len(toy.where("web/2")) == 2
    toy.silent = []
    toy.run(9)
    assert len(toy.where("web/2")) == 2
    toy.run(3)
    assert toy.where("web/2") == ["n2"], "the one that was ready longest"


def test_a_node_that_comes_and_goes_costs_one_stand_in() -> None:
    toy = a_toy()
    for _ in range(5):
        toy.silent = ["n2"]
        toy.run(5)
        toy.silent = []
        toy.run(3)
    assert toy.log.count("CreateTasks") == 1


def test_a_node_that_stays_away_loses_its_tasks_to_their_stand_ins() -> None:
    toy = a_toy()
    toy.silent = ["n2"]
    toy.run(20)
    assert toy.state.nodes[N2].status is NodeStatus.DOWN
    assert len(toy.living()) == 3
    assert toy.where("web/2") in (["n1"], ["n3"])


def test_when_most_nodes_fall_silent_nothing_is_moved_and_nothing_was_lost_when_they_return() -> (
    None
):
    toy = a_toy()
    before = toy.living()
    toy.silent = ["n2", "n3"]
    toy.run(60)
    assert toy.is_braked()
    assert toy.living() == before
    toy.silent = []
    toy.run(30)
    assert not toy.is_braked()
    assert toy.living() == before
    assert {"CreateTasks", "LoseTasks", "StopTasks"}.isdisjoint(toy.log)


def test_a_node_that_takes_no_assignment_loses_it_to_another() -> None:
    toy = Toy(nodes=3, deaf=["n1"])
    toy.apply_app(a_service_spec(replicas=3))
    toy.run(30)
    assert all("@n1" not in line for line in toy.living())
    assert toy.release() == (1, S.DONE, "")


def test_an_update_keeps_every_replica_served() -> None:
    toy = a_toy()
    toy.apply_app(a_service_spec(replicas=3, image="app:v2"))
    for _ in range(40):
        toy.run(0.5)
        served = {task.replica for task in toy.state.tasks.values() if task.wanted and task.ready}
        assert len(served) == 3
    assert toy.release() == (2, S.DONE, "")


def test_a_failing_update_fails_and_leaves_the_others_on_the_old_revision() -> None:
    toy = a_toy()
    toy.behaviour = fails_in(2, "image app:v2 not found")
    toy.apply_app(a_service_spec(replicas=3, image="app:v2"))
    toy.run(60)
    assert toy.living() == ["web/1@n1 r1 RUNNING", "web/2@n2 r1 RUNNING", "web/3@n3 r1 RUNNING"]
    number, status, message = toy.release()
    assert (number, status) == (2, S.FAILED)
    assert message.startswith("web/1 failed 4 times, last on ")
    assert message.endswith(": image app:v2 not found")


def test_a_newer_release_goes_on_from_a_failed_one() -> None:
    toy = a_toy()
    toy.behaviour = fails_in(2)
    toy.apply_app(a_service_spec(replicas=3, image="app:v2"))
    toy.run(30)
    toy.apply_app(a_service_spec(replicas=3, image="app:v3"))
    toy.run(30)
    assert all(" r3 RUNNING" in line for line in toy.living())
    assert toy.release() == (3, S.DONE, "")


def test_an_app_that_is_deleted_and_applied_again_starts_anew_beside_its_dying_tasks() -> None:
    toy = a_toy()
    toy.stops_slowly = True
    toy.do(DeleteApp(app=a_service_key().owner))
    toy.apply_app(a_service_spec(replicas=3, image="app:v2"))
    toy.settle()
    assert toy.release() == (2, S.ROLLING, "")
    assert len(toy.living()) == 6
    toy.run(10)
    assert [line.split("@")[0] for line in toy.living()] == ["web/1", "web/2", "web/3"]
    assert toy.release() == (2, S.DONE, "")


def test_a_service_that_keeps_coming_to_a_good_end_is_slowed_down_and_fails_its_release() -> None:
    toy = Toy(nodes=1)
    toy.behaviour = lambda task: Report(
        task=task.id, state=TaskState.STOPPED, exit_code=0, container_id="c"
    )
    toy.apply_app(a_service_spec(replicas=1))
    toy.run(60)
    assert toy.log.count("CreateTasks") == 6
    assert toy.release() == (1, S.FAILED, "web/1 failed 4 times, last on n1: exit code 0")


def test_a_new_leader_goes_on_with_an_update_from_the_state_alone() -> None:
    toy = a_toy()
    toy.apply_app(a_service_spec(replicas=3, image="app:v2"))
    toy.run(1)
    toy.heard.clear()
    toy.leading_since = toy.now
    toy.run(20)
    assert toy.release() == (2, S.DONE, "")
    assert toy.log.count("CreateTasks") == 3


def test_scaling_down_in_an_update_removes_the_highest_numbers() -> None:
    toy = a_toy(replicas=5)
    toy.apply_app(a_service_spec(replicas=5, image="app:v2"))
    toy.run(1)
    toy.do(ScaleService(service=a_service_key(), replicas=2))
    toy.run(30)
    assert [line.split("@")[0] for line in toy.living()] == ["web/1", "web/2"]
    assert toy.release() == (3, S.DONE, "")


def test_a_drain_in_an_update_ends_with_both_done() -> None:
    toy = a_toy()
    toy.apply_app(a_service_spec(replicas=3, image="app:v2"))
    toy.set_availability("n1", Availability.DRAINING)
    toy.run(40)
    assert all("@n1" not in line and " r2 " in line for line in toy.living())
    assert len(toy.living()) == 3


def test_a_drained_node_is_left_replica_by_replica_and_each_stays_served() -> None:
    toy = a_toy(nodes=2, replicas=4)
    toy.set_availability("n1", Availability.DRAINING)
    for _ in range(60):
        toy.run(0.5)
        served = {task.replica for task in toy.state.tasks.values() if task.wanted and task.ready}
        assert len(served) == 4
    assert all("@n2" in line for line in toy.living())


def test_a_replica_with_data_never_has_two_tasks_and_waits_for_its_node() -> None:
    toy = Toy(nodes=3)
    toy.stops_slowly = True
    toy.apply_app(a_service_spec(replicas=1, mounts=(a_volume(),)))
    toy.run(5)
    (home,) = toy.where("web/1")
    toy.silent = [home]
    toy.run(30)
    assert toy.where("web/1") == ["-"], "it waits, and the scheduler says why"
    toy.silent = []
    toy.run(5)
    assert toy.where("web/1") == [home]
    toy.apply_app(a_service_spec(replicas=1, mounts=(a_volume(),), image="app:v2"))
    for _ in range(20):
        toy.run(0.5)
        assert len(toy.living()) <= 1
    assert toy.living() == [f"web/1@{home} r2 RUNNING"]


def test_a_dependent_service_starts_when_the_other_is_healthy() -> None:
    toy = Toy(nodes=1)
    needs = (Dependency(service="db", condition=Condition.HEALTHY),)
    unready = [True]

    def db_is_slow(task: Task) -> Report | None:
        if task.replica.service == "db" and unready:
            return Report(task=task.id, state=TaskState.RUNNING, container_id="c")
        return None

    toy.behaviour = db_is_slow
    toy.apply_app(a_service_spec("db", replicas=1), a_service_spec(replicas=1, depends_on=needs))
    toy.run(10)
    assert toy.living() == ["db/1@n1 r1 RUNNING"]
    unready.clear()
    toy.behaviour = lambda task: (
        Report(task=task.id, state=TaskState.RUNNING, ready=True, container_id="c")
        if not task.ready
        else None
    )
    toy.run(5)
    assert toy.living() == ["db/1@n1 r1 RUNNING", "web/1@n1 r1 RUNNING"]


@pytest.mark.parametrize("mode", [Mode.REPLICATED_JOB, Mode.GLOBAL_JOB])
def test_a_job_runs_once_in_each_release_that_changes_it(mode: Mode) -> None:
    toy = Toy(nodes=2)
    ran: list[TaskId] = []

    def ends(task: Task) -> Report | None:
        ran.append(task.id)
        return Report(task=task.id, state=TaskState.STOPPED, exit_code=0, container_id="c")

    toy.behaviour = ends
    toy.apply_app(a_service_spec(replicas=2, mode=mode))
    toy.run(20)
    assert (len(ran), toy.living(), toy.release()) == (2, [], (1, S.DONE, ""))
    toy.apply_app(a_service_spec(replicas=2, mode=mode, image="app:v2"))
    toy.run(20)
    assert (len(ran), toy.living(), toy.release()) == (4, [], (2, S.DONE, ""))


def test_a_global_service_follows_the_nodes() -> None:
    toy = Toy(nodes=3)
    toy.apply_app(a_service_spec(mode=Mode.GLOBAL))
    toy.run(5)
    toy.set_availability("n2", Availability.DRAINING)
    toy.run(5)
    assert toy.living() == ["web/1@n1 r1 RUNNING", "web/3@n3 r1 RUNNING"]
    toy.set_availability("n2", Availability.ACTIVE)
    toy.run(5)
    assert toy.living() == ["web/1@n1 r1 RUNNING", "web/2@n2 r1 RUNNING", "web/3@n3 r1 RUNNING"]


def test_a_crashing_task_is_restarted_ever_more_slowly_and_then_elsewhere() -> None:
    toy = Toy(nodes=2)
    toy.apply_app(a_service_spec(replicas=1))
    toy.run(3)
    (first,) = toy.where("web/1")
    toy.behaviour = lambda task: failed(task) if task.node == first else None
    toy.run(60)
    assert toy.where("web/1") != [first]
    assert toy.state.replicas[next(iter(toy.state.replicas))].restarts == 5


def test_a_service_that_may_not_restart_stays_ended() -> None:
    toy = Toy(nodes=1)
    policy = RestartPolicy(condition=RestartCondition.NONE)
    toy.behaviour = failed
    toy.apply_app(a_service_spec(replicas=1, restart=policy))
    toy.run(30)
    assert toy.living() == []
    assert toy.release() == (1, S.FAILED, "web/1 failed on n1: exit code 1")


def test_a_stop_first_update_never_runs_two_tasks_of_a_replica() -> None:
    toy = Toy(nodes=2)
    toy.stops_slowly = True
    stop_first = UpdateConfig(order=UpdateOrder.STOP_FIRST)
    toy.apply_app(a_service_spec(replicas=2, update=stop_first))
    toy.run(5)
    toy.apply_app(a_service_spec(replicas=2, update=stop_first, image="app:v2"))
    for _ in range(40):
        toy.run(0.5)
        names = [line.split("@")[0] for line in toy.living()]
        assert len(names) == len(set(names))
    assert toy.release() == (2, S.DONE, "")
