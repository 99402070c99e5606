"""A log of a real server: it starts, answers, says what is wrong, and closes cleanly."""

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controlplane.raft.log import ENTRY_BYTES_MAX, Role
from controlplane.raft.owner import ClusterLog
from controlplane.raft.syncobj import open_log
from orb.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    StorageDamaged,
    TooLarge,
    Unavailable,
    Unknown,
)
from orb.ids import ServerName
from tests.raft.ledger import Ledger, Machine
from tests.raft.nemesis import free_ports

Contexts = dict[str, tuple[ssl.SSLContext, ssl.SSLContext]]
S1 = ServerName("s1")


def one_server(contexts: Contexts, directory: Path, port: int) -> tuple[ClusterLog, Machine]:
    machine = Machine("s1", Ledger())
    log = open_log(
        name=S1,
        peers={S1: f"127.0.0.1:{port}"},
        bind=f"127.0.0.1:{port}",
        directory=directory,
        machine=machine,
        server_tls=contexts["s1"][0],
        client_tls=contexts["s1"][1],
        rng=random.Random(1),
    )
    return log, machine


@contextlib.asynccontextmanager
async def running(log: ClusterLog) -> AsyncIterator[None]:
    task = asyncio.ensure_future(log.run())
    async for status in log.changes():
        if status.role is Role.LEADER:
            break
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_one_server_leads_answers_and_remembers(contexts: Contexts, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    log, _ = one_server(contexts, tmp_path, port)
    async with running(log):
        answers = await asyncio.gather(*(log.propose(b"%d" % number) for number in range(100)))
        await log.barrier()
    assert len(set(answers)) == 100
    log, machine = one_server(contexts, tmp_path, port)
    async with running(log):
        await log.barrier()
        assert [entry for _, entry in machine.rows] == [b"%d" % number for number in range(100)]
        assert log.status().quorum
        assert sum(log.lag_counts) > 0


async def test_before_and_after_it_runs_a_log_says_so(contexts: Contexts, tmp_path: Path) -> None:
    log, _ = one_server(contexts, tmp_path, free_ports(1)[0])
    with pytest.raises(Unavailable, match="starting or stopping"):
        await log.propose(b"a")
    async with running(log):
        with pytest.raises(TooLarge):
            await log.propose(bytes(ENTRY_BYTES_MAX + 1))
        assert await log.propose(bytes(ENTRY_BYTES_MAX))
    with pytest.raises(Unavailable, match="starting or stopping"):
        await log.barrier()


async def test_a_port_in_use_is_the_error_that_run_raises(
    contexts: Contexts, tmp_path: Path
) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    log, _ = one_server(contexts, tmp_path, port)
    with pytest.raises(OSError, match="address already in use"):
        await log.run()
    server.close()
    await server.wait_closed()


async def test_a_state_machine_that_raises_ends_the_run(contexts: Contexts, tmp_path: Path) -> None:
    log, machine = one_server(contexts, tmp_path, free_ports(1)[0])

    def explode(_index: int, _entry: bytes) -> bytes:
        raise ZeroDivisionError

    machine.apply = explode  # type: ignore[method-assign]
    task = asyncio.ensure_future(log.run())
    async for status in log.changes():
        if status.role is Role.LEADER:
            break
    with pytest.raises(Unknown):
        await log.propose(b"a")
    with pytest.raises(ZeroDivisionError):
        await task


async def test_a_server_that_is_not_among_the_servers_is_refused(
    contexts: Contexts, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="s1 is not among the servers s2"):
        open_log(
            name=S1,
            peers={ServerName("s2"): "127.0.0.1:1"},
            bind="127.0.0.1:1",
            directory=tmp_path,
            machine=Machine("s1", Ledger()),
            server_tls=contexts["s1"][0],
            client_tls=contexts["s1"][1],
            rng=random.Random(1),
        )


async def test_damage_is_refused_at_the_start(contexts: Contexts, tmp_path: Path) -> None:
    log, _ = one_server(contexts, tmp_path, free_ports(1)[0])
    async with running(log):
        await log.propose(b"a" * 100)
        await log.propose(b"b")
    file = tmp_path / "log-0000000000000001"
    file.write_bytes(file.read_bytes().replace(b"a" * 100, b"c" * 100))
    with pytest.raises(StorageDamaged, match="damaged"):
        one_server(contexts, tmp_path, free_ports(1)[0])


async def test_members_cannot_be_changed_into_nonsense(contexts: Contexts, tmp_path: Path) -> None:
    log, _ = one_server(contexts, tmp_path, free_ports(1)[0])
    async with running(log):
        await log.propose(b"a")
        with pytest.raises(Conflict, match="last voting server"):
            await log.remove(S1)
        with pytest.raises(NotFound, match="s2 is no member"):
            await log.promote(ServerName("s2"))
        with pytest.raises(Conflict, match="no other voting server"):
            await log.hand_over(S1)
