"""Three real servers under kill -9: nothing acknowledged is lost, and all hold the same state."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.asking import Query
from orb.errors import NoQuorum, OrbError
from tests.cluster.harness import SERVERS, Cluster, a_cluster, an_app, patiently

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

Acknowledged = dict[str, int]
"""The newest release that was acknowledged, by app."""


async def written_during(cluster: Cluster, hurt: Callable[[], object]) -> Acknowledged:
    """Three writers write while something happens to the servers, and two seconds more."""
    acknowledged: list[Acknowledged] = [{}, {}, {}]
    done = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for number, mine in enumerate(acknowledged):
            group.create_task(_writer(cluster, f"w{number}", mine, done))
        await asyncio.sleep(1.5)
        result = hurt()
        if asyncio.iscoroutine(result):
            await result
        await asyncio.sleep(2)
        done.set()
    return {name: number for mine in acknowledged for name, number in mine.items()}


async def _writer(cluster: Cluster, name: str, mine: Acknowledged, done: asyncio.Event) -> None:
    async with cluster.client() as client:
        number = 0
        while not done.is_set():
            number += 1
            app = f"{name}-{number % 3}"
            try:
                applied = await client.apply("default", an_app(app, image=f"app:v{number}"))
            except OrbError:
                continue
            mine[app] = applied.release


async def releases_of(cluster: Cluster) -> Acknowledged:
    async with cluster.client() as client:
        found = await patiently(lambda: client.get(Query(kind="services")))
    return {view.app: view.release for view in found}  # type: ignore[union-attr]


def assert_nothing_lost(acknowledged: Acknowledged, found: Acknowledged) -> None:
    assert acknowledged, "nobody could write at all"
    lost = {app: number for app, number in acknowledged.items() if found.get(app, 0) < number}
    assert lost == {}


async def test_a_leader_killed_while_writing_loses_nothing(tmp_path: Path) -> None:
    with a_cluster(tmp_path) as cluster:

        async def hurt() -> None:
            for _ in range(2):
                leader = await cluster.leader()
                cluster.kill(leader)
                await asyncio.sleep(2)
                cluster.start(leader)
                await asyncio.sleep(1)

        await cluster.leader()
        acknowledged = await written_during(cluster, hurt)
        await cluster.digests_agree()
        assert_nothing_lost(acknowledged, await releases_of(cluster))


async def test_followers_killed_and_restarted_catch_up(tmp_path: Path) -> None:
    with a_cluster(tmp_path) as cluster:

        async def hurt() -> None:
            leader = await cluster.leader()
            for name in SERVERS:
                if name != leader:
                    cluster.kill(name)
                    await asyncio.sleep(1)
                    cluster.start(name)
                    await patiently(lambda name=name: cluster.digest(name))  # type: ignore[misc]

        await cluster.leader()
        acknowledged = await written_during(cluster, hurt)
        await cluster.digests_agree()
        assert_nothing_lost(acknowledged, await releases_of(cluster))


async def test_all_servers_killed_at_once_come_back_with_the_same_state(tmp_path: Path) -> None:
    with a_cluster(tmp_path) as cluster:
        await cluster.leader()
        for _ in range(3):
            acknowledged = await written_during(cluster, lambda: None)
            cluster.kill(*SERVERS)
            cluster.start()
            await cluster.leader()
            await cluster.digests_agree()
            assert_nothing_lost(acknowledged, await releases_of(cluster))


async def test_a_server_without_quorum_says_so_within_five_seconds(tmp_path: Path) -> None:
    with a_cluster(tmp_path) as cluster:
        leader = await cluster.leader()
        cluster.kill(*(name for name in SERVERS if name != leader))
        for _ in range(2):  # at once after the loss, and later
            for ask in ("status", "apply"):
                began = time.monotonic()
                async with cluster.client(leader) as client:
                    with pytest.raises(NoQuorum) as caught:
                        await (
                            client.status()
                            if ask == "status"
                            else client.apply("default", an_app())
                        )
                assert time.monotonic() - began < 5
                assert "servers" in caught.value.remedy
            await asyncio.sleep(1)
        async with cluster.client(leader) as client:
            view = await client.status(stale=True)
        assert view.leader == ""
        assert view.age_ms is not None
        assert view.age_ms > 0
        assert "hears no majority" in view.problems[0]


async def test_a_leader_that_is_told_to_stop_lets_another_lead_at_once(tmp_path: Path) -> None:
    with a_cluster(tmp_path) as cluster:
        leader = await cluster.leader()
        assert cluster.terminate(leader) == 0
        began = time.monotonic()
        async with cluster.client() as client:
            await client.apply("default", an_app())
        assert time.monotonic() - began < 3
        assert "an election will follow" not in cluster.log(leader)


async def test_a_second_server_on_the_same_address_is_refused_clearly(tmp_path: Path) -> None:
    with a_cluster(tmp_path, ("s1",)) as cluster:
        await cluster.leader()
        first = cluster.processes.pop("s1")
        cluster.start("s1")
        second = cluster.processes["s1"]
        assert second.wait(20) != 0
        cluster.processes["s1"] = first
        log = cluster.log("s1")
        assert "Traceback" not in log
        assert "remedy" in log.splitlines()[-1] or "why" in log.splitlines()[-1]


async def test_a_server_with_a_damaged_log_refuses_to_start_and_says_what_to_do(
    tmp_path: Path,
) -> None:
    with a_cluster(tmp_path, ("s1",)) as cluster:
        await cluster.leader()
        async with cluster.client() as client:
            for number in range(20):
                await client.apply("default", an_app(image=f"app:v{number}"))
        cluster.kill("s1")
        damage(tmp_path / "s1")
        cluster.start("s1")
        assert cluster.processes.pop("s1").wait(20) == 4
        last = cluster.log("s1").splitlines()[-1]
        assert "the storage of this server is damaged" in last
        assert "remedy=" in last


def damage(folder: Path) -> None:
    """Turn a byte in the middle of what the log holds."""
    segment = max(
        (path for path in folder.rglob("*") if path.is_file()),
        key=lambda path: len(path.read_bytes().rstrip(b"\0")),
    )
    content = bytearray(segment.read_bytes())
    middle = len(bytes(content).rstrip(b"\0")) // 2
    content[middle] ^= 0xFF
    segment.write_bytes(content)
