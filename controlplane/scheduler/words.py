"""Amounts, counts and lists as people read them."""

from collections.abc import Sequence

_UNITS = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def memory(size_bytes: int) -> str:
    """Bytes in the largest unit that leaves a whole part: `512 MiB`, `1.5 GiB`."""
    for unit, size in _UNITS:
        if size_bytes >= size:
            # Rounded up: what is said to be enough must be enough.
            tenths = -(-size_bytes * 10 // size)
            return f"{tenths // 10}{f'.{tenths % 10}' if tenths % 10 else ''} {unit}"
    return f"{size_bytes} bytes"


def cpus(milli: int) -> str:
    """Thousandths of a core as cores: `0.25 CPU`, `2 CPUs`."""
    return f"{milli / 1000:.3f}".rstrip("0").rstrip(".") + (" CPU" if milli <= 1000 else " CPUs")


def many(count: int, noun: str) -> str:
    """`1 node`, `3 nodes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def amount(what: str, least: int, most: int) -> str:
    """How much of a resource, or from how much to how much: `200 MiB to 1.5 GiB of memory`."""
    match what:
        case "cpu":
            texts, unit = [cpus(least), cpus(most)], ""
        case "memory":
            texts, unit = [memory(least), memory(most)], " of memory"
        case _:
            texts, unit = [str(least), str(most)], f" {what}"
    return " to ".join(dict.fromkeys(texts)) + unit
