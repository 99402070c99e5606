"""Reads what a supervisor wrote down: the output of one process, oldest first."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.runtime.base import OutputLine
from orb.ids import Millis

if TYPE_CHECKING:
    from io import BufferedReader

READ_LINES_MAX: Final = 2_000
"""Lines that are read at once, away from the event loop."""
FOLLOW_SECONDS: Final = 0.2
"""How often a follower looks for more."""
STREAMS: Final = {b"o": "stdout", b"e": "stderr"}


async def read_lines(
    folder: Path, *, tail: int | None, since: Millis | None, follow: bool, lives: Callable[[], bool]
) -> AsyncIterator[OutputLine]:
    """The lines that are kept, the last *tail* of those after *since*; with *follow* those to come,
    until *lives* says no."""
    reader = _Reader(folder)
    try:
        if tail is not None:
            for line in await asyncio.to_thread(_last, reader, tail, since):
                yield line
        while True:
            lived = lives()
            while lines := await asyncio.to_thread(reader.read):
                for line in lines:
                    if since is None or line.at >= since:
                        yield line
            if not (follow and lived):
                return
            await asyncio.sleep(FOLLOW_SECONDS)
    finally:
        reader.close()


def _last(reader: "_Reader", tail: int, since: Millis | None) -> list[OutputLine]:
    last: deque[OutputLine] = deque(maxlen=tail)
    while lines := reader.read():
        last.extend(line for line in lines if since is None or line.at >= since)
    return list(last)


class _Reader:
    """Reads output.log.1, then output.log, and goes along when the supervisor begins a new one."""

    def __init__(self, folder: Path) -> None:
        self._current = folder / "output.log"
        self._older = folder / "output.log.1"
        self._file: BufferedReader | None = None
        self._held = b""
        self._began = False

    def read(self) -> list[OutputLine]:
        """The next lines; none if there are no more now."""
        if not self._began:
            self._began = True
            self._open(self._older)
        lines = list(self._some())
        if not lines and self._was_turned():
            self.close()
            self._open(self._current)
            lines = list(self._some())
        return lines

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, path: Path) -> None:
        try:
            self._file = path.open("rb")
        except FileNotFoundError:
            self._file = None

    def _was_turned(self) -> bool:
        """Whether output.log is another file than the one that is read."""
        try:
            newest = self._current.stat().st_ino
        except FileNotFoundError:
            return False
        return self._file is None or newest != os.fstat(self._file.fileno()).st_ino

    def _some(self) -> Iterator[OutputLine]:
        for _ in range(READ_LINES_MAX):
            raw = self._file.readline() if self._file is not None else b""
            if not raw:
                return
            self._held += raw
            if self._held.endswith(b"\n"):
                line, self._held = self._held[:-1], b""
                yield _parse(line)


def _parse(line: bytes) -> OutputLine:
    """`milliseconds o|e text`; a damaged line is shown as it is."""
    stamp, _, rest = line.partition(b" ")
    stream, _, text = rest.partition(b" ")
    if not stamp.isdigit() or stream not in STREAMS:
        return OutputLine(Millis(0), "stdout", line.decode(errors="replace"))
    return OutputLine(Millis(int(stamp)), STREAMS[stream], text.decode(errors="replace"))
