"""Why a task is where it is, or why it waits and the smallest change that would place it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from controlplane.scheduler.amounts import Ints, Mask
from controlplane.scheduler.ask import Ask
from controlplane.scheduler.filters import FILTERS, Filter, Reason, demanded
from controlplane.scheduler.room import Room
from controlplane.scheduler.words import listed, many

GROUPS_NAMED_MAX: Final = 5
"""Zones named in one reason; of more, only how many there are."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no node takes a task."""

    nodes: int
    """How many there are, or 1 for a task with a home."""
    reasons: tuple[Reason, ...]
    """Objections and how many nodes raise each; every node is counted once."""
    change: str
    """The smallest change that would place it."""
    home: str = ""

    def __str__(self) -> str:
        return f"{self._objections()}. To place it: {self.change}."

    def _objections(self) -> str:
        if self.home:
            what = self.reasons[0][0] if self.reasons else "not in the cluster"
            return f"{self.home}, its only possible node: {what}"
        if not self.reasons:
            return "the cluster has no node"
        (first, count), *rest = self.reasons
        whole = f"{count} of {many(self.nodes, 'node')}: {first}"
        return "; ".join([whole, *(f"{count}: {text}" for text, count in rest)])


def reachable(room: Room, ask: Ask) -> slice:
    """The rows that may be asked at all: one for a task with a home, else all of them."""
    if ask.home is None:
        return room.all
    row = room.candidates.row_of.get(ask.home)
    return slice(0, 0) if row is None else slice(row, row + 1)


def refusal(room: Room, ask: Ask) -> Refusal:
    """Why no node takes one more task of *ask* in *room*."""
    at = reachable(room, ask)
    size = at.stop - at.start
    open_still: Mask = np.ones(size, np.bool_)
    broken: Ints = np.zeros(size, np.int64)
    objecting: list[tuple[Filter, Mask]] = []
    reasons: list[Reason] = []
    for rule in FILTERS:
        admitted = rule.admits(room, ask, at)
        if admitted is None or admitted.all():
            continue
        objecting.append((rule, ~admitted))
        broken += ~admitted
        rows = np.flatnonzero(open_still & ~admitted) + at.start
        reasons += rule.reasons(room, ask, rows.tolist()) if len(rows) else []
        open_still = open_still & admitted
    change = _smallest_change(room, ask, at, objecting, broken)
    ordered = tuple(sorted(reasons, key=lambda reason: -reason[1]))
    return Refusal(size, ordered, change, ask.home or "")


def _smallest_change(
    room: Room, ask: Ask, at: slice, objecting: list[tuple[Filter, Mask]], broken: Ints
) -> str:
    """What would satisfy every rule that objects to the node that breaks the fewest of them.

    Of equals the one that is short of the least, then the one that would be chosen.
    """
    if not len(broken):
        return f"bring {ask.home} back" if ask.home else "add a node"
    nearest = np.lexsort((room.keys(ask.demand)[at], _missing(room, ask, at), broken))
    place = int(nearest[0])
    rules = [rule for rule, objects in objecting if objects[place]]
    row = at.start + place
    return listed([rule.remedy(room, ask, row) for rule in rules]) or "nothing: it has room now"


def _missing(room: Room, ask: Ask, at: slice) -> Ints:
    """How much each row is short of, in a unit that adds up."""
    total = np.zeros(at.stop - at.start)
    for _, needed, has in demanded(room, ask):
        total += np.maximum(needed - has[at], 0) / max(needed, 1)
    result: Ints = (total * 1_000_000).astype(np.int64)
    return result


def why_there(room: Room, ask: Ask, rows: Sequence[int]) -> str:
    """The scheduler's words for tasks of *ask* that it has just placed on *rows*."""
    if ask.home is not None:
        return "its volumes lie here" if ask.demand.volumes else "one on every suitable node"
    if len(rows) == 1:
        return f"{_neighbourhood(room, ask, rows[0])}{_fullness(room, rows[0])}"
    return f"{_spread(room, ask, rows)}the fullest nodes with the fewest first"


def _neighbourhood(room: Room, ask: Ask, row: int) -> str:
    """How many of the service the group of the row has, the new one among them."""
    groups = room.candidates.groups(ask.demand.spread)
    if not groups:
        return ""
    code, neighbours = groups[0].code, room.neighbours(ask)
    name = groups[0].names[code.item(row)]
    if len(neighbours) == 1:
        return f"{name} now has {neighbours[row]} of {neighbours[row]}; "
    inside = sum(count for other, count in neighbours.items() if code[other] == code[row])
    return f"{name} now has {inside} of {sum(neighbours.values())}; "


def _fullness(room: Room, row: int) -> str:
    capacity, free = room.candidates.capacity[:2, row].tolist(), room.free.table[:2, row].tolist()
    cpu, memory = (
        100 - 100 * left // most if most else 0 for most, left in zip(capacity, free, strict=True)
    )
    return (
        f"the fullest of the nodes with the fewest that have room"
        f" (now CPU {cpu} %, memory {memory} % reserved)"
    )


def _spread(room: Room, ask: Ask, rows: Sequence[int]) -> str:
    groups = room.candidates.groups(ask.demand.spread)
    counts = np.bincount(rows)
    nodes = f"{many(int((counts > 0).sum()), 'node')}, at most {counts.max()} on one; "
    if not groups:
        return f"{many(len(rows), 'task')} on {nodes}"
    sizes = np.bincount(groups[0].code[list(rows)], minlength=len(groups[0].names)).tolist()
    parts = [f"{size} in {groups[0].names[group]}" for group, size in enumerate(sizes) if size]
    more = f" and {len(parts) - GROUPS_NAMED_MAX} more" if len(parts) > GROUPS_NAMED_MAX else ""
    return f"{', '.join(parts[:GROUPS_NAMED_MAX])}{more}, on {nodes}"
