from controlplane.reconcilers.reap import reap
from controlplane.state.commands import ReapReplicas, ReapTasks
from orb.ids import Millis, TaskId
from orb.lifecycle import TaskState
from orb.spec import Mode
from tests.factories import (
    NOW,
    a_node,
    a_replica,
    a_replica_key,
    a_service,
    a_service_key,
    a_service_spec,
    a_state_with,
    a_task,
    a_task_spec,
    a_volume,
)
from tests.reconcilers.seeing import seen_by


def test_of_the_ended_tasks_of_a_replica_the_last_three_are_kept() -> None:
    ended = [
        a_task(n, node="n1", state=TaskState.FAILED, since=Millis(NOW + order))
        for n, order in ((1, 5), (2, 1), (3, 4), (4, 2), (5, 3))
    ]
    state = a_state_with(a_service(replicas=1), *ended, a_task(6, node="n1"))
    assert seen_by(reap, state) == [ReapTasks(tasks=(TaskId(2), TaskId(4)))]


def test_a_number_that_is_not_wanted_goes_when_its_tasks_have_ended() -> None:
    ended = a_task(2, "web/2", node="n1", state=TaskState.STOPPED)
    state = a_state_with(a_service(replicas=1), a_task(1, node="n1"), ended)
    assert seen_by(reap, state) == [ReapReplicas(replicas=(a_replica_key("web/2"),))]
    stopping = a_task(2, "web/2", node="n1", state=TaskState.STOPPING)
    state = a_state_with(a_service(replicas=1), a_task(1, node="n1"), stopping)
    assert seen_by(reap, state) == []


def test_a_replica_with_data_is_remembered_while_the_node_of_its_data_exists() -> None:
    service = a_service(spec=a_service_spec(replicas=0, mounts=(a_volume(),)))
    ended = a_task(1, node="n1", state=TaskState.STOPPED)
    home = a_replica(home="n1")
    assert seen_by(reap, a_state_with(service, home, a_node("n1"), ended)) == []
    gone = a_state_with(service, a_replica(home="n9"), ended)
    assert seen_by(reap, gone) == [ReapReplicas(replicas=(a_replica_key(),))]


def test_a_global_replica_goes_with_its_node() -> None:
    service = a_service(mode=Mode.GLOBAL)
    lost = a_task(1, node="n1", state=TaskState.LOST)
    state = a_state_with(service, a_replica(home="n9"), lost)
    assert seen_by(reap, state) == [ReapReplicas(replicas=(a_replica_key(),))]


def test_ended_tasks_of_a_deleted_service_go() -> None:
    specs = {(a_service_key(), 1): a_task_spec()}
    ended, living = a_task(1, node="n1", state=TaskState.STOPPED), a_task(2, "web/2", node="n1")
    state = a_state_with(ended, living, specs=specs)
    assert seen_by(reap, state) == [ReapTasks(tasks=(TaskId(1),))]


def test_a_tidy_service_needs_nothing() -> None:
    assert seen_by(reap, a_state_with(a_service(replicas=1), a_task(1, node="n1"))) == []
