"""Real processes under kill -9, SIGSTOP, partitions, power cuts; every answer is checked.

`python -m tests.raft.nemesis --seconds 600 --seed 1` prints what was done and survived.
"""

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from orb.tls import Authority, Identity
from tests.raft.process import power_cut

ROOT = Path(__file__).resolve().parents[2]
ANSWER_WITHIN_S = 8.0


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Server:
    """A server process and how to talk to it."""

    def __init__(self, name: str, directory: Path, control: int, peers: str) -> None:
        self.name = name
        self.directory = directory
        self.control = control
        self.peers = peers
        self.process: asyncio.subprocess.Process | None = None
        self.stopped = False
        self.options: list[str] = []

    async def start(self) -> None:
        with (self.directory / "output").open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.raft.process",
                f"--name={self.name}",
                f"--peers={self.peers}",
                f"--control={self.control}",
                f"--directory={self.directory}",
                *self.options,
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )
        self.stopped = False

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        self.process = None

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)
            self.stopped = number == signal.SIGSTOP

    async def ask(self, **question: str) -> dict[str, object]:
        """One question on a connection of its own. Raises OSError or TimeoutError: unknown."""
        async with asyncio.timeout(ANSWER_WITHIN_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.control, limit=2**26)
            try:
                writer.write(json.dumps(question).encode() + b"\n")
                line = await reader.readline()
            finally:
                writer.close()
        if not line:
            raise ConnectionResetError("no answer")
        answer: dict[str, object] = json.loads(line)
        return answer


class Cluster:
    """Servers as processes in a folder of their own."""

    def __init__(self, count: int, *options: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="orb-raft-"))
        ports = free_ports(2 * count)
        names = [f"s{n}" for n in range(1, count + 1)]
        peers = ",".join(
            f"{name}=127.0.0.1:{port}" for name, port in zip(names, ports[:count], strict=True)
        )
        self.authority = Authority.create("test")
        self.servers: dict[str, Server] = {}
        for name, control in zip(names, ports[count:], strict=True):
            self.add(name, control, peers).options += options

    def add(self, name: str, control: int, peers: str) -> Server:
        folder = self.directory / name
        folder.mkdir()
        self.authority.issue(Identity("server", name), folder / "tls")
        server = self.servers[name] = Server(name, folder, control, peers)
        return server

    async def start(self) -> None:
        await asyncio.gather(*(server.start() for server in self.servers.values()))

    async def leader(self, within: float = 20.0) -> Server:
        """The server that says it leads with a majority."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            for server in list(self.servers.values()):
                with contextlib.suppress(OSError, TimeoutError):
                    status = await server.ask(do="status")
                    if status["role"] == "LEADER" and status["quorum"]:
                        return server
            await asyncio.sleep(0.05)
        raise AssertionError("no leader")

    async def stop(self) -> None:
        for server in self.servers.values():
            await server.kill()
        shutil.rmtree(self.directory)


class History:
    """What clients were told."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.acknowledged: dict[str, int] = {}
        self.refused: set[str] = set()
        self.highest = 0
        self.gaps: list[float] = []
        self.last_ack = time.monotonic()

    def acknowledge(self, entry: str, index: int) -> None:
        self.acknowledged[entry] = index
        self.highest = max(self.highest, index)
        self.last_ack = time.monotonic()
        self.counts["acknowledged"] += 1

    def check(self, rows: list[tuple[int, str]], server: str) -> None:
        """Nothing lost, nothing twice, nothing that was refused."""
        entries = [entry for _, entry in rows]
        doubled = [entry for entry, count in Counter(entries).items() if count > 1]
        places = {entry: index for index, entry in rows}
        lost = [e for e, index in self.acknowledged.items() if places.get(e) != index]
        happened = sorted(self.refused & set(entries))
        assert not lost, f"{server} lost {len(lost)} acknowledged writes: {lost[:5]}"
        assert not doubled, f"{server} applied twice: {doubled[:5]}"
        assert not happened, f"{server} did what it had refused: {happened[:5]}"


