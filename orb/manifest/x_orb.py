"""`x-orb`: what only Orb knows. What has no effect yet is in one table, and is said."""

from collections.abc import Mapping
from typing import Final

from orb.manifest import x_orb_shapes
from orb.manifest.context import Context
from orb.manifest.diagnostics import did_you_mean, excerpt
from orb.manifest.keys import Key, Support, Table
from orb.manifest.nodes import Entry, Scalar, is_null
from orb.manifest.other_keys import NOT_ACTIVE_YET, X_ORB
from orb.manifest.x_orb_shapes import Shape
from orb.spec import Priority

PRIORITIES: Final = {each.name.lower(): each for each in Priority}


def read_priority(entry: Entry | None, context: Context) -> Priority:
    """`x-orb.priority`; the other keys of the block are reported."""
    if entry is None:
        return Priority.NORMAL
    entries = read_block(entry, X_ORB, x_orb_shapes.SERVICE, "`x-orb` of a service", context)
    values = context.values
    found = values.optional(entries, "priority", lambda n, w: values.choice(n, w, PRIORITIES))
    return found or Priority.NORMAL


def read_block(
    entry: Entry, table: Table, shapes: Mapping[str, Shape], what: str, context: Context
) -> Mapping[str, Entry]:
    """The entries of an `x-orb` block that have an effect.

    The block is strict: no `x-` in it, and the values of keys without effect are checked too.
    """
    kept: dict[str, Entry] = {}
    for name, inner in context.values.entries(entry.node, what).items():
        key = table.get(name)
        if key is None:
            remedy = did_you_mean(name, table)
            context.problems.error(
                inner.key_place, f"{excerpt(name)} is not a key of {what}", remedy
            )
        elif is_null(inner.node) or _is_off(inner):
            continue
        else:
            shapes[name](inner.node, f"`{name}`", context.values)
            if _has_effect(key, inner, what, context):
                kept[name] = inner
    return kept


def _has_effect(key: Key, entry: Entry, what: str, context: Context) -> bool:
    said = f"`{key.name}` of {what} is {NOT_ACTIVE_YET}: {key.says}"
    if key.support is Support.REFUSED:
        context.problems.error(entry.key_place, said, key.remedy)
    elif key.support is Support.IGNORED:
        context.problems.warn(entry.key_place, said)
    return key.support is Support.HONOURED


def _is_off(entry: Entry) -> bool:
    return isinstance(entry.node, Scalar) and entry.node.value is False
