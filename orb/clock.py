"""The one door to time: everything else takes `now`, or a Clock."""

import asyncio
import time
from typing import Protocol

from orb.ids import Millis


class Clock(Protocol):
    """What time it is, and how to wait. Simulation and tests bring one of their own."""

    def now(self) -> Millis:
        """Milliseconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow; the difference of two readings is a length of time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> Millis:
        """Milliseconds since the Unix epoch, by the machine's clock."""
        return Millis(time.time_ns() // 1_000_000)

    def monotonic(self) -> float:
        """Seconds since some point in the past, never set back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long on the running event loop."""
        await asyncio.sleep(seconds)
