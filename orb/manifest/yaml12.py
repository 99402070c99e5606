"""YAML text to marked nodes, as YAML 1.2 and Compose read it, within bounds.

PyYAML's own loaders are not used: its C loader dies of deep nesting, and its readings are those of
YAML 1.1 (`22:22` a number, `no` a truth value). Only its stream of events is: the pure parser, one
event at a time, so that a bound stops it before anything grows. Anchors may be defined again,
`<<` merges, keys must be unique.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import yaml

from orb.manifest.diagnostics import Place, Problems, excerpt
from orb.manifest.nodes import Directive, Entry, ListNode, MapNode, Node, Scalar, ScalarValue

DEPTH_MAX: Final = 64
"""Maps and lists in each other; deeper is refused."""
NODES_MAX: Final = 50_000
"""Values of one file after its aliases are put in; more is refused, so an alias bomb stops here."""
NUMBER_CHARACTERS_MAX: Final = 100
"""Longer digits are text: no reader of ours takes a number so long."""

_INT: Final = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, ScalarValue]] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DIRECTIVES: Final = {"!reset": Directive.RESET, "!override": Directive.OVERRIDE}
_CORE: Final = "tag:yaml.org,2002:"


@dataclass(slots=True)
class _Refused(Exception):
    """The rest of the file cannot be read."""

    place: Place
    message: str
    remedy: str = ""


def parse(text: str, file: str, problems: Problems) -> list[Node]:
    """The documents of *text*, without the empty ones. What is wrong goes to *problems*.

    A file that breaks the grammar or a bound gives no documents at all.
    """
    try:
        return list(_Composer(_events(text, file), file, problems).documents())
    except _Refused as refused:
        problems.error(refused.place, refused.message, refused.remedy)
        return []


def read_plain(text: str) -> ScalarValue:
    """What an unquoted scalar means: YAML 1.2, with the numbers as Compose (Go) reads them."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > NUMBER_CHARACTERS_MAX:
        return text
    if _INT.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _integer(text: str) -> ScalarValue:
    digits = text.replace("_", "")
    sign, bare = (-1, digits[1:]) if digits[:1] == "-" else (1, digits.lstrip("+"))
    base = {"0b": 2, "0o": 8, "0x": 16}.get(bare[:2])
    bare = bare[2:] if base else bare
    if not bare:
        return text
    return sign * int(bare, base or (8 if bare[0] == "0" else 10))


