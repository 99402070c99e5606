"""`volumes` and `tmpfs` of a service: the short and the long syntax."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from orb.errors import InvalidInput
from orb.manifest.context import Context
from orb.manifest.diagnostics import Place, did_you_mean, excerpt
from orb.manifest.nodes import Entry, MapNode, Node, text_scalar
from orb.manifest.service_keys import BIND, MOUNT, TMPFS_OPTIONS, VOLUME_OPTIONS
from orb.spec import Mount, MountKind

_PATH_STARTS: Final = ("/", "./", "../", "~")
_VOLUME_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_IDLE_OPTIONS: Final = frozenset({"rw", "cached", "delegated", "consistent"})
_SAID_OPTIONS: Final = {
    "nocopy": "a new volume gets the image's files, as the engine does it",
    "z": "the path is not relabelled",
    "Z": "the path is not relabelled",
    **dict.fromkeys(
        ("shared", "slave", "private", "rshared", "rslave", "rprivate"),
        "mounts made later are not seen on the other side",
    ),
}
_KINDS: Final = {
    "volume": MountKind.VOLUME,
    "bind": MountKind.BIND,
    "tmpfs": MountKind.TMPFS,
}
_UNSUPPORTED_KINDS: Final = ("npipe", "cluster", "image")


@dataclass(frozen=True, slots=True)
class ShortVolume:
    """The parts of the short syntax."""

    target: str
    source: str = ""
    options: tuple[str, ...] = field(default=())

    @property
    def is_bind(self) -> bool:
        """Whether the source is a path and not a volume."""
        return self.source.startswith(_PATH_STARTS) or self.source in {".", ".."}


def parse_short(text: str) -> ShortVolume:
    """`target`, `source:target` or `source:target:options`. Raises InvalidInput."""
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise InvalidInput(
            f"{excerpt(text)} is not a volume",
            remedy="Write it as `name:/path`, `./folder:/path` or `/folder:/path:ro`.",
        )
    if len(parts) == 1:
        return ShortVolume(target=text)
    options = tuple(parts[2].split(",")) if len(parts) == 3 else ()
    return ShortVolume(source=parts[0], target=parts[1], options=options)


def read_mounts(entries: Mapping[str, Entry], context: Context, service: str) -> tuple[Mount, ...]:
    """What `volumes` and `tmpfs` say."""
    found: list[Mount] = []
    items = _items(entries, "volumes", context)
    for item in items:
        if (mount := _one(item, context)) is not None:
            context.mark(item.place, "services", service, "volumes", len(found))
            found.append(mount)
    if "tmpfs" in entries:
        for text, place in context.values.texts(entries["tmpfs"].node, "`tmpfs`"):
            context.mark(place, "services", service, "volumes", len(found))
            found.append(_tmpfs(text, place, context))
    return tuple(found)


def _items(entries: Mapping[str, Entry], name: str, context: Context) -> tuple[Node, ...]:
    return context.values.items(entries[name].node, f"`{name}`") if name in entries else ()


def _one(item: Node, context: Context) -> Mount | None:
    if isinstance(item, MapNode):
        return _long(item, context)
    text = context.values.text(item, "an item of `volumes`")
    if text is None:
        return None
    try:
        short = parse_short(text)
    except InvalidInput as error:
        context.problems.refuse(item.place, error)
        return None
    for option in short.options:
        _check_option(option, item.place, context)
    read_only = "ro" in short.options
    if short.is_bind:
        return _bind(short.source, short.target, item.place, context, read_only=read_only)
    return _volume(short.source, short.target, item.place, context, read_only=read_only)


def _check_option(option: str, place: Place, context: Context) -> None:
    if option in _SAID_OPTIONS:
        context.problems.warn(place, f"`{option}` has no effect: {_SAID_OPTIONS[option]}")
    elif option != "ro" and option not in _IDLE_OPTIONS:
        remedy = did_you_mean(option, ("ro", "rw", *_SAID_OPTIONS)) or "Use `ro` or `rw`."
        context.problems.error(place, f"{excerpt(option)} is not an option of volumes", remedy)


def _bind(source: str, target: str, place: Place, context: Context, *, read_only: bool) -> Mount:
    path = str(context.path(source))
    if not source.startswith("/"):
        context.problems.warn(
            place,
            f"{source} stands for {path} on the node: its content is not carried there",
            "Put it on the nodes, build it into the image, or use a named volume.",
        )
    return Mount(kind=MountKind.BIND, source=path, target=_target(target), read_only=read_only)


def _volume(
    source: str, target: str, place: Place, context: Context, *, read_only: bool
) -> Mount | None:
    if not source:
        return Mount(kind=MountKind.ANONYMOUS, target=_target(target), read_only=read_only)
    if not _VOLUME_NAME.fullmatch(source):
        context.problems.error(place, f"{excerpt(source)} is neither a path nor a volume's name")
        return None
    if source not in context.volumes:
        remedy = did_you_mean(source, context.volumes)
        remedy = remedy or f"Declare it at the top level: `volumes: {{{source}: {{}}}}`."
        context.problems.error(place, f"the volume {excerpt(source)} is not declared", remedy)
        return None
    target = _target(target)
    return Mount(kind=MountKind.VOLUME, source=source, target=target, read_only=read_only)


def _tmpfs(text: str, place: Place, context: Context) -> Mount:
    target, _, options = text.partition(":")
    size = 0
    read_only = False
    for option in filter(None, options.split(",")):
        name, _, value = option.partition("=")
        if name == "size":
            from_text = text_scalar(place, value)
            size = context.values.size_bytes(from_text, "`size` of a tmpfs") or 0
        elif name == "ro":
            read_only = True
        elif name != "rw":
            context.problems.warn(place, f"{excerpt(option)} has no effect on a tmpfs")
    return Mount(kind=MountKind.TMPFS, target=_target(target), size_bytes=size, read_only=read_only)


def _long(item: MapNode, context: Context) -> Mount | None:
    values = context.values
    entries = values.section(item, MOUNT, "a volume")
    kind = values.optional(entries, "type", lambda n, w: _kind(n, w, context))
    if kind is None and "type" in entries:
        return None
    target = values.optional(entries, "target", values.text)
    if target is None:
        if "target" not in entries:
            context.problems.error(item.place, "a volume needs a `target`")
        return None
    read_only = values.optional(entries, "read_only", values.boolean) or False
    source = values.optional(entries, "source", values.text) or ""
    size = _options(entries, context)
    match kind or MountKind.VOLUME:
        case MountKind.BIND:
            if not source:
                context.problems.error(item.place, "a bind needs a `source`")
                return None
            return _bind(source, target, item.place, context, read_only=read_only)
        case MountKind.TMPFS:
            return Mount(
                kind=MountKind.TMPFS, target=_target(target), size_bytes=size, read_only=read_only
            )
        case _:
            return _volume(source, target, item.place, context, read_only=read_only)


def _kind(node: Node, what: str, context: Context) -> MountKind | None:
    text = context.values.text(node, what)
    if text in _UNSUPPORTED_KINDS:
        context.problems.error(node.place, f"volumes of the type {text} are not supported")
        return None
    return context.values.choice(node, what, _KINDS)


def _options(entries: Mapping[str, Entry], context: Context) -> int:
    """Report the options of each kind; what has an effect is the size of a tmpfs."""
    values = context.values
    for name, keys in (("bind", BIND), ("volume", VOLUME_OPTIONS)):
        if name in entries:
            values.section(entries[name].node, keys, f"`{name}`")
    if "tmpfs" not in entries:
        return 0
    options = values.section(entries["tmpfs"].node, TMPFS_OPTIONS, "`tmpfs`")
    return values.optional(options, "size", values.size_bytes) or 0


def _target(text: str) -> str:
    return text.rstrip("/") or "/"
