"""One server as a process, for tests with kill -9, SIGSTOP and partitions (and for bench/raft.py).

Control is by lines of JSON over loopback: {"do": "propose", "entry": "…"} and the like.
"""

import argparse
import asyncio
import errno
import itertools
import json
import random
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import controlplane.raft.syncobj as adapter
from controlplane.raft.disk import FolderDisk
from controlplane.raft.messages import Message
from controlplane.raft.owner import ClusterLog
from controlplane.raft.settings import RaftSettings
from orb.errors import OrbError
from orb.ids import ServerName
from orb.tls import Credentials, peer_contexts

_UNDO = struct.Struct("<QQ")


class UndoDisk(FolderDisk):
    """A folder that keeps, outside of it, what a power cut would take back.

    Before a write, the old bytes go to a file of the undo folder; a sync empties it. After
    kill -9, `power_cut` puts the old bytes back: only what was synced has survived.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._undo = directory.parent / "undo"
        self._undo.mkdir(exist_ok=True)

    def create(self, name: str, allocate: int = 0) -> None:
        self._room()
        super().create(name, allocate)

    def _room(self) -> None:
        """The test says that the disk is full by a file called `full`."""
        if (self._undo.parent / "full").exists():
            raise OSError(errno.ENOSPC, "no space left (simulated)")

    def write(self, name: str, offset: int, data: bytes) -> None:
        self._room()
        size = self.size(name)
        old = self.read(name, offset, len(data))
        with (self._undo / name).open("ab") as file:
            file.write(struct.pack("<Q", size) + _UNDO.pack(offset, len(old)) + old)
        super().write(name, offset, data)

    def sync(self, name: str) -> None:
        super().sync(name)
        (self._undo / name).write_bytes(b"")

    def rename(self, old: str, new: str) -> None:
        super().rename(old, new)
        if (self._undo / old).exists():
            (self._undo / old).rename(self._undo / new)


def power_cut(directory: Path, rng: random.Random) -> int:
    """Take back what was not synced (each sector by chance); return how many writes."""
    taken = 0
    for undo in sorted((directory.parent / "undo").iterdir()):
        records, target = unsynced(undo.read_bytes()), directory / undo.name
        if records and target.exists():
            content = bytearray(target.read_bytes())
            for size, offset, old in reversed(records):
                for at in range(0, len(old), 512):
                    if rng.random() < 0.7:
                        content[offset + at : offset + at + 512] = old[at : at + 512]
                if size < len(content) and rng.random() < 0.7:
                    del content[size:]
            target.write_bytes(content)
            taken += len(records)
        undo.unlink()
    return taken


def unsynced(data: bytes) -> list[tuple[int, int, bytes]]:
    """The (size, offset, old bytes) of an undo file; a last one may not be whole."""
    records: list[tuple[int, int, bytes]] = []
    at = 0
    while at + 24 <= len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        offset, length = _UNDO.unpack_from(data, at + 8)
        old = data[at + 24 : at + 24 + length]
        if len(old) < length:
            break
        records.append((size, offset, old))
        at += 24 + length
    return records


class Register:
    """A state machine: every entry, in order."""

    def __init__(self, state_bytes: int = 0) -> None:
        self.rows: list[tuple[int, str]] = []
        self.ballast = b"x" * state_bytes

    def apply(self, index: int, entry: bytes) -> bytes:
        self.rows.append((index, entry[:16].decode("ascii", "replace")))
        return b"%d" % index

    def snapshot(self) -> Iterable[bytes]:
        """A copy made now (this is no generator), encoded when the chunks are asked for."""
        rows, ballast = list(self.rows), self.ballast
        state = (json.dumps(rows[at : at + 1000]).encode() for at in range(0, len(rows), 1000))
        weight = (b"#" + ballast[at : at + 65536] for at in range(0, len(ballast), 65536))
        return itertools.chain(state, weight)

    def restore(self, chunks: Iterable[bytes]) -> None:
        self.rows = [
            (row[0], row[1])
            for chunk in chunks
            if not chunk.startswith(b"#")
            for row in json.loads(chunk)
        ]


class Control:
    """Answers the test's questions."""

    def __init__(self, log: ClusterLog, machine: Register) -> None:
        self.log = log
        self.machine = machine
        self.blocked: set[str] = set()
        around, transport = log._server.around, log._transport
        plain = around.send

        def send(peer: str, message: Message) -> None:
            if peer not in self.blocked:
                plain(peer, message)

        receive = transport.receive

        def filtered(peer: str, identity: str, message: Message) -> None:
            if peer not in self.blocked:
                receive(peer, identity, message)

        around.send = send
        transport.receive = filtered

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                ask = json.loads(line)
                try:
                    answer = await self.answer(ask)
                except OrbError as error:
                    answer = {"error": type(error).__name__, "message": error.message}
                writer.write(json.dumps(answer).encode() + b"\n")
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def answer(self, ask: Mapping[str, str]) -> Mapping[str, object]:
        match ask["do"]:
            case "propose":
                return {"index": int(await self.log.propose(ask["entry"].encode()))}
            case "read":
                await self.log.barrier()
                return {"applied": self.machine.rows[-1][0] if self.machine.rows else 1}
            case "status":
                return self.status()
            case "dump":
                return {"rows": self.machine.rows}
            case "load":
                return await self.load(**{key: int(ask[key]) for key in ("writers", "ms", "bytes")})
            case "block":
                self.blocked = set(ask["peers"].split())
            case other:
                await self.change(other, ServerName(ask["name"]), ask.get("address", ""))
        return {}

    def status(self) -> Mapping[str, object]:
        status = self.log.status()
        return {
            "role": status.role.name,
            "leader": status.leader,
            "term": status.term,
            "applied": status.applied,
            "quorum": status.quorum,
            "disk_full": status.disk_full,
            "healthy": [member.name for member in status.members if member.healthy],
            "members": {member.name: member.role.name for member in status.members},
        }

    async def change(self, what: str, name: ServerName, address: str) -> None:
        match what:
            case "add":
                await self.log.add_learner(name, address)
            case "promote":
                await self.log.promote(name)
            case "remove":
                await self.log.remove(name)
            case "hand_over":
                await self.log.hand_over(name)
            case _:
                raise ValueError(what)

    async def load(self, writers: int, ms: int, bytes: int) -> Mapping[str, object]:  # noqa: A002
        """Write from inside this process for *ms*; return each latency in seconds."""
        loop, times = asyncio.get_running_loop(), []
        entry = b"x" * bytes
        end = loop.time() + ms / 1000

        async def write() -> None:
            while (started := loop.time()) < end:
                await self.log.propose(entry)
                times.append(round(loop.time() - started, 6))

        await asyncio.gather(*(write() for _ in range(writers)))
        return {"times": times}


