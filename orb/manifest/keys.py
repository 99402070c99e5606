"""What Orb makes of each key: tables that the loader obeys and docs/compose.md is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Support(StrEnum):
    """What happens to a key."""

    HONOURED = "honoured"
    PARTLY = "partly"
    """Some of its values have an effect; the others are reported where they stand."""
    HARMLESS = "harmless"
    """It asks for nothing that a cluster could do; nobody is told."""
    IGNORED = "ignored"
    """It has no effect, and a warning says what follows from that."""
    REFUSED = "refused"
    """Without it the app would be another one: the manifest is refused."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what it means to Orb, or what follows from its having no effect."""

    name: str
    support: Support
    says: str
    remedy: str = ""


Table = Mapping[str, Key]


def honoured(name: str, says: str) -> Key:
    """A key that does what it says."""
    return Key(name, Support.HONOURED, says)


def partly(name: str, says: str) -> Key:
    """A key of whose values some have an effect."""
    return Key(name, Support.PARTLY, says)


def harmless(name: str, says: str) -> Key:
    """A key that asks for nothing here."""
    return Key(name, Support.HARMLESS, says)


def ignored(name: str, consequence: str, remedy: str = "") -> Key:
    """A key without effect."""
    return Key(name, Support.IGNORED, consequence, remedy)


def refused(name: str, why: str, remedy: str = "") -> Key:
    """A key that must not be ignored, and cannot be honoured yet."""
    return Key(name, Support.REFUSED, why, remedy)


def table(*keys: Key) -> Table:
    """Keys by name."""
    return {key.name: key for key in keys}
