"""Acknowledged writes beside etcd: three members each, the same disk, a sync before every answer.

Ours is measured inside the leader (as the API uses it) and over a socket; etcd over gRPC from a
client of the same kind. Peers talk TLS in both. `bench/raft.py --only ours|etcd|failover|idle`.
"""

import argparse
import asyncio
import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import grpc

from tests.raft.nemesis import Cluster, Server, failover, free_ports

WRITERS = (1, 16, 64, 256)
BYTES = 256
BATCHES = (100, 1_000)
ETCD = "/usr/bin/etcd"

Write = Callable[[], Awaitable[None]]


def report(what: str, writers: int, times: list[float], seconds: float, each: int = 1) -> None:
    """One line: throughput, and the latency of one request."""
    times = sorted(times)
    rate = len(times) * each / seconds
    p50, p99 = times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3
    batch = f" x{each}" if each > 1 else ""
    print(
        f"{what:18}{writers:5} writers{batch:7}{rate:12,.0f}/s   p50 {p50:7.2f}  p99 {p99:7.2f} ms"
    )


async def hammer(writes: list[Write], seconds: float) -> list[float]:
    """Let each writer write one after the other; return every latency in seconds."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def one(write: Write) -> None:
        while (started := time.perf_counter()) < end:
            await write()
            times.append(time.perf_counter() - started)

    await asyncio.gather(*(one(write) for write in writes))
    return times


async def ours(seconds: float) -> None:
    """Three of our servers as processes."""
    cluster = Cluster(3, "--forgetful")
    await cluster.start()
    try:
        leader = await cluster.leader()
        for writers in WRITERS:
            times = await inside(leader, writers, seconds, BYTES)
            report("ours, in process", writers, times, seconds)
        for writers in WRITERS:
            times = await over_socket(leader, writers, seconds)
            report("ours, socket", writers, times, seconds)
        for batch in BATCHES:
            times = await inside(leader, 4, seconds, BYTES * batch)
            report("ours, in process", 4, times, seconds, batch)
        times = await inside(leader, 1, seconds, 100 * 10_000)
        print(
            f"10,000 placements in one entry (1 MB): median {statistics.median(times) * 1e3:.1f} ms"
        )
    finally:
        await cluster.stop()


async def inside(leader: Server, writers: int, seconds: float, size: int) -> list[float]:
    """Latencies of writers that live in the leader's process."""
    reader, writer = await asyncio.open_connection("127.0.0.1", leader.control, limit=2**28)
    ask = {
        "do": "load",
        "writers": str(writers),
        "ms": str(int(seconds * 1000)),
        "bytes": str(size),
    }
    writer.write(json.dumps(ask).encode() + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    return [float(value) for value in answer["times"]]


async def over_socket(leader: Server, writers: int, seconds: float) -> list[float]:
    """Latencies of writers that each keep a connection to the leader."""
    line = json.dumps({"do": "propose", "entry": "x" * BYTES}).encode() + b"\n"
    writes: list[Write] = []
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(writers):
            reader, writer = await asyncio.open_connection("127.0.0.1", leader.control)
            stack.callback(writer.close)

            async def write(
                reader: asyncio.StreamReader = reader, writer: asyncio.StreamWriter = writer
            ) -> None:
                writer.write(line)
                answer = await reader.readline()
                if b"index" not in answer:
                    raise SystemExit(f"refused: {answer!r}")

            writes.append(write)
        return await hammer(writes, seconds)


def varint(number: int) -> bytes:
    """A protobuf varint."""
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, data: bytes) -> bytes:
    """A protobuf field of bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def put(key: bytes) -> bytes:
    """An etcdserverpb.PutRequest."""
    return field(1, key) + field(2, b"x" * BYTES)


async def etcd(seconds: float) -> None:
    """Three members of etcd with TLS between them."""
    folder = Path(tempfile.mkdtemp(prefix="orb-etcd-"))
    ports = free_ports(6)
    peers = ",".join(f"m{n}=https://127.0.0.1:{ports[n]}" for n in range(3))
    members = [start_member(folder, n, ports[n], ports[3 + n], peers) for n in range(3)]
    try:
        async with grpc.aio.insecure_channel(
            f"127.0.0.1:{await etcd_leader(ports[3:])}"
        ) as channel:
            await measure_etcd(channel, seconds)
    finally:
        for member in members:
            member.kill()
            member.wait()
        shutil.rmtree(folder)


async def measure_etcd(channel: grpc.aio.Channel, seconds: float) -> None:
    """The same rows as ours."""
    kv_put = channel.unary_unary("/etcdserverpb.KV/Put")
    kv_txn = channel.unary_unary("/etcdserverpb.KV/Txn")
    for writers in WRITERS:

        def writer(number: int) -> Write:
            async def write() -> None:
                await kv_put(put(b"key-%d" % number))

            return write

        times = await hammer([writer(n) for n in range(writers)], seconds)
        report("etcd, gRPC", writers, times, seconds)
    for batch in BATCHES:
        request = b"".join(field(2, field(2, put(b"key-%d" % n))) for n in range(batch))

        async def txn(request: bytes = request) -> None:
            await kv_txn(request)

        report("etcd, gRPC txn", 4, await hammer([txn] * 4, seconds), seconds, batch)


def start_member(
    folder: Path, n: int, peer: int, client: int, peers: str
) -> subprocess.Popen[bytes]:
    """One etcd process."""
    return subprocess.Popen(
        [
            ETCD,
            f"--name=m{n}",
            f"--data-dir={folder / f'm{n}'}",
            f"--listen-peer-urls=https://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=https://127.0.0.1:{peer}",
            f"--listen-client-urls=http://127.0.0.1:{client}",
            f"--advertise-client-urls=http://127.0.0.1:{client}",
            f"--initial-cluster={peers}",
            "--peer-auto-tls",
            "--max-txn-ops=2000",
            "--log-level=error",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def etcd_leader(ports: list[int]) -> int:
    """The client port of the leader: its id in a status answer is its own."""
    for _ in range(100):
        for port in ports:
            process = await asyncio.create_subprocess_exec(
                "/usr/bin/etcdctl",
                f"--endpoints=127.0.0.1:{port}",
                "endpoint",
                "status",
                env={"ETCDCTL_API": "3"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            status, _ = await process.communicate()
            columns = [column.strip() for column in status.decode().split(",")]
            if len(columns) > 4 and columns[4] == "true":
                return port
        await asyncio.sleep(0.1)
    raise SystemExit("etcd did not find a leader")


async def idle(seconds: float) -> None:
    """The CPU and memory of three servers that have nothing to do."""
    cluster = Cluster(3, "--forgetful")
    await cluster.start()
    try:
        leader = await cluster.leader()
        before = {name: cpu_seconds(server) for name, server in cluster.servers.items()}
        await asyncio.sleep(seconds)
        for name, server in cluster.servers.items():
            used = (cpu_seconds(server) - before[name]) / seconds * 100
            role = "leader" if server is leader else "follower"
            print(f"idle {role:10} {used:5.2f} % CPU, {resident_mib(server):5.1f} MiB")
    finally:
        await cluster.stop()


def _pid(server: Server) -> int:
    if server.process is None:
        raise SystemExit("a server has stopped")
    return server.process.pid


def cpu_seconds(server: Server) -> float:
    """User and system time of a process."""
    words = Path(f"/proc/{_pid(server)}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100


def resident_mib(server: Server) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{_pid(server)}/statm").read_text().split()[1]) * 4096 / 2**20


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each row")
    parser.add_argument("--only", choices=("ours", "etcd", "failover", "idle"))
    chosen = parser.parse_args()
    if chosen.only in {None, "ours"}:
        asyncio.run(ours(chosen.seconds))
    if chosen.only in {None, "etcd"}:
        if Path(ETCD).exists():
            asyncio.run(etcd(chosen.seconds))
        else:
            print("etcd is not installed: nothing to compare with")
    if chosen.only in {None, "failover"}:
        times = asyncio.run(failover(10))
        median, worst = statistics.median(times), max(times)
        print(f"leader killed -> next write: median {median:.2f} s, worst {worst:.2f} s")
    if chosen.only in {None, "idle"}:
        asyncio.run(idle(10.0))


if __name__ == "__main__":
    main()
