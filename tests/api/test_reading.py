"""How a request comes to its look."""

import asyncio
from contextlib import aclosing
from typing import Any, cast

import pytest

from controlplane.api import reading
from controlplane.api.reading import LOOK_AGAIN_S, LOOK_ANYWAY_S, WATCHERS_MAX, Parts, Reading
from controlplane.raft.log import Member, Role
from controlplane.state.tables import State, View
from orb.errors import NoQuorum, NotLeader, Unavailable
from orb.ids import ServerName
from tests.dispatcher.fake_log import FakeLog
from tests.virtual_time import LoopClock, run


class NoLeader:
    pending: dict[Any, str] = {}  # noqa: RUF012 - a stand-in
    view = View(state=State())


class NoDispatcher:
    usage: dict[Any, Any] = {}  # noqa: RUF012 - a stand-in


def a_reading(log: FakeLog) -> Reading:
    return Reading(
        Parts(
            agreement=log,
            state=State(),
            leader=cast("Any", NoLeader()),
            dispatcher=cast("Any", NoDispatcher()),
            addresses=lambda _agreed: {},
            clock=LoopClock(),
        )
    )


def members(*healthy: str) -> list[Member]:
    """Three servers, of which these answer."""
    return [
        Member(ServerName(name), "", Role.FOLLOWER, name in healthy) for name in ("s1", "s2", "s3")
    ]


def test_a_leader_makes_sure_before_it_answers() -> None:
    async def story() -> tuple[int, object]:
        log = FakeLog()
        look = await a_reading(log).look(stale=False)
        return log.barriers, look.age_ms

    assert run(story()) == (1, None)


def test_a_follower_names_the_leader() -> None:
    async def story() -> str | None:
        with pytest.raises(NotLeader) as caught:
            await a_reading(FakeLog(leads=False)).look(stale=False)
        return caught.value.leader

    assert run(story()) == "s2"


def test_a_server_alone_says_which_servers_are_missing() -> None:
    async def story() -> tuple[str, str]:
        log = FakeLog(leads=False)
        log.become(leader=None, quorum=False, members=members("s1"))
        with pytest.raises(NoQuorum) as caught:
            await a_reading(log).look(stale=False)
        return caught.value.message, caught.value.remedy

    message, remedy = run(story())
    assert message == "only 1 of 3 servers can be reached: nothing can be agreed on"
    assert remedy.startswith("start the missing servers (s2, s3); `orbctl status --stale`")


def test_while_an_election_goes_on_it_asks_for_patience() -> None:
    async def story() -> str | None:
        log = FakeLog(leads=False)
        log.become(leader=None, quorum=False, members=members("s1", "s2"))
        with pytest.raises(NotLeader) as caught:
            await a_reading(log).look(stale=False)
        return caught.value.leader

    assert run(story()) is None


def test_an_election_that_does_not_end_is_no_election() -> None:
    async def story() -> str:
        log = FakeLog(leads=False)
        log.become(leader=None, quorum=False, members=members("s1", "s2"), silent_s=4.0)
        with pytest.raises(NoQuorum) as caught:
            await a_reading(log).look(stale=False)
        return caught.value.message

    assert run(story()) == "no server has led for 4 s: nothing can be agreed on"


def test_a_stale_look_tells_how_old_it_may_be() -> None:
    async def story() -> object:
        log = FakeLog(leads=False)
        log.become(silent_s=7.25)
        return (await a_reading(log).look(stale=True)).age_ms

    assert run(story()) == 7_250


def test_a_watch_looks_again_after_a_change_but_not_too_often() -> None:
    async def story() -> list[float]:
        log = FakeLog()
        found = a_reading(log)
        running = asyncio.ensure_future(found.run())
        times = []

        async def change() -> None:
            for number in range(20):
                log.become(applied=number)
                await asyncio.sleep(0.1)

        changing = asyncio.ensure_future(change())
        async with aclosing(found.looks(stale=False)) as looks:
            async for _ in looks:
                times.append(round(asyncio.get_running_loop().time(), 1))
                if len(times) == 7:
                    break
        running.cancel()
        await changing
        return times

    times = run(story())
    assert times[:5] == [0, LOOK_AGAIN_S, 2 * LOOK_AGAIN_S, 3 * LOOK_AGAIN_S, 4 * LOOK_AGAIN_S]
    assert round(times[6] - times[5], 1) == LOOK_AGAIN_S + LOOK_ANYWAY_S


def test_watches_have_a_bound_and_give_their_place_back() -> None:
    async def story() -> None:
        found = a_reading(FakeLog())
        open_ = [found.looks(stale=True) for _ in range(WATCHERS_MAX)]
        for looks in open_:
            await anext(looks)
        with pytest.raises(Unavailable, match="500 watches run at this server already"):
            await anext(found.looks(stale=True))
        for looks in open_:
            await looks.aclose()
        await anext(found.looks(stale=True))

    run(story())
    assert reading.WATCHERS_MAX == 500
