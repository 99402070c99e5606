"""The agent of one node: its parts put together. Thousands of them fit into one process."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Protocol

from agent.contents import Contents
from agent.files import Files, FileStore
from agent.link import Dial
from agent.reporter import Reporter
from agent.runtime.base import Facts, Runtime, RuntimeFailure
from agent.session import Session, SessionParts
from agent.store import Store
from agent.worker import Worker
from orb.clock import Clock
from orb.logs import Logger
from orb.work import MESSAGE_CHARACTERS_MAX, NodeFacts, Usage

FACTS_EVERY_MS: Final = 10_000
FACTS_RETRY_MS: Final = 1_000

log = Logger("agent")


class Meter(Protocol):
    """Measures what the machine uses."""

    def read(self, tasks: int) -> Usage:
        """The usage of this moment; *tasks* run on this machine."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentParts:
    """Everything of the outside world that an agent works with."""

    addresses: Sequence[str]
    """The servers, as `host:port`."""
    dial: Dial
    clock: Clock
    chance: Random
    runtime: Runtime
    store: Store
    files: FileStore
    facts: Facts
    meter: Meter


class Agent:
    """Runs on its machine what the servers assign to it."""

    def __init__(self, parts: AgentParts) -> None:
        self._parts = parts
        reporter = Reporter()
        contents = Contents(reporter.wake.set)
        files = Files(parts.files, contents)
        self._worker = Worker(parts.runtime, parts.clock, reporter, parts.store, files)
        self._machine = _Machine(parts.facts, parts.meter, parts.clock)
        self._session = Session(
            SessionParts(
                addresses=parts.addresses,
                dial=parts.dial,
                clock=parts.clock,
                chance=parts.chance,
                machine=self._machine,
                reporter=reporter,
                contents=contents,
                runtime=parts.runtime,
                duties=self._worker,
            )
        )

    @property
    def is_in_session(self) -> bool:
        """Whether a server leads it just now."""
        return bool(self._session.server)

    @property
    def status(self) -> str:
        """What it does, in one line for people."""
        server = self._session.server
        return f"{self._worker.count} tasks, {f'in session with {server}' if server else 'alone'}"

    async def run(self) -> None:
        """Work until cancelled; the tasks then stay as they are."""
        async with asyncio.TaskGroup() as group:
            await self._machine.read()
            group.create_task(self._machine.refresh(), name="facts")
            group.create_task(self._worker.run(), name="worker")
            await self._worker.recovered.wait()
            group.create_task(self._session.run(), name="session")


class _Machine:
    """The facts as read last, and the usage: what a session asks, without waiting for anything."""

    def __init__(self, facts: Facts, meter: Meter, clock: Clock) -> None:
        self._source = facts
        self._meter = meter
        self._clock = clock
        self._facts: NodeFacts | None = None
        self._trouble = ""
        self._told_at = -FACTS_EVERY_MS / 1000
        """When the facts last changed their word about the runtime."""

    @property
    def facts(self) -> NodeFacts:
        """What the machine is. `read` must have been awaited before."""
        if self._facts is None:
            raise RuntimeError("the facts were not read yet")
        return self._facts

    def usage(self, tasks: int) -> Usage:
        """What the machine uses just now."""
        return replace(self._meter.read(tasks), trouble=self._trouble)

    async def read(self) -> None:
        """Read the facts; wait for the runtime until it answers."""
        while True:
            try:
                facts = await self._source.read()
            except RuntimeFailure as failure:
                self._note(str(failure)[:MESSAGE_CHARACTERS_MAX])
                if self._facts is not None:
                    self._facts = self._tell(self._facts)
                await self._clock.sleep(FACTS_RETRY_MS / 1000)
            else:
                self._note("")
                told = "" if self._facts is None else self._facts.trouble
                self._facts = self._tell(replace(facts, trouble=told))
                return

    def _tell(self, facts: NodeFacts) -> NodeFacts:
        """The facts with the news of the runtime, but none within 10 s of the last: the servers
        agree on each, and a flapping engine must not keep them busy."""
        now = self._clock.monotonic()
        is_news = bool(facts.trouble) != bool(self._trouble)
        if not is_news or now - self._told_at < FACTS_EVERY_MS / 1000:
            return facts
        self._told_at = now
        return replace(facts, trouble=self._trouble)

    def _note(self, trouble: str) -> None:
        """Remember whether the runtime answers; said once, until it changes."""
        if trouble and trouble != self._trouble:
            log.warning("the runtime does not answer", why=trouble)
        elif self._trouble and not trouble:
            log.info("the runtime answers again")
        self._trouble = trouble

    async def refresh(self) -> None:
        """Read the facts again and again."""
        while True:
            await self._clock.sleep(FACTS_EVERY_MS / 1000)
            await self.read()
