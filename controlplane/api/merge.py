"""Lines from several tasks in the order of time, also while some of them are silent."""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from orb.clock import Clock
from orb.cluster import LogLine

LINES_WAITING_MAX: Final = 2_000
"""Lines of one task that wait for their turn; then the reading of that task waits."""
LATENESS_S: Final = 0.3
"""While following, a line waits that long, in seconds, for older ones of other tasks."""


class Source:
    """The lines of one task, oldest first."""

    def __init__(self, merge: "Merge") -> None:
        self._merge = merge
        self.lines: deque[tuple[LogLine, float]] = deque()
        """Each with the time of its arrival, by the monotonic clock."""
        self.ended = False
        self.has_room = asyncio.Event()
        self.has_room.set()

    async def put(self, line: LogLine) -> None:
        """The next line. Waits at the bound."""
        await self.has_room.wait()
        self._merge.arrived(self, line)

    def end(self) -> None:
        """There are no more."""
        self.ended = True
        self._merge.news.set()


class Merge:
    """Takes lines from sources and gives them out in order."""

    def __init__(self, clock: Clock, *, follow: bool) -> None:
        self._clock = clock
        self._follow = follow
        self._sources: list[Source] = []
        self._heads: list[tuple[int, int]] = []
        """Time of the first line that waits, and number, of each source that has one."""
        self.news = asyncio.Event()
        self.complete = False
        """No further source will come."""

    def source(self) -> Source:
        """One more task."""
        made = Source(self)
        self._sources.append(made)
        return made

    def finish(self) -> None:
        """No further source will come: the lines end with the last source."""
        self.complete = True
        self.news.set()

    def arrived(self, source: Source, line: LogLine) -> None:
        """A line has come from *source*."""
        source.lines.append((line, self._clock.monotonic()))
        if len(source.lines) == 1:
            heapq.heappush(self._heads, (line.time, self._sources.index(source)))
        if len(source.lines) >= LINES_WAITING_MAX:
            source.has_room.clear()
        self.news.set()

    async def lines(self) -> AsyncIterator[LogLine]:
        """All lines, until the last source has ended."""
        while True:
            self.news.clear()
            wait_s = self._wait_s()
            if wait_s == 0:
                yield self._take()
            elif self.complete and not self._heads and all(s.ended for s in self._sources):
                return
            else:
                await self._wait_for_news(wait_s)

    def _take(self) -> LogLine:
        _, number = heapq.heappop(self._heads)
        source = self._sources[number]
        line, _ = source.lines.popleft()
        if source.lines:
            heapq.heappush(self._heads, (source.lines[0][0].time, number))
        source.has_room.set()
        return line

    def _wait_s(self) -> float | None:
        """How long the oldest line must still wait; None until something arrives."""
        if not self._heads:
            return None
        silent = any(not source.ended and not source.lines for source in self._sources)
        if not silent:
            return 0
        if not self._follow:
            return None
        arrived = self._sources[self._heads[0][1]].lines[0][1]
        return max(0.0, arrived + LATENESS_S - self._clock.monotonic())

    async def _wait_for_news(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.news.wait()
        except TimeoutError:
            return
