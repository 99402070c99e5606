"""The cluster at a glance, and what is wrong with it, worst first."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from controlplane.api.look import Filter, Look, amounts
from controlplane.api.nodes import natural
from controlplane.api.services import services
from controlplane.raft.log import Role
from controlplane.state.tables import Node, Task
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
            behind=member.behind,
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
    if agreement.disk_full:
        whose = "the leader" if agreement.role is Role.LEADER else "this server"
        yield f"the disk under {whose} is full: nothing can be written until there is room"
    for member in agreement.members:
        if not member.healthy:
            yield f"server {member.name} does not answer"
        elif member.role is Role.LEARNER:
            behind = f": {member.behind:,} entries behind" if member.behind else ""
            yield f"server {member.name} is new and does not vote yet{behind}"
        if member.disk_full and member.name != agreement.leader:
            yield f"the disk under server {member.name} is full: it takes nothing more"


def _of_nodes(look: Look) -> Iterator[str]:
    nodes = sorted(look.state.nodes.values(), key=lambda node: natural(node.name))
    for verdict in (NodeStatus.DOWN, NodeStatus.SUSPECT):
        silent = [node for node in nodes if node.status is verdict]
        if silent:
            what, verb = ("node", "is") if len(silent) == 1 else ("nodes", "are")
            names = _listed([str(node.name) for node in silent])
            since = _utc(min(node.status_since for node in silent))
            yield f"{what} {names} {verb} {verdict.name.lower()} since {since}"
    for node in nodes:
        usage = look.usage.get(node.name)
        if usage is not None and usage.trouble and node.status is NodeStatus.READY:
            yield f"node {node.name}: {usage.trouble}"
        if node.squeezed:
            yield f"node {node.name} has shrunk below what its tasks reserve"


def _blocked_drain(look: Look, node: Node) -> Iterator[str]:
    """Tasks that cannot leave a draining node, and why: their data lies there, or no other node
    has a place for them."""
    if node.availability is not Availability.DRAINING:
        return
    tasks = [task for task in look.state.tasks_at(node.name) if task.wanted]
    bound = [task for task in tasks if look.state.spec_of(task).named_volumes]
    movable = [task for task in tasks if not look.state.spec_of(task).named_volumes]
    waits = {_names([task]): why for task in movable if (why := _why_it_waits(look, task))}
    if bound:
        yield f"{node.name} cannot be drained: the volumes of {_names(bound)} lie there"
    if movable and not any(map(_takes_tasks, look.state.nodes.values())):
        yield f"{node.name} cannot be drained: no node takes {_names(movable)}"
    elif waits:
        why = next(iter(waits.values()))
        yield f"{node.name} cannot be drained: nowhere to go for {_listed(list(waits))}: {why}"


def _takes_tasks(node: Node) -> bool:
    return node.schedulable


def _why_it_waits(look: Look, task: Task) -> str:
    """Why the task that is to take its place has none; empty if it has, or there is none yet."""
    others = look.state.tasks_in(task.replica)
    return next((why for other in others if (why := look.pending.get(other.id, ""))), "")


def _names(tasks: Sequence[Task]) -> str:
    return _listed([task.replica.name for task in tasks])


def _utc(at: int) -> str:
    """A point in time, to the second: `2024-05-01T12:00:00Z`."""
    return f"{dt.datetime.fromtimestamp(at // 1000, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


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
