"""The whole file: merged marked nodes to an AppSpec."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from orb.manifest import x_orb_shapes
from orb.manifest.context import Context
from orb.manifest.diagnostics import did_you_mean, excerpt
from orb.manifest.nodes import Entry, Node, Scalar, is_null
from orb.manifest.other_keys import (
    CONFIG,
    EXTERNAL,
    NETWORK,
    SECRET,
    TOP,
    VOLUME,
    X_ORB_TOP,
    X_ORB_VOLUME,
)
from orb.manifest.relations import DEFAULT_NETWORK, completions
from orb.manifest.service import read_service
from orb.manifest.service_keys import SERVICE
from orb.manifest.variables import read_labels
from orb.manifest.x_orb import read_block
from orb.spec import DEFAULT_RESERVATION, NAME_LENGTH_MAX, AppSpec, ServiceSpec, VolumeSpec

ALL_PROFILES: Final = "*"
_NOT_A_LABEL: Final = re.compile(r"[^a-z0-9-]+")

Entries = Mapping[str, Entry]


def read_app(name: str, root: Node, profiles: Iterable[str], context: Context) -> AppSpec:
    """The spec of an app; what is wrong with it goes to the problems of the run."""
    context.mark(root.place)
    entries = context.values.section(root, TOP, "a manifest")
    context.mark(entries["name"].node.place if "name" in entries else root.place, "name")
    volumes = _volumes(entries, context)
    context.volumes = frozenset(volume.name for volume in volumes)
    context.networks = frozenset({DEFAULT_NETWORK, *_networks(entries, context)})
    _configs_and_secrets(entries, context)
    if "x-orb" in entries:
        read_block(entries["x-orb"], X_ORB_TOP, x_orb_shapes.TOP, "`x-orb` of a manifest", context)
    services = _services(root, entries, frozenset(profiles), context)
    return AppSpec(name=name, services=services, volumes=volumes)


def _services(
    root: Node, entries: Entries, profiles: frozenset[str], context: Context
) -> tuple[ServiceSpec, ...]:
    if "services" not in entries:
        remedy = "Write `services:`, or the short form: `application: web`, `image: web:1`."
        context.problems.error(root.place, "the manifest has no services", remedy)
        return ()
    context.mark(entries["services"].key_place, "services")
    named = context.values.entries(entries["services"].node, "`services`")
    context.awaited = frozenset(completions(entry.node for entry in named.values()))
    found = []
    for name, entry in named.items():
        if name.startswith("x-") and name not in SERVICE and not _looks_like_service(entry.node):
            continue
        context.mark(entry.key_place, "services", name)
        if _is_wanted(entry.node, profiles, context):
            found.append(read_service(name, entry.node, context))
        else:
            context.disabled[name] = entry.key_place
    if not found and not context.problems.has_errors:
        remedy = "Ask for a profile with --profile, or take `profiles` out."
        context.problems.error(root.place, "no service is left to run", remedy)
    return tuple(sorted(found, key=lambda service: service.name))


def _looks_like_service(node: Node) -> bool:
    entries = getattr(node, "entries", {})
    return "image" in entries or "build" in entries


def _is_wanted(node: Node, profiles: frozenset[str], context: Context) -> bool:
    entry = getattr(node, "entries", {}).get("profiles")
    if entry is None or is_null(entry.node):
        return True
    named = {text for text, _ in context.values.texts(entry.node, "`profiles`")}
    return not named or ALL_PROFILES in profiles or bool(named & profiles)


def _volumes(entries: Entries, context: Context) -> tuple[VolumeSpec, ...]:
    if "volumes" not in entries:
        return ()
    context.mark(entries["volumes"].key_place, "volumes")
    found = []
    for name, entry in context.values.entries(entries["volumes"].node, "`volumes`").items():
        context.mark(entry.key_place, "volumes", name)
        found.append(_volume(name, entry.node, context))
    return tuple(sorted(found, key=lambda volume: volume.name))


def _volume(name: str, node: Node, context: Context) -> VolumeSpec:
    values = context.values
    if is_null(node):
        return VolumeSpec(name=name)
    entries = values.section(node, VOLUME, f"the volume {excerpt(name)}")
    if "x-orb" in entries:
        read_block(
            entries["x-orb"], X_ORB_VOLUME, x_orb_shapes.VOLUME, "`x-orb` of a volume", context
        )
    driver = values.optional(entries, "driver", values.text)
    if driver not in {None, "", "local"}:
        place = entries["driver"].node.place
        context.problems.error(place, f"the driver {excerpt(driver or '')} is not supported")
    external = _external(name, entries, context)
    if "name" in entries:
        _other_name(name, entries["name"], context, external=external)
    labels = read_labels(entries.get("labels"), None, context)
    return VolumeSpec(name=name, external=external, labels=labels)


def _external(name: str, entries: Entries, context: Context) -> bool:
    entry = entries.get("external")
    if entry is None:
        return False
    if isinstance(entry.node, Scalar):
        return context.values.boolean(entry.node, "`external`") or False
    # The old form: `external: {name: data}`.
    old = context.values.section(entry.node, EXTERNAL, "`external`")
    if "name" in old:
        _other_name(name, old["name"], context, external=True)
    return True


def _other_name(name: str, entry: Entry, context: Context, *, external: bool) -> None:
    other = context.values.text(entry.node, "`name`")
    if other in {None, "", name}:
        return
    if external:
        remedy = f"Call the volume {excerpt(other or '')} in this file too."
        message = "an external volume must be called here as it is called outside"
        context.problems.error(entry.key_place, message, remedy)
    else:
        message = "`name` has no effect: the volume is named after its app"
        context.problems.warn(entry.key_place, message)


def _networks(entries: Entries, context: Context) -> list[str]:
    if "networks" not in entries:
        return []
    named = context.values.entries(entries["networks"].node, "`networks`")
    for name, entry in named.items():
        if not is_null(entry.node):
            context.values.section(entry.node, NETWORK, f"the network {excerpt(name)}")
    return list(named)


def _configs_and_secrets(entries: Entries, context: Context) -> None:
    for kind, table in (("configs", CONFIG), ("secrets", SECRET)):
        if kind not in entries:
            continue
        for name, entry in context.values.entries(entries[kind].node, f"`{kind}`").items():
            if not is_null(entry.node):
                what = f"the {kind[:-1]} {excerpt(name)}"
                context.values.section(entry.node, table, what)


def check_dependencies(app: AppSpec, context: Context) -> AppSpec:
    """The app without dependencies on services that are not there; the required are reported."""
    names = {service.name for service in app.services}
    services = []
    for service in app.services:
        kept = tuple(each for each in service.depends_on if each.service in names)
        for dependency in service.depends_on:
            if dependency.required and dependency.service not in names:
                _absent(service.name, dependency.service, names, context)
        services.append(replace(service, depends_on=kept))
    return replace(app, services=tuple(services))


def _absent(service: str, other: str, names: set[str], context: Context) -> None:
    place = context.place(("services", service, "depends_on", other))
    if other in context.disabled:
        message = f"{service} depends on {excerpt(other)}, which its profiles leave out"
        context.problems.error(place, message, "Ask for its profile with --profile.")
    else:
        message = f"{service} depends on {excerpt(other)}, which is not a service here"
        context.problems.error(place, message, did_you_mean(other, names))


def note_defaults(app: AppSpec, context: Context) -> None:
    """Say once what was not written and counts all the same."""
    unsaid = [s.name for s in app.services if s.task.reservations == DEFAULT_RESERVATION]
    if unsaid:
        cpus, memory = DEFAULT_RESERVATION.milli_cpus / 1000, DEFAULT_RESERVATION.memory_bytes
        shown = ", ".join(unsaid[:5]) + (f" and {len(unsaid) - 5} more" if unsaid[5:] else "")
        context.problems.note(
            context.place(("services",)),
            f"each replica of {shown} holds {cpus:g} CPU and {memory >> 20}M",
            "Say otherwise under `deploy.resources.reservations`.",
        )


def as_label(text: str) -> str:
    """The nearest DNS label: `My_App.v2` gives `my-app-v2`; empty if there is none."""
    return _NOT_A_LABEL.sub("-", text.lower()).strip("-")[:NAME_LENGTH_MAX].strip("-")
