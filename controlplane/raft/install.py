"""Snapshots: made off the event loop, sent piece by piece, installed whole or not at all."""

from controlplane.raft.core import Phase, Progress, RaftState
from controlplane.raft.membership import Membership
from controlplane.raft.messages import AppendReply, SnapshotChunk, SnapshotReply
from controlplane.raft.snapshots import INCOMING, SnapshotInfo
from orb.errors import StorageDamaged

SNAPSHOT_BYTES_MAX = 16 * 1024 * 1024 * 1024
"""The largest snapshot that is taken from a leader; a larger one is ignored."""


class Install(Membership):
    """The part of a server that makes, sends and installs snapshots."""

    def __init__(self) -> None:
        super().__init__()
        self._making = False
        self._make_after = 0.0
        self._bytes_applied = 0
        self._incoming: tuple[str, int, int, int] | None = None
        """(leader, term, snapshot index, next byte wanted) of what is being received."""
        self._receiving = False

    # -- making

    def note_applied(self, size: int) -> None:
        """*size* more bytes of entries are in the state but not in a snapshot."""
        self._bytes_applied += size

    def compact(self, now: float) -> None:
        """Make a snapshot when enough has been applied since the last one."""
        base = self.snapshot.index if self.snapshot else 1
        enough = (
            self.last_applied - base >= self.settings.snapshot_every_entries
            or self._bytes_applied >= self.settings.snapshot_every_bytes
        )
        if enough and not self._making and now >= self._make_after and self._incoming is None:
            self.make_snapshot()

    def make_snapshot(self) -> None:
        """Fork the state here and now; encode and write it elsewhere."""
        index = self.last_applied
        term = self.journal.term_at(index)
        if term is None or (self.snapshot and index <= self.snapshot.index):
            return
        self._making = True
        self._bytes_applied = 0
        config = self.config_at(index)
        chunks = self.machine.snapshot()

        def write() -> SnapshotInfo:
            return self.storage.snapshots.write(index, term, config, chunks)

        self.around.bulk.submit(write, self._made)

    def _made(self, result: SnapshotInfo | Exception) -> None:
        self._making = False
        match result:
            case SnapshotInfo():
                self._believe(result)
            case OSError():
                # The log is still whole: nothing is lost, there is just more of it.
                self._make_after = self.around.clock() + self.settings.disk_retry_s
            case StorageDamaged():
                self.fail(result)
            case _:
                self.fail(StorageDamaged(f"a snapshot could not be written: {result!r}"))

    def _believe(self, info: SnapshotInfo) -> None:
        """The snapshot is durable and verified: only now may the log be shortened."""
        if self.snapshot is None or info.index > self.snapshot.index:
            self.snapshot = info
        self.forget_configs_before(info.index)
        floor = min(self._keep_from(info.index), self.journal.durable_index, self.last_applied)
        if floor > self.journal.first_index:
            self.journal.deleteEntriesTo(floor - self.journal.first_index)
        first = self.journal.first_index
        self.around.disk.submit(lambda: self.storage.drop_to(first), self._dropped)

    def _keep_from(self, index: int) -> int:
        """The index behind which entries are kept for laggards: bounded in number and bytes."""
        bytes_left = self.settings.snapshot_every_bytes
        lowest = max(self.journal.first_index, index - self.settings.trailing_entries)
        while index > lowest and bytes_left > 0:
            bytes_left -= len(self.journal.rows(index, 1)[0][0])
            index -= 1
        return index

    def _dropped(self, result: Exception | None) -> None:
        """Files that could not be deleted are deleted after the next snapshot."""

    # -- sending

    def start_snapshot_to(self, peer: str, progress: Progress) -> None:
        """Send the newest snapshot from its beginning."""
        if self.snapshot is None:
            return
        progress.phase = Phase.SNAPSHOT
        progress.snapshot = self.snapshot
        progress.offset = 0
        self._send_piece(peer, progress)

    def resend_pieces(self, now: float) -> None:
        """A piece without an answer is sent again; a new snapshot starts anew."""
        for peer, progress in self.progress.items():
            if progress.phase is Phase.SNAPSHOT and now >= progress.chunk_after:
                if progress.snapshot is not self.snapshot:
                    self.start_snapshot_to(peer, progress)
                else:
                    self._send_piece(peer, progress)

    def _send_piece(self, peer: str, progress: Progress) -> None:
        info, offset = progress.snapshot, progress.offset
        progress.chunk_after = self.around.clock() + self.settings.election_max_s
        if info is None or not self.around.connected(peer):
            return
        term, size = self.term, self.settings.snapshot_chunk_bytes

        def done(result: bytes | Exception) -> None:
            # An unreadable file was replaced by a newer snapshot: resend_pieces finds it.
            if isinstance(result, bytes) and self.term == term and self.state == RaftState.LEADER:
                piece = SnapshotChunk(term, info.index, info.term, offset, info.size, result)
                self.send(peer, piece)

        self.around.bulk.submit(lambda: self.storage.snapshots.piece(info, offset, size), done)

    def on_snapshot_reply(self, peer: str, message: SnapshotReply) -> None:
        """Send the next piece."""
        if message.term > self.term:
            self.become_follower(message.term)
            return
        progress = self.progress.get(peer)
        if self.state != RaftState.LEADER or message.term < self.term or progress is None:
            return
        progress.heard_at = self.around.clock()
        info = progress.snapshot
        if progress.phase is not Phase.SNAPSHOT or info is None or message.index != info.index:
            return
        if message.offset != progress.offset and message.offset < info.size:
            progress.offset = message.offset
            self._send_piece(peer, progress)

    # -- receiving

    def on_snapshot_chunk(self, peer: str, message: SnapshotChunk) -> None:
        """Write the piece that comes next; when all are there, verify and install."""
        if message.term < self.term:
            self.send(peer, SnapshotReply(self.term, message.index, 0))
            return
        self.follow(peer, message.term)
        if message.index <= self.commit_index:
            durable = min(self.commit_index, self.journal.durable_index)
            self.send(peer, AppendReply(self.term, True, durable, 0, 0, 0))  # noqa: FBT003 - a record
            return
        if self._receiving or message.total > SNAPSHOT_BYTES_MAX:
            return
        key = (peer, message.term, message.index)
        if self._incoming is None or self._incoming[:3] != key:
            self._incoming = (*key, 0)
        wanted = self._incoming[3]
        if message.offset != wanted:
            self.send(peer, SnapshotReply(self.term, message.index, wanted))
            return
        self._write_piece(peer, message)

    def _write_piece(self, peer: str, message: SnapshotChunk) -> None:
        self._receiving = True
        end = message.offset + len(message.data)
        whole = end == message.total

        def write() -> SnapshotInfo | None:
            self.storage.snapshots.receive(message.offset, message.data)
            return self.storage.snapshots.install(INCOMING) if whole else None

        def done(result: SnapshotInfo | Exception | None) -> None:
            self._receiving = False
            match result:
                case None:
                    self._incoming = (peer, message.term, message.index, end)
                    self.send(peer, SnapshotReply(self.term, message.index, end))
                case SnapshotInfo():
                    self._incoming = None
                    self._install(result)
                case _:
                    self._incoming = None  # a full disk or a broken copy: it is sent anew

        self.around.bulk.submit(write, done)

    def _install(self, info: SnapshotInfo) -> None:
        """Replace the state by the snapshot, unless ours has become newer meanwhile."""
        if self.snapshot is None or info.index > self.snapshot.index:
            self.snapshot = info
        if info.index > self.commit_index:
            try:
                self.machine.restore(self.storage.snapshots.chunks(info))
            except StorageDamaged as error:
                self.fail(error)
                return
            if self.journal.term_at(info.index) != info.term:
                self.journal.reset(info.index, info.term)
                self.configs_dropped_from(info.index + 1)
            self.commit_index = self.last_applied = info.index
            self._bytes_applied = 0
            self.config_restored(info.index, info.config)
        index = min(self.commit_index, self.journal.last_index)
        reply = AppendReply(self.term, True, index, 0, 0, 0)  # noqa: FBT003 - a record
        if self.leader is not None:
            self.send_when_durable(self.journal.sequence, self.leader, reply)
        self.around.wake()
