"""Several servers in one process, on virtual time, with every fault a seed can draw."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import cast

from controlplane.raft.core import RaftState, Surroundings
from controlplane.raft.messages import Message, decode, encode
from controlplane.raft.settings import RaftSettings
from controlplane.raft.snapshots import Configuration, MemberRecord
from controlplane.raft.storage import Storage
from controlplane.raft.syncobj import HardenedSyncObj
from orb.errors import OrbError, Unknown
from tests.raft.ledger import Broken, Ledger, Machine
from tests.raft.simdisk import PowerCut, SimDisk, SimWorker

SMALL = RaftSettings(
    snapshot_every_entries=40,
    trailing_entries=15,
    segment_bytes=8 * 1024,
    append_bytes=2048,
    snapshot_chunk_bytes=12_000,
    inflight_appends=4,
)


class Host:
    """A machine: its disk stays, its server comes and goes."""

    def __init__(self, world: "World", name: str, bootstrap: Configuration) -> None:
        self.world = world
        self.name = name
        self.bootstrap = bootstrap
        self.disk = SimDisk(world.rng)
        self.life = 0
        self.server: HardenedSyncObj | None = None
        self.machine = Machine(name, world.ledger)
        self.paused_until = 0.0
        self.slow = 1.0
        self.wiped = False
        self.gone = False
        """Removed from the cluster, told so, and stopped."""
        self._scheduled = False
        self._timer = 0

    def start(self) -> None:
        """Begin a new life from what the disk holds."""
        if self.gone:
            return
        world, life = self.world, self.life
        self.machine = Machine(self.name, world.ledger)
        self._scheduled = False

        def at(delay: float, do: Callable[[], None]) -> None:
            world.at(delay, partial(self._alive, life, do))

        around = Surroundings(
            clock=lambda: world.now,
            rng=world.rng,
            send=partial(world.send, self.name),
            connected=partial(world.connected, self.name),
            wake=partial(self._wake, life),
            members=lambda _config: None,
            disk=SimWorker(at, lambda: world.rng.uniform(0.0005, 0.004) * self.slow, self.crash),
            bulk=SimWorker(at, lambda: world.rng.uniform(0.001, 0.02) * self.slow, self.crash),
        )
        storage = Storage(self.disk, SMALL.segment_bytes, lambda: world.rng.randbytes(8))
        try:
            self.server = HardenedSyncObj(
                self.name, self.bootstrap, self.machine, storage, SMALL, around
            )
        except PowerCut:
            self.crash()
            return
        except OSError:  # a first start on a full disk
            self.world.counts["first start refused"] += 1
            self.crash()
            return
        self.machine.check()
        self._wake(life)

    def crash(self) -> None:
        """Die here and now."""
        self.life += 1
        if self.server is not None:
            self.world.forget(self.name)
        self.server = None
        self.disk.crash()

    def _alive(self, life: int, do: Callable[[], None]) -> None:
        if life != self.life:
            return
        if self.world.now < self.paused_until:
            self.world.at(self.paused_until - self.world.now, partial(self._alive, life, do))
            return
        do()

    def _wake(self, life: int) -> None:
        if not self._scheduled and life == self.life:
            self._scheduled = True
            self.world.at(0.0, partial(self._alive, life, self._step))

    def _step(self) -> None:
        self._scheduled = False
        if self.server is None:
            return
        due = self.server.step()
        if self.server.failure is not None:
            if not self.server.removed and not self.wiped:
                raise Broken(f"{self.name} stopped: {self.server.failure}")
            why = "wiped" if self.wiped else "removed"
            self.world.counts[f"{why} servers stopped"] += 1
            self.gone = True
            self.crash()
            return
        self._timer += 1
        timer = self._timer
        life = self.life

        def fire() -> None:
            if timer == self._timer:
                self._wake(life)

        self.world.at(max(0.0, due - self.world.now) + 0.0001, partial(self._alive, life, fire))

    def deliver(self, peer: str, identity: str, data: bytes) -> None:
        """A message arrives; a paused process finds it when it wakes."""
        server = self.server
        if server is not None:
            take = partial(server.receive, peer, identity, decode(data))
            self._alive(self.life, take)


class World:
    """Time, the network, the clients, and the ledger that checks them all."""

    def __init__(self, seed: int, servers: int = 3) -> None:
        self.rng = random.Random(seed)
        self.now = 0.0
        self.ledger = Ledger()
        self.counts: Counter[str] = Counter()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._waiting: dict[str, dict[bytes, None]] = {}
        self._value = 0
        self.loss = 0.0
        self.blocked: set[tuple[str, str]] = set()
        names = [f"s{n}" for n in range(1, servers + 1)]
        config = {name: MemberRecord(f"{name}:1", votes=True) for name in names}
        self.hosts = {name: Host(self, name, config) for name in names}
        for host in self.hosts.values():
            host.start()

    def newcomer(self) -> Host:
        """A server with an empty disk that waits to be added."""
        name = f"s{len(self.hosts) + 1}"
        host = self.hosts[name] = Host(self, name, {})
        host.start()
        return host

    def at(self, delay: float, do: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._events, (self.now + delay, self._order, do))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, _, do = heapq.heappop(self._events)
            do()
        self.now = end

    # -- the network

    def connected(self, source: str, target: str) -> bool:
        host = self.hosts.get(target)
        return (source, target) not in self.blocked and host is not None and host.server is not None

    def send(self, source: str, target: str, message: Message) -> None:
        self.counts["messages"] += 1
        if not self.connected(source, target) or self.rng.random() < self.loss:
            self.counts["messages lost"] += 1
            return
        data = encode(message)
        self._carry(source, target, data)
        if self.loss and self.rng.random() < self.loss:
            self.counts["messages doubled"] += 1
            self._carry(source, target, data)

    def _carry(self, source: str, target: str, data: bytes) -> None:
        delay = self.rng.uniform(0.0002, 0.003)
        if self.loss and self.rng.random() < 0.05:
            delay = self.rng.uniform(0.01, 1.5)
            self.counts["messages late"] += 1

        sender = self.hosts[source].server
        identity = sender.identity if sender is not None else ""

        def arrive() -> None:
            if self.connected(source, target):
                self.hosts[target].deliver(source, identity, data)

        self.at(delay, arrive)

    # -- clients

    def leader(self) -> Host | None:
        leading = [
            host
            for host in self.hosts.values()
            if host.server is not None and host.server.state == RaftState.LEADER
        ]
        return max(
            leading, key=lambda host: cast("HardenedSyncObj", host.server).term, default=None
        )

    def propose(self, host: Host | None = None) -> None:
        host = host or self.rng.choice(list(self.hosts.values()))
        if host.server is None or self.now < host.paused_until:
            return
        self._value += 1
        size = self.rng.choice([8, 8, 60, 600, 3000]) if self.rng.random() < 0.3 else 8
        entry = b"%08d" % self._value + b"." * size
        mine = self._waiting.setdefault(host.name, {})
        mine[entry] = None

        def answer(result: bytes | None, error: OrbError | None) -> None:
            mine.pop(entry, None)
            self._answered(entry, result, error)

        try:
            host.server.propose(entry, answer)
        except OrbError as error:
            mine.pop(entry, None)
            self.counts[f"refused: {type(error).__name__}"] += 1
            self.ledger.refuse(entry)

    def _answered(self, entry: bytes, result: bytes | None, error: OrbError | None) -> None:
        if error is None:
            self.counts["acknowledged"] += 1
            self.ledger.acknowledge(entry, int(result or b"0"))
        elif isinstance(error, Unknown):
            self.counts["unknown"] += 1
        else:
            self.counts[f"refused: {type(error).__name__}"] += 1
            self.ledger.refuse(entry)

    def read(self) -> None:
        host = self.rng.choice(list(self.hosts.values()))
        if host.server is None or self.now < host.paused_until:
            return
        must_have, machine, life = self.ledger.highest, host.machine, host.life

        def confirmed(error: OrbError | None) -> None:
            if error is None and host.life == life:
                self.counts["reads"] += 1
                if machine.applied < must_have:
                    raise Broken(
                        f"{host.name} read {machine.applied}, {must_have} was acknowledged"
                    )

        host.server.barrier(confirmed)

    def forget(self, name: str) -> None:
        """Clients of a server that died do not know what became of their commands."""
        self.counts["unknown"] += len(self._waiting.pop(name, {}))
