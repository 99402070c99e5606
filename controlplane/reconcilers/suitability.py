"""Which nodes a task may be on at all: its constraints and its platform, whatever room there is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from controlplane.state.tables import Node
from orb.constraints import LABEL_PREFIX, Constraint, canonical_arch, matches, parse
from orb.errors import InvalidInput
from orb.ids import NodeName
from orb.spec import Placement


@dataclass(frozen=True, slots=True)
class Suitability:
    """Answers for the nodes of one state. What it has worked out once it keeps, for one pass."""

    nodes: Mapping[NodeName, Node]
    _attributes: dict[NodeName, dict[str, str]] = field(default_factory=dict)
    _answers: dict[tuple[tuple[str, ...], str, NodeName], bool] = field(default_factory=dict)

    def suits(self, placement: Placement, name: NodeName) -> bool:
        """Whether the node exists and satisfies the constraints and the platform."""
        node = self.nodes.get(name)
        if node is None:
            return False
        if not placement.constraints and not placement.platform:
            return True
        key = (placement.constraints, placement.platform, name)
        if key not in self._answers:
            self._answers[key] = self._satisfies(placement, node)
        return self._answers[key]

    def _satisfies(self, placement: Placement, node: Node) -> bool:
        if placement.platform and not _is_platform(placement.platform, node):
            return False
        if node.name not in self._attributes:
            self._attributes[node.name] = attributes(node)
        known = self._attributes[node.name]
        parsed = (_parse(text) for text in placement.constraints)
        return all(each is not None and matches(each, known) for each in parsed)


def attributes(node: Node) -> dict[str, str]:
    """What constraints may ask of a node, by full name."""
    labels = {LABEL_PREFIX + name: value for name, value in node.all_labels.items()}
    return {
        "node.name": node.name,
        "node.hostname": node.name,
        "node.zone": node.zone,
        "node.platform.os": node.facts.os,
        "node.platform.arch": node.facts.arch,
        **labels,
    }


@lru_cache(maxsize=1_024)
def _parse(text: str) -> Constraint | None:
    """The constraint; None for a text that is none, which no node satisfies."""
    try:
        return parse(text)
    except InvalidInput:
        return None


def _is_platform(platform: str, node: Node) -> bool:
    system, _, arch = platform.partition("/")
    if system != node.facts.os:
        return False
    wanted = arch.partition("/")[0]
    return not wanted or canonical_arch(wanted) == canonical_arch(node.facts.arch)
