"""The one door to pysyncobj 0.3.17: a SyncObj whose protocol, log and transport are ours.

Every private name of pysyncobj that we read, call or replace is in this module, and listed in
ALIASES, CALLED and REPLACED: a test fails when one of them changes. Why, and what the stock class
gets wrong: docs/adr/0003-pysyncobj.md.
"""

import asyncio
import random
import ssl
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from pysyncobj import FAIL_REASON, SyncObj, SyncObjConf
from pysyncobj.node import Node
from pysyncobj.transport import Transport

from controlplane.raft.core import Kind, RaftState, Surroundings
from controlplane.raft.disk import FolderDisk
from controlplane.raft.journal import Journal
from controlplane.raft.log import StateMachine
from controlplane.raft.owner import ClusterLog
from controlplane.raft.server import Proposal, Server
from controlplane.raft.settings import APPLY_FOR_S, RaftSettings
from controlplane.raft.snapshots import Configuration, MemberRecord, decode_config
from controlplane.raft.storage import Storage
from controlplane.raft.transport import PeerTransport
from controlplane.raft.worker import ThreadWorker
from orb.errors import (
    InvalidInput,
    NotLeader,
    OrbError,
    StorageFull,
    Unavailable,
    Unknown,
)
from orb.ids import ServerName

VERSION: Final = "0.3.17"
"""The only version whose private names we know."""

ALIASES: Final = {
    "term": "raftCurrentTerm",
    "voted_for": "votedForNodeId",
    "state": "raftState",
    "commit_index": "raftCommitIndex",
    "last_applied": "raftLastApplied",
    "journal": "raftLog",
}
"""Our name of each part of the state of figure 2, and pysyncobj's private attribute for it."""

CALLED: Final = ("setCurrentTerm", "setState", "onBecomeLeader", "commandsQueue", "raftLeader")
"""Private names of pysyncobj that are used as they are."""

REPLACED: Final = (
    "onMessageReceived",
    "sendAppendEntries",
    "applyLogEntries",
    "doApplyCommand",
    "tryLogCompaction",
    "loadDumpFile",
    "connectedToAnyone",
    "changeCluster",
    "updateClusterConfiguration",
)
"""Private methods of pysyncobj that may never run: each is ours, or refuses."""


def _private(name: str) -> Any:
    """A property that reads and writes pysyncobj's private attribute *name*."""
    mangled = f"_SyncObj__{name}"

    def get(self: object) -> object:
        return getattr(self, mangled)

    def put(self: object, value: object) -> None:
        setattr(self, mangled, value)

    return property(get, put)


class NoTransport(Transport):  # type: ignore[misc] # pysyncobj has no types
    """Nothing of the stock protocol may reach the network: ours sends by itself."""

    ready = True

    def send(self, node: Node, message: object) -> bool:
        """Refuse: a stock message would be a bug."""
        raise AssertionError(f"pysyncobj wanted to send {message!r} to {node!r}")

    def addNode(self, node: Node) -> None:  # noqa: N802 - pysyncobj's name
        """Members are the business of controlplane.raft.membership."""

    def dropNode(self, node: Node) -> None:  # noqa: N802 - pysyncobj's name
        """Members are the business of controlplane.raft.membership."""

    def destroy(self) -> None:
        """There is nothing to close."""


