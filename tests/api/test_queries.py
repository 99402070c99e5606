"""What people see of the state."""

from dataclasses import replace

import pytest

from controlplane.api.describe import describe
from controlplane.api.look import Filter
from controlplane.api.names import Asked
from controlplane.api.nodes import nodes
from controlplane.api.releases import events, releases
from controlplane.api.replicas import main_task, replicas
from controlplane.api.services import services
from controlplane.api.status import PROBLEMS_MAX, status
from controlplane.raft.log import Role
from controlplane.state.tables import Event, Task
from orb.cluster import Amounts, NodeView, ReplicaView, ServiceView
from orb.ids import Millis, NodeName, TaskId
from orb.lifecycle import Availability, Desired, NodeStatus, TaskState
from orb.spec import Dependency, Mode
from orb.work import Usage
from tests.api.looks import a_look, a_member, an_agreement
from tests.factories import (
    GIB,
    MIB,
    NOW,
    a_node,
    a_replica,
    a_service,
    a_service_spec,
    a_state_with,
    a_task,
    a_volume,
)

ALL = Filter()
SINCE = "2023-11-14T22:13:20Z"


def test_a_node_is_shown_with_what_its_tasks_reserve() -> None:
    state = a_state_with(
        a_service(), a_task(1, node="n1"), a_node("n1", zone="a", status=NodeStatus.SUSPECT)
    )
    look = replace(
        a_look(state),
        usage={NodeName("n1"): Usage(milli_cpus=1_500, memory_bytes=7)},
        heard={NodeName("n1"): Millis(5)},
    )
    assert tuple(nodes(look, ALL)) == (
        NodeView(
            name="n1",
            state="suspect",
            state_since=NOW,
            availability="active",
            address="n1.example.org",
            zone="a",
            labels={"zone": "a"},
            resources=Amounts(cpus=4.0, memory_bytes=8 * GIB),
            reserved=Amounts(cpus=0.1, memory_bytes=64 * MIB),
            used=Amounts(cpus=1.5, memory_bytes=7),
            tasks=1,
            os="linux",
            arch="amd64",
            runtime="docker",
            joined_at=NOW,
            heard_at=Millis(5),
        ),
    )


def test_nodes_are_sorted_as_people_count() -> None:
    state = a_state_with(a_node("n10"), a_node("n2"), a_node("db1"))
    assert [view.name for view in nodes(a_look(state), ALL)] == ["db1", "n2", "n10"]
    assert [view.name for view in nodes(a_look(state), Filter(name="n2"))] == ["n2"]


def test_a_service_counts_replicas_not_tasks() -> None:
    state = a_state_with(
        a_service(replicas=3, revision=2, release=2),
        a_task(1, "web/1", node="n1", revision=1),
        a_task(2, "web/1", node="n2", revision=2, state=TaskState.STARTING),
        a_task(3, "web/2", node="n1", revision=2),
        a_task(4, "web/3", revision=2),
    )
    look = a_look(state, pending={4: "no node has 4 CPUs free"})
    assert tuple(services(look, ALL)) == (
        ServiceView(
            environment="default",
            app="shop",
            name="web",
            mode="replicated",
            desired=3,
            running=2,
            ready=2,
            release=2,
            updated=1,
            image="app:v1",
            message="1 of 3 not ready: no node has 4 CPUs free",
        ),
    )


def test_a_service_whose_replicas_are_all_ready_has_nothing_to_say() -> None:
    state = a_state_with(a_service(replicas=1), a_task(1, node="n1"))
    (view,) = services(a_look(state), ALL)
    assert (view.ready, view.message) == (1, "")


def test_a_service_that_waits_for_others_says_so() -> None:
    needs = (Dependency(service="db"),)
    spec = a_service_spec(replicas=1, depends_on=needs)
    state = a_state_with(a_service(spec=spec, opened=0), a_replica("web/1"))
    (view,) = services(a_look(state), ALL)
    assert view.message == "it waits for the services it depends on"
    (replica,) = replicas(a_look(state), ALL)
    assert (replica.state, replica.message) == (
        "pending",
        "waits for db, which does not exist",
    )


