"""Tasks from `apply` to running, end to end: API, log, reconcilers, scheduler, dispatch, reports.

Repeat with: python -m bench.endtoend [tasks] [agents] [servers]. Real servers with their logs on
disk; the agents are real too, with pretended runtimes, in two processes (bench/fleet.py). All share
this machine's cores: the agents take more of them than the server does, so the CPU time for each
task is told too. Three servers on two cores measure the shortage of cores.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Final

from cli.asking import Query
from cli.client import Client
from orb.errors import OrbError
from orb.spec import AppSpec, ContainerSpec, ServiceSpec, TaskSpec
from tests.cluster.harness import Cluster, a_cluster, patiently

SERVICES: Final = 10
ROUNDS: Final = 3
LOOK_EVERY_S: Final = 0.25
FILES: Final = 16_384
"""Descriptors that a server with thousands of agents needs."""
TICKS_PER_SECOND: Final = 100


def an_app(round_: int, tasks: int) -> AppSpec:
    """Ten services; each round has another image, so that nothing is left as it is."""
    each = tasks // SERVICES
    return AppSpec(
        name=f"bench{round_}",
        services=tuple(
            ServiceSpec(
                name=f"s{number}",
                task=TaskSpec(container=ContainerSpec(image=f"bench:v{round_}")),
                replicas=each,
            )
            for number in range(SERVICES)
        ),
    )


def start_fleet(cluster: Cluster, agents: int) -> subprocess.Popen[bytes]:
    """The agents, in two processes."""
    folder = cluster.folder / "ca"
    cluster.authority.save(folder)
    servers = ",".join(f"127.0.0.1:{client}" for client, _ in cluster.ports.values())
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "bench.fleet",
            f"--ca={folder}",
            f"--servers={servers}",
            f"--agents={agents}",
        ],
        stdout=subprocess.DEVNULL,
    )


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def fleet_cpu_seconds(fleet: subprocess.Popen[bytes]) -> float:
    """What the processes of the agents have used so far."""
    children = Path(f"/proc/{fleet.pid}/task/{fleet.pid}/children").read_text().split()
    return sum(cpu_seconds(int(child)) for child in children)


async def ready(client: Client) -> int:
    """How many replicas are ready; none while the servers have no time to answer."""
    try:
        return (await client.status()).services["ready"]
    except OrbError:
        return 0


async def one_round(
    cluster: Cluster, client: Client, fleet: subprocess.Popen[bytes], round_: int, tasks: int
) -> dict[str, float]:
    """Apply, wait until all run, and delete again."""
    pid = cluster.processes[await cluster.leader()].pid
    before, before_agents = cpu_seconds(pid), fleet_cpu_seconds(fleet)
    began = perf_counter()
    await client.apply("default", an_app(round_, tasks))
    agreed = perf_counter() - began
    while await ready(client) < tasks:
        await asyncio.sleep(LOOK_EVERY_S)
    took = perf_counter() - began
    used, used_agents = cpu_seconds(pid) - before, fleet_cpu_seconds(fleet) - before_agents
    await client.delete("default", f"bench{round_}")
    await patiently(lambda: _empty(client), 120)
    return {
        "tasks_per_second": round(tasks / took),
        "seconds": round(took, 2),
        "agreed_seconds": round(agreed, 3),
        "leader_cpu_microseconds_per_task": round(used / tasks * 1e6),
        "agents_cpu_microseconds_per_task": round(used_agents / tasks * 1e6),
    }


async def _empty(client: Client) -> bool:
    nodes = await client.nodes()
    replicas = await client.replicas(Query(kind="replicas"))
    return not replicas and all(view.tasks == 0 for view in nodes)


async def measure(tasks: int, agents: int, servers: int) -> None:
    """Print a line of JSON a round."""
    names = tuple(f"s{number}" for number in range(1, servers + 1))
    with (
        tempfile.TemporaryDirectory(prefix="orb-bench-") as folder,
        a_cluster(Path(folder), names) as cluster,
    ):
        fleet = start_fleet(cluster, agents)
        try:
            async with cluster.client() as client:
                began = perf_counter()
                await patiently(lambda: _all_here(client, agents), 300)
                print(f"{agents} agents in session after {perf_counter() - began:.1f} s")
                for round_ in range(ROUNDS):
                    figures = await one_round(cluster, client, fleet, round_, tasks)
                    told = {"servers": servers, "agents": agents, **figures}
                    print(json.dumps(told), flush=True)
        finally:
            fleet.terminate()
            fleet.wait(30)


async def _all_here(client: Client, agents: int) -> bool:
    return (await client.status()).nodes["ready"] == agents


def main() -> None:
    """Read the three numbers, and measure."""
    numbers = [int(argument) for argument in sys.argv[1:4]]
    tasks, agents, servers = [*numbers, *(10_000, 1_000, 1)[len(numbers) :]]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    asyncio.run(measure(tasks, agents, servers))


if __name__ == "__main__":
    main()
