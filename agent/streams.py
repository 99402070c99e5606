"""The streams that a session has asked for: logs and commands, each with a number."""

import asyncio
from typing import Final, TypeVar

from google.protobuf.message import Message

from agent.execs import serve_exec
from agent.link import Exchange, Link, LinkBroken
from agent.logs import send_logs
from agent.runtime.base import Runtime
from orb.logs import Logger
from orb.race import Work
from orb.v1 import agent_pb2 as pb

STREAMS_MAX: Final = 64
"""Streams of one node at the same time; one more is answered with an error."""
REFUSAL: Final = f"the node serves {STREAMS_MAX} streams already; try again later"

Out = TypeVar("Out", bound=Message)
In = TypeVar("In", bound=Message)
log = Logger("streams")


class Streams:
    """All streams of one session; they end with it."""

    def __init__(self, link: Link, runtime: Runtime) -> None:
        self._link = link
        self._runtime = runtime
        self._open: dict[int, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with self._group:
            await asyncio.Event().wait()

    def start_logs(self, wanted: pb.StartLogs) -> None:
        """Send what a task wrote."""
        exchange = self._link.logs(wanted.stream)
        if len(self._open) < STREAMS_MAX:
            work = send_logs(self._runtime, exchange, wanted)
        else:
            work = _refuse(exchange, pb.LogChunk(error=REFUSAL))
        self._start(wanted.stream, exchange, work)

    def start_exec(self, wanted: pb.StartExec) -> None:
        """Run a command inside a task."""
        exchange = self._link.exec(wanted.stream)
        if len(self._open) < STREAMS_MAX:
            work = serve_exec(self._runtime, exchange, wanted)
        else:
            work = _refuse(exchange, pb.ExecFromTask(error=REFUSAL))
        self._start(wanted.stream, exchange, work)

    def stop(self, stream: int) -> None:
        """The person has gone. Nothing happens if the stream is over."""
        if (serving := self._open.get(stream)) is not None:
            serving.cancel()

    def _start(self, stream: int, exchange: Exchange[Out, In], work: Work) -> None:
        serving = self._group.create_task(_serve(stream, exchange, work), name=f"stream {stream}")
        self._open[stream] = serving
        serving.add_done_callback(lambda _: self._open.pop(stream, None))


async def _serve(stream: int, exchange: Exchange[Out, In], work: Work) -> None:
    try:
        await work
    except LinkBroken as broken:
        log.debug("a stream broke", stream=stream, why=broken)
    except Exception as error:  # noqa: BLE001 - a mistake with one stream must not cost the session
        log.failure("a stream failed", error, stream=stream)
    finally:
        exchange.cancel()


async def _refuse(exchange: Exchange[Out, In], answer: Out) -> None:
    await exchange.send(answer)
    await exchange.finish()
    await exchange.receive()
