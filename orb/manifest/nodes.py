"""A manifest as a tree in which every key and every value knows its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from orb.manifest.diagnostics import Place

ScalarValue = None | bool | int | float | str


class Directive(IntEnum):
    """What a tag asks of the merge of files."""

    NONE = 1
    RESET = 2
    """`!reset`: take the key away."""
    OVERRIDE = 3
    """`!override`: replace instead of merging."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: as written (*text*), and as YAML 1.2 reads it (*value*)."""

    place: Place
    text: str
    value: ScalarValue
    directive: Directive = Directive.NONE


@dataclass(frozen=True, slots=True)
class Entry:
    """The place of a key, and the value under it."""

    key_place: Place
    node: "Node"


@dataclass(frozen=True, slots=True)
class MapNode:
    """Keys and values, in the order in which they were written."""

    place: Place
    entries: Mapping[str, Entry] = field(default_factory=dict)
    directive: Directive = Directive.NONE


@dataclass(frozen=True, slots=True)
class ListNode:
    """Values in a row."""

    place: Place
    items: tuple["Node", ...] = ()
    directive: Directive = Directive.NONE


Node = Scalar | MapNode | ListNode


def is_null(node: Node) -> bool:
    """Whether nothing was written: `key:`, `key: null`, `key: ~`."""
    return isinstance(node, Scalar) and node.value is None


def describe(node: Node) -> str:
    """What kind of value it is, in the words of a person."""
    match node:
        case MapNode():
            return "a map"
        case ListNode():
            return "a list"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool()):
            return f"`{node.text[:20]}`"
        case Scalar(value=int() | float()):
            return f"the number {node.text[:20]}"
        case Scalar():
            return "text"


def text_scalar(place: Place, text: str) -> Scalar:
    """A value that is text, whatever it looks like."""
    return Scalar(place, text, text)


def pairs(node: Node, separator: str = "=") -> Iterator[tuple[str, Place, Node]]:
    """Keys, their places and their values, from a map or from a list of `key=value`.

    An item without the separator has nothing as its value. Items that are not single values are
    left out: the caller reports them.
    """
    match node:
        case MapNode():
            for key, entry in node.entries.items():
                yield key, entry.key_place, entry.node
        case ListNode():
            for item in node.items:
                if isinstance(item, Scalar) and item.value is not None:
                    key, found, value = item.text.partition(separator)
                    rest = text_scalar(item.place, value) if found else _nothing(item.place)
                    yield key.strip() if separator == ":" else key, item.place, rest
        case Scalar():
            return


def _nothing(place: Place) -> Scalar:
    return Scalar(place, "", None)


def same(one: Node, other: Node) -> bool:
    """Whether two trees say the same, wherever they were written."""
    if isinstance(one, MapNode) and isinstance(other, MapNode):
        return one.entries.keys() == other.entries.keys() and all(
            same(entry.node, other.entries[key].node) for key, entry in one.entries.items()
        )
    if isinstance(one, ListNode) and isinstance(other, ListNode):
        return len(one.items) == len(other.items) and all(
            same(left, right) for left, right in zip(one.items, other.items, strict=True)
        )
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return (one.text, one.value) == (other.text, other.value)
    return False
