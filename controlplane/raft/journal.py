"""The log in memory, as pysyncobj wants it; it knows what of it is durable, and what is not yet."""

from collections import deque
from collections.abc import Sequence
from typing import Final, SupportsIndex, overload

from controlplane.raft.segments import Entry, HardState, Record, Reset
from controlplane.raft.settings import BATCH_BYTES_MAX
from controlplane.raft.storage import FIRST_INDEX, Recovered

Row = tuple[bytes, int, int]
"""(command, index, term): an entry as pysyncobj holds it."""

ROW_BYTES: Final = 200
"""What a row costs in memory beside its command, in bytes (rounded up)."""


class Journal:
    """A replacement of pysyncobj.journal.Journal. Writes are collected and numbered; the owner
    takes a batch, makes it durable, and says so: then `durable_index` grows.

    Row 0 is the anchor: what comes right before the first entry (its command is not kept).
    """

    def __init__(self, found: Recovered) -> None:
        index, term = found.anchor
        self._rows: list[Row] = [(b"", index, term)]
        self._rows.extend((entry.command, entry.index, entry.term) for entry in found.entries)
        self._hard = found.hard
        self._pending: list[Record] = []
        self._unsynced: deque[tuple[int, int]] = deque()
        self.bytes = sum(len(row[0]) + ROW_BYTES for row in self._rows)
        """What the entries cost in memory."""
        self.sequence = 0
        """The number of the newest write."""
        self.hard_sequence = 0
        """The number of the newest write of term and vote."""
        self.durable_sequence = 0
        self.durable_index = self._rows[-1][1]
        """Everything up to this index is on disk."""
        if found.replaced is not None:
            self._note(found.replaced)

    @property
    def first_index(self) -> int:
        """The index of the anchor."""
        return self._rows[0][1]

    @property
    def last_index(self) -> int:
        """The index of the newest entry (or of the anchor)."""
        return self._rows[-1][1]

    @property
    def last_term(self) -> int:
        """The term of the newest entry (or of the anchor)."""
        return self._rows[-1][2]

    def term_at(self, index: int) -> int | None:
        """The term of the entry at *index*, or None if it is not held."""
        position = index - self._rows[0][1]
        return self._rows[position][2] if 0 <= position < len(self._rows) else None

    def rows(self, start: int, count: int) -> list[Row]:
        """Up to *count* entries from index *start* on, which must be held."""
        position = start - self._rows[0][1]
        return self._rows[position : position + count]

    def reset(self, index: int, term: int) -> None:
        """Forget all entries: a snapshot that ends at *index* has replaced them."""
        self._rows = [(b"", index, term)]
        self.bytes = ROW_BYTES
        self._unsynced.clear()
        self._note(Reset(index, term))
        self.durable_index = index

    # -- the writes of the storage thread

    def take(self) -> tuple[int, list[Record]]:
        """The next batch to make durable, and the number of its newest write."""
        size = taken = 0
        for record in self._pending:
            size += len(record.command) + ROW_BYTES if isinstance(record, Entry) else ROW_BYTES
            if taken and size > BATCH_BYTES_MAX:
                break
            taken += 1
        return self.sequence - len(self._pending) + taken, self._pending[:taken]

    def synced(self, sequence: int) -> None:
        """Everything up to write *sequence* is durable."""
        done = sequence - (self.sequence - len(self._pending))
        del self._pending[:done]
        self.durable_sequence = sequence
        while self._unsynced and self._unsynced[0][0] <= sequence:
            self.durable_index = max(self.durable_index, self._unsynced.popleft()[1])

    @property
    def dirty(self) -> bool:
        """Whether there is something to write."""
        return bool(self._pending)

    def _note(self, record: Record) -> None:
        self._pending.append(record)
        self.sequence += 1

    # -- what pysyncobj calls, by its names

    def add(self, command: bytes, idx: int, term: int) -> None:
        """Append an entry."""
        self._rows.append((command, idx, term))
        self.bytes += len(command) + ROW_BYTES
        self._note(Entry(idx, term, command))
        self._unsynced.append((self.sequence, idx))

    def deleteEntriesFrom(self, entryFrom: int) -> None:  # noqa: N802, N803 - pysyncobj's name
        """Drop the entry at position *entryFrom* and all behind it (never the anchor)."""
        self.bytes -= sum(len(row[0]) + ROW_BYTES for row in self._rows[entryFrom:])
        del self._rows[entryFrom:]
        last = self.last_index
        self._unsynced = deque(pair for pair in self._unsynced if pair[1] <= last)
        self.durable_index = min(self.durable_index, last)

    def deleteEntriesTo(self, entryTo: int) -> None:  # noqa: N802, N803 - pysyncobj's name
        """Make the entry at position *entryTo* the anchor."""
        self.bytes -= sum(len(row[0]) + ROW_BYTES for row in self._rows[:entryTo])
        del self._rows[:entryTo]

    @overload
    def __getitem__(self, item: SupportsIndex) -> Row: ...
    @overload
    def __getitem__(self, item: slice) -> list[Row]: ...
    def __getitem__(self, item: SupportsIndex | slice) -> Row | Sequence[Row]:
        """Rows by position."""
        return self._rows[item]

    def __len__(self) -> int:
        """How many rows there are, the anchor included."""
        return len(self._rows)

    def setCurrentTerm(self, term: int, votedForNodeId: str | None) -> None:  # noqa: N802, N803 - pysyncobj's name
        """Note term and vote; they are durable when `hard_sequence` is."""
        self._hard = HardState(term, votedForNodeId)
        self._note(self._hard)
        self.hard_sequence = self.sequence

    def getCurrentTerm(self) -> int:  # noqa: N802 - pysyncobj's name
        """The current term."""
        return self._hard.term

    def getVotedForNodeId(self) -> str | None:  # noqa: N802 - pysyncobj's name
        """Who has this server's vote in the current term."""
        return self._hard.vote

    def setRaftCommitIndex(self, raftCommitIndex: int) -> None:  # noqa: N802, N803 - pysyncobj's name
        """The commit index is not kept: a new leader finds it again (paper 5.4.2)."""

    def getRaftCommitIndex(self) -> int:  # noqa: N802 - pysyncobj's name
        """The commit index to start with."""
        return FIRST_INDEX

    def _destroy(self) -> None:
        """Files are closed by their owner."""
