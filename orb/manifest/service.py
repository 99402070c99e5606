"""One service: its marked nodes to a ServiceSpec."""

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from orb.container import Logging, Networking
from orb.contents import Grant
from orb.ids import Millis
from orb.manifest.context import Context
from orb.manifest.deploy import read_mode, read_placement, read_replicas, read_restart, read_update
from orb.manifest.diagnostics import did_you_mean, excerpt
from orb.manifest.grants import read_grants
from orb.manifest.health import read_healthcheck
from orb.manifest.hooks import read_hooks
from orb.manifest.kernel import read_kernel
from orb.manifest.mounts import is_exclusive, read_mounts, read_tmpfs
from orb.manifest.networks import read_networks
from orb.manifest.nodes import Entry, Node
from orb.manifest.other_keys import DEPLOY
from orb.manifest.ports import read_expose, read_ports
from orb.manifest.relations import read_depends_on
from orb.manifest.resources import limits_of, read_resources
from orb.manifest.rights import read_security
from orb.manifest.service_keys import LOGGING, SERVICE
from orb.manifest.variables import read_environment, read_labels
from orb.manifest.x_orb import read_priority
from orb.spec import ContainerSpec, Mount, Port, PublishMode, ServiceSpec, TaskSpec

GRACE_PUBLISHED_MS: Final = Millis(30_000)
"""The grace period of a service with published ports: its clients must be let go."""
GRACE_MS: Final = Millis(10_000)

_NO_IMAGE: Final = "none"
"""Stands for the image that is missing, so that its absence is told once only."""
_REALTIME: Final = re.compile(r"SIGRT(MIN\+|MAX-)\d{1,2}")
_PULL_POLICIES: Final = {
    "": "",
    "missing": "missing",
    "if_not_present": "missing",
    "always": "always",
    "never": "never",
}

Entries = Mapping[str, Entry]


def read_service(name: str, node: Node, context: Context) -> ServiceSpec:
    """The spec of a service; what is wrong with it goes to the problems of the run."""
    values = context.values
    entries = values.section(node, SERVICE, f"the service {excerpt(name)}")
    deploy: Entries = {}
    if "deploy" in entries:
        deploy = values.section(entries["deploy"].node, DEPLOY, "`deploy`")
    _mark_keys(name, entries, deploy, context)
    _partly(deploy, context)
    parts = _parts(name, entries, context)
    mode = read_mode(deploy, context)
    return ServiceSpec(
        name=name,
        task=_task(name, entries, deploy, parts, context),
        mode=mode,
        replicas=read_replicas(entries, deploy, mode, context),
        restart=read_restart(name, entries, deploy, mode, context),
        update=read_update(deploy, context, alone=parts.alone),
        depends_on=read_depends_on(entries, context, name),
        priority=read_priority(entries.get("x-orb"), context),
        labels=read_labels(deploy.get("labels"), None, context),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """What several fields of the spec are made of."""

    ports: tuple[Port, ...]
    mounts: tuple[Mount, ...]
    files: tuple[Grant, ...]
    networks: tuple[str, ...]
    networking: Networking

    @property
    def alone(self) -> bool:
        """Whether it cannot run beside itself on a node."""
        fixed = self.networking.mac_address or any(
            endpoint.ipv4_address or endpoint.ipv6_address or endpoint.mac_address
            for endpoint in self.networking.endpoints
        )
        return bool(
            fixed
            or any(is_exclusive(mount) for mount in self.mounts)
            or any(port.mode is PublishMode.HOST and port.published for port in self.ports)
        )


def _parts(name: str, entries: Entries, context: Context) -> _Parts:
    networks, networking = read_networks(entries, context, name)
    ports = read_ports(entries["ports"].node, context, name) if "ports" in entries else ()
    if networking.mode == "host":
        ports = _of_the_node(ports, context, name)
    mounts, carried = read_mounts(entries, context, name)
    grants = (*read_grants(entries, context), *carried)
    for number, (_, place) in enumerate(grants):
        context.mark(place, "services", name, "files", number)
    files = tuple(grant for grant, _ in grants)
    return _Parts(ports, mounts, files, networks, networking)


def _of_the_node(ports: tuple[Port, ...], context: Context, name: str) -> tuple[Port, ...]:
    """The ports of a process on the node's own network: it opens them there itself."""
    for number, port in enumerate(ports):
        if port.published not in {0, port.target}:
            place = context.place(("services", name, "ports", number))
            message = f"it answers on {port.target}: it shares the node's network"
            context.problems.warn(place, message, "Take `ports` out, or `network_mode: host`.")
    own = (replace(p, published=p.target, mode=PublishMode.HOST, host_ip="") for p in ports)
    return tuple(dict.fromkeys(own))


def _mark_keys(name: str, entries: Entries, deploy: Entries, context: Context) -> None:
    for key, entry in entries.items():
        context.mark(entry.key_place, "services", name, key)
    for key, entry in deploy.items():
        context.mark(entry.key_place, "services", name, "deploy", key)


def _task(
    name: str,
    entries: Entries,
    deploy: Entries,
    parts: _Parts,
    context: Context,
) -> TaskSpec:
    ports = parts.ports
    exposed = read_expose(entries["expose"].node, context, ports) if "expose" in entries else ()
    reservations, limits, requests = read_resources(entries, deploy, context)
    healthcheck, disabled = None, False
    if "healthcheck" in entries:
        healthcheck, disabled = read_healthcheck(entries["healthcheck"].node, context)
    container = _container(name, entries, parts, context)
    return TaskSpec(
        container=replace(
            container,
            security=replace(container.security, device_requests=requests),
            kernel=read_kernel(entries, limits_of(deploy), context),
        ),
        reservations=reservations,
        limits=limits,
        ports=ports + exposed,
        healthcheck=healthcheck,
        healthcheck_disabled=disabled,
        placement=read_placement(entries, deploy, context),
    )


def _container(name: str, entries: Entries, parts: _Parts, context: Context) -> ContainerSpec:
    values = context.values

    def text(key: str) -> str:
        return values.optional(entries, key, values.text) or ""

    def flag(key: str) -> bool:
        return values.optional(entries, key, values.boolean) or False

    grace = values.optional(entries, "stop_grace_period", values.duration)
    usual_grace = GRACE_PUBLISHED_MS if parts.ports else GRACE_MS
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
        mounts=parts.mounts,
        files=parts.files,
        stop_grace_period_ms=usual_grace if grace is None else grace,
        stop_signal=_stop_signal(entries, context),
        networks=parts.networks,
        init=flag("init"),
        tty=flag("tty"),
        stdin_open=flag("stdin_open"),
        read_only=flag("read_only"),
        tmpfs=read_tmpfs(entries, context),
        pull_policy=_pull_policy(entries, context),
        annotations=read_labels(entries.get("annotations"), None, context),
        security=read_security(entries, context),
        logging=_logging(entries, context),
        networking=parts.networking,
        post_start=read_hooks(entries, "post_start", context),
        pre_stop=read_hooks(entries, "pre_stop", context),
    )


