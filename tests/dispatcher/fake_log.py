"""A log whose leadership a test decides."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from controlplane.raft.log import LogStatus, Member, Role
from orb.ids import ServerName


class FakeLog:
    """`controlplane.raft.log.Log` that agrees on nothing; it counts the barriers."""

    def __init__(self, *, leads: bool = True, term: int = 1) -> None:
        self.barriers = 0
        self.now = LogStatus(
            role=Role.LEADER if leads else Role.FOLLOWER,
            leader=ServerName("s1" if leads else "s2"),
            term=term,
            committed=1,
            applied=1,
            quorum=True,
            members=[
                Member(ServerName(name), f"{name}:7401", Role.FOLLOWER, healthy=True)
                for name in ("s1", "s2", "s3")
            ],
        )
        self._changed = asyncio.Event()

    def become(self, **changes: object) -> None:
        """Change the status."""
        self.now = replace(self.now, **changes)  # type: ignore[arg-type]
        self._changed.set()

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def propose(self, entry: bytes) -> bytes:
        raise AssertionError(f"nobody should propose {entry!r}")

    async def barrier(self) -> None:
        self.barriers += 1

    def status(self) -> LogStatus:
        return self.now

    async def changes(self) -> AsyncIterator[LogStatus]:
        while True:
            self._changed.clear()
            yield self.now
            await self._changed.wait()
