"""Makes the machine have the tasks it was assigned, and no others: one runner a task.

A look at the runtime is the truth; what the runtime calls out only makes the next look come sooner.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from agent.files import Files
from agent.reporter import Reporter
from agent.runner import RETRY_FIRST_MS, RETRY_MAX_MS, Runner, Tools
from agent.runtime.base import Running, Runtime, RuntimeFailure
from agent.store import Store
from orb.clock import Clock
from orb.ids import Millis, TaskId
from orb.logs import Logger
from orb.race import unless
from orb.work import Assignment

LOOK_EVERY_MS: Final = 10_000
"""A look comes at the latest after that, because what the runtime calls out may get lost."""
LOOK_GAP_MS: Final = 50
"""Between two looks at least that passes: what happens meanwhile is seen by the second one."""
ORPHAN_GRACE_MS: Final = Millis(10_000)
"""How long a task that nobody knows any more may take to end."""
ORPHAN_SIGNAL: Final = "SIGTERM"
RUNNER_AGAIN_MS: Final = 5_000
"""A runner that failed by a mistake of ours is started again after that."""

log = Logger("worker")


class Worker:
    """All tasks of this machine."""

    def __init__(
        self, runtime: Runtime, clock: Clock, reporter: Reporter, store: Store, files: Files
    ) -> None:
        self._runtime = runtime
        self._files = files
        self._clock = clock
        self._store = store
        self._wake = asyncio.Event()
        self._tools = Tools(
            runtime=runtime,
            clock=clock,
            reporter=reporter,
            store=store,
            files=files,
            look=self._wake.set,
            has_data_free=self._has_data_free,
        )
        self._runners: dict[TaskId, Runner] = {}
        self._unowned: dict[TaskId, Running] = {}
        self._sweeping: set[TaskId] = set()
        self._knows_all = False
        self._group = asyncio.TaskGroup()
        self.recovered = asyncio.Event()
        """Set once it knows again what it ran before it was started: before that, take nothing."""

    @property
    def count(self) -> int:
        """How many tasks it cares for."""
        return len(self._runners)

    async def run(self) -> None:
        """Take over what runs already, then keep looking, for ever. Cancelling leaves tasks be."""
        async with self._group as group:
            await self._recover()
            group.create_task(self._listen(), name="changes")
            while True:
                await unless(self._wake, self._clock.sleep(LOOK_EVERY_MS / 1000))
                self._wake.clear()
                await self._look()
                await self._clock.sleep(LOOK_GAP_MS / 1000)

    def take(self, assignments: Sequence[Assignment]) -> None:
        """This is everything that the machine must have; whatever else of ours is here must go."""
        wanted = {assignment.task for assignment in assignments}
        self._knows_all = True
        self.change(assignments, [task for task in self._runners if task not in wanted])
        self._wake.set()

    def change(self, assignments: Sequence[Assignment], removed: Sequence[TaskId]) -> None:
        """These are new or changed, and those must go."""
        for assignment in assignments:
            runner = self._runners.get(assignment.task)
            if runner is None:
                self._begin(
                    Runner(self._tools, assignment), self._unowned.pop(assignment.task, None)
                )
            else:
                runner.wish(assignment)
        for task in removed:
            if (runner := self._runners.get(task)) is not None:
                runner.wish(None)

    def _has_data_free(self, assignment: Assignment) -> bool:
        """A node that comes back from a partition still runs what was given up meanwhile: that
        must have ended before what replaces it is given the same volumes."""
        return not assignment.spec.named_volumes or not any(
            runner.may_use_data_of(assignment) for runner in self._runners.values()
        )

    async def _recover(self) -> None:
        """Take over what the last agent left: what was wanted, and what is here."""
        here = {running.task: running for running in await self._list()}
        for kept in self._store.load():
            runner = Runner(self._tools, kept.assignment, kept.report)
            self._begin(runner, here.pop(kept.assignment.task, None))
        self._unowned = here
        if self._runners or here:
            log.info("takes over", tasks=len(self._runners), unknown=len(here))
        self.recovered.set()

    def _begin(self, runner: Runner, seen: Running | None) -> None:
        """Care for a task; *seen* is what the runtime had of it when the agent started."""
        if seen is not None:
            runner.adopt(seen)
        self._runners[runner.task] = runner
        self._group.create_task(self._keep_running(runner), name=f"task {runner.task}")

    async def _keep_running(self, runner: Runner) -> None:
        while True:
            try:
                await runner.run()
            except Exception as error:  # noqa: BLE001 - a mistake with one task must not cost the machine
                log.failure("a runner failed and tries again", error, task=runner.task)
                await self._clock.sleep(RUNNER_AGAIN_MS / 1000)
            else:
                del self._runners[runner.task]
                return

    async def _listen(self) -> None:
        """What the runtime calls out makes the next look come sooner."""
        while True:
            try:
                async for _ in self._runtime.changes():
                    self._wake.set()
            except RuntimeFailure as failure:
                log.warning("cannot follow the changes of the runtime", why=failure)
            self._wake.set()
            await self._clock.sleep(RETRY_FIRST_MS / 1000)

    async def _look(self) -> None:
        """Tell those who watch what the runtime has of them, and sweep out what nobody knows.

        Only those that watched before the look began: for others it may already be too old.
        """
        watching = [(task, runner) for task, runner in self._runners.items() if runner.is_watching]
        known = set(self._runners)
        here = {running.task: running for running in await self._list()}
        for task, runner in watching:
            runner.saw(here.get(task))
        if self._knows_all:
            for task in here.keys() - known - self._runners.keys() - self._sweeping:
                self._sweeping.add(task)
                self._group.create_task(self._sweep(task), name=f"orphan {task}")
            await self._files.sweep(lambda task: self._needs_files(task, here))

    def _needs_files(self, task: TaskId, here: Mapping[TaskId, Running]) -> bool:
        runner = self._runners.get(task)
        return task in here if runner is None else runner.needs_files

    async def _list(self) -> Sequence[Running]:
        """What the runtime has of ours; it is asked until it answers."""
        wait = RETRY_FIRST_MS
        while True:
            try:
                return await self._runtime.list()
            except RuntimeFailure as failure:
                log.warning("cannot see what runs here", why=failure)
                await self._clock.sleep(wait / 1000)
                wait = min(RETRY_MAX_MS, wait * 2)

    async def _sweep(self, task: TaskId) -> None:
        """End and remove a task that no server knows. If that fails, a later look sees it again."""
        log.info("a task that no server wants is removed", task=task)
        try:
            await self._runtime.stop(task, ORPHAN_SIGNAL, ORPHAN_GRACE_MS)
            await self._runtime.remove(task)
        except RuntimeFailure as failure:
            log.warning("cannot remove a task", task=task, why=failure)
        finally:
            self._sweeping.discard(task)
