import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count, pairwise

import pytest

from agent.contents import Contents
from agent.files import Files, MemoryFiles
from agent.reporter import Reporter
from agent.runtime.base import Running, RuntimeFailure
from agent.runtime.fake import FakeRuntime, FakeTimes
from agent.store import Kept, MemoryStore
from agent.worker import Worker
from orb.contents import FileKind, digest_of
from orb.ids import Millis, TaskId
from orb.lifecycle import MOVES, TERMINAL, Actor, Desired, TaskState
from orb.spec import ContainerSpec, Healthcheck, Port, TaskSpec
from orb.work import Assignment, Report
from tests.agent.builders import an_assignment
from tests.factories import a_grant, a_task_spec, a_volume
from tests.virtual_time import EPOCH_MS, LoopClock, run

S = TaskState
CHECK = Healthcheck(
    test=("CMD", "ask"), interval_ms=Millis(1_000), timeout_ms=Millis(500), retries=3
)


class Recorder(Reporter):
    """Remembers every report, also those that a newer one replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[int, list[Report]] = {}

    def put(self, report: Report) -> None:
        known = self.history.setdefault(report.task, [])
        if not known or known[-1] != report:
            known.append(report)
        super().put(report)

    def states(self, task: int) -> list[TaskState]:
        states = [report.state for report in self.history.get(task, [])]
        return [state for at, state in enumerate(states) if at == 0 or states[at - 1] != state]

    def last(self, task: int) -> Report:
        return self.history[task][-1]


class Bench:
    """A worker with all its fakes."""

    def __init__(
        self, runtime: FakeRuntime | None = None, store: MemoryStore | None = None
    ) -> None:
        self.clock = LoopClock()
        self.runtime = runtime or FakeRuntime(self.clock, FakeTimes(stop_ms=300))
        self.store = store or MemoryStore()
        self.reporter = Recorder()
        self.contents = Contents(self.reporter.wake.set)
        self.files = MemoryFiles()
        self.worker = Worker(
            self.runtime, self.clock, self.reporter, self.store, Files(self.files, self.contents)
        )

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Worker]:
        async with asyncio.TaskGroup() as group:
            working = group.create_task(self.worker.run())
            await self.worker.recovered.wait()
            yield self.worker
            working.cancel()

    async def here(self) -> list[tuple[int, bool]]:
        return [(running.task, running.running) for running in await self.runtime.list()]


def with_bench(story: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        await story(Bench())

    run(main())


def stopped(assignment: Assignment) -> Assignment:
    return replace(assignment, desired=Desired.STOP)


def test_an_assigned_task_runs_and_is_ready() -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            worker.take([an_assignment(1)])
            await asyncio.sleep(1)

            assert bench.reporter.states(1) == [S.ASSIGNED, S.PREPARING, S.STARTING, S.RUNNING]
            assert bench.reporter.last(1) == Report(
                task=TaskId(1),
                state=S.RUNNING,
                ready=True,
                container_id="fake-1",
                image_id="app:v1",
                started_at=Millis(EPOCH_MS),
            )

    with_bench(story)


def test_a_task_told_to_stop_gets_its_signal_and_is_kept_until_nobody_wants_it() -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            worker.take([an_assignment(1)])
            await asyncio.sleep(1)
            worker.change([stopped(an_assignment(1))], [])
            await asyncio.sleep(1)

            assert bench.reporter.states(1)[-2:] == [S.STOPPING, S.STOPPED]
            assert bench.reporter.last(1).message == ""
            assert await bench.here() == [(1, False)]

            worker.change([], [TaskId(1)])
            await asyncio.sleep(1)
            assert (await bench.here(), worker.count, list(bench.store.load())) == ([], 0, [])

    with_bench(story)


def test_what_replaces_a_task_with_data_waits_until_that_has_left_the_volumes() -> None:
    async def story(bench: Bench) -> None:
        spec = a_task_spec(image="fake/stubborn", mounts=(a_volume(),))
        old = an_assignment(1, spec=spec)
        new = replace(an_assignment(2, spec=spec), replica=old.replica)
        async with bench.working() as worker:
            worker.take([old])
            await asyncio.sleep(1)
            worker.take([new])
            await asyncio.sleep(9)
            assert await bench.here() == [(1, True)]
            assert bench.reporter.last(2).state is S.PREPARING
            assert bench.reporter.last(2).message.startswith("waits until the last task")
            await asyncio.sleep(3)
            assert await bench.here() == [(2, True)]

    with_bench(story)


def test_a_task_that_ignores_its_signal_is_killed_after_its_grace_period() -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            worker.take([an_assignment(1, "fake/stubborn")])
            await asyncio.sleep(1)
            worker.change([stopped(an_assignment(1, "fake/stubborn"))], [])
            await asyncio.sleep(9)
            assert bench.reporter.last(1).state is S.STOPPING
            await asyncio.sleep(2)
            last = bench.reporter.last(1)
            assert (last.state, last.exit_code) == (S.STOPPED, 137)

    with_bench(story)


@pytest.mark.parametrize(
    ("image", "state", "message", "exit_code"),
    [
        ("fake/crash:2", S.FAILED, "exited with 1", 1),
        ("fake/job:2", S.STOPPED, "", 0),
        ("fake/broken", S.FAILED, "the image fake/broken cannot be started", None),
    ],
)
def test_an_end_is_reported_with_its_cause(
    image: str, state: TaskState, message: str, exit_code: int | None
) -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            worker.take([an_assignment(1, image)])
            await asyncio.sleep(3)
            last = bench.reporter.last(1)
            assert (last.state, last.message, last.exit_code, last.ready) == (
                state, message, exit_code, False,
            )  # fmt: skip

    with_bench(story)


def test_an_image_that_cannot_be_had_is_said_to_be_the_cause() -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            worker.take([an_assignment(1, "fake/missing")])
            await asyncio.sleep(1)
            assert bench.reporter.last(1) == Report(
                task=TaskId(1),
                state=S.FAILED,
                message="the image fake/missing does not exist",
                image_missing=True,
            )

    with_bench(story)


def test_a_long_preparation_is_dropped_when_the_task_is_told_to_stop() -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            worker.take([an_assignment(1, "fake/slow:3600")])
            await asyncio.sleep(1)
            assert bench.reporter.last(1).message == "makes the image fake/slow:3600 ready"
            worker.change([stopped(an_assignment(1, "fake/slow:3600"))], [])
            await asyncio.sleep(1)
            assert bench.reporter.last(1).state is S.STOPPED
            assert await bench.here() == []

    with_bench(story)


def test_a_container_that_somebody_removes_is_reported_as_failed() -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            worker.take([an_assignment(1)])
            await asyncio.sleep(1)
            bench.runtime.vanish(TaskId(1))
            await asyncio.sleep(1)
            last = bench.reporter.last(1)
            assert (last.state, last.message) == (
                S.FAILED,
                "its container vanished: somebody removed it",
            )

    with_bench(story)


def test_a_task_is_ready_once_it_answers_well() -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            worker.take([an_assignment(1, "fake/late:5", ports=(Port(target=80),))])
            await asyncio.sleep(4)
            last = bench.reporter.last(1)
            assert (last.state, last.ready, last.message) == (
                S.RUNNING, False, "TCP 80: the fake says no",
            )  # fmt: skip
            await asyncio.sleep(3)
            last = bench.reporter.last(1)
            assert (last.state, last.ready, last.message) == (S.RUNNING, True, "")

    with_bench(story)


class RemarkingRuntime(FakeRuntime):
    """Cannot give its tasks all that they ask for."""

    async def start(self, assignment: Assignment) -> Running:
        return replace(await super().start(assignment), remark="it runs without hostname")

    async def list(self) -> Sequence[Running]:
        found = await super().list()
        return [replace(running, remark="it runs without hostname") for running in found]


def test_what_a_task_lacks_is_said_whatever_its_health_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        bench = Bench(RemarkingRuntime(LoopClock(), FakeTimes()))
        async with bench.working() as worker:
            worker.take(
                [an_assignment(1, "fake/late:5", ports=(Port(target=80),)), an_assignment(2)]
            )
            await asyncio.sleep(4)
            lacks = "it runs without hostname"
            assert bench.reporter.last(1).message == f"TCP 80: the fake says no; {lacks}"
            await asyncio.sleep(3)
            assert [bench.reporter.last(task).message for task in (1, 2)] == [lacks, lacks]

    run(story())
    told = [record for record in caplog.records if "as declared" in record.getMessage()]
    assert len(told) == 2, "once for each task"


def test_an_unhealthy_task_is_stopped_and_reported_as_failed() -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            worker.take([an_assignment(1, "fake/unhealthy", healthcheck=CHECK)])
            await asyncio.sleep(2.9)
            assert bench.reporter.last(1).state is S.RUNNING
            await asyncio.sleep(3)
            last = bench.reporter.last(1)
            assert (last.state, last.message, last.exit_code) == (
                S.FAILED, "unhealthy: CMD ask: the fake says no", 143,
            )  # fmt: skip
            assert bench.reporter.states(1)[-2:] == [S.STOPPING, S.FAILED]

    with_bench(story)


def test_a_task_that_never_answers_the_question_nobody_asked_for_is_left_alone() -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            worker.take([an_assignment(1, "fake/unhealthy", ports=(Port(target=80),))])
            await asyncio.sleep(3_600)
            last = bench.reporter.last(1)
            assert (last.state, last.ready) == (S.RUNNING, False)

    with_bench(story)


def test_what_is_ours_but_unknown_to_the_servers_is_removed() -> None:
    async def story(bench: Bench) -> None:
        await bench.runtime.start(an_assignment(9))
        async with bench.working() as worker:
            await asyncio.sleep(30)
            assert await bench.here() == [(9, True)]
            worker.take([])
            await asyncio.sleep(1)
            assert await bench.here() == []

    with_bench(story)


def test_an_agent_that_lost_its_store_takes_over_what_is_assigned_to_it() -> None:
    async def story(bench: Bench) -> None:
        await bench.runtime.start(an_assignment(9))
        await asyncio.sleep(60)
        async with bench.working() as worker:
            worker.take([an_assignment(9)])
            await asyncio.sleep(1)
            last = bench.reporter.last(9)
            assert (last.state, last.started_at) == (S.RUNNING, EPOCH_MS)
            assert bench.reporter.states(9) == [S.ASSIGNED, S.RUNNING]

    with_bench(story)


def test_a_new_agent_takes_over_without_touching_anything() -> None:
    async def main() -> None:
        first = Bench()
        assignments = [
            an_assignment(1, healthcheck=CHECK),
            an_assignment(2, "fake/crash:100"),
            an_assignment(3, "fake/missing"),
        ]
        async with first.working() as worker:
            worker.take(assignments)
            await asyncio.sleep(1)
        before = await first.runtime.list()
        await asyncio.sleep(200)

        second = Bench(first.runtime, first.store)
        async with second.working() as worker:
            await asyncio.sleep(0.05)
            assert [running for running in await first.runtime.list() if running.running] == [
                running for running in before if running.task == 1
            ]
            assert second.reporter.history[1] == [first.reporter.last(1)]
            assert second.reporter.states(2) == [S.RUNNING, S.FAILED]
            assert second.reporter.history[3] == [first.reporter.last(3)]
            worker.take(assignments)
            await asyncio.sleep(1)
            assert second.reporter.last(1).ready
            assert worker.count == 3

    run(main())


def test_an_agent_that_ended_while_a_condemned_task_stopped_still_knows_why() -> None:
    async def main() -> None:
        first = Bench(FakeRuntime(LoopClock(), FakeTimes(stop_ms=60_000)))
        assignment = an_assignment(1, "fake/unhealthy", healthcheck=CHECK)
        async with first.working() as worker:
            worker.take([assignment])
            await asyncio.sleep(10)
            assert first.reporter.last(1).state is S.STOPPING
        first.runtime.end(TaskId(1), 143)

        second = Bench(first.runtime, first.store)
        async with second.working():
            await asyncio.sleep(1)
            last = second.reporter.last(1)
            assert (last.state, last.message) == (S.FAILED, "unhealthy: CMD ask: the fake says no")

    run(main())


def test_what_was_reported_as_ended_does_not_run_on() -> None:
    async def main() -> None:
        bench = Bench()
        await bench.runtime.start(an_assignment(1))
        ended = Report(task=TaskId(1), state=S.FAILED, message="it was given up")
        bench.store.keep(Kept(an_assignment(1), ended))
        async with bench.working():
            await asyncio.sleep(1)
            assert await bench.here() == [(1, False)]
            assert bench.reporter.history[1] == [ended]

    run(main())


class Hiccups(FakeRuntime):
    """Its *n*-th call fails; 0 for none."""

    def __init__(self, clock: LoopClock, failing: int, *, temporary: bool) -> None:
        super().__init__(clock, FakeTimes(prepare_ms=50, start_ms=50, stop_ms=50))
        self.failing = failing
        self.temporary = temporary
        self.calls = 0
        self.failed = ""

    def _call(self, verb: str) -> None:
        self.calls += 1
        if self.calls == self.failing:
            self.failed = verb
            raise RuntimeFailure(f"{verb} failed", temporary=self.temporary)

    async def prepare(self, assignment: Assignment) -> None:
        self._call("prepare")
        await super().prepare(assignment)

    async def start(self, assignment: Assignment) -> Running:
        self._call("start")
        return await super().start(assignment)

    async def stop(self, task: TaskId, signal: str, grace_ms: Millis) -> None:
        self._call("stop")
        await super().stop(task, signal, grace_ms)

    async def remove(self, task: TaskId) -> None:
        self._call("remove")
        await super().remove(task)

    async def list(self) -> Sequence[Running]:
        self._call("list")
        return await super().list()

    async def probe(
        self, task: TaskId, test: Sequence[str], timeout_ms: Millis
    ) -> tuple[bool, str]:
        self._call("probe")
        return await super().probe(task, test, timeout_ms)


@pytest.mark.parametrize("temporary", [True, False])
def test_whichever_call_of_the_runtime_fails_the_end_is_a_legal_one(*, temporary: bool) -> None:
    def life(failing: int) -> str:
        """A task comes, runs and goes; what failed on the way."""

        async def main() -> str:
            runtime = Hiccups(LoopClock(), failing, temporary=temporary)
            bench = Bench(runtime)
            assignment = an_assignment(1, healthcheck=CHECK)
            async with bench.working() as worker:
                worker.take([assignment])
                await asyncio.sleep(20)
                if temporary:
                    assert bench.reporter.last(1).state is S.RUNNING
                    assert bench.reporter.last(1).ready
                worker.change([stopped(assignment)], [])
                await asyncio.sleep(20)
                assert bench.reporter.last(1).state in TERMINAL
                worker.change([], [TaskId(1)])
                await asyncio.sleep(20)
                assert (await FakeRuntime.list(runtime), worker.count) == ([], 0)
            states = bench.reporter.states(1)
            moves = set(pairwise(states))
            assert moves <= MOVES[Actor.AGENT]
            return runtime.failed

        return run(main())

    failed = []
    for number in count(1):
        verb = life(number)
        if not verb or number > 200:
            break
        failed.append(verb)

    assert {"prepare", "start", "stop", "remove", "list", "probe"} == set(failed)


def with_secret(number: int = 1, image: str = "app:v1") -> Assignment:
    grant = a_grant("pass", b"s3cret", kind=FileKind.SECRET)
    return an_assignment(
        number, spec=TaskSpec(container=ContainerSpec(image=image, files=(grant,)))
    )


def test_a_task_starts_once_its_files_are_there_and_they_go_with_it() -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            worker.take([with_secret()])
            await asyncio.sleep(1)
            assert bench.reporter.last(1).state is S.PREPARING
            assert (
                bench.reporter.last(1).message == "waits for its configs and secrets from a server"
            )
            assert bench.contents.questions() == [digest_of(b"s3cret")]
            assert await bench.here() == []
            bench.contents.take([b"s3cret"])
            await asyncio.sleep(1)
            assert bench.reporter.last(1).ready
            assert bench.files.kept == {TaskId(1): {digest_of(b"s3cret"): b"s3cret"}}
            worker.change([stopped(with_secret())], [])
            await asyncio.sleep(1)
            assert bench.reporter.last(1).state is S.STOPPED
            assert list(bench.files.kept) == [1], "its container may just be restarted by hand"
            await asyncio.sleep(20)
            assert bench.files.kept == {}

    with_bench(story)


def test_the_files_of_a_task_that_could_not_be_started_are_swept_out() -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            broken = with_secret(image="fake/broken")
            worker.take([broken])
            await asyncio.sleep(1)
            bench.contents.take([b"s3cret"])
            await asyncio.sleep(21)
            assert bench.reporter.last(1).state is S.FAILED
            assert bench.files.kept == {}

    with_bench(story)


def test_a_task_that_waits_for_its_files_can_be_told_to_stop() -> None:
    async def story(bench: Bench) -> None:
        async with bench.working() as worker:
            worker.take([with_secret()])
            await asyncio.sleep(1)
            worker.change([stopped(with_secret())], [])
            await asyncio.sleep(1)
            assert bench.reporter.last(1).state is S.STOPPED
            assert bench.contents.questions() == []

    with_bench(story)


def test_a_running_task_needs_no_content_after_a_restart_of_the_agent() -> None:
    async def main() -> None:
        bench = Bench()
        async with bench.working() as worker:
            worker.take([with_secret()])
            await asyncio.sleep(1)
            bench.contents.take([b"s3cret"])
            await asyncio.sleep(1)
        again = Bench(bench.runtime, bench.store)
        async with again.working() as worker:
            worker.take([with_secret()])
            await asyncio.sleep(1)
            assert again.reporter.last(1).ready
            assert again.contents.questions() == []

    run(main())


def test_files_of_tasks_that_nobody_knows_are_swept_out() -> None:
    async def story(bench: Bench) -> None:
        await bench.files.put(with_secret(9), {digest_of(b"s3cret"): b"s3cret"})
        async with bench.working() as worker:
            await asyncio.sleep(11)
            assert list(bench.files.kept) == [9], "before a server has spoken nothing is unknown"
            worker.take([])
            await asyncio.sleep(1)
            assert bench.files.kept == {}

    with_bench(story)
