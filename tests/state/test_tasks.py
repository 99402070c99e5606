"""Tasks: made once, placed only where they may be, told to stop, lost, forgotten."""

from controlplane.state import invariants
from controlplane.state.apply import apply
from controlplane.state.commands import (
    Answer,
    Applied,
    AssignTasks,
    CreateTasks,
    Entry,
    LoseTasks,
    ReapTasks,
    Refused,
    Single,
    StopTasks,
)
from controlplane.state.stamp import TASKS_PER_ENTRY_MAX
from controlplane.state.tables import State, Task
from orb.ids import Millis, NodeName, TaskId
from orb.lifecycle import Availability, Desired, NodeStatus, TaskState
from orb.resources import Resources
from orb.spec import Mode, Port, PublishMode
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
    some_resources,
)

WEB = a_service_key()
LATER = Millis(NOW + 1_000)


def do(state: State, command: Single) -> Answer:
    entry = Entry(command=command, now=LATER, author="leader", trace="t-1")
    answer = apply(state, entry, state.index + 1)
    assert invariants.check(state) == []
    return answer


def create(*numbers: int, copies: int = 1, revision: int = 1, reason: str = "new") -> CreateTasks:
    return CreateTasks(
        service=WEB, revision=revision, numbers=numbers, reason=reason, copies=copies
    )


def assign(*pairs: tuple[int, str], why: str = "") -> AssignTasks:
    return AssignTasks(
        tasks=tuple(TaskId(task) for task, _ in pairs),
        nodes=tuple(NodeName(node) for _, node in pairs),
        why=why,
    )


def nodes_of(state: State) -> list[str | None]:
    return [task.node for task in state.tasks.values()]


def test_a_new_task_says_whose_it_is_and_why() -> None:
    state = a_state_with(a_service(), index=7)
    assert do(state, create(2, reason="stand-in for n3")) == Applied(number=1)
    task = TaskId(8 * TASKS_PER_ENTRY_MAX)
    assert state.tasks == {
        task: Task(
            id=task,
            replica=a_replica_key("web/2"),
            revision=1,
            priority=state.services[WEB].spec.priority,
            desired=Desired.RUN,
            state=TaskState.NEW,
            since=LATER,
            created_at=LATER,
            reason="stand-in for n3",
            trace="t-1",
        )
    }
    assert list(state.unplaced) == [task]
    assert list(state.replicas) == [a_replica_key("web/2")]


def test_a_decision_made_twice_makes_one_task() -> None:
    state = a_state_with(a_service())
    assert do(state, create(1, 2)) == Applied(number=2)
    assert do(state, create(1, 2)) == Applied(number=0, changed=False)
    assert do(state, create(1, copies=2)) == Applied(number=1)


def test_a_stale_decision_makes_no_task() -> None:
    state = a_state_with(a_service(replicas=2, release=3, revision=3))
    assert do(state, create(1, revision=2)) == Refused("web is at revision 3, not 2")
    assert do(state, create(3, revision=3)) == Applied(number=0, changed=False)
    gone = CreateTasks(service=a_service_key("db"), revision=1, numbers=(1,), reason="new")
    assert do(state, gone) == Refused("there is no service db", missing=True)


def test_until_a_revision_is_opened_the_old_one_may_be_replaced() -> None:
    service = a_service(release=2, revision=2, opened=1)
    old = a_task_spec(image="app:v0")
    state = a_state_with(service, specs={(WEB, 1): old})
    assert do(state, create(1, revision=1)) == Applied(number=1)
    (task,) = state.tasks.values()
    assert state.spec_of(task) == old


def test_tasks_beyond_a_bound_are_refused() -> None:
    state = a_state_with(a_service())
    assert do(state, create(1, copies=4)) == Refused("a replica has 1 to 3 copies, not 4")
    assert do(state, create(0)) == Refused("replicas are numbered from 1 to 20000")
    assert do(state, create(*range(20_001))) == Refused(
        "more than 20000 tasks in one command, or too many in one entry"
    )


def test_a_replica_of_a_global_service_is_at_home_on_its_node() -> None:
    state = a_state_with(a_node("n1"), a_node("n2"), a_service(mode=Mode.GLOBAL))
    command = CreateTasks(service=WEB, revision=1, numbers=(5,), reason="new", home=NodeName("n1"))
    do(state, command)
    assert state.replicas[a_replica_key("web/5")].home == "n1"
    (task,) = state.tasks
    assert do(state, assign((task, "n2"))) == Applied(number=0, changed=False)
    assert do(state, assign((task, "n1"))) == Applied(number=1)


def test_a_restart_is_counted() -> None:
    state = a_state_with(a_service(), a_replica("web/1", restarts=2))
    do(
        state,
        CreateTasks(service=WEB, revision=1, numbers=(1,), reason="restart", is_restart=True),
    )
    assert state.replicas[a_replica_key()].restarts == 3


def test_a_placed_task_holds_its_reservation() -> None:
    state = a_state_with(a_node(), a_service(), a_task(1))
    assert do(state, assign((1, "n1"), why="emptiest zone")) == Applied(number=1)
    task = state.tasks[TaskId(1)]
    assert (task.state, task.node, task.since, task.placed) == (
        TaskState.ASSIGNED,
        "n1",
        LATER,
        "emptiest zone",
    )
    assert state.reserved == {NodeName("n1"): some_resources()}
    assert state.unplaced == {}
    assert state.assigned_at[NodeName("n1")] == state.index


