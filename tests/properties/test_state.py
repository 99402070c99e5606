"""Whatever anybody asks in whatever order: the state stays sound, and equal everywhere."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.state import invariants, snapshots
from controlplane.state.apply import apply
from controlplane.state.codec import decode_answer, decode_entry, encode_answer, encode_entry
from controlplane.state.commands import (
    Applied,
    ApplyApp,
    AssignTasks,
    Batch,
    Command,
    CreateTasks,
    DeleteApp,
    Entry,
    LoseTasks,
    OpenService,
    ReapReplicas,
    ReapTasks,
    RegisterNode,
    RemoveNode,
    RemoveSecret,
    ReportTasks,
    ScaleService,
    SetAvailability,
    SetBrake,
    SetLabels,
    SetNodeStatus,
    SetReleaseStatus,
    SetSecret,
    Single,
    StopTasks,
)
from controlplane.state.stamp import TASKS_PER_ENTRY_MAX
from controlplane.state.tables import State, Task, changed
from orb.contents import FileKind
from orb.ids import AppKey, Millis, NodeName, ReplicaKey, ServiceKey, TaskId
from orb.lifecycle import Availability, NodeStatus, ReleaseStatus, TaskState
from orb.resources import Resources
from orb.spec import AppSpec, Mode, Port, PublishMode, ServiceSpec
from orb.work import Report
from tests.factories import (
    NOW,
    a_grant,
    a_service_spec,
    a_task_spec,
    a_volume,
    an_app_with_files,
    some_facts,
    with_files,
)
from tests.properties.likely import likely_command

NODES = st.sampled_from([NodeName(name) for name in ("n1", "n2", "n3")])
APPS = st.sampled_from([AppKey("default", "shop"), AppKey("prod", "shop")])
SERVICES = st.builds(
    lambda app, name: ServiceKey(app.environment, app.app, name),
    APPS,
    st.sampled_from(["web", "db"]),
)
COUNTS = st.integers(-1, 4)
NUMBERS = st.lists(st.integers(0, 5), max_size=4).map(tuple)
REPLICAS = st.builds(
    lambda service, n: ReplicaKey(service.environment, service.app, service.service, n),
    SERVICES,
    st.integers(1, 4),
)
RELEASES = st.integers(0, 6)
CONTENTS = (b"one", b"two")
# Ids as they are minted: by one of the first entries, mostly its first tasks.
TASKS = st.builds(
    lambda index, n: TaskId(index * TASKS_PER_ENTRY_MAX + n),
    st.one_of(st.sampled_from([5, 6]), st.integers(1, 40)),
    st.integers(0, 2),
)
TASK_LISTS = st.lists(TASKS, max_size=6).map(tuple)
AMOUNTS = st.builds(
    Resources,
    st.sampled_from([-1, 0, 500, 1000]),
    st.sampled_from([0, 1 << 20]),
    st.sampled_from([{}, {"gpu": 1}]),
)


@st.composite
def service_specs(draw: st.DrawFn, name: str) -> ServiceSpec:
    port = Port(target=80, published=8080, mode=PublishMode.HOST)
    task = a_task_spec(
        image=draw(st.sampled_from(["app:v1", "app:v2"])),
        needs=draw(AMOUNTS),
        mounts=(a_volume(),) if draw(st.booleans()) else (),
        ports=(port,) if draw(st.booleans()) else (),
    )
    mode = draw(st.sampled_from([Mode.REPLICATED, Mode.REPLICATED, Mode.GLOBAL]))
    return a_service_spec(name, task=task, mode=mode, replicas=draw(COUNTS))


# Two contents each: so that they are shared, changed, and missing.
GRANTS = st.lists(
    st.one_of(
        st.builds(a_grant, st.just("site"), st.sampled_from(CONTENTS)),
        st.builds(a_grant, st.just("pass"), st.just(b""), kind=st.just(FileKind.SECRET)),
    ),
    max_size=2,
)


@st.composite
def app_specs(draw: st.DrawFn) -> AppSpec:
    names = draw(st.lists(st.sampled_from(["web", "db"]), max_size=2))
    services = [with_files(draw(service_specs(name)), *draw(GRANTS)) for name in names]
    if draw(st.booleans()):
        return an_app_with_files(*services, external=("pass",))
    return AppSpec(name="shop", services=tuple(services))


REPORTS = st.builds(
    Report,
    task=TASKS,
    state=st.sampled_from(TaskState),
    ready=st.booleans(),
    message=st.sampled_from(["", "x" * 2_000]),
    container_id=st.sampled_from(["", "c1"]),
)
SINGLES: st.SearchStrategy[Single] = st.one_of(
    st.builds(
        ApplyApp,
        environment=st.sampled_from(["default", "prod", ""]),
        spec=app_specs(),
        expected_release=st.one_of(st.none(), RELEASES),
        contents=st.sampled_from([(), CONTENTS]),
    ),
    st.builds(
        SetSecret,
        environment=st.sampled_from(["default", "prod"]),
        name=st.just("pass"),
        content=st.sampled_from([b"", *CONTENTS]),
    ),
    st.builds(RemoveSecret, environment=st.sampled_from(["default", "prod"]), name=st.just("pass")),
    st.builds(ScaleService, service=SERVICES, replicas=COUNTS),
    st.builds(DeleteApp, app=APPS),
    st.builds(SetAvailability, node=NODES, availability=st.sampled_from(Availability)),
    st.builds(SetLabels, node=NODES, labels=st.just({"a": "b"}), remove=st.just(("a", "c"))),
    st.builds(RemoveNode, node=NODES),
    st.builds(
        lambda name, cpus, gpus: RegisterNode(
            facts=some_facts(name, cpus=cpus, devices={"gpu": gpus})
        ),
        NODES,
        st.sampled_from([0.5, 1, 2]),
        st.integers(0, 2),
    ),
    st.builds(ReportTasks, node=NODES, reports=st.lists(REPORTS, max_size=4).map(tuple)),
    st.builds(
        SetNodeStatus,
        node=NODES,
        old=st.sampled_from(NodeStatus),
        new=st.sampled_from(NodeStatus),
    ),
    st.builds(SetBrake, on=st.booleans()),
    st.builds(OpenService, service=SERVICES, revision=RELEASES),
    st.builds(
        CreateTasks,
        service=SERVICES,
        revision=RELEASES,
        numbers=NUMBERS,
        reason=st.just("new"),
        copies=st.integers(0, 4),
        home=st.one_of(st.none(), NODES),
        avoid=st.lists(NODES, max_size=1).map(tuple),
        is_restart=st.booleans(),
    ),
    st.builds(StopTasks, tasks=TASK_LISTS, reason=st.just("surplus")),
    st.builds(LoseTasks, tasks=TASK_LISTS, reason=st.just("down")),
    st.builds(ReapTasks, tasks=TASK_LISTS),
    st.builds(ReapReplicas, replicas=st.lists(REPLICAS, max_size=3).map(tuple)),
    st.builds(SetReleaseStatus, app=APPS, number=RELEASES, status=st.sampled_from(ReleaseStatus)),
    st.lists(st.tuples(TASKS, NODES), max_size=6).map(
        lambda pairs: AssignTasks(
            tasks=tuple(task for task, _ in pairs), nodes=tuple(node for _, node in pairs)
        )
    ),
)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    SINGLES, SINGLES, st.builds(Batch, commands=st.lists(SINGLES, max_size=4).map(tuple))
)
ENTRIES = st.builds(
    Entry,
    command=COMMANDS,
    now=st.integers(0, 3_600_000).map(lambda ms: Millis(NOW + ms)),
    author=st.just("ann"),
    client=st.sampled_from(["", "c1"]),
    sequence=st.integers(0, 50),
)
# What a cluster does all day: without these few random commands ever meet a task.
MAKE: Callable[[], list[Single]] = lambda: [  # noqa: E731 - a table of commands
    *(RegisterNode(facts=some_facts(name, cpus=2)) for name in ("n1", "n2", "n3")),
    ApplyApp(
        environment="default",
        spec=AppSpec(name="shop", services=(a_service_spec("db"), a_service_spec("web"))),
    ),
    CreateTasks(
        service=ServiceKey("default", "shop", "web"), revision=1, numbers=(1, 2, 3), reason="new"
    ),
    CreateTasks(
        service=ServiceKey("default", "shop", "db"), revision=1, numbers=(1, 2, 3), reason="new"
    ),
    AssignTasks(
        tasks=tuple(TaskId(5 * TASKS_PER_ENTRY_MAX + n) for n in range(3)),
        nodes=(NodeName("n1"), NodeName("n2"), NodeName("n3")),
    ),
    OpenService(service=ServiceKey("default", "shop", "web"), revision=1),
]
HISTORIES = st.lists(ENTRIES, max_size=30).map(
    lambda entries: [*(Entry(command=one, now=NOW) for one in MAKE()), *entries]
)
SLOW = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def run(entries: list[Entry], state: State | None = None, start: int = 1) -> State:
    state = State() if state is None else state
    for index, entry in enumerate(entries, start):
        apply(state, entry, index)
    return state


def image(state: State) -> bytes:
    return b"".join(snapshots.chunks(state))


@SLOW
@given(HISTORIES)
def test_every_state_is_sound_and_the_guard_is_never_needed(entries: list[Entry]) -> None:
    state = State()
    for index, entry in enumerate(entries, 1):
        apply(state, entry, index)
        assert invariants.check(state) == []
        assert not [event for event in state.events if event.kind == "internal"]


@pytest.mark.parametrize("seed", range(60))
def test_a_likely_history_leaves_every_state_sound_and_every_copy_equal(seed: int) -> None:
    rng = Random(seed)
    state, copy = State(), State()
    now = NOW
    for index in range(1, 120):
        now = Millis(now + rng.choice([1, 1_000, 700_000]))
        entry = Entry(command=likely_command(rng, state), now=now)
        answer = apply(state, entry, index)
        assert apply(copy, decode_entry(encode_entry(entry)), index) == answer
        assert invariants.check(state) == []
        if rng.random() < 0.05:
            copy = snapshots.restored([image(copy)])
    assert image(state) == image(copy)
    assert not [event for event in state.events if event.kind == "internal"]


@SLOW
@given(HISTORIES)
def test_a_refused_command_changes_nothing_but_the_index(entries: list[Entry]) -> None:
    state = State()
    for index, entry in enumerate(entries, 1):
        if isinstance(entry.command, Batch):
            continue
        before = image(state)
        answer = apply(state, replace(entry, client=""), index)
        if not (isinstance(answer, Applied) and answer.changed):
            state.index, kept = index - 1, state.index
            assert _but_index(image(state)) == _but_index(before)
            state.index = kept


def _but_index(data: bytes) -> list[object]:
    state = snapshots.restored([data])
    return [
        getattr(state, field.name)
        for field in fields(State)
        if field.name not in {"index", "assigned_at"}
    ]


@SLOW
@given(HISTORIES, st.integers(0, 36))
def test_a_server_restored_in_the_middle_ends_in_the_same_bytes(
    entries: list[Entry], middle: int
) -> None:
    straight = run(entries)
    half = snapshots.restored([image(run(entries[:middle]))])
    rest = [decode_entry(encode_entry(entry)) for entry in entries[middle:]]
    assert image(run(rest, half, min(middle, len(entries)) + 1)) == image(straight)


@SLOW
@given(HISTORIES)
def test_entries_and_answers_survive_their_encoding(entries: list[Entry]) -> None:
    state = State()
    for index, entry in enumerate(entries, 1):
        assert decode_entry(encode_entry(entry)) == entry
        answer = apply(state, entry, index)
        assert decode_answer(encode_answer(answer)) == answer


@given(
    st.builds(
        Task,
        id=TASKS,
        replica=REPLICAS,
        revision=RELEASES,
        priority=st.just(2),
        desired=st.just(1),
        state=st.sampled_from(TaskState),
        since=st.just(NOW),
        created_at=st.just(NOW),
        node=st.one_of(st.none(), NODES),
        message=st.text(),
    ),
    st.sampled_from(TaskState),
    st.text(),
)
def test_a_changed_task_is_what_replace_makes(task: Task, state: TaskState, why: str) -> None:
    assert changed(task, state=state, message=why) == replace(task, state=state, message=why)


SCRIPT = """
import sys, zlib
from tests.properties.test_state import MAKE, image, run
from controlplane.state.commands import *
from orb.ids import *
from orb.lifecycle import NodeStatus
from tests.factories import NOW
history = [Entry(command=one, now=NOW) for one in MAKE()]
state = run(history)
tasks = tuple(state.tasks)
nodes = tuple(sorted(state.nodes))
more = [
    AssignTasks(tasks=tasks, nodes=nodes * 2),
    SetNodeStatus(node=nodes[0], old=NodeStatus.READY, new=NodeStatus.DOWN),
    RemoveNode(node=nodes[0]),
    StopTasks(tasks=tasks, reason="x"),
    DeleteApp(app=AppKey("default", "shop")),
]
state = run([Entry(command=one, now=NOW) for one in more], state, len(history) + 1)
print(zlib.crc32(image(state)))
"""


def test_the_bytes_do_not_depend_on_the_hash_seed_of_the_process() -> None:
    results = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(results) == 1
