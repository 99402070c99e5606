"""The Log of a cluster: owns a server of the protocol, its threads, its connections, its timers."""

import asyncio
import math
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from controlplane.raft.core import RaftState
from controlplane.raft.disk import FolderDisk
from controlplane.raft.log import LogStatus, Member, Role
from controlplane.raft.messages import Hello, Message
from controlplane.raft.server import Server
from controlplane.raft.snapshots import Configuration
from controlplane.raft.transport import PeerTransport
from controlplane.raft.worker import ThreadWorker
from orb.errors import Conflict, OrbError, Unavailable
from orb.ids import ServerName
from orb.telemetry import SECONDS, Histogram

LAG_BOUNDS_MS: Final = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
"""Upper bounds of the histogram `ClusterLog.lag_counts`; one more bucket takes the rest."""

_LAG: Final = Histogram("orb.raft.timer_lag", "s", "How late agreement's timers fired", SECONDS)

CAMPAIGNS_UNHEARD: Final = 2
"""Where nobody leads, a server that answers none of so many campaigns counts as unhealthy."""


class ClusterLog:
    """`controlplane.raft.log.Log` over the network. One event loop; no lock; no busy tick."""

    def __init__(
        self,
        server: Server,
        address: str,
        transport: PeerTransport,
        disk: FolderDisk,
        workers: Sequence[ThreadWorker],
    ) -> None:
        self._server = server
        self._workers = workers
        self._transport = transport
        self._disk = disk
        self._loop = asyncio.get_running_loop()
        self.lag_counts = [0] * (len(LAG_BOUNDS_MS) + 1)
        """How late this server's timers fired: what the event loop's other work costs agreement."""
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._watchers: set[asyncio.Event] = set()
        self._seen: tuple[object, ...] = ()
        self._heard: dict[str, float] = {}
        self._broken: asyncio.Future[None] = self._loop.create_future()
        self._running = False
        self._opened_at = self._loop.time()
        transport.hello = Hello(server.identity, address)
        transport.lost = lambda: not self._quorum()
        transport.receive = self._receive
        transport.changed = self.wake

    # -- the Log

    async def run(self) -> None:
        """Take part in agreement until cancelled; then close everything cleanly.

        Raises OSError if the peer address cannot be bound, and OrbError when going on would
        break a promise (a damaged disk, removed from the cluster).
        """
        self._running = True
        try:
            async with asyncio.TaskGroup() as group:
                network = group.create_task(self._transport.run(), name="peers")
                self.wake()
                try:
                    await self._broken
                finally:
                    network.cancel()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self._running = False
            await self._close()

    async def propose(self, entry: bytes) -> bytes:
        """Have *entry* agreed on, durable and applied; return the answer of `apply`."""
        return await self._answer(lambda answer: self._server.propose(entry, answer))

    async def barrier(self) -> None:
        """Return once this server's state holds every entry acknowledged before the call."""
        self._check_running()
        future: asyncio.Future[None] = self._loop.create_future()

        def confirmed(error: OrbError | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        self._server.barrier(confirmed)
        await future

    def status(self) -> LogStatus:
        """Where agreement stands now, seen from this server."""
        server = self._server
        return LogStatus(
            role=self._role(),
            leader=ServerName(server.leader) if server.leader is not None else None,
            term=server.term,
            committed=server.commit_index,
            applied=server.last_applied,
            quorum=self._quorum(),
            members=[self._member(name) for name in sorted(server.config)],
            disk_full=server.disk_full,
            silent_s=self._silence(),
        )

    async def changes(self) -> AsyncIterator[LogStatus]:
        """Yield the status at once, and again after it or the state has changed (coalesced)."""
        event = asyncio.Event()
        self._watchers.add(event)
        try:
            while True:
                event.clear()
                yield self.status()
                await event.wait()
        finally:
            self._watchers.discard(event)

    # -- members and leadership

    async def add_learner(self, name: ServerName, address: str, client: str = "") -> None:
        """Add a server that receives the log but does not vote. Raises Conflict."""
        await self._change(lambda: self._server.with_learner(name, address, client))

    async def promote(self, name: ServerName) -> None:
        """Let a learner vote. Raises NotFound, or Conflict until it has caught up."""
        await self._change(lambda: self._server.with_voter(name))

    async def remove(self, name: ServerName) -> None:
        """Remove a server; it stops when it learns of it. Raises NotFound, Conflict."""
        await self._change(lambda: self._server.without(name))

    async def hand_over(self, name: ServerName) -> None:
        """Let *name* lead instead of this server. Raises NotLeader, Conflict."""
        self._check_running()
        self._server.transfer_to(name)
        async with asyncio.timeout(self._server.settings.answer_within_s):
            async for _ in self.changes():
                if self._server.heir is None:
                    break
        if self._server.state == RaftState.LEADER:
            raise Conflict(f"{name} did not take over in time", remedy="look if it keeps up")

    async def _change(self, config: Callable[[], Configuration]) -> None:
        def ask(answer: Callable[[bytes | None, OrbError | None], None]) -> None:
            self._server.propose_config(config(), answer)

        await self._answer(ask)

    async def _answer(
        self, ask: Callable[[Callable[[bytes | None, OrbError | None], None]], None]
    ) -> bytes:
        self._check_running()
        future: asyncio.Future[bytes] = self._loop.create_future()

        def answer(result: bytes | None, error: OrbError | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result or b"")

        ask(answer)
        return await future

    def _check_running(self) -> None:
        if not self._running:
            raise Unavailable("this server is starting or stopping", remedy="try again")

    # -- driving

    def wake(self) -> None:
        """Have a step made in this turn of the loop (once, however often it is asked)."""
        if not self._scheduled and self._running:
            self._scheduled = True
            self._loop.call_soon(self._step)

    def _timer_fired(self, due: float) -> None:
        late_s = self._loop.time() - due
        self.lag_counts[bisect_left(LAG_BOUNDS_MS, late_s * 1000)] += 1
        _LAG.record(late_s)
        self.wake()

    def _receive(self, peer: str, identity: str, message: Message) -> None:
        self._heard[peer] = self._loop.time()
        self._guard(lambda: self._server.receive(peer, identity, message))

    def _step(self) -> None:
        self._scheduled = False
        if self._running:
            self._guard(self._step_now)

    def _step_now(self) -> None:
        due = self._server.step()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._timer_fired, due)
        self._tell_watchers()
        if self._server.failure is not None and not self._broken.done():
            self._broken.set_exception(self._server.failure)

    def _guard(self, work: Callable[[], None]) -> None:
        """Whatever goes wrong in a callback ends `run`, instead of being a line in a log."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - handed to run(), which raises it
            if not self._broken.done():
                self._broken.set_exception(error)

    def _tell_watchers(self) -> None:
        server = self._server
        seen = (
            server.state,
            server.leader,
            server.term,
            server.commit_index,
            server.last_applied,
            server.config_index,
            server.heir,
            self._quorum(),
            server.disk_full,
            tuple(self._healthy(name) for name in server.config),
            [name for name, one in server.progress.items() if one.disk_full],
        )
        if seen != self._seen:
            self._seen = seen
            for event in self._watchers:
                event.set()

    async def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._server.close()
        for worker in self._workers:
            await worker.stop()
        self._disk.close()

    # -- what status says

    def _role(self) -> Role:
        server = self._server
        if server.state == RaftState.LEADER:
            return Role.LEADER
        if server.name not in server.voters:
            return Role.LEARNER
        return Role.CANDIDATE if server.state == RaftState.CANDIDATE else Role.FOLLOWER

    def _quorum(self) -> bool:
        server, window = self._server, self._server.settings.election_max_s
        if server.state == RaftState.LEADER:
            return server.majority(server.heard_recently(window))
        heard = self._loop.time() - server.leader_heard_at
        return server.leader is not None and heard < window

    def _silence(self) -> float:
        """How old this server's state may be, in seconds: see `LogStatus.silent_s`."""
        server, now = self._server, self._loop.time()
        heard = server.leader_heard_at
        if server.state == RaftState.LEADER:
            times = sorted(
                now if name == server.name else server.progress[name].heard_at
                for name in server.voters
            )
            heard = times[(len(times) - 1) // 2]
        return now - max(heard, self._opened_at)

    def _healthy(self, name: str) -> bool:
        server = self._server
        if name == server.name:
            return True
        window = server.settings.election_max_s
        if server.state == RaftState.LEADER:
            return name in server.heard_recently(window)
        if self._quorum():  # followers hear nothing of each other
            return name == server.leader or self._transport.connected(name)
        silence = self._loop.time() - self._heard.get(name, -math.inf)
        return silence < CAMPAIGNS_UNHEARD * window

    def _member(self, name: str) -> Member:
        server = self._server
        address, votes, _, client = server.config[name]
        if name == server.leader:
            role = Role.LEADER
        elif not votes:
            role = Role.LEARNER
        else:
            role = self._role() if name == server.name else Role.FOLLOWER
        progress = server.progress.get(name)
        return Member(
            ServerName(name),
            address,
            role,
            self._healthy(name),
            client,
            behind=server.journal.last_index - progress.match
            if progress and progress.match
            else None,
            disk_full=server.disk_full if progress is None else progress.disk_full,
        )
