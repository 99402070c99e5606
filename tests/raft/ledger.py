"""What must be true of a run: nothing acknowledged lost, nothing twice, nothing different."""

from collections.abc import Iterable

from msgspec import msgpack


class Broken(AssertionError):
    """A promise was broken; the message says which, and where."""


class Ledger:
    """Every entry that any server ever applied, and everything that clients were told."""

    def __init__(self) -> None:
        self.entries: dict[int, bytes] = {}
        self.place: dict[bytes, int] = {}
        self.acknowledged: dict[bytes, int] = {}
        self.refused: set[bytes] = set()
        self.highest = 0
        self.reads = 0
        self.unknown = 0

    def applied(self, server: str, index: int, entry: bytes) -> None:
        held = self.entries.setdefault(index, entry)
        if held != entry:
            raise Broken(f"{server} applied {entry!r} at {index}, another applied {held!r}")
        if self.place.setdefault(entry, index) != index:
            raise Broken(f"{entry!r} was applied at {self.place[entry]} and at {index}")
        if entry in self.refused:
            raise Broken(f"{entry!r} was refused to its client, and happened at {index}")

    def acknowledge(self, entry: bytes, index: int) -> None:
        if self.entries.get(index) != entry:
            raise Broken(f"{entry!r} was acknowledged at {index}, which is another's")
        self.acknowledged[entry] = index
        self.highest = max(self.highest, index)

    def refuse(self, entry: bytes) -> None:
        if entry in self.place:
            raise Broken(f"{entry!r} was refused to its client, but happened")
        self.refused.add(entry)


class Machine:
    """A state machine that remembers everything, and reports each entry to the ledger."""

    def __init__(self, server: str, ledger: Ledger) -> None:
        self._server = server
        self._ledger = ledger
        self.rows: list[tuple[int, bytes]] = []

    @property
    def applied(self) -> int:
        return self.rows[-1][0] if self.rows else 1

    def apply(self, index: int, entry: bytes) -> bytes:
        if index <= self.applied:
            raise Broken(f"{self._server} applied {index} after {self.applied}")
        self._ledger.applied(self._server, index, entry)
        self.rows.append((index, entry))
        return b"%d" % index

    def snapshot(self) -> Iterable[bytes]:
        rows = list(self.rows)
        return (msgpack.encode(rows[at : at + 10]) for at in range(0, len(rows), 10))

    def restore(self, chunks: Iterable[bytes]) -> None:
        decode = msgpack.Decoder(list[tuple[int, bytes]]).decode
        self.rows = [row for chunk in chunks for row in decode(chunk)]

    def check(self) -> None:
        """Everything acknowledged up to here is here, in its place."""
        here = dict(self.rows)
        for entry, index in self._ledger.acknowledged.items():
            if index <= self.applied and here.get(index) != entry:
                raise Broken(f"{self._server} has lost {entry!r}, acknowledged at {index}")
