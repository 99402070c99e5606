"""What a replica holds and may use: `deploy.resources`, and the short keys of a service."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from orb.manifest.context import Context
from orb.manifest.diagnostics import excerpt
from orb.manifest.keys import Table
from orb.manifest.nodes import Entry, ListNode, MapNode, Node, Scalar
from orb.manifest.other_keys import (
    DEVICE,
    DISCRETE_RESOURCE,
    GENERIC_RESOURCE,
    LIMITS,
    RESERVATIONS,
    RESOURCES,
)
from orb.manifest.values import BYTES_MAX, MILLI_CPUS_MAX
from orb.resources import Resources
from orb.spec import DEFAULT_RESERVATION

DEVICES_MAX: Final = 1_000_000
"""Devices of one kind that a replica may ask for."""

Entries = Mapping[str, Entry]


def read_resources(
    service: Entries, deploy: Entries, context: Context
) -> tuple[Resources, Resources]:
    """The reservations, with the defaults filled in, and the limits, where 0 means none."""
    values = context.values
    sections = {}
    if "resources" in deploy:
        sections = values.section(deploy["resources"].node, RESOURCES, "`resources`")
    limits = _amounts(sections.get("limits"), LIMITS, "`limits`", context)
    limits = _with_short(limits, service, ("cpus", "mem_limit"), context)
    reserved = _amounts(sections.get("reservations"), RESERVATIONS, "`reservations`", context)
    reserved = _with_short(reserved, service, ("", "mem_reservation"), context)
    devices = reserved.devices
    if "gpus" in service:
        devices = {**devices, **_gpus(service["gpus"].node, context)}
    limit = Resources(limits.milli_cpus or 0, limits.memory_bytes or 0)
    return _with_defaults(replace(reserved, devices=devices), limit), limit


@dataclass(frozen=True, slots=True)
class _Amounts:
    """What was written; None where nothing was."""

    milli_cpus: int | None = None
    memory_bytes: int | None = None
    devices: Mapping[str, int] = field(default_factory=dict)


def _with_defaults(written: _Amounts, limit: Resources) -> Resources:
    """Where nothing is reserved, the default counts, but never more than the limit."""
    cpus, memory = written.milli_cpus, written.memory_bytes
    if cpus is None:
        cpus = min(DEFAULT_RESERVATION.milli_cpus, limit.milli_cpus or MILLI_CPUS_MAX)
    if memory is None:
        memory = min(DEFAULT_RESERVATION.memory_bytes, limit.memory_bytes or BYTES_MAX)
    devices = {kind: count for kind, count in sorted(written.devices.items()) if count}
    return Resources(cpus, memory, devices)


def _amounts(entry: Entry | None, table: Table, what: str, context: Context) -> _Amounts:
    if entry is None:
        return _Amounts()
    values = context.values
    entries = values.section(entry.node, table, what)
    devices: dict[str, int] = {}
    for name, read in (("devices", _devices), ("generic_resources", _generic)):
        if name in entries:
            devices.update(read(entries[name].node, context))
    cpus = values.optional(entries, "cpus", values.milli_cpus)
    return _Amounts(cpus, values.optional(entries, "memory", values.size_bytes), devices)


def _with_short(
    written: _Amounts, service: Entries, names: tuple[str, str], context: Context
) -> _Amounts:
    """The short keys of a service; one that says something else than `deploy` is refused."""
    values = context.values
    cpus = values.optional(service, names[0], values.milli_cpus)
    memory = values.optional(service, names[1], values.size_bytes)
    pairs = ((cpus, written.milli_cpus), (memory, written.memory_bytes))
    for name, (short, long) in zip(names, pairs, strict=True):
        if short is not None and long is not None and short != long:
            place = service[name].key_place
            message = f"`{name}` and `deploy.resources` say different things"
            context.problems.error(place, message, "Keep one of them.")
    return replace(
        written,
        milli_cpus=cpus if written.milli_cpus is None else written.milli_cpus,
        memory_bytes=memory if written.memory_bytes is None else written.memory_bytes,
    )


def _devices(node: Node, context: Context) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in context.values.items(node, "`devices`"):
        found.update(_device(item, context, kind=None))
    return found


def _gpus(node: Node, context: Context) -> dict[str, int]:
    if isinstance(node, Scalar):
        return _all_of("gpus", node, context)
    found: dict[str, int] = {}
    for item in context.values.items(node, "`gpus`"):
        found.update(_device(item, context, kind="gpu"))
    return found


def _device(item: Node, context: Context, kind: str | None) -> dict[str, int]:
    values = context.values
    entries = values.section(item, DEVICE, "a device")
    if "capabilities" in entries:
        node = entries["capabilities"].node
        # Docker also takes a list of lists here.
        inner = node.items[0] if isinstance(node, ListNode) and node.items else node
        words = values.texts(inner if isinstance(inner, ListNode) else node, "`capabilities`")
        kind = kind or next((word.lower() for word, _ in words), None)
    if kind is None:
        if isinstance(item, MapNode):
            context.problems.error(
                item.place, "a device needs `capabilities`", "For example [gpu]."
            )
        return {}
    count = entries.get("count")
    if count is None or (isinstance(count.node, Scalar) and count.node.text == "all"):
        return _all_of("count", count.node if count else item, context)
    number = values.integer(count.node, "`count`", 0, DEVICES_MAX)
    return {} if number is None else {kind: number}


def _all_of(name: str, node: Node, context: Context) -> dict[str, int]:
    context.problems.error(
        node.place,
        f"`{name}`: a replica must say how many devices it holds; nodes differ in what all are",
        "Write `gpus: [{count: 1}]`, or `count: 1` under `devices`.",
    )
    return {}


def _generic(node: Node, context: Context) -> dict[str, int]:
    values = context.values
    found: dict[str, int] = {}
    for item in values.items(node, "`generic_resources`"):
        entries = values.section(item, GENERIC_RESOURCE, "a generic resource")
        if "discrete_resource_spec" not in entries:
            continue
        inner = entries["discrete_resource_spec"].node
        spec = values.section(inner, DISCRETE_RESOURCE, "`discrete_resource_spec`")
        kind = values.optional(spec, "kind", values.text)
        count = values.optional(spec, "value", lambda n, w: values.integer(n, w, 0, DEVICES_MAX))
        if kind is None or count is None:
            context.problems.error(inner.place, "a generic resource needs `kind` and `value`")
        elif kind.lower() in found:
            context.problems.error(inner.place, f"{excerpt(kind)} stands here twice")
        else:
            found[kind.lower()] = count
    return found
