"""Snapshots on disk: written beside, synced, renamed, verified, and only then believed."""

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from msgspec import DecodeError, ValidationError, msgpack

from controlplane.raft.disk import Disk
from controlplane.raft.segments import REMEDY
from orb.errors import StorageDamaged

FORMAT: Final = 1
MAGIC: Final = b"ORBSNAP\n"
CHUNK_BYTES_MAX: Final = 260 * 1024 * 1024
"""The largest chunk of a snapshot; a state machine that gives a larger one has a bug."""

SYNC_EVERY_BYTES: Final = 4 * 1024 * 1024
"""Dirty bytes are synced this often, so that the log's own syncs never wait for many."""

_HEADER: Final = struct.Struct("<8sHHQQII")  # magic, format, flags, index, term, config bytes, crc
_CHUNK: Final = struct.Struct("<II")  # length, crc; length 0 ends the file, crc then counts chunks
_PREFIX: Final = "snapshot-"
OWN: Final = "own.tmp"
INCOMING: Final = "incoming.tmp"


class MemberRecord(NamedTuple):
    """A member as the log keeps it."""

    address: str
    """host:port of its peer listener."""
    votes: bool
    identity: str = ""
    """Of its folder; empty until its leader has heard from it for the first time."""
    client: str = ""
    """host:port where orbctl and agents reach it; empty if nobody has said."""


Configuration = Mapping[str, MemberRecord]
"""The members by name."""

_decode_config: Final = msgpack.Decoder(dict[str, MemberRecord]).decode


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """A snapshot that holds everything up to *index*."""

    index: int
    term: int
    config: Configuration
    size: int
    """The length of its file in bytes."""

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{_PREFIX}{self.index:020d}-{self.term:020d}"


def encode_config(config: Configuration) -> bytes:
    """Return the members as bytes, the same for equal members."""
    return msgpack.encode({name: _fields(config[name]) for name in sorted(config)})


def _fields(member: MemberRecord) -> tuple[object, ...]:
    """What is written of a member: *client* came later, and is left out where there is none."""
    return member if member.client else member[:-1]


def decode_config(data: bytes) -> dict[str, MemberRecord]:
    """Return the members in *data*. Raises ValueError."""
    try:
        config: dict[str, MemberRecord] = _decode_config(data)
    except (DecodeError, ValidationError) as error:
        raise ValueError(f"not a list of members: {error}") from error
    return config


class Snapshots:
    """The snapshot files of one server; used by one thread at a time."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def load(self) -> SnapshotInfo | None:
        """Return the newest snapshot, verified. Raises StorageDamaged if it is not whole."""
        for leftover in (OWN, INCOMING):
            if leftover in self._disk.names():
                self._disk.remove(leftover)
        names = [name for name in self._disk.names() if name.startswith(_PREFIX)]
        return self.verify(names[-1]) if names else None

    def write(
        self, index: int, term: int, config: Configuration, chunks: Iterable[bytes]
    ) -> SnapshotInfo:
        """Write a snapshot, make it durable, verify it, and delete the older ones."""
        self._disk.create(OWN)
        packed = encode_config(config)
        head = _HEADER.pack(MAGIC, FORMAT, 0, index, term, len(packed), 0)[:-4] + packed
        offset = synced = 0
        crc = struct.pack("<I", zlib.crc32(head))
        for data in _pieces(head[: _HEADER.size - 4] + crc + packed, chunks):
            self._disk.write(OWN, offset, data)
            offset += len(data)
            if offset - synced >= SYNC_EVERY_BYTES:
                self._disk.sync(OWN)
                synced = offset
        return self.install(OWN)

    def receive(self, offset: int, data: bytes) -> None:
        """Keep a piece of a snapshot that another server sends; *offset* 0 starts anew."""
        if offset == 0:
            self._disk.create(INCOMING)
        self._disk.write(INCOMING, offset, data)

    def install(self, name: str) -> SnapshotInfo:
        """Verify the file *name*, make it this server's snapshot, and delete the older ones."""
        self._disk.sync(name)
        info = self.verify(name)
        self._disk.rename(name, info.name)
        self._disk.sync_names()
        older = [old for old in self._disk.names() if old.startswith(_PREFIX) and old < info.name]
        for old in older:
            self._disk.remove(old)
        return info

    def piece(self, info: SnapshotInfo, offset: int, size: int) -> bytes:
        """Bytes of a snapshot's file, to be sent to another server."""
        return self._disk.read(info.name, offset, size)

    def chunks(self, info: SnapshotInfo) -> Iterator[bytes]:
        """The chunks that the state machine gave, each verified again."""
        return self._chunks(info.name, self._header(info.name)[1])

    def verify(self, name: str) -> SnapshotInfo:
        """Read the whole file. Raises StorageDamaged unless every checksum is right."""
        info, start = self._header(name)
        for _ in self._chunks(name, start):
            pass
        return info

    def _header(self, name: str) -> tuple[SnapshotInfo, int]:
        head = self._disk.read(name, 0, _HEADER.size)
        if len(head) != _HEADER.size:
            raise _damaged(name, "it is too short")
        magic, form, flags, index, term, config_bytes, crc = _HEADER.unpack(head)
        if magic != MAGIC or config_bytes > CHUNK_BYTES_MAX:
            raise _damaged(name, "its header is broken")
        packed = self._disk.read(name, _HEADER.size, config_bytes)
        if zlib.crc32(head[:-4] + packed) != crc:
            raise _damaged(name, "its header is broken")
        if form != FORMAT or flags:
            raise StorageDamaged(
                f"{name}: format {form} (flags {flags}) is not known to this version",
                remedy="start the version of Orb that wrote it, or a newer one",
            )
        config = decode_config(packed)
        return SnapshotInfo(index, term, config, self._disk.size(name)), _HEADER.size + config_bytes

    def _chunks(self, name: str, offset: int) -> Iterator[bytes]:
        count = 0
        while True:
            head = self._disk.read(name, offset, _CHUNK.size)
            if len(head) != _CHUNK.size:
                raise _damaged(name, "its end is missing")
            length, crc = _CHUNK.unpack(head)
            if length == 0:
                if crc != count or self._disk.size(name) != offset + _CHUNK.size:
                    raise _damaged(name, "chunks are missing")
                return
            data = self._disk.read(name, offset + _CHUNK.size, min(length, CHUNK_BYTES_MAX))
            if len(data) != length or zlib.crc32(data) != crc:
                raise _damaged(name, f"the chunk at byte {offset} is broken")
            yield data
            count += 1
            offset += _CHUNK.size + length


def _pieces(head: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    yield head
    count = 0
    for chunk in chunks:
        if not 0 < len(chunk) <= CHUNK_BYTES_MAX:
            raise ValueError(f"a snapshot's chunk has {len(chunk)} bytes")
        yield _CHUNK.pack(len(chunk), zlib.crc32(chunk)) + chunk
        count += 1
    yield _CHUNK.pack(0, count)


def _damaged(name: str, why: str) -> StorageDamaged:
    return StorageDamaged(f"snapshot {name} is damaged: {why}", remedy=REMEDY)
