"""How a container is put on one of its networks, as the Docker Engine takes it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.runtime.docker_versions import GATEWAY_PRIORITY, SEVERAL_NETWORKS, at_least
from orb.container import Endpoint, Networking, NetworkSpec
from orb.spec import ContainerSpec

DEFAULT_NETWORK: Final = "default"
INTERFACE: Final = "com.docker.network.endpoint.ifname"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A network that is there, and how the container is on it."""

    identity: str
    name: str
    """What the engine calls the network; it may have several of one name."""
    endpoint: Endpoint
    aliases: tuple[str, ...]

    def reference(self, api_version: str) -> str:
        """By what it is named at the engine: an old one gives addresses to cards by name only."""
        by_name = self.endpoint.mac_address and not at_least(api_version, SEVERAL_NETWORKS)
        return self.name if by_name else self.identity

    def settings(self, api_version: str) -> Mapping[str, object]:
        """`EndpointSettings`."""
        endpoint = self.endpoint
        options = dict(endpoint.driver_opts)
        if endpoint.interface_name:
            options.setdefault(INTERFACE, endpoint.interface_name)
        addresses = {
            "IPv4Address": endpoint.ipv4_address,
            "IPv6Address": endpoint.ipv6_address,
            "LinkLocalIPs": list(endpoint.link_local_ips),
        }
        body: dict[str, object] = {
            "Aliases": list(self.aliases),
            "DriverOpts": options,
            "IPAMConfig": {key: value for key, value in addresses.items() if value},
        }
        if at_least(api_version, SEVERAL_NETWORKS):
            body["MacAddress"] = endpoint.mac_address
        if at_least(api_version, GATEWAY_PRIORITY):
            body["GwPriority"] = endpoint.gw_priority
        elif endpoint.gw_priority or endpoint.interface_name:
            _log.warning(
                "`gw_priority` and `interface_name` of %s have no effect: the Docker Engine is too "
                "old (it has no API %s)",
                endpoint.network,
                GATEWAY_PRIORITY,
            )
        return {key: value for key, value in body.items() if value}


def wanted(container: ContainerSpec) -> tuple[tuple[NetworkSpec, Endpoint], ...]:
    """The networks of a container and how it is on them, its first one first."""
    networking = container.networking
    if networking.mode:
        return ()
    said = {endpoint.network: endpoint for endpoint in networking.endpoints}
    defined = {network.name: network for network in networking.networks}
    found = [
        (defined.get(name, NetworkSpec(name=name)), said.get(name, Endpoint(network=name)))
        for name in container.networks or (DEFAULT_NETWORK,)
    ]
    return tuple(sorted(found, key=lambda each: (-each[1].priority, each[0].name)))


def main_address(networking: Networking, attachments: tuple[Attachment, ...]) -> str:
    """The address of the container's first network card, if one is asked for."""
    first = attachments[0].endpoint.mac_address if attachments else ""
    return first or networking.mac_address
