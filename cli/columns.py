"""Which columns `get` shows of each kind: one table, from the column's heading to its content."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, cast

from cli.asking import View
from cli.tables import table
from cli.words import age, coloured, cpus, local_time, memory, plain
from orb.cluster import (
    EnvironmentView,
    EventView,
    FileView,
    NodeView,
    PublishedView,
    ReleaseView,
    ReplicaView,
    ServiceView,
    TaskView,
)
from orb.spec import DEFAULT_ENVIRONMENT
from orb.work import BoundPort


class Column(NamedTuple):
    """A column: its heading, the cell of a view at a time (ms), and whether only `wide` has it."""

    heading: str
    cell: Callable[..., str]
    wide: bool = False


ENVIRONMENT: Final = Column("ENV", lambda view, _now: view.environment)

NODES: Final = (
    Column("NAME", lambda view, _now: view.name),
    Column("STATE", lambda view, _now: coloured(view.state)),
    Column("AVAILABILITY", lambda view, _now: coloured(view.availability)),
    Column("ZONE", lambda view, _now: view.zone or "-"),
    Column("TASKS", lambda view, _now: str(view.tasks)),
    Column("CPUS", lambda view, _now: _part(cpus, view.reserved.cpus, view.resources.cpus)),
    Column(
        "MEMORY",
        lambda view, _now: _part(memory, view.reserved.memory_bytes, view.resources.memory_bytes),
    ),
    Column("DEVICES", lambda view, _now: _devices(view), wide=True),
    Column("ADDRESS", lambda view, _now: view.address),
    Column("RUNTIME", lambda view, _now: f"{view.runtime} {view.runtime_version}".strip()),
    Column("OS/ARCH", lambda view, _now: f"{view.os}/{view.arch}", wide=True),
    Column("KERNEL", lambda view, _now: view.kernel or "-", wide=True),
    Column("AGENT", lambda view, _now: view.agent_version or "-", wide=True),
    Column("SINCE", lambda view, now: age(view.state_since, now)),
    Column("LABELS", lambda view, _now: labels(view.labels), wide=True),
)
SERVICES: Final = (
    Column("APP", lambda view, _now: view.app),
    Column("SERVICE", lambda view, _now: view.name),
    Column("MODE", lambda view, _now: view.mode),
    Column("READY", lambda view, _now: readiness(view)),
    Column("UPDATED", lambda view, _now: str(view.updated), wide=True),
    Column("RUNNING", lambda view, _now: str(view.running), wide=True),
    Column("RELEASE", lambda view, _now: str(view.release)),
    Column("IMAGE", lambda view, _now: view.image),
    Column("PORTS", lambda view, _now: published(view.ports)),
    Column("MESSAGE", lambda view, _now: plain(view.message)),
)
REPLICAS: Final = (
    Column("APP", lambda view, _now: view.app),
    Column("REPLICA", lambda view, _now: view.name),
    Column("STATE", lambda view, _now: coloured(view.state)),
    Column("READY", lambda view, _now: yes(view.ready)),
    Column("NODE", lambda view, _now: view.node or "-"),
    Column("STARTED", lambda view, now: age(view.started_at, now)),
    Column("RESTARTS", lambda view, _now: str(view.restarts)),
    Column("RELEASE", lambda view, _now: str(view.release), wide=True),
    Column("PORTS", lambda view, _now: bound(view.ports)),
    Column("IMAGE", lambda view, _now: view.image, wide=True),
    Column("CONTAINER", lambda view, _now: view.container_id[:12] or "-", wide=True),
    Column("TASK", lambda view, _now: view.task or "-", wide=True),
    Column("MESSAGE", lambda view, _now: plain(view.message)),
)
RELEASES: Final = (
    Column("APP", lambda view, _now: view.app),
    Column("RELEASE", lambda view, _now: f"{view.number}{' *' if view.current else ''}"),
    Column("STATUS", lambda view, _now: coloured(view.status)),
    Column("TIME", lambda view, _now: local_time(view.time)),
    Column("AUTHOR", lambda view, _now: plain(view.author)),
    Column("REASON", lambda view, _now: plain(view.reason) or "-"),
    Column("CHANGES", lambda view, _now: "; ".join(map(plain, view.changes)), wide=True),
    Column("MESSAGE", lambda view, _now: plain(view.message)),
)
EVENTS: Final = (
    Column("TIME", lambda view, _now: local_time(view.time)),
    Column("KIND", lambda view, _now: view.kind),
    Column("ABOUT", lambda view, _now: about(view)),
    Column("MESSAGE", lambda view, _now: plain(view.message)),
    Column("AUTHOR", lambda view, _now: plain(view.author), wide=True),
)
TASKS: Final = (
    Column("TASK", lambda view, _now: view.task),
    Column("STATE", lambda view, _now: coloured(view.state)),
    Column("READY", lambda view, _now: yes(view.ready)),
    Column("NODE", lambda view, _now: view.node or "-"),
    Column("RELEASE", lambda view, _now: str(view.release)),
    Column("CREATED", lambda view, now: age(view.created_at, now)),
    Column("MADE FOR", lambda view, _now: plain(view.reason) or "-"),
    Column("MESSAGE", lambda view, _now: task_message(view)),
)
CONFIGS: Final = (
    Column("APP", lambda view, _now: view.app),
    Column("CONFIG", lambda view, _now: view.name),
    Column("DIGEST", lambda view, _now: view.digest),
    Column("SIZE", lambda view, _now: memory(view.size_bytes)),
    Column("USERS", lambda view, _now: ", ".join(view.users) or "-"),
)
SECRETS: Final = (
    Column("APP", lambda view, _now: view.app or "(stored)"),
    Column("SECRET", lambda view, _now: view.name),
    Column("EXTERNAL", lambda view, _now: yes(view.external)),
    Column("SIZE", lambda view, _now: memory(view.size_bytes)),
    Column("USERS", lambda view, _now: ", ".join(view.users) or "-"),
    Column("CHANGED", lambda view, now: age(view.changed_at, now)),
    Column("AUTHOR", lambda view, _now: plain(view.author), wide=True),
)
ENVIRONMENTS: Final = (
    Column("NAME", lambda view, _now: view.name),
    Column("APPS", lambda view, _now: str(view.apps)),
    Column("SERVICES", lambda view, _now: str(view.services)),
    Column("SINCE", lambda view, now: age(view.created_at, now)),
    Column("ALLOWS", lambda view, _now: ", ".join(view.allowed) or "-"),
)
COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {
    "nodes": NODES,
    "services": SERVICES,
    "replicas": REPLICAS,
    "releases": RELEASES,
    "events": EVENTS,
    "configs": CONFIGS,
    "secrets": SECRETS,
    "environments": ENVIRONMENTS,
    "tasks": TASKS,
}


def view_table(
    kind: str, views: Sequence[View | TaskView], now: int, *, wide: bool = False
) -> list[str]:
    """The views of one kind as a table; empty columns at the end are left out."""
    columns = [column for column in COLUMNS[kind] if wide or not column.wide]
    if any(getattr(view, "environment", "") not in {"", DEFAULT_ENVIRONMENT} for view in views):
        columns.insert(0, ENVIRONMENT)
    rows = [[column.cell(view, now) for column in columns] for view in views]
    while columns and rows and not any(row[-1] for row in rows):
        columns.pop()
        rows = [row[:-1] for row in rows]
    return table([column.heading for column in columns], rows)


def name_of(kind: str, view: View) -> str:
    """What a person would type for it, never ambiguous within its environment."""
    match kind:
        case "nodes":
            return cast("NodeView", view).name
        case "services":
            service = cast("ServiceView", view)
            return f"{service.app}.{service.name}"
        case "replicas":
            replica = cast("ReplicaView", view)
            return f"{replica.app}.{replica.name}"
        case "releases":
            release = cast("ReleaseView", view)
            return f"{release.app}@{release.number}"
        case "environments":
            return cast("EnvironmentView", view).name
        case "configs" | "secrets":
            file = cast("FileView", view)
            return f"{file.app}.{file.name}" if file.app else file.name
        case _:
            return str(cast("EventView", view).sequence)


def readiness(view: ServiceView) -> str:
    """`2/3`, coloured by whether that is enough."""
    text = f"{view.ready}/{view.desired}"
    if view.ready >= view.desired:
        return coloured_as(text, "ready")
    return coloured_as(text, "degraded" if view.ready else "failed")


def coloured_as(text: str, state: str) -> str:
    """*text* in the colour of *state*."""
    return coloured(state).replace(state, text)


def published(ports: Sequence[PublishedView]) -> str:
    """The ports of a service as Compose writes them: `8080:80`, `53:53/udp`, `9000` (inside)."""
    return ", ".join(
        (f"{port.published}:" if port.published else "")
        + str(port.target)
        + ("" if port.protocol == "tcp" else f"/{port.protocol}")
        for port in ports
    )


def bound(ports: Sequence[BoundPort]) -> str:
    """Where a replica answers: `10.0.0.2:32768->80`."""
    return ", ".join(
        f"{port.address}:{port.host}->{port.container}"
        + ("" if port.protocol == "tcp" else f"/{port.protocol}")
        for port in ports
    )


def labels(given: Mapping[str, str]) -> str:
    """`gpu=a100,zone=a`."""
    return ",".join(f"{key}={given[key]}" for key in sorted(given)) or "-"


def yes(flag: bool) -> str:  # noqa: FBT001 - it is the whole question
    """`yes` or `no`."""
    return click_yes if flag else "no"


click_yes: Final = coloured("ready").replace("ready", "yes")


def about(view: EventView) -> str:
    """What an event is about, as a person would type it."""
    if view.service:
        number = f"/{view.replica}" if view.replica else ""
        return f"{view.app}.{view.service}{number}"
    return view.app or view.node or "-"


def task_message(view: TaskView) -> str:
    """Why a task ended or waits, in one line."""
    if view.oom_killed:
        return plain(f"out of memory. {view.message}")
    if view.message:
        return plain(view.message)
    return plain(view.stop_reason)


def _part(write: Callable[[float], str] | Callable[[int], str], part: float, whole: float) -> str:
    writer = cast("Callable[[float], str]", write)
    return f"{writer(part)}/{writer(whole)}"


def _devices(view: NodeView) -> str:
    held = view.reserved.devices
    return (
        ",".join(f"{kind} {held.get(kind, 0)}/{n}" for kind, n in view.resources.devices.items())
        or "-"
    )
