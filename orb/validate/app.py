"""What a finished app must keep to: checked by `orbctl`, and again by the server.

Each finding names what is wrong by its steps in the manifest, so that the loader can say the line.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Final

from orb.container import NetworkSpec
from orb.errors import InvalidInput
from orb.spec import (
    NAME_LENGTH_MAX,
    SERVICES_PER_APP_MAX,
    AppSpec,
    Condition,
    Protocol,
    PublishMode,
    RestartCondition,
    ServiceSpec,
    VolumeSpec,
)
from orb.validate.contents import contents_findings
from orb.validate.networking import DEFAULT_NETWORK
from orb.validate.service import service_findings
from orb.validate.shapes import Finding, Steps, app_name_findings, pair_findings

APP_BYTES_MAX: Final = 1024 * 1024
"""All text of an app together; more is refused, so that a release fits into one command."""
VOLUMES_MAX: Final = 1_000
"""Named volumes of one app."""
FINDINGS_SHOWN_MAX: Final = 50
"""Findings in one refusal; the others are counted."""

VOLUME_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_OUTSIDE_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,254}")
_DRIVER: Final = re.compile(r"[A-Za-z0-9][\w./:-]{0,254}")


def check(app: AppSpec) -> None:
    """Raises InvalidInput that lists everything in *app* that breaks a rule or a limit."""
    found = list(findings(app))
    if not found:
        return
    lines = [f"{show(each.steps)}: {each.message}" for each in found[:FINDINGS_SHOWN_MAX]]
    if len(found) > FINDINGS_SHOWN_MAX:
        lines.append(f"… and {len(found) - FINDINGS_SHOWN_MAX} more")
    remedies = dict.fromkeys(each.remedy for each in found if each.remedy)
    raise InvalidInput("\n".join(lines), remedy=" ".join(list(remedies)[:3]))


def show(steps: Steps) -> str:
    """`services.web.ports[0]`."""
    shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return shown[1:] or "the app"


def findings(app: AppSpec) -> Iterator[Finding]:
    """Everything in *app* that breaks a rule or a limit."""
    yield from app_name_findings(app.name, ("name",))
    if not 1 <= len(app.services) <= SERVICES_PER_APP_MAX:
        what = f"an app has 1 to {SERVICES_PER_APP_MAX} services, not {len(app.services)}"
        remedy = "Split the app." if app.services else "Give it a service under `services`."
        yield Finding(("services",), what, remedy)
        return
    names = [service.name for service in app.services]
    for twice in sorted({name for name in names if names.count(name) > 1}):
        yield Finding(("services", twice), "two services have this name")
    if names != sorted(names):
        yield Finding(("services",), "the services are not in the order of their names")
    yield from _volumes(app.volumes)
    volumes = {volume.name: volume for volume in app.volumes}
    for service in app.services:
        yield from service_findings(service, volumes)
    yield from _networks(app.services)
    yield from contents_findings(app)
    yield from _published_twice(app.services)
    yield from _dependencies(app.services)
    yield from _size(app)


def _volumes(volumes: tuple[VolumeSpec, ...]) -> Iterator[Finding]:
    names = [volume.name for volume in volumes]
    if len(names) > VOLUMES_MAX:
        yield Finding(("volumes",), f"an app has at most {VOLUMES_MAX} volumes")
    for name in dict.fromkeys(names):
        if len(name) > NAME_LENGTH_MAX or not VOLUME_NAME.fullmatch(name):
            what = f"{name[:80]!r} is not a name for a volume: letters, digits, _, - and ."
            yield Finding(("volumes", name), what)
    if len(set(names)) != len(names):
        yield Finding(("volumes",), "two volumes have the same name")
    for volume in volumes:
        yield from pair_findings(volume.labels, ("volumes", volume.name, "labels"))
        yield from pair_findings(volume.driver_opts, ("volumes", volume.name))
        for what, value, shape in (
            ("a name for a volume", volume.outside_name, _OUTSIDE_NAME),
            ("the name of a driver", volume.driver, _DRIVER),
        ):
            if value and not shape.fullmatch(value):
                yield Finding(("volumes", volume.name), f"{value[:80]!r} is not {what}")


def _networks(services: tuple[ServiceSpec, ...]) -> Iterator[Finding]:
    """All services on a network must say the same of it."""
    said: dict[str, tuple[str, NetworkSpec]] = {}
    for service in services:
        container = service.task.container
        defined = {network.name: network for network in container.networking.networks}
        names = () if container.networking.mode else container.networks or (DEFAULT_NETWORK,)
        for name in names:
            mine = defined.get(name, NetworkSpec(name=name))
            first, theirs = said.setdefault(name, (service.name, mine))
            if theirs != mine:
                what = f"{first} and {service.name} say different things of {name[:80]!r}"
                yield Finding(("services", service.name, "networks", name), what)


@dataclass(slots=True)
class _Taken:
    """Who has a port at an address, or at any."""

    ingress: str = ""
    """The first service that has it on every node."""
    host: dict[str, None] = field(default_factory=dict)
    """Services that have it on the nodes of their tasks."""

    def clash(self, service: str, mode: PublishMode) -> str:
        """A service that cannot have the port beside this one, or nothing."""
        if self.ingress:
            return self.ingress
        if mode is PublishMode.INGRESS:
            return next(iter(self.host), "")
        return service if service in self.host else ""

    def add(self, service: str, mode: PublishMode) -> None:
        if mode is PublishMode.INGRESS:
            self.ingress = self.ingress or service
        else:
            self.host[service] = None


def _published_twice(services: Iterable[ServiceSpec]) -> Iterator[Finding]:
    """Two services cannot have one port of every node, nor one service the same port twice."""
    anywhere: dict[tuple[int, Protocol], _Taken] = defaultdict(_Taken)
    at_address: dict[tuple[int, Protocol, str], _Taken] = defaultdict(_Taken)
    for service in services:
        for number, port in enumerate(service.task.ports):
            if not port.published:
                continue
            key = (port.published, port.protocol)
            here, everywhere = at_address[*key, port.host_ip], at_address[*key, ""]
            others = (here, everywhere) if port.host_ip else (anywhere[key],)
            clashes = filter(None, (other.clash(service.name, port.mode) for other in others))
            if clash := next(clashes, ""):
                owners = clash if clash == service.name else f"{clash} and {service.name}"
                yield Finding(
                    ("services", service.name, "ports", number),
                    f"the port {port.published}/{port.protocol.name.lower()} is published twice, "
                    f"by {owners}",
                    "Publish one of them on another port.",
                )
            for taken in (here, anywhere[key]):
                taken.add(service.name, port.mode)


def _dependencies(services: tuple[ServiceSpec, ...]) -> Iterator[Finding]:
    names = {service.name for service in services}
    for service in services:
        wanted = [dependency.service for dependency in service.depends_on]
        if len(set(wanted)) != len(wanted):
            yield Finding(("services", service.name, "depends_on"), "a service stands there twice")
        for dependency in service.depends_on:
            steps: Steps = ("services", service.name, "depends_on", dependency.service)
            if dependency.service == service.name:
                yield Finding(steps, f"{service.name} depends on itself", "Take it out.")
            elif dependency.service not in names and dependency.required:
                other = dependency.service[:80]
                what = f"{service.name} depends on {other!r}, which is not a service here"
                yield Finding(steps, what)
    yield from _endless(services)
    cycle = _cycle(services)
    if cycle:
        shown = " → ".join((*cycle[:10], "…") if len(cycle) > 10 else (*cycle, cycle[0]))
        yield Finding(
            ("services", cycle[0], "depends_on"),
            f"services wait for each other: {shown}",
            "Take one of these dependencies out.",
        )


def _endless(services: tuple[ServiceSpec, ...]) -> Iterator[Finding]:
    """What others wait for to complete must be able to: it is not restarted whenever it ends."""
    awaited = {
        dependency.service
        for service in services
        for dependency in service.depends_on
        if dependency.condition is Condition.COMPLETED
    }
    for service in services:
        restarts = service.restart.condition is RestartCondition.ANY and not service.is_job
        if restarts and service.name in awaited:
            what = f"{service.name} is restarted whenever it ends, but others wait for its end"
            yield Finding(("services", service.name, "restart"), what, "Use `on-failure`.")


def _cycle(services: tuple[ServiceSpec, ...]) -> tuple[str, ...]:
    """Services in a circle, or nothing. What waits for nobody is taken away until nothing is."""
    waiting = {
        service.name: {d.service for d in service.depends_on} - {service.name}
        for service in services
    }
    free = [name for name in waiting if not waiting[name] & waiting.keys()]
    while free:
        for name in free:
            del waiting[name]
        free = [name for name in waiting if not waiting[name] & waiting.keys()]
    if not waiting:
        return ()
    path = [min(waiting)]
    while path[-1] not in path[:-1]:
        path.append(min(waiting[path[-1]] & waiting.keys()))
    return tuple(path[path.index(path[-1]) : -1])


def _size(app: AppSpec) -> Iterator[Finding]:
    size = sum(len(text) for service in app.services for text in _texts(service))
    if size > APP_BYTES_MAX:
        what = f"the app has {size} characters of text; at most {APP_BYTES_MAX} are allowed"
        yield Finding((), what, "Put large values into images or volumes.")


def _texts(value: object) -> Iterator[str]:
    """Every text in a record, and in what it holds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(name)
            yield from _texts(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _texts(inner)
    elif is_dataclass(value):
        for each in fields(value):
            yield from _texts(getattr(value, each.name))
