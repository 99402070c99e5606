"""What is written to the person: a block that is redrawn on a terminal, plain lines in a pipe."""

import shutil
import sys
from collections.abc import Sequence
from typing import Final

import click

from cli.tables import fit

BAR_CELLS: Final = 10
CLEAR_BELOW: Final = "\x1b[J"


class Screen:
    """Writes to stdout; on a terminal the last block is drawn over the one before."""

    def __init__(self, *, live: bool | None = None) -> None:
        self.live = sys.stdout.isatty() if live is None else live
        self._drawn = 0

    def draw(self, lines: Sequence[str]) -> None:
        """Show a block in place of the last one. In a pipe it is simply written."""
        if not self.live:
            for line in lines:
                click.echo(line)
            return
        shown = [self._paint(fit(line)) for line in _as_many_as_fit(lines)]
        up = f"\x1b[{self._drawn}A\r" if self._drawn else ""
        sys.stdout.write(up + CLEAR_BELOW + "".join(f"{line}\n" for line in shown))
        sys.stdout.flush()
        self._drawn = len(shown)

    def say(self, line: str = "") -> None:
        """Write a line that stays, above the next block."""
        if self.live:
            self.draw([])
        click.echo(line)

    def _paint(self, line: str) -> str:
        """Without its colours under NO_COLOR; `click.echo` cannot be used for cursor movements."""
        context = click.get_current_context(silent=True)
        return click.unstyle(line) if context and context.color is False else line

    def keep(self) -> None:
        """What is drawn stays: the next block comes below it."""
        self._drawn = 0


def bar(part: int, whole: int) -> str:
    """`██████░░░░`: how much of the whole is there."""
    filled = BAR_CELLS if part >= whole else BAR_CELLS * part // whole
    return "█" * filled + "░" * (BAR_CELLS - filled)


def note(line: str) -> None:
    """Tell something beside the answer: on stderr, so that pipes stay clean."""
    click.echo(line, err=True)


def _as_many_as_fit(lines: Sequence[str]) -> Sequence[str]:
    rows = shutil.get_terminal_size().lines - 1
    if len(lines) <= rows:
        return lines
    return [*lines[: rows - 1], f"… {len(lines) - rows + 1} more lines"]
