"""Entries and answers as bytes: our own versioned records, msgpack `[version, kind, body]`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast, get_args

import msgspec

from controlplane.state.commands import Answer, Applied, Batch, Command, Entry, Refused, Single
from orb.errors import StorageDamaged
from orb.ids import Millis

Step = Callable[[str, object], object]
"""Turns the body of a kind, in plain lists and maps, into the next version's."""

_PACK: Final = msgspec.msgpack.Encoder()
_ENVELOPE: Final = msgspec.msgpack.Decoder(tuple[int, str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Format:
    """A version that is written, and the steps by which older ones become it when read."""

    version: int
    upgrades: Mapping[int, Step] = field(default_factory=dict)
    """From a version to the next. Each released version has its step, and a golden file."""

    def pack(self, kind: str, body: object) -> bytes:
        """The record as bytes."""
        return _PACK.encode((self.version, kind, body))

    def unpack(self, data: bytes | memoryview) -> tuple[str, msgspec.Raw]:
        """The kind and the body, brought to this version. Raises StorageDamaged."""
        try:
            version, kind, body = _ENVELOPE.decode(data)
        except msgspec.DecodeError as error:
            raise StorageDamaged(f"a record cannot be read: {error}") from error
        if version > self.version:
            raise StorageDamaged(
                f"a record is of version {version}; this server reads up to {self.version}",
                remedy="Run a newer Orb on this server; what it has stored is kept as it is.",
            )
        return kind, self._upgraded(version, kind, body)

    def _upgraded(self, version: int, kind: str, body: msgspec.Raw) -> msgspec.Raw:
        if version == self.version:
            return body
        plain: object = msgspec.msgpack.decode(body)
        for older in range(version, self.version):
            if older not in self.upgrades:
                raise StorageDamaged(f"a record is of version {older}, which no Orb has written")
            plain = self.upgrades[older](kind, plain)
        return msgspec.Raw(_PACK.encode(plain))


FORMAT: Final = Format(version=1)
"""What this Orb writes. A new field with a default is no new version; any other change is one."""

_BATCH: Final = "Batch"
_COMMANDS: Final[Mapping[str, msgspec.msgpack.Decoder[Any]]] = {
    kind.__name__: msgspec.msgpack.Decoder(kind) for kind in get_args(Single)
}


class _Entry(msgspec.Struct, array_like=True):
    now: int
    author: str
    trace: str
    client: str
    sequence: int
    kind: str
    command: msgspec.Raw


class _Applied(msgspec.Struct, array_like=True, tag="applied"):
    number: int
    changed: bool
    details: tuple[str, ...]
    parts: "tuple[_Applied | _Refused, ...]"


class _Refused(msgspec.Struct, array_like=True, tag="refused"):
    why: str
    missing: bool


_ENTRY: Final = msgspec.msgpack.Decoder(_Entry)
_PARTS: Final = msgspec.msgpack.Decoder(tuple[tuple[str, msgspec.Raw], ...])
_ANSWER: Final = msgspec.msgpack.Decoder(_Applied | _Refused)


def encode_entry(entry: Entry) -> bytes:
    """The entry as it is proposed."""
    command = entry.command
    body: object = command
    if isinstance(command, Batch):
        body = [(type(one).__name__, one) for one in command.commands]
    stamp = (entry.now, entry.author, entry.trace, entry.client, entry.sequence)
    return FORMAT.pack("entry", (*stamp, type(command).__name__, body))


def decode_entry(data: bytes | memoryview, form: Format = FORMAT) -> Entry:
    """The entry that was agreed on. Raises StorageDamaged if it is none."""
    body = _body(data, "entry", form)
    try:
        entry = _ENTRY.decode(body)
        return Entry(
            command=_command(entry.kind, entry.command),
            now=Millis(entry.now),
            author=entry.author,
            trace=entry.trace,
            client=entry.client,
            sequence=entry.sequence,
        )
    except msgspec.DecodeError as error:
        raise StorageDamaged(f"an entry cannot be read: {error}") from error


def encode_answer(answer: Answer) -> bytes:
    """The answer as it goes back to the proposer."""
    return FORMAT.pack("answer", _packed(answer))


def decode_answer(data: bytes | memoryview, form: Format = FORMAT) -> Answer:
    """The answer of `apply`. Raises StorageDamaged if it is none."""
    body = _body(data, "answer", form)
    try:
        return _unpacked(_ANSWER.decode(body))
    except msgspec.DecodeError as error:
        raise StorageDamaged(f"an answer cannot be read: {error}") from error


def _body(data: bytes | memoryview, expected: str, form: Format) -> msgspec.Raw:
    kind, body = form.unpack(data)
    if kind != expected:
        raise StorageDamaged(f"{expected} was expected, but the record is of the kind {kind!r}")
    return body


def _command(kind: str, body: msgspec.Raw) -> Command:
    if kind == _BATCH:
        return Batch(commands=tuple(_single(one, part) for one, part in _PARTS.decode(body)))
    return _single(kind, body)


def _single(kind: str, body: msgspec.Raw) -> Single:
    decoder = _COMMANDS.get(kind)
    if decoder is None:
        raise StorageDamaged(f"no command is called {kind!r}")
    return cast("Single", decoder.decode(body))


def _packed(answer: Answer) -> _Applied | _Refused:
    if isinstance(answer, Refused):
        return _Refused(answer.why, answer.missing)
    parts = tuple(_packed(part) for part in answer.parts)
    return _Applied(answer.number, answer.changed, answer.details, parts)


def _unpacked(answer: _Applied | _Refused) -> Answer:
    if isinstance(answer, _Refused):
        return Refused(answer.why, answer.missing)
    return Applied(
        number=answer.number,
        changed=answer.changed,
        details=answer.details,
        parts=tuple(_unpacked(part) for part in answer.parts),
    )