def _events(text: str, file: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ": ".join(filter(None, (error.context, error.problem)))
        raise _Refused(_place(file, mark), f"this is not YAML: {what}", _advice(what)) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        shown = f"U+{error.character:04X}" if isinstance(error.character, int) else "a character"
        raise _Refused(place, f"this is not YAML: {shown} is not allowed in a text file") from error
    except (ValueError, OverflowError) as error:
        # PyYAML lets these through for escapes and version numbers that are out of range.
        raise _Refused(Place(file), f"this is not YAML: {error}") from error


def _advice(what: str) -> str:
    if "\\t" in what:
        return "Indent with spaces; YAML forbids tabs."
    if "mapping values are not allowed" in what:
        return "Quote a value that has `: ` in it, and check the indentation."
    if "cannot start any token" in what:
        return "Quote a value that starts with @, ` or %."
    return ""


def _place(file: str, mark: object) -> Place:
    line, column = getattr(mark, "line", None), getattr(mark, "column", None)
    if not isinstance(line, int) or not isinstance(column, int):
        return Place(file)
    return Place(file, line + 1, column + 1)


@dataclass(slots=True)
class _Composer:
    """Events to nodes. Every value counts, and every alias as often as what it stands for."""

    events: Iterator[yaml.Event]
    file: str
    problems: Problems
    nodes: int = 0
    anchors: dict[str, tuple[Node, int] | None] = field(default_factory=dict)
    """By name: the node and how many values it has; None while it is still open."""

    def documents(self) -> Iterator[Node]:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors = {}
                node = self._node(next(self.events), depth=0)
                if not (isinstance(node, Scalar) and node.value is None):
                    yield node

    def _node(self, event: yaml.Event, depth: int) -> Node:
        place = _place(self.file, event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place)
        if depth > DEPTH_MAX:
            raise _Refused(place, f"values are nested more than {DEPTH_MAX} deep")
        before = self.nodes
        self._count(1, place)
        anchor: str | None = getattr(event, "anchor", None)
        if anchor is not None:
            self.anchors[anchor] = None
        node = self._fresh(event, place, depth)
        if anchor is not None:
            self.anchors[anchor] = (node, self.nodes - before)
        return node

    def _fresh(self, event: yaml.Event, place: Place, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, place)
        directive = self._directive(getattr(event, "tag", None), place)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(inner := next(self.events), yaml.SequenceEndEvent):
                items.append(self._node(inner, depth + 1))
            return ListNode(place, tuple(items), directive)
        return MapNode(place, self._entries(depth), directive)

    def _entries(self, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: Node | None = None
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self.events), depth + 1)
            name = self._key(key)
            if name is None:
                continue
            is_merge = name == "<<" and _is_plain(event)
            if name in entries or (is_merge and merged is not None):
                self._twice(name, key.place, entries.get(name))
            elif is_merge:
                merged = value
            else:
                entries[name] = Entry(key.place, value)
        if merged is not None:
            self._merge(entries, merged)
        return entries

    def _twice(self, name: str, place: Place, first: Entry | None) -> None:
        where = f", first in line {first.key_place.line}" if first else ""
        remedy = "Merge several with `<<: [*a, *b]`." if name == "<<" else "Keep one of the two."
        self.problems.error(place, f"the key {excerpt(name)} stands here twice{where}", remedy)

    def _key(self, key: Node) -> str | None:
        if isinstance(key, Scalar) and key.value is not None:
            return key.text
        self.problems.error(key.place, "a key must be a single word or number")
        return None

    def _merge(self, entries: dict[str, Entry], merged: Node) -> None:
        sources = merged.items if isinstance(merged, ListNode) else (merged,)
        for source in sources:
            if not isinstance(source, MapNode):
                self.problems.error(source.place, "`<<` can merge only maps")
                continue
            self._count(len(source.entries), source.place)
            for name, entry in source.entries.items():
                entries.setdefault(name, entry)

    def _alias(self, event: yaml.AliasEvent, place: Place) -> Node:
        if event.anchor not in self.anchors:
            raise _Refused(place, f"the alias *{event.anchor} has no anchor before it")
        target = self.anchors[event.anchor]
        if target is None:
            raise _Refused(place, f"the alias *{event.anchor} stands inside its own anchor")
        node, size = target
        self._count(size, place)
        return node

    def _count(self, more: int, place: Place) -> None:
        self.nodes += more
        if self.nodes > NODES_MAX:
            raise _Refused(
                place,
                f"the file has more than {NODES_MAX} values once its aliases are put in",
                "Split the app, or use fewer aliases.",
            )

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Scalar:
        text, tag = str(event.value), event.tag
        if tag is None:
            return Scalar(place, text, read_plain(text) if _is_plain(event) else text)
        if tag in _DIRECTIVES:
            return Scalar(place, text, read_plain(text), _DIRECTIVES[tag])
        if not tag.startswith(_CORE):
            self._directive(None if tag == "!" else tag, place)
            return Scalar(place, text, text)
        return self._tagged(Scalar(place, text, text), tag.removeprefix(_CORE))

    def _tagged(self, scalar: Scalar, kind: str) -> Scalar:
        if kind == "str":
            return scalar
        value = read_plain(scalar.text)
        kinds = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}
        if type(value) not in kinds.get(kind, ()):
            self.problems.error(scalar.place, f"{excerpt(scalar.text)} is not a `!!{kind}`")
        return replace(scalar, value=value)

    def _directive(self, tag: str | None, place: Place) -> Directive:
        if tag in _DIRECTIVES:
            return _DIRECTIVES[tag]
        if tag not in {None, "!", f"{_CORE}map", f"{_CORE}seq"}:
            self.problems.error(
                place, f"the tag {excerpt(tag or '')} is unknown", "Only !reset and !override are."
            )
        return Directive.NONE


def _is_plain(event: yaml.Event) -> bool:
    return isinstance(event, yaml.ScalarEvent) and bool(event.implicit[0])
