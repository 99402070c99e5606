"""Plain values to YAML that every reader reads the same: what could be misread is quoted."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

Value = None | bool | int | float | str | Sequence["Value"] | Mapping[str, "Value"]

_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_MISREAD: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def emit(value: Mapping[str, Value]) -> str:
    """A document in block style."""
    return "\n".join(_map(value, "")) + "\n"


def quoted(text: str) -> str:
    """*text* as a scalar, in quotes unless everybody reads it as text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _MISREAD:
        return text
    return '"' + "".join(_character(each) for each in text) + '"'


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if 0x20 <= code <= 0x7E or (code > 0xA0 and character.isprintable()):
        return character
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _map(value: Mapping[str, Value], indent: str) -> Iterator[str]:
    for key, inner in value.items():
        yield from _labelled(f"{indent}{quoted(key)}:", inner, indent + "  ")


def _labelled(label: str, value: Value, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield label
        yield from _map(value, indent)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield label
        for item in value:
            yield from _item(item, indent)
    else:
        yield f"{label} {_leaf(value)}"


def _item(value: Value, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        lines = _map(value, indent + "  ")
        yield f"{indent}- {next(lines).lstrip(' ')}"
        yield from lines
    else:
        yield f"{indent}- {_leaf(value)}"


def _leaf(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return quoted(value)
        case Mapping():
            return "{}"
        case _:
            return "[]"
