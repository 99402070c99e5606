"""The times and bounds of agreement, each with its unit and what happens at it."""

from dataclasses import dataclass
from typing import Final

from controlplane.raft.log import ENTRY_BYTES_MAX

MESSAGE_BYTES_MAX: Final = ENTRY_BYTES_MAX + 1024 * 1024
"""The largest message between servers; a longer length prefix closes that connection unread."""

BATCH_BYTES_MAX: Final = ENTRY_BYTES_MAX + 4 * 1024 * 1024
"""How much one disk write (one frame, one sync) takes; what is beyond it waits for the next."""

LOG_BYTES_MAX: Final = 256 * 1024 * 1024
"""How many bytes of entries may wait for a snapshot in memory; then writes are refused."""

APPLY_AT_ONCE_MAX: Final = 512
"""How many entries are applied before the event loop gets its turn again."""

APPLY_FOR_S: Final = 0.02
"""How long entries are applied (at least one) before the event loop gets its turn again."""

LEARNER_LAG_ENTRIES_MAX: Final = 1_000
"""How many entries a learner may be behind and still be promoted; more is refused."""

MEMBERS_MAX: Final = 7
"""How many servers and learners a cluster may have; one more is refused."""

READS_MAX: Final = 4_096
"""How many barriers may wait at once; one more is refused with Unavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaftSettings:
    """What may be chosen for a cluster. All servers of one cluster should choose the same."""

    heartbeat_s: float = 0.1
    election_min_s: float = 0.5
    """A follower waits at least this long for its leader; a leader this long for a majority."""
    election_max_s: float = 1.0
    answer_within_s: float = 5.0
    """No proposal or barrier waits longer for its answer."""
    disk_retry_s: float = 1.0
    """How long a server with a full disk waits before it tries again."""
    snapshot_every_entries: int = 20_000
    snapshot_every_bytes: int = 64 * 1024 * 1024
    trailing_entries: int = 5_000
    """Entries kept behind a snapshot, so that a laggard needs no snapshot."""
    segment_bytes: int = 16 * 1024 * 1024
    """The size of a log file; it is allocated whole, and deleted whole."""
    append_bytes: int = 512 * 1024
    """An append takes entries until it is this large (at least one)."""
    inflight_appends: int = 8
    """Appends to one follower without an answer; the next waits and takes more entries along."""
    snapshot_chunk_bytes: int = 256 * 1024

    def __post_init__(self) -> None:
        """Refuse times that would make every late heartbeat an election."""
        if not 3 * self.heartbeat_s <= self.election_min_s < self.election_max_s:
            raise ValueError("elections must wait for at least three heartbeats")
