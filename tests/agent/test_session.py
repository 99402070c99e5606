import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random

from agent.contents import Contents
from agent.link import LinkBroken
from agent.reporter import Reporter
from agent.runtime.fake import FakeRuntime
from agent.session import FIRST_ANSWER_SECONDS, HINTS_FOLLOWED_MAX, Session, SessionParts
from agent.streams import REFUSAL, STREAMS_MAX
from orb.contents import digest_of
from orb.ids import TaskId
from orb.v1 import agent_pb2 as pb
from orb.v1 import types_pb2
from orb.wire import to_message, to_record
from orb.work import Assignment, NodeFacts, Report, Usage
from tests.agent.builders import an_assignment
from tests.agent.fake_link import FakeLink, FakeServers
from tests.factories import a_report, some_facts
from tests.virtual_time import LoopClock, run


class Machine:
    """Fixed facts and usage."""

    def __init__(self) -> None:
        self.facts: NodeFacts = some_facts()

    def usage(self, tasks: int) -> Usage:
        return Usage(milli_cpus=250, tasks=tasks)


class Duties:
    """Remembers what the servers want."""

    count = 3

    def __init__(self) -> None:
        self.heard: list[tuple[str, list[Assignment], list[TaskId]]] = []

    def take(self, assignments: Sequence[Assignment]) -> None:
        self.heard.append(("all", list(assignments), []))

    def change(self, assignments: Sequence[Assignment], removed: Sequence[TaskId]) -> None:
        self.heard.append(("change", list(assignments), list(removed)))


class Bench:
    """A session and what is around it."""

    def __init__(self, *addresses: str) -> None:
        self.servers = FakeServers()
        self.reporter = Reporter()
        self.machine = Machine()
        self.duties = Duties()
        self.runtime = FakeRuntime(LoopClock())
        self.contents = Contents(self.reporter.wake.set)
        self.session = Session(
            SessionParts(
                addresses=addresses or ("a:1",),
                dial=self.servers.dial,
                clock=LoopClock(),
                chance=Random(1),
                machine=self.machine,
                reporter=self.reporter,
                contents=self.contents,
                runtime=self.runtime,
                duties=self.duties,
            )
        )

    @property
    def link(self) -> FakeLink:
        return self.servers.links[-1]


def with_bench(story: Callable[[Bench], Awaitable[None]], *addresses: str) -> None:
    async def main() -> None:
        bench = Bench(*addresses)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(bench.session.run())
            await asyncio.sleep(0)
            await story(bench)
            running.cancel()

    run(main())


def whole(*numbers: int, version: int = 1) -> pb.ServerMessage:
    assignments = [to_message(an_assignment(number), types_pb2.Assignment) for number in numbers]
    return pb.ServerMessage(assignments=pb.Assignments(version=version, full=True, set=assignments))


def difference(version: int, *removed: int) -> pb.ServerMessage:
    return pb.ServerMessage(assignments=pb.Assignments(version=version, remove=removed))


def reports(messages: Sequence[pb.AgentMessage]) -> list[Report]:
    return [to_record(report, Report) for message in messages for report in message.reports.reports]


def test_a_session_begins_with_everything_the_node_is_and_has() -> None:
    async def main() -> None:
        bench = Bench()
        bench.reporter.put(a_report(1))
        bench.reporter.put(a_report(2))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(bench.session.run())
            await asyncio.sleep(0.001)
            hello = bench.link.call.sent[0].hello
            assert to_record(hello.facts, NodeFacts) == some_facts()
            assert [to_record(report, Report) for report in hello.reports] == [
                a_report(1),
                a_report(2),
            ]
            bench.link.say(whole())
            await asyncio.sleep(0.5)
            assert bench.link.kinds() == ["hello", "heartbeat"]
            running.cancel()

    run(main())


def test_assignments_reach_those_who_do_them() -> None:
    async def story(bench: Bench) -> None:
        bench.link.say(whole(1, 2))
        bench.link.say(difference(2, 1))
        await asyncio.sleep(0.1)
        assert bench.duties.heard == [
            ("all", [an_assignment(1), an_assignment(2)], []),
            ("change", [], [TaskId(1)]),
        ]
        assert bench.session.server == "a:1"

    with_bench(story)


def test_a_heartbeat_comes_every_second_with_usage_and_version() -> None:
    async def story(bench: Bench) -> None:
        bench.link.say(whole(1, version=7))
        await asyncio.sleep(3.5)
        beats = [message.heartbeat for message in bench.link.call.sent[1:]]
        usage = types_pb2.Usage(milli_cpus=250, tasks=3)
        assert beats[1:] == [pb.Heartbeat(usage=usage, version=7)] * 3
        assert len(beats) == 4

    with_bench(story)


