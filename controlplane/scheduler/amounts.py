"""Amounts of several resources for all nodes: a row per resource, a column per node."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class Needs(NamedTuple):
    """What a demand takes of each resource, by the places that resources have in a table."""

    places: tuple[tuple[int, int], ...]
    """The place of each resource that is asked for, and how much."""
    each: tuple[int, ...]
    """How much of every resource, 0 where nothing is asked."""
    is_met: bool
    """False if no node has something that is asked for."""


class Holdings:
    """Who holds what where: many rows, and few different needs, which are named by number."""

    __slots__ = ("_known", "_rows", "_which")

    def __init__(self, known: Sequence[Needs]) -> None:
        """*known* are the needs by number; the caller may add to them."""
        self._known = known
        self._rows: list[int] = []
        self._which: list[int] = []

    def add(self, row: int, which: int) -> None:
        """Somebody on *row* holds the needs with this number."""
        self._rows.append(row)
        self._which.append(which)

    def columns(self) -> tuple[Ints, Ints]:
        """The rows, and beside them how much of each resource is held there."""
        rows, which = np.array(self._rows, np.int64), np.array(self._which, np.int64)
        each: Ints = np.array([needs.each for needs in self._known], np.int64)
        return rows, each[which].T if len(rows) else np.zeros((0, 0), np.int64)


class Amounts:
    """How much of each resource each node has, in one table that is changed in place."""

    __slots__ = ("table",)

    def __init__(self, table: Ints) -> None:
        self.table = table

    def copy(self) -> "Amounts":
        """The same amounts, to be changed apart from these."""
        return Amounts(self.table.copy())

    def hold(self, needs: Needs, at: slice) -> Mask:
        """The nodes of *at* that have what is needed."""
        table = self.table
        (place, amount), *others = needs.places
        mask: Mask = table[place, at] >= amount
        for place, amount in others:
            mask &= table[place, at] >= amount
        if not needs.is_met:
            mask[:] = False
        return mask

    def add(self, row: int, needs: Needs, times: int) -> None:
        """Give a node what is needed, *times* over (below 0: take it)."""
        for place, amount in needs.places:
            self.table[place, row] += times * amount

    def take_many(self, rows: Ints, needs: Needs, times: Ints) -> None:
        """Take what is needed from different nodes, from each of them *times* over."""
        for place, amount in needs.places:
            has = self.table[place]
            has[rows] -= times * amount

    def plus(self, held: Holdings) -> "Amounts":
        """These amounts and all that is held."""
        return self._with(held, np.add)

    def highest(self, held: Holdings) -> "Amounts":
        """These amounts, or what somebody holds where that is more."""
        return self._with(held, np.maximum)

    def _with(self, held: Holdings, combine: np.ufunc) -> "Amounts":
        more = self.copy()
        rows, amounts = held.columns()
        for place, amount in enumerate(amounts):
            combine.at(more.table[place], rows, amount)
        return more

    def set(self, row: int, base: Sequence[int], held: Sequence[Needs]) -> None:
        """Let a node have *base* and the largest of each resource that is held."""
        columns = zip(base, *[needs.each for needs in held], strict=True)
        self.table[:, row] = [has + max(most, default=0) for has, *most in columns]

    def lower_to(self, row: int, other: "Amounts") -> None:
        """Let a node have no more than *other* has there."""
        np.minimum(self.table[:, row], other.table[:, row], out=self.table[:, row])
