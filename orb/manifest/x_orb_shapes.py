"""What the values of `x-orb` look like. They are checked before anything acts on them."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from orb.manifest.diagnostics import did_you_mean, excerpt
from orb.manifest.nodes import ListNode, Node, Scalar, is_null
from orb.manifest.values import Values
from orb.spec import REPLICAS_MAX

Shape = Callable[[Node, str, Values], None]

COUNT_MAX: Final = 1_000_000_000
PORT_MAX: Final = 65_535

_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)%")
_RATE: Final = re.compile(r"\d{1,9}(\.\d{1,3})?/(s|m|h)")
_CRON: Final = re.compile(r"[0-9*,/-]+( [0-9A-Za-z*,/?#-]+){4}|@(hourly|daily|weekly|monthly)")
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_HOST: Final = re.compile(r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def fields(**shapes: Shape) -> Shape:
    """A map with these keys and no others."""

    def check(node: Node, what: str, values: Values) -> None:
        for name, entry in values.entries(node, what).items():
            shape = shapes.get(name)
            if shape is None:
                message = f"{excerpt(name)} is not a key of {what}"
                values.problems.error(entry.key_place, message, did_you_mean(name, shapes))
            elif not is_null(entry.node):
                shape(entry.node, f"`{name}` of {what}", values)

    return check


def _each(shape: Shape) -> Shape:
    def check(node: Node, what: str, values: Values) -> None:
        for item in values.items(node, what):
            shape(item, f"an item of {what}", values)

    return check


def _like(pattern: re.Pattern[str], example: str) -> Shape:
    def check(node: Node, what: str, values: Values) -> None:
        text = values.text(node, what)
        if text is not None and not (len(text) <= 300 and pattern.fullmatch(text)):
            message = f"{what} must be like {example}, not {excerpt(text)}"
            values.problems.error(node.place, message)

    return check


def _text(node: Node, what: str, values: Values) -> None:
    values.text(node, what)


def _flag(node: Node, what: str, values: Values) -> None:
    values.boolean(node, what)


def _duration(node: Node, what: str, values: Values) -> None:
    values.duration(node, what)


def _size(node: Node, what: str, values: Values) -> None:
    values.size_bytes(node, what)


def _count(most: int, least: int = 0) -> Shape:
    def check(node: Node, what: str, values: Values) -> None:
        values.integer(node, what, least, most)

    return check


def _percent(node: Node, what: str, values: Values) -> None:
    text = values.text(node, what)
    found = _PERCENT.fullmatch(text) if text is not None else None
    if text is not None and (found is None or float(found[1]) > 100):
        message = f"{what} must be from 0% to 100%, not {excerpt(text)}"
        values.problems.error(node.place, message)


def _count_or_percent(node: Node, what: str, values: Values) -> None:
    if isinstance(node, Scalar) and node.text.endswith("%"):
        _percent(node, what, values)
    else:
        values.integer(node, what, 0, REPLICAS_MAX)


def _one_of(*words: str) -> Shape:
    def check(node: Node, what: str, values: Values) -> None:
        values.choice(node, what, {word: word for word in words})

    return check


def _anything(_node: Node, _what: str, _values: Values) -> None:
    """Its shape comes with its behaviour."""


def _autoscale(node: Node, what: str, values: Values) -> None:
    _AUTOSCALE(node, what, values)
    least, most = (
        each.value if isinstance(each, Scalar) else None for each in _named(node, ("min", "max"))
    )
    if isinstance(least, int) and isinstance(most, int) and least > most:
        values.problems.error(node.place, f"`min` of {what} is larger than `max`")


def _named(node: Node, names: tuple[str, ...]) -> list[Node | None]:
    entries = getattr(node, "entries", {})
    return [entries[name].node if name in entries else None for name in names]


def _one_or_more(shape: Shape) -> Shape:
    def check(node: Node, what: str, values: Values) -> None:
        (_each(shape) if isinstance(node, ListNode) else shape)(node, what, values)

    return check


_AUTOSCALE: Final = fields(
    min=_count(REPLICAS_MAX),
    max=_count(REPLICAS_MAX, 1),
    cpu=_percent,
    memory=_percent,
    requests=_like(_RATE, "50/s"),
    latency=_duration,
    lag=fields(kafka=_text, topic=_text, group=_text, target=_count(COUNT_MAX, 1)),
    schedule=_anything,
    down_after=_duration,
)
SERVICE: Final[Mapping[str, Shape]] = {
    "autoscale": _autoscale,
    "budget": fields(max_unavailable=_count_or_percent),
    "hold": _flag,
    "ingress": _one_or_more(
        fields(
            host=_like(_HOST, "shop.example.com"),
            path=_text,
            port=_count(PORT_MAX, 1),
            tls=_anything,
        )
    ),
    "owner": _text,
    "priority": _text,
    "ready": _anything,
    "rollout": fields(
        steps=_each(_percent),
        bake=_duration,
        gate=fields(errors=_percent, p99=_duration, min_requests=_count(COUNT_MAX)),
        approve=_anything,
        deadline=_duration,
    ),
    "schedule": fields(
        cron=_like(_CRON, "15 2 * * *"),
        timezone=_like(_ZONE, "Europe/Oslo"),
        overlap=_one_of("allow", "forbid", "replace"),
        deadline=_duration,
        history=_count(1_000),
    ),
    "slo": fields(availability=_percent, p99=_duration, freshness=_duration, window=_duration),
    "stateful": fields(failover=_one_of("auto", "manual"), lease=_duration),
}
VOLUME: Final[Mapping[str, Shape]] = {
    "backup": _like(_CRON, "0 3 * * *"),
    "class": _text,
    "keep": _count(10_000),
    "on_node_loss": _one_of("wait", "restore", "empty"),
    "size": _size,
}
TOP: Final[Mapping[str, Shape]] = {
    "notify": _anything,
    "policy": _anything,
    "retention": _anything,
}
