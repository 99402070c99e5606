"""The seam to agreement: what the rest of the control plane may ask of a log, and no more."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

from orb.errors import Conflict
from orb.ids import ServerName

ENTRY_BYTES_MAX: Final = 4 * 1024 * 1024
"""The largest command, in bytes; a larger one is refused with TooLarge before it is proposed."""

PROPOSALS_MAX: Final = 4_096
"""How many proposals may wait at once; one more is refused with Unavailable."""


class Role(IntEnum):
    """What a server is in the current term."""

    FOLLOWER = 1
    CANDIDATE = 2
    LEADER = 3
    LEARNER = 4


@dataclass(frozen=True, slots=True)
class Member:
    """A server as the log sees it. *address* is host:port of its peer listener."""

    name: ServerName
    address: str
    role: Role
    healthy: bool
    """Heard within an election timeout (always true of the server that answers)."""
    client: str = ""
    """host:port where orbctl and agents reach it; empty if nobody has said."""
    behind: int | None = None
    """How many entries it has still to make durable; None where it is not known: only the leader
    knows, once it has heard from it."""
    disk_full: bool = False
    """Its disk takes nothing more; of others only the leader knows."""


@dataclass(frozen=True, slots=True)
class LogStatus:
    """Where agreement stands, seen from one server."""

    role: Role
    leader: ServerName | None
    term: int
    committed: int
    """The index of the newest entry known to be agreed on."""
    applied: int
    """The index of the newest entry in this server's state."""
    quorum: bool
    """A majority was heard within an election timeout, as far as this server can know."""
    members: Sequence[Member]
    disk_full: bool = False
    """The disk under this server takes nothing more: writes are refused until there is room."""
    silent_s: float = 0.0
    """How long ago, in seconds, this server last heard from its leader, or as the leader from a
    majority: its state may be so old. Without either yet: since it was started."""


class StateMachine(Protocol):
    """What the log drives. It runs on the event loop and must never raise."""

    def apply(self, index: int, entry: bytes) -> bytes:
        """Apply the agreed entry at *index* and return its answer: deterministic and total."""
        ...

    def snapshot(self) -> Iterable[bytes]:
        """Chunks that hold the whole state as it is at this call; encoded lazily, off the loop."""
        ...

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Replace the whole state by a snapshot's. Raises StorageDamaged if it cannot be read."""
        ...


class NotMember(Conflict):
    """This server is no member of its cluster (any more): starting it again will not help."""


class Members(Protocol):
    """Who takes part in agreement, and how that is changed: one server at a time, by a majority."""

    def status(self) -> LogStatus:
        """Where agreement stands now."""
        ...

    async def barrier(self) -> None:
        """As of `Log`."""
        ...

    async def add_learner(self, name: ServerName, address: str, client: str = "") -> None:
        """Add a server that receives the log but does not vote.

        Raises Conflict if it cannot be, and what `Log.propose` raises.
        """
        ...

    async def promote(self, name: ServerName) -> None:
        """Let a learner vote. Raises NotFound, Conflict until it has caught up, and as above."""
        ...

    async def remove(self, name: ServerName) -> None:
        """Remove a server; it stops when it learns of it. Raises NotFound, Conflict, as above."""
        ...

    async def hand_over(self, name: ServerName) -> None:
        """Let *name* lead instead of this server. Raises NotLeader, Conflict."""
        ...


class Log(Protocol):
    """An ordered, durable list of entries that a majority of servers agrees on."""

    async def run(self) -> None:
        """Take part in agreement until cancelled; then close everything cleanly."""
        ...

    async def propose(self, entry: bytes) -> bytes:
        """Have *entry* agreed on, durable and applied; return the answer of `apply`.

        Raises NotLeader, NoQuorum, StorageFull, TooLarge or Unavailable when it has certainly
        not happened, and Unknown when it may have (leadership or the answer was lost).
        """
        ...

    async def barrier(self) -> None:
        """Return once this server's state holds every entry acknowledged before the call.

        Raises NotLeader or NoQuorum (within 5 s, never a hang).
        """
        ...

    def status(self) -> LogStatus:
        """Where agreement stands now."""
        ...

    def changes(self) -> AsyncIterator[LogStatus]:
        """Yield the status at once, and again after it or the state has changed (coalesced)."""
        ...
