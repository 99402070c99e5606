"""Records to protobuf messages and back, by equal field names; one compiled plan a class.

A message may be of another party's version, or malicious: reading checks what protobuf does not
(enumerations that are unspecified or unknown, messages that are missing) and names the field's
path. Whether the values make sense is for `orb.validate` to say.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import (
    TYPE_CHECKING,
    Final,
    NamedTuple,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from google.protobuf.message import DecodeError, Message

from orb.errors import InvalidInput

if TYPE_CHECKING:
    from orb.v1 import types_pb2

M = TypeVar("M", bound=Message)
R = TypeVar("R")

_Write = Callable[[object], object]
_Read = Callable[[object], object]

_SCALARS: Final = (str, int, bool, float, bytes)


def to_message(record: object, message_class: type[M]) -> M:
    """The message that says what *record* says. Raises InvalidInput for a value out of range."""
    try:
        return message_class(**_plan(type(record)).write(record))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{type(record).__name__} cannot be sent: {error}") from error


def to_record(message: Message, record_class: type[R], path: str = "") -> R:
    """The record that *message* says. Raises InvalidInput naming the field's path below *path*."""
    try:
        return cast("R", _plan(record_class).read(message))
    except _Unreadable as error:
        places = [path, *reversed(error.path)] if path else reversed(error.path)
        raise InvalidInput(f"{'.'.join(places).replace('.[', '[')} {error.why}") from None


def parse(data: bytes, message_class: type[M]) -> M:
    """Decode a message. Raises InvalidInput."""
    try:
        return message_class.FromString(data)
    except DecodeError as error:
        raise InvalidInput(f"this is no {message_class.__name__}: {error}") from error


class _Unreadable(Exception):
    """A field that cannot be read; *path* grows from the inside out."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.path: list[str] = []


class _Field(NamedTuple):
    name: str
    read: _Read | None
    """None: the value is taken as it is."""
    has_presence: bool
    """It may be absent: an optional scalar, or a message."""
    absent: object
    """What stands for an absent value: a factory, or None if it must be there."""


class _Plan:
    """How one class of records is written and read."""

    def __init__(self, record_class: type[object]) -> None:
        hints = get_type_hints(record_class)
        self._class = record_class
        self._writers = tuple((name, _writer(hint)) for name, hint in _fields(record_class, hints))
        self._fields = tuple(
            _field(record_class, name, hint) for name, hint in _fields(record_class, hints)
        )

    def write(self, record: object) -> dict[str, object]:
        """The fields as the constructor of a message takes them; None is left out."""
        fields = {}
        for name, write in self._writers:
            value = getattr(record, name)
            if value is not None:
                fields[name] = value if write is None else write(value)
        return fields

    def read(self, message: object) -> object:
        """The record. Raises _Unreadable."""
        values = {}
        for name, read, has_presence, absent in self._fields:
            if has_presence and not cast("Message", message).HasField(name):
                if absent is None:
                    raise _at(_Unreadable("is missing"), name)
                values[name] = cast("Callable[[], object]", absent)()
            elif read is None:
                values[name] = getattr(message, name)
            else:
                try:
                    values[name] = read(getattr(message, name))
                except _Unreadable as error:
                    raise _at(error, name) from None
        return self._class(**values)


_PLANS: Final[dict[type, _Plan]] = {}
"""One for each class of records that was ever sent or read."""


def _plan(record_class: type[object]) -> _Plan:
    plan = _PLANS.get(record_class)
    if plan is None:
        plan = _PLANS[record_class] = _Plan(record_class)
    return plan


def _fields(record_class: type[object], hints: Mapping[str, object]) -> list[tuple[str, object]]:
    if dataclasses.is_dataclass(record_class):
        return [(field.name, hints[field.name]) for field in dataclasses.fields(record_class)]
    return [(name, hints[name]) for name in cast("type[NamedTuple]", record_class)._fields]


def _field(record_class: type[object], name: str, hint: object) -> _Field:
    kind, optional = _kind(hint)
    absent: object = None
    if optional:
        absent = _nothing
    elif _is_record(kind):
        absent = _default(record_class, name)
    return _Field(name, _reader(hint), optional or _is_record(kind), absent)


def _default(record_class: type[object], name: str) -> object:
    """The factory of a field's default: what an older party that does not know it means."""
    if not dataclasses.is_dataclass(record_class):
        return None
    field = next(field for field in dataclasses.fields(record_class) if field.name == name)
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory
    value = field.default
    return None if value is dataclasses.MISSING else lambda: value


def _writer(hint: object) -> _Write | None:
    kind, optional = _kind(hint)
    if kind in _SCALARS or (isinstance(kind, type) and issubclass(kind, IntEnum)):
        return None
    if isinstance(kind, type):
        return _write_record
    if get_origin(kind) is tuple:
        item = _writer(get_args(kind)[0])
        if optional:
            return lambda value: {"items": value}
        return None if item is None else lambda value: [*map(item, cast("tuple[object]", value))]
    return dict  # type: ignore[return-value]  # a mapping of scalars: checked by the reader's plan


def _write_record(value: object) -> object:
    return _plan(type(value)).write(value)


def _reader(hint: object) -> _Read | None:
    kind, optional = _kind(hint)
    if kind in _SCALARS:
        return None
    if isinstance(kind, type):
        if issubclass(kind, IntEnum):
            return _enum_reader(kind)
        return lambda message: _plan(kind).read(message)
    if get_origin(kind) is tuple:
        item = _reader(get_args(kind)[0])
        if optional:
            return lambda words: tuple(cast("types_pb2.Words", words).items)
        return tuple if item is None else _items_reader(item)  # type: ignore[return-value]
    return _read_mapping


def _enum_reader(kind: type[IntEnum]) -> _Read:
    known = {item.value: item for item in kind}

    def read(value: object) -> object:
        item = known.get(cast("int", value))
        if item is None:
            names = ", ".join(item.name.lower() for item in kind)
            what = f"has the unknown value {value}" if value else "is not given"
            raise _Unreadable(f"{what}: it is one of {names}")
        return item

    return read


def _items_reader(item: _Read) -> _Read:
    def read(values: object) -> object:
        items = []
        for position, value in enumerate(cast("list[object]", values)):
            try:
                items.append(item(value))
            except _Unreadable as error:
                raise _at(error, f"[{position}]") from None
        return tuple(items)

    return read


def _read_mapping(value: object) -> object:
    """In the order of the keys: protobuf keeps none."""
    return dict(sorted(cast("Mapping[str, object]", value).items()))


def _kind(hint: object) -> tuple[object, bool]:
    """The type behind NewType and Optional, and whether it may be None."""
    optional = False
    if get_origin(hint) in {Union, types.UnionType}:
        optional = True
        hint = next(part for part in get_args(hint) if part is not type(None))
    while (inner := getattr(hint, "__supertype__", None)) is not None:
        hint = inner
    return hint, optional


def _is_record(kind: object) -> bool:
    return isinstance(kind, type) and kind not in _SCALARS and not issubclass(kind, IntEnum)


def _nothing() -> None:
    return None


def _at(error: _Unreadable, place: str) -> _Unreadable:
    error.path.append(place)
    return error
