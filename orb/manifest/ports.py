"""`ports` and `expose`: the short and the long syntax."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Final

from orb.errors import InvalidInput
from orb.manifest.context import Context
from orb.manifest.diagnostics import Place, excerpt
from orb.manifest.nodes import Entry, MapNode, Node
from orb.manifest.service_keys import PORT
from orb.spec import Port, Protocol, PublishMode

RANGE_MAX: Final = 1_000
"""Ports of one range; a longer one is refused."""
PORT_MAX: Final = 65_535

PROTOCOLS: Final = {"tcp": Protocol.TCP, "udp": Protocol.UDP}
MODES: Final = {"ingress": PublishMode.INGRESS, "host": PublishMode.HOST}

_SHORT: Final = re.compile(
    r"(?:(?P<ip>\[[^\]]*\]|[^:\[\]]*):)??(?:(?P<published>[^:]*):)?(?P<target>[^:/]+)"
    r"(?:/(?P<protocol>\w+))?"
)
_REMEDY: Final = "Write it as `8080`, `80:8080`, `127.0.0.1:80:8080`, `8000-8010:8000-8010/udp`."


def parse_short(text: str) -> list[Port]:
    """The ports of the short syntax. Raises InvalidInput, with the reason."""
    found = _SHORT.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"{excerpt(text)} is not a port", remedy=_REMEDY)
    protocol = PROTOCOLS.get((found["protocol"] or "tcp").lower())
    if protocol is None:
        raise InvalidInput(f"{excerpt(text)} has a protocol other than tcp and udp")
    host_ip = parse_ip((found["ip"] or "").strip("[]"), text)
    targets = parse_range(found["target"], text)
    published = _published(found["published"], targets, text)
    return [
        Port(target=target, protocol=protocol, published=outside, host_ip=host_ip)
        for target, outside in zip(targets, published, strict=True)
    ]


def parse_range(text: str, whole: str) -> range:
    """`8000` or `8000-8010`. Raises InvalidInput."""
    low, dash, high = text.strip().partition("-")
    high = high if dash else low
    if not all(end.isascii() and end.isdigit() and len(end) <= 5 for end in (low, high)):
        raise InvalidInput(f"{excerpt(whole)} is not a port", remedy=_REMEDY)
    if not 1 <= int(low) <= int(high) <= PORT_MAX:
        raise InvalidInput(f"{excerpt(whole)}: ports go from 1 to {PORT_MAX}, upwards")
    if int(high) - int(low) >= RANGE_MAX:
        raise InvalidInput(f"{excerpt(whole)} names more than {RANGE_MAX} ports")
    return range(int(low), int(high) + 1)


def parse_ip(text: str, whole: str) -> str:
    """An address in its usual form; empty and the addresses that mean all are empty."""
    if not text:
        return ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise InvalidInput(f"{excerpt(whole)}: {excerpt(text)} is not an address") from error
    return "" if address.is_unspecified else str(address)


def _published(text: str | None, targets: range, whole: str) -> list[int]:
    if not text or text == "0":
        return [0] * len(targets)
    published = parse_range(text, whole)
    if len(published) != len(targets):
        raise InvalidInput(
            f"{excerpt(whole)} publishes {len(targets)} ports as {len(published)}",
            remedy="Give both ranges the same length.",
        )
    return list(published)


def read_ports(node: Node, context: Context, service: str) -> tuple[Port, ...]:
    """What `ports` says; one that stands there twice is refused."""
    found: list[Port] = []
    for item in context.values.items(node, "`ports`"):
        for port in _one(item, context):
            if port in found and port.published != 0:
                remedy = "Take one of them out."
                context.problems.error(item.place, f"{show(port)} is published twice", remedy)
            else:
                context.mark(item.place, "services", service, "ports", len(found))
                found.append(port)
    return tuple(found)


def read_expose(node: Node, context: Context, published: tuple[Port, ...]) -> tuple[Port, ...]:
    """What `expose` adds to the *published* ports."""
    known = {(port.target, port.protocol) for port in published}
    added: dict[tuple[int, Protocol], Port] = {}
    for text, place in context.values.texts(node, "`expose`"):
        try:
            exposed = _exposed(text)
        except InvalidInput as error:
            context.problems.refuse(place, error)
            continue
        added.update((key, port) for key, port in exposed.items() if key not in known)
    return tuple(added.values())


def _exposed(text: str) -> dict[tuple[int, Protocol], Port]:
    target, slash, word = text.partition("/")
    protocol = PROTOCOLS.get(word.lower() if slash else "tcp")
    if protocol is None:
        raise InvalidInput(f"{excerpt(text)} has a protocol other than tcp and udp")
    ports = parse_range(target, text)
    return {(port, protocol): Port(target=port, protocol=protocol) for port in ports}


def show(port: Port) -> str:
    """A port as people say it: `8080/tcp`."""
    address = f"{port.host_ip} " if port.host_ip else ""
    return f"the port {address}{port.published or port.target}/{port.protocol.name.lower()}"


def _one(item: Node, context: Context) -> Iterator[Port]:
    try:
        if isinstance(item, MapNode):
            yield from _long(item, context)
        elif (text := context.values.text(item, "an item of `ports`")) is not None:
            yield from parse_short(text)
    except InvalidInput as error:
        context.problems.refuse(item.place, error)


def _long(item: MapNode, context: Context) -> list[Port]:
    values = context.values
    entries = values.section(item, PORT, "a port")
    target = values.optional(entries, "target", lambda n, w: values.integer(n, w, 1, PORT_MAX))
    if target is None:
        if "target" not in entries:
            context.problems.error(item.place, "a port needs a `target`")
        return []
    protocol = values.optional(entries, "protocol", lambda n, w: values.choice(n, w, PROTOCOLS))
    mode = values.optional(entries, "mode", lambda n, w: values.choice(n, w, MODES))
    host_ip = values.optional(entries, "host_ip", values.text) or ""
    name = values.optional(entries, "name", values.text) or ""
    port = Port(
        target=target,
        protocol=protocol or Protocol.TCP,
        published=_long_published(entries, context, item.place),
        mode=mode or PublishMode.INGRESS,
        host_ip=parse_ip(host_ip, host_ip),
        name=name,
    )
    return [port]


def _long_published(entries: Mapping[str, Entry], context: Context, place: Place) -> int:
    text = context.values.optional(entries, "published", context.values.text)
    if text is None or text in {"", "0"}:
        return 0
    published = parse_range(text, text)
    if len(published) > 1:
        context.problems.error(place, "`published` of a port names several ports", _REMEDY)
    return published[0]
