from dataclasses import replace

from controlplane.reconcilers.explain import what_next
from controlplane.state.tables import Node, Replica, Service, Task
from orb.ids import Millis
from orb.lifecycle import Desired, NodeStatus, TaskState
from orb.spec import Condition, Dependency, Mode, RestartCondition, RestartPolicy
from tests.factories import (
    a_node,
    a_replica,
    a_replica_key,
    a_service,
    a_service_spec,
    a_state_with,
    a_task,
    a_task_spec,
    a_volume,
)
from tests.reconcilers.seeing import LATER, a_survey

FAILED = a_task(1, node="n1", state=TaskState.FAILED, exit_code=1, since=LATER)


def said_of(*records: Service | Task | Replica | Node) -> str:
    return what_next(a_survey(a_state_with(*records)), a_replica_key())


def test_a_replica_that_has_a_task_needs_no_word() -> None:
    assert said_of(a_service(replicas=1), a_task(1, node="n1")) == ""


def test_after_a_failure_it_says_when_it_tries_again() -> None:
    replica = a_replica(failures=(LATER - 5_000, LATER), failed_on=("n1", "n1"))
    assert said_of(a_service(replicas=1), replica, FAILED) == "next try in 2 s"
    earlier = replace(FAILED, since=Millis(LATER - 1_999))
    assert said_of(a_service(replicas=1), replica, earlier) == "next try in 1 s"
    assert said_of(a_service(replicas=1), replica, replace(earlier, since=Millis(0))) == ""


def test_it_says_which_service_it_waits_for() -> None:
    needs = (Dependency(service="db", condition=Condition.HEALTHY),)
    service = a_service(spec=a_service_spec(replicas=1, depends_on=needs), opened=0)
    assert said_of(service, a_service("db", replicas=1)) == "waits for db to be healthy"


def test_it_says_that_there_is_no_other_try() -> None:
    policy = RestartPolicy(condition=RestartCondition.ON_FAILURE, attempts_max=1)
    service = a_service(spec=a_service_spec(replicas=1, restart=policy))
    replica = a_replica(failures=(LATER, LATER), failed_on=("n1", "n1"))
    assert said_of(service, replica, FAILED) == "its restart policy gives it no other try"
    done = replace(FAILED, state=TaskState.STOPPED, exit_code=0)
    assert said_of(service, replica, done) == "it has completed"


def test_it_says_that_it_is_not_wanted() -> None:
    assert said_of(a_service(replicas=0), FAILED) == "it is not wanted any more"
    orphan = a_state_with(FAILED, specs={(FAILED.replica.owner, 1): a_task_spec()})
    assert what_next(a_survey(orphan), a_replica_key()) == ""


def test_it_says_which_node_a_global_replica_waits_for() -> None:
    node = a_node("n1", status=NodeStatus.DOWN)
    home = a_replica(home="n1")
    lost = replace(FAILED, state=TaskState.LOST)
    service = a_service(mode=Mode.GLOBAL)
    assert said_of(service, node, home, lost) == "it waits until node n1 takes tasks"


def test_it_says_that_the_old_task_must_stop_first() -> None:
    service = a_service(spec=a_service_spec(replicas=1, mounts=(a_volume(),)))
    stopping = a_task(2, node="n1", state=TaskState.STOPPING, desired=Desired.STOP)
    assert said_of(service, stopping) == "its old task must stop first"
