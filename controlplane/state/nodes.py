"""Nodes: they join, are judged, allowed and labelled, and are forgotten."""

from dataclasses import replace
from typing import Final

from controlplane.state import events, indexes, tasks
from controlplane.state.commands import (
    Answer,
    Applied,
    Refused,
    RegisterNode,
    RemoveNode,
    SetAvailability,
    SetBrake,
    SetLabels,
    SetNodeStatus,
)
from controlplane.state.events import About
from controlplane.state.stamp import Stamp
from controlplane.state.tables import Node, State
from orb.ids import NodeName
from orb.lifecycle import NodeStatus
from orb.resources import Resources

NODES_MAX: Final = 20_000
"""Nodes in a cluster; one more cannot join."""
LABELS_PER_NODE_MAX: Final = 200
"""Labels that people may give a node; more are refused."""


def register(state: State, stamp: Stamp, command: RegisterNode) -> Answer:
    """A node joins, comes back, or has changed. It becomes READY; people's choices stay."""
    facts = command.facts
    if not facts.name:
        return Refused("a node must have a name")
    if not is_amount(facts.capacity):
        return Refused(f"{facts.name} claims a negative capacity")
    old = state.nodes.get(facts.name)
    if old is None:
        return _join(state, stamp, command)
    back = old.status is not NodeStatus.READY
    node = replace(
        old,
        facts=facts,
        status=NodeStatus.READY,
        status_since=stamp.now if back else old.status_since,
        squeezed=not state.reserved[old.name].fits(facts.capacity),
    )
    if node == old:
        return Applied(changed=False)
    indexes.put_node(state, node)
    if back:
        _say(state, stamp, "node.ready", node.name, "is back")
    _tell_trouble(state, stamp, old, node)
    if node.squeezed and not old.squeezed:
        _say(state, stamp, "node.squeezed", node.name, "has shrunk below what its tasks hold")
    return Applied(number=1)


def _tell_trouble(state: State, stamp: Stamp, old: Node, new: Node) -> None:
    if new.facts.trouble and not old.facts.trouble:
        _say(state, stamp, "node.trouble", new.name, f"takes no new tasks: {new.facts.trouble}")
    elif old.facts.trouble and not new.facts.trouble:
        _say(state, stamp, "node.well", new.name, "takes new tasks again: its runtime answers")


def _join(state: State, stamp: Stamp, command: RegisterNode) -> Answer:
    if len(state.nodes) >= NODES_MAX:
        return Refused(f"the cluster has {NODES_MAX} nodes, and no room for more")
    facts = command.facts
    node = Node(
        name=facts.name,
        facts=facts,
        status=NodeStatus.READY,
        status_since=stamp.now,
        joined_at=stamp.now,
    )
    indexes.put_node(state, node)
    _say(state, stamp, "node.joined", node.name, f"has joined from {facts.address}")
    return Applied(number=1)


def set_status(state: State, stamp: Stamp, command: SetNodeStatus) -> Answer:
    """Change the verdict, if it is still the old one."""
    node = state.nodes.get(command.node)
    if node is None:
        return _unknown(command.node)
    if node.status is not command.old:
        return Refused(f"{node.name} is {node.status.name}, not {command.old.name}")
    if node.status is command.new:
        return Applied(changed=False)
    indexes.put_node(state, replace(node, status=command.new, status_since=stamp.now))
    word = command.new.name.lower()
    why = f": {command.reason}" if command.reason else ""
    _say(state, stamp, f"node.{word}", node.name, f"is {word}{why}")
    return Applied(number=1)


def set_availability(state: State, stamp: Stamp, command: SetAvailability) -> Answer:
    """Cordon, drain, or allow again."""
    node = state.nodes.get(command.node)
    if node is None:
        return _unknown(command.node)
    if node.availability is command.availability:
        return Applied(changed=False)
    indexes.put_node(state, replace(node, availability=command.availability))
    word = command.availability.name.lower()
    _say(state, stamp, f"node.{word}", node.name, f"is {word} by wish of {stamp.author}")
    return Applied(number=1)


def set_labels(state: State, stamp: Stamp, command: SetLabels) -> Answer:
    """Give and take labels; what is taken goes first."""
    node = state.nodes.get(command.node)
    if node is None:
        return _unknown(command.node)
    kept = {key: text for key, text in node.labels.items() if key not in command.remove}
    labels = {**kept, **command.labels}
    if len(labels) > LABELS_PER_NODE_MAX:
        return Refused(f"{node.name} would have more than {LABELS_PER_NODE_MAX} labels")
    if labels == node.labels:
        return Applied(changed=False)
    indexes.put_node(state, replace(node, labels=dict(sorted(labels.items()))))
    _say(state, stamp, "node.labels", node.name, "has other labels")
    return Applied(number=1)


def remove(state: State, stamp: Stamp, command: RemoveNode) -> Answer:
    """Forget a node that is silent. A replica whose volumes lie there goes on waiting for it."""
    node = state.nodes.get(command.node)
    if node is None:
        return _unknown(command.node)
    if node.status is NodeStatus.READY:
        return Refused(f"{node.name} answers; only a node that is silent can be removed")
    here = state.tasks_at(node.name)
    tasks.lose_these(state, stamp, here, f"{node.name} was removed")
    indexes.drop_node(state, node.name)
    _say(state, stamp, "node.removed", node.name, "was removed")
    return Applied(number=len(here))


def set_brake(state: State, stamp: Stamp, command: SetBrake) -> Answer:
    """Hold evictions back, or allow them again."""
    if command.on == (state.brake_since is not None):
        return Applied(changed=False)
    state.brake_since = stamp.now if command.on else None
    kind, what = ("brake.on", "held back") if command.on else ("brake.off", "allowed again")
    why = f": {command.reason}" if command.reason else ""
    events.record(state, stamp, kind, f"evictions are {what}{why}")
    return Applied(number=1)


def is_amount(resources: Resources) -> bool:
    """Whether nothing in it is negative."""
    counts = (resources.milli_cpus, resources.memory_bytes, *resources.devices.values())
    return all(count >= 0 for count in counts)


def _unknown(name: NodeName) -> Refused:
    return Refused(f"there is no node {name}", missing=True)


def _say(state: State, stamp: Stamp, kind: str, node: NodeName, what: str) -> None:
    events.record(state, stamp, kind, f"{node} {what}", About(node=node))
