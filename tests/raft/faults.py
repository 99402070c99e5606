"""The nemesis of the simulation: draws faults, then heals, and demands that all agree."""

from collections import Counter
from functools import partial

from controlplane.raft.snapshots import MemberRecord
from orb.errors import OrbError
from tests.raft.ledger import Broken
from tests.raft.simdisk import SimDisk
from tests.raft.world import Host, World

HEAL_WITHIN_S = 30.0
"""After the last fault, all servers must agree within this much virtual time."""


class Nemesis:
    """Faults drawn from the world's seed."""

    def __init__(self, world: World, *, members: bool) -> None:
        self.world = world
        self.rng = world.rng
        self.faults = [
            self.crash,
            self.power_cut,
            self.crash_all,
            self.isolate,
            self.split,
            self.one_way,
            self.pause,
            self.lossy,
            self.fill_disk,
            self.slow_disk,
            self.hand_over,
            self.snapshot,
            *([self.change_members] * 2 + [self.wipe] if members else []),
            self.heal_network,
            self.heal_network,
        ]

    def act(self) -> None:
        fault = self.rng.choice(self.faults)
        self.world.counts[f"fault: {fault.__name__}"] += 1
        fault()
        self.world.at(self.rng.uniform(0.1, 1.5), self.act)

    def _one(self) -> Host:
        leader = self.world.leader()
        if leader is not None and self.rng.random() < 0.4:
            return leader
        return self.rng.choice(list(self.world.hosts.values()))

    def _later(self, host: Host) -> None:
        def restart() -> None:
            if host.server is None:
                host.start()

        self.world.at(self.rng.uniform(0.05, 4.0), restart)

    def crash(self) -> None:
        host = self._one()
        host.crash()
        self._later(host)

    def power_cut(self) -> None:
        """Die in the middle of one of the next disk operations."""
        host = self._one()
        host.disk.cut_after = self.rng.randint(1, 12)
        self.world.at(3.0, partial(self._later, host))

    def crash_all(self) -> None:
        for host in self.world.hosts.values():
            host.crash()
            self._later(host)

    def isolate(self) -> None:
        name = self._one().name
        for other in self.world.hosts:
            self.world.blocked |= {(name, other), (other, name)}

    def split(self) -> None:
        names = list(self.world.hosts)
        left = set(self.rng.sample(names, self.rng.randint(1, len(names) - 1)))
        self.world.blocked = {
            (one, two) for one in names for two in names if (one in left) != (two in left)
        }

    def one_way(self) -> None:
        one, two = self.rng.sample(list(self.world.hosts), 2)
        self.world.blocked.add((one, two))

    def heal_network(self) -> None:
        self.world.blocked = set()
        self.world.loss = 0.0

    def pause(self) -> None:
        self._one().paused_until = self.world.now + self.rng.uniform(0.05, 4.0)

    def lossy(self) -> None:
        self.world.loss = self.rng.uniform(0.01, 0.3)

    def fill_disk(self) -> None:
        host = self._one()
        host.disk.full = True

        def make_room() -> None:
            host.disk.full = False

        self.world.at(self.rng.uniform(0.2, 3.0), make_room)

    def slow_disk(self) -> None:
        self._one().slow = self.rng.choice([1.0, 1.0, 10.0, 200.0])

    def hand_over(self) -> None:
        leader = self.world.leader()
        if leader is not None and leader.server is not None:
            try:
                leader.server.transfer_to(self.rng.choice(list(self.world.hosts)))
            except OrbError:
                self.world.counts["hand-over refused"] += 1

    def snapshot(self) -> None:
        host = self._one()
        if host.server is not None:
            host.server.compact(float("inf"))

    def change_members(self) -> None:
        """Add a learner, promote one, or remove a server: whatever the leader accepts."""
        leader = self.world.leader()
        server = leader.server if leader is not None else None
        if server is None:
            return
        learners = [name for name in server.config if name not in server.voters]
        try:
            if learners and self.rng.random() < 0.8:
                config, what = server.with_voter(self.rng.choice(learners)), "promoted"
            elif len(server.config) < 5 and self.rng.random() < 0.6 and len(self.world.hosts) < 9:
                server.change({**server.config, "trial": MemberRecord("trial:1", votes=False)})
                name = self.world.newcomer().name
                config, what = server.with_learner(name, f"{name}:1"), "added"
            elif len(server.config) > 3:
                wiped = [name for name in server.config if self.world.hosts[name].wiped]
                # With one server gone for good, removing another would leave no majority.
                name = self.rng.choice(wiped or sorted(server.config))
                config, what = server.without(name), "removed"
            else:
                return
            server.propose_config(config, lambda _result, _error: None)
        except OrbError:
            what = "refused"
        self.world.counts[f"member {what}"] += 1

    def wipe(self) -> None:
        """Give one server an empty disk under its old name; twice a run, and data would be gone."""
        leader, host = self.world.leader(), self._one()
        server = leader.server if leader is not None else None
        if server is None or server.config_index > server.commit_index:
            return
        known = server.config.get(host.name)
        everybody = all(other.server is not None for other in self.world.hosts.values())
        up_to_date = all(
            other.server is not None and other.server.config == server.config
            for other in self.world.hosts.values()
            if other.name in server.config
        )
        if known is None or not known.identity or not everybody or not up_to_date:
            return
        if self.world.counts["wiped"] == 0 and len(server.config) > 2:
            self.world.counts["wiped"] += 1
            host.crash()
            host.wiped = True
            host.disk = SimDisk(self.rng)
            self._later(host)

    def stop(self) -> None:
        """End every fault."""
        self.faults = [self.heal_network]
        self.heal_network()
        for host in self.world.hosts.values():
            host.paused_until = 0.0
            host.slow = 1.0
            host.disk.full = False
            host.disk.cut_after = None
            if host.server is None:
                host.start()


