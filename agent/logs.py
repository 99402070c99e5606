"""Sends what a task wrote to the server that asked for it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from agent.link import Exchange
from agent.runtime.base import OutputLine, Runtime, RuntimeFailure
from orb.ids import Millis, TaskId
from orb.race import all_of, until_heard
from orb.v1 import agent_pb2 as pb

LINES_WAITING_MAX: Final = 1_000
"""Lines that were read and are not sent yet; then the reading waits."""
LINES_PER_CHUNK_MAX: Final = 200
CHUNK_BYTES_MAX: Final = 256 * 1024
"""A chunk is sent when it has that many bytes, or lines, or when no line waits."""
ERROR_CHARACTERS_MAX: Final = 1_000

LINGER_SECONDS: Final = 5.0
"""How long the server may take to say that it has everything."""

_Waiting = asyncio.Queue[OutputLine | str]
"""Lines, and at the end why there are no more: empty if all were read."""


async def send_logs(
    runtime: Runtime, exchange: Exchange[pb.LogChunk, pb.SendLogsReply], wanted: pb.StartLogs
) -> None:
    """Send the lines until there are no more, or the server wants no more. Raises LinkBroken."""
    lines = runtime.logs(
        TaskId(wanted.task),
        tail=wanted.tail if wanted.HasField("tail") else None,
        since=Millis(wanted.since) if wanted.HasField("since") else None,
        follow=wanted.follow,
    )
    await until_heard(_read_and_send(lines, exchange), _until_over(exchange), LINGER_SECONDS)


async def _until_over(exchange: Exchange[pb.LogChunk, pb.SendLogsReply]) -> None:
    """The server answers when it has all, or has had enough."""
    await exchange.receive()


async def _read_and_send(
    lines: AsyncIterator[OutputLine], exchange: Exchange[pb.LogChunk, pb.SendLogsReply]
) -> None:
    waiting: _Waiting = asyncio.Queue(LINES_WAITING_MAX)
    await all_of(_read(lines, waiting), _send(waiting, exchange))


async def _read(lines: AsyncIterator[OutputLine], waiting: _Waiting) -> None:
    end = ""
    try:
        async for line in lines:
            await waiting.put(line)
    except RuntimeFailure as failure:
        end = str(failure)[:ERROR_CHARACTERS_MAX]
    await waiting.put(end)


async def _send(waiting: _Waiting, exchange: Exchange[pb.LogChunk, pb.SendLogsReply]) -> None:
    end = None
    while end is None:
        chunk, end = await _chunk(waiting)
        if chunk:
            await exchange.send(pb.LogChunk(lines=chunk))
    if end:
        await exchange.send(pb.LogChunk(error=end))
    await exchange.finish()


async def _chunk(waiting: _Waiting) -> tuple[list[pb.OutputLine], str | None]:
    """The next lines, without waiting for more than the first, and the end if it has come."""
    chunk: list[pb.OutputLine] = []
    size = 0
    item = await waiting.get()
    while not isinstance(item, str):
        chunk.append(pb.OutputLine(at=item.at, stream=item.stream, text=item.text))
        size += len(item.text)
        if len(chunk) >= LINES_PER_CHUNK_MAX or size >= CHUNK_BYTES_MAX or waiting.empty():
            return chunk, None
        item = waiting.get_nowait()
    return chunk, item
