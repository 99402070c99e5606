"""The far end of a command that is only pretended to run."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

CHUNKS_MAX: Final = 64
"""Chunks of input that wait to be given back; then `write` waits."""


class FakeTerminal:
    """Says what it was asked to run and gives back its input; `exit N` ends with N."""

    def __init__(self, command: Sequence[str], *, tty: bool, stdin: bool) -> None:
        self._command = tuple(command)
        self._tty = tty
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(CHUNKS_MAX)
        self._ended = asyncio.Event()
        if not stdin:
            self._chunks.put_nowait(b"")

    async def write(self, data: bytes) -> None:
        """Take input; empty bytes end it."""
        await self._chunks.put(data)

    async def resize(self, rows: int, columns: int) -> None:
        """Say the new size, if it has a terminal."""
        if self._tty:
            await self._chunks.put(f"{rows}x{columns}\r\n".encode())

    async def output(self) -> AsyncIterator[tuple[str, bytes]]:
        """The command in one line, then the input."""
        yield "stdout", (" ".join(self._command) + "\n").encode()
        while data := await self._chunks.get():
            yield "stdout", data
        self._ended.set()

    async def wait(self) -> int:
        """The number after `exit`, else 0."""
        await self._ended.wait()
        match self._command:
            case ("exit", number) if number.isdigit():
                return int(number)
            case _:
                return 0

    async def close(self) -> None:
        """End it."""
        self._ended.set()
