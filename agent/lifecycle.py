"""The one thing the agent should now do for a task: pure functions of what is wanted and seen."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, Protocol

from orb.lifecycle import TERMINAL, Desired, TaskState

EXIT_SIGNAL_BASE: Final = 128
"""A command that a signal ended is said to have exited with this and the signal's number."""
SIGNAL_NAMES: Final = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    15: "SIGTERM",
}
EXIT_KILLED: Final = EXIT_SIGNAL_BASE + 9


class Container(Protocol):
    """What the runtime has of a task, as far as it matters here; `Running` is one."""

    @property
    def started(self) -> bool:
        """Whether it was ever started."""
        ...

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        ...

    @property
    def exit_code(self) -> int | None:
        """What it ended with, once it has."""
        ...

    @property
    def oom_killed(self) -> bool:
        """Whether something in it was killed for its memory."""
        ...

    @property
    def error(self) -> str:
        """What the runtime has to say about its end."""
        ...


class Phase(IntEnum):
    """How far a task has come on this machine."""

    FRESH = 1
    """Nothing of it is here yet."""
    PREPARED = 2
    """Its image and volumes are here."""
    CREATED = 3
    """Its container is made, and was never started."""
    RUNNING = 4
    EXITED = 5
    """Its container ran and has ended; what became of it is not settled yet."""
    VANISHED = 6
    """Its container ran, and somebody removed it."""
    ENDED = 7
    """What became of it is settled: nothing can change that any more."""


class Step(IntEnum):
    """What to do next for a task."""

    PREPARE = 1
    START = 2
    WATCH = 3
    """Ask for its health until something changes."""
    STOP = 4
    CONCLUDE = 5
    """Settle what became of it."""
    REST = 6
    """Nothing, until it is no longer wanted in any form."""
    REMOVE = 7


def phase_of(state: TaskState, seen: Container | None, *, prepared: bool) -> Phase:
    """How far a task is, from its last report and what the runtime has of it."""
    if seen is not None and seen.started and seen.running:
        return Phase.RUNNING
    if state in TERMINAL:
        return Phase.ENDED
    if seen is None:
        if state >= TaskState.RUNNING:
            return Phase.VANISHED
        return Phase.PREPARED if prepared else Phase.FRESH
    return Phase.EXITED if seen.started else Phase.CREATED


_P = Phase
NEXT: Final[Mapping[Desired | None, Mapping[Phase, Step]]] = {
    Desired.RUN: {
        _P.FRESH: Step.PREPARE,
        _P.PREPARED: Step.START,
        _P.CREATED: Step.START,
        _P.RUNNING: Step.WATCH,
        _P.EXITED: Step.CONCLUDE,
        _P.VANISHED: Step.CONCLUDE,
        _P.ENDED: Step.REST,
    },
    Desired.STOP: {
        _P.FRESH: Step.CONCLUDE,
        _P.PREPARED: Step.CONCLUDE,
        _P.CREATED: Step.CONCLUDE,
        _P.RUNNING: Step.STOP,
        _P.EXITED: Step.CONCLUDE,
        _P.VANISHED: Step.CONCLUDE,
        _P.ENDED: Step.REST,
    },
    None: {phase: Step.STOP if phase is _P.RUNNING else Step.REMOVE for phase in _P},
}
"""What to do by what is wanted (None: it must go in any form) and how far the task has come."""


def next_step(wanted: Desired | None, phase: Phase, *, condemned: bool) -> Step:
    """The one thing to do now. *condemned*: it must not run on."""
    step = NEXT[wanted][phase]
    return Step.STOP if condemned and step is Step.WATCH else step


def ending(wanted: Desired | None, seen: Container | None, condemned: str) -> tuple[TaskState, str]:
    """What became of a task that runs no more, and why. *condemned* says why we ended it, if so.

    An exit with 0 is STOPPED: whether a task was meant to end is for the control plane to know.
    """
    if wanted is not Desired.RUN:
        return TaskState.STOPPED, ""
    if condemned:
        return TaskState.FAILED, condemned
    if seen is None:
        return TaskState.FAILED, "its container vanished: somebody removed it"
    if seen.exit_code == 0:
        return TaskState.STOPPED, ""
    return TaskState.FAILED, _why(seen)


def _why(seen: Container) -> str:
    code = seen.exit_code
    if code is None:
        return seen.error or "it ended, and its exit code is not known"
    if seen.oom_killed and code == EXIT_KILLED:
        return "killed: it used more memory than its limit"
    signal = SIGNAL_NAMES.get(code - EXIT_SIGNAL_BASE)
    text = f"exited with {code} ({signal})" if signal else f"exited with {code}"
    return f"{text}: {seen.error}" if seen.error else text
