"""Processes of ours, known by pid and start: a number that was given to another one is not ours."""

import json
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SUPERVISOR: Final = "supervisor"
"""The name of the one that keeps the others alive."""
POLL_S: Final = 0.05
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_AFTER_NAME: Final = 2
"""In /proc/PID/stat the fields are counted from the state, which follows the name in brackets."""
_START_FIELD: Final = 19


@dataclass(frozen=True, slots=True)
class Process:
    """A process: its pid, and when it was started (a mark that no other process shares)."""

    pid: int
    started: str

    @property
    def is_running(self) -> bool:
        """It is still there, and is the same."""
        return start_mark(self.pid) == self.started

    def send(self, number: signal.Signals) -> bool:
        """Signal it; False if it is gone."""
        if not self.is_running:
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


def process(pid: int) -> Process:
    """The process that has this pid now."""
    return Process(pid, start_mark(pid))


def start_mark(pid: int) -> str:
    """When the process with this pid was started; empty if there is none, or only its corpse."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat[stat.rindex(")") + _AFTER_NAME :].split()
    if fields[0] == "Z":
        return ""
    return f"{_BOOT_ID.read_text(encoding='ascii').strip()}:{fields[_START_FIELD]}"


def age_s(pid: int) -> float:
    """For how long the process with this pid has run, in seconds; 0 where /proc does not tell."""
    ticks = start_mark(pid).rpartition(":")[2]
    if not ticks:
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(ticks) / os.sysconf("SC_CLK_TCK")


def end(processes: Iterable[Process], within_s: float) -> None:
    """Ask them to end, all at once; kill those that have not within that time."""
    left = [each for each in processes if each.send(signal.SIGTERM)]
    deadline = time.monotonic() + within_s
    while left and time.monotonic() < deadline:
        time.sleep(POLL_S)
        left = [each for each in left if each.is_running]
    for each in left:
        each.send(signal.SIGKILL)
    while any(each.is_running for each in left):
        time.sleep(POLL_S)


@dataclass(slots=True)
class Running:
    """Which processes run, as kept in `processes.json` for `dev stop` and `dev status`."""

    supervisor: Process | None = None
    children: dict[str, Process] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)

    @property
    def alive(self) -> list[Process]:
        """Those that still run, the supervisor first."""
        known = [*([self.supervisor] if self.supervisor else []), *self.children.values()]
        return [each for each in known if each.is_running]


def running_in(directory: Path) -> Running:
    """What `processes.json` tells; nothing if there is none."""
    try:
        kept = json.loads((directory / "processes.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return Running()
    return Running(
        supervisor=Process(*kept["supervisor"]),
        children={name: Process(*mark) for name, mark in kept["children"].items()},
        restarts=dict(kept["restarts"]),
    )
