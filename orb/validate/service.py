"""What one service must keep to: shapes, ranges and sizes."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from orb.constraints import ATTRIBUTES, LABEL_PREFIX, contradiction, parse
from orb.errors import InvalidInput
from orb.resources import Resources
from orb.spec import (
    NAME_LENGTH_MAX,
    REPLICAS_MAX,
    ContainerSpec,
    Healthcheck,
    Mount,
    MountKind,
    Placement,
    Port,
    ServiceSpec,
)

Steps = tuple[str | int, ...]

TEXT_BYTES_MAX: Final = 128 * 1024
"""One variable or one word of a command: what Linux hands to a process at most."""
PAIRS_MAX: Final = 2_000
"""Variables, or labels, of one service."""
WORDS_MAX: Final = 5_000
"""Words of one command."""
ITEMS_MAX: Final = 1_000
"""Ports, mounts, constraints and the like of one service."""
PATH_BYTES_MAX: Final = 4_095
"""A path, as Linux bounds it."""
DURATION_MS_MAX: Final = 366 * 24 * 3600 * 1000
"""The longest time: a year."""
AMOUNT_MAX: Final = 2**63 - 1
"""The largest amount that the wire carries."""
MILLI_CPUS_MAX: Final = 1_000_000_000
"""A million cores."""
PORT_MAX: Final = 65_535

_DNS_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_IMAGE: Final = re.compile(
    r"([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*+(/[a-z0-9]+([._-]+[a-z0-9]+)*+)*+"
    r"(:\w[\w.-]{0,127})?(@[a-z0-9]+:[0-9a-f]{32,128})?",
    re.ASCII,
)
_IMAGE_CHARACTERS_MAX: Final = 512
_HOSTNAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_CONTAINER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_USER: Final = re.compile(r"[\w.@-]{1,64}(:[\w.@-]{1,64})?")
_SIGNAL: Final = re.compile(r"SIG[A-Z0-9]{2,9}([+-]\d{1,2})?")
_PLATFORM: Final = re.compile(r"[a-z0-9]{1,20}/[a-z0-9_]{1,20}")
_DEVICE_KIND: Final = re.compile(r"[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?")
_ADDRESS: Final = re.compile(r"[0-9a-fA-F:.]{2,45}")
_TEST_WORDS: Final = {"CMD": (2, WORDS_MAX), "CMD-SHELL": (2, 2), "TCP": (2, 2)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where in the app, what, and what to do."""

    steps: Steps
    message: str
    remedy: str = ""


def service_findings(service: ServiceSpec, volumes: frozenset[str]) -> Iterator[Finding]:
    """Everything that is wrong with one service, beside its relations to others."""
    at: Steps = ("services", service.name)
    task = service.task
    yield from name_findings(service.name, at, "the service")
    yield from _between(service.replicas, 0, REPLICAS_MAX, (*at, "deploy", "replicas"), "replicas")
    yield from _container(task.container, at, volumes)
    yield from _resources(task.reservations, task.limits, (*at, "deploy", "resources"))
    yield from _ports(task.ports, (*at, "ports"))
    if task.healthcheck is not None:
        yield from _healthcheck(task.healthcheck, (*at, "healthcheck"))
    yield from _placement(task.placement, (*at, "deploy", "placement"))
    yield from pair_findings(service.labels, (*at, "deploy", "labels"))
    restart, update = service.restart, service.update
    for name, length in (
        ("delay", restart.delay_ms),
        ("delay", restart.delay_max_ms),
        ("window", restart.window_ms),
    ):
        yield from _time(length, (*at, "deploy", "restart_policy"), name)
    steps = (*at, "deploy", "restart_policy")
    yield from _between(restart.attempts_max, 0, AMOUNT_MAX, steps, "max_attempts")
    steps = (*at, "deploy", "update_config")
    yield from _between(update.parallelism, 0, REPLICAS_MAX, steps, "parallelism")
    yield from _time(update.delay_ms, steps, "delay")
    yield from _time(update.monitor_ms, steps, "monitor")
    ratio = update.max_failure_ratio
    if not (math.isfinite(ratio) and 0 <= ratio <= 1):
        yield Finding(steps, f"max_failure_ratio must be from 0 to 1, not {ratio}")


