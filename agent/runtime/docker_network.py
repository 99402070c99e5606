"""The one network of an app on an engine: made when first needed, removed with its last container.

The Engine takes several networks of one name, and several nodes may share an engine (a cluster on
one machine). Two bridges of one name it refuses: so the bridge's name is what makes ours unique.
"""

import contextlib
import hashlib
from collections.abc import Iterable

import docker.errors

from agent.runtime.base import RuntimeFailure
from agent.runtime.docker_container import LABEL_CLUSTER, Owner
from agent.runtime.docker_engine import Engine


class Networks:
    """The networks of the apps of one cluster."""

    def __init__(self, engine: Engine, owner: Owner) -> None:
        self._engine = engine
        self._owner = owner

    async def have(self, environment: str, app: str) -> str:
        """The id of the app's network, which exists now. Raises RuntimeFailure."""
        name = self._owner.network(environment, app)
        found = await self._find(name)
        if found:
            return found
        api = await self._engine.connect()
        try:
            made = await self._engine.change(
                api.create_network,
                name,
                driver="bridge",
                options={"com.docker.network.bridge.name": bridge(name)},
                labels={LABEL_CLUSTER: self._owner.cluster},
            )
        except RuntimeFailure as failure:
            # Another node has made it at this very moment; it may take another to be seen.
            found = await self._find(name)
            if found:
                return found
            taken = "same bridge name" in str(failure)
            raise RuntimeFailure(str(failure), temporary=taken or failure.temporary) from failure
        return str(made["Id"])

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

    async def _find(self, name: str) -> str | None:
        api = await self._engine.connect()
        found = await self._engine.read(api.networks, names=[f"^{name}$"], filters=self._ours())
        return str(found[0]["Id"]) if found else None

    def _ours(self) -> dict[str, str]:
        return {"label": f"{LABEL_CLUSTER}={self._owner.cluster}"}


def bridge(network: str) -> str:
    """The name of the network's bridge on the machine, within the kernel's 15 characters."""
    return f"orb-{hashlib.sha256(network.encode()).hexdigest()[:10]}"
