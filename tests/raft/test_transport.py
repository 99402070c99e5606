"""The peer port: known members get through, everybody else gets nothing but a closed connection."""

import asyncio
import contextlib
import os
import pickle
import random
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.raft import wire
from controlplane.raft.messages import Append, Hello, Message, PreVote, Vote, decode, encode
from controlplane.raft.settings import MESSAGE_BYTES_MAX
from controlplane.raft.snapshots import MemberRecord
from controlplane.raft.transport import PeerTransport
from tests.raft.nemesis import free_ports

Contexts = dict[str, tuple[ssl.SSLContext, ssl.SSLContext]]
HELLO = Append(3, 7, 2, 6, 0, [(3, b"\0command")])


class Touch:
    """Leaves a file behind if anybody unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.path),)


@contextlib.asynccontextmanager
async def listening(
    contexts: Contexts, message_within_s: float = wire.MESSAGE_WITHIN_S, *, lost: bool = False
) -> AsyncIterator[tuple[int, list[tuple[str, Message]]]]:
    """Server s1, which knows only s2; its port, and what it has received."""
    (port, nowhere) = free_ports(2)
    transport = PeerTransport(
        "s1", f"127.0.0.1:{port}", contexts["s1"], random.Random(1), message_within_s
    )
    received: list[tuple[str, Message]] = []
    transport.lost = lambda: lost
    transport.receive = lambda peer, _, message: received.append((peer, message))
    transport.set_peers(
        {"s1": MemberRecord("", votes=True), "s2": MemberRecord(f"127.0.0.1:{nowhere}", votes=True)}
    )
    task = asyncio.ensure_future(transport.run())
    await until_open(port)
    try:
        yield port, received
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never became true")


async def until_open(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            await drop(writer)
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the port did not open")


async def talk(port: int, context: ssl.SSLContext | None, data: bytes) -> bytes:
    """Send *data*; return everything that comes back until the other side closes."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="x" if context else None
        )
        try:
            writer.write(data)
            async with asyncio.timeout(5):
                return await reader.read()
        finally:
            await drop(writer)
    return b""


async def drop(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever the other side thinks of it."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def greeting(*payloads: bytes) -> bytes:
    hello = wire.frame(encode(Hello("0123456789abcdef", "127.0.0.1:1")))
    return wire.GREETING + hello + b"".join(wire.frame(payload) for payload in payloads)


async def test_messages_go_both_ways_between_known_members(contexts: Contexts) -> None:
    ports = free_ports(2)
    config = {
        name: MemberRecord(f"127.0.0.1:{port}", votes=True)
        for name, port in zip(("s1", "s2"), ports, strict=True)
    }
    received: list[tuple[str, Message]] = []
    got_both = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        transports = {}
        for name, (address, *_) in config.items():
            one = transports[name] = PeerTransport(name, address, contexts[name], random.Random(1))

            def receive(peer: str, _identity: str, message: Message, me: str = name) -> None:
                received.append((f"{peer} to {me}", message))
                if len(received) == 2:
                    got_both.set()

            one.receive = receive
            one.set_peers(config)
        tasks = [group.create_task(one.run()) for one in transports.values()]
        await until(lambda: transports["s1"].connected("s2") and transports["s2"].connected("s1"))
        transports["s1"].send("s2", HELLO)
        transports["s2"].send("s1", Vote(3, granted=True))
        await asyncio.wait_for(got_both.wait(), 5)
        for task in tasks:
            task.cancel()
    assert sorted(received, key=lambda pair: pair[0]) == [
        ("s1 to s2", HELLO),
        ("s2 to s1", Vote(3, granted=True)),
    ]


async def test_a_known_member_is_heard(contexts: Contexts) -> None:
    async with listening(contexts) as (port, received):
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=contexts["s2"][1], server_hostname="x"
        )
        writer.write(greeting(encode(HELLO)))
        await until(lambda: bool(received))
        await drop(writer)
    assert received == [("s2", HELLO)]


@pytest.mark.parametrize("who", ["s9", "node:s2", "stranger", "plain"])
async def test_others_are_closed_before_a_byte_is_read(contexts: Contexts, who: str) -> None:
    context = contexts[who][1] if who != "plain" else None
    async with listening(contexts) as (port, received):
        assert await talk(port, context, greeting(encode(HELLO))) == b""
    assert received == []


async def test_a_server_that_hears_no_leader_takes_entries_from_one_it_does_not_know(
    contexts: Contexts,
) -> None:
    async with listening(contexts, lost=True) as (port, received):
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=contexts["s9"][1], server_hostname="x"
        )
        writer.write(greeting(encode(Vote(3, granted=True)), encode(HELLO)))
        await until(lambda: bool(received))
        await drop(writer)
    assert received == [("s9", HELLO)]


@pytest.mark.parametrize("rubbish", range(20))
async def test_rubbish_without_tls_closes_that_connection(contexts: Contexts, rubbish: int) -> None:
    data = random.Random(rubbish).randbytes(10 ** (rubbish % 4 + 1))
    async with listening(contexts) as (port, received):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(wire.MESSAGE_WITHIN_S):
                while answer := await reader.read(100):
                    assert answer[0] == 21, "nothing but a TLS alert comes back"
        await drop(writer)
    assert received == []


async def test_a_pickle_from_a_member_is_not_run(contexts: Contexts, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    bomb = pickle.dumps(Touch(proof))
    async with listening(contexts) as (port, received):
        for data in (
            bomb,
            wire.GREETING + bomb,
            greeting(bomb),
            greeting() + struct.pack("<i", len(bomb)) + bomb,
        ):
            assert await talk(port, contexts["s2"][1], data) == b""
    assert received == []
    assert not proof.exists()


@pytest.mark.parametrize("length", [MESSAGE_BYTES_MAX + 1, 2**31, 2**32 - 1])
async def test_a_giant_length_closes_before_anything_is_read(
    contexts: Contexts, length: int
) -> None:
    async with listening(contexts) as (port, received):
        data = greeting() + struct.pack("<I", length) + b"x" * 100
        assert await talk(port, contexts["s2"][1], data) == b""
    assert received == []


async def test_a_slow_drip_is_closed(contexts: Contexts) -> None:
    async with listening(contexts, message_within_s=0.2) as (port, received):
        for data in (b"", wire.GREETING[:4], greeting() + b"\x10\0\0\0half"):
            assert await talk(port, contexts["s2"][1], data) == b""
    assert received == []


async def test_a_newer_connection_of_a_member_replaces_the_older(contexts: Contexts) -> None:
    async with listening(contexts) as (port, _):
        first = asyncio.ensure_future(talk(port, contexts["s2"][1], wire.GREETING))
        await asyncio.sleep(0.1)
        second = asyncio.ensure_future(talk(port, contexts["s2"][1], wire.GREETING))
        assert await first == b""
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)


@given(st.binary(max_size=300))
def test_bytes_are_a_message_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(encode(decode(data)), bytes)


def test_negative_and_giant_numbers_are_refused() -> None:
    good = encode(PreVote(1, 2, 3))
    for evil in (good.replace(b"\x03", b"\xff"), good.replace(b"\x03", b"\xcf" + b"\xff" * 8)):
        with pytest.raises(ValueError, match="not a message"):
            decode(evil)
