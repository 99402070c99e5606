"""Real server processes: kill -9, SIGSTOP, partitions, power cuts, full disks, new members."""

import asyncio
import contextlib
import signal
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.raft.nemesis import Cluster, Run, Server, failover, free_ports

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def running(count: int, *options: str) -> AsyncIterator[Cluster]:
    cluster = Cluster(count, *options)
    await cluster.start()
    try:
        yield cluster
    finally:
        await cluster.stop()


async def accepted(question: Callable[[], Awaitable[dict[str, object]]]) -> dict[str, object]:
    """Ask until it is done (or was, by an earlier try): leaders change, learners need a moment."""
    answer: dict[str, object] = {}
    for _ in range(300):
        with contextlib.suppress(OSError, TimeoutError):
            answer = await question()
            done = "already" in str(answer.get("message", "")) or answer.get("error") == "NotFound"
            if "error" not in answer or done:
                return answer
        await asyncio.sleep(0.1)
    raise AssertionError(answer)


@pytest.mark.timeout(240)
async def test_every_promise_holds_under_kills_stops_partitions_and_power_cuts() -> None:
    history = await Run(seed=3, seconds=25.0, servers=3).go()
    assert history.counts["acknowledged"] > 100
    assert history.counts["reads"] > 10


async def test_a_killed_leader_is_replaced_quickly() -> None:
    times = await failover(3)
    assert statistics.median(times) < 3.0  # 1.5 on a machine with nothing else to do


async def test_a_server_without_a_majority_says_so_within_5_s() -> None:
    async with running(3) as cluster:
        leader = await cluster.leader()
        others = [server for server in cluster.servers.values() if server is not leader]
        for server in others:
            await server.kill()
        started = time.monotonic()
        first = await leader.ask(do="propose", entry="a")
        assert first["error"] in {"Unknown", "NoQuorum"}
        assert (await leader.ask(do="propose", entry="b"))["error"] == "NoQuorum"
        assert (await leader.ask(do="read"))["error"] == "NoQuorum"
        assert time.monotonic() - started < 5.0 + 1.0


async def test_servers_that_stand_still_are_not_healthy_although_connected() -> None:
    async with running(3) as cluster:
        leader = await cluster.leader()
        others = [server for server in cluster.servers.values() if server is not leader]
        names = sorted(cluster.servers)
        assert [(await one.ask(do="status"))["healthy"] for one in others] == [names, names]
        for server in (leader, others[0]):
            server.signal(signal.SIGSTOP)
        await asyncio.sleep(4.0)
        alone = await others[1].ask(do="status")
        for server in (leader, others[0]):
            server.signal(signal.SIGCONT)
        assert (alone["quorum"], alone["healthy"]) == (False, [others[1].name])


async def test_a_follower_names_the_leader_and_reads_without_it_being_asked_twice() -> None:
    async with running(3) as cluster:
        leader = await cluster.leader()
        index = (await leader.ask(do="propose", entry="a"))["index"]
        other = next(server for server in cluster.servers.values() if server is not leader)
        answer = await other.ask(do="propose", entry="b")
        assert (answer["error"], leader.name in str(answer["message"])) == ("NotLeader", True)
        assert (await other.ask(do="read"))["applied"] == index


async def test_a_full_disk_stops_writes_not_reads_and_is_recovered_from() -> None:
    async with running(1, "--undo") as cluster:
        (server,) = cluster.servers.values()
        await cluster.leader()
        index = (await server.ask(do="propose", entry="before"))["index"]
        full = server.directory / "full"
        full.touch()
        under_way = asyncio.ensure_future(server.ask(do="propose", entry="under way"))
        await asyncio.sleep(0.5)
        assert (await server.ask(do="propose", entry="refused"))["error"] == "StorageFull"
        assert (await server.ask(do="status"))["disk_full"] is True
        assert (await server.ask(do="read"))["applied"] == index
        full.unlink()
        assert "error" not in await under_way
        await accepted(lambda: server.ask(do="propose", entry="after"))
        assert (await server.ask(do="status"))["disk_full"] is False
        await server.kill()
        await server.start()
        await cluster.leader()
        await accepted(lambda: server.ask(do="read"))
        rows = (await server.ask(do="dump"))["rows"]
        assert isinstance(rows, list)
        assert [row[1] for row in rows] == ["before", "under way", "after"]


