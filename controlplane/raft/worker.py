"""One thread that does the disk's slow work in order, so that the event loop never waits."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class ThreadWorker:
    """A `controlplane.raft.core.Worker` made of a thread. What a sync does needs no GIL."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._loop = loop
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        """Run *work* in the thread; hand its result, or what it raised, to *done* on the loop."""

        def job() -> None:
            result: T | Exception
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - handed over, not swallowed
                result = error
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(done, result)

        self._jobs.put(job)

    async def stop(self) -> None:
        """Finish what was submitted, then end the thread."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
