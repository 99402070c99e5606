"""Regular expressions whose time is linear in the text: no pattern a person writes can hang us.

Python's own engine backtracks, and `(a+)+$` against thirty letters takes minutes. This one follows
all branches at once (Thompson's construction, states as bits of an int) and remembers the steps
it took. It knows literals, `.`, classes, `\\d \\w \\s` and their opposites, groups, `|`, `* + ?`
and `{m,n}`; a pattern must match the whole text, so `^` in front and `$` behind change nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from orb.errors import InvalidInput

PATTERN_CHARACTERS_MAX: Final = 256
"""The longest pattern; a longer one is refused."""
PATTERN_STATES_MAX: Final = 1_000
"""States of one compiled pattern; repetitions like `(a{9}){9}` multiply them; more is refused."""
PATTERN_DEPTH_MAX: Final = 20
"""Groups in groups; more is refused."""
STEPS_REMEMBERED_MAX: Final = 5_000
"""Steps that one pattern remembers; at the bound it forgets them all and starts again."""
PATTERNS_REMEMBERED_MAX: Final = 256
"""Compiled patterns that are kept; the one not used for longest goes."""
REPEAT_MAX: Final = 255
"""The largest number in `{m,n}`; a larger one is refused."""

Ranges = tuple[tuple[str, str], ...]

_CLASSES: Final[dict[str, Ranges]] = {
    "d": (("0", "9"),),
    "w": (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")),
    "s": ((" ", " "), ("\t", "\r")),
}
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class _OneOf:
    """One character out of *ranges*, or out of all others if *negated*."""

    ranges: Ranges
    negated: bool = False

    def accepts(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges) is not self.negated


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple["_Node", ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    branches: tuple["_Node", ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    what: "_Node"
    least: int
    most: int | None
    """None: without end."""


_Node = _OneOf | _Sequence | _Choice | _Repeat


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern. Its only change of state is the memory of steps, which nobody sees."""

    text: str
    accepts: tuple[_OneOf | None, ...]
    """Per state: what it takes; None for the states that only lead on, and for the last."""
    closure: tuple[int, ...]
    """Per state: all states that are reached from it without a character, as bits."""
    _steps: dict[tuple[int, str], int] = field(default_factory=dict, compare=False, repr=False)

    def matches(self, text: str) -> bool:
        """Whether the pattern matches the whole of *text*; takes time linear in its length."""
        states = self.closure[0]
        for character in text:
            states = self._step(states, character)
            if not states:
                return False
        return bool(states >> (len(self.accepts) - 1) & 1)

    def _step(self, states: int, character: str) -> int:
        key = (states, character)
        known = self._steps.get(key)
        if known is not None:
            return known
        following = 0
        for state in _bits(states):
            wanted = self.accepts[state]
            if wanted is not None and wanted.accepts(character):
                following |= self.closure[state + 1]
        if len(self._steps) >= STEPS_REMEMBERED_MAX:
            self._steps.clear()
        self._steps[key] = following
        return following


@lru_cache(maxsize=PATTERNS_REMEMBERED_MAX)
def compile_pattern(text: str) -> Pattern:
    """The compiled form of *text*. Raises InvalidInput, with the place, if it is not a pattern."""
    if len(text) > PATTERN_CHARACTERS_MAX:
        raise InvalidInput(
            f"the pattern has {len(text)} characters; at most {PATTERN_CHARACTERS_MAX} are allowed",
            remedy="Write a shorter pattern, or several constraints.",
        )
    return _Assembler(text).assemble(_Reader(text).read())