def test_reports_travel_together_and_at_once() -> None:
    async def story(bench: Bench) -> None:
        bench.link.say(whole())
        await asyncio.sleep(0.1)
        bench.reporter.put(a_report(1))
        await asyncio.sleep(0.001)
        bench.reporter.put(a_report(2))
        await asyncio.sleep(0.05)
        told = [message for message in bench.link.call.sent if message.HasField("reports")]
        assert len(told) == 1
        assert reports(told) == [a_report(1), a_report(2)]

    with_bench(story)


def test_facts_are_told_when_they_change() -> None:
    async def story(bench: Bench) -> None:
        bench.link.say(whole())
        await asyncio.sleep(3)
        assert "facts" not in bench.link.kinds()
        bench.machine.facts = replace(some_facts(), volumes=("default.shop.data",))
        await asyncio.sleep(3)
        told = [message.facts for message in bench.link.call.sent if message.HasField("facts")]
        assert [to_record(facts, NodeFacts) for facts in told] == [bench.machine.facts]

    with_bench(story)


def test_a_server_that_does_not_lead_sends_the_agent_on_to_the_leader_at_once() -> None:
    async def story(bench: Bench) -> None:
        bench.link.say(LinkBroken("not me", leader="leader:9"))
        await asyncio.sleep(0.001)
        assert bench.servers.dialled[1:] == ["leader:9"]
        assert bench.servers.links[0].closed
        assert bench.servers.links[0].call.cancelled

    with_bench(story, "a:1", "b:1")


def test_servers_that_send_the_agent_in_circles_are_not_followed_for_ever() -> None:
    async def story(bench: Bench) -> None:
        bench.servers.answers = {
            "x:1": LinkBroken("not me", leader="y:1"),
            "y:1": LinkBroken("not me", leader="x:1"),
        }
        bench.link.say(LinkBroken("not me", leader="x:1"))
        await asyncio.sleep(0.001)
        assert len(bench.servers.links) == 1 + HINTS_FOLLOWED_MAX

    with_bench(story)


def test_servers_are_tried_in_turn_with_growing_pauses() -> None:
    async def story(bench: Bench) -> None:
        broken = LinkBroken("it does not lead")
        bench.servers.answers = dict.fromkeys(("a:1", "b:1", "c:1"), broken)
        bench.link.say(broken)
        await asyncio.sleep(60)
        assert set(bench.servers.dialled[:3]) == {"a:1", "b:1", "c:1"}
        assert 10 < len(bench.servers.links) < 25

    with_bench(story, "a:1", "b:1", "c:1")


def test_where_nobody_listens_it_is_asked_often() -> None:
    async def story(bench: Bench) -> None:
        refused = LinkBroken("Connection refused", refused=True)
        bench.servers.answers = {"a:1": refused}
        bench.link.say(refused)
        await asyncio.sleep(20)
        assert 40 < len(bench.servers.links) < 160

    with_bench(story)


def test_a_server_that_says_nothing_is_given_up() -> None:
    async def story(bench: Bench) -> None:
        await asyncio.sleep(FIRST_ANSWER_SECONDS + 1)
        assert len(bench.servers.links) == 2
        assert bench.servers.links[0].closed

    with_bench(story)


def test_where_all_are_silent_the_patience_grows() -> None:
    async def story(bench: Bench) -> None:
        await asyncio.sleep(600)
        assert 10 < len(bench.servers.links) < 20

    with_bench(story, "a:1", "b:1")


def test_a_server_that_has_just_failed_is_not_the_next_one() -> None:
    async def story(bench: Bench) -> None:
        for _ in range(6):
            bench.link.say(LinkBroken("gone"))
            await asyncio.sleep(10)
        dialled = bench.servers.dialled
        assert not any(one == next_one for one, next_one in pairwise(dialled))

    with_bench(story, "a:1", "b:1")


def test_a_server_that_takes_nothing_is_given_up() -> None:
    async def story(bench: Bench) -> None:
        bench.link.say(whole())
        await asyncio.sleep(0.1)
        bench.link.call.stuck = True
        await asyncio.sleep(15)
        assert len(bench.servers.links) == 2

    with_bench(story)


def test_a_gap_begins_a_new_session_with_everything() -> None:
    async def story(bench: Bench) -> None:
        bench.reporter.put(a_report(1))
        bench.link.say(whole())
        await asyncio.sleep(0.1)
        bench.link.say(difference(3, 1))
        await asyncio.sleep(1)
        assert [len(link.call.sent[0].hello.reports) for link in bench.servers.links] == [0, 1]
        assert bench.duties.heard == [("all", [], [])]

    with_bench(story)


def test_a_session_that_the_server_ends_well_is_begun_again() -> None:
    async def story(bench: Bench) -> None:
        bench.link.say(whole())
        bench.link.say(None)
        await asyncio.sleep(1)
        assert len(bench.servers.links) == 2

    with_bench(story)


