"""What survives an agent's restart: each task's assignment and its last report, one file a task.

Files are replaced whole. They are not forced to the disk: an agent that is killed loses nothing,
and a machine that loses power has lost its tasks too; the servers then tell the agent again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import msgspec

from orb.ids import TaskId
from orb.logs import Logger
from orb.work import Assignment, Report

STORE_VERSION: Final = 1
DAMAGED_FILES_MAX: Final = 100
"""Damaged files that are set aside for people to look at; beyond that they are deleted."""

log = Logger("store")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one task."""

    assignment: Assignment
    report: Report


class Store(Protocol):
    """Keeps tasks over a restart of the agent."""

    def load(self) -> Iterator[Kept]:
        """Everything that was kept and can be read."""
        ...

    def keep(self, kept: Kept) -> None:
        """Keep it in the place of what was kept of that task."""
        ...

    def forget(self, task: TaskId) -> None:
        """Keep nothing of it any more."""
        ...


class MemoryStore:
    """Keeps tasks as long as it lives itself: for tests, and for fleets of modelled nodes."""

    def __init__(self) -> None:
        self._kept: dict[TaskId, Kept] = {}

    def load(self) -> Iterator[Kept]:
        """Everything that was kept."""
        yield from list(self._kept.values())

    def keep(self, kept: Kept) -> None:
        """Keep it in the place of what was kept of that task."""
        self._kept[kept.assignment.task] = kept

    def forget(self, task: TaskId) -> None:
        """Keep nothing of it any more."""
        self._kept.pop(task, None)


class _File(msgspec.Struct):
    version: int
    kept: Kept


class DiskStore:
    """Keeps tasks in *directory*, which it makes."""

    def __init__(self, directory: Path) -> None:
        self._tasks = directory / "tasks"
        self._damaged = directory / "damaged"
        self._tasks.mkdir(parents=True, exist_ok=True)
        self._decoder = msgspec.json.Decoder(_File)
        self._failing = False

    def load(self) -> Iterator[Kept]:
        """Everything that can be read; a damaged file is set aside, and said so in the log."""
        for path in sorted(self._tasks.glob("*.json")):
            try:
                file = self._decoder.decode(path.read_bytes())
                if file.version != STORE_VERSION:
                    raise msgspec.ValidationError(f"version {file.version} is not known")
            except (msgspec.DecodeError, OSError) as error:
                self._set_aside(path, error)
            else:
                yield file.kept

    def keep(self, kept: Kept) -> None:
        """Keep it; if the disk cannot take it, the log says so once and the task goes on."""
        path = self._path(kept.assignment.task)
        partial = path.with_suffix(".partial")
        try:
            partial.write_bytes(msgspec.json.encode(_File(STORE_VERSION, kept)))
            partial.replace(path)
        except OSError as error:
            if not self._failing:
                log.warning("cannot keep tasks on disk", path=path, why=error)
            self._failing = True
        else:
            self._failing = False

    def forget(self, task: TaskId) -> None:
        """Keep nothing of it any more."""
        self._path(task).unlink(missing_ok=True)

    def _path(self, task: TaskId) -> Path:
        return self._tasks / f"{task}.json"

    def _set_aside(self, path: Path, error: Exception) -> None:
        self._damaged.mkdir(exist_ok=True)
        aside = self._damaged / path.name
        log.warning(
            "a file is damaged: it is set aside, and the servers will tell it again",
            path=path,
            aside=aside,
            why=error,
        )
        if len(list(self._damaged.iterdir())) < DAMAGED_FILES_MAX:
            path.replace(aside)
        else:
            path.unlink(missing_ok=True)
