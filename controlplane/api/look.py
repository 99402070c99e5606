"""What the queries look at: the agreed state, and what only a running server knows beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controlplane.raft.log import LogStatus
from controlplane.state.tables import State
from orb.cluster import Amounts
from orb.ids import AppKey, Millis, NodeName, ServerName, ServiceKey, TaskId
from orb.resources import Resources
from orb.work import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the cluster from one server."""

    state: State
    agreement: LogStatus
    now: Millis
    pending: Mapping[TaskId, str] = field(default_factory=dict)
    """Why each task without a node waits; only the leader knows."""
    usage: Mapping[NodeName, Usage] = field(default_factory=dict)
    heard: Mapping[NodeName, Millis] = field(default_factory=dict)
    addresses: Mapping[ServerName, str] = field(default_factory=dict)
    """Where orbctl and agents reach each server."""
    age_ms: Millis | None = None
    """For a stale look: how long ago this server last heard from a leader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which things are asked for. Empty means all."""

    environment: str = ""
    app: str = ""
    service: str = ""
    name: str = ""
    node: str = ""
    after: int = 0
    limit: int = 0

    def takes(self, environment: str, app: str, service: str = "") -> bool:
        """Whether something of that service is asked for."""
        return (
            (not self.environment or self.environment == environment)
            and (not self.app or self.app == app)
            and (not self.service or self.service == service)
        )

    def services(self, state: State) -> list[ServiceKey]:
        """The services asked for, by name."""
        return sorted(key for key in state.services if self.takes(*key))

    def apps(self, state: State) -> list[AppKey]:
        """The apps asked for, by name."""
        return sorted(key for key in state.apps if self.takes(*key, self.service))


def amounts(resources: Resources) -> Amounts:
    """In the units that people read."""
    return Amounts(
        cpus=resources.milli_cpus / 1000,
        memory_bytes=resources.memory_bytes,
        devices=dict(resources.devices),
    )
