import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace

from controlplane.leader import AUTHOR, Leader, in_entries, packed
from controlplane.raft.log import LogStatus, Role
from controlplane.state.apply import apply
from controlplane.state.codec import decode_entry
from controlplane.state.commands import (
    ApplyApp,
    AssignTasks,
    Batch,
    Entry,
    OpenService,
    RegisterNode,
    Single,
    StopTasks,
)
from controlplane.state.machine import Machine
from controlplane.state.tables import State
from orb.errors import NoQuorum, NotLeader, Unknown
from orb.ids import Millis, NodeName, ServerName, TaskId
from orb.lifecycle import NodeStatus
from tests.factories import NOW, a_service_key, a_service_spec, an_app_spec, some_facts


class ManualClock:
    """Time passes when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> Millis:
        return Millis(NOW + round(self.seconds * 1000))

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self.seconds + seconds, self._count, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Wake the sleepers in order, each at its own time."""
        end = self.seconds + seconds
        await _let_others_run()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, future = heapq.heappop(self._sleepers)
            self.seconds = max(self.seconds, at)
            if not future.done():
                future.set_result(None)
            await _let_others_run()
        self.seconds = end
        await _let_others_run()

    def freeze(self, seconds: float) -> None:
        """Time passes, and nobody runs."""
        self.seconds += seconds


async def _let_others_run() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


@dataclass
class FakeLog:
    """Agrees with everything at once, unless it is told to fail."""

    machine: Machine
    entries: list[Entry] = field(default_factory=list)
    failing: list[Exception] = field(default_factory=list)
    """Raised by the next proposals, one each."""
    barriers: int = 0
    current: LogStatus = field(
        default_factory=lambda: LogStatus(
            role=Role.LEADER,
            leader=ServerName("s1"),
            term=1,
            committed=0,
            applied=0,
            quorum=True,
            members=(),
        )
    )
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def propose(self, entry: bytes) -> bytes:
        if self.failing:
            raise self.failing.pop(0)
        self.entries.append(decode_entry(entry))
        answer = self.machine.apply(self.machine.state.index + 1, entry)
        self.changed.set()
        return answer

    async def barrier(self) -> None:
        self.barriers += 1

    def status(self) -> LogStatus:
        return self.current

    async def changes(self) -> AsyncIterator[LogStatus]:
        while True:
            yield self.current
            await self.changed.wait()
            self.changed.clear()

    def become(self, role: Role, term: int, *, quorum: bool = True) -> None:
        self.current = replace(self.current, role=role, term=term, quorum=quorum)
        self.changed.set()


@dataclass(frozen=True)
class Placed:
    commands: Sequence[Single] = ()
    pending: Mapping[TaskId, str] = field(default_factory=dict)


def places_on_n1(state: State, _: Millis) -> Placed:
    tasks = tuple(state.unplaced)
    nodes = tuple(NodeName("n1") for _ in tasks)
    return Placed((AssignTasks(tasks=tasks, nodes=nodes),) if tasks else ())


def places_nothing(state: State, _: Millis) -> Placed:
    return Placed(pending=dict.fromkeys(state.unplaced, "no node has room"))


@dataclass
class Stage:
    clock: ManualClock
    log: FakeLog
    state: State
    leader: Leader

    def kinds(self) -> list[str]:
        """The kinds of all commands proposed, in order."""
        batches = [entry.command for entry in self.log.entries]
        return [
            type(command).__name__
            for batch in batches
            if isinstance(batch, Batch)
            for command in batch.commands
        ]


def play(
    scene: Callable[[Stage], Coroutine[None, None, None]],
    schedule: Callable[[State, Millis], Placed] = places_on_n1,
    *,
    nodes: Sequence[str] = ("n1",),
    role: Role = Role.LEADER,
) -> None:
    async def stage() -> None:
        state, clock = State(), ManualClock()
        for name in nodes:
            register = RegisterNode(facts=some_facts(name))
            apply(state, Entry(command=register, now=NOW), state.index + 1)
        log = FakeLog(Machine(state))
        log.current = replace(log.current, role=role)
        leader = Leader(log, state, schedule, clock)
        running = asyncio.ensure_future(leader.run())
        await clock.advance(0.1)
        await scene(Stage(clock, log, state, leader))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(stage())


def an_app(replicas: int = 2) -> Entry:
    spec = an_app_spec(a_service_spec(replicas=replicas))
    return Entry(command=ApplyApp(environment="default", spec=spec), now=NOW)


def test_a_new_app_is_opened_given_tasks_and_placed() -> None:
    async def scene(stage: Stage) -> None:
        apply(stage.state, an_app(), stage.state.index + 1)
        stage.log.changed.set()
        await stage.clock.advance(0.2)
        assert stage.kinds() == ["OpenService", "CreateTasks", "AssignTasks"]
        assert {entry.author for entry in stage.log.entries} == {AUTHOR}
        assert stage.log.barriers == 1

    play(scene)