class Run:
    """Writers, readers and a nemesis for a while; then peace, and the reckoning."""

    def __init__(self, seed: int, seconds: float, servers: int) -> None:
        self.rng = random.Random(seed)
        self.seconds = seconds
        self.cluster = Cluster(servers, "--undo")
        self.history = History()
        self.over = False

    async def go(self) -> History:
        await self.cluster.start()
        try:
            await self.cluster.leader()
            async with asyncio.TaskGroup() as group:
                for number in range(8):
                    group.create_task(self.write(number))
                group.create_task(self.read())
                group.create_task(self.read())
                group.create_task(self.torment())
            await self.reckon()
        finally:
            await self.cluster.stop()
        return self.history

    async def write(self, number: int) -> None:
        count, target, rng = 0, None, random.Random(number)
        while not self.over:
            server = target or rng.choice(list(self.cluster.servers.values()))
            count += 1
            entry = f"w{number}-{count}"
            try:
                answer = await server.ask(do="propose", entry=entry)
            except (OSError, TimeoutError, ValueError):
                self.history.counts["unknown: no answer"] += 1
                target = None
                await asyncio.sleep(0.02)
                continue
            target = self.told(entry, answer, server)
            if target is None:
                await asyncio.sleep(0.02)

    def told(self, entry: str, answer: dict[str, object], server: Server) -> Server | None:
        match answer.get("error"):
            case None:
                self.history.acknowledge(entry, int(str(answer["index"])))
                return server
            case "Unknown":
                self.history.counts["unknown: said so"] += 1
            case error:
                self.history.counts[f"refused: {error}"] += 1
                self.history.refused.add(entry)
        return None

    async def read(self) -> None:
        rng = random.Random(99)
        while not self.over:
            server = rng.choice(list(self.cluster.servers.values()))
            must_have = self.history.highest
            with contextlib.suppress(OSError, TimeoutError, ValueError):
                answer = await server.ask(do="read")
                if "error" not in answer:
                    self.history.counts["reads"] += 1
                    found = int(str(answer["applied"]))
                    assert found >= must_have, f"{server.name}: stale, {found} < {must_have}"
            await asyncio.sleep(0.01)

    async def torment(self) -> None:
        end = time.monotonic() + self.seconds
        faults = [
            self.kill_one,
            self.kill_leader,
            self.kill_all,
            self.cut_power,
            self.cut_power_of_all,
            self.pause,
            self.pause_leader,
            self.partition,
        ]
        while time.monotonic() < end:
            await asyncio.sleep(self.rng.uniform(0.5, 3.0))
            fault = self.rng.choice(faults)
            self.history.counts[f"fault: {fault.__name__}"] += 1
            await fault()
        self.over = True

    def _one(self) -> Server:
        return self.rng.choice(list(self.cluster.servers.values()))

    async def _leader(self) -> Server:
        try:
            return await self.cluster.leader(within=3.0)
        except AssertionError:
            return self._one()

    async def _down(self, *servers: Server, cut: bool = False) -> None:
        for server in servers:
            await server.kill()
            if cut:
                taken = power_cut(server.directory / "raft", self.rng)
                self.history.counts["unsynced writes taken back"] += taken
        await asyncio.sleep(self.rng.uniform(0.0, 2.0))
        for server in servers:
            await server.start()

    async def kill_one(self) -> None:
        await self._down(self._one())

    async def kill_leader(self) -> None:
        await self._down(await self._leader())

    async def kill_all(self) -> None:
        await self._down(*self.cluster.servers.values())

    async def cut_power(self) -> None:
        await self._down(await self._leader(), cut=True)

    async def cut_power_of_all(self) -> None:
        await self._down(*self.cluster.servers.values(), cut=True)

    async def pause(self, server: Server | None = None) -> None:
        server = server or self._one()
        server.signal(signal.SIGSTOP)
        await asyncio.sleep(self.rng.uniform(0.1, 4.0))
        server.signal(signal.SIGCONT)

    async def pause_leader(self) -> None:
        await self.pause(await self._leader())

    async def partition(self) -> None:
        servers = list(self.cluster.servers.values())
        alone = self._one() if self.rng.random() < 0.5 else await self._leader()
        for server in servers:
            others = [s.name for s in servers if s is not server]
            blocked = others if server is alone else [alone.name]
            with contextlib.suppress(OSError, TimeoutError):
                await server.ask(do="block", peers=" ".join(blocked))
        await asyncio.sleep(self.rng.uniform(0.5, 5.0))
        for server in servers:
            with contextlib.suppress(OSError, TimeoutError):
                await server.ask(do="block", peers="")

    async def reckon(self) -> None:
        """All alive, all healed: everybody must hold the same, and all that was promised."""
        servers = list(self.cluster.servers.values())
        for server in servers:
            with contextlib.suppress(OSError, TimeoutError):
                await server.ask(do="block", peers="")
        deadline = time.monotonic() + 30.0
        while True:
            try:
                for server in servers:
                    assert "error" not in await server.ask(do="read")
                dumps = [(await server.ask(do="dump"))["rows"] for server in servers]
                assert all(dump == dumps[0] for dump in dumps), "states differ"
                break
            except (AssertionError, OSError, TimeoutError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)
        for server, rows in zip(servers, dumps, strict=True):
            assert isinstance(rows, list)
            self.history.check([(row[0], row[1]) for row in rows], server.name)


async def failover(kills: int) -> list[float]:
    """How long from kill -9 of the leader to the next acknowledged write, in seconds."""
    cluster = Cluster(3)
    times: list[float] = []
    await cluster.start()
    try:
        for number in range(kills):
            leader = await cluster.leader()
            assert "error" not in await leader.ask(do="propose", entry=f"before-{number}")
            await leader.kill()
            started = time.monotonic()
            times.append(await _next_write(cluster, leader, started, number))
            await leader.start()
            await asyncio.sleep(1.5)
    finally:
        await cluster.stop()
    return times


async def _next_write(cluster: Cluster, dead: Server, started: float, number: int) -> float:
    attempt = 0
    while True:
        for server in cluster.servers.values():
            attempt += 1
            with contextlib.suppress(OSError, TimeoutError):
                if server is not dead:
                    answer = await server.ask(do="propose", entry=f"after-{number}-{attempt}")
                    if "error" not in answer:
                        return time.monotonic() - started
        await asyncio.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--servers", type=int, default=3, choices=(1, 3, 5))
    parser.add_argument("--failover", type=int, default=0, help="only measure so many failovers")
    chosen = parser.parse_args()
    if chosen.failover:
        times = asyncio.run(failover(chosen.failover))
        sys.stdout.write(
            f"leader killed -> next write: median {statistics.median(times):.2f} s, "
            f"worst {max(times):.2f} s of {len(times)}\n"
        )
        return
    history = asyncio.run(Run(chosen.seed, chosen.seconds, chosen.servers).go())
    for name, count in sorted(history.counts.items()):
        sys.stdout.write(f"{name:32} {count:10,}\n")
    sys.stdout.write("0 lost, 0 twice, 0 stale, all servers equal\n")


if __name__ == "__main__":
    main()
