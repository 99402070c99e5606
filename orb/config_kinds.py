"""The kinds of values that options have: how each is written, and how it is read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar

from orb.spec import NAME_LENGTH_MAX

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
E = TypeVar("E", bound=Enum)

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T_co]):
    """How a value is read. *parse* takes text or a TOML value and raises ValueError."""

    metavar: str
    parse: Callable[[object], T_co]
    repeatable: bool = False
    """The flag may be given several times; text is split at commas."""
    is_switch: bool = False
    """`--name` and `--no-name`, without a value."""


CLIENT_PORT: Final = 7400
"""Where orbctl and the agents find a server, unless said otherwise."""
PEER_PORT: Final = 7401
"""Where the other servers find a server, unless said otherwise."""
_SERVER: Final = re.compile(
    r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]/\s]+)(:(?P<client>[^:]+)(:(?P<peer>[^:]+))?)?"
)


class Address(NamedTuple):
    """Where something listens, or is reached."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, default_port: int | None = None) -> Address:
    """Read `host:port` or `[ipv6]:port`; with a default, the port may be left out.

    Raises ValueError.
    """
    text = text.strip()
    if default_port is not None and (text.endswith("]") or ":" not in text):
        text = f"{text}:{default_port}"
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: write an IPv6 address in brackets: [::1]:7400")
    if not colon or not host:
        raise ValueError(f"{text!r} is not host:port")
    return Address(host, parse_port(port))


class ServerAddress(NamedTuple):
    """Where one server is found: by orbctl and the agents, and by the other servers."""

    client: Address
    peer: Address


def parse_server(text: str) -> ServerAddress:
    """Read `host[:client_port[:peer_port]]`; IPv6 in brackets. Raises ValueError."""
    match = _SERVER.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not host[:client_port[:peer_port]]")
    host = match["host"].removeprefix("[").removesuffix("]")
    return ServerAddress(
        Address(host, parse_port(match["client"]) if match["client"] else CLIENT_PORT),
        Address(host, parse_port(match["peer"]) if match["peer"] else PEER_PORT),
    )


def parse_port(text: str) -> int:
    """Read a port number. Raises ValueError."""
    if not (text.isascii() and text.isdigit()) or not 0 <= int(text[:6]) <= 65_535:
        raise ValueError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"text is expected, not {value!r}")  # noqa: TRY004 - one kind of error
    return value


def _label(value: object) -> str:
    name = _string(value)
    if len(name) > NAME_LENGTH_MAX or not _LABEL.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a name: at most {NAME_LENGTH_MAX} of a-z, 0-9 and -, not at the ends"
        )
    return name


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    match str(value).lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
        case _:
            raise ValueError(f"{value!r} is neither true nor false")


def _words(value: object) -> tuple[str, ...]:
    """Text with commas, or a list of such texts."""
    parts = value if isinstance(value, list) else [value]
    return tuple(
        word for part in parts for piece in _string(part).split(",") if (word := piece.strip())
    )


def _pairs(value: object) -> Mapping[str, str]:
    """`key=value` with commas, a list of such texts, or a table."""
    if isinstance(value, dict):
        return {str(key): _string(item) for key, item in value.items()}
    pairs: dict[str, str] = {}
    for word in _words(value):
        key, equals, item = word.partition("=")
        if not equals or not key:
            raise ValueError(f"{word!r} is not key=value")
        if key in pairs:
            raise ValueError(f"{key!r} is given twice")
        pairs[key] = item
    return pairs


def integer(least: int, most: int) -> Kind[int]:
    """A whole number within bounds."""

    def parse(value: object) -> int:
        text = str(value)
        if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise ValueError(f"{value!r} is not a whole number")
        if not least <= int(text) <= most:
            raise ValueError(f"{text} is not between {least} and {most}")
        return int(text)

    return Kind("N", parse)


def choice(kind: type[E]) -> Kind[E]:
    """One of an enumeration's values, which are texts."""
    names = [str(item.value) for item in kind]

    def parse(value: object) -> E:
        text = str(value).lower()
        if text not in names:
            raise ValueError(f"{value!r} is none of {', '.join(names)}")
        return kind(text)

    return Kind("|".join(names), parse)


def pairs_of(metavar: str, parse: Callable[[str, str], T]) -> Kind[Mapping[str, T]]:
    """`key=value` pairs whose values are read by *parse(key, value)*."""
    return Kind(
        metavar,
        lambda value: {key: parse(key, item) for key, item in _pairs(value).items()},
        repeatable=True,
    )


TEXT: Final[Kind[str]] = Kind("TEXT", _string)
NAME: Final[Kind[str]] = Kind("NAME", _label)
PATH: Final[Kind[Path]] = Kind("PATH", lambda value: Path(_string(value)).expanduser())
ADDRESS: Final[Kind[Address]] = Kind("HOST:PORT", lambda value: parse_address(_string(value)))
SERVERS: Final[Kind[tuple[Address, ...]]] = Kind(
    "HOST[:PORT],…",
    lambda value: tuple(parse_address(word, CLIENT_PORT) for word in _words(value)),
    repeatable=True,
)
"""Servers as orbctl and agents reach them."""
WORDS: Final[Kind[tuple[str, ...]]] = Kind("WORD,…", _words, repeatable=True)
SWITCH: Final[Kind[bool]] = Kind("", _boolean, is_switch=True)
