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
            self.table[place, rows] -= times * amount

    def plus(self, held: Sequence[tuple[int, Needs]]) -> "Amounts":
        """These amounts and what each of *held*, a node and its needs, has."""
        return self._with(held, np.add)

    def highest(self, held: Sequence[tuple[int, Needs]]) -> "Amounts":
        """These amounts, or what one of *held* has where that is more."""
        return self._with(held, np.maximum)

    def _with(self, held: Sequence[tuple[int, Needs]], combine: np.ufunc) -> "Amounts":
        more = self.copy()
        if held:
            rows = np.array([row for row, _ in held], np.int64)
            amounts = np.array([needs.each for _, needs in held], np.int64).T
            for place, amount in enumerate(amounts):
                combine.at(more.table[place], rows, amount)
        return more

    def set(self, row: int, base: "Amounts", held: Sequence[Needs]) -> None:
        """Let a node have what *base* has there and the largest of each that is held."""
        most = [max(amounts) for amounts in zip(*(needs.each for needs in held), strict=True)]
        self.table[:, row] = base.table[:, row] + (most or 0)

    def lower_to(self, row: int, other: "Amounts") -> None:
        """Let a node have no more than *other* has there."""
        np.minimum(self.table[:, row], other.table[:, row], out=self.table[:, row])
