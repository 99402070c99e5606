"""A fleet of modelled nodes: real agents with pretended runtimes, thousands in a few processes.

    python bench/fleet.py --ca .orb/dev/certs/ca --servers 127.0.0.1:7400 --agents 1000

Each agent has a certificate of its own and its own connection, as real ones have. It runs until it
is interrupted.
"""

import argparse
import asyncio
import gc
import multiprocessing
import resource
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from pathlib import Path
from random import Random
from typing import Final

from agent.agent import Agent, AgentParts
from agent.files import MemoryFiles
from agent.link import dial_with
from agent.runtime.fake import FakeRuntime, FakeTimes
from agent.store import MemoryStore
from orb.clock import SystemClock
from orb.ids import NodeName
from orb.logs import LogFormat, LogLevel, configure
from orb.resources import Resources
from orb.tls import Authority, Identity
from orb.work import NodeFacts, Usage

ZONES: Final = ("a", "b", "c")
GIB: Final = 1024**3
FILES_PER_AGENT: Final = 4
"""Descriptors that an agent needs: its connection and what gRPC keeps beside it."""
SHOW_EVERY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Share:
    """What one process of the fleet does."""

    ca: Path
    servers: tuple[str, ...]
    first: int
    count: int
    prefix: str
    times: FakeTimes
    folder: Path
    ramp_seconds: float


class FixedFacts:
    """A machine of 64 CPUs and 256 GiB."""

    def __init__(self, name: str, zone: str) -> None:
        self._facts = NodeFacts(
            name=NodeName(name),
            address="127.0.0.1",
            os="linux",
            arch="amd64",
            capacity=Resources(64_000, 256 * GIB),
            labels={"zone": zone},
            runtime="fake",
        )

    async def read(self) -> NodeFacts:
        return self._facts


class FixedMeter:
    """It uses nothing but for its tasks."""

    def read(self, tasks: int) -> Usage:
        return Usage(milli_cpus=100 * tasks, memory_bytes=64 * 1024**2 * tasks, tasks=tasks)


def main() -> None:
    options = read_options()
    per_process = -(-options.agents // options.processes)
    with tempfile.TemporaryDirectory(prefix="orb-fleet-") as folder:
        shares = [
            Share(
                ca=options.ca,
                servers=tuple(options.servers.split(",")),
                first=first,
                count=min(per_process, options.agents - first),
                prefix=options.prefix,
                times=FakeTimes(
                    prepare_ms=options.prepare_ms,
                    start_ms=options.start_ms,
                    stop_ms=options.stop_ms,
                ),
                folder=Path(folder),
                ramp_seconds=options.ramp_seconds,
            )
            for first in range(0, options.agents, per_process)
        ]
        # gRPC must not see a fork: each process starts from nothing.
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=serve, args=(share,)) for share in shares]
        for worker in workers:
            worker.start()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: end_all(workers))
        for worker in workers:
            worker.join()


def end_all(workers: Sequence[SpawnProcess]) -> None:
    for worker in workers:
        worker.terminate()


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ca", type=Path, required=True, help="the folder of ca.pem, ca-key.pem")
    parser.add_argument("--servers", required=True, help="host:port,host:port")
    parser.add_argument("--agents", type=int, default=1_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--prefix", default="f")
    parser.add_argument(
        "--ramp-seconds", type=float, default=5.0, help="start the agents one by one over this time"
    )
    parser.add_argument("--prepare-ms", type=int, default=0)
    parser.add_argument("--start-ms", type=int, default=0)
    parser.add_argument("--stop-ms", type=int, default=0)
    return parser.parse_args()


def serve(share: Share) -> None:
    configure(LogLevel.ERROR, LogFormat.TEXT)
    raise_file_limit(share.count * FILES_PER_AGENT + 256)
    authority = Authority.load(share.ca)
    names = [f"{share.prefix}{number}" for number in range(share.first, share.first + share.count)]
    for name in names:
        authority.issue(Identity("node", name), share.folder / name)
    try:
        asyncio.run(run_agents(share, names))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return


async def run_agents(share: Share, names: list[str]) -> None:
    me = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, me.cancel)  # type: ignore[union-attr]
    agents = [an_agent(share, name, number) for number, name in enumerate(names)]
    gc.collect()
    gc.freeze()
    async with asyncio.TaskGroup() as group:
        for agent in agents:
            group.create_task(agent.run())
            await asyncio.sleep(share.ramp_seconds / len(agents))
        while True:
            await asyncio.sleep(SHOW_EVERY_SECONDS)
            print(
                f"{names[0]}…: {sum(agent.is_in_session for agent in agents)} in session",
                flush=True,
            )


def an_agent(share: Share, name: str, number: int) -> Agent:
    clock = SystemClock()
    return Agent(
        AgentParts(
            addresses=share.servers,
            dial=dial_with(share.folder / name),
            clock=clock,
            chance=Random(name),  # noqa: S311 - it spreads tries over time
            runtime=FakeRuntime(clock, share.times),
            store=MemoryStore(),
            files=MemoryFiles(),
            facts=FixedFacts(name, ZONES[number % len(ZONES)]),
            meter=FixedMeter(),
        )
    )


def raise_file_limit(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))


if __name__ == "__main__":
    main()
