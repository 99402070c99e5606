"""The log on disk: append-only segments of checksummed frames, synced before anybody is told.

A segment is a header (magic, format, salt, checksum) and frames. A frame is what one sync makes
durable: magic, length, checksum, number, payload. The checksum also covers the segment's random
salt, so that no command can contain something that looks like a frame. Frame numbers run on over
all segments: a hole is noticed. Only the frame that was being written at a crash can be broken;
it is cut off. A broken frame with good ones behind it was durable once, and is refused.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

from msgspec import DecodeError, Meta, Struct, ValidationError, msgpack

from controlplane.raft.disk import Disk
from orb.errors import StorageDamaged

FORMAT: Final = 1
"""The version of the format; an older one gets an upgrade step, a newer one is refused."""

SEGMENT_MAGIC: Final = b"ORBLOG\r\n"
FRAME_MAGIC: Final = b"\xf5Orb"
_HEADER: Final = struct.Struct("<8sHH8sI")
_FRAME: Final = struct.Struct("<4sIIQ")
_PREFIX: Final = "log-"
_Count = Annotated[int, Meta(ge=0, le=2**62)]


class Entry(Struct, frozen=True, array_like=True, tag=1):
    """An entry of the log. It takes the place of what was at *index* and behind it."""

    index: _Count
    term: _Count
    command: bytes


class HardState(Struct, frozen=True, array_like=True, tag=2):
    """The current term and who got this server's vote in it (paper, figure 2)."""

    term: _Count
    vote: str | None


class Reset(Struct, frozen=True, array_like=True, tag=3):
    """The log is empty and goes on behind a snapshot that ends at *index*."""

    index: _Count
    term: _Count


Record = Entry | HardState | Reset

_encode: Final = msgpack.Encoder().encode
_decode: Final = msgpack.Decoder(list[Record]).decode

REMEDY: Final = (
    "do not start this server on an empty folder: remove it from the cluster and add it anew, "
    "or restore this folder from a copy taken while the server was stopped"
)


@dataclass(slots=True)
class RecoveredLog:
    """What the segments hold: entries in order, without a gap."""

    hard: HardState = field(default_factory=lambda: HardState(0, None))
    entries: list[Entry] = field(default_factory=list)
    reset: Reset | None = None
    cut_bytes: int = 0
    """How many bytes of a frame that was never finished were cut off."""
    leftovers: list[str] = field(default_factory=list)
    """Files before a hole, to be removed if what is behind it is enough."""


@dataclass(slots=True)
class _Segment:
    name: str
    last_index: int = 0