class _Reader:
    """Text to tree, by recursive descent."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 1 if text.startswith("^") else 0
        self.end = len(text)
        if text.endswith("$") and not _is_escaped(text, len(text) - 1):
            self.end -= 1

    def read(self) -> _Node:
        tree = self._choice(depth=0)
        if self.at < self.end:
            raise self._wrong("`)` closes nothing")
        return tree

    def _choice(self, depth: int) -> _Node:
        if depth > PATTERN_DEPTH_MAX:
            raise self._wrong(f"groups are nested deeper than {PATTERN_DEPTH_MAX}")
        branches = [self._sequence(depth)]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence(depth))
        return branches[0] if len(branches) == 1 else _Choice(tuple(branches))

    def _sequence(self, depth: int) -> _Node:
        parts: list[_Node] = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._repeated(self._atom(depth)))
        return _Sequence(tuple(parts))

    def _atom(self, depth: int) -> _Node:
        character = self._take()
        match character:
            case "(":
                return self._group(depth)
            case "[":
                return self._class()
            case ".":
                return _OneOf((("\n", "\n"),), negated=True)
            case "\\":
                return self._escape()
            case "*" | "+" | "?" | "{":
                raise self._wrong(f"`{character}` repeats nothing", back=1)
            case "^" | "$":
                raise self._wrong(f"`{character}` may stand only at the ends", back=1)
            case _:
                return _OneOf(((character, character),))

    def _group(self, depth: int) -> _Node:
        if self.text.startswith("?:", self.at):
            self.at += 2
        elif self._peek() == "?":
            raise self._wrong("groups of the form `(?…)` are not supported, only `(…)` and `(?:…)`")
        inner = self._choice(depth + 1)
        if self._peek() != ")":
            raise self._wrong("a `(` is not closed")
        self.at += 1
        return inner

    def _repeated(self, what: _Node) -> _Node:
        bounds: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        sign = self._peek()
        if sign in bounds:
            self.at += 1
            least, most = bounds[sign]
        elif sign == "{":
            least, most = self._braces()
        else:
            return what
        if self._peek() in {*bounds, "{"}:
            raise self._wrong("two repetitions in a row", back=0)
        return _Repeat(what, least, most)

    def _braces(self) -> tuple[int, int | None]:
        close = self.text.find("}", self.at, self.end)
        inner = self.text[self.at + 1 : close] if close > 0 else ""
        low, comma, high = inner.partition(",")
        numbers = [part for part in (low, high) if part]
        if not low or not all(n.isascii() and n.isdigit() and len(n) <= 3 for n in numbers):
            raise self._wrong("`{` needs the form {3}, {3,} or {3,5}")
        least = int(low)
        most = int(high) if high else (None if comma else least)
        if max(least, most or 0) > REPEAT_MAX or (most is not None and most < least):
            raise self._wrong(f"the numbers in braces must grow and be at most {REPEAT_MAX}")
        self.at = close + 1
        return least, most

    def _class(self) -> _OneOf:
        negated = self._peek() == "^"
        self.at += negated
        ranges: list[tuple[str, str]] = []
        first = True
        while first or self._peek() != "]":
            first = False
            ranges.extend(self._class_member())
        self.at += 1
        return _OneOf(tuple(ranges), negated=negated)

    def _class_member(self) -> Ranges:
        low = self._class_character()
        if isinstance(low, _OneOf):
            return low.ranges
        if self._peek() != "-" or self.text[self.at + 1 : self.at + 2] == "]":
            return ((low, low),)
        self.at += 1
        high = self._class_character()
        if isinstance(high, _OneOf) or high < low:
            raise self._wrong("a range in `[…]` must go from a lower to a higher character")
        return ((low, high),)

    def _class_character(self) -> str | _OneOf:
        if self._peek() == "":
            raise self._wrong("a `[` is not closed")
        character = self._take()
        if character != "\\":
            return character
        one = self._escape()
        if one.negated:
            raise self._wrong("`\\D`, `\\W` and `\\S` cannot stand inside `[…]`")
        return one if one.ranges in _CLASSES.values() else one.ranges[0][0]

    def _escape(self) -> _OneOf:
        if self.at >= len(self.text):
            raise self._wrong("the pattern ends with a lone backslash")
        name = self._take()
        if name.lower() in _CLASSES:
            return _OneOf(_CLASSES[name.lower()], negated=name.isupper())
        if name.isalnum() and name not in _CONTROLS:
            raise self._wrong(f"`\\{name}` is not supported", back=2)
        character = _CONTROLS.get(name, name)
        return _OneOf(((character, character),))

    def _peek(self) -> str:
        return self.text[self.at] if self.at < self.end else ""

    def _take(self) -> str:
        character = self.text[self.at]
        self.at += 1
        return character

    def _wrong(self, why: str, back: int = 0) -> InvalidInput:
        place = max(self.at - back, 0) + 1
        return InvalidInput(
            f"not a pattern: {why} (character {place} of {self.text!r})",
            remedy="Use literals, ., [a-z], \\d, (a|b), *, +, ? and {2,3}; "
            "the pattern must match the whole value.",
        )


class _Assembler:
    """Tree to states. State n takes a character and goes to n + 1, or only leads on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.accepts: list[_OneOf | None] = []
        self.leads: list[list[int]] = []

    def assemble(self, tree: _Node) -> Pattern:
        self._add(tree)
        self._state(None)
        return Pattern(self.text, tuple(self.accepts), tuple(self._closures()))

    def _state(self, wanted: _OneOf | None) -> int:
        if len(self.accepts) >= PATTERN_STATES_MAX:
            raise InvalidInput(
                f"the pattern {self.text!r} needs more than {PATTERN_STATES_MAX} states",
                remedy="Repeat less: numbers in braces multiply.",
            )
        self.accepts.append(wanted)
        self.leads.append([])
        return len(self.accepts) - 1

    def _add(self, tree: _Node) -> None:
        match tree:
            case _OneOf():
                self._state(tree)
            case _Sequence(parts):
                for part in parts:
                    self._add(part)
            case _Choice(branches):
                self._add_choice(branches)
            case _Repeat(what, least, most):
                self._add_repeat(what, least, most)

    def _add_choice(self, branches: tuple[_Node, ...]) -> None:
        fork = self._state(None)
        ends = []
        for branch in branches:
            self.leads[fork].append(len(self.accepts))
            self._add(branch)
            ends.append(self._state(None))
        for end in ends:
            self.leads[end].append(len(self.accepts))

    def _add_repeat(self, what: _Node, least: int, most: int | None) -> None:
        for _ in range(least):
            self._add(what)
        if most is None:
            fork = self._state(None)
            self.leads[fork].append(len(self.accepts))
            self._add(what)
            self.leads[self._state(None)].append(fork)
            self.leads[fork].append(len(self.accepts))
            return
        forks = []
        for _ in range(most - least):
            forks.append(self._state(None))
            self.leads[forks[-1]].append(len(self.accepts))
            self._add(what)
        for fork in forks:
            self.leads[fork].append(len(self.accepts))

    def _closures(self) -> Iterator[int]:
        for start in range(len(self.accepts)):
            reached, open_ = 1 << start, [start]
            while open_:
                for target in self.leads[open_.pop()]:
                    if not reached >> target & 1:
                        reached |= 1 << target
                        open_.append(target)
            yield reached


def _bits(states: int) -> Iterator[int]:
    while states:
        lowest = states & -states
        yield lowest.bit_length() - 1
        states ^= lowest


def _is_escaped(text: str, at: int) -> bool:
    backslashes = 0
    while at - backslashes > 0 and text[at - backslashes - 1] == "\\":
        backslashes += 1
    return backslashes % 2 == 1
