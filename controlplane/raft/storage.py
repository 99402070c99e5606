"""Everything one server keeps on disk: its log, its term and vote, and its newest snapshot."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controlplane.raft.disk import Disk
from controlplane.raft.segments import (
    REMEDY,
    Entry,
    HardState,
    Record,
    RecoveredLog,
    Reset,
    Segments,
)
from controlplane.raft.snapshots import SnapshotInfo, Snapshots
from orb.errors import StorageDamaged

IDENTITY = "identity"
IDENTITY_NEW = "identity.tmp"
FIRST_INDEX = 1
"""The index that every log begins behind, in term 0; pysyncobj puts a no-op there."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a server knows when it starts."""

    hard: HardState
    snapshot: SnapshotInfo | None
    anchor: tuple[int, int]
    """(index, term) of what comes right before the first entry."""
    entries: Sequence[Entry]
    identity: str
    """Of the folder: made with it."""
    replaced: Reset | None
    """To be written first: a snapshot has taken the place of what the log held."""
    cut_bytes: int


class Storage:
    """The door to the disk. `append` is called by one thread, the snapshots by one other."""

    def __init__(self, disk: Disk, segment_bytes: int, salt: Callable[[], bytes]) -> None:
        self._disk = disk
        self._salt = salt
        self._segments = Segments(disk, segment_bytes, salt)
        self.snapshots = Snapshots(disk)

    def load(self) -> Recovered:
        """Read and align log and snapshot. Raises StorageDamaged if they cannot be trusted."""
        identity = self._identity()
        snapshot = self.snapshots.load()
        log = self._segments.load()
        index, term = (snapshot.index, snapshot.term) if snapshot else (FIRST_INDEX, 0)
        entries = log.entries
        first = entries[0].index if entries else (log.reset.index + 1 if log.reset else index + 1)
        if first > index + 1:
            raise StorageDamaged(
                f"the log begins at entry {first}, but the snapshot ends at {index}",
                remedy=REMEDY,
            )
        for name in log.leftovers:
            self._disk.remove(name)
        anchor, kept, replaced = (index, term), entries, None
        if not _holds(log, index, term):
            kept = []
            if entries or log.reset not in {None, Reset(index, term)}:
                replaced = Reset(index, term)
        elif first <= index:
            anchor, kept = (entries[0].index, entries[0].term), entries[1:]
        return Recovered(log.hard, snapshot, anchor, kept, identity, replaced, log.cut_bytes)

    def _identity(self) -> str:
        """Read who this folder is; a new folder becomes somebody, durably, before all else."""
        names = self._disk.names()
        if IDENTITY in names:
            text = self._disk.read(IDENTITY).decode("ascii", "replace")
            if not re.fullmatch(r"orb-raft 1 [0-9a-f]{16}\n", text):
                raise StorageDamaged(f"the file {IDENTITY} is damaged", remedy=REMEDY)
            return text.split()[2]
        if any(name.startswith(("log-", "snapshot-")) for name in names):
            raise StorageDamaged(f"the file {IDENTITY} is missing", remedy=REMEDY)
        identity = self._salt().hex()
        self._disk.create(IDENTITY_NEW)
        self._disk.write(IDENTITY_NEW, 0, f"orb-raft 1 {identity}\n".encode())
        self._disk.sync(IDENTITY_NEW)
        self._disk.rename(IDENTITY_NEW, IDENTITY)
        self._disk.sync_names()
        return identity

    def append(self, records: Sequence[Record]) -> None:
        """Make *records* durable, all or none. Raises OSError."""
        self._segments.append(records)

    def drop_to(self, index: int) -> None:
        """Delete log files that hold nothing beyond *index*. Raises OSError."""
        self._segments.drop_to(index)


def _holds(log: RecoveredLog, index: int, term: int) -> bool:
    """Whether the log goes on from (*index*, *term*): else a snapshot has replaced it."""
    if not log.entries:
        return False
    first = log.entries[0].index
    if first == index + 1:
        return log.reset is None or log.reset.index != index or log.reset.term == term
    return first <= index <= log.entries[-1].index and log.entries[index - first].term == term
