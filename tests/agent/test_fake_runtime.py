import asyncio
from pathlib import Path

import pytest

from agent.runtime.base import OutputLine, RuntimeFailure
from agent.runtime.fake import Act, FakeRuntime, FakeTimes, script
from orb.ids import Millis, TaskId
from orb.spec import Port
from tests.agent.builders import an_assignment
from tests.virtual_time import EPOCH_MS, LoopClock, run

TASK = TaskId(1)


def test_an_image_is_a_script() -> None:
    images = ("nginx", "fake/crash:7", "fake/slow", "fake/whatever:2", "fake/late:x")

    assert [script(image) for image in images] == [
        (None, 0), (Act.CRASH, 7), (Act.SLOW, 1), (None, 2), (Act.LATE, 1),
    ]  # fmt: skip


def test_pretended_work_takes_its_time() -> None:
    async def main() -> None:
        runtime = FakeRuntime(LoopClock(), FakeTimes(prepare_ms=100, start_ms=20, stop_ms=3))
        loop = asyncio.get_running_loop()
        await runtime.prepare(an_assignment())
        assert loop.time() == pytest.approx(0.1)
        await runtime.start(an_assignment())
        assert loop.time() == pytest.approx(0.12)
        await runtime.stop(TASK, "SIGTERM", Millis(1_000))
        assert loop.time() == pytest.approx(0.123)

    run(main())


def test_a_task_starts_once() -> None:
    async def main() -> None:
        runtime = FakeRuntime(LoopClock())
        first = await runtime.start(an_assignment(1, ports=(Port(target=80),)))
        assert await runtime.start(an_assignment(1, ports=(Port(target=80),))) == first
        assert [port.container for port in first.ports] == [80]

    run(main())


def test_whoever_waits_for_changes_is_told_of_a_crash() -> None:
    async def main() -> None:
        runtime = FakeRuntime(LoopClock())
        await runtime.start(an_assignment(1, "fake/crash:9"))
        async for _ in runtime.changes():
            break
        (seen,) = await runtime.list()
        assert (seen.running, seen.exit_code, seen.finished_at) == (False, 1, EPOCH_MS + 9_000)

    run(main())


def test_with_a_folder_tasks_outlive_it(tmp_path: Path) -> None:
    async def main() -> None:
        first = FakeRuntime(LoopClock(), directory=tmp_path)
        await first.start(an_assignment(1, "fake/unhealthy"))
        await first.start(an_assignment(2))
        await first.stop(TaskId(2), "SIGTERM", Millis(0))
        second = FakeRuntime(LoopClock(), directory=tmp_path)
        assert await second.list() == await first.list()
        assert (await second.probe(TASK, ("TCP", "80"), Millis(0)))[0] is False
        await second.remove(TASK)
        assert [
            seen.task for seen in await FakeRuntime(LoopClock(), directory=tmp_path).list()
        ] == [2]

    run(main())


def test_its_output_has_an_order_a_tail_and_an_end() -> None:
    async def main() -> None:
        runtime = FakeRuntime(LoopClock())
        await runtime.start(an_assignment(1, "fake/job:2"))
        followed = [line async for line in runtime.logs(TASK, tail=None, since=None, follow=True)]
        assert followed == [
            OutputLine(Millis(EPOCH_MS), "stdout", "web/1 started from fake/job:2"),
            OutputLine(Millis(EPOCH_MS + 2_000), "stdout", "exited with 0"),
        ]
        for tail, since, lines in (
            (1, None, followed[1:]),
            (0, None, []),
            (None, EPOCH_MS + 1, followed[1:]),
        ):
            logs = runtime.logs(
                TASK, tail=tail, since=None if since is None else Millis(since), follow=False
            )
            assert [line async for line in logs] == lines

    run(main())


def test_nothing_can_be_run_in_what_does_not_run() -> None:
    async def main() -> None:
        runtime = FakeRuntime(LoopClock())
        with pytest.raises(RuntimeFailure, match="does not run"):
            await runtime.execute(TASK, ("ls",), tty=False, stdin=False)
        await runtime.stop(TASK, "SIGTERM", Millis(0))
        await runtime.remove(TASK)

    run(main())