def test_a_global_service_wants_as_many_as_it_has_places() -> None:
    state = a_state_with(
        a_service(mode=Mode.GLOBAL, replicas=1),
        a_task(1, "web/1", node="n1"),
        a_task(2, "web/2", node="n2"),
    )
    (view,) = services(a_look(state), ALL)
    assert (view.mode, view.desired, view.ready) == ("global", 2, 2)


def test_a_job_is_as_wanted_once_it_has_completed() -> None:
    done = a_task(1, "web/1", node="n1", state=TaskState.STOPPED, desired=Desired.RUN, exit_code=0)
    state = a_state_with(a_service(mode=Mode.REPLICATED_JOB, replicas=1), done)
    (view,) = services(a_look(state), ALL)
    assert (view.mode, view.message) == ("replicated-job", "")


@pytest.mark.parametrize(
    ("tasks", "main"),
    [
        ([], None),
        ([a_task(1, node="n1", since=NOW), a_task(2, node="n2", since=Millis(NOW - 5))], 2),
        ([a_task(1, node="n1"), a_task(2, node="n2", state=TaskState.STARTING)], 1),
        ([a_task(1, node="n1", state=TaskState.FAILED), a_task(2)], 2),
        ([a_task(1, node="n1", state=TaskState.FAILED)], 1),
        (
            [
                a_task(1, node="n1", state=TaskState.STARTING),
                a_task(2, node="n1", state=TaskState.STOPPING),
            ],
            1,
        ),
    ],
)
def test_the_main_task_is_the_one_ready_longest_else_the_newest_wanted(
    tasks: list[Task], main: int | None
) -> None:
    state = a_state_with(a_service(), a_node("n1"), a_node("n2"))
    found = main_task(state, tasks)
    assert (None if found is None else found.id) == main


def test_a_stand_in_that_is_ready_stands_for_its_replica_while_the_node_is_silent() -> None:
    on_the_silent = a_task(1, node="n1", since=Millis(NOW - 5))
    stand_in = a_task(2, node="n2")
    state = a_state_with(
        a_service(), a_node("n1", status=NodeStatus.SUSPECT), a_node("n2"), on_the_silent, stand_in
    )
    assert main_task(state, [on_the_silent, stand_in]) == stand_in
    assert main_task(state, [on_the_silent]) == on_the_silent


def test_a_task_that_is_told_to_stop_is_stopping_although_its_agent_has_not_said_so() -> None:
    told = a_task(1, "web/1", node="n1", desired=Desired.STOP, stop_reason="scaled to 0")
    state = a_state_with(a_service(), a_node("n1"), told)
    (view,) = replicas(a_look(state), ALL)
    assert (view.state, view.ready, view.message) == ("stopping", False, "scaled to 0")


def test_a_replica_is_shown_by_its_main_task() -> None:
    task = a_task(
        7, "web/2", node="n1", state=TaskState.FAILED, message="exited with 1", exit_code=1
    )
    state = a_state_with(a_service(), task, a_replica("web/2", restarts=4))
    assert tuple(replicas(a_look(state), ALL)) == (
        ReplicaView(
            environment="default",
            app="shop",
            service="web",
            replica=2,
            name="web/2",
            state="failed",
            ready=False,
            node="n1",
            task="7",
            container_id="",
            restarts=4,
            release=1,
            message="exited with 1",
            image="app:v1",
            exit_code=1,
        ),
    )


def test_replicas_can_be_asked_for_by_name_number_and_node() -> None:
    state = a_state_with(
        a_service(),
        a_service("db"),
        a_task(1, "web/1", node="n1"),
        a_task(2, "web/2", node="n2"),
        a_task(3, "db/1", node="n2"),
    )
    look = a_look(state)

    def names(wanted: Filter) -> list[str]:
        return [view.name for view in replicas(look, wanted)]

    assert names(ALL) == ["db/1", "web/1", "web/2"]
    assert names(Filter(service="web")) == ["web/1", "web/2"]
    assert names(Filter(service="web", name="2")) == ["web/2"]
    assert names(Filter(name="web/1", service="web")) == ["web/1"]
    assert names(Filter(node="n2")) == ["db/1", "web/2"]
    assert names(Filter(environment="prod")) == []


