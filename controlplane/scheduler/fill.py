"""A whole group of identical tasks in one pass, with the same result as one by one.

Each row offers slots: its first task of the service, its second, and so on. Placed one by one, a
slot's turn comes by (tasks in its zone, …, tasks on its node, key), all of which are known before
anything is placed: a row's key after k tasks depends on k only, and the j-th slot that a zone gives
away finds j more tasks there. So the turns are a sort, and the only question is how many slots to
sort: the ceilings below are the fewest that are surely enough.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from controlplane.scheduler.amounts import Ints, Mask
from controlplane.scheduler.ask import Ask
from controlplane.scheduler.candidates import Groups
from controlplane.scheduler.room import NEVER, Room
from controlplane.scheduler.scores import group_counts, neighbour_counts

SHORTLIST_SPARE: Final = 16
"""Rows on the short list beyond twice as many as there are tasks."""
COUNTED_ONE_BY_ONE_MAX: Final = 150
"""Slots up to which counting in a loop costs less than in arrays."""


def fill(room: Room, ask: Ask, mask: Mask, count: int) -> Ints:
    """The rows for *count* tasks in the order of their turns; fewer if the room ends. Takes none.

    *mask* is over all rows.
    """
    if not mask.any():
        return np.zeros(0, np.int64)
    levels = room.candidates.groups(ask.demand.spread)
    counts = neighbour_counts(room, ask)
    if counts is None:
        rows = _shortlist(room, ask, mask, count, levels)
        if rows is not None:
            ones: Ints = np.zeros(len(rows), np.int64)
            slots = _Slots(rows, ones, room.keys(ask.demand).take(rows))
            return _in_turn(slots, levels, None)[:count]
        counts = np.zeros(len(mask), np.int64)
    return _in_turn(_slots(room, ask, np.flatnonzero(mask), counts, count), levels, counts)[:count]


@dataclass(frozen=True, slots=True)
class _Slots:
    """Places for one task each: the row, the neighbours that it will find there, its key."""

    row: Ints
    neighbours: Ints
    key: Ints


def _shortlist(
    room: Room, ask: Ask, mask: Mask, count: int, levels: tuple[Groups, ...]
) -> Ints | None:
    """The rows with the best keys, if one slot on each of them is surely enough; else None."""
    if len(levels) > 1:
        return None
    keys = np.where(mask, room.keys(ask.demand), NEVER)
    length = min(len(keys), 2 * count + SHORTLIST_SPARE)
    if length < len(keys):
        chosen = keys.argpartition(length)[:length]
        chosen = chosen[keys.take(chosen) < NEVER]
    else:
        chosen = np.flatnonzero(mask)
    if len(chosen) < count:
        return None
    if levels:
        groups = len(levels[0].names)
        listed = np.bincount(levels[0].code.take(chosen), minlength=groups)
        if listed.min() < -(-count // groups):
            return None
    return chosen


def _capacities(room: Room, ask: Ask, rows: Ints, counts: Ints, count: int) -> Ints:
    """How many tasks each of *rows* could take, but no more than *count*."""
    demand = ask.demand
    most: Ints = np.full(len(rows), 1 if demand.ports else count, np.int64)
    for place, needed in room.candidates.needs(demand).places:
        if needed:
            np.minimum(most, room.free.table[place, rows] // needed, out=most)
    if demand.per_node_max:
        np.minimum(most, demand.per_node_max - counts[rows], out=most)
    return most


def _slots(room: Room, ask: Ask, rows: Ints, counts: Ints, count: int) -> _Slots:
    """Enough slots of *rows* that the *count* whose turn comes first are among them."""
    most = _capacities(room, ask, rows, counts, count)
    share: Ints = np.array([count], np.int64)
    within: Ints = np.zeros(len(rows), np.int64)
    for groups in room.candidates.groups(ask.demand.spread):
        within = groups.code[rows]
        room_in = np.bincount(within, weights=most, minlength=len(groups.names)).astype(np.int64)
        share = _ceilings(share, groups.parent, group_counts(groups, counts), room_in)
    each = _ceilings(share, within, counts[rows], most)
    place = np.repeat(np.arange(len(rows)), each)
    times = np.arange(len(place)) - np.repeat(np.cumsum(each) - each, each)
    row = rows[place]
    return _Slots(row, counts[row] + times, room.keys_after(ask.demand, row, times))


def _ceilings(share: Ints, parent: Ints, found: Ints, most: Ints) -> Ints:
    """How many of its parent's *share* each child gets at most, if the lowest are filled first.

    All children of a parent are filled up to one level, the lowest at which the share is used up:
    a child that has *found* tasks already and takes *most* more gets as many as lead to it.
    """
    total = np.bincount(parent, weights=most, minlength=len(share))
    target = np.minimum(share, total)
    children = np.maximum(np.bincount(parent, minlength=len(share)), 1)
    low: Ints = int(found.min(initial=0)) - -share // children
    high: Ints = np.full(len(share), int(found.max(initial=0) + share.max(initial=0)), np.int64)
    step = 0
    while (low < high).any():
        # Mostly the first guess is right; if not, the steps grow until they bisect.
        level = low + np.minimum((high - low) // 2, step)
        taken = np.clip(level[parent] - found, 0, most)
        enough = np.bincount(parent, weights=taken, minlength=len(share)) >= target
        high = np.where(enough, level, high)
        low = np.where(enough, low, np.minimum(level + 1, high))
        step = 2 * step + 1
    result: Ints = np.clip(low[parent] - found, 0, most)
    return result


def _in_turn(slots: _Slots, levels: tuple[Groups, ...], counts: Ints | None) -> Ints:
    """The rows of *slots* in the order in which one task after the other would take them."""
    order = slots.key.argsort()
    if counts is not None:
        order = order[_by(slots.neighbours[order])]
    for groups in reversed(levels):
        code = groups.code.take(slots.row.take(order))
        found = _ranks(code, len(groups.names))
        if counts is not None:
            found += group_counts(groups, counts)[code]
        order = order.take(_by(found))
    rows: Ints = slots.row.take(order)
    return rows


def _ranks(code: Ints, groups: int) -> Ints:
    """For each place, how many before it have the same code."""
    if len(code) <= COUNTED_ONE_BY_ONE_MAX:
        found, ranks = [0] * groups, []
        for each in code.tolist():
            ranks.append(found[each])
            found[each] += 1
        return np.array(ranks, np.int64)
    by_code = _by(code)
    sizes = np.bincount(code, minlength=groups)
    result: Ints = np.empty(len(code), np.int64)
    result[by_code] = np.arange(len(code)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return result


def _by(counts: Ints) -> Ints:
    """The places in the order of their counts, equal ones as they are; fast for small counts."""
    small = counts.max(initial=0) < 1 << 16
    return (counts.astype(np.uint16) if small else counts).argsort(kind="stable")
