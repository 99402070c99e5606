"""One service: its marked nodes to a ServiceSpec."""

import re
import signal
from collections.abc import Mapping
from typing import Final

from orb.ids import Millis
from orb.manifest.context import Context
from orb.manifest.deploy import read_mode, read_placement, read_replicas, read_restart, read_update
from orb.manifest.diagnostics import did_you_mean, excerpt
from orb.manifest.health import read_healthcheck
from orb.manifest.mounts import read_mounts
from orb.manifest.nodes import Entry, Node
from orb.manifest.other_keys import DEPLOY
from orb.manifest.ports import read_expose, read_ports
from orb.manifest.relations import read_depends_on, read_networks
from orb.manifest.resources import read_resources
from orb.manifest.service_keys import BUILD_ONLY, SERVICE
from orb.manifest.variables import read_environment, read_labels
from orb.manifest.x_orb import read_priority
from orb.spec import ContainerSpec, Mount, Port, ServiceSpec, TaskSpec

GRACE_PUBLISHED_MS: Final = Millis(30_000)
"""The grace period of a service with published ports: its clients must be let go."""
GRACE_MS: Final = Millis(10_000)

_NO_IMAGE: Final = "none"
"""Stands for the image that is missing, so that its absence is told once only."""
_REALTIME: Final = re.compile(r"SIGRT(MIN\+|MAX-)\d{1,2}")
_USUAL: Final[Mapping[str, frozenset[str]]] = {
    "ipc": frozenset({"", "private", "shareable"}),
    "network_mode": frozenset({"", "bridge", "default"}),
    "pull_policy": frozenset({"", "missing", "if_not_present"}),
    "endpoint_mode": frozenset({"", "vip"}),
}
"""Values that ask for what a service has anyway."""

Entries = Mapping[str, Entry]


def read_service(name: str, node: Node, context: Context) -> ServiceSpec:
    """The spec of a service; what is wrong with it goes to the problems of the run."""
    values = context.values
    entries = values.section(node, SERVICE, f"the service {excerpt(name)}")
    deploy: Entries = {}
    if "deploy" in entries:
        deploy = values.section(entries["deploy"].node, DEPLOY, "`deploy`")
    _mark_keys(name, entries, deploy, context)
    _partly(entries, deploy, context)
    ports = read_ports(entries["ports"].node, context, name) if "ports" in entries else ()
    mounts = read_mounts(entries, context, name)
    mode = read_mode(deploy, context)
    return ServiceSpec(
        name=name,
        task=_task(name, entries, deploy, (ports, mounts), context),
        mode=mode,
        replicas=read_replicas(entries, deploy, mode, context),
        restart=read_restart(name, entries, deploy, mode, context),
        update=read_update(deploy, mounts, ports, context),
        depends_on=read_depends_on(entries, context, name),
        priority=read_priority(entries.get("x-orb"), context),
        labels=read_labels(deploy.get("labels"), None, context),
    )


def _mark_keys(name: str, entries: Entries, deploy: Entries, context: Context) -> None:
    for key, entry in entries.items():
        context.mark(entry.key_place, "services", name, key)
    for key, entry in deploy.items():
        context.mark(entry.key_place, "services", name, "deploy", key)


def _task(
    name: str,
    entries: Entries,
    deploy: Entries,
    reads: tuple[tuple[Port, ...], tuple[Mount, ...]],
    context: Context,
) -> TaskSpec:
    ports, mounts = reads
    exposed = read_expose(entries["expose"].node, context, ports) if "expose" in entries else ()
    reservations, limits = read_resources(entries, deploy, context)
    healthcheck, disabled = None, False
    if "healthcheck" in entries:
        healthcheck, disabled = read_healthcheck(entries["healthcheck"].node, context)
    return TaskSpec(
        container=_container(name, entries, mounts, context, published=bool(ports)),
        reservations=reservations,
        limits=limits,
        ports=ports + exposed,
        healthcheck=healthcheck,
        healthcheck_disabled=disabled,
        placement=read_placement(entries, deploy, context),
    )


