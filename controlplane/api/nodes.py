"""Nodes as people see them."""

from collections.abc import Iterator

from controlplane.api.look import Filter, Look, amounts
from controlplane.state.tables import Node
from orb.cluster import Amounts, NodeView
from orb.resources import Resources


def nodes(look: Look, wanted: Filter) -> Iterator[NodeView]:
    """The nodes asked for, by name; each is looked at when it is taken."""
    for name in sorted(look.state.nodes, key=natural):
        node = look.state.nodes.get(name)
        if node is not None and {wanted.name, wanted.node} <= {"", name}:
            yield node_view(look, node)


def node_view(look: Look, node: Node) -> NodeView:
    """One node."""
    facts, usage = node.facts, look.usage.get(node.name)
    used = (
        None
        if usage is None
        else Amounts(cpus=usage.milli_cpus / 1000, memory_bytes=usage.memory_bytes)
    )
    return NodeView(
        name=node.name,
        state=node.status.name.lower(),
        state_since=node.status_since,
        availability=node.availability.name.lower(),
        address=facts.address,
        zone=node.zone,
        labels=dict(sorted(node.all_labels.items())),
        resources=amounts(facts.capacity),
        reserved=amounts(look.state.reserved.get(node.name, Resources())),
        used=used,
        tasks=len(look.state.tasks_on_node.get(node.name, ())),
        os=facts.os,
        arch=facts.arch,
        runtime=facts.runtime,
        runtime_version=facts.runtime_version,
        agent_version=facts.agent_version,
        kernel=facts.kernel,
        joined_at=node.joined_at,
        heard_at=look.heard.get(node.name),
    )


def natural(name: str) -> tuple[str, int, str]:
    """Sorts `n10` after `n2`."""
    digits = len(name) - len(name.rstrip("0123456789"))
    stem = name[: len(name) - digits]
    return stem, int(name[len(name) - digits :] or 0), name
