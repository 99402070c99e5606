"""`networks` of a file and of a service, and what a container is told of other machines."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from orb.container import Endpoint, Ipam, IpamPool, Networking, NetworkSpec
from orb.manifest.context import Context
from orb.manifest.diagnostics import Place, did_you_mean, excerpt
from orb.manifest.nodes import Entry, ListNode, Node, Scalar, is_null
from orb.manifest.other_keys import EXTERNAL, IPAM, IPAM_POOL, NETWORK
from orb.manifest.relations import named
from orb.manifest.rights import read_namespace
from orb.manifest.service_keys import NETWORK_OF_SERVICE
from orb.manifest.variables import read_labels
from orb.spec import ServiceSpec
from orb.validate.networking import DEFAULT_NETWORK, MODES, PRIORITY_MAX

_USUAL_DRIVERS: Final = ("", "default", "bridge")

Entries = Mapping[str, Entry]


def read_network_specs(entries: Entries, context: Context) -> dict[str, NetworkSpec]:
    """The networks that the file declares, by name; the default one is always there."""
    found = {DEFAULT_NETWORK: NetworkSpec(name=DEFAULT_NETWORK)}
    if "networks" not in entries:
        return found
    for name, entry in context.values.entries(entries["networks"].node, "`networks`").items():
        context.mark(entry.key_place, "networks", name)
        found[name] = _network(name, entry.node, context)
    return found


def _network(name: str, node: Node, context: Context) -> NetworkSpec:
    if is_null(node):
        return NetworkSpec(name=name)
    values = context.values
    entries = values.section(node, NETWORK, f"the network {excerpt(name)}")

    def flag(key: str) -> bool:
        return values.optional(entries, key, values.boolean) or False

    if values.optional(entries, "enable_ipv4", values.boolean) is False:
        place = entries["enable_ipv4"].key_place
        context.problems.warn(place, "`enable_ipv4: false` has no effect: IPv4 addresses stay")
    outside = values.optional(entries, "name", values.text) or ""
    driver = values.optional(entries, "driver", values.text) or ""
    external, old_name = read_external(entries, context)
    outside = old_name or outside
    return NetworkSpec(
        name=name,
        outside_name=outside,
        external=external,
        driver="" if driver in _USUAL_DRIVERS else driver,
        driver_opts=read_labels(entries.get("driver_opts"), None, context),
        internal=flag("internal"),
        attachable=flag("attachable"),
        enable_ipv6=flag("enable_ipv6"),
        labels=read_labels(entries.get("labels"), None, context),
        ipam=_ipam(entries, context),
    )


def read_external(entries: Entries, context: Context) -> tuple[bool, str]:
    """Whether it exists already, and its name in the old form: `external: {name: data}`."""
    entry = entries.get("external")
    if entry is None:
        return False, ""
    if isinstance(entry.node, Scalar):
        return context.values.boolean(entry.node, "`external`") or False, ""
    old = context.values.section(entry.node, EXTERNAL, "`external`")
    return True, context.values.optional(old, "name", context.values.text) or ""


def _ipam(entries: Entries, context: Context) -> Ipam:
    if "ipam" not in entries:
        return Ipam()
    values = context.values
    parts = values.section(entries["ipam"].node, IPAM, "`ipam`")
    driver = values.optional(parts, "driver", values.text) or ""
    pools = values.items(parts["config"].node, "`config` of `ipam`") if "config" in parts else ()
    return Ipam(
        driver="" if driver == "default" else driver,
        options=read_labels(parts.get("options"), None, context),
        pools=tuple(_pool(item, context) for item in pools),
    )


def _pool(item: Node, context: Context) -> IpamPool:
    values = context.values
    parts = values.section(item, IPAM_POOL, "an item of `config`")

    def text(key: str) -> str:
        return values.optional(parts, key, values.text) or ""

    return IpamPool(
        subnet=text("subnet"),
        gateway=text("gateway"),
        ip_range=text("ip_range"),
        aux_addresses=read_labels(parts.get("aux_addresses"), None, context),
    )


def read_networks(
    entries: Entries, context: Context, service: str
) -> tuple[tuple[str, ...], Networking]:
    """The names of the networks of a service, and all that is said of how it reaches others."""
    mode = read_namespace(entries, "network_mode", context, (*MODES, "default"))
    mode = "bridge" if mode == "default" else mode
    endpoints = {} if "networks" not in entries else _endpoints(entries, context, service)
    only = [context.networks[name] for name in endpoints] if len(endpoints) == 1 else []
    for spec in only:
        # What the engine brings itself, named as a network, as one wrote it before `network_mode`.
        if spec.external and (spec.outside_name or spec.name) in MODES:
            mode, endpoints = spec.outside_name or spec.name, {}
    names = tuple(sorted(endpoints))
    names = () if names == (DEFAULT_NETWORK,) else names
    specs = (context.networks.get(name) for name in (names or (DEFAULT_NETWORK,)))
    plain = (None if mode else spec for spec in specs)
    values = context.values
    return names, Networking(
        mode=mode,
        endpoints=tuple(
            endpoints[name] for name in sorted(endpoints) if _says_something(endpoints[name])
        ),
        networks=tuple(
            spec for spec in plain if spec is not None and spec != NetworkSpec(name=spec.name)
        ),
        dns=_texts(entries, "dns", context),
        dns_search=_texts(entries, "dns_search", context),
        dns_opt=_texts(entries, "dns_opt", context),
        extra_hosts=_extra_hosts(entries, context),
        domainname=values.optional(entries, "domainname", values.text) or "",
        mac_address=values.optional(entries, "mac_address", values.text) or "",
    )


def _texts(entries: Entries, key: str, context: Context) -> tuple[str, ...]:
    found = context.values.texts(entries[key].node, f"`{key}`") if key in entries else []
    return tuple(text for text, _ in found)


def _says_something(endpoint: Endpoint) -> bool:
    return endpoint != Endpoint(network=endpoint.network)


def _endpoints(entries: Entries, context: Context, service: str) -> dict[str, Endpoint]:
    found = {}
    for name, place, inner in named(entries["networks"].node, "`networks`", context):
        if name not in context.networks:
            remedy = did_you_mean(name, context.networks)
            remedy = remedy or f"Declare it at the top level: `networks: {{{name[:40]}: {{}}}}`."
            context.problems.error(place, f"the network {excerpt(name)} is not declared", remedy)
            continue
        context.mark(place, "services", service, "networks", name)
        found[name] = _endpoint(name, inner, context)
    return found


def _endpoint(name: str, node: Node, context: Context) -> Endpoint:
    if is_null(node):
        return Endpoint(network=name)
    values = context.values
    entries = values.section(node, NETWORK_OF_SERVICE, f"the network {excerpt(name)}")

    def text(key: str) -> str:
        return values.optional(entries, key, values.text) or ""

    def number(key: str) -> int:
        return (
            values.optional(
                entries, key, lambda n, w: values.integer(n, w, -PRIORITY_MAX, PRIORITY_MAX)
            )
            or 0
        )

    return Endpoint(
        network=name,
        aliases=tuple(dict.fromkeys(_texts(entries, "aliases", context))),
        ipv4_address=text("ipv4_address"),
        ipv6_address=text("ipv6_address"),
        link_local_ips=_texts(entries, "link_local_ips", context),
        mac_address=text("mac_address"),
        driver_opts=read_labels(entries.get("driver_opts"), None, context),
        priority=number("priority"),
        gw_priority=number("gw_priority"),
        interface_name=text("interface_name"),
    )


def _extra_hosts(entries: Entries, context: Context) -> tuple[str, ...]:
    """`name:address`, `name=address`, or a map from names to addresses."""
    if "extra_hosts" not in entries:
        return ()
    node, values = entries["extra_hosts"].node, context.values
    found: list[str] = []
    if isinstance(node, ListNode):
        for text, place in values.texts(node, "`extra_hosts`"):
            separator = "=" if "=" in text else ":"
            name, given, address = text.partition(separator)
            if not (given and name.strip() and address.strip()):
                message = f"{excerpt(text)} is not `name:address`"
                context.problems.error(place, message, "Write `db:10.0.0.5`.")
            else:
                found.append(_host(name, address))
    else:
        for name, entry in values.entries(node, "`extra_hosts`").items():
            for address, _ in values.texts(entry.node, f"the addresses of {excerpt(name)}"):
                found.append(_host(name, address))
    return tuple(dict.fromkeys(found))


def _host(name: str, address: str) -> str:
    address = address.strip()
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    return f"{name.strip()}:{address}"


def with_links(
    services: tuple[ServiceSpec, ...], links: Mapping[tuple[str, str], Place], context: Context
) -> tuple[ServiceSpec, ...]:
    """Let each linked service answer to the names that others link it by, on all its networks.

    *links* are (service, other name), with the place of the first one.
    """
    owners: dict[str, str] = {service.name: service.name for service in services}
    extra: dict[str, list[str]] = {}
    for (service, alias), place in links.items():
        owner = owners.setdefault(alias, service)
        if owner != service:
            message = f"the link's name {excerpt(alias)} would lead to {owner} too"
            remedy = "Link it by a name of its own: names count for all services of a network."
            context.problems.error(place, message, remedy)
        else:
            extra.setdefault(service, []).append(alias)
    return tuple(_answering(service, extra.get(service.name, [])) for service in services)


def _answering(service: ServiceSpec, aliases: list[str]) -> ServiceSpec:
    container = service.task.container
    if not aliases or container.networking.mode:
        return service
    said = {endpoint.network: endpoint for endpoint in container.networking.endpoints}
    endpoints = []
    for name in container.networks or (DEFAULT_NETWORK,):
        endpoint = said.get(name, Endpoint(network=name))
        both = tuple(dict.fromkeys((*endpoint.aliases, *aliases)))
        endpoints.append(replace(endpoint, aliases=both))
    networking = replace(container.networking, endpoints=tuple(endpoints))
    container = replace(container, networking=networking)
    return replace(service, task=replace(service.task, container=container))
