"""One server with its surroundings in the hands of a test: ours, and the stock class beside it."""

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pysyncobj import SyncObj, SyncObjConf, replicated
from pysyncobj.node import Node
from pysyncobj.transport import Transport

from controlplane.raft.core import Surroundings
from controlplane.raft.messages import Message
from controlplane.raft.settings import RaftSettings
from controlplane.raft.snapshots import MemberRecord
from controlplane.raft.storage import Storage
from controlplane.raft.syncobj import HardenedSyncObj
from tests.raft.ledger import Ledger, Machine
from tests.raft.simdisk import SimDisk

T = TypeVar("T")


class Lone:
    """Our server s1 of *count*; nothing happens that the test does not do."""

    def __init__(self, count: int = 3, disk: SimDisk | None = None) -> None:
        self.now = 100.0
        self.sent: list[tuple[str, Message]] = []
        self.jobs: list[Callable[[], None]] = []
        self.disk = disk or SimDisk(random.Random(1))
        self.machine = Machine("s1", Ledger())
        config = {
            f"s{n}": MemberRecord(f"s{n}:1", votes=True, identity=f"identity-of-s{n}")
            for n in range(1, count + 1)
        }
        around = Surroundings(
            clock=lambda: self.now,
            rng=random.Random(1),
            send=lambda peer, message: self.sent.append((peer, message)),
            connected=lambda _peer: True,
            wake=lambda: None,
            members=lambda _config: None,
            disk=self,
            bulk=self,
        )
        storage = Storage(self.disk, 65536, lambda: b"saltsalt")
        self.server = HardenedSyncObj("s1", config, self.machine, storage, RaftSettings(), around)

    def submit(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        """Keep disk work until `write`."""

        def job() -> None:
            result: T | Exception
            try:
                result = work()
            except OSError as error:
                result = error
            done(result)

        self.jobs.append(job)

    def write(self) -> None:
        """Let the disk do all that it was asked, and the server go on."""
        self.server.step()
        while self.jobs:
            self.jobs.pop(0)()
            self.server.step()

    def wait(self, seconds: float) -> None:
        """Let time pass in small steps, and the disk work."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.01
            self.server.step()
            self.write()

    def say(self, peer: str, *messages: Message) -> None:
        for message in messages:
            self.server.receive(peer, f"identity-of-{peer}", message)

    def take_sent(self) -> list[tuple[str, Message]]:
        sent, self.sent = self.sent, []
        return sent


class StockTransport(Transport):  # type: ignore[misc]
    """Connected to everybody; remembers what is sent."""

    ready = True

    def __init__(self) -> None:
        super().__init__(None, None, [])
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, node: Node, message: dict[str, Any]) -> bool:
        self.sent.append((node.id, message))
        return True

    def addNode(self, node: Node) -> None:  # noqa: N802 - pysyncobj's name
        pass

    def dropNode(self, node: Node) -> None:  # noqa: N802 - pysyncobj's name
        pass

    def destroy(self) -> None:
        pass


class Stock(SyncObj):  # type: ignore[misc]
    """The stock class 0.3.17 with one replicated method, as its documentation says."""

    def __init__(self, count: int = 3, **options: object) -> None:
        self.transport = StockTransport()
        peers = [Node(f"s{n}") for n in range(2, count + 1)]
        conf = SyncObjConf(autoTick=False, commandsWaitLeader=False, **options)
        super().__init__(Node("s1"), peers, conf, transport=self.transport)
        self.entries: list[str] = []
        for peer in peers:
            self.transport._onNodeConnected(peer)

    @replicated  # type: ignore[untyped-decorator]
    def put(self, entry: str) -> None:
        self.entries.append(entry)

    def say(self, peer: str, **message: object) -> None:
        self.transport._onMessageReceived(Node(peer), message)

    def append(
        self,
        prev: tuple[int, int],
        entries: Sequence[tuple[bytes, int, int]],
        commit: int,
        term: int,
    ) -> None:
        """An append_entries as a stock leader s2 sends it."""
        self.say(
            "s2",
            type="append_entries",
            term=term,
            commit_index=commit,
            entries=list(entries),
            prevLogIdx=prev[0],
            prevLogTerm=prev[1],
        )
        self.doTick()

    @property
    def last(self) -> int:
        log = self._SyncObj__raftLog
        index: int = log[-1][1]
        return index

    def elect(self) -> None:
        """Let the election timer run out."""
        self._SyncObj__raftElectionDeadline = 0
        self.doTick()
