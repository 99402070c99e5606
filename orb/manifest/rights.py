"""What a container may do: capabilities, devices, security options, name spaces."""

import json
from collections.abc import Mapping
from typing import Final

from orb.container import Device, Security
from orb.manifest.context import Context
from orb.manifest.diagnostics import Place, did_you_mean, excerpt
from orb.manifest.nodes import Entry, MapNode, Node
from orb.manifest.service_keys import DEVICE_PATH
from orb.validate.rights import CAPABILITIES, NAMESPACES, is_cdi

SECCOMP_BYTES_MAX: Final = 128 * 1024
"""The longest seccomp profile; a longer one is refused."""
_TOGETHER: Final = (
    "it would have to run on the node of another container, beside each replica of it"
)
_SINGLE: Final = ("no-new-privileges", "systempaths=unconfined")

Entries = Mapping[str, Entry]


def read_security(entries: Entries, context: Context) -> Security:
    """The rights of a container."""
    values = context.values

    def words(key: str) -> tuple[str, ...]:
        found = values.texts(entries[key].node, f"`{key}`") if key in entries else []
        return tuple(text for text, _ in found)

    return Security(
        privileged=values.optional(entries, "privileged", values.boolean) or False,
        cap_add=_capabilities(entries, "cap_add", context),
        cap_drop=_capabilities(entries, "cap_drop", context),
        security_opt=_options(entries, context),
        devices=_devices(entries, context),
        device_cgroup_rules=words("device_cgroup_rules"),
        group_add=words("group_add"),
        ipc=read_namespace(entries, "ipc", context),
        pid=read_namespace(entries, "pid", context),
        uts=read_namespace(entries, "uts", context),
        userns_mode=read_namespace(entries, "userns_mode", context),
        cgroup=read_namespace(entries, "cgroup", context),
        runtime=values.optional(entries, "runtime", values.text) or "",
    )


def read_namespace(
    entries: Entries, key: str, context: Context, known: tuple[str, ...] | None = None
) -> str:
    """Whose name space of a kind the container has: one of *known*."""
    text = context.values.optional(entries, key, context.values.text) or ""
    words = NAMESPACES[key] if known is None else known
    if text in words:
        return text
    place = entries[key].node.place
    if text.startswith(("service:", "container:")):
        message = f"`{key}: {text[:40]}` is not supported: {_TOGETHER}"
        remedy = "Run both in one container, or let them talk over a network of the app."
        context.problems.error(place, message, remedy)
    else:
        listed = ", ".join(words[1:])
        message = f"`{key}` must be one of {listed}, not {excerpt(text)}"
        context.problems.error(place, message, did_you_mean(text, words[1:]))
    return ""


def _capabilities(entries: Entries, key: str, context: Context) -> tuple[str, ...]:
    if key not in entries:
        return ()
    found: dict[str, None] = {}
    for text, place in context.values.texts(entries[key].node, f"`{key}`"):
        name = text.upper().removeprefix("CAP_")
        if name in CAPABILITIES:
            found[name] = None
        else:
            message = f"{excerpt(text)} is not a capability of Linux"
            context.problems.error(place, message, did_you_mean(name, CAPABILITIES))
    return tuple(found)


def _options(entries: Entries, context: Context) -> tuple[str, ...]:
    if "security_opt" not in entries:
        return ()
    found = context.values.texts(entries["security_opt"].node, "`security_opt`")
    read = (_option(text, place, context) for text, place in found)
    return tuple(option for option in read if option)


def _option(text: str, place: Place, context: Context) -> str:
    """The option as the engine takes it; empty if it is none."""
    if text in _SINGLE:
        return text
    name, separator, value = text.partition("=" if "=" in text else ":")
    if not separator:
        message = f"{excerpt(text)} is not a security option"
        remedy = "Write `no-new-privileges:true`, `apparmor=…`, `label=…` or `seccomp=…`."
        context.problems.error(place, message, remedy)
        return ""
    if name == "seccomp" and value not in {"unconfined", "builtin"}:
        return f"seccomp={_profile(value, place, context)}"
    return text


def _profile(path: str, place: Place, context: Context) -> str:
    """The content of a seccomp profile: the nodes do not have the file."""
    content: str | None = path
    if not path.startswith("{"):
        content = context.files.read(context.path(path), place)
    if content is None:
        return "unconfined"
    try:
        profile = json.dumps(json.loads(content), separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        context.problems.error(place, f"the seccomp profile {excerpt(path)} is not JSON: {error}")
        return "unconfined"
    if len(profile) > SECCOMP_BYTES_MAX:
        message = f"a seccomp profile has at most {SECCOMP_BYTES_MAX} bytes, not {len(profile)}"
        context.problems.error(place, message)
        return "unconfined"
    return profile


def _devices(entries: Entries, context: Context) -> tuple[Device, ...]:
    if "devices" not in entries:
        return ()
    found = (
        _device(item, context)
        for item in context.values.items(entries["devices"].node, "`devices`")
    )
    return tuple(device for device in found if device is not None)


def _device(item: Node, context: Context) -> Device | None:
    values = context.values
    if isinstance(item, MapNode):
        parts = values.section(item, DEVICE_PATH, "a device")
        source = values.optional(parts, "source", values.text)
        target = values.optional(parts, "target", values.text)
        permissions = values.optional(parts, "permissions", values.text)
        if source is None:
            context.problems.error(item.place, "a device needs a `source`")
            return None
        return _complete(source, target or "", permissions or "")
    text = values.text(item, "an item of `devices`")
    if text is None:
        return None
    if is_cdi(text):
        return Device(source=text)
    source, _, rest = text.partition(":")
    target, _, permissions = rest.partition(":")
    if set(target) <= set("rwm") and not permissions:
        target, permissions = "", target
    return _complete(source, target, permissions)


def _complete(source: str, target: str, permissions: str) -> Device:
    if is_cdi(source):
        return Device(source=source)
    return Device(source=source, target=target or source, permissions=permissions or "rwm")