def test_what_a_deleted_service_still_runs_is_shown_until_it_has_stopped() -> None:
    service = a_service()
    state = a_state_with(
        service,
        a_task(1, "web/1", node="n1", state=TaskState.STOPPING, stop_reason="the app was deleted"),
        a_task(2, "web/2", node="n1", state=TaskState.STOPPED),
    )
    del state.services[service.key]
    state.replicas.clear()
    state.replicas_of_service.clear()
    (view,) = replicas(a_look(state), ALL)
    assert (view.name, view.state, view.message) == ("web/1", "stopping", "the app was deleted")


def test_releases_are_shown_newest_first_with_the_current_one_marked() -> None:
    state = a_state_with(a_service(release=3))
    (view,) = releases(a_look(state), ALL)
    assert (view.app, view.number, view.current, view.status) == ("shop", 3, True, "rolling")
    assert not list(releases(a_look(state), Filter(name="2")))
    assert not list(releases(a_look(state), Filter(app="blog")))


def test_events_are_the_newest_ones_oldest_first() -> None:
    state = a_state_with()
    state.events.extend(
        Event(sequence=number, at=NOW, kind="node.ready", message=f"m{number}", node=f"n{number}")
        for number in range(1, 6)
    )
    look = a_look(state)
    assert [view.sequence for view in events(look, ALL)] == [1, 2, 3, 4, 5]
    assert [view.sequence for view in events(look, Filter(limit=2))] == [4, 5]
    assert [view.sequence for view in events(look, Filter(after=3))] == [4, 5]
    assert [view.sequence for view in events(look, Filter(node="n2"))] == [2]
    assert [view.sequence for view in events(look, Filter(app="shop"))] == []


def test_a_healthy_cluster_has_no_problems() -> None:
    state = a_state_with(a_service(replicas=1), a_task(1, node="n1"))
    view = status(a_look(state), ALL)
    assert view.problems == ()
    assert view.leader == "s1"
    assert [(one.name, one.address, one.role) for one in view.servers] == [
        ("s1", "10.0.0.1:7400", "leader")
    ]
    assert view.nodes == {
        "total": 1,
        "ready": 1,
        "suspect": 0,
        "down": 0,
        "cordoned": 0,
        "draining": 0,
    }
    assert view.services == {
        "total": 1,
        "healthy": 1,
        "degraded": 0,
        "desired": 1,
        "running": 1,
        "ready": 1,
    }
    assert view.reserved == Amounts(cpus=0.1, memory_bytes=64 * MIB)


def test_every_kind_of_problem_is_told_worst_first() -> None:
    state = a_state_with(
        a_service("db", spec=a_service_spec("db", replicas=1, mounts=(a_volume(),))),
        a_service("web", replicas=2),
        a_task(1, "db/1", node="n1"),
        a_task(2, "web/1", node="n2", state=TaskState.STARTING, message="pulling app:v1"),
        a_node("n1", availability=Availability.DRAINING),
        a_node("n2"),
        a_node("n3", status=NodeStatus.DOWN),
        a_node("n4", status=NodeStatus.SUSPECT),
        a_node("n5", status=NodeStatus.SUSPECT),
        replace(a_node("n6"), squeezed=True),
    )
    state.brake_since = NOW
    agreement = an_agreement(
        [
            a_member("s1", Role.LEADER),
            a_member("s2", healthy=False),
            a_member("s3", Role.LEARNER),
        ]
    )
    assert status(a_look(state, agreement=agreement), ALL).problems == (
        "server s2 does not answer",
        "server s3 is new and does not vote yet",
        "too many nodes fell silent together: nothing is moved away from them (the brake)",
        f"node n3 is down since {SINCE}",
        f"nodes n4, n5 are suspect since {SINCE}",
        "node n6 has shrunk below what its tasks reserve",
        "shop.web: 2 of 2 not ready: pulling app:v1",
        "n1 cannot be drained: the volumes of db/1 lie there",
    )