class HardenedSyncObj(Server, SyncObj):  # type: ignore[misc] # pysyncobj has no types
    """A SyncObj that keeps what the Raft thesis promises."""

    term: int = _private(ALIASES["term"])
    voted_for: str | None = _private(ALIASES["voted_for"])
    state: int = _private(ALIASES["state"])
    commit_index: int = _private(ALIASES["commit_index"])
    last_applied: int = _private(ALIASES["last_applied"])
    journal: Journal = _private(ALIASES["journal"])

    def __init__(
        self,
        name: str,
        bootstrap: Configuration,
        machine: StateMachine,
        storage: Storage,
        settings: RaftSettings,
        around: Surroundings,
    ) -> None:
        """Recover from *storage*. Raises StorageDamaged."""
        assert_version()
        self._leader: str | None = None
        super().__init__(name, machine, storage, settings)
        # Only what the stock constructor checks; no stock timer runs.
        conf = SyncObjConf(
            autoTick=False,
            appendEntriesPeriod=5.0,
            raftMinTimeout=16.0,
            raftMaxTimeout=17.0,
            connectionTimeout=18.0,
            leaderFallbackTimeout=30.0,
            commandsWaitLeader=False,
            commandsQueueSize=0,
            dynamicMembershipChange=False,
            useFork=False,
        )
        me = Node(name)
        SyncObj.__init__(self, me, [], conf, transport=NoTransport(self, me, []))
        found = storage.load()
        self.journal = Journal(found)
        self.term = max(found.hard.term, self.journal.last_term)
        self.voted_for = found.hard.vote if found.hard.term == self.term else None
        self.begin(found, bootstrap, around)

    @property
    def leader(self) -> str | None:
        """The name of the leader of the current term, if known."""
        return self._leader

    @leader.setter
    def leader(self, name: str | None) -> None:
        self._leader = name
        self._SyncObj__raftLeader = None if name is None else Node(name)

    # -- what pysyncobj does for us

    def set_term(self, term: int, vote: str | None) -> None:
        """Note term and vote."""
        self._SyncObj__setCurrentTerm(term, vote)

    def set_state(self, state: RaftState) -> None:
        """Become *state*."""
        self._SyncObj__setState(int(state))

    def become_leader(self) -> None:
        """Take over; the stock method appends the no-op of the new term."""
        self.progress = {}
        self.leader = self.name
        self.meet_followers()
        self._SyncObj__onBecomeLeader()
        self.term_start = self.journal.last_index

    def members_changed(self) -> None:
        """Tell pysyncobj and the transport whom to talk to."""
        self._SyncObj__otherNodes = {Node(name) for name in self.config if name != self.name}
        self.around.members(self.known)

    def queued(self) -> bool:
        """Whether proposals wait in pysyncobj's queue."""
        return bool(getattr(self._SyncObj__commandsQueue, "_FastQueue__queue"))  # noqa: B009 - mangled

    def enqueue(self, entry: bytes, kind: Kind, proposal: Proposal) -> None:
        """Put a proposal into pysyncobj's queue."""

        def answer(result: bytes | None, reason: int) -> None:
            error = None if reason == FAIL_REASON.SUCCESS else self._error(reason)
            proposal.finish(result, error)

        self._applyCommand(entry, answer, int(kind))

    def take_queue(self) -> None:
        """Append what is queued to the log; the stock method notes who waits for which index."""
        before = self.journal.last_index
        self._checkCommandsToApply()
        for command, index, _ in self.journal.rows(before + 1, self.journal.last_index - before):
            if command[0] == Kind.MEMBERSHIP:
                self.config_added(index, command)

    def _error(self, reason: int) -> OrbError:
        match reason:
            case FAIL_REASON.NOT_LEADER | FAIL_REASON.MISSING_LEADER:
                return NotLeader(self.leader if self.leader != self.name else None)
            case FAIL_REASON.QUEUE_FULL | FAIL_REASON.REQUEST_DENIED:
                return Unavailable("the command was not taken into the log", remedy="try again")
            case _:
                return Unknown("leadership was lost before agreement: it may still happen")

    def abandon(self) -> None:
        """Tell the queue that nothing happened, and the log that it is unknown."""
        while self.queued():
            _, answer = self._SyncObj__commandsQueue.get_nowait()
            answer(None, FAIL_REASON.NOT_LEADER)
        waiting = self._SyncObj__commandsWaitingCommit
        for index in sorted(waiting):
            for _, answer in waiting.pop(index):
                answer(None, FAIL_REASON.UNKNOWN_OUTCOME)

    def apply_committed(self, most: int) -> bool:
        """Apply up to *most* agreed entries; answer those proposed here, in the same term only."""
        end = min(self.commit_index, self.last_applied + most, self.journal.last_index)
        stop_at = self.around.clock() + APPLY_FOR_S
        waiting = self._SyncObj__commandsWaitingCommit
        for command, index, term in self.journal.rows(
            self.last_applied + 1, end - self.last_applied
        ):
            result = self._apply(index, command)
            self.last_applied = index
            for proposed_in, answer in waiting.pop(index, ()):
                same = proposed_in == term
                answer(result, FAIL_REASON.SUCCESS if same else FAIL_REASON.DISCARDED)
            if command[0] == Kind.MEMBERSHIP:
                self.config_agreed(index, decode_config(command[1:]))
            if self.around.clock() > stop_at:
                break
        return self.commit_index > self.last_applied and self.failure is None

    def _apply(self, index: int, command: bytes) -> bytes:
        """Bytes to the state machine, never through pickle."""
        self.note_applied(len(command))
        return self.machine.apply(index, command[1:]) if command[0] == Kind.REGULAR else b""