def _logging(entries: Entries, context: Context) -> Logging:
    if "logging" not in entries:
        return Logging()
    values = context.values
    parts = values.section(entries["logging"].node, LOGGING, "`logging`")
    driver = values.optional(parts, "driver", values.text) or ""
    return Logging(driver=driver, options=read_labels(parts.get("options"), None, context))


def _pull_policy(entries: Entries, context: Context) -> str:
    text = context.values.optional(entries, "pull_policy", context.values.text) or ""
    if text in _PULL_POLICIES:
        return _PULL_POLICIES[text]
    place = entries["pull_policy"].node.place
    if text == "build":
        context.problems.warn(place, "nothing is built: an image that is missing is pulled")
        return ""
    if text in {"daily", "weekly"} or text.startswith("every_"):
        context.problems.warn(place, f"`{text[:40]}` counts as `always`: pulled at each start")
        return "always"
    words = ", ".join(word for word in _PULL_POLICIES if word)
    message = f"`pull_policy` must be one of {words}, not {excerpt(text)}"
    context.problems.error(place, message, did_you_mean(text, _PULL_POLICIES))
    return ""


def _image(name: str, entries: Entries, context: Context) -> str:
    where = context.place(("services", name))
    image = context.values.optional(entries, "image", context.values.text)
    if "build" in entries:
        place = entries["build"].key_place
        # What Compose calls the image of a service that it builds.
        image = image or f"{context.app}-{name}".lower()
        said = f"nothing is built: the image {excerpt(image)} must be on the nodes already"
        context.problems.warn(place, said, "Build it there, or push it and name it with `image:`.")
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


def _partly(deploy: Entries, context: Context) -> None:
    """Keys that are honoured where they ask for what a service has anyway."""
    endpoint = context.values.optional(deploy, "endpoint_mode", context.values.text)
    if endpoint not in {None, "", "vip"}:
        message = "`endpoint_mode` has no effect: published ports go through the node's proxy"
        context.problems.warn(deploy["endpoint_mode"].key_place, message)
