"""Running a command elsewhere: input, size changes and output through one stream both ways."""

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Final, cast

import grpc

from cli import terminal
from cli.channels import translated
from cli.client import Client
from orb.errors import Unavailable
from orb.v1 import control_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from cli.asking import ExecQuery

    Stream = grpc.aio.StreamStreamCall[Message, pb.ExecOutput]

TRIES_MAX: Final = 3
"""How often a stream is opened anew because the server asked does not lead."""


async def execute(client: Client, query: "ExecQuery") -> int:
    """Run the command and pass everything on; its exit code. Raises OrbError."""
    for _ in range(TRIES_MAX):
        stream = await client.channels.converse("Exec", pb.ExecOutput)
        try:
            await stream.write(_start(query))
            first = await stream.read()
        except grpc.aio.AioRpcError as error:
            if client.channels.follow(error):
                continue
            raise translated(error) from error
        return await _converse(stream, query, cast("pb.ExecOutput", first))
    raise Unavailable("no server leads just now", remedy="try again in a moment")


async def _converse(stream: "Stream", query: "ExecQuery", first: pb.ExecOutput) -> int:
    with contextlib.ExitStack() as stack:
        changes: asyncio.Queue[pb.ExecInput] = asyncio.Queue(terminal.CHUNKS_WAITING_MAX)
        if query.tty and sys.stdin.isatty():
            stack.enter_context(terminal.raw())
            stack.enter_context(terminal.on_resize(lambda: _resized(changes)))
        async with asyncio.TaskGroup() as group:
            feeds = [group.create_task(_send(stream, changes))]
            if query.stdin:
                feeds.append(group.create_task(_type(changes)))
            try:
                return await _receive(stream, first)
            finally:
                for feed in feeds:
                    feed.cancel()


async def _receive(stream: "Stream", first: pb.ExecOutput) -> int:
    """Show what comes until the exit code comes. Raises Unavailable if it never does."""
    message: object = first
    try:
        while isinstance(message, pb.ExecOutput):
            if message.HasField("exit_code"):
                return message.exit_code
            terminal.write("stdout", message.stdout)
            terminal.write("stderr", message.stderr)
            message = await stream.read()
    except grpc.aio.AioRpcError as error:
        raise translated(error) from error
    raise Unavailable("the connection to the command was lost", remedy="it may still be running")


async def _send(stream: "Stream", changes: "asyncio.Queue[pb.ExecInput]") -> None:
    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        while True:
            await stream.write(await changes.get())


async def _type(changes: "asyncio.Queue[pb.ExecInput]") -> None:
    async for data in terminal.typed():
        await changes.put(pb.ExecInput(data=data))
    await changes.put(pb.ExecInput(end=True))


def _resized(changes: "asyncio.Queue[pb.ExecInput]") -> None:
    rows, columns = terminal.size()
    with contextlib.suppress(asyncio.QueueFull):
        changes.put_nowait(pb.ExecInput(resize=pb.Resize(rows=rows, columns=columns)))


def _start(query: "ExecQuery") -> pb.ExecInput:
    rows, columns = terminal.size()
    return pb.ExecInput(
        start=pb.ExecStart(
            environment=query.environment,
            name=query.name,
            command=query.command,
            tty=query.tty,
            stdin=query.stdin,
            rows=rows,
            columns=columns,
        )
    )