def test_a_drain_that_has_nowhere_to_go_is_a_problem() -> None:
    old, new = a_task(1, "web/1", node="n1"), a_task(2, "web/1")
    draining = a_node("n1", availability=Availability.DRAINING)
    state = a_state_with(a_service(replicas=1), old, new, draining, a_node("n2"))
    look = a_look(state, pending={2: "no node has 4 CPUs free"})
    assert status(look, ALL).problems == (
        "n1 cannot be drained: nowhere to go for web/1: no node has 4 CPUs free",
    )
    alone = a_state_with(a_service(replicas=1), old, draining)
    assert status(a_look(alone), ALL).problems == ("n1 cannot be drained: no node takes web/1",)


def test_a_server_alone_says_so_first() -> None:
    look = a_look(a_state_with(), agreement=an_agreement(leader=None, quorum=False))
    assert status(look, ALL).problems[0] == (
        "this server hears no majority of the servers: nothing can be changed now"
    )


def test_a_node_whose_engine_does_not_answer_is_a_problem() -> None:
    trouble = Usage(trouble="the Docker Engine does not answer: Connection refused")
    look = replace(a_look(a_state_with(a_node("n1"))), usage={NodeName("n1"): trouble})
    assert status(look, ALL).problems == (
        "node n1: the Docker Engine does not answer: Connection refused",
    )


def test_a_full_disk_is_a_problem() -> None:
    look = a_look(a_state_with(), agreement=replace(an_agreement(), disk_full=True))
    assert status(look, ALL).problems == (
        "the disk under the leader is full: nothing can be written until there is room",
    )


def test_problems_have_a_bound() -> None:
    state = a_state_with(*(a_service(f"s{number}") for number in range(PROBLEMS_MAX + 10)))
    problems = status(a_look(state), ALL).problems
    assert len(problems) == PROBLEMS_MAX + 1
    assert problems[-1] == "and 10 more problems"


def test_a_waiting_replica_is_explained() -> None:
    state = a_state_with(a_service(replicas=1), a_task(1, "web/1"), a_node("n1", cpus=0.05))
    found = describe(a_look(state), Asked("default", "web/1"))
    assert found.kind == "replica"
    assert [task.task for task in found.tasks] == ["1"]
    (why,) = found.explanation
    assert why.startswith("web/1 ")
    assert "CPU" in why


def test_each_kind_of_thing_can_be_described() -> None:
    state = a_state_with(a_service(replicas=1), a_task(1, "web/1", node="n1"))
    look = a_look(state)
    service = describe(look, Asked("default", "web"))
    assert (service.kind, len(service.services), len(service.replicas)) == ("service", 1, 1)
    assert service.spec is not None
    app = describe(look, Asked("default", "shop"))
    assert (app.kind, len(app.releases), app.explanation) == ("app", 1, ())
    node = describe(look, Asked("default", "n1"))
    assert (node.kind, [view.name for view in node.replicas]) == ("node", ["web/1"])
    assert TaskId(1) in state.tasks


def test_what_a_silent_node_said_last_is_told_as_old() -> None:
    state = a_state_with(
        a_node("n1"),
        a_node("n2", status=NodeStatus.SUSPECT),
        a_service(),
        a_task(1, node="n2", message="runs"),
        a_task(2, "web/2", node="n1"),
    )
    look = replace(a_look(state), heard={NodeName("n2"): Millis(NOW + 53_000)})
    hint = "runs; as last heard 7 s ago, node n2 is suspect"

    assert [view.message for view in replicas(look, ALL)] == [hint, ""]
    described = describe(look, Asked("", "web/1"))
    assert [view.message for view in (*described.replicas, *described.tasks)] == [hint, hint]
    without = a_look(state)
    assert next(iter(replicas(without, ALL))).message.startswith("runs; as last heard 60 s ago")
