"""The seam to what runs tasks: a few verbs. Docker, processes and a fake are behind it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from orb.ids import Millis, TaskId
from orb.spec import Healthcheck
from orb.work import Assignment, BoundPort, NodeFacts

LOG_LINE_BYTES_MAX: Final = 16 * 1024
"""A longer line of a task's output is cut into several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What the runtime knows of one task's container, also after it has ended."""

    task: TaskId
    container_id: str
    started: bool
    """False: made, but never started."""
    running: bool
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    started_at: Millis | None = None
    finished_at: Millis | None = None
    image_id: str = ""
    ports: tuple[BoundPort, ...] = ()
    remark: str = ""
    """What a person should know of the way it runs."""
    image_healthcheck: Healthcheck | None = None
    """What the image brings; it counts where the spec has none and does not disable it."""


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line that a task wrote."""

    at: Millis
    stream: str
    """`stdout` or `stderr`."""
    text: str


class RuntimeFailure(Exception):
    """The runtime could not do it; the message is for people, one line."""

    def __init__(
        self, message: str, *, image_missing: bool = False, temporary: bool = False
    ) -> None:
        super().__init__(message)
        self.image_missing = image_missing
        """The image could not be had."""
        self.temporary = temporary
        """The engine did not answer: it says nothing about the task."""


class Terminal(Protocol):
    """A command that runs inside a task, with its input and output."""

    async def write(self, data: bytes) -> None:
        """Give it input; empty bytes close its input."""
        ...

    async def resize(self, rows: int, columns: int) -> None:
        """The person's terminal has another size."""
        ...

    def output(self) -> AsyncIterator[tuple[str, bytes]]:
        """Chunks of (`stdout` | `stderr`, bytes) until it ends."""
        ...

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        ...

    async def close(self) -> None:
        """Leave nothing behind: end it if it still runs."""
        ...


class Runtime(Protocol):
    """Runs tasks on this machine. Each verb is safe to repeat, and touches only our own tasks."""

    name: str
    """`docker`, `process` or `fake`."""

    async def facts(self) -> tuple[str, Sequence[str]]:
        """Its version, and the tracked volumes that lie here (`environment.app.volume`)."""
        ...

    async def prepare(self, assignment: Assignment) -> None:
        """Have the image, volumes and networks ready. Raises RuntimeFailure."""
        ...

    async def start(self, assignment: Assignment) -> Running:
        """Make and start its container (take over the one that is there). Raises RuntimeFailure."""
        ...

    async def stop(self, task: TaskId, signal: str, grace_ms: Millis) -> None:
        """Signal it, wait up to the grace period, then kill it. No error if it is gone."""
        ...

    async def remove(self, task: TaskId) -> None:
        """Remove the container and what lives and dies with it. No error if it is gone."""
        ...

    async def list(self) -> Sequence[Running]:
        """All containers of ours, running or not. Raises RuntimeFailure(temporary=True)."""
        ...

    def changes(self) -> AsyncIterator[None]:
        """Yield whenever something may have changed: a hint to `list`, never the truth."""
        ...

    def logs(
        self, task: TaskId, *, tail: int | None, since: Millis | None, follow: bool
    ) -> AsyncIterator[OutputLine]:
        """Its output, oldest first; with *follow* until it ends."""
        ...

    async def execute(
        self, task: TaskId, command: Sequence[str], *, tty: bool, stdin: bool
    ) -> Terminal:
        """Run a command inside it. Raises RuntimeFailure."""
        ...

    async def probe(
        self, task: TaskId, test: Sequence[str], timeout_ms: Millis
    ) -> tuple[bool, str]:
        """Ask it for its health by a Compose `test`: whether it is well, and its answer."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads; the tasks stay as they are."""
        ...


class Facts(Protocol):
    """What this machine is and uses just now."""

    async def read(self) -> NodeFacts:
        """The facts; cheap enough for every few seconds."""
        ...
