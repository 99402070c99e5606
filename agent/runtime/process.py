"""Runs tasks as plain processes of this machine, for where there is no Docker Engine.

Each command has a supervisor of its own (see supervisor.py) and a folder, and so outlives the
agent. There are no images, no isolation but users and cgroups, and nothing is mounted: ports and
mounts are told in the environment (`PORT`, `ORB_PORT_8080`, `ORB_VOLUME_DATA`, `ORB_MOUNT_DATA`).
"""

import asyncio
import contextlib
import os
import signal as signals
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

from agent.runtime import process_plan, supervisor
from agent.runtime.base import OutputLine, Running, RuntimeFailure, Terminal
from agent.runtime.cgroups import Cgroups
from agent.runtime.places import Places
from agent.runtime.process_folder import Folder, folders
from agent.runtime.process_logs import read_lines
from agent.runtime.process_plan import Place
from agent.runtime.process_terminal import run_in_terminal, run_piped
from orb.ids import Millis, TaskId
from orb.work import Assignment

START_SECONDS: Final = 20.0
"""A supervisor that has not said how the start went after that is not waited for."""
KILL_SECONDS: Final = 5.0
"""How long the kernel may take to end what was killed."""
PROBE_ANSWER_BYTES_MAX: Final = 4_096
"""More of a health test's answer is thrown away."""
_SUPERVISOR: Final = (sys.executable, "-P", "-S", "-E", "-s", supervisor.__file__)