def clients(world: World) -> None:
    """A few commands now, and more in a moment."""
    for _ in range(world.rng.randint(1, 6)):
        leader = world.leader() if world.rng.random() < 0.8 else None
        world.propose(leader)
    if world.rng.random() < 0.3:
        world.read()
    world.at(world.rng.expovariate(1 / 0.05), partial(clients, world))


def run_seed(seed: int, seconds: float = 30.0, *, members: bool = True) -> Counter[str]:
    """Run one seed, with changes of the *members* or without.

    Raises Broken, which names the promise that was not kept.
    """
    world = World(seed, servers=5 if seed % 4 == 0 else 3)
    nemesis = Nemesis(world, members=members)
    world.at(2.0, nemesis.act)
    world.at(0.5, partial(clients, world))
    world.run(seconds)
    nemesis.stop()
    world.run(1.0)
    nemesis.stop()
    settle(world)
    return world.counts


def settle(world: World) -> None:
    """Liveness: a leader is found, writes go through, and all servers hold the same state."""
    before = world.counts["acknowledged"]
    deadline = world.now + HEAL_WITHIN_S
    while world.now < deadline:
        world.run(0.5)
        if agreed(world) and world.counts["acknowledged"] > before + 5:
            break
        if world.now > deadline - 20.0:
            world._events = [event for event in world._events if not is_client(event[2])]
    else:
        raise Broken(f"no agreement {HEAL_WITHIN_S} s after the last fault")
    for host in world.hosts.values():
        host.machine.check()
        world.counts["torn files"] += host.disk.torn
        world.counts["unsynced files lost"] += host.disk.lost


def agreed(world: World) -> bool:
    """Whether every member has the same state, with all that was acknowledged."""
    leader = world.leader()
    if leader is None or leader.server is None:
        return False
    members = [world.hosts[name] for name in leader.server.config if not world.hosts[name].wiped]
    states = [host.machine.rows for host in members if host.server is not None]
    return (
        len(states) == len(members)
        and all(rows == states[0] for rows in states)
        and leader.machine.applied >= world.ledger.highest
    )


def is_client(do: object) -> bool:
    return isinstance(do, partial) and do.func is clients
