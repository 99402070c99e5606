"""Who asked, when, and the names that one entry may give."""

from dataclasses import dataclass, field
from typing import Final

from orb.ids import Millis, TaskId

TASKS_PER_ENTRY_MAX: Final = 1_000_000
"""Tasks that one entry may make; a command that would make more is refused."""


@dataclass(slots=True)
class Stamp:
    """What an entry says beside its command. One is made for each entry, and counts its tasks."""

    index: int
    now: Millis
    author: str
    trace: str = ""
    _minted: int = field(default=0, init=False)

    def room_for(self, count: int) -> bool:
        """Whether *count* more tasks may be made."""
        return self._minted + count <= TASKS_PER_ENTRY_MAX

    def mint(self) -> TaskId:
        """An id that no task ever had: the index of the entry, then a running number."""
        self._minted += 1
        return TaskId(self.index * TASKS_PER_ENTRY_MAX + self._minted - 1)
