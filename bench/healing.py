"""How soon the cluster is itself again, and what it costs when nothing happens.

Repeat with: python -m bench.healing [rounds]. Real servers and agents on loopback (process
runtime); the fault is kill -9. Times are from the fault to what a user sees.
"""

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Final

from cli.asking import Query
from cli.client import Client
from orb.errors import OrbError
from tests.cluster.harness import SERVERS, Cluster, a_cluster, an_app, patiently

NODES: Final = ("n1", "n2", "n3", "n4")
REPLICAS: Final = 8
IDLE_SECONDS: Final = 20
TICKS_PER_SECOND: Final = 100


async def ready(client: Client, without: str = "") -> bool:
    """Whether every replica is ready, none of them on *without*."""
    found = await client.replicas(Query(kind="replicas"))
    return len(found) == REPLICAS and all(v.ready and v.node != without for v in found)


async def node_lost(cluster: Cluster, client: Client) -> float:
    """Seconds from the death of a machine until all its replicas are ready elsewhere."""
    node = (await client.replicas(Query(kind="replicas")))[0].node
    began = perf_counter()
    cluster.kill(node)
    while not await ready(client, without=node):
        await asyncio.sleep(0.05)
    took = perf_counter() - began
    cluster.start_agent(node)

    async def back() -> bool:
        nodes = await client.nodes()
        return all(view.state == "ready" for view in nodes) and await ready(client)

    await patiently(back, 60)
    return took


async def leader_lost(cluster: Cluster, count: int) -> float:
    """Seconds from the death of the leader until the next write is acknowledged."""
    leader = await cluster.leader()
    others = tuple(name for name in SERVERS if name != leader)
    began = perf_counter()
    cluster.kill(leader)
    async with cluster.client(*others) as survivor:
        while True:
            try:
                await survivor.apply(
                    "default", an_app("write", replicas=count % 2, command=("true",))
                )
                break
            except OrbError:
                await asyncio.sleep(0.02)
    took = perf_counter() - began
    cluster.start(leader)
    await cluster.digests_agree()
    return took


def cpu_seconds(pid: int) -> float:
    """Time that a process has had on a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def resident_mib(pid: int) -> float:
    """Memory that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


async def idle(cluster: Cluster, names: Iterable[str]) -> str:
    """Memory and processor time of processes that have nothing to do."""
    pids = [cluster.processes[name].pid for name in names]
    before = [cpu_seconds(pid) for pid in pids]
    await asyncio.sleep(IDLE_SECONDS)
    used = [cpu_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
    shares = [f"{100 * one / IDLE_SECONDS:.1f} %" for one in used]
    return f"{max(map(resident_mib, pids)):.0f} MiB at most; CPU {', '.join(shares)}"


def shown(name: str, seconds: list[float]) -> str:
    """Median and range of a list of times."""
    middle = statistics.median(seconds)
    return (
        f"{name}: {middle:.2f} s (median of {len(seconds)}; {min(seconds):.2f}-{max(seconds):.2f})"
    )


async def measure(rounds: int) -> None:
    """Start a cluster, hurt it, and print what was seen."""
    with tempfile.TemporaryDirectory() as folder, a_cluster(Path(folder)) as cluster:
        for node in NODES:
            cluster.start_agent(node, "--runtime=process")
        async with cluster.client() as client:

            async def joined() -> bool:
                return len(await client.nodes()) == len(NODES)

            await patiently(joined, 60)
            await client.apply(
                "default", an_app("sleeper", replicas=REPLICAS, command=("sleep", "1000"))
            )
            await patiently(lambda: ready(client), 60)
            print(f"idle server: {await idle(cluster, SERVERS)}")
            print(f"idle agent with {REPLICAS // len(NODES)} tasks: {await idle(cluster, NODES)}")
            lost = [await node_lost(cluster, client) for _ in range(rounds)]
            print(shown("node lost, its replicas ready elsewhere", lost))
            led = [await leader_lost(cluster, number) for number in range(rounds)]
            print(shown("leader lost, next write acknowledged", led))
            for app in ("sleeper", "write"):
                await client.delete("default", app)

            async def empty() -> bool:
                return all(view.tasks == 0 for view in await client.nodes())

            await patiently(empty, 60)


def main() -> None:
    """Read the arguments and measure."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"python -m bench.healing {rounds}")
    asyncio.run(measure(rounds))


if __name__ == "__main__":
    main()
