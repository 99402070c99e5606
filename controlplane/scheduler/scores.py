"""Which of the suitable nodes comes first: spread over groups, then nodes, then the fullest.

Spreading looks at the tasks of the same service: the group (zone) with the fewest of them first,
then the node with the fewest. Packing looks at the node: the one whose idle devices would be
wasted last, then the one with the least left, then the one filled most, then by name. The second
half is one number a row, the row's key, which the room keeps up to date.
"""

import numpy as np

from controlplane.scheduler.amounts import Ints, Mask
from controlplane.scheduler.ask import Ask
from controlplane.scheduler.candidates import Groups
from controlplane.scheduler.room import NEVER, Room


def neighbour_counts(room: Room, ask: Ask) -> Ints | None:
    """How many tasks of the service's other replicas each row has; None if there are none."""
    neighbours = room.neighbours(ask)
    if not neighbours:
        return None
    counts: Ints = np.zeros(len(room.candidates.names), np.int64)
    counts[list(neighbours)] = list(neighbours.values())
    return counts


def group_counts(groups: Groups, counts: Ints) -> Ints:
    """How many tasks each group has, from the *counts* of all its rows."""
    return np.bincount(groups.code, weights=counts, minlength=len(groups.names)).astype(np.int64)


def best(room: Room, ask: Ask, mask: Mask, at: slice) -> int | None:
    """The first row of those that *mask* (over *at*) allows; None if it allows none."""
    counts = neighbour_counts(room, ask)
    if counts is not None:
        for groups in room.candidates.groups(ask.demand.spread):
            mask = _fewest(group_counts(groups, counts)[groups.code[at]], mask)
        mask = _fewest(counts[at], mask)
    keys = np.where(mask, room.keys(ask.demand)[at], NEVER)
    place = int(keys.argmin()) if len(keys) else 0
    return at.start + place if len(keys) and keys.item(place) < NEVER else None


def _fewest(counts: Ints, mask: Mask) -> Mask:
    """Of the rows in *mask*, those with the smallest count."""
    least = np.where(mask, counts, NEVER).min(initial=NEVER)
    fewest: Mask = mask & (counts == least)
    return fewest
