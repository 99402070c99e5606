"""Variables in values: `$A`, `${A}`, `${A:-default}`, `${A:?why}`, `${A:+other}`, nested; `$$`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from orb.errors import InvalidInput
from orb.manifest.diagnostics import Place, Problems, excerpt
from orb.manifest.nodes import Entry, ListNode, MapNode, Node, Scalar

NESTING_MAX: Final = 20
"""Defaults in defaults; deeper is refused."""
TEXT_CHARACTERS_MAX: Final = 4 * 1024 * 1024
"""Characters that all substitutions of one run may make; more is refused."""

_START: Final = re.compile(r"\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|(\{))")
_BRACED: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?])(.*))?", re.DOTALL)
_FORMS: Final = "The forms are $NAME, ${NAME}, ${NAME:-default}, ${NAME:?why} and ${NAME:+other}; "
_REMEDY: Final = _FORMS + "a dollar sign of its own is written `$$`."


@dataclass(slots=True)
class Substitution:
    """Puts *variables* into texts, and remembers what was not there."""

    variables: Mapping[str, str]
    unset: dict[str, Place] = field(default_factory=dict)
    """Variables that were asked for without a default and are not set, with the first place."""
    characters: int = 0

    def text(self, template: str, place: Place, depth: int = 0) -> str:
        """*template* with its variables put in. Raises InvalidInput, with the reason."""
        if depth > NESTING_MAX:
            raise InvalidInput(f"defaults are nested more than {NESTING_MAX} deep")
        parts: list[str] = []
        at = 0
        while found := _START.search(template, at):
            parts.append(template[at : found.start()])
            at = found.end()
            if found[1]:
                parts.append("$")
            elif found[2]:
                parts.append(self._plain(found[2], place))
            else:
                end = _closing(template, at)
                parts.append(self._braced(template[at:end], place, depth))
                at = end + 1
        parts.append(template[at:])
        return self._bounded("".join(parts))

    def _bounded(self, text: str) -> str:
        self.characters += len(text)
        if self.characters > TEXT_CHARACTERS_MAX:
            raise InvalidInput(
                f"variables make more than {TEXT_CHARACTERS_MAX} characters of text",
                remedy="Use shorter values.",
            )
        return text

    def _plain(self, name: str, place: Place) -> str:
        if name not in self.variables:
            self.unset.setdefault(name, place)
        return self.variables.get(name, "")

    def _braced(self, inner: str, place: Place, depth: int) -> str:
        parsed = _BRACED.fullmatch(inner)
        if parsed is None:
            raise InvalidInput(f"{excerpt('${' + inner + '}')} names no variable", remedy=_REMEDY)
        name, operator, rest = parsed[1], parsed[2], parsed[3]
        if operator is None:
            return self._plain(name, place)
        value = self.variables.get(name)
        present = bool(value) if operator.startswith(":") else value is not None
        match operator[-1]:
            case "-":
                return value or "" if present else self.text(rest, place, depth + 1)
            case "+":
                return self.text(rest, place, depth + 1) if present else ""
            case _:
                if present:
                    return value or ""
                why = self.text(rest, place, depth + 1)
                raise InvalidInput(
                    f"the variable {name} must have a value{': ' if why else ''}{why}",
                    remedy=f"Set {name} in the environment or in the file .env.",
                )


def interpolate(node: Node, substitution: Substitution, problems: Problems) -> Node:
    """The tree with the variables of all its values, never of its keys, put in."""
    match node:
        case Scalar():
            return _scalar(node, substitution, problems)
        case ListNode():
            items = tuple(interpolate(item, substitution, problems) for item in node.items)
            return replace(node, items=items)
        case MapNode():
            entries = {
                key: Entry(entry.key_place, interpolate(entry.node, substitution, problems))
                for key, entry in node.entries.items()
            }
            return replace(node, entries=entries)
    assert_never(node)


def _scalar(node: Scalar, substitution: Substitution, problems: Problems) -> Scalar:
    if "$" not in node.text or not isinstance(node.value, str):
        return node
    try:
        text = substitution.text(node.text, node.place)
    except InvalidInput as error:
        problems.refuse(node.place, error)
        return node
    return replace(node, text=text, value=text)


def _closing(template: str, start: int) -> int:
    """Where the brace that was opened before *start* closes."""
    depth = 1
    for at in range(start, len(template)):
        if template[at] == "{":
            depth += 1
        elif template[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    raise InvalidInput(f"{excerpt(template[start - 2 :])} has no closing brace", remedy=_REMEDY)
