"""What the networks of a container, and what it is told of others, must keep to."""

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Final

from orb.container import Endpoint, IpamPool, Networking, NetworkSpec
from orb.spec import NAME_LENGTH_MAX
from orb.validate.shapes import (
    ITEMS_MAX,
    Finding,
    Steps,
    item_findings,
    pair_findings,
    range_findings,
)

MODES: Final = ("", "bridge", "host", "none")
DEFAULT_NETWORK: Final = "default"
PRIORITY_MAX: Final = 1_000_000
HOST_GATEWAY: Final = "host-gateway"

_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?")
_NETWORK: Final = re.compile(r"[A-Za-z0-9._-]+")
_OUTSIDE: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,127}")
_DRIVER: Final = re.compile(r"[A-Za-z0-9][\w./:-]{0,254}")
_OPTION: Final = re.compile(r"[\w:.-]+")
_MAC: Final = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")
_INTERFACE: Final = re.compile(r"[\w.-]{0,15}")
_SEARCH: Final = re.compile(r"\.?|[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251})")


def networking_findings(
    networking: Networking, networks: tuple[str, ...], at: Steps
) -> Iterator[Finding]:
    """Everything that is wrong with how a container reaches others."""
    mine = networks or (DEFAULT_NETWORK,)
    if networking.mode not in MODES:
        words = ", ".join(MODES[1:])
        yield Finding((*at, "network_mode"), f"{networking.mode[:80]!r} is none of {words}")
    if networking.mode and (networks or networking.endpoints or networking.networks):
        what = f"`network_mode: {networking.mode[:80]}` cannot stand beside `networks`"
        yield Finding((*at, "network_mode"), what, "Keep one of them.")
    for name, listed in (
        ("networks", list(mine)),
        ("networks", [endpoint.network for endpoint in networking.endpoints]),
        ("networks", [network.name for network in networking.networks]),
    ):
        if listed != sorted(set(listed)):
            yield Finding((*at, name), "they are not in the order of their names, each once")
        if other := next((each for each in listed if each not in mine), ""):
            yield Finding((*at, name), f"the service is not on the network {other[:80]!r}")
    for endpoint in networking.endpoints[:ITEMS_MAX]:
        yield from _endpoint(endpoint, (*at, "networks", endpoint.network))
    for network in networking.networks[:ITEMS_MAX]:
        yield from _network(network)
    yield from _names(networking, at)


def _names(networking: Networking, at: Steps) -> Iterator[Finding]:
    for server in networking.dns[:ITEMS_MAX]:
        yield from _address(server, (*at, "dns"))
    for name, items, shape, what in (
        ("dns_search", networking.dns_search, _SEARCH, "a domain"),
        ("dns_opt", networking.dns_opt, _OPTION, "an option of a resolver"),
    ):
        yield from item_findings(items, shape, (*at, name), what)
    for entry in networking.extra_hosts[:ITEMS_MAX]:
        name, _, address = entry.partition(":")
        if not _NAME.fullmatch(name):
            yield Finding((*at, "extra_hosts"), f"{name[:80]!r} is not a host's name")
        if address != HOST_GATEWAY:
            yield from _address(address, (*at, "extra_hosts"))
    if networking.domainname and not _NAME.fullmatch(networking.domainname):
        what = f"{networking.domainname[:80]!r} is not a domain"
        yield Finding((*at, "domainname"), what)
    yield from _mac(networking.mac_address, (*at, "mac_address"))
    if max(map(len, (networking.dns, networking.extra_hosts))) > ITEMS_MAX:
        yield Finding(at, f"at most {ITEMS_MAX} of `dns` and `extra_hosts` are allowed")


def _endpoint(endpoint: Endpoint, steps: Steps) -> Iterator[Finding]:
    yield from item_findings(endpoint.aliases, _NAME, steps, "a name that can be resolved")
    for address in (endpoint.ipv4_address, endpoint.ipv6_address, *endpoint.link_local_ips):
        if address:
            yield from _address(address, steps)
    yield from _mac(endpoint.mac_address, steps)
    yield from pair_findings(endpoint.driver_opts, steps)
    for name, number in (("priority", endpoint.priority), ("gw_priority", endpoint.gw_priority)):
        yield from range_findings(number, -PRIORITY_MAX, PRIORITY_MAX, steps, name)
    if not _INTERFACE.fullmatch(endpoint.interface_name):
        what = f"{endpoint.interface_name[:80]!r} is not a name for an interface"
        yield Finding(steps, what)


def _network(network: NetworkSpec) -> Iterator[Finding]:
    steps: Steps = ("networks", network.name)
    if len(network.name) > NAME_LENGTH_MAX or not _NETWORK.fullmatch(network.name):
        yield Finding(steps, f"{network.name[:80]!r} is not a name for a network")
    for what, value, shape in (
        ("a name for a network", network.outside_name, _OUTSIDE),
        ("the name of a driver", network.driver, _DRIVER),
        ("the name of a driver", network.ipam.driver, _DRIVER),
    ):
        if value and not shape.fullmatch(value):
            yield Finding(steps, f"{value[:80]!r} is not {what}")
    for pairs in (network.driver_opts, network.labels, network.ipam.options):
        yield from pair_findings(pairs, steps)
    if len(network.ipam.pools) > ITEMS_MAX:
        yield Finding(steps, f"at most {ITEMS_MAX} ranges of addresses are allowed")
    for pool in network.ipam.pools:
        yield from _pool(pool, steps)


def _pool(pool: IpamPool, steps: Steps) -> Iterator[Finding]:
    for text in filter(None, (pool.subnet, pool.ip_range)):
        try:
            ip_network(text, strict=False)
        except ValueError:
            what = f"{text[:80]!r} is not a range of addresses"
            yield Finding(steps, what, "Write `10.1.0.0/24`.")
    for address in filter(None, (pool.gateway, *pool.aux_addresses.values())):
        yield from _address(address, steps)


def _address(text: str, steps: Steps) -> Iterator[Finding]:
    try:
        ip_address(text)
    except ValueError:
        yield Finding(steps, f"{text[:80]!r} is not an address")


def _mac(text: str, steps: Steps) -> Iterator[Finding]:
    if text and not _MAC.fullmatch(text):
        yield Finding(steps, f"{text[:80]!r} is not the address of a network card")
