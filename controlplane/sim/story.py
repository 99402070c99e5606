"""Stories: a cluster in a bottle, told line by line, and what its people see happen."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from controlplane.sim.agents import Agent
from controlplane.sim.clockwork import START
from controlplane.sim.machines import Pace
from controlplane.sim.world import World
from controlplane.state.commands import ApplyApp, DeleteApp, ScaleService, SetAvailability, Single
from controlplane.state.tables import Event, Task
from orb.ids import AppKey, NodeName, ServiceKey
from orb.lifecycle import Availability, Desired, TaskState
from orb.resources import Resources
from orb.spec import (
    AppSpec,
    ContainerSpec,
    Healthcheck,
    Mode,
    Mount,
    MountKind,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
    UpdateOrder,
)

RULE: Final = "----"
"""Stands between what is done and what is seen; an empty line ends what is seen."""
STEADY: Final = Pace(
    net=(1, 1),
    pull=(500, 500),
    look=(20, 20),
    start=(200, 200),
    ready=(300, 300),
    stop=(400, 400),
    flush=(20, 20),
    reconnect=(200, 200),
)
"""In a story nothing varies."""

_APP: Final = AppKey("default", "shop")
_HIDDEN: Final = ("task.assigned",)
_WORDS: Final = {
    "drain": Availability.DRAINING,
    "cordon": Availability.CORDONED,
    "uncordon": Availability.ACTIVE,
}


class StoryError(ValueError):
    """A line of a story says nothing that can be done."""


@dataclass(slots=True)
class Story:
    """One world and how far it has been told."""

    world: World = field(default_factory=lambda: World(0, 0))
    spec: AppSpec = field(default_factory=lambda: AppSpec(name=_APP.app, services=()))
    _told: int = 0
    """The sequence of the newest event that was shown."""

    def do(self, line: str) -> None:
        """Do what a line says. Raises StoryError, or Violated if a promise is broken."""
        verb, *words = line.split()
        options = dict(word.split("=", 1) for word in words if "=" in word)
        names = [word for word in words if "=" not in word]
        deeds: Mapping[str, Callable[[list[str], Mapping[str, str]], None]] = {
            "nodes": self._nodes,
            "service": self._service,
            "update": self._update,
            "scale": self._scale,
            "delete": self._delete,
            "run": self._run,
            "exit": self._exit,
            "leader": self._leader,
            **dict.fromkeys(_WORDS, lambda names, _: self._allow(verb, names)),
            **dict.fromkeys(_MACHINE, lambda names, _: self._machines(verb, names)),
        }
        if verb not in deeds:
            raise StoryError(f"{line!r}: a story knows {', '.join(sorted(deeds))}")
        deeds[verb](names, options)

    def seen(self) -> Iterator[str]:
        """What has happened since the last look, and where every task is now."""
        for event in self.world.control.state.events:
            if event.sequence > self._told and event.kind not in _HIDDEN:
                yield _line(event)
        self._told = self.world.control.state.events_seen
        yield from self._places()

    def _places(self) -> Iterator[str]:
        state = self.world.control.state
        living = [task for task in state.tasks.values() if not task.ended]
        for task in sorted(living, key=lambda each: (each.replica, each.id)):
            yield f"  {_place(task)} {state.spec_of(task).container.image}"

    # --- what a line can say -------------------------------------------------------------------
    def _nodes(self, names: list[str], _: Mapping[str, str]) -> None:
        for number in range(1, int(names[0]) + 1):
            self.world.add_agent(number, STEADY)
        self.world.start()
        self.world.run(4_000)

    def _service(self, names: list[str], options: Mapping[str, str]) -> None:
        made = _service(names[0], options)
        others = [one for one in self.spec.services if one.name != made.name]
        services = sorted([*others, made], key=lambda one: one.name)
        self.spec = replace(self.spec, services=tuple(services))
        self._ask(ApplyApp(environment=_APP.environment, spec=self.spec))

    def _update(self, names: list[str], options: Mapping[str, str]) -> None:
        old = next(one for one in self.spec.services if one.name == names[0])
        container = replace(old.task.container, image=options["image"])
        new = replace(old, task=replace(old.task, container=container))
        services = tuple(new if one is old else one for one in self.spec.services)
        self.spec = replace(self.spec, services=services)
        self._ask(ApplyApp(environment=_APP.environment, spec=self.spec))

    def _scale(self, names: list[str], _: Mapping[str, str]) -> None:
        service = ServiceKey(*_APP, names[0])
        self._ask(ScaleService(service=service, replicas=int(names[1])))

    def _delete(self, _: list[str], __: Mapping[str, str]) -> None:
        self._ask(DeleteApp(app=_APP))

    def _run(self, names: list[str], _: Mapping[str, str]) -> None:
        self.world.run(round(float(names[0].removesuffix("s")) * 1000))

    def _allow(self, verb: str, names: list[str]) -> None:
        for name in names:
            self._ask(SetAvailability(node=NodeName(name), availability=_WORDS[verb]))

    def _exit(self, names: list[str], _: Mapping[str, str]) -> None:
        for task in self.world.control.state.tasks.values():
            if task.replica.name == names[0] and task.wanted and task.node is not None:
                self.world.agents[task.node].exit_container(task.id, int(names[1]))

    def _leader(self, _: list[str], __: Mapping[str, str]) -> None:
        self.world.control.fall()
        self.world.run(1_000)
        self.world.control.lead()

    def _machines(self, verb: str, names: list[str]) -> None:
        for name in names:
            _MACHINE[verb](self.world.agents[NodeName(name)])

    def _ask(self, command: Single) -> None:
        self.world.control.commit(command, "ann")


_MACHINE: Final[Mapping[str, Callable[[Agent], None]]] = {
    "kill": Agent.crash,
    "boot": Agent.boot,
    "cut": Agent.cut,
    "mend": Agent.mend,
    "freeze": Agent.stop_working,
    "thaw": lambda agent: agent.work_again(restarted=False),
    "restart": lambda agent: agent.work_again(restarted=True),
}


def told(text: str) -> str:
    """The story with what is seen in it written anew."""
    story = Story()
    lines: list[str] = []
    skipping = False
    for line in text.splitlines():
        if line == RULE:
            lines += [RULE, *story.seen()]
            skipping = True
        elif not line:
            skipping = False
            lines.append(line)
        elif not skipping:
            lines.append(line)
            if not line.startswith("#"):
                story.do(line)
    return "\n".join(lines) + "\n"


def _service(name: str, options: Mapping[str, str]) -> ServiceSpec:
    volume = Mount(kind=MountKind.VOLUME, target="/data", source=options.get("volume", ""))
    is_stopped_first = "volume" in options or options.get("order") == "stop-first"
    order = UpdateOrder.STOP_FIRST if is_stopped_first else UpdateOrder.START_FIRST
    return ServiceSpec(
        name=name,
        task=TaskSpec(
            container=ContainerSpec(
                image=options.get("image", "app:v1"),
                mounts=(volume,) if "volume" in options else (),
            ),
            reservations=Resources(int(options.get("cpus", "100")), 64 << 20),
            healthcheck=Healthcheck(test=("CMD", "true")),
        ),
        mode=Mode.GLOBAL if "global" in options else Mode.REPLICATED,
        replicas=int(options.get("replicas", "1")),
        update=UpdateConfig(order=order, parallelism=int(options.get("parallelism", "1"))),
    )


def _line(event: Event) -> str:
    return f"{(event.at - START) / 1000:5.1f} {event.message}"


def _place(task: Task) -> str:
    wish = "STOP " if task.desired is Desired.STOP else ""
    shown = "READY" if task.ready else task.state.name
    node = "--" if task.state is TaskState.NEW else task.node
    return f"{node} {task.replica.name} {wish}{shown}"
