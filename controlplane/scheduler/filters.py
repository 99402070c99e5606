"""The rules that a node must keep to take a task. Each says yes by a mask, and no in words.

The mask serves the fast path, the words serve people, and both stand beside each other so that
they cannot drift apart. The order is that of the explanation: a node that breaks several rules is
counted under the first. The only node of a task with a home is no rule: nothing else is asked.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from controlplane.scheduler.amounts import Ints, Mask
from controlplane.scheduler.ask import Ask
from controlplane.scheduler.candidates import value_of
from controlplane.scheduler.room import Room
from controlplane.scheduler.words import amount, listed
from controlplane.state.tables import Node
from orb.constraints import Operator, canonical_arch, matches, parse
from orb.errors import InvalidInput
from orb.lifecycle import Availability, NodeStatus

Reason = tuple[str, int]
"""An objection and how many nodes raise it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One rule. *admits* may answer None: nothing to object to anywhere."""

    admits: Callable[[Room, Ask, slice], Mask | None]
    reasons: Callable[[Room, Ask, Sequence[int]], list[Reason]]
    """Why it objects to these rows, all of which it does object to."""
    remedy: Callable[[Room, Ask, int], str]
    """What would make it admit this row."""


# --- state --------------------------------------------------------------------------------------
def _is_open(room: Room, _: Ask, at: slice) -> Mask | None:
    return room.candidates.open[at]


def _closed_because(node: Node) -> str:
    match node.status, node.availability:
        case NodeStatus.DOWN, _:
            return "down"
        case NodeStatus.SUSPECT, _:
            return "suspect (its heartbeats are missing)"
        case _, Availability.DRAINING:
            return "draining"
        case _, Availability.CORDONED:
            return "cordoned"
        case _:
            return f"its {_runtime_of(node)} does not answer"


def _runtime_of(node: Node) -> str:
    return "Docker Engine" if node.facts.runtime == "docker" else "runtime"


def _why_closed(room: Room, _: Ask, rows: Sequence[int]) -> list[Reason]:
    return Counter(_closed_because(room.candidates.nodes[row]) for row in rows).most_common()


def _open_it(room: Room, _: Ask, row: int) -> str:
    node = room.candidates.nodes[row]
    if node.status is not NodeStatus.READY:
        return f"bring {node.name} back"
    if node.availability is not Availability.ACTIVE:
        return f"uncordon {node.name}"
    return f"make the {_runtime_of(node)} of {node.name} answer"


# --- platform -----------------------------------------------------------------------------------
def _platform_of(node: Node) -> str:
    return f"{node.facts.os}/{node.facts.arch}"


def _same_platform(room: Room, ask: Ask, at: slice) -> Mask | None:
    if not ask.demand.platform:
        return None
    system, _, arch = ask.demand.platform.partition("/")
    systems, system_code = room.candidates.values("node.platform.os")
    arches, arch_code = room.candidates.values("node.platform.arch")
    wanted = canonical_arch(arch.partition("/")[0])
    mask: Mask = np.array([name == system for name in systems], np.bool_)[system_code[at]]
    if wanted:
        suits = [canonical_arch(name) == wanted for name in arches]
        mask &= np.array(suits, np.bool_)[arch_code[at]]
    return mask


def _why_platform(room: Room, ask: Ask, rows: Sequence[int]) -> list[Reason]:
    found = Counter(_platform_of(room.candidates.nodes[row]) for row in rows)
    wanted = ask.demand.platform
    return [(f"platform {has}, not {wanted}", count) for has, count in found.most_common()]


def _change_platform(_: Room, ask: Ask, __: int) -> str:
    return f"add a node with the platform {ask.demand.platform}"


# --- constraints --------------------------------------------------------------------------------
def _satisfies(room: Room, ask: Ask, at: slice) -> Mask | None:
    if not ask.demand.constraints:
        return None
    return room.candidates.satisfying(ask.demand.constraints)[at]


def _first_broken(room: Room, ask: Ask, row: int) -> str:
    for text in ask.demand.constraints:
        if not room.candidates.satisfying((text,))[row]:
            return text
    return ""


def _why_constraint(room: Room, ask: Ask, rows: Sequence[int]) -> list[Reason]:
    found = Counter(_first_broken(room, ask, row) for row in rows)
    return [(f"constraint {text!r} not met", count) for text, count in found.most_common()]


def _meet_constraint(room: Room, ask: Ask, row: int) -> str:
    text, node = _first_broken(room, ask, row), room.candidates.nodes[row]
    try:
        constraint = parse(text)
    except InvalidInput:
        return f"correct the constraint {text!r}, which cannot be read"
    label = constraint.attribute.removeprefix("node.labels.")
    value = constraint.values[0]
    settable = label != constraint.attribute and constraint.op in {Operator.EQUAL, Operator.IN}
    if settable and matches(constraint, {constraint.attribute: value}):
        return f"give {node.name} the label {label}={value}"
    has = value_of(node, constraint.attribute)
    return f"drop the constraint {text!r} ({node.name} has {has!r})"


# --- avoided ------------------------------------------------------------------------------------
def _is_not_avoided(room: Room, ask: Ask, at: slice) -> Mask | None:
    if not ask.avoid:
        return None
    mask: Mask = np.ones(len(room.candidates.names), np.bool_)
    for name in ask.avoid:
        if name in room.candidates.row_of:
            mask[room.candidates.row_of[name]] = False
    return mask[at]


def _why_avoided(_: Room, __: Ask, rows: Sequence[int]) -> list[Reason]:
    return [("avoided, because the replica failed there or was not taken", len(rows))]


def _stop_avoiding(_: Room, __: Ask, ___: int) -> str:
    return "make room on another node"


# --- replicas per node --------------------------------------------------------------------------
def _has_few(room: Room, ask: Ask, at: slice) -> Mask | None:
    most = ask.demand.per_node_max
    if not most:
        return None
    full = [row for row, count in room.neighbours(ask).items() if count >= most]
    if not full:
        return None
    mask: Mask = np.ones(len(room.candidates.names), np.bool_)
    mask[full] = False
    return mask[at]


def _why_many(_: Room, ask: Ask, rows: Sequence[int]) -> list[Reason]:
    most, name = ask.demand.per_node_max, ask.service.service
    return [(f"already {most} of {name}, the most allowed on a node", len(rows))]


def _allow_more(_: Room, ask: Ask, __: int) -> str:
    return f"add a node, or raise max_replicas_per_node to {ask.demand.per_node_max + 1}"


# --- host ports ---------------------------------------------------------------------------------
def _ports_are_free(room: Room, ask: Ask, at: slice) -> Mask | None:
    if not ask.demand.ports:
        return None
    taken = [row for port in ask.demand.ports for row in room.taken(port)]
    if not taken:
        return None
    mask: Mask = np.ones(len(room.candidates.names), np.bool_)
    mask[taken] = False
    return mask[at]


def _taken_port(room: Room, ask: Ask, row: int) -> int:
    return next(port.number for port in ask.demand.ports if row in room.taken(port))


def _why_port(room: Room, ask: Ask, rows: Sequence[int]) -> list[Reason]:
    found = Counter(_taken_port(room, ask, row) for row in rows)
    return [(f"host port {number} in use", count) for number, count in found.most_common()]


def _free_port(room: Room, ask: Ask, row: int) -> str:
    number, name = _taken_port(room, ask, row), room.candidates.names[row]
    return f"add a node, or stop what uses port {number} on {name}"


# --- resources ----------------------------------------------------------------------------------
def _has_room(room: Room, ask: Ask, at: slice) -> Mask | None:
    return room.with_room(room.free, ask, at)


def demanded(room: Room, ask: Ask) -> list[tuple[str, int, Ints]]:
    """What is asked for, how much of it, and how much each row has free."""
    resources, table = room.candidates.resources, room.free.table
    none: Ints = np.zeros(len(room.candidates.names), np.int64)
    free = dict(zip(resources, table, strict=True))
    return [(what, needed, free.get(what, none)) for what, needed in ask.demand.needs]


def _why_short(room: Room, ask: Ask, rows: Sequence[int]) -> list[Reason]:
    """By what is short; a node that is short of several things is counted under all of them."""
    at = np.array(rows, np.int64)
    missing = [(what, needed - has[at]) for what, needed, has in demanded(room, ask)]
    code = np.sum([(amounts > 0) << place for place, (_, amounts) in enumerate(missing)], axis=0)
    reasons = []
    for kind, count in zip(*np.unique(code, return_counts=True), strict=True):
        parts = [
            amount(what, int(amounts[code == kind].min()), int(amounts[code == kind].max()))
            for place, (what, amounts) in enumerate(missing)
            if kind >> place & 1
        ]
        reasons.append((f"{listed(parts)} short", int(count)))
    return sorted(reasons, key=lambda reason: -reason[1])


def _add_resources(room: Room, ask: Ask, row: int) -> str:
    short = [
        amount(what, needed - has.item(row), needed - has.item(row))
        for what, needed, has in demanded(room, ask)
        if needed > has.item(row)
    ]
    less = short[0] if len(short) == 1 else "that much"
    return f"add {listed(short)} to {room.candidates.names[row]}, or reserve {less} less"


STATE: Final = Filter(_is_open, _why_closed, _open_it)
PLATFORM: Final = Filter(_same_platform, _why_platform, _change_platform)
CONSTRAINTS: Final = Filter(_satisfies, _why_constraint, _meet_constraint)
AVOIDED: Final = Filter(_is_not_avoided, _why_avoided, _stop_avoiding)
PER_NODE: Final = Filter(_has_few, _why_many, _allow_more)
PORTS: Final = Filter(_ports_are_free, _why_port, _free_port)
RESOURCES: Final = Filter(_has_room, _why_short, _add_resources)

LASTING: Final = (STATE, PLATFORM, CONSTRAINTS)
"""Nothing that a pass does changes their answer for a demand."""
PASSING: Final = (AVOIDED, PER_NODE, PORTS)
"""Their answer changes with every placement, but no preemption makes room for it."""
FILTERS: Final = (*LASTING, *PASSING, RESOURCES)


def suitable(room: Room, ask: Ask, at: slice) -> Mask:
    """The rows to which no rule but that of resources objects. Not to be written to."""
    lasting = room.lasting.get(ask.demand.where)
    if lasting is None:
        lasting = room.lasting[ask.demand.where] = _all_admit(room, ask)
    mask = lasting[at]
    for rule in PASSING:
        admitted = rule.admits(room, ask, at)
        if admitted is not None:
            mask = mask & admitted
    return mask


def _all_admit(room: Room, ask: Ask) -> Mask:
    mask: Mask = np.ones(len(room.candidates.names), np.bool_)
    for rule in LASTING:
        admitted = rule.admits(room, ask, room.all)
        if admitted is not None:
            mask &= admitted
    return mask


def admitted(room: Room, ask: Ask, at: slice) -> Mask:
    """The rows that may take a task of *ask* now."""
    return room.with_room(room.free, ask, at) & suitable(room, ask, at)
