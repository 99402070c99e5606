"""What agents say is gathered into few entries."""

import asyncio
from collections.abc import Sequence

from controlplane.dispatcher import collector
from controlplane.dispatcher.checks import FACTS_BYTES_MAX
from controlplane.dispatcher.collector import (
    ENTRY_BYTES_AIM,
    REPORTS_PER_ENTRY_MAX,
    REPORTS_WAITING_MAX,
    Collector,
)
from controlplane.state import codec
from controlplane.state.commands import (
    Answer,
    Applied,
    Batch,
    Command,
    Entry,
    RegisterNode,
    ReportTasks,
    Single,
)
from orb.errors import NotLeader, OrbError, TooLarge, Unknown
from orb.ids import NodeName
from orb.lifecycle import TaskState
from tests.factories import NOW, a_report, some_facts
from tests.virtual_time import LoopClock, run

N1, N2 = NodeName("n1"), NodeName("n2")


class Proposer:
    """Takes a second for each entry; fails with the errors that it is given first."""

    def __init__(self, errors: Sequence[OrbError] = ()) -> None:
        self.entries: list[tuple[Single, ...]] = []
        self.under_way = 0
        self.most_under_way = 0
        self._errors = list(errors)

    async def propose(self, command: Command, *, author: str) -> Answer:
        assert author == collector.AUTHOR
        assert isinstance(command, Batch)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(1)
        self.under_way -= 1
        if self._errors:
            raise self._errors.pop(0)
        self.entries.append(command.commands)
        return Applied(parts=())


async def for_a_while(gathered: Collector, seconds: float) -> None:
    running = asyncio.ensure_future(gathered.run())
    await asyncio.sleep(seconds)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_what_comes_while_entries_are_under_way_goes_into_one_entry() -> None:
    async def story() -> list[tuple[Single, ...]]:
        proposer = Proposer()
        gathered = Collector(proposer, LoopClock())

        async def agents() -> None:
            for number in range(10):
                await gathered.report(N1, [a_report(number)])
                await asyncio.sleep(0.05)
            gathered.register(some_facts("n2"))
            await gathered.report(N2, [a_report(100)])

        async with asyncio.TaskGroup() as group:
            group.create_task(for_a_while(gathered, 60))
            group.create_task(agents())
        return proposer.entries

    first, second = run(story())
    assert first == (ReportTasks(node=N1, reports=(a_report(0),)),)
    assert second == (
        RegisterNode(facts=some_facts("n2")),
        ReportTasks(node=N1, reports=tuple(a_report(number) for number in range(1, 10))),
        ReportTasks(node=N2, reports=(a_report(100),)),
    )


def test_only_the_newest_report_of_a_task_waits() -> None:
    async def story() -> list[tuple[Single, ...]]:
        proposer = Proposer()
        gathered = Collector(proposer, LoopClock())
        for state in (TaskState.PREPARING, TaskState.STARTING, TaskState.RUNNING):
            await gathered.report(N1, [a_report(1, state)])
        await for_a_while(gathered, 10)
        return proposer.entries

    assert run(story()) == [(ReportTasks(node=N1, reports=(a_report(1, TaskState.RUNNING),)),)]


def test_an_entry_has_a_bound_and_only_one_is_under_way() -> None:
    async def story() -> Proposer:
        proposer = Proposer()
        gathered = Collector(proposer, LoopClock())
        count = 5 * REPORTS_PER_ENTRY_MAX
        await gathered.report(N1, [a_report(number) for number in range(count)])
        await for_a_while(gathered, 60)
        return proposer

    proposer = run(story())
    sizes = [len(one.reports) for (one,) in proposer.entries if isinstance(one, ReportTasks)]
    assert sizes == [REPORTS_PER_ENTRY_MAX] * 5
    assert proposer.most_under_way == 1


def test_at_the_bound_sessions_wait() -> None:
    async def story() -> float:
        gathered = Collector(Proposer(), LoopClock())
        many = [a_report(number) for number in range(REPORTS_WAITING_MAX)]
        await gathered.report(N1, many)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(gathered.report(N2, [a_report(1)]))
            await asyncio.sleep(5)
            assert not waiting.done()
            await for_a_while(gathered, 2)
        return asyncio.get_running_loop().time()

    assert run(story()) == 7


def test_what_could_not_be_agreed_on_is_proposed_again_unless_something_newer_came() -> None:
    async def story() -> list[tuple[Single, ...]]:
        proposer = Proposer([Unknown("no answer")])
        gathered = Collector(proposer, LoopClock())
        await gathered.report(N1, [a_report(1, TaskState.STARTING), a_report(2)])
        gathered.register(some_facts("n1"))
        async with asyncio.TaskGroup() as group:
            group.create_task(for_a_while(gathered, 60))
            await asyncio.sleep(0.5)
            await gathered.report(N1, [a_report(1, TaskState.RUNNING)])
        return proposer.entries

    entries = run(story())
    told = [command for entry in entries for command in entry]
    assert told == [
        RegisterNode(facts=some_facts("n1")),
        ReportTasks(node=N1, reports=(a_report(1, TaskState.RUNNING), a_report(2))),
    ]


def test_a_server_that_leads_no_more_forgets_what_it_was_told() -> None:
    async def story() -> list[tuple[Single, ...]]:
        proposer = Proposer([NotLeader("s2")])
        gathered = Collector(proposer, LoopClock())
        await gathered.report(N1, [a_report(1)])
        await for_a_while(gathered, 60)
        return proposer.entries

    assert run(story()) == []


def test_an_entry_is_never_too_large_for_the_log() -> None:
    async def story() -> list[tuple[Single, ...]]:
        proposer = Proposer()
        gathered = Collector(proposer, LoopClock())
        labels = {f"label-{number}": "x" * 40 for number in range(200)}
        for number in range(60):
            gathered.register(some_facts(f"n{number}", labels=labels))
        huge = [a_report(number, message="\N{GRINNING FACE}" * 1_000) for number in range(1_000)]
        await gathered.report(N1, huge)
        await for_a_while(gathered, 60)
        return proposer.entries

    entries = run(story())
    sizes = [
        len(codec.encode_entry(Entry(command=Batch(commands=commands), now=NOW)))
        for commands in entries
    ]
    assert max(sizes) <= ENTRY_BYTES_AIM + FACTS_BYTES_MAX
    told = [command for commands in entries for command in commands]
    assert sum(len(one.reports) for one in told if isinstance(one, ReportTasks)) == 1_000
    assert sum(isinstance(one, RegisterNode) for one in told) == 60


def test_what_can_never_be_agreed_on_is_dropped_and_told() -> None:
    async def story() -> list[tuple[Single, ...]]:
        proposer = Proposer([TooLarge("too large")])
        gathered = Collector(proposer, LoopClock())
        await gathered.report(N1, [a_report(1)])
        async with asyncio.TaskGroup() as group:
            group.create_task(for_a_while(gathered, 60))
            await asyncio.sleep(5)
            await gathered.report(N1, [a_report(2)])
        return proposer.entries

    assert run(story()) == [(ReportTasks(node=N1, reports=(a_report(2),)),)]