class ProcessRuntime:
    """Processes whose folders are below *data*; their ports answer on *address*."""

    name = "process"

    def __init__(
        self,
        data: Path,
        address: str,
        owner: str,
        chance: Random,
        places: Places | None = None,
    ) -> None:
        """Without *places* it refuses tasks that have configs or secrets."""
        self._place = Place(data.resolve(), address, chance, places)
        self._cgroups = Cgroups(owner)
        self._cgroups.sweep()
        self._changed = asyncio.Event()
        self._watched: dict[TaskId, int] = {}
        self._ended: dict[TaskId, Running] = {}
        """What has ended never changes again: it is read once."""

    async def facts(self) -> tuple[str, Sequence[str]]:
        """It has no version; the named volumes that lie here."""
        volumes = self._place.volumes
        return "", sorted(path.name for path in volumes.iterdir()) if volumes.is_dir() else ()

    async def prepare(self, assignment: Assignment) -> None:
        """Check what can be checked before. Raises RuntimeFailure."""
        process_plan.check(assignment)

    async def start(self, assignment: Assignment) -> Running:
        """Start it, or take over what is there. Raises RuntimeFailure."""
        folder = self._folder(assignment.task)
        if folder.state() is None and folder.plan() is None:
            cgroups = self._cgroups.make(str(assignment.task), assignment.spec)
            try:
                folder.path.mkdir(parents=True, exist_ok=True)
                folder.write_plan(process_plan.plan(assignment, self._place, cgroups))
            except OSError as error:
                raise RuntimeFailure(f"cannot make the folder of the task: {error}") from error
        if folder.state() is None:
            await self._launch(folder)
        return self._require(folder)

    async def stop(self, task: TaskId, signal: str, grace_ms: Millis) -> None:
        """Signal it, wait up to the grace period, then kill it and what came from it."""
        folder = self._folder(task)
        descriptor = folder.open_supervisor()
        if descriptor is None:
            folder.kill_leftovers()
            return
        try:
            number = process_plan.signal_number(signal)
            # SIGKILL would hit the supervisor alone, so that is asked to do it.
            _send(descriptor, supervisor.KILL_SIGNAL if number == signals.SIGKILL else number)
            if await _ends(descriptor, grace_ms / 1000):
                return
            _send(descriptor, supervisor.KILL_SIGNAL)
            if await _ends(descriptor, KILL_SECONDS):
                return
            _send(descriptor, signals.SIGKILL)
            await _ends(descriptor, KILL_SECONDS)
            folder.kill_leftovers()
        finally:
            os.close(descriptor)

    async def remove(self, task: TaskId) -> None:
        """Kill what is left of it, and remove its folder and groups; its volumes stay."""
        folder = self._folder(task)
        if not folder.path.exists():
            return
        plan = folder.plan()
        await self.stop(task, "SIGKILL", Millis(0))
        folder.kill_leftovers()
        if plan is not None:
            await self._cgroups.remove(plan.cgroups)
        await asyncio.to_thread(folder.remove)
        self._ended.pop(task, None)

    async def list(self) -> Sequence[Running]:
        """All tasks that have a folder here."""
        here = []
        for folder in folders(self._place.data / "tasks"):
            running = self._ended.get(folder.task) or self._look(folder)
            if running is not None:
                here.append(running)
        return here

    async def changes(self) -> AsyncIterator[None]:
        """Yield whenever a supervisor has ended."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            yield

    def logs(
        self, task: TaskId, *, tail: int | None, since: Millis | None, follow: bool
    ) -> AsyncIterator[OutputLine]:
        """What it wrote, and with *follow* what it writes, until it ends."""
        folder = self._folder(task)

        def lives() -> bool:
            state = folder.state()
            return state is not None and state.exit_code is None and state.lives

        return read_lines(folder.path, tail=tail, since=since, follow=follow, lives=lives)

    async def execute(
        self, task: TaskId, command: Sequence[str], *, tty: bool, stdin: bool
    ) -> Terminal:
        """Run a command beside it, with its user, environment, folder and limits."""
        folder = self._folder(task)
        running = folder.look()
        if running is None or not running.running:
            raise RuntimeFailure("the task does not run")
        enter = (*_SUPERVISOR, "enter", str(folder.path))
        if tty:
            return await run_in_terminal((*enter, supervisor.TERMINAL_OPTION, *command))
        return await run_piped((*enter, *command), stdin=stdin)

    async def probe(
        self, task: TaskId, test: Sequence[str], timeout_ms: Millis
    ) -> tuple[bool, str]:
        """Ask it for its health by a Compose `test`, or by a connect to one of its ports."""
        match tuple(test):
            case ("TCP", port):
                return await self._connect(task, int(port), timeout_ms / 1000)
            case ("CMD", *command) if command:
                return await self._ask(task, command, timeout_ms / 1000)
            case ("CMD-SHELL", line):
                return await self._ask(task, ("/bin/sh", "-c", line), timeout_ms / 1000)
            case _:
                return False, f"the health test {' '.join(test)!r} is not understood"

    async def close(self) -> None:
        """Let go of the supervisors; they and the tasks stay as they are."""
        for task in list(self._watched):
            self._unwatch(task)

    def _folder(self, task: TaskId) -> Folder:
        return Folder(self._place.folder(task))

    async def _launch(self, folder: Folder) -> None:
        """Let a supervisor start the task. Raises RuntimeFailure, and leaves nothing then."""
        process = await asyncio.create_subprocess_exec(
            *_SUPERVISOR,
            "run",
            str(folder.path),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                said, _ = await process.communicate()
        except TimeoutError:
            raise RuntimeFailure("its supervisor does not start", temporary=True) from None
        answer = said.decode(errors="replace")
        if answer not in {supervisor.STARTED, supervisor.ALREADY}:
            await self.remove(folder.task)
            raise RuntimeFailure(f"cannot start it: {answer or 'the supervisor failed'}")

    def _require(self, folder: Folder) -> Running:
        running = self._look(folder)
        if running is None or not running.started:
            raise RuntimeFailure("its supervisor has not said yet that it runs", temporary=True)
        return running

    def _look(self, folder: Folder) -> Running | None:
        running = folder.look()
        if running is None or not running.started:
            return running
        if running.running:
            self._watch(folder)
        else:
            if running.exit_code is None:
                folder.kill_leftovers()
            self._ended[folder.task] = running
        return running

    def _watch(self, folder: Folder) -> None:
        """Be told when its supervisor ends."""
        if folder.task in self._watched:
            return
        descriptor = folder.open_supervisor()
        if descriptor is None:
            self._changed.set()
            return
        self._watched[folder.task] = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._has_ended, folder.task)

    def _has_ended(self, task: TaskId) -> None:
        self._unwatch(task)
        self._changed.set()

    def _unwatch(self, task: TaskId) -> None:
        descriptor = self._watched.pop(task)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)

    async def _connect(self, task: TaskId, port: int, seconds: float) -> tuple[bool, str]:
        plan = self._folder(task).plan()
        ports = plan.ports if plan else []
        bound = next((bound for bound in ports if bound.container == port), None)
        if bound is None:
            return False, f"port {port} is none of its ports"
        host = bound.host
        try:
            async with asyncio.timeout(seconds):
                _, writer = await asyncio.open_connection("127.0.0.1", host)
        except TimeoutError:
            return False, f"port {port} (PORT={host}) does not answer within {seconds:g} s"
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            return False, f"port {port} (PORT={host}) does not answer: {why}"
        writer.close()
        return True, ""

    async def _ask(self, task: TaskId, command: Sequence[str], seconds: float) -> tuple[bool, str]:
        answer = bytearray()
        asked = await self.execute(task, command, tty=False, stdin=False)
        try:
            async with asyncio.timeout(seconds):
                async for _, data in asked.output():
                    answer += data[: PROBE_ANSWER_BYTES_MAX - len(answer)]
                code = await asked.wait()
        except TimeoutError:
            return False, f"no answer within {seconds:g} s"
        finally:
            await asked.close()
        text = answer.decode(errors="replace").strip()
        return code == 0, text or f"exit code {code}"


def _send(descriptor: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signals.pidfd_send_signal(descriptor, number)


async def _ends(descriptor: int, seconds: float) -> bool:
    """Wait for a process to end. Returns whether it did."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    mine = os.dup(descriptor)
    loop.add_reader(mine, ended.set)
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(mine)
        os.close(mine)
    return True
