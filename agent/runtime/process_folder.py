"""What is on disk of one process: its plan, what its supervisor recorded, and whether it lives."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from agent.runtime.base import Running
from agent.runtime.process_plan import MARK, Plan
from agent.runtime.supervisor import boot, start_time
from orb.ids import Millis, TaskId

T = TypeVar("T")


class State(msgspec.Struct):
    """What the supervisor records: the content of state.json."""

    boot: str
    supervisor: int
    supervisor_start: int
    """In ticks since the machine's start: a number of a process may be used again."""
    pid: int
    pid_start: int
    started_at: int
    exit_code: int | None = None
    finished_at: int | None = None
    oom_killed: bool = False

    @property
    def lives(self) -> bool:
        """Whether the supervisor still runs; the command then runs too, or ends just now."""
        return self.boot == boot() and start_time(self.supervisor) == self.supervisor_start


class Folder:
    """The folder of one task."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.task = TaskId(int(path.name))

    def plan(self) -> Plan | None:
        """What the supervisor was told; None if it was never told."""
        return _read(self.path / "task.json", Plan)

    def write_plan(self, plan: Plan) -> None:
        """Tell the supervisor what to run."""
        partial = self.path / "task.partial"
        partial.write_bytes(msgspec.json.encode(plan))
        partial.chmod(0o600)
        partial.replace(self.path / "task.json")

    def state(self) -> State | None:
        """What the supervisor recorded; None if it never came so far."""
        return _read(self.path / "state.json", State)

    def look(self) -> Running | None:
        """What there is to say of the task; None if it was never really made."""
        plan = self.plan()
        if plan is None:
            return None
        state = self.state()
        lives = state is not None and state.lives
        if state is not None and not lives:
            # Its last record may have come between the two looks.
            state = self.state()
        if state is None:
            return Running(task=self.task, container_id="", started=False, running=False)
        has_ended = state.exit_code is not None
        error = "" if has_ended or lives else _lost(state)
        return Running(
            task=self.task,
            container_id=f"pid-{state.pid}",
            started=True,
            running=lives and not has_ended,
            exit_code=state.exit_code,
            oom_killed=state.oom_killed,
            error=error,
            started_at=Millis(state.started_at),
            finished_at=None if state.finished_at is None else Millis(state.finished_at),
            image_id=plan.image,
            remark=plan.remark,
            ports=tuple(plan.ports),
        )

    def open_supervisor(self) -> int | None:
        """A descriptor of the living supervisor, for the caller to close; None if it is gone."""
        state = self.state()
        if state is None or state.boot != boot():
            return None
        try:
            descriptor = os.pidfd_open(state.supervisor)
        except ProcessLookupError:
            return None
        # Opened first and compared then: so it is certainly the same process.
        if start_time(state.supervisor) == state.supervisor_start:
            return descriptor
        os.close(descriptor)
        return None

    def kill_leftovers(self) -> int:
        """Kill all processes that bear the task's mark. Returns how many there were."""
        count = 0
        for descriptor in self._marked():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            os.close(descriptor)
            count += 1
        return count

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _marked(self) -> Iterator[int]:
        mark = f"{MARK}={self.path}".encode()
        for path in Path("/proc").iterdir():
            name = path.name
            if not name.isdigit():
                continue
            try:
                descriptor = os.pidfd_open(int(name))
            except OSError:
                continue
            if mark in _environment(name).split(b"\0"):
                yield descriptor
            else:
                os.close(descriptor)


def folders(directory: Path) -> Iterator[Folder]:
    """The folders of all tasks below *directory*."""
    if directory.is_dir():
        for path in sorted(directory.iterdir()):
            if path.name.isdigit():
                yield Folder(path)


def _lost(state: State) -> str:
    if state.boot != boot():
        return "the machine was started again"
    return "its supervisor was killed, and the command with it"


def _environment(pid: str) -> bytes:
    try:
        return Path("/proc", pid, "environ").read_bytes()
    except OSError:
        return b""


def _read(path: Path, kind: type[T]) -> T | None:
    """A file that may not be there yet, or be of a supervisor that died while writing."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
