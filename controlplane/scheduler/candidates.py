"""The nodes as a struct of arrays, a row per node by name, kept in step with the state."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress, count
from operator import is_not
from typing import Final

import numpy as np
import numpy.typing as npt

from controlplane.state.tables import Node, State
from orb.constraints import LABEL_PREFIX, matches, parse
from orb.errors import InvalidInput
from orb.ids import NodeName  # noqa: TC001 - at run time too, as everywhere
from orb.resources import Resources

MASKS_REMEMBERED_MAX: Final = 4_096
"""Masks of constraints that are kept between passes; at the bound all are made again."""
ROWS_MAX: Final = 1 << 17
"""Nodes that keys can tell apart; far more than a cluster may have, so more is a bug."""

AMOUNT_MAX: Final = 1 << 60
"""The largest amount that is counted exactly; a node that claims more is taken to have this."""
LEFT_UNIT: Final = 1 << 20
"""What is left of one resource on the largest node, if nothing is taken."""
EMPTINESS_UNIT: Final = 1 << 10
"""More than the emptiness of any node."""

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_NOTHING: Final = Resources()


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows grouped by the values of an attribute, within the groups of the one before it."""

    code: Ints
    """The group of each row."""
    parent: Ints
    """The group, one level up, of each group."""
    names: tuple[str, ...]
    """What each group is called: `zone a`."""


@dataclass(frozen=True, slots=True)
class Units:
    """Units in which amounts of different resources add up: CPU, memory, then kinds of devices.

    What is left is measured against the largest node, and emptiness against the node itself.
    """

    scales: list[float]
    """For each resource, one thing's worth of what is left."""
    shares: list[Floats]
    """For each resource, one thing's worth of emptiness on each row."""
    shares_of: list[list[float]]
    """The same by row, for the question about one row."""


