"""What a modelled machine has: containers, and the time that things take."""

from dataclasses import dataclass

from orb.lifecycle import Desired, TaskState
from orb.work import Assignment, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things take on a machine, each from a least to a most, in milliseconds."""

    net: tuple[int, int] = (1, 5)
    pull: tuple[int, int] = (100, 1_500)
    look: tuple[int, int] = (5, 40)
    """For an image that is there already."""
    start: tuple[int, int] = (100, 600)
    ready: tuple[int, int] = (0, 1_500)
    stop: tuple[int, int] = (50, 4_000)
    flush: tuple[int, int] = (20, 80)
    reconnect: tuple[int, int] = (100, 1_500)


@dataclass(slots=True)
class Container:
    """One task on a machine: what is wanted, what was reported, and what is true."""

    assignment: Assignment
    desired: Desired | None
    state: TaskState = TaskState.ASSIGNED
    prepared: bool = False
    started: bool = False
    running: bool = False
    ready: bool = False
    exit_code: int | None = None
    message: str = ""
    image_missing: bool = False
    epoch: int = 0
    """Counts the steps: one that was planned before the last change is dropped."""

    @property
    def report(self) -> Report:
        """The whole truth, as an agent tells it."""
        return Report(
            task=self.assignment.task,
            state=self.state,
            ready=self.ready and self.state is TaskState.RUNNING,
            message=self.message,
            exit_code=self.exit_code,
            image_missing=self.image_missing,
            container_id=f"c{self.assignment.task}" if self.started else "",
        )