def _container(container: ContainerSpec, at: Steps, volumes: frozenset[str]) -> Iterator[Finding]:
    image = container.image
    if len(image) > _IMAGE_CHARACTERS_MAX or not _IMAGE.fullmatch(image):
        remedy = "Write it as `name:tag` or `registry.example.com/name:tag`, in small letters."
        yield Finding((*at, "image"), f"{image[:80]!r} is not an image's name", remedy)
    for name, words in (("command", container.command), ("entrypoint", container.entrypoint)):
        yield from _words(words or (), (*at, name))
    yield from pair_findings(container.environment, (*at, "environment"))
    yield from pair_findings(container.labels, (*at, "labels"))
    yield from _mounts(container.mounts, (*at, "volumes"), volumes)
    yield from _time(container.stop_grace_period_ms, (*at, "stop_grace_period"), "it")
    for name, value, shape in (
        ("hostname", container.hostname, _HOSTNAME),
        ("container_name", container.container_name, _CONTAINER_NAME),
        ("user", container.user, _USER),
        ("stop_signal", container.stop_signal, _SIGNAL),
    ):
        if value and not shape.fullmatch(value):
            yield Finding((*at, name), f"{value[:80]!r} is not a {name.replace('_', ' ')}")
    if container.working_dir:
        yield from _path(container.working_dir, (*at, "working_dir"))
    if len(container.networks) > ITEMS_MAX:
        yield Finding((*at, "networks"), f"at most {ITEMS_MAX} are allowed")


def _words(words: tuple[str, ...], steps: Steps) -> Iterator[Finding]:
    if len(words) > WORDS_MAX:
        yield Finding(steps, f"{len(words)} words; at most {WORDS_MAX} are allowed")
    for word in words:
        yield from _text(word, steps)


def pair_findings(pairs: Mapping[str, str], steps: Steps) -> Iterator[Finding]:
    """What is wrong with variables or labels."""
    if len(pairs) > PAIRS_MAX:
        yield Finding(steps, f"{len(pairs)} entries; at most {PAIRS_MAX} are allowed")
    for name, value in pairs.items():
        if not name or "=" in name:
            yield Finding(steps, f"{name[:80]!r} is not a name")
        yield from _text(name, steps)
        yield from _text(value, steps)


def _text(text: str, steps: Steps) -> Iterator[Finding]:
    if "\0" in text:
        yield Finding(steps, f"{text[:80]!r} has a zero character, which no process can be given")
    elif not _is_text(text):
        yield Finding(steps, f"{text[:80]!r} is not text that UTF-8 can carry")
    elif len(text.encode()) > TEXT_BYTES_MAX:
        what = f"a text of {len(text.encode())} bytes; at most {TEXT_BYTES_MAX} are allowed"
        yield Finding(steps, what, "Put it into the image or a volume.")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _mounts(mounts: tuple[Mount, ...], at: Steps, volumes: frozenset[str]) -> Iterator[Finding]:
    if len(mounts) > ITEMS_MAX:
        yield Finding(at, f"{len(mounts)} mounts; at most {ITEMS_MAX} are allowed")
    targets: set[str] = set()
    for number, mount in enumerate(mounts):
        steps = (*at, number)
        yield from _path(mount.target, steps)
        if mount.target.strip("/") == "":
            yield Finding(steps, "nothing can be mounted over the whole file system")
        if mount.target in targets:
            yield Finding(steps, f"two mounts have the target {mount.target[:80]!r}")
        targets.add(mount.target)
        yield from _between(mount.size_bytes, 0, AMOUNT_MAX, steps, "size")
        yield from _source(mount, steps, volumes)


def _source(mount: Mount, steps: Steps, volumes: frozenset[str]) -> Iterator[Finding]:
    match mount.kind:
        case MountKind.BIND:
            yield from _path(mount.source, steps)
        case MountKind.VOLUME:
            if mount.source not in volumes:
                yield Finding(steps, f"the volume {mount.source[:80]!r} is not declared")
        case MountKind.TMPFS | MountKind.ANONYMOUS:
            if mount.source:
                yield Finding(steps, "a mount of this kind has no source")


def _path(path: str, steps: Steps) -> Iterator[Finding]:
    if not path.startswith("/") or "\0" in path or not _is_text(path):
        yield Finding(steps, f"{path[:80]!r} is not an absolute path", "Start it with `/`.")
    elif len(path.encode()) > PATH_BYTES_MAX:
        yield Finding(steps, f"a path has at most {PATH_BYTES_MAX} bytes")


