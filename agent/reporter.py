"""What the servers should hear of our tasks: the newest report of each, until it is sent.

Nothing is queued: a newer report takes the place of the older one, so there is at most one a task.
After a reconnect everything is sent again and the server compares.
"""

import asyncio
from collections.abc import Sequence
from itertools import islice

from orb.ids import TaskId
from orb.work import REPORTS_PER_MESSAGE_MAX, Report


class Reporter:
    """Holds the newest report of every task, and which of them are still to be sent."""

    def __init__(self) -> None:
        self._latest: dict[TaskId, Report] = {}
        self._unsent: dict[TaskId, None] = {}
        self.wake = asyncio.Event()
        """Set while there is something to send."""

    def put(self, report: Report) -> None:
        """This is now the truth about its task."""
        if self._latest.get(report.task) != report:
            self._latest[report.task] = report
            self._unsent[report.task] = None
            self.wake.set()

    def forget(self, task: TaskId) -> None:
        """The task is gone, and nobody asks for it any more."""
        self._latest.pop(task, None)
        self._unsent.pop(task, None)

    def restart(self) -> None:
        """A new session knows nothing: everything is to be sent."""
        self._unsent = dict.fromkeys(self._latest)
        if self._unsent:
            self.wake.set()

    def take(self, most: int = REPORTS_PER_MESSAGE_MAX) -> Sequence[Report]:
        """The next reports to send, at most that many; they count as sent."""
        tasks = list(islice(self._unsent, most))
        for task in tasks:
            del self._unsent[task]
        if not self._unsent:
            self.wake.clear()
        return [self._latest[task] for task in tasks]
