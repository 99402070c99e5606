"""Modelled agents and their machines: they do what a real agent does, in virtual time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final, Protocol

from controlplane.sim.clockwork import Clockwork, Deed, Trace
from controlplane.sim.machines import Container, Pace
from orb.ids import NodeName, TaskId
from orb.lifecycle import TERMINAL, Desired, TaskState
from orb.resources import Resources
from orb.work import HEARTBEAT_EVERY_MS, Assignment, NodeFacts, Report

BOOT_MS: Final = 3_000
"""From the start of a machine to its agent's first word."""

_S = TaskState


class Uplink(Protocol):
    """What an agent can say to the servers; a message from an old session is not heard."""

    def hello(self, agent: "Agent", reports: Sequence[Report]) -> int:
        """Begin a session: its number, or 0 if no server leads just now."""
        ...

    def beat(self, node: NodeName, session: int) -> None:
        """A heartbeat."""
        ...

    def say(self, node: NodeName, session: int, reports: Sequence[Report]) -> None:
        """What has been seen."""
        ...

    def facts(self, facts: NodeFacts, session: int) -> None:
        """The machine has changed."""
        ...


@dataclass(slots=True)
class Agent:
    """A machine, its agent, and the network between it and the servers."""

    facts: NodeFacts
    clockwork: Clockwork
    trace: Trace
    rng: Random
    uplink: Uplink
    pace: Pace = field(default_factory=Pace)
    containers: dict[TaskId, Container] = field(default_factory=dict)
    images: dict[str, None] = field(default_factory=dict)
    session: int = 0
    up: bool = False
    """The machine runs."""
    works: bool = True
    """The agent's process runs and is not frozen."""
    reachable: bool = True
    """Messages pass in both directions."""
    slowness: int = 1
    pulls_fail: bool = False
    deaf: bool = False
    """What it is told waits."""
    loses_next_message: bool = False
    line_free_at: int = 0
    """When the newest message of its stream arrives: none overtakes it."""
    _boots: int = 0
    _held: list[Deed] = field(default_factory=list)
    """What waits until the agent works again."""
    _unheard: list[Deed] = field(default_factory=list)
    _unsent: dict[TaskId, None] = field(default_factory=dict)
    _flushing: bool = False
    _connecting: bool = False
    _size: Resources = field(init=False)

    def __post_init__(self) -> None:
        self._size = self.facts.capacity

    @property
    def name(self) -> NodeName:
        """The node's name."""
        return self.facts.name

    # --- the machine ---------------------------------------------------------------------------
    def boot(self) -> None:
        """Switch the machine on. What ran before has ended; the agent remembers what it had."""
        self.up, self.works = True, True
        self._boots += 1
        self.trace.add(f"{self.name} boots")
        boots = self._boots
        self.clockwork.after(self.rng.randint(0, HEARTBEAT_EVERY_MS), lambda: self._beat(boots))
        takes = self._draw((BOOT_MS // 2, BOOT_MS))
        self.clockwork.after(takes, lambda: self._when_working(self._wake_up))

    def crash(self) -> None:
        """Switch the machine off, and everything on it."""
        self.trace.add(f"{self.name} crashes")
        self.up = False
        self._boots += 1
        self.session = 0
        self._held.clear()
        self._unheard.clear()
        for container in self.containers.values():
            container.epoch += 1
            if container.running:
                container.running, container.exit_code = False, 137

    @property
    def size(self) -> Resources:
        """What the machine has when it is well."""
        return self._size

    def resize(self, capacity: Resources) -> None:
        """The machine has more or less than before; its agent says so when it next can."""
        if capacity != self.facts.capacity:
            self.trace.add(f"{self.name} has now {capacity.milli_cpus} thousandths of a core")
            self._change(replace(self.facts, capacity=capacity))

    def stop_working(self) -> None:
        """The agent's process is frozen or gone; containers run on."""
        self.trace.add(f"{self.name} agent stops working")
        self.works = False

    def work_again(self, *, restarted: bool) -> None:
        """The agent goes on, or has been started anew and looks at what is there."""
        if not self.up or self.works:
            return
        self.trace.add(f"{self.name} agent {'restarts' if restarted else 'goes on'}")
        self.works = True
        held, self._held = self._held, []
        for deed in held:
            deed()
        self._change(self.facts)
        if restarted:
            self._wake_up()

    def hear(self) -> None:
        """It takes again what it was told."""
        self.deaf = False
        heard, self._unheard = self._unheard, []
        for deed in heard:
            self._when_working(deed)

    def cut(self) -> None:
        """The network to the servers is gone."""
        self.trace.add(f"{self.name} is cut off")
        self.reachable = False
        self.session = 0

    def mend(self) -> None:
        """The network is back."""
        self.trace.add(f"{self.name} is connected again")
        self.reachable = True
        self._connect_soon()

    def exit_container(self, task: TaskId, code: int) -> None:
        """A process ends by itself, whether the agent looks or not."""
        container = self.containers.get(task)
        if container is None or not container.running:
            return
        self.trace.add(f"{self.name} container of {task} exits with {code}")
        container.running, container.exit_code = False, code
        self._when_working(lambda: self._advance(container))

    # --- the session ---------------------------------------------------------------------------
    def dropped(self) -> None:
        """The server has closed the stream."""
        self.session = 0
        self._connect_soon()

    def told(
        self, session: int, assignments: Sequence[Assignment], removed: Sequence[TaskId]
    ) -> None:
        """The server says what has changed of what this node must have."""
        self._when_hearing(lambda: self._take(session, assignments, removed))

    def told_all(self, session: int, assignments: Sequence[Assignment]) -> None:
        """The server says everything that this node must have; all else must go."""
        wanted: Mapping[TaskId, Assignment] = {each.task: each for each in assignments}
        self._when_hearing(
            lambda: self._take(
                session, assignments, [task for task in self.containers if task not in wanted]
            )
        )

    def _take(
        self, session: int, assignments: Sequence[Assignment], removed: Sequence[TaskId]
    ) -> None:
        if session != self.session or not self.up:
            return
        for assignment in assignments:
            container = self.containers.get(assignment.task)
            if container is None:
                container = Container(assignment, assignment.desired)
                self.containers[assignment.task] = container
                self._advance(container)
            elif container.desired is not assignment.desired:
                container.desired = assignment.desired
                self._advance(container)
        for task in removed:
            container = self.containers.get(task)
            if container is not None and container.desired is not None:
                container.desired = None
                self._advance(container)

    def _wake_up(self) -> None:
        self.session = 0
        for container in list(self.containers.values()):
            self._advance(container)
        self._connect_soon()

    def _connect_soon(self) -> None:
        if not self._connecting:
            self._connecting = True
            self.clockwork.after(self._draw(self.pace.reconnect), self._connect)

    def _connect(self) -> None:
        self._connecting = False
        if self.session or not (self.up and self.works and self.reachable):
            return
        self._unsent.clear()
        self.session = self.uplink.hello(self, [each.report for each in self._known()])
        if not self.session:
            self._connect_soon()

    def _known(self) -> list[Container]:
        return [each for each in self.containers.values() if each.desired is not None]

    def _beat(self, boots: int) -> None:
        if boots != self._boots:
            return
        if self.works and self.reachable:
            if self.session:
                self.uplink.beat(self.name, self.session)
            else:
                self._connect_soon()
        self.clockwork.after(HEARTBEAT_EVERY_MS, lambda: self._beat(boots))

    def _say(self, container: Container, state: TaskState, message: str = "") -> None:
        container.state, container.message = state, message
        self._unsent[container.assignment.task] = None
        if not self._flushing:
            self._flushing = True
            self.clockwork.after(self._draw(self.pace.flush), self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if not (self.up and self.works and self.session):
            return  # after a reconnect everything is said again
        reports = [self.containers[t].report for t in self._unsent if t in self.containers]
        self._unsent.clear()
        if self.loses_next_message:
            self.loses_next_message = False
            self.trace.add(f"{self.name} loses a message, and its stream")
            self.dropped()
        elif reports and self.reachable:
            self.uplink.say(self.name, self.session, reports)

    # --- containers ----------------------------------------------------------------------------
    def _advance(self, container: Container) -> None:
        """The next step for a task, from what is wanted and what is true."""
        if self.containers.get(container.assignment.task) is not container:
            return
        container.epoch += 1
        if container.desired is Desired.RUN:
            self._towards_running(container)
        elif container.running:
            if container.desired is Desired.STOP:
                container.ready = False
                self._say(container, _S.STOPPING)
            self._later(container, self.pace.stop, lambda: self._stopped(container))
        elif container.desired is None:
            del self.containers[container.assignment.task]
            self._wake_waiting(container)
        elif container.state not in TERMINAL:
            self._say(container, _S.STOPPED)

    def _towards_running(self, container: Container) -> None:
        if container.state in TERMINAL:
            return
        if container.running:
            if not container.ready:
                self._later(container, self.pace.ready, lambda: self._ready(container))
        elif container.started:
            self._conclude(container)
        elif not container.prepared:
            self._say(container, _S.PREPARING)
            is_here = container.assignment.spec.container.image in self.images
            takes = self.pace.look if is_here else self.pace.pull
            self._later(container, takes, lambda: self._pulled(container))
        elif not self._must_wait(container):
            self._say(container, _S.STARTING)
            self._later(container, self.pace.start, lambda: self._started(container))

    def _must_wait(self, container: Container) -> bool:
        """Data is never used by two containers: the old one must have ended."""
        mine = container.assignment
        return bool(mine.spec.named_volumes) and any(
            other is not container and other.running and other.assignment.replica == mine.replica
            for other in self.containers.values()
        )

    def _wake_waiting(self, gone: Container) -> None:
        for other in list(self.containers.values()):
            is_waiting = other.prepared and not other.started and other.desired is Desired.RUN
            if is_waiting and other.assignment.replica == gone.assignment.replica:
                self._advance(other)

    def _pulled(self, container: Container) -> None:
        image = container.assignment.spec.container.image
        if image not in self.images and (self.pulls_fail or image.startswith("missing")):
            container.image_missing = True
            self._say(container, _S.FAILED, f"no such image: {image}")
        else:
            container.prepared = True
            self.images[image] = None
            self._advance(container)

    def _started(self, container: Container) -> None:
        container.started = container.running = True
        self._say(container, _S.RUNNING)
        self._note_volumes(container.assignment)
        image = container.assignment.spec.container.image
        task = container.assignment.task
        if image.startswith(("crash", "job")):
            code = 1 if image.startswith("crash") else 0
            self.clockwork.after(self._draw((200, 2_000)), lambda: self.exit_container(task, code))
        self._advance(container)

    def _ready(self, container: Container) -> None:
        if not container.assignment.spec.container.image.startswith("unready"):
            container.ready = True
            self._say(container, _S.RUNNING)

    def _stopped(self, container: Container) -> None:
        container.running, container.exit_code = False, 0
        self._advance(container)
        self._wake_waiting(container)

    def _conclude(self, container: Container) -> None:
        container.ready = False
        code = container.exit_code
        if code == 0:
            self._say(container, _S.STOPPED)
        else:
            self._say(container, _S.FAILED, f"exited with {code}")

    def _note_volumes(self, assignment: Assignment) -> None:
        owner = assignment.replica
        mine = (f"{owner.environment}.{owner.app}.{v}" for v in assignment.spec.named_volumes)
        volumes = tuple(sorted({*self.facts.volumes, *mine}))
        if volumes != self.facts.volumes:
            self._change(replace(self.facts, volumes=volumes))

    def _change(self, facts: NodeFacts) -> None:
        self.facts = facts
        if self.session and self.reachable and self.works:
            self.uplink.facts(facts, self.session)

    # --- time ----------------------------------------------------------------------------------
    def _draw(self, between: tuple[int, int]) -> int:
        return self.rng.randint(*between) * self.slowness

    def _later(self, container: Container, takes: tuple[int, int], deed: Deed) -> None:
        epoch, boots = container.epoch, self._boots

        def when_due() -> None:
            if container.epoch == epoch and self._boots == boots:
                self._when_working(deed_if_current)

        def deed_if_current() -> None:
            if container.epoch == epoch and self._boots == boots:
                deed()

        self.clockwork.after(self._draw(takes), when_due)

    def _when_hearing(self, deed: Deed) -> None:
        if self.deaf:
            self._unheard.append(deed)
        else:
            self._when_working(deed)

    def _when_working(self, deed: Deed) -> None:
        if not self.up:
            return
        if self.works:
            deed()
        else:
            self._held.append(deed)
