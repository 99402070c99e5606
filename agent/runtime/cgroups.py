"""Limits of processes by the kernel's control groups, version 2 or 1, where we may make them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from orb.logs import Logger
from orb.spec import TaskSpec

ROOT: Final = Path("/sys/fs/cgroup")
PERIOD_US: Final = 100_000
QUOTA_US_MIN: Final = 1_000
"""The kernel takes no smaller share of a period."""
CONTROLLERS_V1: Final = ("cpu", "memory")
REMOVE_TRIES_MAX: Final = 20
REMOVE_AGAIN_SECONDS: Final = 0.05
SHARES_MIN: Final = 2
SHARES_MAX: Final = 262_144
WEIGHT_MAX: Final = 10_000

log = Logger("cgroups")


class Cgroups:
    """Makes and removes one group a task, below *owner* (which cluster and node we are)."""

    def __init__(
        self, owner: str, root: Path = ROOT, own: Path = Path("/proc/self/cgroup")
    ) -> None:
        self._owner = owner
        self._root = root
        self._is_v2 = (root / "cgroup.controllers").exists()
        self._own = _own_paths(own)
        self._warned = False

    def make(self, task: str, spec: TaskSpec) -> Sequence[Path]:
        """The groups that the task's processes must enter; none where we may not make any."""
        try:
            return self._make_v2(task, spec) if self._is_v2 else self._make_v1(task, spec)
        except OSError as error:
            if (spec.limits.milli_cpus or spec.limits.memory_bytes) and not self._warned:
                self._warned = True
                log.warning("limits of CPU and memory are not enforced here", why=error)
            return ()

    @staticmethod
    async def remove(groups: Sequence[str]) -> None:
        """Remove groups whose processes were killed; the kernel may take a moment to let go."""
        left = [Path(group) for group in groups]
        for _ in range(REMOVE_TRIES_MAX):
            left = [group for group in left if not _remove(group)]
            if not left:
                return
            await asyncio.sleep(REMOVE_AGAIN_SECONDS)
        log.warning("a cgroup is in use still: it is left for the next agent", groups=left)

    def sweep(self) -> None:
        """Remove what is empty of ours: left by an agent that was killed. Others are in use."""
        for above in self._owned():
            for group in above.iterdir() if above.is_dir() else ():
                if group.is_dir():
                    _remove(group)

    def _owned(self) -> Sequence[Path]:
        if self._is_v2:
            return (self._root / "orb" / self._owner,)
        return [self._parent_v1(controller) for controller in CONTROLLERS_V1]

    def _make_v2(self, task: str, spec: TaskSpec) -> Sequence[Path]:
        parent = self._root / "orb" / self._owner
        parent.mkdir(parents=True, exist_ok=True)
        for above in (self._root, parent.parent, parent):
            (above / "cgroup.subtree_control").write_text("+cpu +memory")
        group = parent / task
        group.mkdir(exist_ok=True)
        shares = _shares(spec)
        weight = 1 + (shares - SHARES_MIN) * (WEIGHT_MAX - 1) // (SHARES_MAX - SHARES_MIN)
        (group / "cpu.weight").write_text(str(weight))
        if spec.limits.milli_cpus:
            (group / "cpu.max").write_text(f"{_quota_us(spec)} {PERIOD_US}")
        if spec.limits.memory_bytes:
            (group / "memory.max").write_text(str(spec.limits.memory_bytes))
        return (group,)

    def _make_v1(self, task: str, spec: TaskSpec) -> Sequence[Path]:
        cpu, memory = (self._group_v1(controller, task) for controller in CONTROLLERS_V1)
        (cpu / "cpu.shares").write_text(str(_shares(spec)))
        if spec.limits.milli_cpus:
            (cpu / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (cpu / "cpu.cfs_quota_us").write_text(str(_quota_us(spec)))
        if spec.limits.memory_bytes:
            (memory / "memory.limit_in_bytes").write_text(str(spec.limits.memory_bytes))
        return (cpu, memory)

    def _group_v1(self, controller: str, task: str) -> Path:
        if not (self._root / controller / "cgroup.procs").exists():
            raise FileNotFoundError(f"{self._root / controller} is no cgroup")
        group = self._parent_v1(controller) / task
        group.mkdir(parents=True, exist_ok=True)
        return group

    def _parent_v1(self, controller: str) -> Path:
        """Below our own group, so that a limit on us is one on the tasks too."""
        above = self._root / controller
        own = above / self._own.get(controller, "")
        return (own if own.is_dir() else above) / "orb" / self._owner


def _remove(group: Path) -> bool:
    """Whether the group is gone now; one that has processes stays."""
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _own_paths(file: Path) -> dict[str, str]:
    """The group that we are in, for each controller of version 1."""
    found = {}
    for line in file.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        found.update(dict.fromkeys(controllers.split(","), path.lstrip("/")))
    return found


def _shares(spec: TaskSpec) -> int:
    """What the task gets of a busy CPU, in proportion to its reservation."""
    return max(SHARES_MIN, min(SHARES_MAX, spec.reservations.milli_cpus * 1024 // 1000))


def _quota_us(spec: TaskSpec) -> int:
    return max(QUOTA_US_MIN, spec.limits.milli_cpus * PERIOD_US // 1000)
