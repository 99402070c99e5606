"""Where a task may run: the grammar of placement constraints, and what they say of a node.

`node.labels.disk == ssd`, `node.name != n1`, `node.platform.arch in amd64, arm64`,
`node.labels.rack =~ r[0-9]+`. Equality ignores case, as Swarm's does. A label that a node does not
have reads as the empty text: `==` fails and `!=` holds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from orb.errors import InvalidInput
from orb.labels import is_label_key
from orb.pattern import compile_pattern

CONSTRAINT_CHARACTERS_MAX: Final = 512
"""The longest constraint; a longer one is refused."""
CONSTRAINT_VALUES_MAX: Final = 100
"""Values after `in`; more are refused."""

LABEL_PREFIX: Final = "node.labels."
ATTRIBUTES: Final = (
    "node.hostname",
    "node.name",
    "node.zone",
    "node.platform.os",
    "node.platform.arch",
)
"""What can be asked of a node besides its labels, `node.labels.<name>`."""

_ARCH: Final = "node.platform.arch"
_ARCH_ALIASES: Final = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
_REMEDY: Final = (
    "Write `<attribute> <operator> <value>`, for example `node.labels.disk == ssd`; the operators "
    "are ==, !=, in (a list after it) and =~ (a pattern for the whole value)."
)


class Operator(StrEnum):
    """How an attribute is compared."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    IN = "in"
    MATCHES = "=~"


@dataclass(frozen=True, slots=True)
class Constraint:
    """One condition on a node. Only `in` has more than one value."""

    attribute: str
    op: Operator
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.attribute} {self.op} {', '.join(self.values)}"


def parse(text: str) -> Constraint:
    """The constraint that *text* says. Raises InvalidInput if it says none."""
    if len(text) > CONSTRAINT_CHARACTERS_MAX:
        raise InvalidInput(
            f"a constraint has {len(text)} characters; {CONSTRAINT_CHARACTERS_MAX} are allowed",
            remedy="Label the nodes and use the label.",
        )
    attribute, op, value = _split(text)
    _check_attribute(attribute, text)
    values = _values(op, value, text)
    if op is Operator.MATCHES:
        compile_pattern(values[0])
    elif attribute == _ARCH:
        values = tuple(canonical_arch(value) for value in values)
    return Constraint(attribute, op, values)


def matches(constraint: Constraint, attributes: Mapping[str, str]) -> bool:
    """Whether a node with these *attributes* (by full name, `node.labels.disk`) satisfies it.

    Raises InvalidInput only for a constraint that `parse` did not make.
    """
    has = attributes.get(constraint.attribute, "")
    if constraint.attribute == _ARCH:
        has = canonical_arch(has)
    if constraint.op is Operator.MATCHES:
        return compile_pattern(constraint.values[0]).matches(has)
    equal = has.casefold() in {value.casefold() for value in constraint.values}
    return equal is not (constraint.op is Operator.NOT_EQUAL)


def contradiction(constraints: Iterable[Constraint]) -> tuple[Constraint, ...]:
    """Those that no node at all can satisfy together, or nothing.

    Only what lists its values can tell: `==` and `in`, with what else is said of the attribute.
    """
    by_attribute: dict[str, list[Constraint]] = {}
    for constraint in constraints:
        by_attribute.setdefault(constraint.attribute, []).append(constraint)
    for attribute, together in by_attribute.items():
        lists = [each for each in together if each.op in {Operator.EQUAL, Operator.IN}]
        candidates = lists[0].values if lists else ()
        if lists and not any(
            all(matches(each, {attribute: value}) for each in together) for value in candidates
        ):
            return tuple(together)
    return ()


def canonical_arch(name: str) -> str:
    """The architecture as Go and Docker images spell it: x86_64 is amd64, aarch64 is arm64."""
    return _ARCH_ALIASES.get(name.lower(), name)


def _split(text: str) -> tuple[str, Operator, str]:
    """The three parts. The operator is the first that stands in the text, from the left."""
    signs = (Operator.EQUAL, Operator.NOT_EQUAL, Operator.MATCHES)
    found = [(place, op) for op in signs if (place := text.find(op)) >= 0]
    words = text.split(None, 2)
    if len(words) == 3 and words[1] == Operator.IN and _no_sign_before(found, text, words[2]):
        return words[0], Operator.IN, words[2].strip()
    if not found:
        raise InvalidInput(f"{text!r} is not a constraint: it has no operator", remedy=_REMEDY)
    place, op = min(found)
    if op is not Operator.MATCHES and text.startswith("=", place + len(op)):
        raise InvalidInput(
            f"{text!r} is not a constraint: {op}= is no operator", remedy=f"Did you mean {op}?"
        )
    return text[:place].strip(), op, text[place + len(op) :].strip()


def _no_sign_before(found: list[tuple[int, Operator]], text: str, rest: str) -> bool:
    return all(place >= len(text) - len(rest) for place, _ in found)


def _check_attribute(attribute: str, text: str) -> None:
    if attribute in ATTRIBUTES:
        return
    label = attribute.removeprefix(LABEL_PREFIX)
    if label != attribute:
        if is_label_key(label):
            return
        raise InvalidInput(f"{text!r} does not name a label", remedy=_REMEDY)
    raise InvalidInput(
        f"{text!r} asks for {attribute!r}, which nodes do not have", remedy=_hint(attribute)
    )


def _hint(attribute: str) -> str:
    close = get_close_matches(attribute, [*ATTRIBUTES, "node.labels"], n=1)
    guess = f"Did you mean {close[0]}? " if close else ""
    return f"{guess}Nodes have {', '.join(ATTRIBUTES)} and {LABEL_PREFIX}<name>."


def _values(op: Operator, text: str, whole: str) -> tuple[str, ...]:
    if op is not Operator.IN:
        if not text:
            raise InvalidInput(f"{whole!r} has no value after {op}", remedy=_REMEDY)
        return (text,)
    if (text[:1], text[-1:]) in {("(", ")"), ("[", "]")}:
        text = text[1:-1]
    values = tuple(part.strip() for part in text.split(","))
    if not all(values):
        raise InvalidInput(f"{whole!r} has an empty value in its list", remedy=_REMEDY)
    if len(values) > CONSTRAINT_VALUES_MAX:
        raise InvalidInput(
            f"a constraint lists {len(values)} values; {CONSTRAINT_VALUES_MAX} are allowed",
            remedy="Label the nodes and use the label.",
        )
    return values
