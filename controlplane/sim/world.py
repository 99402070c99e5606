"""The cluster in a bottle: everything that happens follows from one seed."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from controlplane.reconcilers import decide
from controlplane.sim.agents import Agent
from controlplane.sim.checks import Safety
from controlplane.sim.clockwork import Clockwork, Trace
from controlplane.sim.control import Control, Decide
from controlplane.sim.faults import Faults
from controlplane.sim.machines import Pace
from controlplane.sim.people import ZONES, People
from controlplane.state.commands import Single
from controlplane.state.tables import State
from orb.ids import Millis, NodeName
from orb.resources import Resources
from orb.work import NodeFacts

WEATHER: Final = ((300, 4_000), (300, 4_000), (30, 700))
"""Between two faults, in milliseconds; one world in three is stormy."""
MILLI_CPUS: Final = (4_000, 4_000, 600)
"""What machines have; one world in three is short of room."""

_GIB: Final = 1024**3


class World:
    """Machines, agents, servers and people; *rng*s for each, so that one changes no other."""

    def __init__(self, seed: int, nodes: int, decide: Decide = decide) -> None:
        self.seed = seed
        self.clockwork = Clockwork()
        self.trace = Trace(self.clockwork)
        self.agents: dict[NodeName, Agent] = {}
        self.watchers: list[Callable[[State], None]] = []
        """Who looks at every state beside *safety*."""
        self.safety = Safety(self.agents, every=1 + nodes // 20)
        self.control = Control(
            self.clockwork, self.trace, self.chance("control"), self._witness, decide
        )
        for number in range(1, nodes + 1):
            self.add_agent(number, Pace())
        self.people = People(self.control, self.chance("people"), list(self.agents))
        self.faults = Faults(
            self.agents, self.control, self.clockwork, self.trace, self.chance("faults")
        )
        self.faults.every_ms = self.chance("weather").choice(WEATHER)

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
            capacity=Resources(self.chance("size").choice(MILLI_CPUS), 8 * _GIB),
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
        for watcher in self.watchers:
            watcher(state)
