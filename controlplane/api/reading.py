"""How a request comes to its look: from the leader and up to date, or stale if that will do."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from controlplane.api.look import Look
from controlplane.dispatcher.dispatcher import Dispatcher
from controlplane.leader import Leader
from controlplane.raft.log import Log, LogStatus, Role
from controlplane.state.tables import State
from orb.clock import Clock
from orb.errors import NoQuorum, NotLeader, Unavailable
from orb.ids import Millis, ServerName

WATCHERS_MAX: Final = 500
"""Watches and follows at one server; one more is refused."""
ELECTION_S_MAX: Final = 2.0
"""Servers that know no leader for longer, in seconds, are not just choosing one."""
LOOK_AGAIN_S: Final = 0.5
"""Between two looks of a watch at least that passes, in seconds."""
LOOK_AGAIN_PER_LOOK: Final = 4
"""And at least so many times what the last look took: watching must not starve the work."""
LOOK_ANYWAY_S: Final = 2.0
"""A watch looks again after that, in seconds, though the state has not changed: what a server
knows beside it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a server that answers are made of."""

    agreement: Log
    state: State
    leader: Leader
    dispatcher: Dispatcher
    addresses: Callable[[LogStatus], Mapping[ServerName, str]]
    """Where orbctl and agents reach each server."""
    clock: Clock


class Reading:
    """Makes looks, and says when another one is worth it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._watching: set[asyncio.Event] = set()

    async def run(self) -> None:
        """Notice changes, for ever."""
        async for _ in self._parts.agreement.changes():
            for changed in self._watching:
                changed.set()

    async def look(self, *, stale: bool) -> Look:
        """The state now. Unless *stale*: with all that was acknowledged before.

        Raises NotLeader, NoQuorum or Unavailable, within 5 s.
        """
        if stale:
            silent_s = self._parts.agreement.status().silent_s
            return self._look(Millis(round(silent_s * 1000)))
        with only_at_the_leader(self._parts.agreement):
            await self._parts.agreement.barrier()
        return self._look(None)

    async def looks(self, *, stale: bool) -> AsyncGenerator[Look, None]:
        """A look at once, and again whenever something may have changed, with pauses."""
        if len(self._watching) >= WATCHERS_MAX:
            raise Unavailable(
                f"{WATCHERS_MAX} watches run at this server already", remedy="try again later"
            )
        clock, changed = self._parts.clock, asyncio.Event()
        self._watching.add(changed)
        try:
            while True:
                changed.clear()
                started = clock.monotonic()
                yield await self.look(stale=stale)
                took = clock.monotonic() - started
                await clock.sleep(max(LOOK_AGAIN_S, LOOK_AGAIN_PER_LOOK * took))
                try:
                    async with asyncio.timeout(LOOK_ANYWAY_S):
                        await changed.wait()
                except TimeoutError:
                    continue
        finally:
            self._watching.discard(changed)

    def _look(self, age_ms: Millis | None) -> Look:
        parts = self._parts
        agreement = parts.agreement.status()
        return Look(
            state=parts.state,
            agreement=agreement,
            now=parts.clock.now(),
            pending=parts.leader.pending,
            usage=parts.dispatcher.usage,
            heard=parts.leader.view.heard,
            addresses=parts.addresses(agreement),
            age_ms=age_ms,
        )


@contextmanager
def only_at_the_leader(agreement: Log) -> Iterator[None]:
    """Do what only a leader can. Elsewhere, or when leadership is lost meanwhile, say whom to ask,
    or why nobody can answer. Raises NotLeader, NoQuorum or Unavailable."""
    status = agreement.status()
    if status.role is not Role.LEADER:
        raise why_not_here(status)
    try:
        yield
    except NotLeader as error:
        now = agreement.status()
        raise (error if now.role is Role.LEADER else why_not_here(now)) from None


def why_not_here(status: LogStatus) -> Unavailable:
    """Whom to ask instead of a server that does not lead, or why nobody can answer."""
    if not status.members:
        return Unavailable(
            "this server waits to be added to a cluster",
            remedy="`orbctl server add NAME=HOST`, asked of that cluster, adds it",
        )
    if _is_led(status):
        return NotLeader(status.leader)
    missing = [member.name for member in status.members if not member.healthy]
    there = len(status.members) - len(missing)
    remedy = "`orbctl status --stale` shows what this one knows"
    if 2 * there <= len(status.members):
        return NoQuorum(
            f"only {there} of {len(status.members)} servers can be reached: "
            "nothing can be agreed on",
            remedy=f"start the missing servers ({', '.join(missing)}); {remedy}",
        )
    if status.silent_s > ELECTION_S_MAX:
        return NoQuorum(
            f"no server has led for {status.silent_s:.0f} s: nothing can be agreed on",
            remedy=f"look whether all servers run and reach each other; {remedy}",
        )
    return NotLeader(None)


def _is_led(status: LogStatus) -> bool:
    return status.leader is not None and status.quorum
