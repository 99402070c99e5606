"""Which nodes answer: suspect, down, ready again; and the brake when most fall silent at once."""

from collections.abc import Iterator
from typing import Final

from controlplane.reconcilers.survey import Survey
from controlplane.state.commands import SetBrake, SetNodeStatus
from controlplane.state.tables import Node
from orb.ids import Millis
from orb.lifecycle import NodeStatus
from orb.work import HEARTBEAT_EVERY_MS

SUSPECT_AFTER_MS: Final = Millis(3 * HEARTBEAT_EVERY_MS)
"""Silence after which a node is suspect."""
DOWN_AFTER_MS: Final = Millis(15_000)
"""Silence after which a node is down."""
BRAKE_AFTER_MS: Final = Millis(SUSPECT_AFTER_MS - HEARTBEAT_EVERY_MS)
"""Silence that counts for the brake. Nodes that die together fall silent up to one heartbeat apart:
when the first is suspect, the last one has been silent for so long."""
RECONNECT_MS: Final = Millis(2_000)
"""What agents are given to find a new leader, before silence counts."""

assert BRAKE_AFTER_MS > HEARTBEAT_EVERY_MS  # noqa: S101 - one late heartbeat is no silence
assert DOWN_AFTER_MS > 2 * SUSPECT_AFTER_MS  # noqa: S101 - stand-ins come well before losses


def node_health(survey: Survey) -> Iterator[SetBrake | SetNodeStatus]:
    """Say of every node whether it answers; hold evictions back when most fall silent together."""
    brake = should_brake(survey)
    if brake is not (survey.state.brake_since is not None):
        yield SetBrake(on=brake, reason=_brake_reason(survey, on=brake))
    for node in _doubtful(survey):
        verdict = _verdict(survey, node, brake=brake)
        if verdict is not node.status:
            reason = _reason(survey, node, verdict)
            yield SetNodeStatus(node=node.name, old=node.status, new=verdict, reason=reason)


def should_brake(survey: Survey) -> bool:
    """More than half of the nodes that were not down fell silent together.

    Once on, it also counts the nodes that are back for less than DOWN_AFTER_MS: while a network
    heals, the first half that answers must not cost the other half its tasks.
    """
    nodes, doubtful = survey.state.nodes.values(), _doubtful(survey)
    asked = len(nodes) - sum(node.status is NodeStatus.DOWN for node in doubtful)
    silences = [silence_of(survey, node) for node in doubtful if node.status is not NodeStatus.DOWN]
    silent = sum(silence > BRAKE_AFTER_MS for silence in silences)
    if survey.state.brake_since is None:
        return max(silences, default=0) > SUSPECT_AFTER_MS and 2 * silent > asked
    answering = sum(
        node.status is NodeStatus.READY
        and survey.now - node.status_since >= DOWN_AFTER_MS
        and silence_of(survey, node) <= BRAKE_AFTER_MS
        for node in nodes
    )
    return 2 * answering < asked


def _doubtful(survey: Survey) -> list[Node]:
    """The nodes that are not ready, or have not been heard for long enough to count."""
    heard, fresh = survey.view.heard, survey.now - BRAKE_AFTER_MS
    return [
        node
        for name, node in survey.state.nodes.items()
        if node.status is not NodeStatus.READY or heard.get(name, 0) < fresh
    ]


def silence_of(survey: Survey, node: Node) -> Millis:
    """For how long nothing has been heard of a node, as far as this leader can blame the node."""
    heard = survey.view.heard.get(node.name, Millis(survey.view.leading_since + RECONNECT_MS))
    newest = max(heard, survey.view.leading_since)
    if node.status is NodeStatus.READY:
        newest = max(newest, node.status_since)
    return Millis(max(0, survey.now - newest))


def _verdict(survey: Survey, node: Node, *, brake: bool) -> NodeStatus:
    silence = silence_of(survey, node)
    if node.status is NodeStatus.READY:
        return NodeStatus.SUSPECT if silence > SUSPECT_AFTER_MS else NodeStatus.READY
    if silence <= SUSPECT_AFTER_MS and node.name in survey.view.heard:
        return NodeStatus.READY
    if node.status is NodeStatus.SUSPECT and silence > DOWN_AFTER_MS and not brake:
        return NodeStatus.DOWN
    return node.status


def _reason(survey: Survey, node: Node, verdict: NodeStatus) -> str:
    if verdict is NodeStatus.READY:
        return "it answers again"
    return f"nothing heard for {silence_of(survey, node) / 1000:.0f} s"


def _brake_reason(survey: Survey, *, on: bool) -> str:
    if not on:
        return "at least half of the nodes answer again"
    silent = sum(
        node.status is not NodeStatus.DOWN and silence_of(survey, node) > BRAKE_AFTER_MS
        for node in _doubtful(survey)
    )
    total = len(survey.state.nodes)
    return f"{silent} of {total} nodes fell silent together: no task is moved off them"
