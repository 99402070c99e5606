"""What is wrong with a manifest, and where: every finding of a run is kept and told at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import IntEnum
from itertools import islice
from typing import Final

from orb.errors import InvalidInput

DIAGNOSTICS_MAX: Final = 100
"""Findings of one severity that are kept; the others are only counted, and the count is said."""
MESSAGE_CHARACTERS_MAX: Final = 500
"""The longest message; a longer one is cut at its end."""
EXCERPT_CHARACTERS_MAX: Final = 60
"""How much of a person's own text a message repeats."""
SUGGESTION_CHARACTERS_MAX: Final = 64
"""Longer words get no suggestion."""
SUGGESTIONS_MAX: Final = 500
"""Known words that are looked through for a suggestion."""


class Severity(IntEnum):
    """How much a finding matters."""

    NOTE = 1
    """Understood, and worth saying."""
    WARNING = 2
    """Something that was written has no effect, or another one than elsewhere."""
    ERROR = 3
    """The manifest is refused."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a file; lines and columns start at 1, and 0 stands for the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: where, what, and what to do about it."""

    severity: Severity
    place: Place
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        kind = "" if self.severity is Severity.ERROR else f"{self.severity.name.lower()}: "
        first = f"{self.place}: {kind}{self.message}"
        return f"{first}\n  {self.remedy}" if self.remedy else first


class ManifestError(InvalidInput):
    """A manifest that is refused, with everything that is wrong with it in all of its files."""

    def __init__(self, diagnostics: Sequence[Diagnostic], *, left_out: int = 0) -> None:
        self.diagnostics = tuple(diagnostics)
        self.left_out = left_out
        lines = [str(diagnostic) for diagnostic in self.diagnostics]
        if left_out:
            lines.append(f"… and {left_out} more")
        super().__init__("\n".join(lines))


@dataclass(slots=True)
class Problems:
    """Collects findings, so that one run shows all of them."""

    found: list[Diagnostic] = field(default_factory=list)
    left_out: dict[Severity, int] = field(default_factory=dict)
    _kept: dict[Severity, int] = field(default_factory=dict)
    _seen: set[Diagnostic] = field(default_factory=set)

    def error(self, place: Place, message: str, remedy: str = "") -> None:
        """Refuse the manifest, but go on to find what else is wrong."""
        self._add(Severity.ERROR, place, message, remedy)

    def warn(self, place: Place, message: str, remedy: str = "") -> None:
        """Say what will not happen as written."""
        self._add(Severity.WARNING, place, message, remedy)

    def note(self, place: Place, message: str, remedy: str = "") -> None:
        """Say what was understood."""
        self._add(Severity.NOTE, place, message, remedy)

    def refuse(self, place: Place, error: InvalidInput) -> None:
        """Put a place to an error of a parser that knows none."""
        self.error(place, error.message, error.remedy)

    @property
    def has_errors(self) -> bool:
        """Whether the manifest is refused."""
        return any(found.severity is Severity.ERROR for found in self.found)

    def of(self, severity: Severity) -> tuple[Diagnostic, ...]:
        """The findings of one severity, by place."""
        found = (each for each in self.found if each.severity is severity)
        return tuple(sorted(found, key=lambda each: each.place))

    def raise_errors(self) -> None:
        """Raises ManifestError if anything is wrong; warnings of the same lines come along.

        They may be the reason: a variable that is not set leaves `image: web:` behind.
        """
        if self.has_errors:
            errors = self.of(Severity.ERROR)
            lines = {(each.place.file, each.place.line) for each in errors}
            reasons = [
                each
                for each in self.of(Severity.WARNING)
                if (each.place.file, each.place.line) in lines
            ]
            told = sorted((*errors, *reasons), key=lambda each: each.place)
            raise ManifestError(told, left_out=self.left_out.get(Severity.ERROR, 0))

    def _add(self, severity: Severity, place: Place, message: str, remedy: str) -> None:
        diagnostic = Diagnostic(severity, place, message[:MESSAGE_CHARACTERS_MAX], remedy)
        if diagnostic in self._seen:
            return
        if self._kept.get(severity, 0) < DIAGNOSTICS_MAX:
            self._kept[severity] = self._kept.get(severity, 0) + 1
            self._seen.add(diagnostic)
            self.found.append(diagnostic)
        else:
            self.left_out[severity] = self.left_out.get(severity, 0) + 1


def excerpt(text: str) -> str:
    """The person's own text, quoted, on one line and not too long."""
    shown = repr(text[: EXCERPT_CHARACTERS_MAX + 1])
    return shown if len(text) <= EXCERPT_CHARACTERS_MAX else f"{shown[:EXCERPT_CHARACTERS_MAX]}…'"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence with the nearest known word, or nothing."""
    if len(word) > SUGGESTION_CHARACTERS_MAX:
        return ""
    words = list(islice(known, SUGGESTIONS_MAX))
    near = get_close_matches(word.lower().replace("-", "_"), words, n=1, cutoff=0.7)
    near = near or get_close_matches(word, words, n=1, cutoff=0.6)
    return f"Did you mean `{near[0]}`?" if near else ""