def test_an_assignment_that_cannot_be_read_changes_nothing() -> None:
    async def story(bench: Bench) -> None:
        broken = whole(1)
        broken.assignments.set[0].desired = types_pb2.DESIRED_UNSPECIFIED
        bench.link.say(broken)
        await asyncio.sleep(1)
        assert (bench.duties.heard, len(bench.servers.links)) == ([], 2)

    with_bench(story)


def test_the_output_of_a_task_goes_to_the_stream_that_asked_for_it() -> None:
    async def story(bench: Bench) -> None:
        await bench.runtime.start(an_assignment(1))
        bench.link.say(whole(1))
        bench.link.say(pb.ServerMessage(start_logs=pb.StartLogs(stream=5, task=1)))
        await asyncio.sleep(0.1)
        stream = bench.link.log_streams[5]
        assert [line.text for chunk in stream.sent for line in chunk.lines] == [
            "web/1 started from app:v1"
        ]
        assert stream.finished
        stream.said.put_nowait(pb.SendLogsReply())
        await asyncio.sleep(0.1)
        assert stream.cancelled

    with_bench(story)


def test_output_is_followed_until_the_person_goes() -> None:
    async def story(bench: Bench) -> None:
        await bench.runtime.start(an_assignment(1))
        bench.link.say(whole(1))
        bench.link.say(pb.ServerMessage(start_logs=pb.StartLogs(stream=5, task=1, follow=True)))
        await asyncio.sleep(10)
        stream = bench.link.log_streams[5]
        assert not stream.finished
        bench.link.say(pb.ServerMessage(stop_stream=pb.StopStream(stream=5)))
        await asyncio.sleep(0.1)
        assert stream.cancelled
        assert not bench.link.closed

    with_bench(story)


def test_a_command_is_served_with_its_input_output_and_exit_code() -> None:
    async def story(bench: Bench) -> None:
        await bench.runtime.start(an_assignment(1))
        bench.link.say(whole(1))
        start = pb.StartExec(stream=6, task=1, command=["exit", "3"], stdin=True)
        bench.link.say(pb.ServerMessage(start_exec=start))
        await asyncio.sleep(0.1)
        stream = bench.link.exec_streams[6]
        stream.said.put_nowait(pb.ExecToTask(data=b"hello"))
        stream.said.put_nowait(pb.ExecToTask(end=True))
        await asyncio.sleep(0.1)
        assert stream.sent == [
            pb.ExecFromTask(started=True),
            pb.ExecFromTask(stdout=b"exit 3\n"),
            pb.ExecFromTask(stdout=b"hello"),
            pb.ExecFromTask(exit_code=3),
        ]
        assert stream.finished
        stream.said.put_nowait(None)
        await asyncio.sleep(0.1)
        assert stream.cancelled

    with_bench(story)


def test_a_command_in_a_task_that_does_not_run_is_answered_with_why() -> None:
    async def story(bench: Bench) -> None:
        bench.link.say(whole())
        start = pb.StartExec(stream=6, task=1, command=["ls"])
        bench.link.say(pb.ServerMessage(start_exec=start))
        await asyncio.sleep(0.1)
        stream = bench.link.exec_streams[6]
        assert stream.sent == [pb.ExecFromTask(error="the task does not run")]

    with_bench(story)


def test_one_stream_too_many_is_refused_and_the_session_goes_on() -> None:
    async def story(bench: Bench) -> None:
        await bench.runtime.start(an_assignment(1))
        bench.link.say(whole(1))
        for number in range(STREAMS_MAX + 1):
            start = pb.StartLogs(stream=number, task=1, follow=True)
            bench.link.say(pb.ServerMessage(start_logs=start))
        await asyncio.sleep(1)
        assert bench.link.log_streams[STREAMS_MAX].sent == [pb.LogChunk(error=REFUSAL)]
        assert bench.session.server == "a:1"

    with_bench(story)


def test_streams_end_with_their_session() -> None:
    async def story(bench: Bench) -> None:
        await bench.runtime.start(an_assignment(1))
        bench.link.say(whole(1))
        bench.link.say(pb.ServerMessage(start_logs=pb.StartLogs(stream=5, task=1, follow=True)))
        await asyncio.sleep(1)
        first = bench.link
        first.say(LinkBroken("gone"))
        await asyncio.sleep(1)
        assert first.log_streams[5].cancelled
        assert len(bench.servers.links) == 2

    with_bench(story)


def test_what_tasks_wait_for_is_asked_for_and_what_comes_is_handed_on() -> None:
    async def story(bench: Bench) -> None:
        digest = digest_of(b"s3cret")
        async with asyncio.TaskGroup() as group:
            fetch = group.create_task(bench.contents.fetch([digest]))
            bench.link.say(whole())
            await asyncio.sleep(0.1)
            asked = [list(message.needs.digests) for message in bench.link.call.sent]
            assert [digests for digests in asked if digests] == [[digest]]
            bench.link.say(pb.ServerMessage(contents=pb.Contents(contents=[b"s3cret"])))
            assert await fetch == {digest: b"s3cret"}

    with_bench(story)
