"""What a replica holds and may use: `deploy.resources`, and the short keys of a service."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from orb.container import DeviceRequest
from orb.manifest.context import Context
from orb.manifest.devices import DEVICES_MAX, counts, read_devices, read_gpus, requests_of
from orb.manifest.diagnostics import excerpt
from orb.manifest.keys import Table
from orb.manifest.nodes import Entry, MapNode, Node, is_null
from orb.manifest.other_keys import (
    DISCRETE_RESOURCE,
    GENERIC_RESOURCE,
    LIMITS,
    RESERVATIONS,
    RESOURCES,
)
from orb.manifest.values import BYTES_MAX, MILLI_CPUS_MAX
from orb.resources import Resources
from orb.spec import DEFAULT_RESERVATION

Entries = Mapping[str, Entry]


def read_resources(
    service: Entries, deploy: Entries, context: Context
) -> tuple[Resources, Resources, tuple[DeviceRequest, ...]]:
    """The reservations, with the defaults filled in, the limits, where 0 means none, and the
    devices of which more is said than a count.
    """
    values = context.values
    sections = {}
    if "resources" in deploy:
        sections = values.section(deploy["resources"].node, RESOURCES, "`resources`")
    limits = _amounts(sections.get("limits"), LIMITS, "`limits`", context)
    limits = _with_short(limits, service, ("cpus", "mem_limit"), context)
    reserved = _amounts(sections.get("reservations"), RESERVATIONS, "`reservations`", context)
    reserved = _with_short(reserved, service, ("", "mem_reservation"), context)
    devices, requests = dict(reserved.devices), reserved.requests
    if "gpus" in service:
        gpus = read_gpus(service["gpus"].node, context)
        devices.update(counts(gpus))
        requests += requests_of(gpus)
    limit = Resources(limits.milli_cpus or 0, limits.memory_bytes or 0)
    return _with_defaults(replace(reserved, devices=devices), limit), limit, requests


def limits_of(deploy: Entries) -> Entries:
    """The entries of `deploy.resources.limits`, of which nothing is reported again."""
    node = deploy["resources"].node if "resources" in deploy else None
    limits = node.entries.get("limits") if isinstance(node, MapNode) else None
    inner = limits.node.entries if limits and isinstance(limits.node, MapNode) else {}
    return {name: entry for name, entry in inner.items() if not is_null(entry.node)}


@dataclass(frozen=True, slots=True)
class _Amounts:
    """What was written; None where nothing was."""

    milli_cpus: int | None = None
    memory_bytes: int | None = None
    devices: Mapping[str, int] = field(default_factory=dict)
    requests: tuple[DeviceRequest, ...] = ()


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
    requests = read_devices(entries["devices"].node, context) if "devices" in entries else ()
    devices = counts(requests)
    if "generic_resources" in entries:
        devices.update(_generic(entries["generic_resources"].node, context))
    cpus = values.optional(entries, "cpus", values.milli_cpus)
    memory = values.optional(entries, "memory", values.size_bytes)
    return _Amounts(cpus, memory, devices, requests_of(requests))


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