class Segments:
    """The log files of one server. After `load`, all calls come from one thread at a time."""

    def __init__(self, disk: Disk, segment_bytes: int, salt: Callable[[], bytes]) -> None:
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._new_salt = salt
        self._segments: list[_Segment] = []
        self._salt = b""
        self._offset = 0
        self._size = 0
        self._sequence = 0
        self._begun = False
        self._hard = HardState(0, None)

    def load(self) -> RecoveredLog:
        """Read everything, cut a torn tail. Raises StorageDamaged if the middle is broken."""
        found = RecoveredLog()
        names = [name for name in self._disk.names() if name.startswith(_PREFIX)]
        for name in names:
            last = name == names[-1]
            data = self._disk.read(name)
            if not self._open(name, data, last=last):
                continue
            self._forget_before_a_hole(name, found)
            segment = _Segment(name)
            self._segments.append(segment)
            for payload in self._frames(name, data, last=last, found=found):
                self._take(name, payload, segment, found)
        self._hard = found.hard
        return found

    def append(self, records: Sequence[Record]) -> None:
        """Write *records* as one frame and sync it; nothing has changed if OSError is raised."""
        payload = _encode(records)
        if self._begun:
            self._cut_begun()
        if self._offset + _FRAME.size + len(payload) > self._size:
            self._rotate(_FRAME.size + len(payload))
        self._write(payload)
        segment = self._segments[-1]
        for record in records:
            match record:
                case Entry(index):
                    segment.last_index = max(segment.last_index, index)
                case HardState():
                    self._hard = record
                case Reset(index):
                    segment.last_index = max(segment.last_index, index)

    def drop_to(self, index: int) -> None:
        """Delete the segments that hold nothing beyond *index*, oldest first."""
        dropped = False
        while len(self._segments) > 1 and self._segments[0].last_index <= index:
            self._disk.remove(self._segments[0].name)
            self._segments.pop(0)
            dropped = True
        if dropped:
            self._disk.sync_names()

    def _write(self, payload: bytes) -> None:
        number = self._sequence + 1
        crc = self._checksum(number, payload)
        frame = _FRAME.pack(FRAME_MAGIC, len(payload), crc, number) + payload
        name = self._segments[-1].name
        self._begun = True
        self._disk.write(name, self._offset, frame)
        self._disk.sync(name)
        self._begun = False
        self._offset += len(frame)
        self._sequence = number

    def _cut_begun(self) -> None:
        """A full disk took a part of a frame: take it away before anything follows it."""
        name = self._segments[-1].name
        self._disk.truncate(name, self._offset)
        self._disk.sync(name)
        self._size = self._offset
        self._begun = False

    def _checksum(self, number: int, payload: bytes) -> int:
        start = zlib.crc32(self._salt + struct.pack("<QI", number, len(payload)))
        return zlib.crc32(payload, start)

    def _rotate(self, frame_bytes: int) -> None:
        """Start a segment that knows term and vote, so that older ones can be deleted."""
        hard = _encode([self._hard])
        size = max(self._segment_bytes, _HEADER.size + _FRAME.size + len(hard) + frame_bytes)
        name = f"{_PREFIX}{self._sequence + 1:016d}"
        salt = self._new_salt()
        head = _HEADER.pack(SEGMENT_MAGIC, FORMAT, 0, salt, 0)[:-4]
        try:
            self._disk.create(name, size)
            self._disk.write(name, 0, head + struct.pack("<I", zlib.crc32(head)))
            self._disk.sync(name)
            self._disk.sync_names()
        except OSError:
            if name in self._disk.names():
                self._disk.remove(name)
            raise
        before = self._segments[-1].last_index if self._segments else 0
        if self._segments and self._segments[-1].name == name:
            self._segments.pop()  # it was begun before, but nothing could be written into it
        self._segments.append(_Segment(name, before))
        self._salt, self._offset, self._size = salt, _HEADER.size, size
        self._write(hard)

    def _open(self, name: str, data: bytes, *, last: bool) -> bool:
        """Read a segment's header; a last one that was never begun is removed (False)."""
        head = data[: _HEADER.size]
        good = (
            len(head) == _HEADER.size and zlib.crc32(head[:-4]) == struct.unpack("<I", head[-4:])[0]
        )
        if not good:
            if last and not data[_HEADER.size :].strip(b"\0"):
                self._disk.remove(name)
                self._disk.sync_names()
                return False
            raise _damaged(name, "its header is broken")
        magic, form, flags, salt, _ = _HEADER.unpack(head)
        if magic != SEGMENT_MAGIC or form != FORMAT or flags:
            raise StorageDamaged(
                f"log file {name}: format {form} (flags {flags}) is not known to this version",
                remedy="start the version of Orb that wrote it, or a newer one",
            )
        self._salt, self._offset, self._size = salt, _HEADER.size, len(data)
        return True

    def _forget_before_a_hole(self, name: str, found: RecoveredLog) -> None:
        """Segments are deleted oldest first; a disk may have kept an older one all the same.

        Whether what is left is enough is for `controlplane.raft.storage` to say.
        """
        number = int(name.removeprefix(_PREFIX))
        if self._segments and number != self._sequence + 1:
            found.leftovers.extend(segment.name for segment in self._segments)
            self._segments.clear()
            found.entries.clear()
            found.reset = None
            self._sequence = number - 1

    def _frames(
        self, name: str, data: bytes, *, last: bool, found: RecoveredLog
    ) -> Iterator[bytes]:
        while (payload := self._frame(data, self._offset, self._sequence + 1)) is not None:
            self._offset += _FRAME.size + len(payload)
            self._sequence += 1
            yield payload
        rest = data[self._offset :]
        if not rest.strip(b"\0"):
            return
        if not last or self._good_frame_in(data, self._offset):
            raise _damaged(name, f"byte {self._offset} and on are broken, but newer data is not")
        found.cut_bytes = len(rest.rstrip(b"\0"))
        self._disk.truncate(name, self._offset)
        self._disk.sync(name)
        self._size = self._offset

    def _frame(self, data: bytes, offset: int, number: int | None) -> bytes | None:
        """The payload of a whole and genuine frame at *offset*, or None."""
        if offset + _FRAME.size > len(data):
            return None
        magic, length, crc, found = _FRAME.unpack_from(data, offset)
        start = offset + _FRAME.size
        if magic != FRAME_MAGIC or start + length > len(data):
            return None
        payload = data[start : start + length]
        if self._checksum(found, payload) != crc:
            return None
        first = self._sequence == 0 and len(self._segments) == 1
        if number is not None and found != number:
            if not first:
                return None
            self._sequence = found - 1
        return payload

    def _good_frame_in(self, data: bytes, offset: int) -> bool:
        at = data.find(FRAME_MAGIC, offset + 1)
        while at != -1:
            if self._frame(data, at, None) is not None:
                return True
            at = data.find(FRAME_MAGIC, at + 1)
        return self._frame(data, offset, None) is not None

    def _take(self, name: str, payload: bytes, segment: _Segment, found: RecoveredLog) -> None:
        try:
            records: list[Record] = _decode(payload)
        except (DecodeError, ValidationError) as error:
            raise _damaged(name, f"a frame cannot be read: {error}") from error
        for record in records:
            match record:
                case HardState():
                    found.hard = record
                case Reset(index):
                    found.entries.clear()
                    found.reset = record
                    segment.last_index = max(segment.last_index, index)
                case Entry(index):
                    self._place(name, record, found)
                    segment.last_index = max(segment.last_index, index)

    def _place(self, name: str, entry: Entry, found: RecoveredLog) -> None:
        """Put *entry* where it belongs: behind the last, or in the place of a conflicting one."""
        entries, reset = found.entries, found.reset
        if entries and entry.index < entries[0].index:
            # What it replaced began in a segment that a snapshot made superfluous.
            entries.clear()
        first = entries[0].index if entries else reset.index + 1 if reset else entry.index
        position = entry.index - first
        if not 0 <= position <= len(entries):
            raise _damaged(name, f"entry {entry.index} does not follow the one before it")
        del entries[position:]
        entries.append(entry)


def _damaged(name: str, why: str) -> StorageDamaged:
    return StorageDamaged(f"log file {name} is damaged: {why}", remedy=REMEDY)
