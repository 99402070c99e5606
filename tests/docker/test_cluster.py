"""The whole way with real containers: they run, they are healed, and nobody else's are touched."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from agent.runtime.docker_container import LABEL_CLUSTER, LABEL_OWNER, LABEL_REPLICA
from cli.asking import Query
from cli.client import Client
from orb.cluster import ReplicaView
from orb.lifecycle import Availability
from orb.manifest import load
from orb.spec import AppSpec
from orb.tls import cluster_mark
from tests.cluster.harness import SERVERS, Cluster, a_cluster, patiently

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
NODES = ("n1", "n2", "n3")
HELLO = ROOT / "examples/hello/compose.yaml"
SHOP = ROOT / "examples/shop/compose.yaml"


def app(manifest: Path) -> AppSpec:
    return load([manifest], environment={}).app


@dataclass(frozen=True)
class Lab:
    """A cluster of real processes whose nodes share the machine's engine."""

    cluster: Cluster
    client: Client
    engine: docker.DockerClient
    mark: str

    def containers(self, **labels: str) -> dict[str, str]:
        """The running containers of the cluster: name of the replica to id."""
        wanted = [f"{LABEL_CLUSTER}={self.mark}", *(f"{k}={v}" for k, v in labels.items())]
        found = self.engine.api.containers(filters={"label": wanted})
        return {one["Labels"][LABEL_REPLICA].split("/", 2)[2]: one["Id"] for one in found}

    def on_node(self, node: str) -> list[str]:
        found = self.containers(**{LABEL_OWNER: f"{self.mark}/{node}"})
        return list(found.values())

    async def ready(self, count: int) -> dict[str, ReplicaView]:
        """The replicas by name, once *count* are ready and nothing more runs."""

        async def look() -> dict[str, ReplicaView]:
            found = await self.client.replicas(Query(kind="replicas"))
            ids = {view.container_id for view in found}
            whole = len(found) == count and all(view.ready for view in found)
            return {v.name: v for v in found} if whole and self.all_ids() == ids else {}

        return await patiently(look, 90)

    def all_ids(self) -> set[str]:
        wanted = {"label": f"{LABEL_CLUSTER}={self.mark}"}
        return {one["Id"] for one in self.engine.api.containers(filters=wanted)}

    def kill(self, *containers: str) -> None:
        for container in containers:
            self.engine.api.kill(container)

    async def nodes_ready(self) -> None:
        async def look() -> bool:
            found = await self.client.nodes()
            return sum(view.state == "ready" for view in found) == len(NODES)

        await patiently(look, 60)


@pytest.fixture
def removed(engine: docker.DockerClient) -> Iterator[list[str]]:
    """Marks of clusters whose containers, networks and volumes are removed after the test."""
    marks: list[str] = []
    yield marks
    for mark in marks:
        ours = {"label": f"{LABEL_CLUSTER}={mark}"}
        for container in engine.api.containers(all=True, filters=ours):
            engine.api.remove_container(container["Id"], force=True, v=True)
        for network in engine.networks.list(filters=ours):
            network.remove()
        for volume in engine.volumes.list(filters=ours):
            volume.remove(force=True)


@asynccontextmanager
async def lab(folder: Path, engine: docker.DockerClient, removed: list[str]) -> AsyncIterator[Lab]:
    with a_cluster(folder) as cluster:
        mark = cluster_mark(folder / "certs" / "admin" / "ca.pem")
        removed.append(mark)
        for node in NODES:
            cluster.start_agent(node, "--runtime=docker")
        async with cluster.client() as client:
            made = Lab(cluster, client, engine, mark)
            await made.nodes_ready()
            yield made


async def test_a_killed_container_is_replaced_and_the_others_are_not_touched(
    tmp_path: Path, engine: docker.DockerClient, removed: list[str]
) -> None:
    async with lab(tmp_path, engine, removed) as made:
        await made.client.apply("default", app(SHOP))
        before = await made.ready(8)

        made.kill(before["web/2"].container_id)
        await patiently(lambda: gone(made, before["web/2"]))
        after = await made.ready(8)

        assert after["web/2"].restarts == 1
        assert after["web/2"].container_id != before["web/2"].container_id
        assert {n: v.container_id for n, v in after.items() if n != "web/2"} == {
            n: v.container_id for n, v in before.items() if n != "web/2"
        }


