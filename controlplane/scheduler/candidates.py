"""The nodes as a struct of arrays, a row per node by name, kept in step with the state."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress, count
from operator import is_not
from typing import Final

import numpy as np

from controlplane.scheduler.amounts import Floats, Ints, Mask, Needs
from controlplane.scheduler.ask import CPU, DEMANDS_REMEMBERED_MAX, MEMORY, Demand
from controlplane.state.tables import Node, State
from orb.constraints import LABEL_PREFIX, matches, parse
from orb.errors import InvalidInput
from orb.ids import NodeName  # noqa: TC001 - at run time too, as everywhere
from orb.resources import Resources

MASKS_REMEMBERED_MAX: Final = 4_096
"""Masks of constraints that are kept between passes; at the bound all are made again."""
ATTRIBUTES_REMEMBERED_MAX: Final = 256
"""Attributes whose values are kept between passes; at the bound all are read again."""
ROWS_MAX: Final = 1 << 17
"""Nodes that keys can tell apart; far more than a cluster may have, so more is a bug."""

AMOUNT_MAX: Final = 1 << 60
"""The largest amount that is counted exactly; a node that claims more is taken to have this."""
LEFT_UNIT: Final = 1 << 20
"""What is left of one resource on the largest node, if nothing is taken."""
EMPTINESS_UNIT: Final = 1 << 10
"""More than the emptiness of any node."""

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
    """Units in which amounts of different resources add up.

    What is left is measured against the largest node, and emptiness against the node itself.
    """

    table: Floats
    """By what is measured (what is left; emptiness), resource and row."""
    of_row: list[tuple[list[float], list[float]]]
    """The same in lists, for the question about one row."""


class Candidates:
    """All nodes. Only `refresh` changes it; a pass takes its own copies of what is free."""

    def __init__(self) -> None:
        self.names: list[NodeName] = []
        self.row_of: dict[NodeName, int] = {}
        self.nodes: list[Node] = []
        self.resources: tuple[str, ...] = (CPU, MEMORY)
        """What the rows of the tables are: after these two, the kinds of devices by name."""
        self._held: list[Resources | None] = []
        self._masks: dict[tuple[str, ...], Mask] = {}
        self._groups: dict[tuple[str, ...], tuple[Groups, ...]] = {}
        self._values: dict[str, tuple[list[str], Ints]] = {}
        self._units: Units | None = None
        self._needs: dict[Demand, Needs] = {}
        self._resize(0)

    def _resize(self, rows: int) -> None:
        self.open: Mask = np.zeros(rows, np.bool_)
        """New tasks may go there."""
        self.capacity: Ints = np.zeros((len(self.resources), rows), np.int64)
        self.free: Ints = np.zeros((len(self.resources), rows), np.int64)

    def refresh(self, state: State) -> None:
        """Bring the rows in step with *state*; only what has changed is looked at closely."""
        if state.nodes.keys() != self.row_of.keys():
            self._rebuild(state)
            return
        nodes = list(map(state.nodes.__getitem__, self.names))
        held = list(map(state.reserved.get, self.names))
        moved = list(compress(count(), map(is_not, nodes, self.nodes)))
        if any(_new_kinds(nodes[row], self.resources) for row in moved):
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
        kinds = {kind: None for node in self.nodes for kind in node.facts.capacity.devices}
        self.resources = (CPU, MEMORY, *sorted(kinds))
        self._needs.clear()
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
            largest = self.capacity.max(axis=1, initial=0)
            scales = np.where(largest > 0, LEFT_UNIT / np.maximum(largest, 1), 0.0)
            sorts = np.maximum((self.capacity > 0).sum(axis=0), 1)
            shares = (EMPTINESS_UNIT - 1) / sorts / np.maximum(self.capacity, 1)
            table: Floats = np.stack([np.broadcast_to(scales[:, None], shares.shape), shares])
            of_row = [(left, empty) for left, empty in table.transpose(2, 0, 1).tolist()]
            self._units = Units(table, of_row)
        return self._units

    def needs(self, demand: Demand) -> Needs:
        """What the demand takes of each resource."""
        needs = self._needs.get(demand)
        if needs is None:
            if len(self._needs) >= DEMANDS_REMEMBERED_MAX:
                self._needs.clear()
            needs = self._needs[demand] = self._placed(demand)
        return needs

    def _placed(self, demand: Demand) -> Needs:
        if not demand.kinds:
            (_, cpu), (_, memory) = demand.needs
            none = (0,) * (len(self.resources) - 2)
            return Needs(((0, cpu), (1, memory)), (cpu, memory, *none), is_met=True)
        asked = dict(demand.needs)
        each = tuple(asked.get(resource, 0) for resource in self.resources)
        places = tuple(
            (place, amount)
            for place, (resource, amount) in enumerate(zip(self.resources, each, strict=True))
            if resource in asked
        )
        return Needs(places, each, is_met=len(places) == len(asked))

    def _set_node(self, row: int) -> None:
        self._units = None
        node, capacity = self.nodes[row], self.nodes[row].facts.capacity
        self.open[row] = node.schedulable
        amounts = _amounts(capacity, self.resources)
        self.capacity[:, row] = [min(amount, AMOUNT_MAX) for amount in amounts]

    def _set_free(self, row: int) -> None:
        capacity = _amounts(self.nodes[row].facts.capacity, self.resources)
        held = _amounts(self._held[row] or _NOTHING, self.resources)
        left = (has - taken for has, taken in zip(capacity, held, strict=True))
        self.free[:, row] = [max(-AMOUNT_MAX, min(amount, AMOUNT_MAX)) for amount in left]

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
            if len(self._values) >= ATTRIBUTES_REMEMBERED_MAX:
                self._values.clear()
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
            if len(self._groups) >= ATTRIBUTES_REMEMBERED_MAX:
                self._groups.clear()
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


def _amounts(resources: Resources, names: tuple[str, ...]) -> list[int]:
    devices = (resources.devices.get(name, 0) for name in names[2:])
    return [resources.milli_cpus, resources.memory_bytes, *devices]


def _asks_differ(new: Node, old: Node) -> bool:
    """Whether any constraint or spread could see the difference."""
    return (
        new.labels != old.labels
        or new.facts.labels != old.facts.labels
        or (new.facts.os, new.facts.arch) != (old.facts.os, old.facts.arch)
    )


def _new_kinds(node: Node, known: tuple[str, ...]) -> bool:
    return any(kind not in known[2:] for kind in node.facts.capacity.devices)
