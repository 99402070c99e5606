"""The cluster in a bottle: everything that happens follows from one seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from traceback import format_exception
from typing import Final

from controlplane.sim.agents import Agent, Pace
from controlplane.sim.checks import Safety, Violated, unfinished
from controlplane.sim.clockwork import START, Clockwork, Trace
from controlplane.sim.control import Control
from controlplane.sim.faults import Faults
from controlplane.sim.people import ZONES, People
from controlplane.state.commands import Single
from controlplane.state.tables import State
from orb.ids import Millis, NodeName
from orb.resources import Resources
from orb.work import NodeFacts

QUIET_MS: Final = 150_000
"""How long nothing goes wrong at the end: more than any back-off, verdict and rollout takes."""
QUIET_LOOK_MS: Final = 10_000
"""So often is looked whether everything has come true already."""
ACTS_EVERY_MS: Final = (500, 8_000)
"""Between two things that people do."""

_GIB: Final = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended."""

    seed: int
    nodes: int
    seconds: int
    trace_hash: str
    entries: int
    tasks: int
    """How many tasks are known at the end."""
    wrong: str
    """The broken promise; empty for none."""
    tail: Sequence[str]
    """The end of the trace."""


class World:
    """Machines, agents, servers and people; *rng*s for each, so that one changes no other."""

    def __init__(self, seed: int, nodes: int, pace: Pace | None = None) -> None:
        self.seed = seed
        self.clockwork = Clockwork()
        self.trace = Trace(self.clockwork)
        self.agents: dict[NodeName, Agent] = {}
        self.safety = Safety(self.agents, every=1 + nodes // 20)
        self.control = Control(self.clockwork, self.trace, self.chance("control"), self._witness)
        for number in range(1, nodes + 1):
            self.add_agent(number, pace or Pace())
        self.people = People(self.control, self.chance("people"), list(self.agents))
        self.faults = Faults(
            self.agents, self.control, self.clockwork, self.trace, self.chance("faults")
        )

    def chance(self, what: str) -> Random:
        """The rng for one purpose."""
        return Random(f"{self.seed} {what}")  # noqa: S311 - a seed must give the same world again

    def add_agent(self, number: int, pace: Pace) -> None:
        """One more machine, switched off."""
        name = NodeName(f"n{number}")
        facts = NodeFacts(
            name=name,
            address=f"{name}.sim",
            os="linux",
            arch="amd64",
            capacity=Resources(4_000, 8 * _GIB),
            labels={"zone": ZONES[number % len(ZONES)]},
        )
        rng = self.chance(name)
        self.agents[name] = Agent(facts, self.clockwork, self.trace, rng, self.control, pace)

    def start(self) -> None:
        """Switch everything on."""
        self.control.lead()
        for agent in self.agents.values():
            agent.boot()

    def run(self, milliseconds: int) -> None:
        """Let time pass. Raises Violated."""
        self.clockwork.run_until(Millis(self.clockwork.now + milliseconds))

    def _witness(self, state: State, commands: Sequence[Single]) -> None:
        self.safety.after(state, commands, self.clockwork.now)


def simulate(seed: int, nodes: int, seconds: int) -> Outcome:
    """Live through *seconds* of faults and wishes, then through quiet; say what was wrong."""
    world = World(seed, nodes)
    wrong = ""
    try:
        _live(world, seconds)
        _come_to_rest(world)
    except Violated as violated:
        wrong = str(violated)
    except Exception as error:  # noqa: BLE001 - whatever breaks in a world is what the run has found
        wrong = "".join(format_exception(error)[-3:])
    return Outcome(
        seed=seed,
        nodes=nodes,
        seconds=seconds,
        trace_hash=world.trace.digest,
        entries=world.control.entries,
        tasks=len(world.control.state.tasks),
        wrong=wrong,
        tail=tuple(world.trace.tail),
    )


def _live(world: World, seconds: int) -> None:
    world.start()
    world.run(5_000)
    world.people.begin(replicas=2 * len(world.agents))
    world.run(3_000)
    world.faults.begin()
    chance = world.chance("when people act")
    end = START + 1_000 * seconds
    while world.clockwork.now < end:
        world.run(chance.randint(*ACTS_EVERY_MS))
        world.people.act()


def _come_to_rest(world: World) -> None:
    world.faults.stop()
    world.people.rest()
    end = world.clockwork.now + QUIET_MS
    left = ["nothing was looked at"]
    while left and world.clockwork.now < end:
        world.run(QUIET_LOOK_MS)
        left = unfinished(world.control.state, world.agents)
    if left:
        raise Violated(f"after {QUIET_MS // 1000} s of quiet: {'; '.join(left[:5])}")
    one, other = (b"".join(machine.snapshot()) for machine in world.control.machines)
    if one != other:
        raise Violated("the servers hold different states")