def _never(name: str) -> Any:
    def refuse(_self: object, *_args: object, **_kwargs: object) -> None:
        raise AssertionError(f"pysyncobj's own {name} must not run")

    return refuse


for _name in REPLACED:
    setattr(HardenedSyncObj, f"_SyncObj__{_name}", _never(_name))
setattr(HardenedSyncObj, "_SyncObj__sendAppendEntries", lambda _self: None)  # noqa: B010 - mangled


def assert_version() -> None:
    """Raise InvalidInput unless the installed pysyncobj is the one we know."""
    found = version("pysyncobj")
    if found != VERSION:
        raise InvalidInput(
            f"pysyncobj {found} is installed, but only {VERSION} is known to be safe here",
            remedy=f"pip install pysyncobj=={VERSION}",
        )


def open_log(  # noqa: PLR0913 - the whole surroundings of a server, by keyword
    *,
    name: ServerName,
    peers: Mapping[ServerName, str],
    bind: str,
    directory: Path,
    machine: StateMachine,
    server_tls: ssl.SSLContext,
    client_tls: ssl.SSLContext,
    rng: random.Random,
    settings: RaftSettings | None = None,
    join: bool = False,
    clients: Mapping[ServerName, str] | None = None,
) -> ClusterLog:
    """Recover what *directory* holds and return the log; call it on the running event loop.

    *peers* are all servers of a first start, this one included, with the host:port of their peer
    listeners, *clients* where people and agents reach them; later the log itself says who is a
    member. With *join* this server is new in a running cluster: it waits to be added there.

    Raises StorageDamaged, StorageFull, InvalidInput.
    """
    if name not in peers:
        raise InvalidInput(f"server {name} is not among the servers {', '.join(sorted(peers))}")
    settings = settings or RaftSettings()
    known = clients or {}
    first = {
        str(peer): MemberRecord(address, votes=True, client=known.get(peer, ""))
        for peer, address in peers.items()
    }
    loop = asyncio.get_running_loop()
    disk = FolderDisk(directory)
    storage = Storage(disk, settings.segment_bytes, lambda: rng.randbytes(8))
    transport = PeerTransport(name, bind, (server_tls, client_tls), rng)
    workers = [ThreadWorker(f"{what} of {name}", loop) for what in ("log", "snapshots")]
    around = Surroundings(
        clock=loop.time,
        rng=rng,
        send=transport.send,
        connected=transport.connected,
        wake=lambda: log.wake(),  # noqa: PLW0108 - log does not exist yet
        members=lambda config: transport.set_peers(config or first),
        disk=workers[0],
        bulk=workers[1],
    )
    try:
        server = HardenedSyncObj(name, {} if join else first, machine, storage, settings, around)
    except OSError as error:
        raise StorageFull(
            f"server {name} cannot begin to write in {directory}: {error.strerror}",
            remedy="make room there, and see that the folder may be written",
        ) from error
    log = ClusterLog(server, peers[name], transport, disk, workers)
    return log
