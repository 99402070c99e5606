"""Containers from `apply` to running, beside the same engine's raw create + start.

Repeat with: python -m bench.containers [count] [rounds]. Needs a Docker Engine and orb-example:1
(`make images`). Both ways make the same containers (network of their own, limits, a published
port); they take turns, and the ratio of the medians is what counts on a noisy machine.
"""

import asyncio
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Final

import docker

from agent.runtime.docker_container import LABEL_CLUSTER
from cli.asking import Query
from cli.client import Client
from orb.resources import Resources
from orb.spec import AppSpec, ContainerSpec, Port, ServiceSpec, TaskSpec
from orb.tls import cluster_mark
from tests.cluster.harness import a_cluster, patiently

IMAGE: Final = "orb-example:1"
NODES: Final = ("n1", "n2", "n3")
THREADS: Final = 8
"""More at once make no engine faster (docs: FACTS of the engine, measured)."""
LABEL: Final = "orb.bench"


def raw(engine: docker.DockerClient, count: int) -> float:
    """Seconds that the engine takes for *count* containers made by nobody but this loop."""
    api = engine.api
    network = engine.networks.create("orb-bench", labels={LABEL: "raw"})
    config = api.create_host_config(
        network_mode=network.id, mem_limit=64 << 20, port_bindings={8080: ("127.0.0.1", None)}
    )

    def one(_: int) -> None:
        made = api.create_container(IMAGE, labels={LABEL: "raw"}, ports=[8080], host_config=config)
        api.start(made["Id"])

    began = perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, range(count)))
    took = perf_counter() - began
    for container in api.containers(all=True, filters={"label": LABEL}):
        api.remove_container(container["Id"], force=True)
    network.remove()
    return took


async def orb(client: Client, engine: docker.DockerClient, mark: str, count: int) -> float:
    """Seconds from `apply` until *count* containers of the app run."""
    task = TaskSpec(
        container=ContainerSpec(image=IMAGE),
        reservations=Resources(milli_cpus=20, memory_bytes=8 << 20),
        limits=Resources(memory_bytes=64 << 20),
        ports=(Port(target=8080, published=8080),),
    )
    spec = AppSpec(name="bench", services=(ServiceSpec(name="bench", task=task, replicas=count),))
    ours = {"label": f"{LABEL_CLUSTER}={mark}"}
    began = perf_counter()
    await client.apply("default", spec)
    while len(engine.api.containers(filters=ours)) < count:
        await asyncio.sleep(0.05)
    took = perf_counter() - began
    await client.delete("default", "bench")

    async def empty() -> bool:
        return not engine.api.containers(all=True, filters=ours)

    await patiently(empty, 120)
    return took


async def compare(count: int, rounds: int) -> None:
    """Take turns, and print both medians and their ratio."""
    engine = docker.from_env()
    with tempfile.TemporaryDirectory() as folder, a_cluster(Path(folder)) as cluster:
        mark = cluster_mark(Path(folder) / "certs" / "admin" / "ca.pem")
        for node in NODES:
            cluster.start_agent(node, "--runtime=docker")
        async with cluster.client() as client:

            async def joined() -> bool:
                return len(await client.nodes()) == len(NODES)

            await patiently(joined, 60)
            await orb(client, engine, mark, 3)
            pairs = []
            for _ in range(rounds):
                pairs.append((raw(engine, count), await orb(client, engine, mark, count)))
                print(f"  raw {pairs[-1][0]:6.2f} s   orb {pairs[-1][1]:6.2f} s")
            replicas = await client.replicas(Query(kind="replicas"))
            assert replicas == ()
    alone, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{count} containers running: engine alone {alone:.2f} s, orb {ours:.2f} s: "
        f"{ours / alone:.2f} times (medians of {rounds})"
    )


def main() -> None:
    """Read the arguments and compare."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    print(f"python -m bench.containers {count} {rounds}")
    asyncio.run(compare(count, rounds))


if __name__ == "__main__":
    main()
