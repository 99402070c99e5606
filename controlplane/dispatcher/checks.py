"""What an agent may say: it must be about its own node, and small enough for the log."""

from dataclasses import replace
from typing import Final

from orb.errors import InvalidInput
from orb.ids import NodeName
from orb.work import MESSAGE_CHARACTERS_MAX, NodeFacts, Report

FACTS_BYTES_MAX: Final = 64 * 1024
"""What an agent may say about its machine; more is refused."""
ID_CHARACTERS_MAX: Final = 256
"""The longest name of a container, image or address in a report; a longer one is refused."""
PORTS_MAX: Final = 1_000
"""Ports in one report; more are refused."""
BYTES_PER_CHARACTER: Final = 4
"""At most, in UTF-8."""
RECORD_BYTES: Final = 256
"""A report, a port or facts without their texts take no more."""


def checked_facts(facts: NodeFacts, node: NodeName) -> NodeFacts:
    """The facts, if they may be true of *node*. Raises InvalidInput."""
    if facts.name != node:
        raise InvalidInput(
            f"the agent calls itself {facts.name!r}, but its certificate is that of {node!r}",
            remedy="`name` in the agent's configuration must be that of its certificate",
        )
    if size_of_facts(facts) > FACTS_BYTES_MAX:
        raise InvalidInput(f"the facts of {node} take more than {FACTS_BYTES_MAX} bytes")
    amounts = (facts.capacity.milli_cpus, facts.capacity.memory_bytes, facts.disk_bytes)
    if min(*amounts, *facts.capacity.devices.values()) < 0:
        raise InvalidInput(f"{node} claims a negative amount")
    return facts


def checked_report(report: Report) -> Report:
    """The report, its message cut where it is too long. Raises InvalidInput."""
    texts = (report.container_id, report.image_id, *(port.address for port in report.ports))
    if len(report.ports) > PORTS_MAX or max(map(len, texts)) > ID_CHARACTERS_MAX:
        raise InvalidInput(f"the report of task {report.task} is too large to be true")
    if len(report.message) <= MESSAGE_CHARACTERS_MAX:
        return report
    return replace(report, message=report.message[:MESSAGE_CHARACTERS_MAX])


def size_of_report(report: Report) -> int:
    """No fewer bytes than it takes in an entry of the log."""
    texts = len(report.message) + len(report.container_id) + len(report.image_id)
    ports = sum(len(port.address) + RECORD_BYTES for port in report.ports)
    return RECORD_BYTES + BYTES_PER_CHARACTER * texts + ports


def size_of_facts(facts: NodeFacts) -> int:
    """No fewer bytes than they take in an entry of the log."""
    words = [
        *(facts.name, facts.address, facts.os, facts.arch, facts.kernel),
        *(facts.runtime, facts.runtime_version, facts.agent_version, facts.trouble),
        *facts.labels.keys(),
        *facts.labels.values(),
        *facts.capacity.devices.keys(),
        *facts.volumes,
    ]
    return RECORD_BYTES + sum(8 + BYTES_PER_CHARACTER * len(word) for word in words)
