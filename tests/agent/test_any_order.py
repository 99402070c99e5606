"""Whatever happens in whatever order: in the end the machine has what was asked, started once."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from agent.contents import Contents
from agent.files import Files, MemoryFiles
from agent.reporter import Reporter
from agent.runtime.base import Running, RuntimeFailure
from agent.runtime.fake import FakeRuntime, FakeTimes
from agent.store import MemoryStore
from agent.worker import Worker
from orb.ids import Millis, TaskId
from orb.lifecycle import MOVES, TERMINAL, Actor, Desired, TaskState
from orb.spec import Healthcheck
from orb.work import Assignment, Report
from tests.agent.builders import an_assignment
from tests.virtual_time import LoopClock, run

SEEDS = range(60)
STEPS = 60
QUIET_SECONDS = 120
IMAGES = (
    "app", "app", "fake/slow:2", "fake/crash:3", "fake/job:1", "fake/missing", "fake/broken",
    "fake/unhealthy", "fake/stubborn", "fake/late:2",
)  # fmt: skip
CHECK = Healthcheck(test=("CMD", "ask"), interval_ms=Millis(500), timeout_ms=Millis(500), retries=2)


class Unreliable(FakeRuntime):
    """Fails now and then, and counts how often it really started a task."""

    def __init__(self, chance: Random) -> None:
        super().__init__(LoopClock(), FakeTimes(prepare_ms=70, start_ms=30, stop_ms=90))
        self.chance = chance
        self.trouble = 0.0
        self.starts: Counter[TaskId] = Counter()

    def _maybe(self) -> None:
        if self.chance.random() < self.trouble:
            raise RuntimeFailure("the engine does not answer", temporary=True)

    async def prepare(self, assignment: Assignment) -> None:
        self._maybe()
        await super().prepare(assignment)

    async def start(self, assignment: Assignment) -> Running:
        self._maybe()
        known = {seen.task for seen in await super().list()}
        self._changed.set()  # an engine tells of starts too, so a look may come amid one
        seen = await super().start(assignment)
        if assignment.task not in known:
            self.starts[assignment.task] += 1
        self._maybe()
        return seen

    async def stop(self, task: TaskId, signal: str, grace_ms: Millis) -> None:
        self._maybe()
        await super().stop(task, signal, grace_ms)

    async def remove(self, task: TaskId) -> None:
        self._maybe()
        await super().remove(task)

    async def list(self) -> Sequence[Running]:
        seen = await super().list()
        await asyncio.sleep(self.chance.choice((0, 0.02, 0.08)))  # what it says may be old by now
        self._maybe()
        return seen


class Recorder(Reporter):
    """Checks that no report goes back, over all restarts of the agent."""

    def __init__(self, states: dict[TaskId, list[TaskState]]) -> None:
        super().__init__()
        self.states = states
        self.last: dict[TaskId, Report] = {}

    def put(self, report: Report) -> None:
        self.states.setdefault(report.task, []).append(report.state)
        self.last[report.task] = report
        super().put(report)


class World:
    """A machine, its agent, and what the servers want of it."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.runtime = Unreliable(self.chance)
        self.store = MemoryStore()
        self.states: dict[TaskId, list[TaskState]] = {}
        self.wanted: dict[TaskId, Assignment] = {}
        self.made = 0
        self.ended: set[TaskId] = set()
        self.stores_lost = 0

    async def live(self) -> Recorder:
        """Happenings, restarts of the agent between them; then it is quiet."""
        for _ in range(3):
            await self._one_agent(STEPS // 3)
        self.runtime.trouble = 0.0
        return await self._one_agent(0)

    async def _one_agent(self, steps: int) -> Recorder:
        if self.chance.random() < 0.15:
            self.store = MemoryStore()
            self.stores_lost += 1
        reporter = Recorder(self.states)
        files = Files(MemoryFiles(), Contents(reporter.wake.set))
        worker = Worker(self.runtime, LoopClock(), reporter, self.store, files)
        async with asyncio.TaskGroup() as group:
            working = group.create_task(worker.run())
            await worker.recovered.wait()
            worker.take(list(self.wanted.values()))
            for _ in range(steps):
                self._happen(worker)
                await asyncio.sleep(self.chance.choice((0, 0.01, 0.1, 1)))
            if not steps:
                await asyncio.sleep(QUIET_SECONDS)
            working.cancel()
        return reporter

    def _happen(self, worker: Worker) -> None:
        task = self.chance.choice(list(self.wanted)) if self.wanted else None
        match self.chance.randrange(7):
            case 0 | 1 | 2:
                self.made += 1
                check = CHECK if self.chance.random() < 0.5 else None
                new = an_assignment(self.made, self.chance.choice(IMAGES), healthcheck=check)
                self.wanted[new.task] = new
                worker.change([new], [])
            case 3 if task is not None:
                self.wanted[task] = replace(self.wanted[task], desired=Desired.STOP)
                worker.change([self.wanted[task]], [])
            case 4 if task is not None:
                del self.wanted[task]
                worker.change([], [task])
            case 5 if task is not None:
                self.runtime.end(task, self.chance.randrange(2))
                self.ended.add(task)
            case 6:
                self.runtime.trouble = self.chance.choice((0.0, 0.0, 0.3))
            case _:
                worker.take(list(self.wanted.values()))


@pytest.mark.parametrize("seed", SEEDS)
def test_in_the_end_the_machine_has_what_was_asked(seed: int) -> None:
    async def main() -> tuple[World, Recorder, Sequence[Running]]:
        world = World(seed)
        recorder = await world.live()
        return world, recorder, await FakeRuntime.list(world.runtime)

    world, recorder, here = run(main())

    assert {seen.task for seen in here} <= set(world.wanted)
    running = {seen.task for seen in here if seen.running}
    for task, assignment in world.wanted.items():
        report = recorder.last[task]
        if assignment.desired is Desired.STOP:
            assert report.state in TERMINAL
        if report.state in TERMINAL:
            assert task not in running
        else:
            assert (report.state, task in running) == (TaskState.RUNNING, True)
        is_well = assignment.spec.container.image == "app" and task not in world.ended
        if is_well and assignment.desired is Desired.RUN:
            assert (report.state, report.message) == (TaskState.RUNNING, "")
    assert all(count == 1 for count in world.runtime.starts.values())
    if not world.stores_lost:
        moves = {move for states in world.states.values() for move in pairwise(states)}
        assert {move for move in moves if move[0] is not move[1]} <= MOVES[Actor.AGENT]
