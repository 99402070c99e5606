"""How amounts, ages and states are written for people, and how people write times and counts."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final

import click

from orb.cluster import Amounts
from orb.errors import InvalidInput
from orb.ids import Millis

COLOURS: Final[Mapping[str, str]] = {
    "ready": "green",
    "running": "green",
    "done": "green",
    "leader": "green",
    "healthy": "green",
    "suspect": "yellow",
    "cordoned": "yellow",
    "draining": "yellow",
    "pending": "yellow",
    "assigned": "yellow",
    "preparing": "yellow",
    "starting": "yellow",
    "stopping": "yellow",
    "rolling": "yellow",
    "degraded": "yellow",
    "down": "red",
    "failed": "red",
    "lost": "red",
    "unreachable": "red",
}
_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))
_DURATION: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def now() -> Millis:
    """The time of this machine."""
    from orb.clock import SystemClock  # imports asyncio, which help and completion do without

    return SystemClock().now()


def coloured(state: str) -> str:
    """The state in its colour; `click.echo` takes the colour off where there is no terminal."""
    return click.style(state, fg=COLOURS.get(state)) if state in COLOURS else state


def plain(text: str) -> str:
    """*text* on one line and without control characters: others wrote it."""
    return _CONTROL.sub(" ", text).strip()


def age(since: int | None, at: int) -> str:
    """How long ago, in one or two units: `3m`, `2h5m`; `-` for never."""
    return "-" if since is None else duration(max(0, at - since))


def duration(ms: int) -> str:
    """A length of time in its largest unit, and the next one while the first is small."""
    for position, (unit, size) in enumerate(_UNITS):
        count, rest = divmod(ms, size)
        if not count:
            continue
        if count < 10 and position + 1 < len(_UNITS):
            smaller, small_size = _UNITS[position + 1]
            minor = rest // small_size
            return f"{count}{unit}{minor}{smaller}" if minor else f"{count}{unit}"
        return f"{count}{unit}"
    return "0s"


def memory(amount: int) -> str:
    """Bytes in a unit that reads well: `64M`, `1.5G`."""
    size = float(amount)
    for unit in ("B", "K", "M", "G", "T"):
        if size < 1024 or unit == "T":
            return f"{size:.0f}{unit}" if size >= 10 or size == int(size) else f"{size:.1f}{unit}"
        size /= 1024
    raise AssertionError("the last unit takes everything")


def cpus(amount: float) -> str:
    """CPUs without needless digits: `0.25`, `4`."""
    return f"{amount:.2f}".rstrip("0").rstrip(".")


def share(part: Amounts, whole: Amounts) -> str:
    """Two amounts beside each other: `0.3/4 cpus, 192M/8G`, and devices where there are any."""
    words = [
        f"{cpus(part.cpus)}/{cpus(whole.cpus)} cpus",
        f"{memory(part.memory_bytes)}/{memory(whole.memory_bytes)}",
    ]
    words += [
        f"{part.devices.get(kind, 0)}/{count} {kind}"
        for kind, count in sorted(whole.devices.items())
    ]
    return ", ".join(words)


def local_time(at: int | None) -> str:
    """A point in time on the clock of the person's machine, to the second; `-` for none."""
    if at is None:
        return "-"
    return dt.datetime.fromtimestamp(at / 1000, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock_time(at: int) -> str:
    """Like `local_time`, without the day."""
    return dt.datetime.fromtimestamp(at / 1000, dt.UTC).astimezone().strftime("%H:%M:%S")


def parse_duration(text: str) -> Millis:
    """Read `90`, `90s`, `1h30m`, `2d`; a bare number is seconds. Raises InvalidInput."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise InvalidInput(f"{text!r} is no length of time", remedy="write it as 90s, 10m or 1h30m")
    days, hours, minutes, seconds = (float(group or 0) for group in found.groups())
    return Millis(round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000))


def parse_moment(text: str, at: Millis) -> Millis:
    """Read `10m` (so long ago) or RFC 3339 (local time if it says none). Raises InvalidInput."""
    try:
        return Millis(at - parse_duration(text))
    except InvalidInput:
        pass
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(
            f"{text!r} is no point in time",
            remedy="write 10m for ten minutes ago, or 2024-05-01T12:00:00Z",
        ) from None
    return Millis(round(moment.astimezone(dt.UTC).timestamp() * 1000))


def count(number: int, noun: str) -> str:
    """`1 node`, `3 nodes`; `0 replicas`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
