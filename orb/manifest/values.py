"""Typed reading of marked nodes: what is wrong is reported at its place, and None comes back."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

from orb.contents import MODE_MAX
from orb.ids import Millis
from orb.manifest.diagnostics import Place, Problems, did_you_mean, excerpt
from orb.manifest.keys import Support, Table
from orb.manifest.nodes import Entry, ListNode, MapNode, Node, Scalar, describe, is_null

_T = TypeVar("_T")

DURATION_MS_MAX: Final = 366 * 24 * 3600 * 1000
"""The longest time a manifest may name: a year."""
BYTES_MAX: Final = 2**63 - 1
MILLI_CPUS_MAX: Final = 1_000_000_000
NUMBER_CHARACTERS_MAX: Final = 40
COMMAND_CHARACTERS_MAX: Final = 128 * 1024
"""Text that is split into words; longer text is refused."""

_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d)")
_UNIT_MS: Final = {
    "ns": Decimal("0.000001"), "us": Decimal("0.001"), "µs": Decimal("0.001"), "ms": Decimal(1),
    "s": Decimal(1000), "m": Decimal(60_000), "h": Decimal(3_600_000), "d": Decimal(86_400_000),
}  # fmt: skip
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_TRUE: Final = frozenset({"true", "yes", "on", "y"})
_FALSE: Final = frozenset({"false", "no", "off", "n"})


@dataclass(frozen=True, slots=True)
class Values:
    """Readers that share a list of problems."""

    problems: Problems

    def section(self, node: Node, table: Table, what: str) -> dict[str, Entry]:
        """The entries of a map that have an effect; the others are reported as *table* says.

        Keys without a value count as absent; `x-` keys that the table does not know are anybody's.
        """
        kept: dict[str, Entry] = {}
        for name, entry in self.entries(node, what).items():
            key = table.get(name)
            if key is None:
                if not name.startswith("x-"):
                    self._unknown(name, entry.key_place, table, what)
            elif not is_null(entry.node) and not self._report(name, entry, table, what):
                kept[name] = entry
        return kept

    def _unknown(self, name: str, place: Place, table: Table, what: str) -> None:
        remedy = _ELSEWHERE.get(name) or did_you_mean(name, table)
        self.problems.error(place, f"{excerpt(name)} is not a key of {what}", remedy)

    def _report(self, name: str, entry: Entry, table: Table, what: str) -> bool:
        key = table[name]
        asks_for_nothing = _is_false(entry.node) or _is_empty(entry.node)
        if key.support is Support.REFUSED and not asks_for_nothing:
            message = f"`{name}` of {what} is not supported: {key.says}"
            self.problems.error(entry.key_place, message, key.remedy)
        elif key.support is Support.IGNORED and not asks_for_nothing:
            message = f"`{name}` of {what} has no effect: {key.says}"
            self.problems.warn(entry.key_place, message, key.remedy)
        return key.support not in {Support.HONOURED, Support.PARTLY}

    def entries(self, node: Node, what: str) -> Mapping[str, Entry]:
        """The entries of a map; nothing is an empty one."""
        if isinstance(node, MapNode):
            return node.entries
        if not is_null(node):
            self._mismatch(node, what, "a map")
        return {}

    def items(self, node: Node, what: str) -> tuple[Node, ...]:
        """The items of a list; nothing is an empty one."""
        if isinstance(node, ListNode):
            return node.items
        if not is_null(node):
            self._mismatch(node, what, "a list")
        return ()

    def text(self, node: Node, what: str) -> str | None:
        """Text as Compose sees it: truth values in small letters, numbers as written."""
        if not isinstance(node, Scalar) or node.value is None:
            self._mismatch(node, what, "text")
            return None
        if isinstance(node.value, bool):
            return "true" if node.value else "false"
        if isinstance(node.value, int):
            return self._integer_text(node, node.value)
        return node.text

    def _integer_text(self, node: Scalar, value: int) -> str:
        if node.text.lstrip("+-").isdigit() and str(value) == node.text:
            return node.text
        self.problems.warn(
            node.place,
            f"{node.text} is read as the number {value}, as Compose reads it",
            f'Write "{node.text}" in quotes to keep it as it stands.',
        )
        return str(value)

    def texts(self, node: Node, what: str) -> list[tuple[str, Place]]:
        """The texts of a list, or a single text, with their places."""
        items = (node,) if isinstance(node, Scalar) and not is_null(node) else None
        found = []
        for item in items or self.items(node, what):
            text = self.text(item, f"an item of {what}")
            if text is not None:
                found.append((text, item.place))
        return found

    def boolean(self, node: Node, what: str) -> bool | None:
        """True or false; the words of YAML 1.1 are taken too."""
        if isinstance(node, Scalar):
            word = node.text.lower()
            if isinstance(node.value, bool) or word in _TRUE | _FALSE:
                return word in _TRUE
        self._mismatch(node, what, "true or false")
        return None

    def integer(self, node: Node, what: str, least: int, most: int) -> int | None:
        """A whole number from *least* to *most*."""
        number = self._number(node, what)
        if number is None:
            return None
        if number != number.to_integral_value():
            self.problems.error(node.place, f"{what} must be a whole number, not {number}")
            return None
        return int(number) if self._in_range(number, node, what, least, most) else None

    def permissions(self, node: Node, what: str) -> int | None:
        """Permissions: a number as YAML reads it (`0755` and `0o755` are octal), or octal text."""
        if isinstance(node, Scalar) and isinstance(node.value, str):
            digits = node.value.strip().removeprefix("0o")
            if re.fullmatch(r"[0-7]{1,5}", digits):
                return int(digits, 8)
        return self.integer(node, what, 0, MODE_MAX)

    def ratio(self, node: Node, what: str) -> float | None:
        """A number from 0 to 1."""
        number = self._number(node, what)
        if number is None or not self._in_range(number, node, what, 0, 1):
            return None
        return float(number)

    def milli_cpus(self, node: Node, what: str) -> int | None:
        """Cores as a number or text, in thousandths; less than one thousandth counts as one."""
        number = self._number(node, what)
        if number is None or not self._in_range(number, node, what, 0, MILLI_CPUS_MAX // 1000):
            return None
        return max(round(number * 1000), 1 if number > 0 else 0)

    def size_bytes(self, node: Node, what: str) -> int | None:
        """An amount of memory: `64M`, `1.5gb`, `512 KiB`, or bytes; units are powers of 1024."""
        text = self.text(node, what)
        if text is None:
            return None
        found = _SIZE.fullmatch(text.strip()) if len(text) <= NUMBER_CHARACTERS_MAX else None
        if found is None:
            self.problems.error(
                node.place,
                f"{what} must be an amount like 64M or 1.5G, not {excerpt(text)}",
                "The units are b, k, m, g, t and p; amounts are not negative.",
            )
            return None
        exponent = " kmgtp".index(found[2].lower() or " ")
        size = Decimal(found[1]) * 1024**exponent
        return int(size) if self._in_range(size, node, what, 0, BYTES_MAX) else None

    def duration(self, node: Node, what: str) -> Millis | None:
        """A time like `1m30s`; parts of a millisecond count as a whole one."""
        text = self.text(node, what)
        if text is None:
            return None
        parts = _DURATION_PART.findall(text) if len(text) <= NUMBER_CHARACTERS_MAX else []
        if text != "0" and (not parts or "".join(map("".join, parts)) != text):
            remedy = (
                f"Write {text}s for seconds." if text.isdigit() else "The units are ms, s, m, h."
            )
            self.problems.error(
                node.place, f"{what} must be a time like 1m30s, not {excerpt(text)}", remedy
            )
            return None
        length = sum((Decimal(number) * _UNIT_MS[unit] for number, unit in parts), Decimal(0))
        if not self._in_range(length, node, f"{what} in milliseconds", 0, DURATION_MS_MAX):
            return None
        return Millis(-int(-length // 1))

    def choice(self, node: Node, what: str, choices: Mapping[str, _T]) -> _T | None:
        """One of some words."""
        text = self.text(node, what)
        if text is None or text in choices:
            return choices[text] if text is not None else None
        remedy = did_you_mean(text, choices)
        words = ", ".join(choices)
        self.problems.error(
            node.place, f"{what} must be one of {words}, not {excerpt(text)}", remedy
        )
        return None

    def command(self, node: Node, what: str) -> tuple[str, ...] | None:
        """A list of words, or text that is split as a shell splits it."""
        if isinstance(node, ListNode):
            return tuple(text for text, _ in self.texts(node, what))
        text = self.text(node, what)
        if text is None:
            return None
        if len(text) > COMMAND_CHARACTERS_MAX:
            message = f"{what} has more than {COMMAND_CHARACTERS_MAX} characters"
            self.problems.error(node.place, message, "Put it into a script.")
            return None
        try:
            return tuple(shlex.split(text))
        except ValueError as error:
            self.problems.error(node.place, f"{what} cannot be split into words: {error}")
            return None

    def optional(
        self, entries: Mapping[str, Entry], name: str, read: Callable[[Node, str], _T | None]
    ) -> _T | None:
        """The value under *name*, by *read*; None if there is none."""
        entry = entries.get(name)
        return None if entry is None else read(entry.node, f"`{name}`")

    def _number(self, node: Node, what: str) -> Decimal | None:
        if isinstance(node, Scalar) and not isinstance(node.value, bool):
            text = str(node.value) if isinstance(node.value, int) else node.text.strip()
            if len(text) <= NUMBER_CHARACTERS_MAX:
                try:
                    number = Decimal(text)
                except InvalidOperation:
                    number = Decimal("nan")
                if number.is_finite():
                    return number
            self.problems.error(node.place, f"{what} must be a number, not {excerpt(node.text)}")
            return None
        self._mismatch(node, what, "a number")
        return None

    def _in_range(self, number: Decimal, node: Node, what: str, least: int, most: int) -> bool:
        if least <= number <= most:
            return True
        shown = excerpt(node.text) if isinstance(node, Scalar) else str(number)
        self.problems.error(node.place, f"{what} must be from {least} to {most}, not {shown}")
        return False

    def _mismatch(self, node: Node, what: str, wanted: str) -> None:
        self.problems.error(node.place, f"{what} must be {wanted}, not {describe(node)}")


_ELSEWHERE: Final = {
    "replicas": "In a service it is `deploy: {replicas: …}`.",
    "port": 'In a service it is `ports: ["8080:8080"]`.',
    "resources": "It belongs under `deploy`.",
    "placement": "It belongs under `deploy`.",
    "update_config": "It belongs under `deploy`.",
    "restart_policy": "It belongs under `deploy`.",
    "env": "It is called `environment`.",
    "envs": "It is called `environment`.",
    "cmd": "It is called `command`.",
    "args": "It is called `command`.",
    "memory": "It belongs under `deploy.resources.limits`; `mem_limit` is short for it.",
}
"""Where a key belongs that people write in the wrong place."""


def _is_false(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is False


def _is_empty(node: Node) -> bool:
    return (isinstance(node, ListNode) and not node.items) or (
        isinstance(node, MapNode) and not node.entries
    )
