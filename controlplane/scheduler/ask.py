"""What a group of pending tasks asks of a node, read out of its spec once and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from controlplane.state.tables import SpecKey
from orb.ids import NodeName, ServiceKey, TaskId
from orb.spec import Placement, Port, Priority, PublishMode, TaskSpec

DEMANDS_REMEMBERED_MAX: Final = 50_000
"""Specs whose demand is kept between passes; at the bound all are forgotten and read again."""
ASKED_MAX: Final = 1 << 61
"""More than any node is taken to have; whoever asks for more is taken to ask for this."""
CPU: Final = "cpu"
MEMORY: Final = "memory"
DEFAULT_SPREAD: Final = ("node.zone",)
"""What tasks are spread over, before nodes, when their placement names nothing."""


class HostPort(NamedTuple):
    """A port that a task takes on its own node, whatever the address: `apply` allows no two."""

    number: int
    protocol: int


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """What a spec asks of a node. Equal demands are one object: compare them by identity."""

    needs: tuple[tuple[str, int], ...]
    """How much of what: CPU (milli) and MEMORY (bytes), even if 0, then kinds of devices."""
    kinds: tuple[str, ...]
    """The kinds of devices among them."""
    constraints: tuple[str, ...]
    platform: str
    where: tuple[tuple[str, ...], str]
    """Constraints and platform together: the key of what never changes in a pass."""
    ports: tuple[HostPort, ...]
    per_node_max: int
    """0 for no bound."""
    spread: tuple[str, ...]
    """Attributes, most important first; nodes come after them."""
    volumes: tuple[str, ...]
    """Full names of its tracked volumes; nodes that have them all are preferred."""


@dataclass(slots=True, eq=False)
class Ask:
    """Pending tasks that are the same to the scheduler, oldest first."""

    service: ServiceKey
    priority: Priority
    demand: Demand
    tasks: list[TaskId] = field(default_factory=list)
    home: NodeName | None = None
    """The only node that will do."""
    avoid: tuple[NodeName, ...] = ()
    own: tuple[NodeName, ...] = ()
    """Where other tasks of the same replica run, which these will replace: not counted as
    neighbours, so that an update leaves every replica where it was."""
    alone: bool = False
    """It is known that no other task of the service is on a node."""
    earmark: NodeName | None = None
    """Where others are stopping to make room for its one task."""
    blocked: str = ""
    """Why it may go nowhere yet; empty if it may."""
    tried: bool = False
    """As many of its tasks as possible have been placed together."""
    settled: int = 0
    """How many of its tasks have been decided about."""

    @property
    def turn(self) -> tuple[int, bool, TaskId]:
        """Its place in the order of a pass, the lowest first; it moves on with what is settled.

        A higher priority comes first, then a task for which others are stopping, then the oldest.
        """
        return -self.priority, self.earmark is None, self.tasks[self.settled]


_Shape = tuple[object, ...]


class Demands:
    """The demands of specs, remembered between passes."""

    def __init__(self) -> None:
        self._by_spec: dict[SpecKey, tuple[TaskSpec, Demand]] = {}
        self._by_shape: dict[_Shape, Demand] = {}

    def of(self, key: SpecKey, spec: TaskSpec) -> Demand:
        """What *spec*, known in the state as *key*, asks of a node."""
        known = self._by_spec.get(key)
        if known is not None and known[0] is spec:
            return known[1]
        if len(self._by_spec) >= DEMANDS_REMEMBERED_MAX:
            self._by_spec.clear()
            self._by_shape.clear()
        demand = self._read(key[0], spec)
        self._by_spec[key] = (spec, demand)
        return demand

    def _read(self, service: ServiceKey, spec: TaskSpec) -> Demand:
        needs, placement = spec.reservations, spec.placement
        devices = _devices(needs.devices) if needs.devices else ()
        shape: _Shape = (
            needs.milli_cpus,
            needs.memory_bytes,
            devices,
            placement.constraints,
            placement.platform,
            _host_ports(spec.ports) if spec.ports else (),
            placement.max_replicas_per_node,
            placement.spread,
            _volumes(service, spec) if spec.container.mounts else (),
        )
        demand = self._by_shape.get(shape)
        if demand is None:
            demand = self._by_shape[shape] = _demand(service, spec, placement, devices)
        return demand


def _demand(
    service: ServiceKey, spec: TaskSpec, placement: Placement, devices: tuple[tuple[str, int], ...]
) -> Demand:
    return Demand(
        needs=(
            (CPU, min(spec.reservations.milli_cpus, ASKED_MAX)),
            (MEMORY, min(spec.reservations.memory_bytes, ASKED_MAX)),
            *devices,
        ),
        kinds=tuple(kind for kind, _ in devices),
        constraints=placement.constraints,
        platform=placement.platform,
        where=(placement.constraints, placement.platform),
        ports=_host_ports(spec.ports),
        per_node_max=placement.max_replicas_per_node,
        spread=placement.spread or DEFAULT_SPREAD,
        volumes=_volumes(service, spec),
    )


def _devices(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((kind, min(count, ASKED_MAX)) for kind, count in sorted(counts.items()))


def _host_ports(ports: tuple[Port, ...]) -> tuple[HostPort, ...]:
    return tuple(
        HostPort(port.published, int(port.protocol))
        for port in ports
        if port.mode is PublishMode.HOST and port.published
    )


def _volumes(service: ServiceKey, spec: TaskSpec) -> tuple[str, ...]:
    return tuple(f"{service.environment}.{service.app}.{name}" for name in spec.named_volumes)
