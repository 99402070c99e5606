"""The cluster at a glance, and what is wrong with it, worst first."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from controlplane.api.look import Filter, Look, amounts
from controlplane.api.nodes import natural
from controlplane.api.services import services
from controlplane.raft.log import Role
from controlplane.state.tables import Node
from orb.cluster import ServerView, ServiceView, StatusView
from orb.lifecycle import Availability, NodeStatus
from orb.resources import Resources

PROBLEMS_MAX: Final = 50
"""Problems in one answer; of more, only how many there are."""
NAMES_MAX: Final = 5
"""Names in one problem; of more, only how many there are."""
MAJORITY_LOST: Final = "this server hears no majority of the servers: nothing can be changed now"


def status(look: Look, wanted: Filter) -> StatusView:
    """The cluster at a glance; with an environment, the services of that one."""
    views = tuple(services(look, wanted))
    nodes = look.state.nodes.values()
    alive = [node for node in nodes if node.status is not NodeStatus.DOWN]
    reserved = (look.state.reserved.get(node.name, Resources()) for node in alive)
    return StatusView(
        leader=look.agreement.leader or "",
        servers=_servers(look),
        nodes=_node_counts(look),
        services=_service_counts(views),
        problems=_bounded(list(_problems(look, views))),
        brake_since=look.state.brake_since,
        reserved=amounts(sum(reserved, Resources())),
        resources=amounts(sum((node.facts.capacity for node in alive), Resources())),
        index=look.state.index,
        age_ms=look.age_ms,
    )


def _servers(look: Look) -> tuple[ServerView, ...]:
    return tuple(
        ServerView(
            name=member.name,
            address=look.addresses.get(member.name, member.address),
            role=member.role.name.lower(),
            healthy=member.healthy,
        )
        for member in sorted(look.agreement.members, key=lambda member: natural(member.name))
    )


def _node_counts(look: Look) -> dict[str, int]:
    nodes = look.state.nodes.values()
    states = Counter(node.status for node in nodes)
    allowed = Counter(node.availability for node in nodes)
    return {
        "total": len(nodes),
        **{one.name.lower(): states[one] for one in NodeStatus},
        "cordoned": allowed[Availability.CORDONED],
        "draining": allowed[Availability.DRAINING],
    }


def _service_counts(views: tuple[ServiceView, ...]) -> dict[str, int]:
    degraded = sum(1 for view in views if view.message)
    return {
        "total": len(views),
        "healthy": len(views) - degraded,
        "degraded": degraded,
        "desired": sum(view.desired for view in views),
        "running": sum(view.running for view in views),
        "ready": sum(view.ready for view in views),
    }


def _problems(look: Look, views: tuple[ServiceView, ...]) -> Iterator[str]:
    yield from _of_agreement(look)
    if look.state.brake_since is not None:
        yield "too many nodes fell silent together: nothing is moved away from them (the brake)"
    yield from _of_nodes(look)
    for view in views:
        if view.message:
            yield f"{_name(view)}: {view.message}"
    for node in look.state.nodes.values():
        yield from _blocked_drain(look, node)


def _of_agreement(look: Look) -> Iterator[str]:
    agreement = look.agreement
    if not agreement.quorum:
        yield MAJORITY_LOST
    elif agreement.leader is None:
        yield "no server leads just now: nothing can be changed until one does"
    for member in agreement.members:
        if not member.healthy:
            yield f"server {member.name} does not answer"
        elif member.role is Role.LEARNER:
            yield f"server {member.name} is new and still catching up"


def _of_nodes(look: Look) -> Iterator[str]:
    nodes = sorted(look.state.nodes.values(), key=lambda node: natural(node.name))
    for verdict in (NodeStatus.DOWN, NodeStatus.SUSPECT):
        names = [str(node.name) for node in nodes if node.status is verdict]
        if names:
            what, verb = ("node", "is") if len(names) == 1 else ("nodes", "are")
            yield f"{what} {_listed(names)} {verb} {verdict.name.lower()}"
    for node in nodes:
        if node.squeezed:
            yield f"node {node.name} has shrunk below what its tasks reserve"


def _blocked_drain(look: Look, node: Node) -> Iterator[str]:
    """Tasks that cannot leave a draining node, because their data lies there."""
    if node.availability is not Availability.DRAINING:
        return
    stay = [
        task.replica.name
        for task in look.state.tasks_at(node.name)
        if task.wanted and look.state.spec_of(task).named_volumes
    ]
    if stay:
        yield f"{node.name} cannot be drained: the volumes of {_listed(stay)} lie there"


def _name(view: ServiceView) -> str:
    return f"{view.app}.{view.name}" + (
        f" in {view.environment}" if view.environment != "default" else ""
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
    return ", ".join(names[:NAMES_MAX]) + more


def _bounded(problems: list[str]) -> tuple[str, ...]:
    if len(problems) <= PROBLEMS_MAX:
        return tuple(problems)
    return (*problems[:PROBLEMS_MAX], f"and {len(problems) - PROBLEMS_MAX} more problems")
