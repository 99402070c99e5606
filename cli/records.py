"""Views as JSON: the contract that scripts rely on. Keys are field names, times are RFC 3339."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Final, get_type_hints

from orb.ids import Millis

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

JSON_VERSION: Final = 1
"""Grows only if a key is taken away or changes its meaning; new keys may come at any time."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def as_json(value: object) -> Json:
    """A record, or anything made of records, as JSON."""
    if isinstance(value, IntEnum):
        return value.name.lower()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return _record(value)
    if isinstance(value, Mapping):
        return {str(key): as_json(value[key]) for key in sorted(value)}
    if isinstance(value, Sequence):
        return [as_json(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _record(value: "DataclassInstance") -> dict[str, Json]:
    times = _times(type(value))
    body: dict[str, Json] = {}
    for field in fields(value):
        part = getattr(value, field.name)
        is_time = field.name in times and isinstance(part, int)
        body[field.name] = rfc3339(part) if is_time else as_json(part)
    return body


def listing(kind: str, items: Sequence[object]) -> dict[str, Json]:
    """What `get KIND -o json` prints."""
    return {"version": JSON_VERSION, "kind": kind, "items": [as_json(item) for item in items]}


def single(kind: str, record: object) -> dict[str, Json]:
    """What a command that shows one thing prints: its own keys, beside version and kind."""
    body = as_json(record)
    whole: dict[str, Json] = {"version": JSON_VERSION, "kind": kind}
    return whole | body if isinstance(body, dict) else whole


def rfc3339(at: int) -> str:
    """Milliseconds since the epoch as RFC 3339 in UTC: `2024-05-01T12:00:00.250Z`."""
    moment = dt.datetime.fromtimestamp(at / 1000, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def _times(record: type) -> frozenset[str]:
    """The fields that hold points in time: of the type Millis, but not lengths (`…_ms`)."""
    hints = get_type_hints(record)
    return frozenset(
        name
        for name, hint in hints.items()
        if hint in {Millis, Millis | None} and not name.endswith("_ms")
    )