async def test_leadership_is_handed_over_without_a_pause() -> None:
    async with running(3) as cluster:
        leader = await cluster.leader()
        other = next(server for server in cluster.servers.values() if server is not leader)
        await accepted(lambda: leader.ask(do="propose", entry="a"))
        started = time.monotonic()
        await accepted(lambda: leader.ask(do="hand_over", name=other.name))
        assert await cluster.leader() is other
        assert time.monotonic() - started < 3.0


async def join(cluster: Cluster, name: str) -> Server:
    """A new server with an empty folder: learner, caught up, promoted."""
    port, control = free_ports(2)
    first = next(iter(cluster.servers.values()))
    peers = f"{first.peers},{name}=127.0.0.1:{port}"
    server = cluster.add(name, control, peers)
    server.options = ["--join"]
    await server.start()

    async def ask(**question: str) -> dict[str, object]:
        return await (await cluster.leader()).ask(**question)

    await accepted(lambda: ask(do="add", name=name, address=f"127.0.0.1:{port}"))
    await accepted(lambda: ask(do="promote", name=name))
    return server


async def leave(cluster: Cluster, name: str) -> None:
    """Remove a server, and see it stop by itself."""

    async def remove() -> dict[str, object]:
        return await (await cluster.leader()).ask(do="remove", name=name)

    await accepted(remove)
    process = cluster.servers[name].process
    assert process is not None
    await asyncio.wait_for(process.wait(), 20)
    del cluster.servers[name]


@pytest.mark.timeout(240)
async def test_a_server_finds_back_to_a_cluster_whose_other_members_are_all_new() -> None:
    async with running(3) as cluster:
        await cluster.leader()
        away = cluster.servers["s3"]
        await away.kill()
        for name in ("s4", "s5"):
            await join(cluster, name)
        for name in ("s1", "s2"):
            await leave(cluster, name)
        leader = await cluster.leader()
        index = (await accepted(lambda: leader.ask(do="propose", entry="news")))["index"]
        await away.start()
        assert (await accepted(lambda: away.ask(do="read")))["applied"] == index


@pytest.mark.timeout(240)
async def test_one_server_grows_to_three_to_five_and_back_while_writing() -> None:
    async with running(1) as cluster:
        await cluster.leader()
        acknowledged: list[str] = []
        over = False

        async def write() -> None:
            count = 0
            while not over:
                count += 1
                with contextlib.suppress(OSError, TimeoutError, AssertionError):
                    leader = await cluster.leader(within=1.0)
                    answer = await leader.ask(do="propose", entry=f"e{count}")
                    if "error" not in answer:
                        acknowledged.append(f"e{count}")
                await asyncio.sleep(0.01)

        writing = asyncio.ensure_future(write())
        for name in ("s2", "s3", "s4", "s5"):
            await join(cluster, name)
        leader = await cluster.leader()
        gone = [leader.name, next(name for name in cluster.servers if name != leader.name)]
        for name in gone:
            await leave(cluster, name)
        over = True
        await writing
        for server in cluster.servers.values():
            await accepted(lambda server=server: server.ask(do="read"))
        dumps = [(await server.ask(do="dump"))["rows"] for server in cluster.servers.values()]
        assert len(dumps) == 3
        assert dumps[0] == dumps[1] == dumps[2]
        assert isinstance(dumps[0], list)
        assert set(acknowledged) <= {row[1] for row in dumps[0]}
        assert len(acknowledged) > 10
