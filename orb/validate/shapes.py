"""What every rule is made of: findings, and the bounds of texts, paths, numbers and names."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from orb.spec import NAME_LENGTH_MAX

Steps = tuple[str | int, ...]
"""Where something stands in the app: `("services", "web", "ports", 0)`."""

TEXT_BYTES_MAX: Final = 128 * 1024
"""One variable or one word of a command: what Linux hands to a process at most."""
PAIRS_MAX: Final = 2_000
"""Variables, or labels, of one service."""
WORDS_MAX: Final = 5_000
"""Words of one command."""
ITEMS_MAX: Final = 1_000
"""Ports, mounts, constraints and the like of one service."""
ITEM_CHARACTERS_MAX: Final = 512
"""One item of a list of short texts: an alias, an address, a rule."""
PATH_BYTES_MAX: Final = 4_095
"""A path, as Linux bounds it."""
DURATION_MS_MAX: Final = 366 * 24 * 3600 * 1000
"""The longest time: a year."""
AMOUNT_MAX: Final = 2**63 - 1
"""The largest amount that the wire carries."""
MILLI_CPUS_MAX: Final = 1_000_000_000
"""A million cores."""
PORT_MAX: Final = 65_535

_APP_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_SERVICE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where in the app, what, and what to do."""

    steps: Steps
    message: str
    remedy: str = ""


def app_name_findings(name: str, steps: Steps) -> Iterator[Finding]:
    """Apps are named as Compose names projects."""
    if len(name) > NAME_LENGTH_MAX or not _APP_NAME.fullmatch(name):
        nearest = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:NAME_LENGTH_MAX]
        yield Finding(
            steps,
            f"the app is called {name[:80]!r}: small letters, digits, `-` and `_` may be in it, "
            f"a letter or digit comes first, and it has at most {NAME_LENGTH_MAX}",
            f"Call it {nearest}." if nearest else "",
        )


def service_name_findings(name: str, steps: Steps) -> Iterator[Finding]:
    """Services are named as in Compose, but without dots: in `shop.web` a dot ends the app."""
    if len(name) > NAME_LENGTH_MAX or not _SERVICE_NAME.fullmatch(name):
        nearest = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:NAME_LENGTH_MAX]
        yield Finding(
            steps,
            f"the service is called {name[:80]!r}: letters, digits, `-` and `_` may be in it, "
            f"a letter or digit comes first, and it has at most {NAME_LENGTH_MAX}",
            f"Call it {nearest}; with `networks: {{default: {{aliases: [{name}]}}}}` it still "
            "answers to the name with dots."
            if nearest and "." in name
            else f"Call it {nearest}."
            if nearest
            else "",
        )


def pair_findings(pairs: Mapping[str, str], steps: Steps) -> Iterator[Finding]:
    """What is wrong with variables or labels."""
    if len(pairs) > PAIRS_MAX:
        yield Finding(steps, f"{len(pairs)} entries; at most {PAIRS_MAX} are allowed")
    for name, value in pairs.items():
        if not name or "=" in name:
            yield Finding(steps, f"{name[:80]!r} is not a name")
        yield from text_findings(name, steps)
        yield from text_findings(value, steps)


def word_findings(words: tuple[str, ...], steps: Steps) -> Iterator[Finding]:
    """What is wrong with the words of a command."""
    if len(words) > WORDS_MAX:
        yield Finding(steps, f"{len(words)} words; at most {WORDS_MAX} are allowed")
    for word in words:
        yield from text_findings(word, steps)


def item_findings(
    items: tuple[str, ...], shape: re.Pattern[str], steps: Steps, what: str
) -> Iterator[Finding]:
    """What is wrong with a list of short texts that have a shape."""
    if len(items) > ITEMS_MAX:
        yield Finding(steps, f"{len(items)} items; at most {ITEMS_MAX} are allowed")
    for item in items:
        if len(item) > ITEM_CHARACTERS_MAX or not shape.fullmatch(item):
            yield Finding(steps, f"{item[:80]!r} is not {what}")


def text_findings(text: str, steps: Steps) -> Iterator[Finding]:
    """What is wrong with a text that a process is to be given."""
    if "\0" in text:
        yield Finding(steps, f"{text[:80]!r} has a zero character, which no process can be given")
    elif not is_text(text):
        yield Finding(steps, f"{text[:80]!r} is not text that UTF-8 can carry")
    elif len(text.encode()) > TEXT_BYTES_MAX:
        what = f"a text of {len(text.encode())} bytes; at most {TEXT_BYTES_MAX} are allowed"
        yield Finding(steps, what, "Put it into the image or a volume.")


def is_text(text: str) -> bool:
    """Whether UTF-8 can carry it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def path_findings(path: str, steps: Steps) -> Iterator[Finding]:
    """What is wrong with an absolute path."""
    if not path.startswith("/") or "\0" in path or not is_text(path):
        yield Finding(steps, f"{path[:80]!r} is not an absolute path", "Start it with `/`.")
    elif len(path.encode()) > PATH_BYTES_MAX:
        yield Finding(steps, f"a path has at most {PATH_BYTES_MAX} bytes")


def range_findings(
    number: int, least: int, most: int, steps: Steps, what: str
) -> Iterator[Finding]:
    """Whether a number is out of its range."""
    if not least <= number <= most:
        yield Finding(steps, f"{what} must be from {least} to {most}, not {number}")


def time_findings(length: int, steps: Steps, what: str) -> Iterator[Finding]:
    """Whether a length of time is out of its range."""
    yield from range_findings(length, 0, DURATION_MS_MAX, steps, f"{what} in milliseconds")
