"""The short form, `application`, `image`, `replicas`, `port`: one service without ceremony."""

from typing import Final

from orb.manifest.diagnostics import Problems, did_you_mean, excerpt
from orb.manifest.nodes import Entry, ListNode, MapNode, Node, Scalar, is_null, text_scalar
from orb.manifest.other_keys import SHORT_FORM, TOP
from orb.manifest.service_keys import SERVICE

_NAMES: Final = ("application", "name")
_BOTH: Final = ("volumes", "networks", "configs", "secrets")
"""Keys of a file and of a service: a map is the file's, a list the service's."""


def is_short(root: MapNode) -> bool:
    """Whether a file is in the short form."""
    keys = root.entries.keys()
    return "services" not in keys and any(
        key in SHORT_FORM or (key in SERVICE and key not in TOP) for key in keys
    )


def expand(root: MapNode, name: str, problems: Problems) -> MapNode:
    """The same in Compose's own form: an app with one service, both called *name*."""
    top: dict[str, Entry] = {}
    service: dict[str, Entry] = {}
    for key, entry in root.entries.items():
        if key in _NAMES or key == "version" or _is_foreign(key):
            top["name" if key in _NAMES else key] = entry
        elif key in _BOTH and isinstance(entry.node, MapNode):
            top[key] = entry
        elif key in SHORT_FORM or key in SERVICE:
            service[key] = entry
        else:
            known = [*SHORT_FORM, *SERVICE]
            message = f"{excerpt(key)} is not a key of the short form"
            problems.error(entry.key_place, message, did_you_mean(key, known))
    _replicas(service, problems)
    _port(service, problems)
    if "volumes" in service and "volumes" not in top:
        top["volumes"] = _declared(service["volumes"])
    services = MapNode(root.place, {name: Entry(root.place, MapNode(root.place, service))})
    return MapNode(root.place, {**top, "services": Entry(root.place, services)})


def _is_foreign(key: str) -> bool:
    return key.startswith("x-") and key != "x-orb"


def _replicas(service: dict[str, Entry], problems: Problems) -> None:
    replicas = service.pop("replicas", None)
    if replicas is None or is_null(replicas.node):
        return
    deploy = service.get("deploy")
    inside = deploy.node.entries if deploy and isinstance(deploy.node, MapNode) else {}
    if "replicas" in inside:
        message = "`replicas` and `deploy.replicas` say the same"
        problems.error(replicas.key_place, message, "Keep one of them.")
    node = MapNode(replicas.key_place, {**inside, "replicas": replicas})
    service["deploy"] = Entry(replicas.key_place, node)


def _port(service: dict[str, Entry], problems: Problems) -> None:
    port = service.pop("port", None)
    if port is None or is_null(port.node):
        return
    if not isinstance(port.node, Scalar):
        message = "`port` must be a number, or text like `80:8080`"
        problems.error(port.node.place, message, "Use `ports` for several.")
        return
    ports = service.get("ports")
    others = ports.node.items if ports and isinstance(ports.node, ListNode) else ()
    node = ListNode(port.node.place, (_both_sides(port.node), *others))
    service["ports"] = Entry(port.key_place, node)


def _both_sides(node: Scalar) -> Scalar:
    """`8080` is published as 8080."""
    number = node.text.partition("/")[0]
    return node if ":" in node.text else text_scalar(node.place, f"{number}:{node.text}")


def _declared(mounts: Entry) -> Entry:
    """The named volumes that the service mounts: the short form need not declare them."""
    names: dict[str, Entry] = {}
    items = mounts.node.items if isinstance(mounts.node, ListNode) else ()
    for item in items:
        name = _volume_name(item)
        if name:
            names[name] = Entry(item.place, MapNode(item.place))
    return Entry(mounts.key_place, MapNode(mounts.node.place, names))


def _volume_name(item: Node) -> str:
    if isinstance(item, Scalar):
        source, colon, _ = item.text.partition(":")
        return source if colon and source[:1] not in "/.~" else ""
    entries = item.entries if isinstance(item, MapNode) else {}
    kind, source_entry = entries.get("type"), entries.get("source")
    is_volume = kind is None or (isinstance(kind.node, Scalar) and kind.node.text == "volume")
    if is_volume and source_entry is not None and isinstance(source_entry.node, Scalar):
        return source_entry.node.text
    return ""
