"""Only a leader that knows everything serves agents."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from controlplane.dispatcher.dispatcher import Dispatcher
from controlplane.dispatcher.sessions import SILENT_S_MAX
from controlplane.raft.log import Role
from controlplane.state.commands import Answer, Applied, Command
from controlplane.state.tables import State
from orb.errors import NotLeader, Unavailable
from orb.ids import Millis, NodeName, ServerName
from orb.v1 import agent_pb2 as pb
from orb.work import Usage
from tests.dispatcher.fake_log import FakeLog
from tests.factories import a_node, a_state_with, some_facts
from tests.virtual_time import LoopClock, run

N1 = NodeName("n1")


class Proposals:
    def __init__(self) -> None:
        self.commands: list[Command] = []

    async def propose(self, command: Command, *, author: str) -> Answer:
        self.commands.append(command)
        return Applied(number=len(author))


class Scene:
    """A dispatcher that runs, and what it meets."""

    def __init__(self, state: State | None = None, log: FakeLog | None = None) -> None:
        self.log = log or FakeLog()
        self.heard: list[tuple[NodeName, Millis]] = []
        self.proposals = Proposals()
        self.dispatcher = Dispatcher(
            self.log,
            state or State(),
            self.proposals,
            lambda node, at: self.heard.append((node, at)),
            LoopClock(),
        )

    async def play(self, story: Coroutine[Any, Any, None]) -> None:
        running = asyncio.ensure_future(self.dispatcher.run())
        await asyncio.sleep(0)
        try:
            await story
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def test_a_server_that_does_not_lead_names_the_leader_that_it_hears() -> None:
    async def story() -> None:
        scene = Scene(log=FakeLog(leads=False))
        with pytest.raises(NotLeader) as caught:
            await scene.dispatcher.enter(some_facts("n1"), [])
        assert caught.value.leader == "s2"
        scene.log.become(quorum=False)
        with pytest.raises(NotLeader) as caught:
            await scene.dispatcher.enter(some_facts("n1"), [])
        assert caught.value.leader is None

    run(story())


def test_once_a_term_a_leader_makes_sure_that_it_knows_everything() -> None:
    async def story() -> None:
        scene = Scene()
        for name in ("n1", "n2", "n3"):
            await scene.dispatcher.enter(some_facts(name), [])
        assert scene.log.barriers == 1
        scene.log.become(term=5)
        await scene.dispatcher.enter(some_facts("n1"), [])
        assert scene.log.barriers == 2

    run(story())


@pytest.mark.parametrize(
    "change", [{"role": Role.FOLLOWER, "leader": ServerName("s3")}, {"term": 2}]
)
def test_sessions_end_when_leadership_does(change: dict[str, object]) -> None:
    async def story() -> None:
        scene = Scene()

        async def part() -> None:
            session = await scene.dispatcher.enter(some_facts("n1"), [])
            assert session.ended is None
            scene.log.become(**change)
            await asyncio.sleep(1)
            assert isinstance(session.ended, NotLeader)

        await scene.play(part())

    run(story())


def test_only_facts_that_are_new_are_proposed() -> None:
    async def story() -> None:
        scene = Scene(a_state_with(a_node("n1")))

        async def part() -> None:
            await scene.dispatcher.enter(some_facts("n1"), [])
            await asyncio.sleep(1)
            assert scene.proposals.commands == []
            await scene.dispatcher.enter(some_facts("n2"), [])
            await asyncio.sleep(1)
            assert len(scene.proposals.commands) == 1

        await scene.play(part())

    run(story())


def test_a_sign_of_life_is_passed_on_and_usage_kept_while_connected() -> None:
    async def story() -> None:
        scene = Scene(a_state_with(a_node("n1")))
        session = await scene.dispatcher.enter(some_facts("n1"), [])
        usage = Usage(milli_cpus=5)
        await asyncio.sleep(1)
        scene.dispatcher.heard(session, usage)
        assert [node for node, _ in scene.heard] == [N1, N1]
        assert scene.heard[1][1] - scene.heard[0][1] == 1_000
        assert scene.dispatcher.usage == {N1: usage}
        scene.dispatcher.sessions.leave(session)
        assert scene.dispatcher.usage == {}

    run(story())


def test_a_silent_agent_is_let_go() -> None:
    async def story() -> None:
        scene = Scene(a_state_with(a_node("n1")))

        async def part() -> None:
            session = await scene.dispatcher.enter(some_facts("n1"), [])
            await asyncio.sleep(SILENT_S_MAX + 2)
            assert isinstance(session.ended, Unavailable)

        await scene.play(part())

    run(story())


def test_an_agent_that_opens_no_stream_is_not_waited_for_for_ever() -> None:
    async def story() -> float:
        scene = Scene(a_state_with(a_node("n1")))
        session = await scene.dispatcher.enter(some_facts("n1"), [])

        async def ask() -> None:
            async with scene.dispatcher.relays.logs(N1, pb.StartLogs(task=1)):
                raise AssertionError("nobody has opened it")

        with pytest.raises(Unavailable, match="the agent of n1 has not answered within 10 s"):
            await ask()
        told = list(session.messages(scene.dispatcher.state, scene.dispatcher.encoder))
        assert [one.WhichOneof("message") for one in told][:2] == ["start_logs", "stop_stream"]
        return asyncio.get_running_loop().time()

    assert run(story()) == 10
