"""A log of one, in memory: for tests, simulation, and development without disks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from controlplane.raft.log import (
    ENTRY_BYTES_MAX,
    PROPOSALS_MAX,
    LogStatus,
    Member,
    Role,
    StateMachine,
)
from orb.errors import Conflict, TooLarge, Unavailable
from orb.ids import ServerName

ALONE: Final = ServerName("s1")
"""What a server without others is called, if nobody says otherwise."""


class LocalLog:
    """`controlplane.raft.log.Log` without other servers: agreed on as soon as proposed.

    The first entry has index 2 and `barrier` returns at once, as with one real server.
    """

    def __init__(self, machine: StateMachine, name: ServerName = ALONE) -> None:
        self._machine = machine
        self._name = name
        self._index = 1
        self._waiting = 0
        self._watchers: set[asyncio.Event] = set()

    async def run(self) -> None:
        """Do nothing until cancelled."""
        await asyncio.get_running_loop().create_future()

    async def propose(self, entry: bytes) -> bytes:
        """Apply *entry*. Raises TooLarge, or Unavailable when PROPOSALS_MAX wait."""
        if len(entry) > ENTRY_BYTES_MAX:
            raise TooLarge(
                f"a command of {len(entry)} bytes is over the limit of {ENTRY_BYTES_MAX}",
                remedy="split it into smaller ones",
            )
        if self._waiting >= PROPOSALS_MAX:
            raise Unavailable("too many commands wait already", remedy="try again later")
        self._waiting += 1
        try:
            await asyncio.sleep(0)
        finally:
            self._waiting -= 1
        self._index += 1
        result = self._machine.apply(self._index, entry)
        for event in self._watchers:
            event.set()
        return result

    async def add_learner(self, name: ServerName, address: str, client: str = "") -> None:
        """Refuse: a log in memory stays alone. Raises Conflict."""
        del address, client
        raise self._alone(name)

    async def promote(self, name: ServerName) -> None:
        """Refuse, as above."""
        raise self._alone(name)

    async def remove(self, name: ServerName) -> None:
        """Refuse, as above."""
        raise self._alone(name)

    async def hand_over(self, name: ServerName) -> None:
        """Refuse, as above."""
        raise self._alone(name)

    def _alone(self, name: ServerName) -> Conflict:
        return Conflict(
            f"{name} cannot take part: server {self._name} keeps nothing on disk, and stays alone",
            remedy="start it without `in-memory`",
        )

    async def barrier(self) -> None:
        """Return at once: nothing acknowledged is missing here."""

    def status(self) -> LogStatus:
        """A leader of one."""
        member = Member(self._name, "local", Role.LEADER, healthy=True)
        return LogStatus(Role.LEADER, self._name, 1, self._index, self._index, True, [member])  # noqa: FBT003 - a record

    async def changes(self) -> AsyncIterator[LogStatus]:
        """Yield the status at once, and again after the state has changed (coalesced)."""
        event = asyncio.Event()
        self._watchers.add(event)
        try:
            while True:
                event.clear()
                yield self.status()
                await event.wait()
        finally:
            self._watchers.discard(event)
