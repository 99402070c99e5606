"""What a service has to do with others: `depends_on`, `links`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from orb.manifest.context import Context
from orb.manifest.diagnostics import Place, excerpt
from orb.manifest.nodes import Entry, ListNode, MapNode, Node, is_null
from orb.manifest.service_keys import DEPENDENCY
from orb.spec import Condition, Dependency

CONDITIONS: Final = {
    "service_started": Condition.STARTED,
    "service_healthy": Condition.HEALTHY,
    "service_completed_successfully": Condition.COMPLETED,
}

Entries = Mapping[str, Entry]


def read_depends_on(entries: Entries, context: Context, service: str) -> tuple[Dependency, ...]:
    """What comes first, by name; a linked service does too."""
    found: dict[str, Dependency] = {}
    if "depends_on" in entries:
        node = entries["depends_on"].node
        for name, place, inner in named(node, "`depends_on`", context):
            if name in found:
                context.problems.error(place, f"{excerpt(name)} stands here twice")
            context.mark(place, "services", service, "depends_on", name)
            found[name] = _dependency(name, inner, context)
    if "links" in entries:
        for text, place in context.values.texts(entries["links"].node, "`links`"):
            name, _, alias = text.partition(":")
            if alias not in {"", name}:
                context.links.setdefault((name, alias), place)
            context.marks.setdefault(("services", service, "depends_on", name), place)
            found.setdefault(name, Dependency(service=name))
    return tuple(found[name] for name in sorted(found))


def completions(services: Iterable[Node]) -> Iterator[str]:
    """The services that some service waits for to complete."""
    for service in services:
        depends = service.entries.get("depends_on") if isinstance(service, MapNode) else None
        if depends is None or not isinstance(depends.node, MapNode):
            continue
        for name, entry in depends.node.entries.items():
            inner = entry.node.entries if isinstance(entry.node, MapNode) else {}
            condition = inner.get("condition")
            text = getattr(condition.node, "text", "") if condition is not None else ""
            if CONDITIONS.get(text) is Condition.COMPLETED:
                yield name


def _dependency(name: str, node: Node, context: Context) -> Dependency:
    if is_null(node):
        return Dependency(service=name)
    values = context.values
    entries = values.section(node, DEPENDENCY, f"the dependency {excerpt(name)}")
    condition = values.optional(entries, "condition", lambda n, w: values.choice(n, w, CONDITIONS))
    required = values.optional(entries, "required", values.boolean)
    return Dependency(
        service=name,
        condition=condition or Condition.STARTED,
        required=required is not False,
    )


def named(node: Node, what: str, context: Context) -> list[tuple[str, Place, Node]]:
    """Names with their places and what is said of them, from a list or a map."""
    if isinstance(node, MapNode):
        return [(name, entry.key_place, entry.node) for name, entry in node.entries.items()]
    if isinstance(node, ListNode):
        nothing = MapNode(node.place)
        return [(text, place, nothing) for text, place in context.values.texts(node, what)]
    context.values.items(node, what)
    return []
