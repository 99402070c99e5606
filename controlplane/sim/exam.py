"""An exam at the end of a life: one node falls silent, then it is drained; who goes unserved?"""

from collections.abc import Iterator
from typing import Final

from controlplane.sim.checks import Violated
from controlplane.sim.world import World
from controlplane.state.commands import SetAvailability
from controlplane.state.tables import Replica, State
from orb.ids import NodeName
from orb.lifecycle import Availability

NODES_MIN: Final = 3
"""With fewer, one silent node may be half of the cluster."""
STAND_IN_MS: Final = 6_000
"""Three missed heartbeats, one more that was just sent, and a second to decide."""
SETTLE_MS: Final = 20_000
DRAIN_MS: Final = 30_000


def examine(world: World) -> None:
    """Raise Violated if the promises about silent and drained nodes are not kept."""
    up = [name for name, agent in world.agents.items() if agent.up]
    if len(up) < NODES_MIN:
        return
    state = world.control.state
    name = max(up, key=lambda each: (len(state.tasks_at(each)), each))
    _silence(world, name)
    _drain(world, name)


def _silence(world: World, name: NodeName) -> None:
    alone = list(_only_there(world.control.state, name))
    world.agents[name].cut()
    world.run(STAND_IN_MS)
    state = world.control.state
    for replica in alone:
        if all(task.node == name for task in state.tasks_in(replica.key) if task.wanted):
            raise Violated(f"{name} is silent, and {replica.key.name} has no stand-in")
    world.agents[name].mend()
    world.run(SETTLE_MS)


def _drain(world: World, name: NodeName) -> None:
    world.people.ask(SetAvailability(node=name, availability=Availability.DRAINING))
    world.run(DRAIN_MS)
    state = world.control.state
    waiting = [state.tasks[task].replica.owner for task in state.unplaced]
    for replica in _only_there(state, name):
        if replica.key.owner not in waiting:  # one that finds no node holds up the others
            raise Violated(f"{name} is drained, and {replica.key.name} is still there")
    world.people.ask(SetAvailability(node=name, availability=Availability.ACTIVE))
    world.run(SETTLE_MS)


def _only_there(state: State, name: NodeName) -> Iterator[Replica]:
    """The replicas without data that are on this node and on no other, and may be elsewhere."""
    for replica in state.replicas.values():
        spec = state.services[replica.key.owner].spec
        wanted = [task for task in state.tasks_in(replica.key) if task.wanted]
        is_free = not (spec.is_stateful or spec.is_global or spec.is_job)
        if is_free and wanted and all(task.node == name for task in wanted):
            yield replica
