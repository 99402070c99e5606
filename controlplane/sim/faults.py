"""What goes wrong in a simulated world: drawn from one rng, and mended in time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from controlplane.sim.agents import Agent
from controlplane.sim.clockwork import Clockwork, Trace
from controlplane.sim.control import Control
from orb.ids import NodeName
from orb.resources import Resources

SHORT_MS: Final = (200, 2_500)
"""A fault that no verdict should follow from."""
LONG_MS: Final = (3_000, 25_000)
"""A fault that makes a node suspect, or down."""
NO_LEADER_MS: Final = (200, 4_000)
"""From the fall of a leader to the next reign."""

RETURNS: Final = 0.7
"""The chance that a machine which is off when quiet begins is switched on again."""

LOSS: Final = 0.5
"""The chance that one more machine dies for good as quiet begins: that must heal by itself."""


@dataclass(slots=True)
class Faults:
    """One fault after the other, each with its end, until `stop`."""

    agents: Mapping[NodeName, Agent]
    control: Control
    clockwork: Clockwork
    trace: Trace
    rng: Random
    every_ms: tuple[int, int] = (300, 4_000)
    active: bool = True

    def begin(self) -> None:
        """Let the first fault come."""
        self.clockwork.after(self.rng.randint(*self.every_ms), self._next)

    def stop(self) -> None:
        """No more faults; all that is broken is mended now, but for some machines that stay off."""
        self.trace.add("--- quiet ---")
        self.active = False
        may_stay_off = (len(self.agents) - 1) // 2  # with more, the brake would rightly stay on
        for agent in self.agents.values():
            agent.pulls_fail = agent.loses_next_message = False
            agent.slowness = 1
            agent.resize(agent.size)
            agent.hear()
            if not agent.up:
                if may_stay_off and self.rng.random() >= RETURNS:
                    may_stay_off -= 1
                else:
                    agent.boot()
            if not agent.works:
                agent.work_again(restarted=True)
            if not agent.reachable:
                agent.mend()
        if not self.control.leads:
            self.control.lead()
        if may_stay_off and self.rng.random() < LOSS:
            self._any().crash()

    def _next(self) -> None:
        if not self.active:
            return
        kinds: tuple[Callable[[], None], ...] = (
            self._container_exits,
            self._container_exits,
            self._container_exits,
            self._machine_crashes,
            self._network_is_cut,
            self._network_is_cut,
            self._agent_freezes,
            self._agent_restarts,
            self._machine_is_slow,
            self._message_is_lost,
            self._pulls_fail,
            self._leader_falls,
            self._server_is_restored,
            self._many_are_cut,
            self._machine_shrinks,
            self._agent_is_deaf,
        )
        self.rng.choice(kinds)()
        self.clockwork.after(self.rng.randint(*self.every_ms), self._next)

    # --- the faults ----------------------------------------------------------------------------
    def _container_exits(self) -> None:
        agent = self._any()
        running = [task for task, each in agent.containers.items() if each.running]
        if running:
            agent.exit_container(self.rng.choice(running), self.rng.choice([0, 1, 137]))

    def _machine_crashes(self) -> None:
        agent = self._any()
        if agent.up:
            agent.crash()
            self._later(LONG_MS, lambda: None if agent.up else agent.boot())

    def _network_is_cut(self) -> None:
        self._cut(self._any(), self._short_or_long())

    def _many_are_cut(self) -> None:
        """A switch dies: so many at once that the brake may be needed."""
        names = self.rng.sample(list(self.agents), self.rng.randint(1, len(self.agents)))
        duration = self._short_or_long()
        for name in names:
            self._cut(self.agents[name], duration)

    def _cut(self, agent: Agent, duration: tuple[int, int]) -> None:
        if agent.reachable:
            agent.cut()
            self._later(duration, lambda: None if agent.reachable else agent.mend())

    def _agent_freezes(self) -> None:
        agent = self._any()
        if agent.works:
            agent.stop_working()
            self._later(self._short_or_long(), lambda: agent.work_again(restarted=False))

    def _agent_restarts(self) -> None:
        agent = self._any()
        if agent.works:
            agent.stop_working()
            self._later(self._short_or_long(), lambda: agent.work_again(restarted=True))

    def _machine_is_slow(self) -> None:
        agent = self._any()
        agent.slowness = self.rng.randint(2, 20)
        self.trace.add(f"{agent.name} is {agent.slowness} times slower")

        def well() -> None:
            agent.slowness = 1

        self._later(LONG_MS, well)

    def _machine_shrinks(self) -> None:
        """Memory dies, or somebody gives a virtual machine less: below what is held there."""
        agent = self._any()
        less = Resources(agent.size.milli_cpus // 4, agent.size.memory_bytes // 4)
        agent.resize(less)
        self._later(LONG_MS, lambda: agent.resize(agent.size))

    def _agent_is_deaf(self) -> None:
        """It lives, and takes nothing: as one whose runtime hangs."""
        agent = self._any()
        agent.deaf = True
        self.trace.add(f"{agent.name} is deaf")
        self._later(LONG_MS, agent.hear)

    def _message_is_lost(self) -> None:
        self._any().loses_next_message = True

    def _pulls_fail(self) -> None:
        agent = self._any()
        agent.pulls_fail = True
        self.trace.add(f"{agent.name} can pull no image")

        def well() -> None:
            agent.pulls_fail = False

        self._later(LONG_MS, well)

    def _leader_falls(self) -> None:
        if self.control.leads:
            self.control.fall()
            self._later(NO_LEADER_MS, lambda: None if self.control.leads else self.control.lead())

    def _server_is_restored(self) -> None:
        self.control.restart_follower()

    # --- chance --------------------------------------------------------------------------------
    def _any(self) -> Agent:
        return self.agents[self.rng.choice(self._names())]

    def _names(self) -> Sequence[NodeName]:
        return list(self.agents)

    def _short_or_long(self) -> tuple[int, int]:
        return self.rng.choice([SHORT_MS, LONG_MS])

    def _later(self, between: tuple[int, int], deed: Callable[[], None]) -> None:
        def unless_over() -> None:
            if self.active:
                deed()

        self.clockwork.after(self.rng.randint(*between), unless_over)
