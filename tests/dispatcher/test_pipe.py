"""A bounded way of which either end may go away first."""

import asyncio

import pytest

from controlplane.dispatcher.pipe import Pipe
from orb.errors import Unavailable
from tests.virtual_time import run


async def all_of(pipe: Pipe[int]) -> list[int]:
    return [item async for item in pipe.read()]


def test_items_come_out_as_they_went_in() -> None:
    async def story() -> list[int]:
        pipe: Pipe[int] = Pipe(2)

        async def write() -> None:
            for item in range(10):
                assert await pipe.put(item)
            pipe.end()

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            reading = group.create_task(all_of(pipe))
        return reading.result()

    assert run(story()) == list(range(10))


def test_a_writer_waits_at_the_bound() -> None:
    async def story() -> int:
        pipe: Pipe[int] = Pipe(3)
        written: list[int] = []

        async def write() -> None:
            for item in range(10):
                await pipe.put(item)
                written.append(item)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(write(), 60)
        return len(written)

    assert run(story()) == 3


def test_a_writer_learns_that_nobody_reads_any_more() -> None:
    async def story() -> bool:
        pipe: Pipe[int] = Pipe(1)
        await pipe.put(1)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(pipe.put(2))
            await asyncio.sleep(1)
            pipe.leave()
        return waiting.result()

    assert run(story()) is False


def test_a_reader_gets_what_waits_and_then_the_error() -> None:
    async def story() -> list[int]:
        pipe: Pipe[int] = Pipe(5)
        await pipe.put(1)
        await pipe.put(2)
        pipe.end(Unavailable("lost"))
        pipe.end()  # the first end counts
        read: list[int] = []

        async def read_all() -> None:
            async for item in pipe.read():
                read.append(item)  # noqa: PERF401 - what was read before the error counts

        with pytest.raises(Unavailable, match="lost"):
            await read_all()
        assert await pipe.put(3) is False
        return read

    assert run(story()) == [1, 2]
