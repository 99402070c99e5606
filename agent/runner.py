"""Takes one task through its life on this machine: ask what is next, do it, report, ask again."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

from agent import verdict
from agent.files import Files
from agent.lifecycle import Step, ending, next_step, phase_of
from agent.reporter import Reporter
from agent.runtime.base import Running, Runtime, RuntimeFailure
from agent.store import Kept, Store
from agent.verdict import Health
from orb import telemetry
from orb.clock import Clock
from orb.lifecycle import TERMINAL, Desired, TaskState
from orb.logs import Logger
from orb.race import unless
from orb.spec import Healthcheck
from orb.work import MESSAGE_CHARACTERS_MAX, Assignment, Report

RETRY_FIRST_MS: Final = 500
"""The wait before a step that failed for no fault of the task is tried again; it doubles."""
RETRY_MAX_MS: Final = 15_000
"""The longest such wait; there is no bound on the tries, because the task is still wanted."""
PROBE_SLACK_MS: Final = 2_000
"""A runtime that answers a probe later than its timeout and this is taken not to answer at all."""

FILES_AFTER_END_MS: Final = 10_000
"""How long an ended task keeps its configs and secrets, at least; then a look takes them away."""
DATA_AGAIN_MS: Final = 100
"""A task that waits for its replica's volumes asks again after that."""

log = Logger("runner")


@dataclass(frozen=True, slots=True)
class Tools:
    """What every runner works with."""

    runtime: Runtime
    clock: Clock
    reporter: Reporter
    store: Store
    files: Files
    look: Callable[[], None]
    """Asks for a look at the runtime soon; its result comes with `Runner.saw`."""
    has_data_free: Callable[[Assignment], bool]
    """Whether no older task of the same replica may still use the volumes of this one."""


