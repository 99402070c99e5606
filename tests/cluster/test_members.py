"""Servers that come and go while people write: by orbctl, with kill -9 in between."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cli.asking import Query
from orb.errors import OrbError
from tests.cluster.harness import Cluster, a_cluster, an_app, patiently

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXIT_NOT_MEMBER = 5


@asynccontextmanager
async def writing(cluster: Cluster) -> AsyncIterator[dict[str, int]]:
    """Somebody writes all the while; the newest release that was acknowledged, by app."""
    acknowledged: dict[str, int] = {}
    done = asyncio.Event()

    async def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            async with cluster.client() as client:  # of the servers that there are now
                try:
                    spec = an_app(f"w{number % 3}", image=f"app:v{number}")
                    applied = await client.apply("default", spec)
                except OrbError:
                    continue
            acknowledged[applied.app] = applied.release

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        try:
            yield acknowledged
        finally:
            done.set()


async def nothing_is_lost(cluster: Cluster, acknowledged: dict[str, int]) -> None:
    await cluster.digests_agree()
    async with cluster.client() as client:
        found = await patiently(lambda: client.get(Query(kind="services")))
    releases = {view.app: view.release for view in found}  # type: ignore[union-attr]
    assert acknowledged, "nobody could write at all"
    assert {app: releases.get(app, 0) >= number for app, number in acknowledged.items()} == (
        dict.fromkeys(acknowledged, True)
    )


async def member_table(cluster: Cluster) -> dict[str, tuple[str, bool]]:
    """Address and vote of each server, as agreed."""
    async with cluster.client() as client:
        view = await patiently(client.status)
    return {one.name: (one.address, one.role != "learner") for one in view.servers}


def all_voting(cluster: Cluster) -> dict[str, tuple[str, bool]]:
    return {name: (f"127.0.0.1:{cluster.ports[name][0]}", True) for name in cluster.names}


async def _is_silent(cluster: Cluster, name: str) -> bool:
    async with cluster.client() as client:
        view = await client.status()
    return any(one.name == name and not one.healthy for one in view.servers)


async def added(cluster: Cluster, name: str) -> None:
    cluster.join(name)
    code, told = await cluster.orbctl("server", "add", f"{name}={cluster.place(name)}")
    assert code == 0, told


async def removed(cluster: Cluster, name: str) -> None:
    """Remove a server that runs, and see it stop by itself."""
    code, told = await cluster.orbctl("server", "remove", name, "-y")
    assert code == 0, told
    process = cluster.processes.pop(name)
    assert await asyncio.to_thread(process.wait, 20) == EXIT_NOT_MEMBER
    cluster.names = tuple(one for one in cluster.names if one != name)
    last = cluster.log(name).splitlines()[-1]
    assert f"server {name} was removed from the cluster" in last
    assert "remedy=" in last


async def test_one_server_grows_to_three_to_five_and_back_while_people_write(
    tmp_path: Path,
) -> None:
    with a_cluster(tmp_path, ("s1",)) as cluster:
        await cluster.leader()
        async with writing(cluster) as acknowledged:
            for name in ("s2", "s3"):
                await added(cluster, name)
            leader = await cluster.leader()
            cluster.kill(leader)
            await cluster.leader()
            cluster.start(leader)
            for name in ("s4", "s5"):
                async with asyncio.TaskGroup() as group:
                    group.create_task(added(cluster, name))
                    await asyncio.sleep(0.5)
                    leader = await cluster.leader()
                    cluster.kill(leader)  # the one that is just being asked, perhaps
                    await asyncio.sleep(1)
                    cluster.start(leader)
            assert await member_table(cluster) == all_voting(cluster)
            await removed(cluster, await cluster.leader())
            leader = await cluster.leader()
            await removed(cluster, next(one for one in cluster.names if one != leader))
            assert await member_table(cluster) == all_voting(cluster)
            assert len(cluster.names) == 3
        await nothing_is_lost(cluster, acknowledged)


async def test_a_dead_server_is_replaced_by_one_command_under_another_name_or_its_own(
    tmp_path: Path,
) -> None:
    with a_cluster(tmp_path) as cluster:
        leader = await cluster.leader()
        async with writing(cluster) as acknowledged:
            dead = next(name for name in cluster.names if name != leader)
            cluster.kill(dead)
            cluster.names = tuple(one for one in cluster.names if one != dead)
            cluster.join("s4")
            await patiently(lambda: _is_silent(cluster, dead))
            command = ("server", "replace", dead, f"s4={cluster.place('s4')}")
            code, told = await cluster.orbctl(*command)
            assert (code, "does not answer; s4 at" in told) == (1, True)
            code, told = await cluster.orbctl(*command, "-y")
            assert code == 0, told
            assert f"{dead} is removed" in told
            assert "votes; 3 servers agree now, 1 may fail" in told
            again = await cluster.orbctl(*command)
            assert (again[0], "s4  votes" in again[1]) == (0, True)
            assert await member_table(cluster) == all_voting(cluster)

            leader = await cluster.leader()
            cluster.kill(leader)
            shutil.rmtree(tmp_path / leader)
            cluster.join(leader)
            code, told = await cluster.orbctl(
                "server",
                "replace",
                leader,
                f"{leader}={cluster.place(leader)}",
                "-y",
                "--timeout",
                "30s",
            )
            assert code == 0, told
            assert await member_table(cluster) == all_voting(cluster)
        await nothing_is_lost(cluster, acknowledged)


async def test_a_minority_can_never_change_who_is_a_member(tmp_path: Path) -> None:
    with a_cluster(tmp_path) as cluster:
        leader = await cluster.leader()
        before = await member_table(cluster)
        others = [name for name in cluster.names if name != leader]
        cluster.kill(*others)
        cluster.join("s4")
        cluster.names = cluster.names[:-1]
        for command in (
            ("add", f"s4={cluster.place('s4')}"),
            ("replace", others[0], f"s4={cluster.place('s4')}", "-y"),
            ("remove", others[0], "-y"),
        ):
            code, told = await cluster.orbctl("server", *command)
            assert code == 1
            assert "error:" in told
        cluster.terminate("s4")
        cluster.start(*others)
        await cluster.digests_agree()
        assert await member_table(cluster) == before
