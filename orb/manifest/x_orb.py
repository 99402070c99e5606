"""`x-orb`: what only Orb knows. What has no effect yet is in one table, and is said."""

from collections.abc import Mapping
from typing import Final

from orb.manifest.context import Context
from orb.manifest.diagnostics import did_you_mean, excerpt
from orb.manifest.keys import Support, Table
from orb.manifest.nodes import Entry, Scalar, is_null
from orb.manifest.other_keys import NOT_ACTIVE_YET, X_ORB
from orb.spec import Priority

PRIORITIES: Final = {each.name.lower(): each for each in Priority}


def read_priority(entry: Entry | None, context: Context) -> Priority:
    """`x-orb.priority`; the other keys of the block are reported."""
    if entry is None:
        return Priority.NORMAL
    entries = read_block(entry, X_ORB, "`x-orb` of a service", context)
    values = context.values
    found = values.optional(entries, "priority", lambda n, w: values.choice(n, w, PRIORITIES))
    return found or Priority.NORMAL


def read_block(entry: Entry, table: Table, what: str, context: Context) -> Mapping[str, Entry]:
    """The entries of an `x-orb` block that have an effect. The block is strict: no `x-` in it."""
    kept: dict[str, Entry] = {}
    for name, inner in context.values.entries(entry.node, what).items():
        key = table.get(name)
        place = inner.key_place
        if key is None:
            remedy = did_you_mean(name, table)
            context.problems.error(place, f"{excerpt(name)} is not a key of {what}", remedy)
        elif is_null(inner.node) or _is_off(inner):
            continue
        elif key.support is Support.HONOURED:
            kept[name] = inner
        elif key.support is Support.REFUSED:
            message = f"`{name}` of {what} is {NOT_ACTIVE_YET}: {key.says}"
            context.problems.error(place, message, key.remedy)
        else:
            context.problems.warn(place, f"`{name}` of {what} is {NOT_ACTIVE_YET}: {key.says}")
    return kept


def _is_off(entry: Entry) -> bool:
    return isinstance(entry.node, Scalar) and entry.node.value is False
