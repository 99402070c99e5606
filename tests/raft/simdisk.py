"""A disk that forgets what was not synced, tears writes at a crash, fills up, and can be slow."""

import errno
import random
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
SECTOR = 512


class PowerCut(BaseException):
    """The machine dies in the middle of a disk operation."""


class File:
    """What the system shows (*data*) and what would survive a crash now (*synced*)."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.synced = b""


class SimDisk:
    """`controlplane.raft.disk.Disk` in memory."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._files: dict[str, File] = {}
        self._durable_names: dict[str, File] = {}
        self.full = False
        self.cut_after: int | None = None
        self.torn = 0
        self.lost = 0

    def names(self) -> list[str]:
        return sorted(self._files)

    def read(self, name: str, offset: int = 0, size: int = -1) -> bytes:
        data = self._file(name).data
        return bytes(data[offset:] if size < 0 else data[offset : offset + size])

    def size(self, name: str) -> int:
        return len(self._file(name).data)

    def create(self, name: str, allocate: int = 0) -> None:
        self._operation()
        self._room()
        file = self._files[name] = File()
        file.data = bytearray(allocate)

    def write(self, name: str, offset: int, data: bytes) -> None:
        file = self._file(name).data
        if self.full and self._rng.random() < 0.5:
            data, part = data[: len(data) // 2], True
        else:
            part = False
        if len(file) < offset + len(data):
            file.extend(bytes(offset + len(data) - len(file)))
        file[offset : offset + len(data)] = data
        self._operation()
        if part:
            raise OSError(errno.ENOSPC, "no space left (simulated)")
        self._room()

    def sync(self, name: str) -> None:
        self._operation()
        file = self._file(name)
        file.synced = bytes(file.data)

    def truncate(self, name: str, size: int) -> None:
        self._operation()
        del self._file(name).data[size:]

    def rename(self, old: str, new: str) -> None:
        self._operation()
        self._files[new] = self._files.pop(old)

    def remove(self, name: str) -> None:
        self._operation()
        del self._files[name]

    def sync_names(self) -> None:
        self._operation()
        self._durable_names = dict(self._files)

    def crash(self) -> None:
        """Keep what was synced; of the rest, any sectors in any order (or none)."""
        names = self._files if self._rng.random() < 0.5 else self._durable_names
        style = self._rng.random()
        kept: dict[str, File] = {}
        for name, file in names.items():
            survived = File()
            survived.data = self._survivors(file, style)
            survived.synced = bytes(survived.data)
            kept[name] = survived
        self._files = kept
        self._durable_names = dict(kept)
        self.cut_after = None

    def _survivors(self, file: File, style: float) -> bytearray:
        data, synced = bytes(file.data), file.synced
        if data == synced:
            return bytearray(data)
        if style < 0.3:
            self.lost += 1
            return bytearray(synced)
        self.torn += 1
        result = bytearray(max(len(data), len(synced)) if style < 0.8 else len(data))
        result[: len(synced)] = synced
        for at in range(0, len(data), SECTOR):
            new, old = data[at : at + SECTOR], synced[at : at + SECTOR]
            if new != old and self._rng.random() < 0.5:
                result[at : at + len(new)] = new
        return result

    def _file(self, name: str) -> File:
        try:
            return self._files[name]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "no such file (simulated)", name) from None

    def _room(self) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "no space left (simulated)")

    def _operation(self) -> None:
        if self.cut_after is not None:
            self.cut_after -= 1
            if self.cut_after <= 0:
                raise PowerCut


class SimWorker:
    """Runs jobs one after the other, each after a delay of virtual time."""

    def __init__(
        self,
        at: Callable[[float, Callable[[], None]], None],
        delay: Callable[[], float],
        cut: Callable[[], None],
    ) -> None:
        self._at = at
        self._delay = delay
        self._cut = cut
        self._jobs: list[Callable[[], None]] = []
        self._busy = False

    def submit(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        def job() -> None:
            result: T | Exception
            try:
                result = work()
            except PowerCut:
                self._cut()
                return
            except Exception as error:  # noqa: BLE001 - handed over
                result = error
            self._at(self._delay() / 4, lambda: self._finished(done, result))

        self._jobs.append(job)
        if not self._busy:
            self._next()

    def _next(self) -> None:
        self._busy = True
        self._at(self._delay(), self._jobs.pop(0))

    def _finished(self, done: Callable[[T | Exception], None], result: T | Exception) -> None:
        done(result)
        self._busy = False
        if self._jobs:
            self._next()
