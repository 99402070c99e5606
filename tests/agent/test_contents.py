"""Contents on their way: asked for once a session, handed to who waits, and kept no longer."""

import asyncio
from collections.abc import Awaitable, Callable

from agent.contents import ASK_AGAIN_SECONDS, DIGESTS_PER_MESSAGE_MAX, Contents
from orb.contents import digest_of
from tests.virtual_time import run

ONE, TWO = digest_of(b"one"), digest_of(b"two")


class Bench:
    """The contents of an agent, those who wait for some, and how often the session was woken."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self.rung = 0
        self.contents = Contents(self._ring)

    def _ring(self) -> None:
        self.rung += 1

    async def wait_for(self, *digests: str) -> "asyncio.Task[dict[str, bytes]]":
        async def fetch() -> dict[str, bytes]:
            return dict(await self.contents.fetch(digests))

        task = self._group.create_task(fetch())
        await asyncio.sleep(0)
        return task


def with_bench(story: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            await story(Bench(group))

    run(main())


def test_what_two_tasks_wait_for_is_asked_for_once_and_handed_to_both() -> None:
    async def story(bench: Bench) -> None:
        first = await bench.wait_for(ONE)
        second = await bench.wait_for(ONE, TWO)
        assert bench.rung == 2
        assert sorted(bench.contents.questions()) == sorted([ONE, TWO])
        assert bench.contents.questions() == []
        bench.contents.take([b"one"])
        assert await first == {ONE: b"one"}
        assert not second.done()
        bench.contents.take([b"two", b"nobody wants this"])
        assert await second == {ONE: b"one", TWO: b"two"}

    with_bench(story)


def test_a_later_task_asks_again_because_nothing_is_kept() -> None:
    async def story(bench: Bench) -> None:
        for _ in range(2):
            fetch = await bench.wait_for(ONE)
            assert bench.contents.questions() == [ONE]
            bench.contents.take([b"one"])
            assert await fetch == {ONE: b"one"}
            assert bench.contents.questions() == []

    with_bench(story)


def test_a_new_session_asks_anew_and_so_does_who_waited_too_long() -> None:
    async def story(bench: Bench) -> None:
        fetch = await bench.wait_for(ONE)
        assert bench.contents.questions() == [ONE]
        bench.contents.restart()
        assert bench.contents.questions() == [ONE]
        await asyncio.sleep(ASK_AGAIN_SECONDS + 0.1)
        assert bench.contents.questions() == [ONE]
        assert bench.rung == 3
        fetch.cancel()
        await asyncio.sleep(0)
        bench.contents.restart()
        assert bench.contents.questions() == []

    with_bench(story)


def test_what_is_not_what_its_digest_says_is_for_nobody() -> None:
    async def story(bench: Bench) -> None:
        fetch = await bench.wait_for(ONE)
        bench.contents.take([b"other"])
        await asyncio.sleep(0)
        assert not fetch.done()
        fetch.cancel()

    with_bench(story)


def test_many_questions_come_in_several_messages() -> None:
    async def story(bench: Bench) -> None:
        digests = [digest_of(str(number).encode()) for number in range(1_500)]
        fetch = await bench.wait_for(*digests)
        first, second = bench.contents.questions(), bench.contents.questions()
        assert (len(first), len(second)) == (DIGESTS_PER_MESSAGE_MAX, 500)
        assert {*first, *second} == set(digests)
        fetch.cancel()

    with_bench(story)