class Candidates:
    """All nodes. Only `refresh` changes it; a pass takes its own copies of what is free."""

    def __init__(self) -> None:
        self.names: list[NodeName] = []
        self.row_of: dict[NodeName, int] = {}
        self.nodes: list[Node] = []
        self.kinds: tuple[str, ...] = ()
        """Kinds of devices that any node has, in order."""
        self._held: list[Resources | None] = []
        self._masks: dict[tuple[str, ...], Mask] = {}
        self._groups: dict[tuple[str, ...], tuple[Groups, ...]] = {}
        self._values: dict[str, tuple[list[str], Ints]] = {}
        self._units: Units | None = None
        self._resize(0)

    def _resize(self, rows: int) -> None:
        self.open: Mask = np.zeros(rows, np.bool_)
        """New tasks may go there."""
        self.cpu: Ints = np.zeros(rows, np.int64)
        self.memory: Ints = np.zeros(rows, np.int64)
        self.free_cpu: Ints = np.zeros(rows, np.int64)
        self.free_memory: Ints = np.zeros(rows, np.int64)
        self.devices: dict[str, Ints] = {kind: np.zeros(rows, np.int64) for kind in self.kinds}
        self.free_devices: dict[str, Ints] = {kind: np.zeros(rows, np.int64) for kind in self.kinds}

    def refresh(self, state: State) -> None:
        """Bring the rows in step with *state*; only what has changed is looked at closely."""
        if state.nodes.keys() != self.row_of.keys():
            self._rebuild(state)
            return
        nodes = list(map(state.nodes.__getitem__, self.names))
        held = list(map(state.reserved.get, self.names))
        moved = list(compress(count(), map(is_not, nodes, self.nodes)))
        if any(_new_kinds(nodes[row], self.kinds) for row in moved):
            self._rebuild(state)
            return
        refilled = compress(count(), map(is_not, held, self._held))
        if any(_asks_differ(nodes[row], self.nodes[row]) for row in moved):
            self._forget()
        self.nodes, self._held = nodes, held
        for row in moved:
            self._set_node(row)
        for row in dict.fromkeys([*moved, *refilled]):
            self._set_free(row)

    def _rebuild(self, state: State) -> None:
        self.names = sorted(state.nodes)
        assert len(self.names) <= ROWS_MAX, "keys must differ"  # noqa: S101 - a named bound
        self.row_of = {name: row for row, name in enumerate(self.names)}
        self.nodes = [state.nodes[name] for name in self.names]
        self._held = list(map(state.reserved.get, self.names))
        self.kinds = tuple(
            sorted({kind: None for node in self.nodes for kind in node.facts.capacity.devices})
        )
        self._forget()
        self._resize(len(self.names))
        for row in range(len(self.names)):
            self._set_node(row)
            self._set_free(row)

    def _forget(self) -> None:
        self._masks.clear()
        self._groups.clear()
        self._values.clear()

    @property
    def units(self) -> Units:
        """How amounts add up, worked out again when a capacity has changed."""
        if self._units is None:
            capacities = [self.cpu, self.memory, *self.devices.values()]
            largest = [int(capacity.max(initial=0)) for capacity in capacities]
            sorts = np.sum([capacity > 0 for capacity in capacities], axis=0)
            whole = (EMPTINESS_UNIT - 1) / np.maximum(sorts, 1)
            shares: list[Floats] = [whole / np.maximum(capacity, 1) for capacity in capacities]
            scales = [LEFT_UNIT / most if most else 0.0 for most in largest]
            self._units = Units(scales, shares, np.array(shares).T.tolist())
        return self._units

    def _set_node(self, row: int) -> None:
        self._units = None
        node, capacity = self.nodes[row], self.nodes[row].facts.capacity
        self.open[row] = node.schedulable
        self.cpu[row] = min(capacity.milli_cpus, AMOUNT_MAX)
        self.memory[row] = min(capacity.memory_bytes, AMOUNT_MAX)
        for kind in self.kinds:
            self.devices[kind][row] = min(capacity.devices.get(kind, 0), AMOUNT_MAX)

    def _set_free(self, row: int) -> None:
        capacity, held = self.nodes[row].facts.capacity, self._held[row] or _NOTHING
        self.free_cpu[row] = _countable(capacity.milli_cpus - held.milli_cpus)
        self.free_memory[row] = _countable(capacity.memory_bytes - held.memory_bytes)
        for kind in self.kinds:
            left = capacity.devices.get(kind, 0) - held.devices.get(kind, 0)
            self.free_devices[kind][row] = _countable(left)

    def satisfying(self, constraints: tuple[str, ...]) -> Mask:
        """The rows that satisfy all *constraints*; one that cannot be read suits no node."""
        mask = self._masks.get(constraints)
        if mask is None:
            if len(self._masks) >= MASKS_REMEMBERED_MAX:
                self._masks.clear()
            mask = np.ones(len(self.names), np.bool_)
            for text in constraints:
                mask &= (
                    self._satisfying_one(text)
                    if len(constraints) == 1
                    else self.satisfying((text,))
                )
            self._masks[constraints] = mask
        return mask

    def _satisfying_one(self, text: str) -> Mask:
        try:
            constraint = parse(text)
        except InvalidInput:
            return np.zeros(len(self.names), np.bool_)
        values, code = self.values(constraint.attribute)
        verdicts = [matches(constraint, {constraint.attribute: value}) for value in values]
        return np.array(verdicts, np.bool_)[code]

    def values(self, attribute: str) -> tuple[list[str], Ints]:
        """The values that nodes have for *attribute*, and which of them each row has."""
        known = self._values.get(attribute)
        if known is None:
            column = [value_of(node, attribute) for node in self.nodes]
            values = sorted(dict.fromkeys(column))
            places = {value: place for place, value in enumerate(values)}
            code = np.fromiter((places[value] for value in column), np.int64, len(column))
            known = self._values[attribute] = (values, code)
        return known

    def groups(self, attributes: tuple[str, ...]) -> tuple[Groups, ...]:
        """The rows by the first attribute, then by the second within it, and so on.

        An attribute in which all rows are equal groups nothing and is left out.
        """
        known = self._groups.get(attributes)
        if known is None:
            known = self._groups[attributes] = tuple(self._nested(attributes))
        return known

    def _nested(self, attributes: Iterable[str]) -> Iterable[Groups]:
        above: Ints = np.zeros(len(self.names), np.int64)
        for attribute in attributes:
            values, code = self.values(attribute)
            if len(values) < 2:
                continue
            pairs, inside = np.unique(above * len(values) + code, return_inverse=True)
            label = attribute.rpartition(".")[2]
            own = (values[pair] for pair in (pairs % len(values)).tolist())
            names = tuple(f"{label} {value or '(none)'}" for value in own)
            yield Groups(inside.astype(np.int64), pairs // len(values), names)
            above = inside.astype(np.int64)


def value_of(node: Node, attribute: str) -> str:
    """What *node* has for an attribute of constraints; empty for what it does not have."""
    match attribute:
        case "node.hostname" | "node.name":
            return node.name
        case "node.zone":
            return node.zone
        case "node.platform.os":
            return node.facts.os
        case "node.platform.arch":
            return node.facts.arch
        case _:
            return node.all_labels.get(attribute.removeprefix(LABEL_PREFIX), "")


def _countable(amount: int) -> int:
    return max(-AMOUNT_MAX, min(amount, AMOUNT_MAX))


def _asks_differ(new: Node, old: Node) -> bool:
    """Whether any constraint or spread could see the difference."""
    return (
        new.labels != old.labels
        or new.facts.labels != old.facts.labels
        or (new.facts.os, new.facts.arch) != (old.facts.os, old.facts.arch)
    )


def _new_kinds(node: Node, kinds: tuple[str, ...]) -> bool:
    return any(kind not in kinds for kind in node.facts.capacity.devices)
