"""Serves a command inside a task: its output to the server, the person's input to it."""

from typing import Final

from agent.link import Exchange
from agent.runtime.base import Runtime, RuntimeFailure, Terminal
from orb.ids import TaskId
from orb.race import until_heard
from orb.v1 import agent_pb2 as pb

CHUNK_BYTES_MAX: Final = 32 * 1024
"""Output is sent in pieces of at most that many bytes."""
ERROR_CHARACTERS_MAX: Final = 1_000
LINGER_SECONDS: Final = 5.0
"""How long the server may take to say that it has the exit code."""

ExecExchange = Exchange[pb.ExecFromTask, pb.ExecToTask]


async def serve_exec(runtime: Runtime, exchange: ExecExchange, wanted: pb.StartExec) -> None:
    """Run the command until it ends or the person goes. Raises LinkBroken; leaves nothing."""
    try:
        terminal = await runtime.execute(
            TaskId(wanted.task), tuple(wanted.command), tty=wanted.tty, stdin=wanted.stdin
        )
    except RuntimeFailure as failure:
        await exchange.send(pb.ExecFromTask(error=str(failure)[:ERROR_CHARACTERS_MAX]))
        await exchange.finish()
        await exchange.receive()
        return
    try:
        await _serve(terminal, exchange, wanted)
    finally:
        await terminal.close()


async def _serve(terminal: Terminal, exchange: ExecExchange, wanted: pb.StartExec) -> None:
    if wanted.tty and wanted.rows and wanted.columns:
        await terminal.resize(wanted.rows, wanted.columns)
    await exchange.send(pb.ExecFromTask(started=True))
    await until_heard(
        _send_output(terminal, exchange), _give_input(terminal, exchange), LINGER_SECONDS
    )


async def _send_output(terminal: Terminal, exchange: ExecExchange) -> None:
    async for stream, data in terminal.output():
        for start in range(0, len(data), CHUNK_BYTES_MAX):
            piece = data[start : start + CHUNK_BYTES_MAX]
            if stream == "stdout":
                await exchange.send(pb.ExecFromTask(stdout=piece))
            else:
                await exchange.send(pb.ExecFromTask(stderr=piece))
    await exchange.send(pb.ExecFromTask(exit_code=await terminal.wait()))
    await exchange.finish()


async def _give_input(terminal: Terminal, exchange: ExecExchange) -> None:
    """Give it what the person types, until the person is gone."""
    while (message := await exchange.receive()) is not None:
        match message.WhichOneof("message"):
            case "data":
                await terminal.write(message.data)
            case "end":
                await terminal.write(b"")
            case "resize":
                await terminal.resize(message.resize.rows, message.resize.columns)
            case _:
                pass
