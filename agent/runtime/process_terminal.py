"""A command beside a task that runs as a process: over pipes, or over a terminal."""

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios
from collections.abc import AsyncIterator, Sequence
from typing import Final

from agent.runtime.base import RuntimeFailure
from orb.race import all_of

CHUNK_BYTES: Final = 32 * 1024
CHUNKS_WAITING_MAX: Final = 32
"""Pieces of output that wait for their reader; then no more is read."""
END_SECONDS: Final = 1.0
"""How long a command that nobody wants any more may take to end before it is killed."""

_Chunk = tuple[str, bytes] | None


async def run_piped(command: Sequence[str], *, stdin: bool) -> "PipedCommand":
    """Run *command* with pipes. Raises RuntimeFailure."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise RuntimeFailure(f"cannot run {command[0]}: {error.strerror}") from error
    return PipedCommand(process)


async def run_in_terminal(command: Sequence[str]) -> "TerminalCommand":
    """Run *command* in a terminal of its own. Raises RuntimeFailure."""
    master, slave = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
    except OSError as error:
        os.close(master)
        raise RuntimeFailure(f"cannot run {command[0]}: {error.strerror}") from error
    finally:
        os.close(slave)
    os.set_blocking(master, False)
    return TerminalCommand(process, master)


class PipedCommand:
    """A command with three pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def write(self, data: bytes) -> None:
        """Give it input; empty bytes close its input."""
        pipe = self._process.stdin
        if pipe is None:
            return
        with contextlib.suppress(ConnectionError):  # it has closed its input, or ended
            if data:
                pipe.write(data)
                await pipe.drain()
            else:
                pipe.close()

    async def resize(self, rows: int, columns: int) -> None:
        """It has no terminal."""

    async def output(self) -> AsyncIterator[tuple[str, bytes]]:
        """Both streams, as they come, until both have ended."""
        chunks: asyncio.Queue[_Chunk] = asyncio.Queue(CHUNKS_WAITING_MAX)
        reading = asyncio.ensure_future(self._read(chunks))
        try:
            while (chunk := await chunks.get()) is not None:
                yield chunk
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return exit_code(await self._process.wait())

    async def close(self) -> None:
        """End it if it still runs."""
        await end(self._process)

    async def _read(self, chunks: asyncio.Queue[_Chunk]) -> None:
        async def read(name: str, pipe: asyncio.StreamReader | None) -> None:
            while pipe is not None and (data := await pipe.read(CHUNK_BYTES)):
                await chunks.put((name, data))

        await all_of(read("stdout", self._process.stdout), read("stderr", self._process.stderr))
        await chunks.put(None)


class TerminalCommand:
    """A command with a terminal, whose other side we hold."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self._process = process
        self._master = master
        self._ready = asyncio.Event()

    async def write(self, data: bytes) -> None:
        """Type; empty bytes type the end of the input."""
        left = data or b"\x04"
        while left:
            try:
                left = left[os.write(self._master, left) :]
            except BlockingIOError:
                await asyncio.sleep(0.01)
            except OSError:
                return  # nobody is on the other side any more

    async def resize(self, rows: int, columns: int) -> None:
        """The person's terminal has another size."""
        size = struct.pack("HHHH", rows & 0xFFFF, columns & 0xFFFF, 0, 0)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    async def output(self) -> AsyncIterator[tuple[str, bytes]]:
        """What it shows, until nobody is on the other side any more."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._master, self._ready.set)
        try:
            while True:
                await self._ready.wait()
                try:
                    data = os.read(self._master, CHUNK_BYTES)
                except BlockingIOError:
                    self._ready.clear()
                    continue
                except OSError:
                    return  # how Linux says that the other side is closed
                yield "stdout", data
        finally:
            loop.remove_reader(self._master)

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return exit_code(await self._process.wait())

    async def close(self) -> None:
        """End it if it still runs, as if the terminal were closed."""
        await end(self._process)
        os.close(self._master)


async def end(process: asyncio.subprocess.Process) -> None:
    """End a command with its group: hang up, wait, kill."""
    for number in (signal.SIGHUP, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await process.wait()


def exit_code(code: int) -> int:
    """As a shell says it: 128 and the number of the signal that ended it."""
    return 128 - code if code < 0 else code
