"""A whole life in the bottle: faults and wishes, then quiet, then an exam; and how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from traceback import format_exception
from typing import Final

from controlplane.reconcilers import decide
from controlplane.sim.checks import Violated, unfinished
from controlplane.sim.clockwork import START
from controlplane.sim.control import Decide
from controlplane.sim.exam import examine
from controlplane.sim.served import Served
from controlplane.sim.world import World
from orb.resources import Resources

QUIET_MS: Final = 150_000
"""How long nothing goes wrong at the end: more than any back-off, verdict and rollout takes."""
QUIET_LOOK_MS: Final = 10_000
"""So often is looked whether everything has come true already."""
ACTS_EVERY_MS: Final = (500, 8_000)
"""Between two things that people do."""
ROOMY: Final = Resources(32_000, 64 * 1024**3)
"""Machines on which everything has room."""
EXAM_EVERY: Final = 4
"""One life in so many ends with the exam."""


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


def simulate_calm(seed: int, nodes: int, seconds: int) -> Outcome:
    """Live without any fault, while people update, scale and drain: nobody may go unserved."""
    world = World(seed, nodes)
    world.people.is_kind = True
    for agent in world.agents.values():
        agent.resize(ROOMY)
    world.watchers.append(Served().after)
    world.faults.active = False
    return _outcome(world, seconds)


def simulate(seed: int, nodes: int, seconds: int, decide: Decide = decide) -> Outcome:
    """Live through *seconds* of faults and wishes, then through quiet; say what was wrong.

    With another *decide* it can be tried whether a world would notice a mistake.
    """
    return _outcome(World(seed, nodes, decide), seconds)


def _outcome(world: World, seconds: int) -> Outcome:
    wrong = ""
    try:
        _live(world, seconds)
        _come_to_rest(world)
    except Violated as violated:
        wrong = str(violated)
    except Exception as error:  # noqa: BLE001 - whatever breaks in a world is what the run has found
        wrong = "".join(format_exception(error)[-3:])
    return Outcome(
        seed=world.seed,
        nodes=len(world.agents),
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
    if world.faults.active:
        world.faults.begin()
    chance = world.chance("when people act")
    end = START + 1_000 * seconds
    while world.clockwork.now < end:
        world.run(chance.randint(*ACTS_EVERY_MS))
        world.people.act()


def _come_to_rest(world: World) -> None:
    if world.faults.active:
        world.faults.stop()
    world.people.rest()
    end = world.clockwork.now + QUIET_MS
    left = ["nothing was looked at"]
    while left and world.clockwork.now < end:
        world.run(QUIET_LOOK_MS)
        left = unfinished(world.control.state, world.agents)
    if not left and world.seed % EXAM_EVERY == 0:
        examine(world)
        left = unfinished(world.control.state, world.agents)
    if left:
        raise Violated(f"after {QUIET_MS // 1000} s of quiet: {'; '.join(left[:5])}")
    one, other = (b"".join(machine.snapshot()) for machine in world.control.machines)
    if one != other:
        raise Violated("the servers hold different states")
