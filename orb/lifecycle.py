"""The life of a task: its states, and who may make which move."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class Desired(IntEnum):
    """What the control plane wants of a task. What *is*, is its TaskState."""

    RUN = 1
    STOP = 2


class TaskState(IntEnum):
    """How far a task has come. It only ever grows: a stopped task is never started again."""

    NEW = 1
    """It has no node yet."""
    ASSIGNED = 2
    """It has a node, and holds its reservation there; the agent has not acknowledged it yet."""
    PREPARING = 3
    """The agent has it: the image, volumes and files are being made ready."""
    STARTING = 4
    """The container is made, or being started."""
    RUNNING = 5
    """The process runs; whether it may get traffic is the flag `ready`."""
    STOPPING = 6
    """It was told to stop and has its grace period."""
    STOPPED = 7
    """It ended as wanted: told to stop, or a job that exited with 0."""
    FAILED = 8
    """It ended, or never started, against our wish; `message` says why."""
    LOST = 9
    """Its node is gone or never took it: nobody knows what became of it."""


TERMINAL: Final = frozenset({TaskState.STOPPED, TaskState.FAILED, TaskState.LOST})
"""States in which a task holds no reservation and never changes again."""


class Actor(IntEnum):
    """Who moves a task."""

    SCHEDULER = 1
    AGENT = 2
    RECONCILER = 3


_S = TaskState
_LIVE_ON_NODE: Final = (_S.ASSIGNED, _S.PREPARING, _S.STARTING, _S.RUNNING, _S.STOPPING)

MOVES: Final[Mapping[Actor, frozenset[tuple[TaskState, TaskState]]]] = {
    Actor.SCHEDULER: frozenset({(_S.NEW, _S.ASSIGNED)}),
    # An agent reports only the newest state it has seen, so it may skip states, never go back.
    Actor.AGENT: frozenset(
        (old, new)
        for old in _LIVE_ON_NODE
        for new in (_S.PREPARING, _S.STARTING, _S.RUNNING, _S.STOPPING, _S.STOPPED, _S.FAILED)
        if old < new
    ),
    # A reconciler cancels what has no node, and declares lost what nobody can answer for.
    Actor.RECONCILER: frozenset({(_S.NEW, _S.STOPPED), *((old, _S.LOST) for old in _LIVE_ON_NODE)}),
}
"""The legal moves by actor; everything else is refused at apply."""


def may_move(actor: Actor, old: TaskState, new: TaskState) -> bool:
    """Whether *actor* may take a task from *old* to *new*."""
    return (old, new) in MOVES[actor]


class NodeStatus(IntEnum):
    """The verdict on a node, from its heartbeats."""

    READY = 1
    SUSPECT = 2
    """Three heartbeats missed: no new work or traffic; stateless replicas get stand-ins."""
    DOWN = 3
    """Silent for so long that its tasks are declared lost."""


class Availability(IntEnum):
    """What a person allows on a node."""

    ACTIVE = 1
    CORDONED = 2
    """No new tasks; those there stay."""
    DRAINING = 3
    """No new tasks; those there are replaced elsewhere, make before break."""


class ReleaseStatus(IntEnum):
    """How a release stands."""

    ROLLING = 1
    DONE = 2
    FAILED = 3
    SUPERSEDED = 4
    """A newer release of the app came before this one was done."""
