"""A runtime that only pretends, for development, tests and fleets of modelled nodes.

What a task does is scripted by its image: `fake/<act>` or `fake/<act>:<number>`, see `Act`; any
other image runs well until it is stopped.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from agent.lifecycle import EXIT_KILLED, EXIT_SIGNAL_BASE
from agent.runtime.base import OutputLine, Running, RuntimeFailure
from agent.runtime.fake_terminal import FakeTerminal
from orb.clock import Clock
from orb.ids import Millis, TaskId
from orb.work import Assignment, BoundPort

LINES_PER_TASK_MAX: Final = 1_000
"""Lines of output that are kept of a task; the oldest go."""
FIRST_HOST_PORT: Final = 30_000
HOST_PORTS: Final = 30_000
EXIT_TERMINATED: Final = EXIT_SIGNAL_BASE + 15


class Act(StrEnum):
    """What the image `fake/<act>:<number>` does; the number is 1 if left out."""

    MISSING = "missing"
    """It cannot be had."""
    SLOW = "slow"
    """Having it takes that many seconds."""
    BROKEN = "broken"
    """It cannot be started."""
    CRASH = "crash"
    """It exits with 1 after that many seconds."""
    JOB = "job"
    """It exits with 0 after that many seconds."""
    LATE = "late"
    """It answers badly to probes for that many seconds."""
    UNHEALTHY = "unhealthy"
    """It always answers badly to probes."""
    STUBBORN = "stubborn"
    """It ignores signals and is killed after its grace period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeTimes:
    """How long the pretended work takes, in milliseconds."""

    prepare_ms: int = 0
    start_ms: int = 0
    stop_ms: int = 0


class _Kept(msgspec.Struct):
    images: dict[int, str]
    containers: list[Running]


