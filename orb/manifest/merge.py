"""Files on top of each other, by Compose's rules.

Maps merge key by key, lists are joined, single values are replaced. Exceptions are in a table:
commands are replaced, `environment` and its like merge by name whatever their form, ports, volumes,
configs and secrets merge by what makes them unique. `!reset` takes away, `!override` replaces.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from orb.errors import InvalidInput
from orb.manifest import mounts, ports
from orb.manifest.diagnostics import Problems
from orb.manifest.nodes import (
    Directive,
    Entry,
    ListNode,
    MapNode,
    Node,
    Scalar,
    describe,
    is_null,
    pairs,
    text_scalar,
)

Where = tuple[str, ...]
Rule = Callable[[Node, Node, Where, Problems], Node]


def merge(base: Node, over: Node, where: Where, problems: Problems) -> Node:
    """*base* with *over* on top; a value that does not fit is reported, and *base* kept."""
    if over.directive is Directive.OVERRIDE:
        return over
    rule = rule_for(where)
    if rule is not None:
        return rule(base, over, where, problems)
    if is_null(over):
        return base
    if is_null(base):
        return over
    if isinstance(base, MapNode) and isinstance(over, MapNode):
        return _maps(base, over, where, problems)
    if isinstance(base, ListNode) and isinstance(over, ListNode):
        return replace(base, items=base.items + over.items)
    if isinstance(base, Scalar) and isinstance(over, Scalar):
        return over
    return _unlike(base, over, where, problems)


def without_directives(node: Node) -> Node | None:
    """The tree as it stands when nothing more is put on top: what `!reset` marks is gone."""
    if node.directive is Directive.RESET:
        return None
    if isinstance(node, MapNode):
        kept = {}
        for key, entry in node.entries.items():
            if (inner := without_directives(entry.node)) is not None:
                kept[key] = Entry(entry.key_place, inner)
        return MapNode(node.place, kept)
    if isinstance(node, ListNode):
        items = [without_directives(item) for item in node.items]
        return ListNode(node.place, tuple(item for item in items if item is not None))
    return replace(node, directive=Directive.NONE)


def _maps(base: MapNode, over: MapNode, where: Where, problems: Problems) -> Node:
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        if entry.node.directive is Directive.RESET:
            entries.pop(key, None)
        elif key in entries:
            merged = merge(entries[key].node, entry.node, (*where, key), problems)
            entries[key] = Entry(entry.key_place, merged)
        else:
            entries[key] = entry
    return replace(base, entries=entries)


def _unlike(base: Node, over: Node, where: Where, problems: Problems) -> Node:
    what = ".".join(where)
    problems.error(
        over.place,
        f"`{what}` is {describe(over)} here and {describe(base)} in {base.place}",
        "Write both in the same form, or replace it with `!override`.",
    )
    return base


def _replaced(_base: Node, over: Node, _where: Where, _problems: Problems) -> Node:
    return over


def _by_name(base: Node, over: Node, _where: Where, problems: Problems) -> Node:
    """`environment`, `labels`: a map, or a list of `name=value`."""
    sides = [_named(base, problems), _named(over, problems)]
    entries = dict(sides[0].entries)
    for key, entry in sides[1].entries.items():
        if entry.node.directive is Directive.RESET:
            entries.pop(key, None)
        else:
            entries[key] = entry
    return MapNode(base.place, entries)


def _named(node: Node, problems: Problems) -> MapNode:
    if isinstance(node, MapNode):
        return node
    if isinstance(node, Scalar) and not is_null(node):
        problems.error(node.place, f"this must be a map or a list, not {describe(node)}")
    for item in node.items if isinstance(node, ListNode) else ():
        if not isinstance(item, Scalar):
            problems.error(item.place, f"an item must be `NAME=value`, not {describe(item)}")
    return MapNode(node.place, {key: Entry(place, value) for key, place, value in pairs(node)})


def _as_names(base: Node, over: Node, where: Where, problems: Problems) -> Node:
    """`depends_on`, `networks`: a map, or a list of names."""
    first, second = (_name_map(node, problems) for node in (base, over))
    return _maps(first, second, where, problems)


def _name_map(node: Node, problems: Problems) -> MapNode:
    return _named(node, problems) if not isinstance(node, MapNode) else node


def _words(base: Node, over: Node, _where: Where, _problems: Problems) -> Node:
    """`dns`, `tmpfs`, `env_file`: a word or a list of words; each stands there once."""
    items = {_word(item): item for side in (base, over) for item in _list(side)}
    return ListNode(base.place, tuple(items.values()))


def _word(item: Node) -> str:
    if isinstance(item, MapNode):
        path = item.entries.get("path") or item.entries.get("name")
        return _word(path.node) if path else str(item.place)
    return item.text if isinstance(item, Scalar) else str(item.place)


def _hosts(base: Node, over: Node, _where: Where, _problems: Problems) -> Node:
    """`extra_hosts`: a list, or a map to one address or several; each pair stands there once."""
    items = {_word(item): item for side in (base, over) for item in _host_items(side)}
    return ListNode(base.place, tuple(items.values()))


def _host_items(node: Node) -> tuple[Node, ...]:
    if not isinstance(node, MapNode):
        return _list(node)
    return tuple(
        text_scalar(address.place, f"{name}={_word(address)}")
        for name, entry in node.entries.items()
        for address in _list(entry.node)
    )


def _limit(base: Node, over: Node, where: Where, problems: Problems) -> Node:
    """One of `ulimits`: a number replaces a pair, and a pair a number."""
    if isinstance(base, MapNode) and isinstance(over, MapNode):
        return _maps(base, over, where, problems)
    return base if is_null(over) else over


def _list(node: Node) -> tuple[Node, ...]:
    if isinstance(node, ListNode):
        return node.items
    return () if is_null(node) else (node,)


def _unique(identify: Callable[[Node], str]) -> Rule:
    def rule(base: Node, over: Node, where: Where, problems: Problems) -> Node:
        if not (isinstance(base, ListNode) and isinstance(over, ListNode)):
            return base if is_null(over) else _unlike(base, over, where, problems)
        known = {identify(item): number for number, item in enumerate(base.items)}
        items = list(base.items)
        for item in over.items:
            number = known.get(identify(item))
            if number is None:
                items.append(item)
            else:
                items[number] = item
        return replace(base, items=tuple(items))

    return rule


def _port(item: Node) -> str:
    if isinstance(item, MapNode):
        names = ("host_ip", "published", "target", "protocol")
        usual = {"host_ip": "", "published": "0", "target": "", "protocol": "tcp"}
        return ":".join(_field(item, name) or usual[name] for name in names)
    text = item.text if isinstance(item, Scalar) else str(item.place)
    try:
        found = ports.parse_short(text)
    except InvalidInput:
        return text
    first = found[0]
    if len(found) > 1:
        return text
    return f"{first.host_ip}:{first.published}:{first.target}:{first.protocol.name.lower()}"


def _mount(item: Node) -> str:
    if isinstance(item, MapNode):
        return (_field(item, "target") or str(item.place)).rstrip("/")
    try:
        return mounts.parse_short(item.text if isinstance(item, Scalar) else "").target.rstrip("/")
    except InvalidInput:
        return str(item.place)


def _granted(item: Node) -> str:
    if isinstance(item, MapNode):
        return _field(item, "target") or _field(item, "source")
    return item.text if isinstance(item, Scalar) else str(item.place)


def _field(item: MapNode, name: str) -> str:
    entry = item.entries.get(name)
    return entry.node.text if entry is not None and isinstance(entry.node, Scalar) else ""


def _build(base: Node, over: Node, where: Where, problems: Problems) -> Node:
    first, second = (_context(node) for node in (base, over))
    return merge(first, second, (*where, "*"), problems)


def _context(node: Node) -> Node:
    if isinstance(node, Scalar) and not is_null(node):
        return MapNode(node.place, {"context": Entry(node.place, node)})
    return node


def _logging(base: Node, over: Node, where: Where, problems: Problems) -> Node:
    if isinstance(base, MapNode) and isinstance(over, MapNode):
        drivers = (_field(base, "driver"), _field(over, "driver"))
        same = drivers[0] == drivers[1] or not all(drivers)
        return _maps(base, over, where, problems) if same else over
    return base if is_null(over) else over


_SERVICE_RULES: Final[Mapping[Where, Rule]] = {
    **{(name,): _replaced for name in ("command", "entrypoint")},
    ("healthcheck", "test"): _replaced,
    **{(name,): _by_name for name in ("annotations", "environment", "labels", "sysctls")},
    ("deploy", "labels"): _by_name,
    ("build", "args"): _by_name,
    ("build", "labels"): _by_name,
    **{(name,): _as_names for name in ("depends_on", "models", "networks")},
    **{
        (name,): _words
        for name in (
            "cap_add", "cap_drop", "dns", "dns_opt", "dns_search", "env_file", "expose",
            "label_file", "links", "profiles", "tmpfs",
        )
    },
    ("ports",): _unique(_port),
    ("volumes",): _unique(_mount),
    ("configs",): _unique(_granted),
    ("secrets",): _unique(_granted),
    ("build",): _build,
    ("logging",): _logging,
    ("extra_hosts",): _hosts,
}  # fmt: skip
_TOP_RULES: Final[Mapping[Where, Rule]] = {
    ("networks", "labels"): _by_name,
    ("volumes", "labels"): _by_name,
}


def rule_for(where: Where) -> Rule | None:
    """The exception that counts at a place, if one does."""
    if where[:1] == ("services",) and len(where) > 2:
        is_limit = len(where) == 4 and where[2] == "ulimits"
        return _limit if is_limit else _SERVICE_RULES.get(where[2:])
    if len(where) == 3:
        return _TOP_RULES.get((where[0], where[2]))
    return None
