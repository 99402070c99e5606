"""What is free during one pass: the candidates' amounts less what the pass has given away."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from controlplane.scheduler.ask import Ask, Demand, Demands, HostPort
from controlplane.scheduler.candidates import EMPTINESS_UNIT, Candidates, Ints, Mask
from controlplane.state.indexes import spec_key
from controlplane.state.tables import State
from orb.ids import ReplicaKey, ServiceKey

Rows = Ints | slice

_ROW_BITS: Final = 17
_EMPTINESS_BITS: Final = EMPTINESS_UNIT.bit_length() - 1
_LEFT_BITS: Final = 26
_WASTE_BITS: Final = 4
_FIT_SHIFT: Final = _ROW_BITS
_WASTE_SHIFT: Final = _FIT_SHIFT + _EMPTINESS_BITS + _LEFT_BITS
LACKING: Final = 1 << (_WASTE_SHIFT + _WASTE_BITS)
"""Added to the key of a node that lacks a volume: such nodes come after all that have it."""
NEVER: Final = 1 << 62
"""More than any key."""
_LEFT_MAX: Final = (1 << _LEFT_BITS) - 1
_EMPTINESS_MAX: Final = EMPTINESS_UNIT - 1
_WASTE_MAX: Final = (1 << _WASTE_BITS) - 1


class Amounts:
    """An amount of each resource for each row."""

    __slots__ = ("cpu", "devices", "memory")

    def __init__(self, cpu: Ints, memory: Ints, devices: dict[str, Ints]) -> None:
        self.cpu = cpu
        self.memory = memory
        self.devices = devices

    def copy(self) -> "Amounts":
        """The same amounts, to be changed apart from these."""
        devices = {kind: amount.copy() for kind, amount in self.devices.items()}
        return Amounts(self.cpu.copy(), self.memory.copy(), devices)

    def hold(self, demand: Demand, at: slice) -> Mask:
        """The rows of *at* that have what *demand* asks for."""
        mask: Mask = self.cpu[at] >= demand.milli_cpus
        mask &= self.memory[at] >= demand.memory_bytes
        for kind, count in demand.devices:
            amount = self.devices.get(kind)
            mask &= False if amount is None else amount[at] >= count
        return mask

    def add(self, row: int, demand: Demand, times: int) -> None:
        """Give a row what *demand* asks for, *times* over (below 0: take it)."""
        self.cpu[row] += times * demand.milli_cpus
        self.memory[row] += times * demand.memory_bytes
        for kind, count in demand.devices:
            if kind in self.devices:
                self.devices[kind][row] += times * count

    def none(self) -> "Amounts":
        """Nothing of each resource for each row."""
        devices = {kind: np.zeros_like(amount) for kind, amount in self.devices.items()}
        return Amounts(np.zeros_like(self.cpu), np.zeros_like(self.memory), devices)

    def plus(self, held: Sequence[tuple[int, Demand]]) -> "Amounts":
        """These amounts and what each of *held* has, a row and a demand."""
        return self._with(held, np.add)

    def highest(self, held: Sequence[tuple[int, Demand]]) -> "Amounts":
        """These amounts, or what one of *held* has where that is more."""
        return self._with(held, np.maximum)

    def sum(self, other: "Amounts") -> "Amounts":
        """These amounts and those."""
        devices = {kind: amount + other.devices[kind] for kind, amount in self.devices.items()}
        return Amounts(self.cpu + other.cpu, self.memory + other.memory, devices)

    def set(self, row: int, base: "Amounts", demands: Sequence[Demand]) -> None:
        """Let the row have what *base* has there and the largest of each that is demanded."""
        self.cpu[row] = base.cpu[row] + max((each.milli_cpus for each in demands), default=0)
        self.memory[row] = base.memory[row] + max(
            (each.memory_bytes for each in demands), default=0
        )
        for kind, amount in self.devices.items():
            most = max((each.count(kind) for each in demands), default=0)
            amount[row] = base.devices[kind][row] + most

    def _with(self, held: Sequence[tuple[int, Demand]], combine: np.ufunc) -> "Amounts":
        more = self.copy()
        rows = np.array([row for row, _ in held], np.int64)
        combine.at(more.cpu, rows, np.array([each.milli_cpus for _, each in held], np.int64))
        combine.at(more.memory, rows, np.array([each.memory_bytes for _, each in held], np.int64))
        for kind, amount in more.devices.items():
            combine.at(amount, rows, np.array([each.count(kind) for _, each in held], np.int64))
        return more


class Room:
    """One pass's ledger. Keys say which node comes first: the smallest, and no two are equal."""

    def __init__(self, state: State, candidates: Candidates, demands: Demands) -> None:
        self.state = state
        self.candidates = candidates
        self.demands = demands
        self.all = slice(0, len(candidates.names))
        self.free = Amounts(candidates.free_cpu, candidates.free_memory, candidates.free_devices)
        self.free = self.free.copy()
        self.reaches: list[Amounts] = []
        """What is or becomes free, less what is promised: the first without preemption, then if
        all tasks of each priority in turn were stopped too. Empty until somebody must wait."""
        self.singles: list[Amounts] = []
        """The first of the reaches, if the largest task up to each priority were stopped too."""
        self._keys: dict[tuple[str, ...], Ints] = {}
        self.lasting: dict[tuple[tuple[str, ...], str], Mask] = {}
        """Where the filters that nothing in a pass changes say yes, by what they look at."""
        self._census: dict[ServiceKey, dict[int, int]] = {}
        self._ports: dict[HostPort, list[int]] | None = None
        self._fit = self.fit_of(self.all, self.free)

    # --- keys -------------------------------------------------------------------------------
    def fit_of(self, rows: Rows, free: Amounts) -> Ints:
        """How well rows are filled, the fullest lowest, if *free* (in step with *rows*) is left."""
        units = self.candidates.units
        amounts = [free.cpu, free.memory, *free.devices.values()]
        left: Ints = np.zeros(len(free.cpu), np.int64)
        empty = np.zeros(len(free.cpu), np.float64)
        for amount, scale, share in zip(amounts, units.scales, units.shares, strict=True):
            has = np.maximum(amount, 0)
            left += (has * scale).astype(np.int64)
            empty += has * share[rows]
        emptiness = np.minimum(empty.astype(np.int64), _EMPTINESS_MAX)
        fit: Ints = (np.minimum(left, _LEFT_MAX) << _EMPTINESS_BITS) | emptiness
        return fit

    def _fit_at(self, row: int) -> int:
        """The same for one row, without the cost of arrays."""
        free, units = self.free, self.candidates.units
        cpu, memory = max(free.cpu.item(row), 0), max(free.memory.item(row), 0)
        left = int(cpu * units.scales[0]) + int(memory * units.scales[1])
        empty = cpu * units.shares_of[row][0] + memory * units.shares_of[row][1]
        for place, amount in enumerate(free.devices.values(), 2):
            has = max(amount.item(row), 0)
            left += int(has * units.scales[place])
            empty += has * units.shares_of[row][place]
        return (min(left, _LEFT_MAX) << _EMPTINESS_BITS) | min(int(empty), _EMPTINESS_MAX)

    def keys(self, demand: Demand) -> Ints:
        """The key of each row: devices that would lie idle, then what is left, fullness, name."""
        keys = self._keys.get(demand.kinds)
        if keys is None:
            waste = np.zeros(len(self.candidates.names), np.int64)
            for kind, capacity in self.candidates.devices.items():
                if kind not in demand.kinds:
                    waste += capacity > 0
            keys = np.minimum(waste, _WASTE_MAX) << _WASTE_SHIFT
            keys += (self._fit << _FIT_SHIFT) + np.arange(len(waste))
            self._keys[demand.kinds] = keys
        return keys if not demand.volumes else keys + LACKING * self._lacking(demand.volumes)

    def _lacking(self, volumes: tuple[str, ...]) -> Mask:
        nodes = self.candidates.nodes
        has = (all(volume in node.facts.volumes for volume in volumes) for node in nodes)
        return ~np.fromiter(has, np.bool_, len(nodes))

    def keys_after(self, demand: Demand, rows: Ints, times: Ints) -> Ints:
        """The keys that *rows* will have once they hold the demand *times* over."""
        free = self.free
        after = Amounts(
            free.cpu[rows] - times * demand.milli_cpus,
            free.memory[rows] - times * demand.memory_bytes,
            {kind: amount[rows] for kind, amount in free.devices.items()},
        )
        for kind, count in demand.devices:
            after.devices[kind] = after.devices[kind] - times * count
        change = self.fit_of(rows, after) - self._fit[rows]
        result: Ints = self.keys(demand)[rows] + (change << _FIT_SHIFT)
        return result

    # --- giving away ------------------------------------------------------------------------
    def take(self, ask: Ask, row: int) -> None:
        """Place one task of *ask* on a row."""
        self.free.add(row, ask.demand, -1)
        for reach in (*self.reaches, *self.singles):
            reach.add(row, ask.demand, -1)
        self._note(ask, {row: 1})
        self._refit(row)

    def take_many(self, ask: Ask, rows: Ints) -> None:
        """Place a task of *ask* on each of *rows*, which may name a row several times."""
        each = np.bincount(rows, minlength=len(self.candidates.names))
        unique = np.flatnonzero(each)
        times, demand = each[unique], ask.demand
        for amounts in (self.free, *self.reaches, *self.singles):
            amounts.cpu[unique] -= times * demand.milli_cpus
            amounts.memory[unique] -= times * demand.memory_bytes
            for kind, count in demand.devices:
                amounts.devices[kind][unique] -= times * count
        self._note(ask, dict(zip(unique.tolist(), times.tolist(), strict=True)))
        free = self.free
        devices = {kind: amount[unique] for kind, amount in free.devices.items()}
        fit = self.fit_of(unique, Amounts(free.cpu[unique], free.memory[unique], devices))
        change = (fit - self._fit[unique]) << _FIT_SHIFT
        self._fit[unique] = fit
        for keys in self._keys.values():
            keys[unique] += change

    def promise(self, ask: Ask, row: int) -> None:
        """Hold room back on a row for a task that goes there once others have stopped."""
        for reach in (*self.reaches, *self.singles):
            reach.add(row, ask.demand, -1)
        free, reach = self.free, self.reaches[0]
        free.cpu[row] = min(free.cpu[row], reach.cpu[row])
        free.memory[row] = min(free.memory[row], reach.memory[row])
        for kind, amount in free.devices.items():
            amount[row] = min(amount[row], reach.devices[kind][row])
        self._note(ask, {row: 1})
        self._refit(row)

    def _note(self, ask: Ask, placed: dict[int, int]) -> None:
        """Remember the new tasks on each row, for those who ask about neighbours and ports."""
        census = self._census.get(ask.service)
        if census:
            for row, count in placed.items():
                census[row] = census.get(row, 0) + count
        elif census is not None:
            census.update(placed)
        for port in ask.demand.ports:
            self._taken_ports().setdefault(port, []).extend(placed)

    def _refit(self, row: int) -> None:
        fit = self._fit_at(row)
        change = (fit - self._fit.item(row)) << _FIT_SHIFT
        self._fit[row] = fit
        for keys in self._keys.values():
            keys[row] += change

    # --- what else a filter must know -------------------------------------------------------
    def neighbours(self, ask: Ask) -> dict[int, int]:
        """How many tasks of the other replicas of its service each row has; 0 is left out."""
        census = self._census.get(ask.service)
        if census is None:
            census = self._census[ask.service] = {} if ask.alone else self._count(ask.service)
        if not ask.own:
            return census
        others = dict(census)
        for name in ask.own:
            row = self.candidates.row_of.get(name)
            if row is not None and others.get(row):
                others[row] -= 1
        return {row: count for row, count in others.items() if count}

    def _count(self, service: ServiceKey) -> dict[int, int]:
        state, row_of = self.state, self.candidates.row_of
        census: dict[int, int] = {}
        for number in state.replicas_of_service.get(service, ()):
            for name in state.tasks_of_replica.get(ReplicaKey(*service, number), ()):
                task = state.tasks[name]
                if task.node is not None and task.wanted and task.node in row_of:
                    row = row_of[task.node]
                    census[row] = census.get(row, 0) + 1
        return census

    def taken(self, port: HostPort) -> list[int]:
        """The rows on which *port* is open."""
        return self._taken_ports().get(port, [])

    def _taken_ports(self) -> dict[HostPort, list[int]]:
        if self._ports is None:
            self._ports = {}
            for port, row in self._open_ports():
                self._ports.setdefault(port, []).append(row)
        return self._ports

    def _open_ports(self) -> Iterator[tuple[HostPort, int]]:
        """Also those of tasks that are stopping, and whose service is gone."""
        state = self.state
        ports_of = {
            key: ports
            for key, spec in state.specs.items()
            if spec.ports and (ports := self.demands.of(key, spec).ports)
        }
        for node, names in state.tasks_on_node.items() if ports_of else ():
            row = self.candidates.row_of[node]
            for task in map(state.tasks.__getitem__, names):
                for port in ports_of.get(spec_key(task), ()):
                    yield port, row
