"""One server's whole part in agreement, step by step: what is received, timed, written, applied."""

import contextlib
import errno
from abc import abstractmethod
from collections import deque
from typing import Final, assert_never

from controlplane.raft.core import Answer, Kind, RaftState, Surroundings
from controlplane.raft.elections import Elections
from controlplane.raft.install import Install
from controlplane.raft.log import ENTRY_BYTES_MAX, PROPOSALS_MAX, NotMember, StateMachine
from controlplane.raft.messages import (
    Append,
    AppendReply,
    Message,
    PreVote,
    PreVoteReply,
    ReadIndex,
    ReadIndexReply,
    Removed,
    RequestVote,
    SnapshotChunk,
    SnapshotReply,
    Stranger,
    TimeoutNow,
    Vote,
)
from controlplane.raft.reads import Reads
from controlplane.raft.receiver import Receiver
from controlplane.raft.settings import APPLY_AT_ONCE_MAX, LOG_BYTES_MAX, RaftSettings
from controlplane.raft.snapshots import Configuration
from controlplane.raft.storage import FIRST_INDEX, Recovered, Storage
from orb.errors import (
    NoQuorum,
    NotLeader,
    OrbError,
    StorageDamaged,
    StorageFull,
    TooLarge,
    Unavailable,
    Unknown,
)

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a disk without room answers. After any other error the disk is not trusted again."""


class Proposal:
    """An entry on its way, and who waits for its answer."""

    __slots__ = ("_answer", "deadline", "done")

    def __init__(self, answer: Answer, deadline: float) -> None:
        self._answer = answer
        self.deadline = deadline
        self.done = False

    def finish(self, result: bytes | None, error: OrbError | None) -> None:
        """Answer, once."""
        if not self.done:
            self.done = True
            self._answer(result, error)


class Server(Elections, Receiver, Reads, Install):
    """The protocol, driven by `receive`, `propose`, `barrier` and `step`; it never blocks."""

    def __init__(
        self, name: str, machine: StateMachine, storage: Storage, settings: RaftSettings
    ) -> None:
        super().__init__()
        self.name = name
        self.machine = machine
        self.storage = storage
        self.settings = settings
        self.snapshot = None
        self._waiting: deque[Proposal] = deque()
        self._writing = False
        self._retry_at = 0.0

    def begin(self, found: Recovered, bootstrap: Configuration, around: Surroundings) -> None:
        """Take up what the disk holds; *bootstrap* are the members of a first start."""
        self.around = around
        self.identity = found.identity
        index = found.snapshot.index if found.snapshot else FIRST_INDEX
        self.snapshot = found.snapshot
        if found.snapshot is not None:
            self.machine.restore(self.storage.snapshots.chunks(found.snapshot))
        self.commit_index = self.last_applied = index
        self.start_config(index, found.snapshot.config if found.snapshot else bootstrap)
        self.number_questions()
        self.reset_election_timer()

    def close(self) -> None:
        """Answer everybody who still waits: this server stops."""
        stopping = Unavailable("this server is stopping", remedy="ask another one")
        self.failure = self.failure or stopping
        self.abandon()
        self.close_reads(stopping)

    # -- from outside

    def receive(self, peer: str, identity: str, message: Message) -> None:
        """Take a message from another server; the answer may wait for the disk."""
        if self.failure is None and self.may_count(peer, identity, message):
            self._handle(peer, message)
            self.around.wake()

    def _handle(self, peer: str, message: Message) -> None:  # noqa: C901, PLR0912 - a table
        match message:
            case Append():
                self.on_append(peer, message)
            case AppendReply():
                self.on_append_reply(peer, message)
            case PreVote():
                self.on_pre_vote(peer, message)
            case PreVoteReply():
                self.on_pre_vote_reply(peer, message)
            case RequestVote():
                self.on_request_vote(peer, message)
            case Vote():
                self.on_vote(peer, message)
            case SnapshotChunk():
                self.on_snapshot_chunk(peer, message)
            case SnapshotReply():
                self.on_snapshot_reply(peer, message)
            case TimeoutNow():
                self.on_timeout_now(peer, message)
            case ReadIndex():
                self.on_read_index(peer, message)
            case ReadIndexReply():
                self.on_read_index_reply(peer, message)
            case Removed():
                self.on_removed(peer, message)
            case Stranger():
                self.on_stranger(message)
            case _:
                assert_never(message)

    def propose(self, entry: bytes, answer: Answer) -> None:
        """Have *entry* agreed on; *answer* is called once. Raises what `Log.propose` says."""
        if len(entry) > ENTRY_BYTES_MAX:
            raise TooLarge(
                f"a command of {len(entry)} bytes is over the limit of {ENTRY_BYTES_MAX}",
                remedy="split it into smaller ones",
            )
        self._accepting()
        self._enqueue(entry, Kind.REGULAR, answer)

    def propose_config(self, config: Configuration, answer: Answer) -> None:
        """Have the members changed. Raises what `change` and `propose` raise."""
        self._accepting()
        command = self.change(config)
        self.take_queue()
        self._enqueue(command[1:], Kind.MEMBERSHIP, answer)
        self.take_queue()

    def _accepting(self) -> None:
        """Raise why a proposal would certainly not happen now."""
        if self.state != RaftState.LEADER:
            raise NotLeader(self.leader) if self.leader is not None else self.leaderless()
        if self.heir is not None:
            raise NotLeader(self.heir)
        if not self.majority(self.heard_recently(self.settings.election_max_s)):
            raise NoQuorum("no majority of the servers answers", remedy="start the others")
        if self.disk_full:
            raise StorageFull(
                f"the disk under server {self.name} is full: nothing can be written",
                remedy="make room; writing goes on by itself",
            )
        if len(self._waiting) >= PROPOSALS_MAX or self.journal.bytes > LOG_BYTES_MAX:
            self._drop_done()
            if len(self._waiting) >= PROPOSALS_MAX or self.journal.bytes > LOG_BYTES_MAX:
                raise Unavailable("too many commands wait already", remedy="try again later")

    def _enqueue(self, entry: bytes, kind: Kind, answer: Answer) -> None:
        deadline = self.around.clock() + self.settings.answer_within_s
        proposal = Proposal(answer, deadline)
        self._waiting.append(proposal)
        self.enqueue(entry, kind, proposal)
        self.around.wake()

    # -- pysyncobj's part: controlplane.raft.syncobj

    @abstractmethod
    def queued(self) -> bool:
        """Whether proposals wait to be taken into the log."""

    @abstractmethod
    def enqueue(self, entry: bytes, kind: Kind, proposal: Proposal) -> None:
        """Queue a proposal for the next step."""

    @abstractmethod
    def take_queue(self) -> None:
        """Append what is queued to the log."""

    @abstractmethod
    def abandon(self) -> None:
        """Answer everybody in the queue (not done) and in the log (unknown)."""

    @abstractmethod
    def apply_committed(self, most: int) -> bool:
        """Apply up to *most* entries; return whether there are more."""

    # -- a step

    def step(self) -> float:
        """Do all that is due; return when to be called again, in seconds of the clock."""
        now = self.around.clock()
        if self.failure is not None:
            return now + self.settings.heartbeat_s
        self.take_queue()
        due = self.election_tick(now)
        if self.state == RaftState.LEADER:
            self.advance_commit()
            self._adopt()
            self.handover_tick(now)
        if self.apply_committed(APPLY_AT_ONCE_MAX):
            self.around.wake()
        if self.state == RaftState.LEADER:
            due = min(due, self.replicate(now))
            self.resend_pieces(now)
        self.read_tick(now)
        self._write(now)
        self.compact(now)
        return min(due, self._time_limits(now))

    def _write(self, now: float) -> None:
        """Hand all that is not yet on disk to the storage thread, as one write and one sync."""
        if self._writing or not self.journal.dirty or now < self._retry_at:
            return
        self._writing = True
        sequence, records = self.journal.take()

        def done(result: Exception | None) -> None:
            self._written(sequence, result)

        self.around.disk.submit(lambda: self.storage.append(records), done)

    def _written(self, sequence: int, result: Exception | None) -> None:
        self._writing = False
        if result is None:
            self.disk_full = False
            self.journal.synced(sequence)
            for message in self.release_held():
                self._handle(self.name, message)
        elif isinstance(result, OSError) and result.errno in FULL:
            self.disk_full = True
            self._retry_at = self.around.clock() + self.settings.disk_retry_s
        else:
            self.fail(
                StorageDamaged(
                    f"the disk under server {self.name} failed: {result}",
                    remedy="look at the disk; start the server again when it is sound",
                )
            )
        self.around.wake()

    def _time_limits(self, now: float) -> float:
        """Answer those who waited too long; return when to look again."""
        self._drop_done()
        while self._waiting and self._waiting[0].deadline <= now:
            late = self._waiting.popleft()
            late.finish(None, Unknown("not agreed on in time: it may still happen"))
        later = now + self.settings.answer_within_s
        if self._waiting:
            later = min(later, self._waiting[0].deadline)
        if self.reads_waiting:
            later = min(later, now + self.settings.heartbeat_s)
        if self.disk_full:
            later = min(later, max(now, self._retry_at))
        return later

    def _drop_done(self) -> None:
        while self._waiting and self._waiting[0].done:
            self._waiting.popleft()

    def leader_lost(self, was_leading: bool) -> None:  # noqa: FBT001 - a fact, not a switch
        """Answer everybody who waits for what this server led."""
        if was_leading:
            self.progress = {}
            self.abandon()
            self.fail_reads()

    # -- members

    def config_agreed(self, index: int, config: Configuration) -> None:
        """The configuration at *index* is committed: whoever is out is told, and goes."""
        if self.state == RaftState.LEADER:
            for name in set(self.config_before(index)) - set(config) - {self.name}:
                self.tell_removed(name)
            if self.name not in self.voters:
                self.become_follower(self.term)
        was = self.config_before(index).get(self.name)
        out = self.name not in config and index == self.config_index
        # A newcomer that catches up reads of times when it, or its name's last owner, was out.
        if out and was is not None and was.identity == self.identity:
            self._leave()

    def on_removed(self, peer: str, message: Removed) -> None:
        """The leader says that we are out."""
        news = message.term >= self.term and message.index >= self.config_index
        # One that waits to be added hears of the last owner of its name.
        if news and peer != self.name and self.config:
            self._leave()

    def on_stranger(self, message: Stranger) -> None:
        """The leader knew another folder under our name: ours has forgotten what that promised."""
        if message.term >= self.term and self.config:
            self.fail(
                NotMember(
                    f"the cluster knows server {self.name} with another folder",
                    remedy="bring its folder back; or start it with `join`, and then "
                    f"`orbctl server replace {self.name} {self.name}=HOST`",
                )
            )

    def _adopt(self) -> None:
        """Note in the log whose folder a member has, as soon as it is known."""
        config = self.newly_known()
        if config is not None and self.commit_index >= max(self.term_start, self.config_index):
            with contextlib.suppress(OrbError):
                self.propose_config(config, lambda _result, _error: None)

    def _leave(self) -> None:
        self.removed = True
        self.fail(
            NotMember(
                f"server {self.name} was removed from the cluster",
                remedy="to bring it back, empty its folder, start it with `join`, and add it anew",
            )
        )
