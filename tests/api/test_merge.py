"""Lines of several tasks come out in the order of time."""

import asyncio

from controlplane.api.merge import LATENESS_S, LINES_WAITING_MAX, Merge, Source
from orb.cluster import LogLine
from orb.ids import Millis
from tests.virtual_time import LoopClock, run


def a_line(at: int, replica: str = "web/1") -> LogLine:
    return LogLine(
        replica=replica, task="1", node="n1", time=Millis(at), stream="stdout", text=f"{at}"
    )


async def feed(source: Source, *times: int, pause: float = 0) -> None:
    for at in times:
        await source.put(a_line(at))
        await asyncio.sleep(pause)
    source.end()


async def times_of(merge: Merge) -> list[int]:
    return [line.time async for line in merge.lines()]


def test_without_following_the_order_is_exact_however_slow_a_source_is() -> None:
    async def story() -> list[int]:
        merge = Merge(LoopClock(), follow=False)
        quick, slow, empty = merge.source(), merge.source(), merge.source()
        merge.finish()
        async with asyncio.TaskGroup() as group:
            group.create_task(feed(quick, 2, 4, 6))
            group.create_task(feed(slow, 1, 3, 7, pause=10))
            group.create_task(feed(empty))
            reading = group.create_task(times_of(merge))
        return reading.result()

    assert run(story()) == [1, 2, 3, 4, 6, 7]


def test_while_following_a_silent_source_holds_up_nobody_for_long() -> None:
    async def story() -> tuple[float, int]:
        merge = Merge(LoopClock(), follow=True)
        source, _silent = merge.source(), merge.source()
        await source.put(a_line(5))
        line = await anext(merge.lines())
        return asyncio.get_running_loop().time(), line.time

    assert run(story()) == (LATENESS_S, 5)


def test_lines_that_arrive_together_are_put_in_order_while_following() -> None:
    async def story() -> list[int]:
        merge = Merge(LoopClock(), follow=True)
        first, second = merge.source(), merge.source()
        merge.finish()
        async with asyncio.TaskGroup() as group:
            group.create_task(feed(first, 10, 30))
            group.create_task(feed(second, 20, 25))
            reading = group.create_task(times_of(merge))
        return reading.result()

    assert run(story()) == [10, 20, 25, 30]


def test_a_source_that_runs_ahead_waits_at_the_bound() -> None:
    async def story() -> int:
        merge = Merge(LoopClock(), follow=False)
        source, _silent = merge.source(), merge.source()
        writing = asyncio.ensure_future(feed(source, *range(3 * LINES_WAITING_MAX)))
        await asyncio.sleep(1)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        return len(source.lines)

    assert run(story()) == LINES_WAITING_MAX
