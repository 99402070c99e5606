"""What the parts of the protocol share: the state of the paper's figure 2, and how to send.

The state itself lives in pysyncobj's SyncObj; `controlplane.raft.syncobj` maps these names to it.
Nothing here reads a clock, draws chance or touches a disk by itself: all that is given.
"""

import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol, TypeVar

from controlplane.raft.journal import Journal
from controlplane.raft.log import StateMachine
from controlplane.raft.messages import AppendReply, Message, Vote
from controlplane.raft.settings import RaftSettings
from controlplane.raft.snapshots import Configuration, SnapshotInfo
from controlplane.raft.storage import Storage
from orb.errors import OrbError

T = TypeVar("T")

Answer = Callable[[bytes | None, OrbError | None], None]
"""Called once: with an answer, or with why there is none."""


class RaftState(IntEnum):
    """pysyncobj's numbers for what a server is."""

    FOLLOWER = 0
    CANDIDATE = 1
    LEADER = 2


class Kind(IntEnum):
    """The first byte of a command in the log; pysyncobj's numbers."""

    REGULAR = 0
    NO_OP = 1
    MEMBERSHIP = 2


class Worker(Protocol):
    """Does slow work elsewhere, in order; *done* is called back on the event loop."""

    def submit(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        """Run *work* and hand its result, or what it raised, to *done*."""
        ...


@dataclass(slots=True)
class Surroundings:
    """What a server is given from outside: the simulation gives others than production."""

    clock: Callable[[], float]
    """Seconds, monotonic."""
    rng: random.Random
    send: Callable[[str, Message], None]
    """Try to send; loss is allowed, blocking is not."""
    connected: Callable[[str], bool]
    wake: Callable[[], None]
    """Have `step` called soon."""
    members: Callable[[Configuration], None]
    """These are the members now: talk to them, and listen to nobody else."""
    disk: Worker
    bulk: Worker
    """For snapshots, so that they never wait before a sync of the log."""


class Phase(IntEnum):
    """How a leader talks to one follower (as in etcd's raft)."""

    PROBE = 1
    """One append at a time, until it is known where the logs agree."""
    REPLICATE = 2
    """A window of appends under way."""
    SNAPSHOT = 3
    """The log no longer reaches back far enough."""


@dataclass(slots=True)
class Progress:
    """What a leader knows of one follower."""

    next: int
    match: int = 0
    phase: Phase = Phase.PROBE
    inflight: deque[int] = field(default_factory=deque)
    """The last index of each append under way."""
    probe_after: float = 0.0
    """No second probe before this time, unless an answer came."""
    sent_at: float = 0.0
    heard_at: float = 0.0
    disk_full: bool = False
    """The follower says that its disk takes nothing more."""
    round: int = 0
    """The newest read round that the follower has answered."""
    snapshot: SnapshotInfo | None = None
    offset: int = 0
    chunk_after: float = 0.0
    """The piece under way is sent again at this time."""


class Core(ABC):
    """The state of a server and the few verbs that every part of the protocol uses."""

    name: str
    term: int
    voted_for: str | None
    state: int
    leader: str | None
    commit_index: int
    last_applied: int
    journal: Journal
    identity: str
    """Of this server's folder: made with it, and never changed."""
    settings: RaftSettings
    around: Surroundings
    machine: StateMachine
    storage: Storage
    snapshot: SnapshotInfo | None
    failure: OrbError | None
    """Set when this server can no longer take part safely; its owner then stops it."""

    def __init__(self) -> None:
        self.leader_heard_at = float("-inf")
        self.election_at = 0.0
        self.progress: dict[str, Progress] = {}
        self.disk_full = False
        self.removed = False
        self.term_start = 0
        """The index of the no-op of this leader's term."""
        self._held: deque[tuple[int, str, Message]] = deque()
        self.failure = None

    # -- members: controlplane.raft.membership

    @property
    @abstractmethod
    def config(self) -> Configuration:
        """The members: the newest configuration in the log, agreed on or not (thesis 4.1)."""

    @property
    @abstractmethod
    def voters(self) -> list[str]:
        """The names of the members that vote, sorted."""

    @abstractmethod
    def leader_spoke(self) -> None:
        """Note that the leader is alive, and wait a whole election timeout anew."""

    @abstractmethod
    def may_campaign(self) -> bool:
        """Whether this server may ask for votes."""

    @abstractmethod
    def heard_recently(self, within: float) -> set[str]:
        """Who answered this leader within *within* seconds, itself included."""

    @abstractmethod
    def tell_removed(self, peer: str) -> None:
        """If this server leads and *peer* was removed, say so to it."""

    @abstractmethod
    def configs_dropped_from(self, index: int) -> None:
        """The log was cut at *index*: fall back to the configuration before."""

    @abstractmethod
    def config_added(self, index: int, command: bytes) -> None:
        """A configuration was appended to the log at *index*."""

    @abstractmethod
    def config_restored(self, index: int, config: Configuration) -> None:
        """A snapshot that ends at *index* brought its configuration."""

    @abstractmethod
    def members_changed(self) -> None:
        """Tell pysyncobj and the transport whom to talk to."""

    # -- leadership: controlplane.raft.elections

    @abstractmethod
    def become_follower(self, term: int, leader: str | None = None) -> None:
        """Follow in *term*; everything that waits for an answer gets one (paper 5.1)."""

    @abstractmethod
    def reset_election_timer(self) -> None:
        """Wait a whole, randomly chosen, election timeout from now (paper 5.2)."""

    @abstractmethod
    def set_term(self, term: int, vote: str | None) -> None:
        """Note term and vote (pysyncobj's own method, which tells the journal)."""

    @abstractmethod
    def set_state(self, state: RaftState) -> None:
        """Become *state* (pysyncobj's own method)."""

    @abstractmethod
    def become_leader(self) -> None:
        """Take over: pysyncobj's own method appends the no-op of the new term (thesis 6.4)."""

    @abstractmethod
    def follow(self, peer: str, term: int) -> None:
        """*peer* leads in *term* (controlplane.raft.receiver)."""

    # -- snapshots: controlplane.raft.install

    @abstractmethod
    def start_snapshot_to(self, peer: str, progress: Progress) -> None:
        """The log no longer reaches back to what *peer* needs."""

    @abstractmethod
    def leader_lost(self, was_leading: bool) -> None:  # noqa: FBT001 - a fact, not a switch
        """Answer everybody who waits for a leader that is gone."""

    # -- small verbs

    def majority(self, names: Mapping[str, bool] | set[str]) -> bool:
        """Whether *names* hold more than half of the voters."""
        voters = self.voters
        return 2 * sum(name in names for name in voters) > len(voters)

    def log_is_current(self, last_index: int, last_term: int) -> bool:
        """Whether a log that ends so is at least as new as ours (paper 5.4.1)."""
        return (last_term, last_index) >= (self.journal.last_term, self.journal.last_index)

    def send(self, peer: str, message: Message) -> None:
        """Send now; for what promises nothing that is not yet durable."""
        self.around.send(peer, message)

    def send_when_durable(self, sequence: int, peer: str, message: Message) -> None:
        """Send once write *sequence* of the journal is on disk; to oneself too."""
        if sequence <= self.journal.durable_sequence and peer != self.name:
            self.around.send(peer, message)
        else:
            self._held.append((sequence, peer, message))

    def release_held(self) -> list[Message]:
        """Send what was waiting for the disk; return what this server told itself."""
        own: list[Message] = []
        later: deque[tuple[int, str, Message]] = deque()
        for sequence, peer, message in self._held:
            if sequence > self.journal.durable_sequence:
                later.append((sequence, peer, message))
            elif isinstance(message, Vote | AppendReply) and message.term < self.term:
                continue
            elif peer == self.name:
                own.append(message)
            else:
                self.around.send(peer, message)
        self._held = later
        return own

    def fail(self, error: OrbError) -> None:
        """Stop taking part: going on could break a promise."""
        if self.failure is None:
            self.failure = error
        self.around.wake()
