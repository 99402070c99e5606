"""A toy cluster for reconciler tests: apply what is decided, place round robin, obey at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from controlplane.reconcilers import decide
from controlplane.reconcilers.suitability import Suitability
from controlplane.state import invariants
from controlplane.state.apply import apply
from controlplane.state.commands import (
    Answer,
    Applied,
    ApplyApp,
    AssignTasks,
    Command,
    Entry,
    RegisterNode,
    ReportTasks,
    SetAvailability,
    Single,
)
from controlplane.state.tables import State, Task, View
from orb.ids import AppKey, Millis, NodeName, TaskId
from orb.lifecycle import Availability, Desired, ReleaseStatus, TaskState
from orb.spec import ServiceSpec
from orb.work import Report
from tests.factories import NOW, an_app_spec, some_facts

PASSES_MAX = 50


def runs_well(_: Task) -> Report | None:
    """The behaviour of a container that starts and stays; None stands for that."""
    return None


@dataclass
class Toy:
    """Nodes that beat every second unless they are *silent*; tasks that start at once."""

    nodes: int = 3
    now: Millis = NOW
    state: State = field(default_factory=State)
    silent: list[str] = field(default_factory=list)
    deaf: list[str] = field(default_factory=list)
    """Nodes that beat but take no assignment."""
    behaviour: Callable[[Task], Report | None] = runs_well
    heard: dict[NodeName, Millis] = field(default_factory=dict)
    leading_since: Millis = NOW
    log: list[str] = field(default_factory=list)
    """Every command that was decided, by its kind."""
    stops_slowly: bool = False
    told_at: dict[TaskId, Millis] = field(default_factory=dict)
    """When each task that is to stop heard of it."""

    def __post_init__(self) -> None:
        for number in range(1, self.nodes + 1):
            self.do(RegisterNode(facts=some_facts(f"n{number}", cpus=64, memory_gib=64)))

    def do(self, command: Command) -> Answer:
        answer = apply(
            self.state, Entry(command=command, now=self.now, author="test"), self.state.index + 1
        )
        assert isinstance(answer, Applied), answer
        return answer

    def apply_app(self, *services: ServiceSpec) -> None:
        self.do(ApplyApp(environment="default", spec=an_app_spec(*services)))

    def set_availability(self, node: str, availability: Availability) -> None:
        self.do(SetAvailability(node=NodeName(node), availability=availability))

    def run(self, seconds: float, step_ms: int = 500) -> None:
        """Let time pass, and everybody do what they do."""
        end = self.now + int(seconds * 1000)
        while self.now < end:
            self.now = Millis(self.now + step_ms)
            self.settle()

    def settle(self) -> None:
        """Apply what is decided, place and report, until nothing changes at this instant."""
        for _ in range(PASSES_MAX):
            self.beat()
            decided = decide(
                View(state=self.state, heard=self.heard, leading_since=self.leading_since), self.now
            )
            self.log += [type(command).__name__ for command in decided]
            changed = self.apply_all(decided)
            changed |= self.apply_all(self._place())
            changed |= self.apply_all(self._obey())
            assert invariants.check(self.state) == []
            if not changed:
                return
        raise AssertionError(f"it does not come to rest: {self.log[-20:]}")

    def beat(self) -> None:
        for name in self.state.nodes:
            if name not in self.silent:
                self.heard[name] = self.now

    def apply_all(self, commands: Iterable[Single]) -> bool:
        answers = [
            apply(
                self.state, Entry(command=one, now=self.now, author="leader"), self.state.index + 1
            )
            for one in commands
        ]
        return any(isinstance(answer, Applied) and answer.changed for answer in answers)

    def _place(self) -> list[Single]:
        commands: list[Single] = []
        suitability = Suitability(self.state.nodes)
        for task_id in list(self.state.unplaced):
            task = self.state.tasks[task_id]
            home = self.state.replicas[task.replica].home
            fit = [
                node
                for node in self.state.nodes.values()
                if node.schedulable
                and node.name not in task.avoid
                and home in {None, node.name}
                and suitability.suits(self.state.spec_of(task).placement, node.name)
            ]
            fit.sort(key=lambda node: len(self.state.tasks_at(node.name)))
            if fit:
                commands.append(AssignTasks(tasks=(task_id,), nodes=(fit[0].name,)))
                self.apply_all([commands.pop()])
        return commands

    def _obey(self) -> list[Single]:
        commands: list[Single] = []
        for name in self.state.nodes:
            if name in self.silent or name in self.deaf:
                continue
            reports = [r for task in self.state.tasks_at(name) if (r := self._step(task))]
            if reports:
                commands.append(ReportTasks(node=name, reports=tuple(reports)))
        return commands

    def _step(self, task: Task) -> Report | None:
        if task.desired is Desired.STOP:
            told = self.told_at.setdefault(task.id, self.now)
            if self.stops_slowly and self.now - told < 3_000:
                return None
            return Report(task=task.id, state=TaskState.STOPPED, exit_code=0)
        seen = self.behaviour(task)
        if seen is not None:
            return seen
        if task.state is TaskState.RUNNING:
            return None
        return Report(task=task.id, state=TaskState.RUNNING, ready=True, container_id=f"c{task.id}")

    # --- what tests look at -------------------------------------------------------------------
    def living(self) -> list[str]:
        """`web/1@n2 r1 RUNNING`, a line for each task that has not ended, sorted."""
        return sorted(
            f"{task.replica.name}@{task.node} r{task.revision} "
            f"{'STOP ' if task.desired is Desired.STOP else ''}{task.state.name}"
            for task in self.state.tasks.values()
            if not task.ended
        )

    def where(self, replica: str) -> list[str]:
        """The nodes of the wanted tasks of a replica."""
        return sorted(
            task.node or "-"
            for task in self.state.tasks.values()
            if task.wanted and task.replica.name == replica
        )

    def is_braked(self) -> bool:
        return self.state.brake_since is not None

    def release(self) -> tuple[int, ReleaseStatus, str]:
        """Number, status and message of the current release."""
        key = AppKey("default", "shop")
        release = self.state.releases[key][self.state.apps[key].release]
        return release.number, release.status, release.message


def failed(task: Task, message: str = "exit code 1") -> Report:
    return Report(task=TaskId(task.id), state=TaskState.FAILED, exit_code=1, message=message)


def scaled(spec: ServiceSpec, replicas: int) -> ServiceSpec:
    return replace(spec, replicas=replicas)
