"""Text in columns, as wide as their content, cut to the terminal where there is one."""

import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Final

import click

GAP: Final = "  "
NARROWEST: Final = 40
"""A terminal that says it is narrower is not believed."""


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines; cells may hold colours. Only the last column is cut to fit a terminal."""
    widths = [
        max([width(heading), *(width(row[column]) for row in rows)])
        for column, heading in enumerate(headings)
    ]
    return [fit(_line(row, widths)) for row in (headings, *rows)]


def width(text: str) -> int:
    """How many columns of a terminal *text* takes, colours not counted."""
    visible = click.unstyle(text)
    if visible.isascii():
        return len(visible)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in visible)
    joined = sum(unicodedata.combining(character) > 0 for character in visible)
    return len(visible) + wide - joined


def fit(line: str) -> str:
    """*line*, cut with `…` where a terminal would wrap it; untouched in a pipe."""
    columns = terminal_columns()
    if columns is None or width(line) <= columns:
        return line
    return cut(line, columns)


def cut(line: str, columns: int) -> str:
    """The first *columns* columns of a line, colours kept whole and closed."""
    kept, used, position = [], 0, 0
    while position < len(line) and used < columns - 1:
        if line.startswith("\x1b[", position):
            end = line.index("m", position) + 1
            kept.append(line[position:end])
            position = end
            continue
        used += width(line[position])
        kept.append(line[position])
        position += 1
    return "".join(kept) + "…" + ("\x1b[0m" if "\x1b[" in line else "")


def terminal_columns() -> int | None:
    """The width of the terminal that stdout goes to; None in a pipe."""
    if not sys.stdout.isatty():
        return None
    return max(NARROWEST, shutil.get_terminal_size().columns)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)]
    return GAP.join(cells).rstrip()