class Forgetful(Register):
    """Keeps nothing: what is measured is the log."""

    def apply(self, index: int, entry: bytes) -> bytes:  # noqa: ARG002 - the whole point
        return b"%d" % index


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--peers", required=True, help="name=host:port,…")
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--undo", action="store_true")
    parser.add_argument("--join", action="store_true")
    parser.add_argument("--snapshot-every", type=int, default=2000)
    parser.add_argument("--state-bytes", type=int, default=0)
    parser.add_argument("--forgetful", action="store_true", help="for benchmarks")
    chosen = parser.parse_args()
    peers = {
        ServerName(name): address
        for name, _, address in (one.partition("=") for one in chosen.peers.split(","))
    }
    if chosen.undo:
        adapter.FolderDisk = UndoDisk  # type: ignore[misc]
    server_tls, client_tls = peer_contexts(Credentials.in_directory(chosen.directory / "tls"))
    machine = (Forgetful if chosen.forgetful else Register)(chosen.state_bytes)
    log = adapter.open_log(
        name=ServerName(chosen.name),
        peers=peers,
        bind=peers[ServerName(chosen.name)],
        directory=chosen.directory / "raft",
        machine=machine,
        server_tls=server_tls,
        client_tls=client_tls,
        rng=random.Random(chosen.name),
        settings=RaftSettings()
        if chosen.forgetful
        else RaftSettings(
            snapshot_every_entries=chosen.snapshot_every,
            trailing_entries=chosen.snapshot_every // 2,
            segment_bytes=1024 * 1024,
        ),
        join=chosen.join,
    )
    control = Control(log, machine)
    await asyncio.start_server(control.serve, "127.0.0.1", chosen.control, limit=2**24)
    await log.run()


if __name__ == "__main__":
    asyncio.run(main())
