"""Devices that drivers of the engine hand over: `gpus`, and `devices` of the reservations."""

from collections.abc import Iterable
from typing import Final

from orb.container import DeviceRequest
from orb.manifest.context import Context
from orb.manifest.nodes import ListNode, MapNode, Node, Scalar
from orb.manifest.other_keys import DEVICE
from orb.manifest.variables import read_labels

DEVICES_MAX: Final = 1_000_000
"""Devices of one kind that a replica may ask for."""
GPU: Final = "gpu"
ALL: Final = -1
_USUAL_DRIVERS: Final = ("", "nvidia")
"""What the engine takes for a GPU where no driver is named."""


def read_devices(node: Node, context: Context) -> tuple[DeviceRequest, ...]:
    """`devices` of the reservations."""
    items = context.values.items(node, "`devices`")
    found = (_device(item, context, usual=()) for item in items)
    return tuple(request for request in found if request is not None)


def read_gpus(node: Node, context: Context) -> tuple[DeviceRequest, ...]:
    """`gpus`: a list, or `all`."""
    if isinstance(node, Scalar):
        word = context.values.choice(node, "`gpus`", {"all": ALL})
        return () if word is None else (_all_of((GPU,), node, context),)
    items = context.values.items(node, "`gpus`")
    found = (_device(item, context, usual=(GPU,)) for item in items)
    return tuple(request for request in found if request is not None)


def counts(requests: Iterable[DeviceRequest]) -> dict[str, int]:
    """What a replica holds by kind; of all devices of a node it holds one."""
    found: dict[str, int] = {}
    for request in requests:
        count = len(request.device_ids) or abs(request.count)
        kind = request.capabilities[0]
        found[kind] = found.get(kind, 0) + count
    return found


def requests_of(requests: tuple[DeviceRequest, ...]) -> tuple[DeviceRequest, ...]:
    """All of them, if any says more than a count of one kind."""
    return requests if any(map(_says_more, requests)) else ()


def _says_more(request: DeviceRequest) -> bool:
    plain = DeviceRequest(count=max(request.count, 0), capabilities=request.capabilities[:1])
    return request != plain


def _device(item: Node, context: Context, usual: tuple[str, ...]) -> DeviceRequest | None:
    values = context.values
    entries = values.section(item, DEVICE, "a device")
    capabilities = (
        _capabilities(entries["capabilities"].node, context) if "capabilities" in entries else ()
    )
    capabilities = tuple(dict.fromkeys((*usual, *capabilities)))
    if not capabilities:
        if isinstance(item, MapNode):
            remedy = "For example [gpu]."
            context.problems.error(item.place, "a device needs `capabilities`", remedy)
        return None
    listed = (
        values.texts(entries["device_ids"].node, "`device_ids`") if "device_ids" in entries else []
    )
    ids = tuple(text for text, _ in listed)
    driver = values.optional(entries, "driver", values.text) or ""
    count = entries.get("count")
    number: int | None = 0
    if ids and count is not None:
        message = "`count` and `device_ids` say different things"
        context.problems.error(count.key_place, message, "Keep one of them.")
    elif not ids and (count is None or _is_all(count.node)):
        number = _all_of(capabilities, count.node if count else item, context).count
    elif count is not None:
        number = values.integer(count.node, "`count`", 0, DEVICES_MAX)
    if not number and not ids:
        return None
    return DeviceRequest(
        driver="" if driver in _USUAL_DRIVERS else driver,
        count=number or 0,
        device_ids=ids,
        capabilities=capabilities,
        options=read_labels(entries.get("options"), None, context),
    )


def _is_all(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text in {"all", "-1"}


def _capabilities(node: Node, context: Context) -> tuple[str, ...]:
    """The words; Docker also takes a list of lists here."""
    inner = node.items[0] if isinstance(node, ListNode) and node.items else node
    words = context.values.texts(inner if isinstance(inner, ListNode) else node, "`capabilities`")
    return tuple(word.lower() for word, _ in words)


def _all_of(capabilities: tuple[str, ...], node: Node, context: Context) -> DeviceRequest:
    context.problems.warn(
        node.place,
        f"the container sees every {capabilities[0]} of its node; the replica holds one",
        "Write `count: 1` to share a node's devices between replicas.",
    )
    return DeviceRequest(count=ALL, capabilities=capabilities)
