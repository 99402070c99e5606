"""The logs of all processes of a local cluster, merged as they are written, each with its name."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli.processes import SUPERVISOR, Process

if TYPE_CHECKING:
    from cli.devplan import Plan

POLL_S: Final = 0.1
LINE_BYTES_MAX: Final = 64 * 1024
"""A longer line is shown in pieces."""
COLOURS: Final = ("cyan", "magenta", "blue", "green", "yellow", "bright_cyan", "bright_magenta")


def follow_logs(plan: "Plan") -> None:
    """Show what is written from now on, until the supervisor has ended or Ctrl-C."""
    from cli.devcluster import supervisor_of

    names = [SUPERVISOR, *(server.name for server in plan.servers)]
    names += [node.name for node in plan.nodes]
    supervisor = supervisor_of(plan)
    if supervisor is not None:
        follow([plan.logs / f"{name}.log" for name in names], supervisor)


def follow(logs: Sequence[Path], until_gone: Process) -> None:
    """Show new lines of these files as long as that process runs."""
    wide = max(len(log.stem) for log in logs)
    tails = [Tail(log, log.stem.ljust(wide), colour_of(place)) for place, log in enumerate(logs)]
    while until_gone.is_running:
        for each in tails:
            for line in each.lines():
                click.echo(f"{click.style(each.title, fg=each.colour)} | {line}")
        time.sleep(POLL_S)


def colour_of(place: int) -> str:
    """A colour for the n-th source; neighbours differ."""
    return COLOURS[place % len(COLOURS)]


class Tail:
    """What a file gets from now on, line by line, also after it was cut."""

    def __init__(self, path: Path, title: str, colour: str) -> None:
        self.title = title
        self.colour = colour
        self._path = path
        self._at = path.stat().st_size if path.is_file() else 0
        self._rest = b""

    def lines(self) -> Iterator[str]:
        """The whole lines that have come since the last look."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            if file.seek(0, 2) < self._at:
                self._at, self._rest = 0, b""
            file.seek(self._at)
            new = file.read()
        self._at += len(new)
        *whole, self._rest = (self._rest + new).split(b"\n")
        if len(self._rest) > LINE_BYTES_MAX:
            whole, self._rest = [*whole, self._rest], b""
        for line in whole:
            yield line.decode("utf-8", "replace").rstrip("\r")