def _container(
    name: str, entries: Entries, mounts: tuple[Mount, ...], context: Context, *, published: bool
) -> ContainerSpec:
    values = context.values

    def text(key: str) -> str:
        return values.optional(entries, key, values.text) or ""

    def flag(key: str) -> bool:
        return values.optional(entries, key, values.boolean) or False

    grace = values.optional(entries, "stop_grace_period", values.duration)
    usual_grace = GRACE_PUBLISHED_MS if published else GRACE_MS
    return ContainerSpec(
        image=_image(name, entries, context),
        entrypoint=values.optional(entries, "entrypoint", values.command),
        command=values.optional(entries, "command", values.command),
        environment=read_environment(entries, context),
        user=text("user"),
        working_dir=text("working_dir"),
        hostname=text("hostname"),
        container_name=text("container_name"),
        labels=read_labels(entries.get("labels"), entries.get("label_file"), context),
        mounts=mounts,
        stop_grace_period_ms=usual_grace if grace is None else grace,
        stop_signal=_stop_signal(entries, context),
        networks=read_networks(entries, context),
        init=flag("init"),
        tty=flag("tty"),
        stdin_open=flag("stdin_open"),
        read_only=flag("read_only"),
    )


def _image(name: str, entries: Entries, context: Context) -> str:
    where = context.place(("services", name))
    image = context.values.optional(entries, "image", context.values.text)
    if "build" in entries:
        place = entries["build"].key_place
        if image:
            said = "`build` has no effect: the image must exist already"
            context.problems.warn(place, said, f"Build {excerpt(image)} and push it.")
        else:
            message = "`build` without `image` is not supported: there would be nothing to run"
            context.problems.error(place, message, f"To run it, {BUILD_ONLY}.")
    elif not image and "extends" not in entries:
        place = entries["image"].node.place if "image" in entries else where
        context.problems.error(place, "a service needs an `image`")
    return (image or _NO_IMAGE).strip()


def _stop_signal(entries: Entries, context: Context) -> str:
    text = context.values.optional(entries, "stop_signal", context.values.text)
    if not text:
        return "SIGTERM"
    names = {each.name: each for each in signal.Signals}
    numbers = {str(int(each)): each.name for each in signal.Signals}
    word = text.upper()
    word = numbers.get(word) or (word if word.startswith("SIG") else f"SIG{word}")
    if word in names or _REALTIME.fullmatch(word):
        return word
    place = entries["stop_signal"].node.place
    context.problems.error(place, f"{excerpt(text)} is not a signal", did_you_mean(word, names))
    return "SIGTERM"


def _partly(entries: Entries, deploy: Entries, context: Context) -> None:
    """Keys that are honoured where they ask for what a service has anyway."""
    problems, values = context.problems, context.values
    if values.optional(entries, "privileged", values.boolean):
        place = entries["privileged"].key_place
        problems.error(place, "`privileged` is not supported: no policy allows it yet")
    for name in ("ipc", "network_mode"):
        text = values.optional(entries, name, values.text)
        if text is not None and text not in _USUAL[name]:
            message = f"`{name}: {text[:40]}` is not supported: the container would be another one"
            problems.error(entries[name].key_place, message, "Take it out to run without it.")
    policy = values.optional(entries, "pull_policy", values.text)
    if policy is not None and policy not in _USUAL["pull_policy"]:
        message = f"`pull_policy: {policy[:40]}` has no effect: an image is pulled if it is missing"
        problems.warn(entries["pull_policy"].key_place, message)
    endpoint = values.optional(deploy, "endpoint_mode", values.text)
    if endpoint is not None and endpoint not in _USUAL["endpoint_mode"]:
        message = "`endpoint_mode` has no effect: published ports go through the node's proxy"
        problems.warn(deploy["endpoint_mode"].key_place, message)
