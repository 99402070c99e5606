"""Agents talk to a real server over mutual TLS on loopback."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import grpc
import pytest

from orb.contents import digest_of
from orb.lifecycle import Desired, NodeStatus, TaskState
from orb.tls import Authority
from orb.v1 import agent_pb2, control_pb2, types_pb2
from orb.wire import to_message
from tests.factories import (
    a_grant,
    a_report,
    a_service_spec,
    an_app_spec,
    an_app_with_files,
    some_facts,
    with_files,
)
from tests.serving import Agent, Serving, serve, until


async def apply(served: Serving, replicas: int = 1, image: str = "app:v1") -> None:
    spec = an_app_spec(a_service_spec(replicas=replicas, image=image))
    await served.control().Apply(
        control_pb2.ApplyRequest(spec=to_message(spec, types_pb2.AppSpec)), timeout=10
    )


async def status_of(call: Any) -> tuple[grpc.StatusCode, str]:
    try:
        async with asyncio.timeout(10):
            while await call.read() is not grpc.aio.EOF:
                pass
            return await call.code(), await call.details()
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""


def test_a_node_joins_gets_its_tasks_and_reports_them(tmp_path: Path) -> None:
    async def story(served: Serving) -> None:
        agent = Agent(served)
        first = await agent.connect()
        assert (first.version, first.full, len(first.set)) == (1, True, 0)
        await until(lambda: "n1" in served.state.nodes)
        await apply(served, replicas=2)
        while len(agent.desired) < 2:
            await agent.assignments()
        await agent.run_all()
        await until(lambda: all(task.ready for task in served.state.tasks.values()))
        assert {task.container_id for task in served.state.tasks.values()} == {
            f"c{task}" for task in agent.desired
        }
        await apply(served, replicas=1)
        while Desired.STOP not in agent.desired.values():
            await agent.assignments()
        stopped = next(task for task, desired in agent.desired.items() if desired is Desired.STOP)
        await agent.report(a_report(stopped, TaskState.STOPPED))
        await until(lambda: all(t.wanted or t.ended for t in served.state.tasks.values()))

    serve(tmp_path, story)


def test_an_agent_that_returns_with_nothing_new_writes_nothing_to_the_log(tmp_path: Path) -> None:
    async def story(served: Serving) -> None:
        agent = Agent(served)
        await agent.connect()
        await until(lambda: "n1" in served.state.nodes)
        await apply(served)
        while not agent.desired:
            await agent.assignments()
        task = next(iter(agent.desired))
        await agent.report(a_report(task))
        await until(lambda: all(release.status.name == "DONE" for release in releases(served)))
        index = served.state.index
        agent.call.cancel()
        again = Agent(served)
        whole = await again.connect(a_report(task))
        assert [(one.task, one.desired) for one in whole.set] == [(task, types_pb2.DESIRED_RUN)]
        await asyncio.sleep(0.2)
        assert served.state.index == index

    serve(tmp_path, story)


def releases(served: Serving) -> list[Any]:
    return [release for kept in served.state.releases.values() for release in kept.values()]


def test_changed_facts_reach_the_state(tmp_path: Path) -> None:
    async def story(served: Serving) -> None:
        agent = Agent(served)
        await agent.connect()
        facts = to_message(some_facts("n1", zone="b"), types_pb2.NodeFacts)
        await agent.call.write(agent_pb2.AgentMessage(facts=facts))
        await until(lambda: "n1" in served.state.nodes and served.state.nodes["n1"].zone == "b")  # type: ignore[index]

    serve(tmp_path, story)


def test_the_newest_session_of_a_node_wins(tmp_path: Path) -> None:
    async def story(served: Serving) -> None:
        old, new = Agent(served), Agent(served)
        await old.connect()
        await new.connect()
        code, details = await status_of(old.call)
        assert (code, details) == (
            grpc.StatusCode.UNAVAILABLE,
            "another agent has connected as n1",
        )
        await until(lambda: "n1" in served.state.nodes)
        assert served.state.nodes["n1"].status is NodeStatus.READY  # type: ignore[index]

    serve(tmp_path, story)


@pytest.mark.parametrize(
    ("identity", "message", "code", "words"),
    [
        (
            "node:n2",
            agent_pb2.AgentMessage(
                hello=agent_pb2.Hello(facts=to_message(some_facts("n1"), types_pb2.NodeFacts))
            ),
            grpc.StatusCode.INVALID_ARGUMENT,
            "the agent calls itself 'n1', but its certificate is that of 'n2'",
        ),
        (
            "node:n1",
            agent_pb2.AgentMessage(heartbeat=agent_pb2.Heartbeat()),
            grpc.StatusCode.INVALID_ARGUMENT,
            "the first message of a session must be its hello",
        ),
        (
            "node:n1",
            agent_pb2.AgentMessage(hello=agent_pb2.Hello()),
            grpc.StatusCode.INVALID_ARGUMENT,
            "hello.facts.capacity is missing",
        ),
        (
            "user:admin",
            agent_pb2.AgentMessage(hello=agent_pb2.Hello()),
            grpc.StatusCode.PERMISSION_DENIED,
            "user:admin is no node",
        ),
    ],
)
def test_a_session_that_begins_badly_is_refused(
    tmp_path: Path,
    identity: str,
    message: agent_pb2.AgentMessage,
    code: grpc.StatusCode,
    words: str,
) -> None:
    async def story(served: Serving) -> tuple[grpc.StatusCode, str]:
        call = served.agents(identity).Session()
        with contextlib.suppress(grpc.aio.AioRpcError):  # it may be refused before it has spoken
            await call.write(message)
        return await status_of(call)

    assert serve(tmp_path, story) == (code, words)


def test_strangers_get_no_word_out_of_it(tmp_path: Path) -> None:
    async def story(served: Serving) -> list[grpc.StatusCode]:
        codes = []
        stranger = served.channel("user:admin", Authority.create("elsewhere"))
        for channel in (stranger, served.nameless_channel()):
            call = channel.unary_unary("/orb.v1.Control/Get")(b"", timeout=10)
            codes.append(await call.code())
        return codes

    assert serve(tmp_path, story) == [grpc.StatusCode.UNAVAILABLE] * 2


def test_the_output_of_a_task_travels_through_the_server(tmp_path: Path) -> None:
    async def story(served: Serving) -> list[tuple[str, str, str]]:
        agent = await with_task(served)
        call = served.control().Logs(control_pb2.LogsRequest(name="web", tail=5))
        wish = (await agent.hear("start_logs")).start_logs
        assert (wish.task, wish.tail, wish.follow) == (next(iter(agent.desired)), 5, False)
        sending = agent.stub.SendLogs(metadata=(("orb-stream", str(wish.stream)),))
        lines = [agent_pb2.OutputLine(at=n, stream="stdout", text=f"line {n}") for n in (1, 2)]
        await sending.write(agent_pb2.LogChunk(lines=lines))
        await sending.write(agent_pb2.LogChunk(error="the file ends here"))
        await sending.done_writing()
        return [(line.replica, line.stream, line.text) async for line in call]

    assert serve(tmp_path, story) == [
        ("web/1", "stdout", "line 1"),
        ("web/1", "stdout", "line 2"),
        ("web/1", "orb", "the file ends here"),
    ]


def test_output_that_breaks_off_says_so(tmp_path: Path) -> None:
    async def story(served: Serving) -> list[tuple[str, str]]:
        agent = await with_task(served)
        call = served.control().Logs(control_pb2.LogsRequest(name="web"))
        wish = (await agent.hear("start_logs")).start_logs
        sending = agent.stub.SendLogs(metadata=(("orb-stream", str(wish.stream)),))
        line = agent_pb2.OutputLine(at=1, stream="stdout", text="before")
        await sending.write(agent_pb2.LogChunk(lines=[line]))
        seen = []
        async for line in call:
            if not seen:
                agent.call.cancel()
                sending.cancel()
            seen.append((line.stream, line.text))
        return seen

    assert serve(tmp_path, story) == [
        ("stdout", "before"),
        ("orb", "the connection to the agent of n1 was lost"),
    ]


def test_output_of_a_node_that_is_not_connected_is_an_error(tmp_path: Path) -> None:
    async def story(served: Serving) -> tuple[grpc.StatusCode, str]:
        agent = await with_task(served)
        agent.call.cancel()
        await until(lambda: not len(served.server._dispatcher.sessions))
        call = served.control().Logs(control_pb2.LogsRequest(name="web"))
        return await status_of(call)

    assert serve(tmp_path, story) == (
        grpc.StatusCode.UNAVAILABLE,
        "the agent of n1 is not connected to the leader",
    )


def test_following_goes_on_from_a_task_to_the_next_one(tmp_path: Path) -> None:
    async def story(served: Serving) -> list[str]:
        agent = await with_task(served)
        (first,) = agent.desired
        call = served.control().Logs(control_pb2.LogsRequest(name="web", follow=True, tail=1))
        reading = asyncio.ensure_future(texts(call, 2))
        wish = (await agent.hear("start_logs")).start_logs
        assert (wish.task, wish.tail, wish.follow) == (first, 1, True)
        await send(agent, wish.stream, "from the first")
        await agent.report(a_report(first, TaskState.FAILED, exit_code=1))
        while all(task == first for task in agent.desired):
            await agent.assignments()
        (second,) = (task for task in agent.desired if task != first)
        await agent.report(a_report(second, TaskState.RUNNING))
        wish = (await agent.hear("start_logs")).start_logs
        assert (wish.task != first, wish.HasField("tail"), wish.follow) == (True, False, True)
        await send(agent, wish.stream, "from the next")
        return await reading

    assert serve(tmp_path, story) == ["from the first", "from the next"]


async def texts(call: Any, count: int) -> list[str]:
    found: list[str] = []
    async for line in call:
        found.append(line.text)
        if len(found) == count:
            break
    call.cancel()
    return found


async def send(agent: Agent, stream: int, text: str) -> None:
    sending = agent.stub.SendLogs(metadata=(("orb-stream", str(stream)),))
    line = agent_pb2.OutputLine(at=1, stream="stdout", text=text)
    await sending.write(agent_pb2.LogChunk(lines=[line]))
    await sending.done_writing()


def test_a_person_who_leaves_ends_the_stream_at_the_agent(tmp_path: Path) -> None:
    async def story(served: Serving) -> bool:
        agent = await with_task(served)
        call = served.control().Logs(control_pb2.LogsRequest(name="web", follow=True))
        reading = asyncio.ensure_future(call.read())
        wish = (await agent.hear("start_logs")).start_logs
        reading.cancel()
        call.cancel()
        stop = (await agent.hear("stop_stream")).stop_stream
        return stop.stream == wish.stream

    assert serve(tmp_path, story)


def test_a_command_runs_in_a_task(tmp_path: Path) -> None:
    async def story(served: Serving) -> list[control_pb2.ExecOutput]:
        agent = await with_task(served)
        call = served.control().Exec()
        start = control_pb2.ExecStart(name="web", command=["cat"], stdin=True)
        await call.write(control_pb2.ExecInput(start=start))
        wish = (await agent.hear("start_exec")).start_exec
        assert (list(wish.command), wish.stdin, wish.tty) == (["cat"], True, False)
        far = agent.stub.ServeExec(metadata=(("orb-stream", str(wish.stream)),))
        await far.write(agent_pb2.ExecFromTask(started=True))
        await call.write(control_pb2.ExecInput(data=b"hello"))
        await call.write(control_pb2.ExecInput(end=True))
        await call.done_writing()
        typed = [await far.read(), await far.read()]
        assert typed == [agent_pb2.ExecToTask(data=b"hello"), agent_pb2.ExecToTask(end=True)]
        await far.write(agent_pb2.ExecFromTask(stdout=b"hello"))
        await far.write(agent_pb2.ExecFromTask(exit_code=3))
        await far.done_writing()
        return [message async for message in call]

    assert serve(tmp_path, story) == [
        control_pb2.ExecOutput(started=control_pb2.ExecStarted(replica="web/1", node="n1")),
        control_pb2.ExecOutput(stdout=b"hello"),
        control_pb2.ExecOutput(exit_code=3),
    ]


@pytest.mark.parametrize("ending", ["error", "lost"])
def test_a_command_that_cannot_go_on_ends_with_a_clear_error(tmp_path: Path, ending: str) -> None:
    async def story(served: Serving) -> tuple[grpc.StatusCode, str]:
        agent = await with_task(served)
        call = served.control().Exec()
        start = control_pb2.ExecStart(name="web/1", command=["nothing"])
        await call.write(control_pb2.ExecInput(start=start))
        wish = (await agent.hear("start_exec")).start_exec
        far = agent.stub.ServeExec(metadata=(("orb-stream", str(wish.stream)),))
        if ending == "error":
            await far.write(agent_pb2.ExecFromTask(error="no such file"))
        else:
            await far.write(agent_pb2.ExecFromTask(started=True))
            await call.read()
            far.cancel()
        return await status_of(call)

    expected = {
        "error": (
            grpc.StatusCode.FAILED_PRECONDITION,
            "the command could not be started: no such file",
        ),
        "lost": (grpc.StatusCode.UNAVAILABLE, "the connection to the agent of n1 was lost"),
    }
    assert serve(tmp_path, story) == expected[ending]


def test_a_stream_is_only_for_the_node_that_was_asked(tmp_path: Path) -> None:
    async def story(served: Serving) -> tuple[grpc.StatusCode, str]:
        agent = await with_task(served)
        served.control().Logs(control_pb2.LogsRequest(name="web", follow=True))
        wish = (await agent.hear("start_logs")).start_logs
        thief = served.agents("node:n2")
        sending = thief.SendLogs(metadata=(("orb-stream", str(wish.stream)),))
        await sending.done_writing()
        return await sending.code(), await sending.details()

    assert serve(tmp_path, story) == (
        grpc.StatusCode.NOT_FOUND,
        "nobody waits for the stream 1 from n2",
    )


async def with_task(served: Serving) -> Agent:
    """An agent whose node runs web/1."""
    agent = Agent(served)
    await agent.connect()
    await until(lambda: "n1" in served.state.nodes)
    await apply(served)
    while not agent.desired:
        await agent.assignments()
    await agent.run_all()
    await until(lambda: all(task.ready for task in served.state.tasks.values()))
    return agent


def test_a_node_is_given_the_contents_of_its_own_tasks_alone(tmp_path: Path) -> None:
    async def story(served: Serving) -> tuple[list[bytes], list[bytes]]:
        mine, other = Agent(served), Agent(served, "n2")
        await mine.connect()
        await until(lambda: "n1" in served.state.nodes)
        spec = an_app_with_files(with_files(a_service_spec(replicas=1), a_grant()))
        request = control_pb2.ApplyRequest(
            spec=to_message(spec, types_pb2.AppSpec), contents=[b"one"]
        )
        await served.control().Apply(request, timeout=10)
        while not mine.desired:
            await mine.assignments()
        await other.connect()
        needs = agent_pb2.AgentMessage(needs=agent_pb2.Needs(digests=[digest_of(b"one")]))
        for agent in (other, mine):
            await agent.call.write(needs)
        given = list((await mine.hear("contents")).contents.contents)
        try:
            async with asyncio.timeout(0.5):
                return given, list((await other.hear("contents")).contents.contents)
        except TimeoutError:
            return given, []

    assert serve(tmp_path, story) == ([b"one"], [])
