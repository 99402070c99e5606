"""What this machine uses just now, from the kernel's own tables."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from agent.facts import meminfo
from orb.work import Usage


class _Ticks(NamedTuple):
    busy: int
    total: int


class UsageMeter:
    """Reads usage; CPU is what was used since the reading before."""

    def __init__(self, data: Path, proc: Path = Path("/proc")) -> None:
        self._data = data
        self._proc = proc
        self._last = _Ticks(0, 0)

    def read(self, tasks: int) -> Usage:
        """The usage of this moment; *tasks* run on this machine."""
        memory = meminfo(self._proc / "meminfo")
        return Usage(
            milli_cpus=self._milli_cpus(),
            memory_bytes=memory["MemTotal"] - memory["MemAvailable"],
            disk_bytes=shutil.disk_usage(self._data).used,
            tasks=tasks,
        )

    def _milli_cpus(self) -> int:
        last, self._last = self._last, self._ticks()
        passed = self._last.total - last.total
        if passed <= 0:
            return 0
        cpus = os.cpu_count() or 1
        return round(1000 * cpus * (self._last.busy - last.busy) / passed)

    def _ticks(self) -> _Ticks:
        """Ticks of all CPUs since the start: user nice system idle iowait irq softirq steal."""
        with (self._proc / "stat").open() as file:
            numbers = [int(word) for word in file.readline().split()[1:9]]
        idle = numbers[3] + numbers[4]
        return _Ticks(sum(numbers) - idle, sum(numbers))
