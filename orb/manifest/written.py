"""Values of the spec as Compose writes them, for the canonical text."""

from collections.abc import Mapping
from typing import Final, TypeVar

from orb.manifest.emit import Value

_T = TypeVar("_T")
_UNITS: Final = ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))


def present(values: Mapping[str, Value]) -> dict[str, Value]:
    """The entries that say something; a map of nothing in a map of names does."""
    return {k: v for k, v in values.items() if v is not None and v not in ("", [], {})}


def text(value: str) -> str:
    """Text with its dollar signs written so that no variable is seen in it."""
    return value.replace("$", "$$")


def pairs(values: Mapping[str, str]) -> Mapping[str, Value]:
    """Texts by name."""
    return {name: text(value) for name, value in values.items()}


def word(words: Mapping[str, _T], value: _T) -> str:
    """The word for a value."""
    return next(name for name, each in words.items() if each == value)


def time(length: int) -> str:
    """A length of time, from milliseconds."""
    return f"{length // 1000}s" if length % 1000 == 0 else f"{length}ms"


def size(amount: int) -> str:
    """An amount of memory, from bytes."""
    unit, name = next(((u, n) for u, n in _UNITS if amount and amount % u == 0), (1, ""))
    return f"{amount // unit}{name}"


def texts(values: tuple[str, ...]) -> list[Value]:
    """A list of texts."""
    return [text(value) for value in values]
