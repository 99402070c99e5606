"""Puts the configs and secrets of a task where its runtime finds them, and takes them away again.

Configs are on the disk, secrets in memory only. A file is there whole or not at all; it stays when
the agent ends, and goes with its task.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from agent.contents import Contents
from agent.runtime.base import RuntimeFailure
from agent.runtime.places import Places
from orb.contents import FileKind, Grant
from orb.ids import TaskId
from orb.work import Assignment

TASK_FOLDER_MODE: Final = 0o700
ROOT_MODE: Final = 0o711
"""Nobody else can list the folders; the user of a process can enter its own."""


class FileStore(Protocol):
    """Where files are put."""

    def missing(self, assignment: Assignment) -> Sequence[str]:
        """The digests of the files that are not there yet."""
        ...

    async def put(self, assignment: Assignment, contents: Mapping[str, bytes]) -> None:
        """Write the files that are missing. Raises RuntimeFailure."""
        ...

    async def remove(self, task: TaskId) -> None:
        """Take away what the task has. No error if it has nothing."""
        ...

    def tasks(self) -> Collection[TaskId]:
        """Tasks that have something."""
        ...


class Files:
    """The way of a file: asked for, written, taken away."""

    def __init__(self, store: FileStore, contents: Contents) -> None:
        self._store = store
        self._contents = contents

    def missing(self, assignment: Assignment) -> Sequence[str]:
        """The digests of the files that the task lacks."""
        return self._store.missing(assignment)

    async def fetch(self, assignment: Assignment) -> None:
        """Have what is missing; waits for a server if need be. Raises RuntimeFailure."""
        found = await self._contents.fetch(self._store.missing(assignment))
        await self._store.put(assignment, found)

    async def remove(self, task: TaskId) -> None:
        """The task is gone."""
        await self._store.remove(task)

    async def sweep(self, is_known: Callable[[TaskId], bool]) -> None:
        """Take away what tasks have that nobody knows any more."""
        for task in self._store.tasks():
            if not is_known(task):
                await self.remove(task)


class MemoryFiles:
    """Keeps files as long as it lives itself: for tests, and for fleets of modelled nodes."""

    def __init__(self) -> None:
        self.kept: dict[TaskId, dict[str, bytes]] = {}

    def missing(self, assignment: Assignment) -> Sequence[str]:
        """The digests of the files that are not there yet."""
        here = self.kept.get(assignment.task, {})
        files = assignment.spec.container.files
        return [digest for digest in dict.fromkeys(g.digest for g in files) if digest not in here]

    async def put(self, assignment: Assignment, contents: Mapping[str, bytes]) -> None:
        """Keep them."""
        self.kept.setdefault(assignment.task, {}).update(contents)

    async def remove(self, task: TaskId) -> None:
        """Keep nothing of the task any more."""
        self.kept.pop(task, None)

    def tasks(self) -> Collection[TaskId]:
        """Tasks that have something."""
        return list(self.kept)


class DiskFiles:
    """Files in the folders that *places* names."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def missing(self, assignment: Assignment) -> Sequence[str]:
        """The digests of the files that are not there yet, and of those that have no place."""
        grants = assignment.spec.container.files
        there = {
            grant for grant, path in self._places.files(assignment.task, grants) if path.is_file()
        }
        return list(dict.fromkeys(grant.digest for grant in grants if grant not in there))

    async def put(self, assignment: Assignment, contents: Mapping[str, bytes]) -> None:
        """Write the files that are missing. Raises RuntimeFailure."""
        await asyncio.to_thread(self._put, assignment, contents)

    def _put(self, assignment: Assignment, contents: Mapping[str, bytes]) -> None:
        grants = assignment.spec.container.files
        _check(grants, self._places)
        try:
            for grant, path in self._places.files(assignment.task, grants):
                if not path.exists() and grant.digest in contents:
                    _own_folder(path.parent)
                    _write(path, contents[grant.digest], grant)
        except OSError as error:
            raise RuntimeFailure(f"cannot put its configs and secrets in place: {error}") from error

    async def remove(self, task: TaskId) -> None:
        """Take away what the task has."""
        for kind in FileKind:
            folder = self._places.folder(kind, task)
            if folder is not None:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def tasks(self) -> Collection[TaskId]:
        """Tasks that have a folder here."""
        roots = [root for kind in FileKind if (root := self._places.root(kind)) is not None]
        found = (path.name for root in roots if root.is_dir() for path in root.iterdir())
        return sorted({TaskId(int(name)) for name in found if name.isdigit()})


def _check(grants: Sequence[Grant], places: Places) -> None:
    """Raises RuntimeFailure if this machine can never give these files."""
    if places.secrets is None and any(grant.kind is FileKind.SECRET for grant in grants):
        raise RuntimeFailure(
            "this machine has no folder in memory for secrets (a tmpfs on /run or /dev/shm): "
            "set `memory` of its agent"
        )
    foreign = next((one for one in grants if (one.uid, one.gid) != (0, 0)), None)
    if foreign is not None and os.geteuid() != 0:
        raise RuntimeFailure(
            f"the agent is not root: it cannot give {foreign.name} to {foreign.uid}:{foreign.gid}"
        )


def _own_folder(path: Path) -> None:
    """Have the folder of a task, on a way that nobody else can change. Raises OSError."""
    root = Path(os.path.realpath(path.parent))
    for above in reversed((root, *root.parents)):
        if not above.is_dir():
            above.mkdir(mode=ROOT_MODE)
            above.chmod(ROOT_MODE)
        there = above.stat()
        is_open = there.st_mode & 0o022 and not there.st_mode & stat.S_ISVTX
        if is_open or there.st_uid not in {0, os.geteuid()}:
            raise PermissionError(f"others can change what is in {above}")
    if not path.is_dir():
        path.mkdir(mode=TASK_FOLDER_MODE)


def _write(path: Path, content: bytes, grant: Grant) -> None:
    """Write a file that appears whole, with its owner and permissions. Raises OSError."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        if os.geteuid() == 0:
            os.fchown(descriptor, grant.uid, grant.gid)
        os.fchmod(descriptor, grant.mode)
    partial.replace(path)
