"""The parts of an agent together: what it says of a runtime that does not answer."""

import asyncio
from dataclasses import replace
from itertools import pairwise

from agent.agent import FACTS_EVERY_MS, FACTS_RETRY_MS, _Machine
from agent.runtime.base import RuntimeFailure
from orb.work import NodeFacts, Usage
from tests.factories import some_facts
from tests.virtual_time import LoopClock, run


class Meter:
    def read(self, tasks: int) -> Usage:
        return Usage(tasks=tasks)


class Facts:
    trouble = ""

    async def read(self) -> NodeFacts:
        if self.trouble:
            raise RuntimeFailure(self.trouble, temporary=True)
        return some_facts()


def test_a_runtime_that_does_not_answer_is_told_until_it_answers_again() -> None:
    async def story() -> None:
        source = Facts()
        machine = _Machine(source, Meter(), LoopClock())
        await machine.read()
        refreshing = asyncio.ensure_future(machine.refresh())
        source.trouble = "the engine does not answer"
        await asyncio.sleep(FACTS_EVERY_MS / 1000 + 1)
        assert machine.usage(2) == Usage(tasks=2, trouble="the engine does not answer")
        source.trouble = ""
        await asyncio.sleep(FACTS_RETRY_MS / 1000 + 1)
        assert machine.usage(2) == Usage(tasks=2)
        refreshing.cancel()

    run(story())


def test_the_servers_hear_of_a_flapping_runtime_at_most_once_in_ten_seconds() -> None:
    async def story() -> None:
        source, seen = Facts(), []
        machine = _Machine(source, Meter(), LoopClock())
        await machine.read()
        refreshing = asyncio.ensure_future(machine.refresh())
        for second in range(120):
            source.trouble = f"no answer, {second}" if second < 60 and second % 7 < 5 else ""
            await asyncio.sleep(1)
            if not seen or machine.facts != seen[-1][1]:
                seen.append((second, machine.facts))
        refreshing.cancel()
        assert len(seen) > 2
        gaps = [later - sooner for (sooner, _), (later, _) in pairwise(seen[1:])]
        assert min(gaps) >= FACTS_EVERY_MS / 1000 - 1
        assert machine.facts == some_facts()

    run(story())


def test_the_facts_tell_of_a_silent_runtime_and_of_its_return() -> None:
    async def story() -> None:
        source = Facts()
        machine = _Machine(source, Meter(), LoopClock())
        await machine.read()
        refreshing = asyncio.ensure_future(machine.refresh())
        source.trouble = "the engine does not answer"
        await asyncio.sleep(FACTS_EVERY_MS / 1000 + 1)
        assert machine.facts == replace(some_facts(), trouble="the engine does not answer")
        source.trouble = ""
        await asyncio.sleep(2 * FACTS_EVERY_MS / 1000 + 1)
        assert machine.facts == some_facts()
        refreshing.cancel()

    run(story())
