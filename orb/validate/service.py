"""What one service must keep to: shapes, ranges and sizes."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

from orb.constraints import ATTRIBUTES, LABEL_PREFIX, contradiction, parse
from orb.errors import InvalidInput
from orb.resources import Resources
from orb.spec import (
    NAME_LENGTH_MAX,
    REPLICAS_MAX,
    Healthcheck,
    Placement,
    Port,
    ServiceSpec,
    VolumeSpec,
)
from orb.validate.container import container_findings
from orb.validate.shapes import (
    AMOUNT_MAX,
    DURATION_MS_MAX,
    ITEMS_MAX,
    MILLI_CPUS_MAX,
    PORT_MAX,
    WORDS_MAX,
    Finding,
    Steps,
    is_text,
    pair_findings,
    range_findings,
    service_name_findings,
    time_findings,
    word_findings,
)

_PLATFORM: Final = re.compile(r"[a-z0-9]{1,20}/[a-z0-9_]{1,20}")
_DEVICE_KIND: Final = re.compile(r"[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?")
_ADDRESS: Final = re.compile(r"[0-9a-fA-F:.]{2,45}")
_TEST_WORDS: Final = {"CMD": (2, WORDS_MAX), "CMD-SHELL": (2, 2), "TCP": (2, 2)}


def service_findings(service: ServiceSpec, volumes: Mapping[str, VolumeSpec]) -> Iterator[Finding]:
    """Everything that is wrong with one service, beside its relations to others."""
    at: Steps = ("services", service.name)
    task = service.task
    yield from service_name_findings(service.name, at)
    yield from range_findings(
        service.replicas, 0, REPLICAS_MAX, (*at, "deploy", "replicas"), "replicas"
    )
    yield from container_findings(task.container, task.limits, at, volumes)
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
        yield from time_findings(length, (*at, "deploy", "restart_policy"), name)
    steps = (*at, "deploy", "restart_policy")
    yield from range_findings(restart.attempts_max, 0, AMOUNT_MAX, steps, "max_attempts")
    steps = (*at, "deploy", "update_config")
    yield from range_findings(update.parallelism, 0, REPLICAS_MAX, steps, "parallelism")
    yield from time_findings(update.delay_ms, steps, "delay")
    yield from time_findings(update.monitor_ms, steps, "monitor")
    ratio = update.max_failure_ratio
    if not (math.isfinite(ratio) and 0 <= ratio <= 1):
        yield Finding(steps, f"max_failure_ratio must be from 0 to 1, not {ratio}")


def _resources(reserved: Resources, limits: Resources, steps: Steps) -> Iterator[Finding]:
    for each in (reserved, limits):
        yield from range_findings(each.milli_cpus, 0, MILLI_CPUS_MAX, steps, "cpus in thousandths")
        yield from range_findings(each.memory_bytes, 0, AMOUNT_MAX, steps, "memory in bytes")
        for kind, count in each.devices.items():
            if not _DEVICE_KIND.fullmatch(kind):
                yield Finding(steps, f"{kind[:80]!r} is not a kind of device")
            yield from range_findings(count, 1, AMOUNT_MAX, steps, kind[:80])
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
        yield from range_findings(port.target, 1, PORT_MAX, steps, "a port")
        if port.published is not None:
            yield from range_findings(port.published, 0, PORT_MAX, steps, "a published port")
        if port.host_ip and not _ADDRESS.fullmatch(port.host_ip):
            yield Finding(steps, f"{port.host_ip[:80]!r} is not an address")
        if len(port.name) > NAME_LENGTH_MAX or not is_text(port.name):
            yield Finding(steps, f"{port.name[:80]!r} is not a name for a port")


def _healthcheck(check: Healthcheck, steps: Steps) -> Iterator[Finding]:
    least, most = _TEST_WORDS.get(check.test[0] if check.test else "", (1, 0))
    if not least <= len(check.test) <= most:
        yield Finding(steps, "a test starts with CMD, CMD-SHELL or TCP and goes on after it")
    elif check.test[0] == "TCP" and not _is_port(check.test[1]):
        yield Finding(steps, f"{check.test[1][:80]!r} is not a port")
    yield from word_findings(check.test, steps)
    for name, length, shortest in (
        ("interval", check.interval_ms, 1),
        ("timeout", check.timeout_ms, 1),
        ("start_interval", check.start_interval_ms, 1),
        ("start_period", check.start_period_ms, 0),
    ):
        yield from range_findings(
            length, shortest, DURATION_MS_MAX, steps, f"{name} in milliseconds"
        )
    yield from range_findings(check.retries, 1, AMOUNT_MAX, steps, "retries")


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
    yield from range_findings(most, 0, REPLICAS_MAX, at, "max_replicas_per_node")
    if placement.platform and not _PLATFORM.fullmatch(placement.platform):
        yield Finding((*at[:2], "platform"), f"{placement.platform[:80]!r} is not `os/arch`")
