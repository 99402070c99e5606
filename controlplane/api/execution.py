"""A command inside a replica, between a person's terminal and the task."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from controlplane.api.names import Asked
from controlplane.api.reading import Parts, Reading
from controlplane.api.targets import running
from controlplane.dispatcher.relays import ExecRelay
from controlplane.edge import Context
from controlplane.state.tables import Task
from orb.errors import Conflict, InvalidInput
from orb.race import until_first
from orb.v1 import agent_pb2
from orb.v1 import control_pb2 as pb

START_WITHIN_S: Final = 10.0
"""How long a caller may take to say what it wants, in seconds."""
WORDS_MAX: Final = 1_000
"""Words of one command; more are refused."""
TERMINAL_CELLS_MAX: Final = 10_000
"""Rows, or columns, of a terminal; more are refused."""


async def execute(
    parts: Parts, reading: Reading, requests: AsyncIterator[pb.ExecInput], context: Context
) -> None:
    """Run the command that the first message tells. Raises OrbError."""
    start = await _start(requests)
    look = await reading.look(stale=False)
    task = running(look, Asked(start.environment, start.name))
    assert task.node is not None, "what runs has a node"  # noqa: S101 - `running` chose it
    wish = agent_pb2.StartExec(
        task=task.id,
        command=start.command,
        tty=start.tty,
        stdin=start.stdin,
        rows=start.rows,
        columns=start.columns,
    )
    async with parts.dispatcher.relays.execution(task.node, wish) as relay:
        await until_first(_to_person(relay, task, context), _to_task(relay, requests))


async def _start(requests: AsyncIterator[pb.ExecInput]) -> pb.ExecStart:
    """The first message, checked."""
    try:
        async with asyncio.timeout(START_WITHIN_S):
            first = await anext(requests, None)
    except TimeoutError:
        raise InvalidInput(f"no `start` came within {START_WITHIN_S:.0f} s") from None
    if first is None or first.WhichOneof("input") != "start":
        raise InvalidInput("the first message must be `start`")
    start = first.start
    if not start.command or len(start.command) > WORDS_MAX:
        raise InvalidInput(f"a command has 1 to {WORDS_MAX} words")
    if not (0 <= start.rows <= TERMINAL_CELLS_MAX and 0 <= start.columns <= TERMINAL_CELLS_MAX):
        raise InvalidInput("the size of the terminal is out of range")
    return start


async def _to_person(relay: ExecRelay, task: Task, context: Context) -> None:
    """Hand on what the command says, until it has ended. Raises Conflict if it cannot start."""
    async for message in relay.incoming.read():
        match message.WhichOneof("message"):
            case "started":
                started = pb.ExecStarted(replica=task.replica.name, node=task.node or "")
                await context.write(pb.ExecOutput(started=started))
            case "stdout":
                await context.write(pb.ExecOutput(stdout=message.stdout))
            case "stderr":
                await context.write(pb.ExecOutput(stderr=message.stderr))
            case "exit_code":
                await context.write(pb.ExecOutput(exit_code=message.exit_code))
                return
            case "error":
                raise Conflict(f"the command could not be started: {message.error}")
            case _:
                continue  # an agent newer than this server


async def _to_task(relay: ExecRelay, requests: AsyncIterator[pb.ExecInput]) -> None:
    """Hand on what the person types. The end of the input is not the end of the command."""
    async for message in requests:
        match message.WhichOneof("input"):
            case "data":
                await relay.outgoing.put(agent_pb2.ExecToTask(data=message.data))
            case "end":
                await relay.outgoing.put(agent_pb2.ExecToTask(end=True))
            case "resize":
                size = agent_pb2.TerminalSize(
                    rows=min(TERMINAL_CELLS_MAX, max(0, message.resize.rows)),
                    columns=min(TERMINAL_CELLS_MAX, max(0, message.resize.columns)),
                )
                await relay.outgoing.put(agent_pb2.ExecToTask(resize=size))
            case _:
                continue  # a caller newer than this server
    await asyncio.Event().wait()
