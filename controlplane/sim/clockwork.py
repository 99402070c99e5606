"""Virtual time, and the trace of what happened in it."""

import heapq
from collections import deque
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from orb.ids import Millis

START: Final = Millis(1_700_000_000_000)
"""When every simulated world begins."""
TRACE_TAIL_LINES_MAX: Final = 400
"""Lines kept of a trace, to be shown when something is wrong; older ones are in the hash only."""

Deed = Callable[[], None]


class Clockwork:
    """What is due happens in the order of its time, then of its making; nothing else is time."""

    def __init__(self) -> None:
        self.now = START
        self._due: list[tuple[int, int, Deed]] = []
        self._made = 0

    def after(self, delay_ms: int, deed: Deed) -> None:
        """Have *deed* done in that many milliseconds."""
        self._made += 1
        heapq.heappush(self._due, (self.now + max(0, delay_ms), self._made, deed))

    def every(self, period_ms: int, deed: Deed) -> None:
        """Have *deed* done again and again, for the first time after one period."""

        def again() -> None:
            deed()
            self.after(period_ms, again)

        self.after(period_ms, again)

    def run_until(self, end: Millis) -> None:
        """Let everything happen that is due by then."""
        while self._due and self._due[0][0] <= end:
            at, _, deed = heapq.heappop(self._due)
            self.now = Millis(at)
            deed()
        self.now = end


class Trace:
    """A line for everything that happens; equal worlds have equal hashes."""

    def __init__(self, clockwork: Clockwork) -> None:
        self.tail: deque[str] = deque(maxlen=TRACE_TAIL_LINES_MAX)
        self._clockwork = clockwork
        self._hash = blake2b(digest_size=8)

    def add(self, text: str) -> None:
        """Something has happened now."""
        line = f"{(self._clockwork.now - START) / 1000:9.3f} {text}"
        self._hash.update(line.encode())
        self._hash.update(b"\n")
        self.tail.append(line)

    @property
    def digest(self) -> str:
        """The hash of all lines so far."""
        return self._hash.hexdigest()
