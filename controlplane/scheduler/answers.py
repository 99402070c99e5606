"""What people ask the scheduler: why is it there, why does it wait, what if I asked for this?"""

from dataclasses import dataclass

from controlplane.scheduler.ask import Ask, Demands
from controlplane.scheduler.explain import Refusal, refusal, why_there
from controlplane.scheduler.place import Pass, Scheduler, asks, place
from controlplane.state.commands import AssignTasks
from controlplane.state.tables import State, Task
from orb.ids import NodeName, ServiceKey, TaskId
from orb.spec import DEFAULT_ENVIRONMENT, ServiceSpec


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer about the placement of one task, or of all tasks of a spec."""

    text: str
    nodes: tuple[NodeName, ...] = ()
    """Where they are or would go, one for each task that is or would be placed."""
    waiting: int = 0
    """How many have no node."""
    refusal: Refusal | None = None
    """Why they have none, if no node has room now."""

    def __str__(self) -> str:
        return self.text


def explain_task(state: State, task: TaskId) -> Explanation:
    """Why the task is where it is, or why it waits. Raises KeyError for a task nobody knows."""
    subject = state.tasks[task]
    if subject.node is not None:
        return Explanation(f"on {subject.node}: {_why_placed(subject)}", (subject.node,))
    if not subject.wanted:
        return Explanation("it needs no node: it has ended, or was told to stop")
    waiting = asks(state, Demands())
    now = Scheduler().begin(state, waiting)
    now.run(waiting)
    return _of_pending(now, next(ask for ask in waiting if task in ask.tasks), task)


def _why_placed(task: Task) -> str:
    return task.placed or "it was placed before reasons were kept"


def _of_pending(now: Pass, ask: Ask, task: TaskId) -> Explanation:
    for command in now.commands:
        if isinstance(command, AssignTasks) and task in command.tasks:
            node = command.nodes[command.tasks.index(task)]
            return Explanation(f"about to go to {node}: {command.why}", (node,))
    waits = now.pending[task]
    no = refusal(now.room, ask)
    return Explanation(waits, waiting=1, refusal=no)


def explain_spec(state: State, spec: ServiceSpec, service: ServiceKey | None = None) -> Explanation:
    """Where the replicas of *spec* would go if it were asked for now, after all that waits.

    Nothing is preempted for them. *service* is whose neighbours they are; without it, a new one.
    """
    key = service or ServiceKey(DEFAULT_ENVIRONMENT, "", spec.name)
    scheduler, demands = Scheduler(), Demands()
    waiting = asks(state, demands)
    now = scheduler.begin(state, waiting)
    now.run(waiting)
    demand = demands.of((key, 0), spec.task)
    names = now.room.candidates.names
    if spec.is_global:
        wanted = [Ask(key, spec.priority, demand, home=name) for name in names]
    else:
        wanted = [Ask(key, spec.priority, demand)]
    rows: list[int] = []
    whys: list[str] = []
    no: Refusal | None = None
    for ask in wanted:
        count = 1 if spec.is_global else spec.replicas
        placed = place(now.room, ask, count)
        rows += placed
        if placed:
            whys = [why_there(now.room, ask, placed)]
        if len(placed) < count:
            no = refusal(now.room, ask)
    total = len(names) if spec.is_global else spec.replicas
    return _of_spec(total, [names[row] for row in rows], whys, no)


def _of_spec(total: int, nodes: list[NodeName], whys: list[str], no: Refusal | None) -> Explanation:
    waiting = total - len(nodes)
    parts = [f"{len(nodes)} of {total} would be placed"]
    if whys:
        parts.append(whys[0])
    if no is not None:
        parts.append(str(no))
    return Explanation(
        ": ".join(parts[:2]) + "".join(f"; {part}" for part in parts[2:]), tuple(nodes), waiting, no
    )
