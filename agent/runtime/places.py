"""Where the configs and secrets of a task are on this machine, and which folder is in memory."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orb.contents import FileKind, Grant, memory_folders
from orb.errors import InvalidInput
from orb.ids import TaskId

IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
"""File systems that never reach a disk but by swapping."""


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of a node: each has one for every task that has files of the kind."""

    configs: Path
    secrets: Path | None
    """None: this machine has no folder in memory, and tasks with secrets cannot run here."""

    def root(self, kind: FileKind) -> Path | None:
        """The folder of one kind."""
        return self.secrets if kind is FileKind.SECRET else self.configs

    def folder(self, kind: FileKind, task: TaskId) -> Path | None:
        """The folder of one task."""
        root = self.root(kind)
        return None if root is None else root / str(task)

    def files(self, task: TaskId, grants: Sequence[Grant]) -> list[tuple[Grant, Path]]:
        """Each file that the task sees, and where it is. The files of a task never change.

        Leaves out what has no place; to write that is refused before.
        """
        placed = []
        for number, grant in enumerate(grants):
            folder = self.folder(grant.kind, task)
            if folder is not None:
                placed.append((grant, folder / f"{number}-{grant.name}"))
        return placed


def memory_folder(wanted: str, mounts: str) -> Path | None:
    """A folder that is in memory, by the kernel's table of mounts (`/proc/self/mountinfo`).

    None if the machine has none. Raises InvalidInput if the *wanted* one is not in memory.
    """
    if wanted:
        if not is_in_memory(Path(wanted), mounts):
            raise InvalidInput(
                f"`memory` is {wanted}, which is not in memory",
                remedy="name a folder on a tmpfs, such as /run/orb or /dev/shm/orb",
            )
        return Path(wanted)
    candidates = map(Path, memory_folders(os.geteuid()))
    return next((path for path in candidates if is_in_memory(path, mounts)), None)


def is_in_memory(path: Path, mounts: str) -> bool:
    """Whether what is written there stays in memory."""
    real = Path(os.path.realpath(path))
    on = {Path(where): kind for where, kind in _mounted(mounts.splitlines())}
    nearest = next((on[parent] for parent in (real, *real.parents) if parent in on), "")
    return nearest in IN_MEMORY


def _mounted(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Where something is mounted, and what; of several on one place the last one is seen."""
    for line in lines:
        before, _, after = line.partition(" - ")
        if after:
            yield before.split(" ")[4].replace("\\040", " "), after.split(" ")[0]