class FakeRuntime:
    """Pretends to run tasks. With *directory* they outlive it, as real ones do."""

    name = "fake"

    def __init__(
        self, clock: Clock, times: FakeTimes | None = None, directory: Path | None = None
    ) -> None:
        self._clock = clock
        self._times = times or FakeTimes()
        self._file = None if directory is None else directory / "fake-runtime.json"
        self._containers: dict[TaskId, Running] = {}
        self._images: dict[TaskId, str] = {}
        self._output: dict[TaskId, deque[OutputLine]] = {}
        self._changed = asyncio.Event()
        self._ports = 0
        self._load()

    async def facts(self) -> tuple[str, Sequence[str]]:
        """It has no version and no volumes."""
        return "", ()

    async def prepare(self, assignment: Assignment) -> None:
        """Pretend to pull the image."""
        act, number = script(assignment.spec.container.image)
        await self._pass_time(number * 1000 if act is Act.SLOW else self._times.prepare_ms)
        if act is Act.MISSING:
            raise RuntimeFailure(
                f"the image {assignment.spec.container.image} does not exist", image_missing=True
            )

    async def start(self, assignment: Assignment) -> Running:
        """Pretend to start it, or take over the one that is there."""
        task, image = assignment.task, assignment.spec.container.image
        act, number = script(image)
        await self._pass_time(self._times.start_ms)
        if act is Act.BROKEN:
            raise RuntimeFailure(f"the image {image} cannot be started")
        if task not in self._containers:
            self._containers[task] = Running(
                task=task,
                container_id=f"fake-{task}",
                started=True,
                running=True,
                started_at=self._clock.now(),
                image_id=image,
                ports=tuple(self._bind(port.target) for port in assignment.spec.ports),
            )
            self._images[task] = image
            self._write(task, f"{assignment.replica.name} started from {image}")
            if act in {Act.CRASH, Act.JOB}:
                loop = asyncio.get_running_loop()
                loop.call_later(number, self.end, task, 1 if act is Act.CRASH else 0)
            self._save()
        return self._containers[task]

    async def stop(self, task: TaskId, signal: str, grace_ms: Millis) -> None:
        """Pretend to signal it and wait."""
        container = self._containers.get(task)
        if container is None or not container.running:
            return
        act, _ = script(self._images[task])
        self._write(task, f"got {signal}")
        await self._pass_time(grace_ms if act is Act.STUBBORN else self._times.stop_ms)
        self.end(task, EXIT_KILLED if act is Act.STUBBORN else EXIT_TERMINATED)

    async def remove(self, task: TaskId) -> None:
        """Forget it."""
        self._containers.pop(task, None)
        self._images.pop(task, None)
        self._output.pop(task, None)
        self._save()

    async def list(self) -> Sequence[Running]:
        """All that it pretends to run, or has run."""
        return list(self._containers.values())

    async def changes(self) -> AsyncIterator[None]:
        """Yield whenever something has ended or vanished."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            yield

    async def logs(
        self, task: TaskId, *, tail: int | None, since: Millis | None, follow: bool
    ) -> AsyncIterator[OutputLine]:
        """What it pretended to write; with *follow* also the lines to come, until it ends."""
        lines = [line for line in self._lines(task) if since is None or line.at >= since]
        for line in lines[len(lines) - min(tail, len(lines)) :] if tail is not None else lines:
            yield line
        seen = len(self._lines(task))
        while follow and (container := self._containers.get(task)) and container.running:
            await self._clock.sleep(0.1)
            for line in list(self._lines(task))[seen:]:
                yield line
            seen = len(self._lines(task))

    async def execute(
        self, task: TaskId, command: Sequence[str], *, tty: bool, stdin: bool
    ) -> FakeTerminal:
        """Pretend to run a command: it says what it was, and gives back its input."""
        container = self._containers.get(task)
        if container is None or not container.running:
            raise RuntimeFailure("the task does not run")
        return FakeTerminal(command, tty=tty, stdin=stdin)

    async def probe(
        self, task: TaskId, test: Sequence[str], timeout_ms: Millis
    ) -> tuple[bool, str]:
        """Answer as its image's script says."""
        del timeout_ms
        container = self._containers.get(task)
        if container is None or not container.running:
            return False, "it does not run"
        act, number = script(self._images[task])
        late = (container.started_at or 0) + number * 1000 > self._clock.now()
        bad = act is Act.UNHEALTHY or (act is Act.LATE and late)
        return (False, f"{' '.join(test)}: the fake says no") if bad else (True, "")

    async def close(self) -> None:
        """Nothing to let go of."""

    def end(self, task: TaskId, code: int) -> None:
        """The task ends by itself with this exit code; nothing happens if it runs no more."""
        container = self._containers.get(task)
        if container is not None and container.running:
            self._containers[task] = replace(
                container, running=False, exit_code=code, finished_at=self._clock.now()
            )
            self._write(task, f"exited with {code}")
            self._save()
            self._changed.set()

    def vanish(self, task: TaskId) -> None:
        """Somebody removes the container behind the agent's back."""
        self._containers.pop(task, None)
        self._save()
        self._changed.set()

    async def _pass_time(self, milliseconds: int) -> None:
        if milliseconds:
            await self._clock.sleep(milliseconds / 1000)

    def _bind(self, port: int) -> BoundPort:
        self._ports += 1
        host = FIRST_HOST_PORT + self._ports % HOST_PORTS
        return BoundPort(container=port, host=host, address="127.0.0.1")

    def _lines(self, task: TaskId) -> deque[OutputLine]:
        return self._output.setdefault(task, deque(maxlen=LINES_PER_TASK_MAX))

    def _write(self, task: TaskId, text: str) -> None:
        self._lines(task).append(OutputLine(self._clock.now(), "stdout", text))

    def _load(self) -> None:
        if self._file is not None and self._file.exists():
            kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept)
            self._containers = {container.task: container for container in kept.containers}
            self._images = {TaskId(task): image for task, image in kept.images.items()}

    def _save(self) -> None:
        if self._file is not None:
            images = {int(task): image for task, image in self._images.items()}
            kept = _Kept(images, list(self._containers.values()))
            partial = self._file.with_suffix(".partial")
            partial.write_bytes(msgspec.json.encode(kept))
            partial.replace(self._file)


def script(image: str) -> tuple[Act | None, int]:
    """What an image does, and its number; None for one that just runs well."""
    if not image.startswith("fake/"):
        return None, 0
    name, _, number = image.removeprefix("fake/").partition(":")
    act = next((act for act in Act if act == name), None)
    return act, int(number) if number.isdigit() else 1
