"""The whole file: merged marked nodes to an AppSpec."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from orb.manifest import x_orb_shapes
from orb.manifest.context import Context
from orb.manifest.diagnostics import did_you_mean, excerpt
from orb.manifest.grants import read_declared
from orb.manifest.networks import read_external, read_network_specs, with_links
from orb.manifest.nodes import Entry, Node, is_null
from orb.manifest.other_keys import (
    TOP,
    VOLUME,
    X_ORB_TOP,
    X_ORB_VOLUME,
)
from orb.manifest.relations import completions
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
    context.app = name
    context.volumes = {volume.name: volume for volume in volumes}
    context.networks = read_network_specs(entries, context)
    read_declared(entries, context)
    if "x-orb" in entries:
        read_block(entries["x-orb"], X_ORB_TOP, x_orb_shapes.TOP, "`x-orb` of a manifest", context)
    services = _services(root, entries, frozenset(profiles), context)
    return AppSpec(
        name=name,
        services=services,
        volumes=volumes,
        configs=context.given.configs(),
        secrets=context.given.secrets(),
    )


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
    return with_links(
        tuple(sorted(found, key=lambda service: service.name)), context.links, context
    )


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
    external, old_name = read_external(entries, context)
    driver = values.optional(entries, "driver", values.text) or ""
    outside = old_name or values.optional(entries, "name", values.text) or ""
    return VolumeSpec(
        name=name,
        external=external,
        labels=read_labels(entries.get("labels"), None, context),
        outside_name=outside,
        driver="" if driver == "local" else driver,
        driver_opts=read_labels(entries.get("driver_opts"), None, context),
    )


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
