"""The person's own terminal: raw while a command elsewhere has it, and always set back."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import termios
import threading
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

CHUNK_BYTES: Final = 32 * 1024
"""How much input is sent in one message."""
CHUNKS_WAITING_MAX: Final = 16
"""Chunks of input that wait to be sent; at the bound stdin is not read."""


def size() -> tuple[int, int]:
    """Rows and columns of the terminal."""
    columns, rows = shutil.get_terminal_size()
    return rows, columns


@contextlib.contextmanager
def raw() -> Iterator[None]:
    """Every key goes to the other side, Ctrl-C too; the terminal is set back in any case."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor, termios.TCSANOW)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextlib.contextmanager
def on_resize(tell: Callable[[], None]) -> Iterator[None]:
    """Call *tell* whenever the terminal has another size."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, tell)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)


async def typed() -> AsyncIterator[bytes]:
    """What comes on stdin, until it ends. Works for terminals, pipes and files."""
    chunks: asyncio.Queue[bytes] = asyncio.Queue(CHUNKS_WAITING_MAX)
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            while True:
                data = os.read(descriptor, CHUNK_BYTES)
                asyncio.run_coroutine_threadsafe(chunks.put(data), loop).result()
                if not data:
                    return

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while data := await chunks.get():
        yield data


def write(stream: str, data: bytes) -> None:
    """Bytes to stdout or stderr, at once."""
    if not data:
        return
    target = sys.stderr.buffer if stream == "stderr" else sys.stdout.buffer
    target.write(data)
    target.flush()