def _resources(reserved: Resources, limits: Resources, steps: Steps) -> Iterator[Finding]:
    for each in (reserved, limits):
        yield from _between(each.milli_cpus, 0, MILLI_CPUS_MAX, steps, "cpus in thousandths")
        yield from _between(each.memory_bytes, 0, AMOUNT_MAX, steps, "memory in bytes")
        for kind, count in each.devices.items():
            if not _DEVICE_KIND.fullmatch(kind):
                yield Finding(steps, f"{kind[:80]!r} is not a kind of device")
            yield from _between(count, 1, AMOUNT_MAX, steps, kind[:80])
    for name, low, high in (
        ("CPU", reserved.milli_cpus, limits.milli_cpus),
        ("memory", reserved.memory_bytes, limits.memory_bytes),
    ):
        if high and low > high:
            yield Finding(steps, f"more {name} is reserved than the limit allows")


def _ports(ports: tuple[Port, ...], at: Steps) -> Iterator[Finding]:
    if len(ports) > ITEMS_MAX:
        yield Finding(at, f"{len(ports)} ports; at most {ITEMS_MAX} are allowed")
    for number, port in enumerate(ports):
        steps = (*at, number)
        yield from _between(port.target, 1, PORT_MAX, steps, "a port")
        if port.published is not None:
            yield from _between(port.published, 0, PORT_MAX, steps, "a published port")
        if port.host_ip and not _ADDRESS.fullmatch(port.host_ip):
            yield Finding(steps, f"{port.host_ip[:80]!r} is not an address")
        if len(port.name) > NAME_LENGTH_MAX or not _is_text(port.name):
            yield Finding(steps, f"{port.name[:80]!r} is not a name for a port")


def _healthcheck(check: Healthcheck, steps: Steps) -> Iterator[Finding]:
    least, most = _TEST_WORDS.get(check.test[0] if check.test else "", (1, 0))
    if not least <= len(check.test) <= most:
        yield Finding(steps, "a test starts with CMD, CMD-SHELL or TCP and goes on after it")
    elif check.test[0] == "TCP" and not _is_port(check.test[1]):
        yield Finding(steps, f"{check.test[1][:80]!r} is not a port")
    yield from _words(check.test, steps)
    for name, length, shortest in (
        ("interval", check.interval_ms, 1),
        ("timeout", check.timeout_ms, 1),
        ("start_interval", check.start_interval_ms, 1),
        ("start_period", check.start_period_ms, 0),
    ):
        yield from _between(length, shortest, DURATION_MS_MAX, steps, f"{name} in milliseconds")
    yield from _between(check.retries, 1, AMOUNT_MAX, steps, "retries")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= PORT_MAX


def _placement(placement: Placement, at: Steps) -> Iterator[Finding]:
    if len(placement.constraints) > ITEMS_MAX or len(placement.spread) > ITEMS_MAX:
        yield Finding(at, f"at most {ITEMS_MAX} constraints and preferences are allowed")
    parsed = []
    for text in placement.constraints[:ITEMS_MAX]:
        try:
            parsed.append(parse(text))
        except InvalidInput as error:
            yield Finding((*at, "constraints"), error.message, error.remedy)
    if together := contradiction(parsed):
        shown = ", ".join(map(str, together[:5]))
        what = f"no node can satisfy all that is said of {together[0].attribute}: {shown}"
        yield Finding((*at, "constraints"), what, "Use `in` for one of several values.")
    for attribute in placement.spread[:ITEMS_MAX]:
        if attribute not in ATTRIBUTES and not attribute.startswith(LABEL_PREFIX):
            yield Finding((*at, "preferences"), f"nodes have no {attribute[:80]!r}")
    most = placement.max_replicas_per_node
    yield from _between(most, 0, REPLICAS_MAX, at, "max_replicas_per_node")
    if placement.platform and not _PLATFORM.fullmatch(placement.platform):
        yield Finding((*at[:2], "platform"), f"{placement.platform[:80]!r} is not `os/arch`")


def _between(number: int, least: int, most: int, steps: Steps, what: str) -> Iterator[Finding]:
    if not least <= number <= most:
        yield Finding(steps, f"{what} must be from {least} to {most}, not {number}")


def _time(length: int, steps: Steps, what: str) -> Iterator[Finding]:
    yield from _between(length, 0, DURATION_MS_MAX, steps, f"{what} in milliseconds")


def name_findings(name: str, steps: Steps, what: str) -> Iterator[Finding]:
    """Names are DNS labels."""
    if len(name) > NAME_LENGTH_MAX or not _DNS_LABEL.fullmatch(name):
        nearest = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:NAME_LENGTH_MAX].strip("-")
        yield Finding(
            steps,
            f"{what} is called {name[:80]!r}, which is no DNS label: "
            f"small letters, digits and inner dashes, at most {NAME_LENGTH_MAX}",
            f"Call it {nearest}." if nearest else "",
        )
