"""The few things storage asks of a disk; the simulation has one that forgets and tears."""

import os
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """A flat folder of files. All methods raise OSError as the system does."""

    def names(self) -> list[str]:
        """The names of all files, sorted."""
        ...

    def read(self, name: str, offset: int = 0, size: int = -1) -> bytes:
        """Bytes of a file; all of it from *offset* on without *size*."""
        ...

    def size(self, name: str) -> int:
        """The length of a file in bytes."""
        ...

    def create(self, name: str, allocate: int = 0) -> None:
        """Make an empty file (replacing one), or one of *allocate* zero bytes, with their room."""
        ...

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write all of *data* at *offset*."""
        ...

    def sync(self, name: str) -> None:
        """Make the file's content durable."""
        ...

    def truncate(self, name: str, size: int) -> None:
        """Cut the file to *size* bytes."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give a file its final name, in one step."""
        ...

    def remove(self, name: str) -> None:
        """Delete a file."""
        ...

    def sync_names(self) -> None:
        """Make creations, renames and removals durable."""
        ...


class FolderDisk:
    """A folder of the real file system; used by one thread at a time for each file."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._open: dict[str, int] = {}

    def names(self) -> list[str]:
        """The names of all files, sorted."""
        return sorted(path.name for path in self._directory.iterdir() if path.is_file())

    def read(self, name: str, offset: int = 0, size: int = -1) -> bytes:
        """Bytes of a file; all of it from *offset* on without *size*."""
        with (self._directory / name).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def size(self, name: str) -> int:
        """The length of a file in bytes."""
        return (self._directory / name).stat().st_size

    def create(self, name: str, allocate: int = 0) -> None:
        """Make a file, with room for *allocate* bytes that a later write cannot fail to find."""
        self._close(name)
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        descriptor = os.open(self._directory / name, flags, 0o600)
        self._open[name] = descriptor
        if allocate:
            os.posix_fallocate(descriptor, 0, allocate)

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write all of *data* at *offset*."""
        descriptor, view = self._descriptor(name), memoryview(data)
        while view:
            written = os.pwrite(descriptor, view, offset)
            offset += written
            view = view[written:]

    def sync(self, name: str) -> None:
        """Make the file's content durable; the GIL is free meanwhile."""
        os.fdatasync(self._descriptor(name))

    def truncate(self, name: str, size: int) -> None:
        """Cut the file to *size* bytes."""
        os.ftruncate(self._descriptor(name), size)

    def rename(self, old: str, new: str) -> None:
        """Give a file its final name, in one step."""
        self._close(old)
        self._close(new)
        (self._directory / old).rename(self._directory / new)

    def remove(self, name: str) -> None:
        """Delete a file."""
        self._close(name)
        (self._directory / name).unlink()

    def sync_names(self) -> None:
        """Make creations, renames and removals durable."""
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Close every file."""
        for name in list(self._open):
            self._close(name)

    def _descriptor(self, name: str) -> int:
        if name not in self._open:
            self._open[name] = os.open(self._directory / name, os.O_RDWR | os.O_CLOEXEC)
        return self._open[name]

    def _close(self, name: str) -> None:
        descriptor = self._open.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)
