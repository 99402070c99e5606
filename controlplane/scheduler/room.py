"""What is free during one pass: the candidates' amounts less what the pass has given away."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from controlplane.scheduler.amounts import Amounts, Ints, Mask
from controlplane.scheduler.ask import Ask, Demand, Demands, HostPort
from controlplane.scheduler.candidates import EMPTINESS_UNIT, Candidates
from controlplane.state.indexes import spec_key
from controlplane.state.tables import State
from orb.ids import ReplicaKey, ServiceKey

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
_AT_ONCE: Final = 2_048
"""Rows measured together: few enough that the arrays between stay in the processor's cache."""
_WASTE_MAX: Final = (1 << _WASTE_BITS) - 1


class Room:
    """One pass's ledger. Keys say which node comes first: the smallest, and no two are equal."""

    def __init__(self, state: State, candidates: Candidates, demands: Demands) -> None:
        self.state = state
        self.candidates = candidates
        self.demands = demands
        self.all = slice(0, len(candidates.names))
        self.free = Amounts(candidates.free.copy())
        self.coming = self.free
        """What is free or becomes so, less what is promised."""
        self.followers: list[Amounts] = []
        """Amounts that shrink with every placement and promise, beside what is free."""
        self._keys: dict[tuple[str, ...], Ints] = {}
        self.lasting: dict[tuple[tuple[str, ...], str], Mask] = {}
        """Where the filters that nothing in a pass changes say yes, by what they look at."""
        self._census: dict[ServiceKey, dict[int, int]] = {}
        self._ports: dict[HostPort, list[int]] | None = None
        self._fit = self.fit_of(np.arange(len(candidates.names)), self.free.table)

    # --- keys -------------------------------------------------------------------------------
    def fit_of(self, rows: Ints, free: Ints) -> Ints:
        """How well *rows* are filled, the fullest lowest, if *free* (resource by row) is left."""
        if len(rows) <= _AT_ONCE:
            return self._fit_of(rows, free)
        parts = [
            self._fit_of(rows[start : start + _AT_ONCE], free[:, start : start + _AT_ONCE])
            for start in range(0, len(rows), _AT_ONCE)
        ]
        return np.concatenate(parts)

    def _fit_of(self, rows: Ints, free: Ints) -> Ints:
        units = self.candidates.units.table.take(rows, 2)
        left, empty = (np.maximum(free, 0) * units).sum(axis=1).astype(np.int64)
        fit: Ints = np.minimum(left, _LEFT_MAX) << _EMPTINESS_BITS
        fit |= np.minimum(empty, _EMPTINESS_MAX)
        return fit

    def _fit_at(self, row: int) -> int:
        """The same for one row, without the cost of arrays."""
        left, empty = 0.0, 0.0
        amounts = self.free.table[:, row].tolist()
        for amount, by_left, by_empty in zip(
            amounts, *self.candidates.units.of_row[row], strict=True
        ):
            if amount > 0:
                left += amount * by_left
                empty += amount * by_empty
        return (min(int(left), _LEFT_MAX) << _EMPTINESS_BITS) | min(int(empty), _EMPTINESS_MAX)

    def keys(self, demand: Demand) -> Ints:
        """The key of each row: devices that would lie idle, then what is left, fullness, name."""
        keys = self._keys.get(demand.kinds)
        if keys is None:
            waste = np.zeros(len(self.candidates.names), np.int64)
            for place, resource in enumerate(self.candidates.resources[2:], 2):
                if resource not in demand.kinds:
                    waste += self.candidates.capacity[place] > 0
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
        needed: Ints = np.array(self.candidates.needs(demand).each, np.int64)
        after = self.free.table.take(rows, 1) - needed[:, None] * times
        change = self.fit_of(rows, after) - self._fit[rows]
        result: Ints = self.keys(demand)[rows] + (change << _FIT_SHIFT)
        return result

    # --- giving away ------------------------------------------------------------------------
    def take(self, ask: Ask, row: int) -> None:
        """Place one task of *ask* on a row."""
        needs = self.candidates.needs(ask.demand)
        for amounts in (self.free, *self.followers):
            amounts.add(row, needs, -1)
        self._note(ask, {row: 1})
        self._refit(row)

    def take_many(self, ask: Ask, rows: Ints) -> None:
        """Place a task of *ask* on each of *rows*, which may name a row several times."""
        needs = self.candidates.needs(ask.demand)
        placed = dict.fromkeys(rows.tolist(), 1)
        unique, times = rows, np.ones_like(rows)
        if len(placed) < len(rows):
            counts = np.bincount(rows)
            unique = np.flatnonzero(counts)
            times = counts.take(unique)
            placed = dict(zip(unique.tolist(), times.tolist(), strict=True))
        for amounts in (self.free, *self.followers):
            amounts.take_many(unique, needs, times)
        self._note(ask, placed)
        fit = self.fit_of(unique, self.free.table.take(unique, 1))
        change = (fit - self._fit.take(unique)) << _FIT_SHIFT
        self._fit[unique] = fit
        for keys in self._keys.values():
            keys[unique] += change

    def promise(self, ask: Ask, row: int) -> None:
        """Hold room back on a row for a task that goes there once others have stopped."""
        needs = self.candidates.needs(ask.demand)
        for amounts in self.followers:
            amounts.add(row, needs, -1)
        self.free.lower_to(row, self.coming)
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

    # --- what a filter must know -------------------------------------------------------
    def with_room(self, amounts: Amounts, ask: Ask, at: slice) -> Mask:
        """The rows of *at* that have in *amounts* what a task of *ask* needs."""
        return amounts.hold(self.candidates.needs(ask.demand), at)

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