def test_a_node_is_never_over_committed_not_even_by_one_command() -> None:
    spec = a_service_spec(needs=some_resources(cpus=2, memory_mib=1))
    state = a_state_with(
        a_node(cpus=4), a_service(spec=spec), a_task(1), a_task(2, "web/2"), a_task(3, "web/3")
    )
    assert do(state, assign((1, "n1"), (2, "n1"), (3, "n1"))) == Applied(number=2)
    assert nodes_of(state) == ["n1", "n1", None]


def test_devices_are_counted_too() -> None:
    spec = a_service_spec(needs=Resources(0, 0, {"gpu": 1}))
    nodes = (a_node("n1", devices={"gpu": 1}), a_node("n2"))
    state = a_state_with(*nodes, a_service(spec=spec), a_task(1), a_task(2, "web/2"))
    assert do(state, assign((1, "n2"), (1, "n1"), (2, "n1"))) == Applied(number=1)
    assert nodes_of(state) == ["n1", None]


def test_no_task_goes_where_none_may_go() -> None:
    state = a_state_with(
        a_node("down", status=NodeStatus.DOWN),
        a_node("suspect", status=NodeStatus.SUSPECT),
        a_node("cordoned", availability=Availability.CORDONED),
        a_node("draining", availability=Availability.DRAINING),
        a_node("avoided"),
        a_service(),
        a_task(1, avoid=("avoided",)),
    )
    everywhere = ("down", "suspect", "cordoned", "draining", "avoided", "nowhere")
    command = assign(*((1, node) for node in everywhere))
    assert do(state, command) == Applied(number=0, changed=False)


def test_a_task_is_placed_once() -> None:
    state = a_state_with(a_node("n1"), a_node("n2"), a_service(), a_task(1))
    assert do(state, assign((1, "n1"), (1, "n2"), (9, "n1"))) == Applied(number=1)
    assert nodes_of(state) == ["n1"]


def test_a_replica_with_volumes_has_one_task_with_a_node_at_most() -> None:
    spec = a_service_spec(mounts=(a_volume(),))
    running = a_task(1, node="n1", desired=Desired.STOP)
    state = a_state_with(running, a_node("n2"), a_service(spec=spec), a_task(2))
    assert do(state, assign((2, "n2"))) == Applied(number=0, changed=False)


def test_a_fixed_port_of_a_host_is_given_once() -> None:
    port = Port(target=80, published=8080, mode=PublishMode.HOST)
    spec = a_service_spec(task=a_task_spec(ports=(port,)))
    state = a_state_with(a_node(), a_service(spec=spec), a_task(1), a_task(2, "web/2"))
    assert do(state, assign((1, "n1"), (2, "n1"))) == Applied(number=1)


def test_tasks_and_nodes_must_be_in_step() -> None:
    state = a_state_with(a_node())
    command = AssignTasks(tasks=(TaskId(1),), nodes=())
    assert do(state, command) == Refused("as many nodes as tasks are needed")


def test_a_task_without_a_node_stops_at_once_and_others_are_told() -> None:
    state = a_state_with(
        a_node(),
        a_service(),
        a_task(1),
        a_task(2, "web/2", node="n1"),
        a_task(3, "web/3", node="n1", state=TaskState.FAILED),
    )
    command = StopTasks(tasks=(TaskId(1), TaskId(2), TaskId(3), TaskId(9)), reason="surplus")
    assert do(state, command) == Applied(number=2)
    assert [(t.desired, t.state, t.stop_reason) for t in state.tasks.values()] == [
        (Desired.STOP, TaskState.STOPPED, "surplus"),
        (Desired.STOP, TaskState.RUNNING, "surplus"),
        (Desired.RUN, TaskState.FAILED, ""),
    ]
    assert do(state, command) == Applied(number=0, changed=False)
    assert [event.message for event in state.events] == ["web/1, web/2 told to stop: surplus"]


def test_a_lost_task_holds_nothing_and_never_comes_back() -> None:
    state = a_state_with(a_service(), a_task(1, node="n1"), a_task(2, "web/2"))
    command = LoseTasks(tasks=(TaskId(1), TaskId(2)), reason="n1 is down")
    assert do(state, command) == Applied(number=1)
    task = state.tasks[TaskId(1)]
    assert (task.state, task.ready, task.message, task.node) == (
        TaskState.LOST,
        False,
        "n1 is down",
        "n1",
    )
    assert state.reserved == {NodeName("n1"): Resources()}
    assert do(state, command) == Applied(number=0, changed=False)


def test_only_ended_tasks_are_reaped() -> None:
    state = a_state_with(
        a_service(), a_task(1, node="n1"), a_task(2, "web/2", node="n1", state=TaskState.LOST)
    )
    command = ReapTasks(tasks=(TaskId(1), TaskId(2), TaskId(9)))
    assert do(state, command) == Applied(number=1)
    assert list(state.tasks) == [1]