class Runner:
    """One task. `run` returns when nothing of it is left on the machine."""

    def __init__(self, tools: Tools, assignment: Assignment, last: Report | None = None) -> None:
        self.task = assignment.task
        self._tools = tools
        self._assignment = assignment
        self._wanted: Desired | None = assignment.desired
        self._report = last or Report(task=assignment.task, state=TaskState.ASSIGNED)
        self._health = Health(ready=self._report.ready, was_ready=self._report.ready)
        stopping = self._report.state is TaskState.STOPPING
        self._condemned = self._report.message if stopping else ""
        self._seen: Running | None = None
        self._prepared = False
        self._remark_logged = False
        self._ended_s: float | None = None
        self._note_end()
        self._stumbles = 0
        self._news = asyncio.Event()
        self._looked = asyncio.Event()
        self.is_watching = False
        """Whether a look that begins now may tell it that its container has ended or gone."""

    def wish(self, assignment: Assignment | None) -> None:
        """What is wanted of the task now; None: it must go in any form."""
        wanted = None if assignment is None else assignment.desired
        if wanted is not self._wanted:
            self._wanted = wanted
            self._news.set()
        if assignment is not None and assignment != self._assignment:
            self._assignment = assignment
            self._keep()

    def adopt(self, seen: Running) -> None:
        """The runtime has it already: the agent, not the task, was started again."""
        self._seen = seen
        self._prepared = True

    def saw(self, seen: Running | None) -> None:
        """What a look at the runtime has found of it."""
        before, self._seen = self._seen, seen
        self._looked.set()
        if seen is None or before is None or seen.running != before.running:
            self._news.set()

    async def run(self) -> None:
        """Do one step after the other until the task is removed."""
        self._keep()
        self._tools.reporter.put(self._report)
        step = None
        while step is not Step.REMOVE:
            self._news.clear()
            phase = phase_of(self._report.state, self._seen, prepared=self._prepared)
            step = next_step(self._wanted, phase, condemned=self._is_condemned)
            try:
                await self._do(step)
            except RuntimeFailure as failure:
                await self._stumble(step, failure)
                step = None
            else:
                self._stumbles = 0
        self._tools.store.forget(self.task)
        self._tools.reporter.forget(self.task)

    @property
    def _is_condemned(self) -> bool:
        """It must not run on: its health is given up, or its end was reported already."""
        return bool(self._condemned) or self._report.state in TERMINAL

    async def _do(self, step: Step) -> None:
        match step:
            case Step.PREPARE:
                await self._prepare()
            case Step.START:
                await self._start()
            case Step.WATCH:
                await self._watch()
            case Step.STOP:
                await self._stop()
            case Step.CONCLUDE:
                self._conclude()
            case Step.REST:
                await self._news.wait()
            case Step.REMOVE:
                await self._remove()

    async def _prepare(self) -> None:
        image = self._assignment.spec.container.image
        message = f"makes the image {image} ready"
        self._say(replace(self._report, state=TaskState.PREPARING, message=message))
        with self._span("agent.prepare"):
            self._prepared = await unless(self._news, self._tools.runtime.prepare(self._assignment))

    def may_use_data_of(self, younger: Assignment) -> bool:
        """Its container may still run, and is of the same replica: so it has the same volumes."""
        mine = self._assignment
        is_up = self._seen is not None and self._seen.running
        is_between = TaskState.STARTING <= self._report.state <= TaskState.STOPPING
        return (
            mine.replica == younger.replica and self.task < younger.task and (is_up or is_between)
        )

    async def _start(self) -> None:
        if not self._tools.has_data_free(self._assignment):
            message = "waits until the last task of its replica has left the volumes"
            self._say(replace(self._report, message=message))
            await unless(self._news, self._tools.clock.sleep(DATA_AGAIN_MS / 1000))
            return
        if not await self._has_files():
            return
        self._say(replace(self._report, state=TaskState.STARTING, message=""))
        with self._span("agent.start"):
            self._seen = await self._tools.runtime.start(self._assignment)

    async def _has_files(self) -> bool:
        """Have its configs and secrets in place; False if something else is wanted before."""
        if not self._tools.files.missing(self._assignment):
            return True
        message = "waits for its configs and secrets from a server"
        self._say(replace(self._report, message=message))
        return await unless(self._news, self._tools.files.fetch(self._assignment))

    async def _watch(self) -> None:
        seen = self._seen
        if seen is None:
            return
        self.is_watching = True
        try:
            check = verdict.check_for(self._assignment.spec, seen.image_healthcheck)
            ready = check is None or self._health.ready
            report = _with_facts(self._report, seen)
            message = self._remarked("" if check is None else self._health.answer)
            self._say(replace(report, state=TaskState.RUNNING, ready=ready, message=message))
            self._log_remark(seen.remark)
            if check is None:
                await self._news.wait()
            else:
                await unless(self._news, self._probe_until_dead(check))
        finally:
            self.is_watching = False

    def _remarked(self, answer: str) -> str:
        """The answer to a question after its health, and what a person should know besides."""
        remark = "" if self._seen is None else self._seen.remark
        return "; ".join(filter(None, (answer, remark)))

    def _log_remark(self, remark: str) -> None:
        """Once, however often it is watched anew."""
        if remark and not self._remark_logged:
            self._remark_logged = True
            name = self._assignment.replica.name
            log.warning("a task does not run as declared", task=self.task, replica=name, why=remark)

    async def _probe_until_dead(self, check: Healthcheck) -> None:
        while not verdict.is_dead(check, self._health):
            wait = verdict.wait_before_next(check, self._health)
            await self._tools.clock.sleep(wait / 1000)
            await self._probe(check)
            health = self._health
            message = self._remarked(health.answer)
            self._say(replace(self._report, ready=health.ready, message=message))
        self._condemned = f"unhealthy: {self._health.answer}"

    async def _probe(self, check: Healthcheck) -> None:
        runtime, task = self._tools.runtime, self.task
        try:
            async with asyncio.timeout((check.timeout_ms + PROBE_SLACK_MS) / 1000):
                well, answer = await runtime.probe(task, check.test, check.timeout_ms)
        except TimeoutError:
            well, answer = False, f"no answer within {check.timeout_ms / 1000:g} s"
        except RuntimeFailure as failure:
            if failure.temporary:
                # It says nothing about the task; `asked` must grow, or the question has no pause.
                self._health = replace(self._health, asked=self._health.asked + 1)
                return
            well, answer = False, str(failure)
        if well:
            self._health = verdict.succeed(self._health)
        else:
            now = self._tools.clock.now()
            started = (self._seen and self._seen.started_at) or now
            self._health = verdict.fail(
                check, self._health, answer or "no answer", started_at=started, now=now
            )

    async def _stop(self) -> None:
        container = self._assignment.spec.container
        message = self._condemned
        self._say(replace(self._report, state=TaskState.STOPPING, ready=False, message=message))
        await self._tools.runtime.stop(
            self.task, container.stop_signal, container.stop_grace_period_ms
        )
        self._looked.clear()
        self.is_watching = True
        self._tools.look()
        try:
            await self._looked.wait()
        finally:
            self.is_watching = False
        if self._seen is not None and self._seen.running:
            raise RuntimeFailure("it runs on after it was killed", temporary=True)

    async def _remove(self) -> None:
        await self._tools.runtime.remove(self.task)
        if self._assignment.spec.container.files:
            await self._tools.files.remove(self.task)

    @property
    def needs_files(self) -> bool:
        """Its configs and secrets must stay; a while longer than the task, because somebody may
        just restart its container by hand."""
        if self._ended_s is None or (self._seen is not None and self._seen.running):
            return True
        return self._tools.clock.monotonic() - self._ended_s < FILES_AFTER_END_MS / 1000

    def _conclude(self) -> None:
        state, message = ending(self._wanted, self._seen, self._condemned)
        report = _with_facts(self._report, self._seen)
        self._say(replace(report, state=state, ready=False, message=message))

    async def _stumble(self, step: Step, failure: RuntimeFailure) -> None:
        """Try again where the task is not to blame or must be ended; else it has failed."""
        message = str(failure)
        log.warning("a step failed", task=self.task, step=step.name.lower(), why=message)
        if not failure.temporary and step in {Step.PREPARE, Step.START}:
            failed = replace(self._report, state=TaskState.FAILED, message=message)
            self._say(replace(failed, image_missing=failure.image_missing))
            return
        self._say(replace(self._report, message=message))
        wait = min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** min(self._stumbles, 10))
        self._stumbles += 1
        await unless(self._news, self._tools.clock.sleep(wait / 1000))

    def _span(self, name: str) -> AbstractContextManager[telemetry.Span]:
        """A part of the trace of the command that made the task."""
        replica = self._assignment.replica
        return telemetry.span(name, self._assignment.trace, task=self.task, replica=replica.name)

    def _say(self, report: Report) -> None:
        """This is now the report. A state never goes back, and an end is an end."""
        if self._report.state in TERMINAL:
            return
        if report.state < self._report.state or len(report.message) > MESSAGE_CHARACTERS_MAX:
            state = max(report.state, self._report.state)
            report = replace(report, state=state, message=cut(report.message))
        if report != self._report:
            self._report = report
            self._note_end()
            self._keep()
            self._tools.reporter.put(report)

    def _note_end(self) -> None:
        if self._report.state in TERMINAL:
            self._ended_s = self._tools.clock.monotonic()

    def _keep(self) -> None:
        self._tools.store.keep(Kept(self._assignment, self._report))


def cut(message: str) -> str:
    """A message of at most MESSAGE_CHARACTERS_MAX: what is too much is cut from its middle."""
    if len(message) <= MESSAGE_CHARACTERS_MAX:
        return message
    half = (MESSAGE_CHARACTERS_MAX - len(" … ")) // 2
    return f"{message[:half]} … {message[-half:]}"


def _with_facts(report: Report, seen: Running | None) -> Report:
    if seen is None:
        return report
    return replace(
        report,
        container_id=seen.container_id,
        image_id=seen.image_id,
        ports=seen.ports,
        started_at=seen.started_at,
        finished_at=seen.finished_at,
        exit_code=seen.exit_code,
        oom_killed=seen.oom_killed,
    )
