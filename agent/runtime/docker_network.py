"""The networks of an app on an engine: made when first needed, removed with their last container.

The Engine takes several networks of one name, and several nodes may share an engine (a cluster on
one machine). Two bridges of one name it refuses: so the bridge's name is what makes ours unique.
"""

import contextlib
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import docker.errors
import msgspec
from docker import types

from agent.runtime.base import RuntimeFailure
from agent.runtime.docker_attach import DEFAULT_NETWORK, Attachment, wanted
from agent.runtime.docker_container import LABEL_CLUSTER, Owner, aliases
from agent.runtime.docker_engine import Engine
from agent.runtime.docker_versions import SEVERAL_NETWORKS, at_least
from orb.container import Ipam, NetworkSpec
from orb.work import Assignment

BRIDGE_NAME: Final = "com.docker.network.bridge.name"
_THERE_ALREADY: Final = ("already exists in network", "already attached")


class Networks:
    """The networks of the apps of one cluster."""

    def __init__(self, engine: Engine, owner: Owner) -> None:
        self._engine = engine
        self._owner = owner

    async def attachments(self, assignment: Assignment) -> tuple[Attachment, ...]:
        """The task's networks, which exist now, its first one first. Raises RuntimeFailure."""
        replica, container = assignment.replica, assignment.spec.container
        names = aliases(assignment)
        found: list[Attachment] = []
        for spec, endpoint in wanted(container):
            identity = await self.have(replica.environment, replica.app, spec)
            if not found and not endpoint.mac_address:
                endpoint = replace(endpoint, mac_address=container.networking.mac_address)  # noqa: PLW2901 - the same one, completed
            both = tuple(dict.fromkeys((*names, *endpoint.aliases)))
            name = self._name(replica.environment, replica.app, spec)
            found.append(Attachment(identity, name, endpoint, both))
        return tuple(found)

    async def have(self, environment: str, app: str, spec: NetworkSpec) -> str:
        """The id of a network of the app, which exists now. Raises RuntimeFailure."""
        name = self._name(environment, app, spec)
        found = await self._find(name, ours=not spec.outside_name and not spec.external)
        if found:
            return found
        if spec.external:
            raise RuntimeFailure(f"the external network {name} is not on this node")
        try:
            return await self._make(name, spec)
        except RuntimeFailure as failure:
            # Another node has made it at this very moment; it may take another to be seen.
            found = await self._find(name, ours=True)
            if found:
                return found
            taken = "same bridge name" in str(failure)
            raise RuntimeFailure(str(failure), temporary=taken or failure.temporary) from failure

    async def connect(self, container: str, attachments: tuple[Attachment, ...]) -> None:
        """Put a container that was made on its first network on the others too."""
        api = await self._engine.connect()
        if at_least(api.api_version, SEVERAL_NETWORKS):
            return
        for each in attachments[1:]:
            endpoint = each.endpoint
            try:
                await self._engine.change(
                    api.connect_container_to_network,
                    container,
                    each.identity,
                    aliases=list(each.aliases),
                    ipv4_address=endpoint.ipv4_address or None,
                    ipv6_address=endpoint.ipv6_address or None,
                    link_local_ips=list(endpoint.link_local_ips) or None,
                    driver_opt=dict(endpoint.driver_opts) or None,
                )
            except RuntimeFailure as failure:
                if not any(words in str(failure) for words in _THERE_ALREADY):
                    raise

    async def remove(self, networks: Iterable[str]) -> None:
        """Remove those that are ours and empty; the Engine itself refuses what is in use."""
        api = await self._engine.connect()
        ours = {
            network["Id"] for network in await self._engine.read(api.networks, filters=self._ours())
        }
        for network in networks:
            if network in ours:
                with contextlib.suppress(docker.errors.NotFound, RuntimeFailure):
                    await self._engine.change(api.remove_network, network)

    def _name(self, environment: str, app: str, spec: NetworkSpec) -> str:
        """A network that says more than its name has another name when it says something else."""
        if spec.outside_name or spec.external:
            return spec.outside_name or spec.name
        name = self._owner.network(environment, app)
        if spec.name != DEFAULT_NETWORK:
            name = f"{name}.{spec.name}"
        return name if spec == NetworkSpec(name=spec.name) else f"{name}.{fingerprint(spec)}"

    async def _make(self, name: str, spec: NetworkSpec) -> str:
        api = await self._engine.connect()
        driver = spec.driver or "bridge"
        options = dict(spec.driver_opts)
        if driver == "bridge":
            options.setdefault(BRIDGE_NAME, bridge(name))
        made = await self._engine.change(
            api.create_network,
            name,
            driver=driver,
            options=options,
            ipam=ipam_body(spec.ipam),
            internal=spec.internal,
            labels={**spec.labels, LABEL_CLUSTER: self._owner.cluster},
            enable_ipv6=spec.enable_ipv6,
            attachable=spec.attachable or None,
        )
        return str(made["Id"])

    async def _find(self, name: str, *, ours: bool) -> str | None:
        api = await self._engine.connect()
        filters = self._ours() if ours else {}
        pattern = f"^{name.replace('.', '[.]')}$"
        found = await self._engine.read(api.networks, names=[pattern], filters=filters)
        return str(found[0]["Id"]) if found else None

    def _ours(self) -> dict[str, str]:
        return {"label": f"{LABEL_CLUSTER}={self._owner.cluster}"}


def ipam_body(ipam: Ipam) -> types.IPAMConfig | None:
    """`IPAM` of a network; None: all is the engine's choice."""
    if ipam == Ipam():
        return None
    pools = [
        types.IPAMPool(
            subnet=pool.subnet or None,
            iprange=pool.ip_range or None,
            gateway=pool.gateway or None,
            aux_addresses=dict(pool.aux_addresses) or None,
        )
        for pool in ipam.pools
    ]
    return types.IPAMConfig(ipam.driver or "default", pools, dict(ipam.options) or None)


def bridge(network: str) -> str:
    """The name of the network's bridge on the machine, within the kernel's 15 characters."""
    return f"orb-{hashlib.sha256(network.encode()).hexdigest()[:10]}"


def fingerprint(spec: NetworkSpec) -> str:
    """A short word for all that is said of a network."""
    return hashlib.sha256(msgspec.json.encode(spec, order="sorted")).hexdigest()[:8]