async def test_an_agent_that_dies_with_its_containers_is_healed_elsewhere(
    tmp_path: Path, engine: docker.DockerClient, removed: list[str]
) -> None:
    async with lab(tmp_path, engine, removed) as made:
        await made.client.apply("default", app(HELLO))
        before = await made.ready(3)
        hurt = before["hello/1"].node

        made.cluster.kill(hurt)
        made.kill(*made.on_node(hurt))
        after = await made.ready(3)

        assert hurt not in {view.node for view in after.values()}


async def test_the_leader_and_a_node_die_together_and_the_surplus_goes_when_they_return(
    tmp_path: Path, engine: docker.DockerClient, removed: list[str]
) -> None:
    async with lab(tmp_path, engine, removed) as made:
        await made.client.apply("default", app(HELLO))
        before = await made.ready(3)
        hurt = before["hello/1"].node
        leader = await made.cluster.leader()

        made.cluster.kill(leader, hurt)  # its containers run on: nobody stops them
        await patiently(lambda: elsewhere(made, hurt), 60)
        made.cluster.start(leader)
        made.cluster.start_agent(hurt)
        await made.nodes_ready()
        await made.ready(3)

        await made.cluster.digests_agree()


async def test_killing_everything_three_times_leaves_the_same_containers_running(
    tmp_path: Path, engine: docker.DockerClient, removed: list[str]
) -> None:
    async with lab(tmp_path, engine, removed) as made:
        await made.client.apply("default", app(SHOP))
        before = await made.ready(8)

        for _ in range(3):
            made.cluster.kill(*SERVERS, *NODES)
            made.cluster.start()
            for node in NODES:
                made.cluster.start_agent(node)
            await made.nodes_ready()
            await asyncio.sleep(4)  # long enough for anything to be taken for lost
            after = await made.ready(8)
            assert {n: v.container_id for n, v in after.items()} == {
                n: v.container_id for n, v in before.items()
            }
        await made.cluster.digests_agree()


async def test_what_was_deleted_while_the_agent_was_away_goes_and_nobody_elses_does(
    tmp_path: Path, engine: docker.DockerClient, removed: list[str]
) -> None:
    stranger = engine.containers.run("orb-example:1", detach=True)
    try:
        async with lab(tmp_path, engine, removed) as made:
            await made.client.apply("default", app(HELLO))
            before = await made.ready(3)
            away = before["hello/1"].node

            made.cluster.kill(away)
            await made.client.delete("default", "hello")
            await patiently(lambda: nothing_but(made, set(made.on_node(away))))
            assert made.on_node(away) == [before["hello/1"].container_id]
            made.cluster.start_agent(away)

            await patiently(lambda: nothing_but(made, set()), 60)
            stranger.reload()
            assert stranger.status == "running"
    finally:
        stranger.remove(force=True)


async def test_draining_a_node_starts_the_new_copy_before_the_old_one_goes(
    tmp_path: Path, engine: docker.DockerClient, removed: list[str]
) -> None:
    async with lab(tmp_path, engine, removed) as made:
        await made.client.apply("default", app(HELLO))
        before = await made.ready(3)
        drained = before["hello/1"].node
        fewest = 3

        await made.client.set_availability(drained, Availability.DRAINING)

        async def empty() -> bool:
            nonlocal fewest
            service = (await made.client.services(Query(kind="services")))[0]
            fewest = min(fewest, service.ready)
            return not made.on_node(drained)

        await patiently(empty, 60)
        assert (fewest, len(await made.ready(3))) == (3, 3)


async def gone(made: Lab, replica: ReplicaView) -> bool:
    return replica.container_id not in made.all_ids()


async def elsewhere(made: Lab, node: str) -> bool:
    """Every replica is ready on another node than *node*."""
    found = await made.client.replicas(Query(kind="replicas"))
    return len(found) == 3 and all(view.ready and view.node != node for view in found)


async def nothing_but(made: Lab, containers: set[str]) -> bool:
    return made.all_ids() == containers