def test_what_cannot_be_placed_is_explained() -> None:
    async def scene(stage: Stage) -> None:
        apply(stage.state, an_app(replicas=1), stage.state.index + 1)
        stage.log.changed.set()
        await stage.clock.advance(0.2)
        (task,) = stage.state.unplaced
        assert stage.leader.pending == {task: "no node has room"}

    play(scene, places_nothing)


def test_a_follower_decides_nothing() -> None:
    async def scene(stage: Stage) -> None:
        apply(stage.state, an_app(), stage.state.index + 1)
        stage.log.changed.set()
        await stage.clock.advance(5)
        assert (stage.kinds(), stage.leader.leads, stage.log.barriers) == ([], False, 0)

    play(scene, role=Role.FOLLOWER)


def test_a_leader_without_quorum_decides_nothing() -> None:
    async def scene(stage: Stage) -> None:
        stage.log.become(Role.LEADER, 1, quorum=False)
        await stage.clock.advance(0.1)
        apply(stage.state, an_app(), stage.state.index + 1)
        await stage.clock.advance(5)
        assert (stage.kinds(), stage.leader.leads) == ([], False)

    play(scene)


def test_it_survives_every_way_in_which_agreement_fails_and_goes_on() -> None:
    async def scene(stage: Stage) -> None:
        stage.log.failing = [NotLeader(None), NoQuorum("no quorum"), Unknown("no answer")]
        apply(stage.state, an_app(), stage.state.index + 1)
        stage.log.changed.set()
        await stage.clock.advance(2)
        assert stage.kinds() == ["OpenService", "CreateTasks", "AssignTasks"]
        assert stage.log.barriers == 4

    play(scene)


def test_it_survives_a_bug_in_the_scheduler() -> None:
    calls: list[Millis] = []

    def breaks_twice(state: State, now: Millis) -> Placed:
        calls.append(now)
        if len(calls) < 3:
            raise ZeroDivisionError
        return places_on_n1(state, now)

    async def scene(stage: Stage) -> None:
        apply(stage.state, an_app(), stage.state.index + 1)
        await stage.clock.advance(3)
        assert stage.kinds() == ["OpenService", "CreateTasks", "AssignTasks"]

    play(scene, breaks_twice)


def test_a_silent_node_becomes_suspect_while_another_is_heard() -> None:
    async def scene(stage: Stage) -> None:
        for _ in range(12):
            for name in ("n1", "n2"):
                stage.leader.heard(NodeName(name), stage.clock.now())
            await stage.clock.advance(0.5)
        statuses = {name: node.status for name, node in stage.state.nodes.items()}
        assert statuses == {
            "n1": NodeStatus.READY,
            "n2": NodeStatus.READY,
            "n3": NodeStatus.SUSPECT,
        }

    play(scene, nodes=("n1", "n2", "n3"))


def test_a_new_term_gives_the_nodes_time_to_find_the_leader() -> None:
    async def scene(stage: Stage) -> None:
        await stage.clock.advance(4)
        stage.log.become(Role.FOLLOWER, 2)
        await stage.clock.advance(10)
        stage.log.become(Role.LEADER, 3)
        await stage.clock.advance(4)
        assert stage.kinds() == []
        await stage.clock.advance(2)
        assert stage.kinds() == ["SetBrake", "SetNodeStatus"]

    play(scene)


def test_a_server_that_did_not_run_blames_no_node_for_it() -> None:
    async def scene(stage: Stage) -> None:
        for name in ("n1", "n2", "n3"):
            stage.leader.heard(NodeName(name), stage.clock.now())
        await stage.clock.advance(0.5)
        stage.clock.freeze(60)
        await stage.clock.advance(1)
        assert stage.kinds() == []

    play(scene, nodes=("n1", "n2", "n3"))


def test_a_quiet_cluster_costs_no_entry() -> None:
    async def scene(stage: Stage) -> None:
        for _ in range(20):
            stage.leader.heard(NodeName("n1"), stage.clock.now())
            await stage.clock.advance(1)
        assert stage.log.entries == []

    play(scene)


def test_commands_go_together_up_to_the_bound_and_in_order() -> None:
    stops = [StopTasks(tasks=tuple(map(TaskId, range(2_000))), reason=str(n)) for n in range(5)]
    assert [list(some) for some in in_entries(stops)] == [stops[:2], stops[2:4], stops[4:]]


def test_nothing_makes_no_entry() -> None:
    assert list(in_entries([])) == []


def test_an_entry_that_is_too_large_becomes_several() -> None:
    stops = [StopTasks(tasks=(), reason="x" * 1_000_000) for _ in range(10)]
    sizes = [len(entry) for entry in packed(stops, NOW)]
    assert len(sizes) == 4
    assert max(sizes) < 4 * 1024 * 1024


def test_an_entry_says_who_asks_and_when() -> None:
    opens = OpenService(service=a_service_key(), revision=1)
    (entry,) = packed([opens], NOW)
    assert decode_entry(entry) == Entry(
        command=Batch(commands=(opens,)), now=NOW, author=AUTHOR, trace=""
    )
