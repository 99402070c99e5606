"""What comes out of containers as a stream: their logs, and commands run inside them."""

import asyncio
import contextlib
import datetime as dt
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import docker.errors

from agent.runtime.base import LOG_LINE_BYTES_MAX, OutputLine, RuntimeFailure
from agent.runtime.docker_engine import Engine, closing, frames
from orb.container import Hook
from orb.ids import Millis

START_POLL_SECONDS: Final = 0.05
START_POLLS_MAX: Final = 40
"""The engine answers before the command has started; how often we look whether it has by now."""


class Command:
    """A command inside a container, with its input and output. Make one with `start`."""

    def __init__(
        self,
        engine: Engine,
        identity: str,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        *,
        tty: bool,
    ) -> None:
        self._engine = engine
        self._identity = identity
        self._reader, self._writer = streams
        self._tty = tty

    @classmethod
    async def start(
        cls,
        engine: Engine,
        container: str,
        command: Sequence[str],
        *,
        tty: bool,
        stdin: bool,
        hook: Hook | None = None,
    ) -> "Command":
        """Run *command* in *container*, in the way of *hook*. Raises RuntimeFailure."""
        api = await engine.connect()
        try:
            made = await engine.change(
                api.exec_create,
                container,
                list(command),
                tty=tty,
                stdin=stdin,
                user=hook.user if hook else "",
                privileged=hook.privileged if hook else False,
                workdir=(hook.working_dir or None) if hook else None,
                environment=dict(hook.environment) if hook else None,
            )
        except docker.errors.NotFound as error:
            raise RuntimeFailure("the container is gone") from error
        path = f"/exec/{made['Id']}/start"
        streams = await engine.open("POST", path, {}, {"Detach": False, "Tty": tty})
        return cls(engine, made["Id"], streams, tty=tty)

    async def write(self, data: bytes) -> None:
        """Give it input; empty bytes close its input."""
        with contextlib.suppress(ConnectionError):
            if data:
                self._writer.write(data)
                await self._writer.drain()
            elif self._writer.can_write_eof():
                self._writer.write_eof()

    async def resize(self, rows: int, columns: int) -> None:
        """The person's terminal has another size; too late for a command that has ended."""
        api = await self._engine.connect()
        with contextlib.suppress(RuntimeFailure, docker.errors.NotFound):
            await self._engine.read(api.exec_resize, self._identity, rows, columns)

    def output(self) -> AsyncIterator[tuple[str, bytes]]:
        """Chunks of (`stdout` | `stderr`, bytes) until it ends."""
        return frames(self._reader, multiplexed=not self._tty)

    async def wait(self) -> int:
        """Its exit code; call it once the output has ended. Raises RuntimeFailure."""
        inspected = await self._inspect()
        code = inspected.get("ExitCode")
        if code is None:
            raise RuntimeFailure("the command did not end with an exit code")
        return int(str(code))

    async def close(self) -> None:
        """Close the streams, and end the command if it still runs: the Engine would leave it."""
        async with closing(self._writer):
            with contextlib.suppress(RuntimeFailure):
                for _ in range(START_POLLS_MAX):
                    inspected = await self._inspect()
                    pid = int(str(inspected.get("Pid") or 0))
                    if not inspected.get("Running") and inspected.get("ExitCode") is not None:
                        return
                    if pid:
                        _end(pid, str(inspected["ContainerID"]))
                        return
                    await asyncio.sleep(START_POLL_SECONDS)

    async def _inspect(self) -> dict[str, object]:
        api = await self._engine.connect()
        try:
            return dict(await self._engine.read(api.exec_inspect, self._identity))
        except docker.errors.NotFound as error:
            raise RuntimeFailure("the container is gone") from error


def _end(pid: int, container: str) -> None:
    """Kill the process, if it is on this machine and really of that container."""
    groups = Path(f"/proc/{pid}/cgroup")
    with contextlib.suppress(OSError):
        if pid > 1 and container in groups.read_text():
            os.kill(pid, signal.SIGKILL)


async def log_lines(
    engine: Engine,
    container: str,
    *,
    tty: bool,
    tail: int | None,
    since: Millis | None,
    follow: bool,
) -> AsyncGenerator[OutputLine, None]:
    """The lines that a container wrote, oldest first; with *follow* until it ends."""
    query = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": str(int(follow))}
    query["tail"] = "all" if tail is None else str(tail)
    if since is not None:
        query["since"] = f"{since // 1_000}.{since % 1_000:03d}"
    reader, writer = await engine.open("GET", f"/containers/{container}/logs", query, None)
    started: dict[str, bytes] = {}
    async with closing(writer):
        async for stream, chunk in frames(reader, multiplexed=not tty):
            *lines, rest = (started.pop(stream, b"") + chunk).split(b"\n")
            for line in lines:
                yield _line(stream, line)
            if len(rest) >= LOG_LINE_BYTES_MAX:
                yield _line(stream, rest)
            elif rest:
                started[stream] = rest
    for stream, rest in started.items():
        yield _line(stream, rest)


def _line(stream: str, line: bytes) -> OutputLine:
    """`2026-01-02T03:04:05.123456789Z text` as the Engine stamps it."""
    text = line.decode(errors="replace").rstrip("\r")
    stamp, _, said = text.partition(" ")
    try:
        at = dt.datetime.fromisoformat(stamp[:19] + "+00:00").timestamp() * 1_000
        at += int(stamp[20:23] or 0)
    except ValueError:
        return OutputLine(Millis(0), stream, text)
    return OutputLine(Millis(int(at)), stream, said)


async def tcp_answers(addresses: Sequence[str], port: int, timeout_ms: Millis) -> tuple[bool, str]:
    """Whether a connect to one of *addresses* succeeds in time, and what it met."""
    if not addresses:
        return False, "the container has no address"
    try:
        async with asyncio.timeout(timeout_ms / 1_000):
            _, writer = await asyncio.open_connection(addresses[0], port)
    except TimeoutError:
        return False, f"no connection to port {port} within {timeout_ms} ms"
    except OSError as error:
        return False, f"no connection to port {port}: {error.strerror or error}"
    writer.close()
    return True, f"port {port} accepts connections"
