"""Workloads outlive the servers and the agents that look after them."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from cli.asking import Query
from cli.client import Client
from orb.cluster import NodeView, ReplicaView
from tests.cluster.harness import SERVERS, Cluster, a_cluster, an_app, patiently

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NODES = ("n1", "n2", "n3")
SLEEP = an_app("sleeper", replicas=4, command=("sleep", "1000"))


async def replicas(client: Client) -> tuple[ReplicaView, ...]:
    return await client.replicas(Query(kind="replicas"))


async def all_ready(client: Client, count: int) -> dict[str, tuple[str, str]]:
    """Task and container of each replica, once *count* are ready and nothing else is there."""

    async def look() -> dict[str, tuple[str, str]]:
        found = await replicas(client)
        if len(found) != count or not all(view.ready for view in found):
            return {}
        return {view.name: (view.task, view.container_id) for view in found}

    return await patiently(look, 40)


async def nodes_ready(client: Client, count: int) -> None:
    async def look() -> bool:
        found = cast("tuple[NodeView, ...]", await client.nodes())
        return sum(view.state == "ready" for view in found) == count

    await patiently(look, 40)


async def with_sleepers(cluster: Cluster, client: Client) -> dict[str, tuple[str, str]]:
    for name in NODES:
        cluster.start_agent(name, "--runtime=process")
    await nodes_ready(client, len(NODES))
    await client.apply("default", SLEEP)
    return await all_ready(client, 4)


async def test_killing_all_servers_and_agents_at_once_touches_no_workload(tmp_path: Path) -> None:
    with a_cluster(tmp_path) as cluster:
        async with cluster.client() as client:
            try:
                before = await with_sleepers(cluster, client)
                for _ in range(2):
                    cluster.kill(*SERVERS, *NODES)
                    cluster.start()
                    for name in NODES:
                        cluster.start_agent(name)
                    await nodes_ready(client, len(NODES))
                    await asyncio.sleep(4)  # long enough for anything to be taken for lost
                    assert await all_ready(client, 4) == before
                await cluster.digests_agree()
            finally:
                await swept(client)


async def test_the_leader_and_a_node_die_together_and_all_is_replaced(tmp_path: Path) -> None:
    with a_cluster(tmp_path) as cluster:
        async with cluster.client() as client:
            try:
                before = await with_sleepers(cluster, client)
                hurt = next(
                    view.node for view in await replicas(client) if view.name == "sleeper/1"
                )
                leader = await cluster.leader()
                cluster.kill(leader, hurt)

                async def moved() -> bool:
                    found = await replicas(client)
                    return all(view.ready and view.node != hurt for view in found)

                await patiently(moved, 30)
                cluster.start(leader)
                cluster.start_agent(hurt)
                await nodes_ready(client, len(NODES))
                after = await all_ready(client, 4)
                assert after.keys() == before.keys()
                await cluster.digests_agree()
            finally:
                await swept(client)


async def swept(client: Client) -> None:
    """Let the agents end what they run, or it would outlive the test."""
    await patiently(lambda: _deleted(client), 30)


async def _deleted(client: Client) -> bool:
    services = await client.services(Query(kind="services"))
    if services:
        await client.delete("default", "sleeper")
    nodes = await client.nodes()
    return not services and not await replicas(client) and all(view.tasks == 0 for view in nodes)
