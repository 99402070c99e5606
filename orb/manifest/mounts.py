"""`volumes` and `tmpfs` of a service: the short and the long syntax."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from orb.contents import Grant
from orb.errors import InvalidInput
from orb.manifest.context import Context
from orb.manifest.diagnostics import Place, did_you_mean, excerpt
from orb.manifest.grants import carried
from orb.manifest.nodes import Entry, MapNode, Node, Scalar
from orb.manifest.service_keys import BIND, MOUNT, TMPFS_OPTIONS, VOLUME_OPTIONS
from orb.spec import Mount, MountKind, VolumeSpec
from orb.validate.mounts import PROPAGATIONS, RECURSIVE, SELINUX

_PATH_STARTS: Final = ("/", "./", "../", "~")
_VOLUME_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_IDLE_OPTIONS: Final = frozenset({"rw", "cached", "delegated", "consistent"})
_SELINUX_OPTIONS: Final = ("z", "Z")
_OTHER_OPTIONS: Final = ("ro", "nocopy", *_SELINUX_OPTIONS, *PROPAGATIONS[1:])
_KINDS: Final = {
    "volume": MountKind.VOLUME,
    "bind": MountKind.BIND,
    "tmpfs": MountKind.TMPFS,
}
_OPTIONS_OF: Final = {
    MountKind.VOLUME: "volume",
    MountKind.ANONYMOUS: "volume",
    MountKind.BIND: "bind",
    MountKind.TMPFS: "tmpfs",
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


def read_mounts(
    entries: Mapping[str, Entry], context: Context, service: str
) -> tuple[tuple[Mount, ...], list[tuple[Grant, Place]]]:
    """What `volumes` says: mounts, and small files that go along as configs."""
    found: list[Mount] = []
    grants: list[tuple[Grant, Place]] = []
    items = (
        context.values.items(entries["volumes"].node, "`volumes`") if "volumes" in entries else ()
    )
    for item in items:
        mount = _one(item, context)
        if mount is None:
            continue
        source = _written_source(item)
        if (grant := carried(item, mount, source, context)) is not None:
            grants.append((grant, item.place))
            continue
        if mount.kind is MountKind.BIND and not source.startswith("/"):
            _say_not_carried(source, mount, item.place, context)
        context.mark(item.place, "services", service, "volumes", len(found))
        found.append(mount)
    return tuple(found), grants


def _written_source(item: Node) -> str:
    """The source as the person wrote it."""
    if isinstance(item, MapNode):
        entry = item.entries.get("source")
        return entry.node.text if entry is not None and isinstance(entry.node, Scalar) else ""
    return item.text.partition(":")[0] if isinstance(item, Scalar) else ""


def _say_not_carried(source: str, mount: Mount, place: Place, context: Context) -> None:
    context.problems.warn(
        place,
        f"{source} stands for {mount.source} on the node: its content is not carried there",
        "Put it on the nodes, build it into the image, or use a named volume.",
    )


def is_exclusive(mount: Mount) -> bool:
    """Whether two tasks that write to it at once may harm each other."""
    return mount.kind in {MountKind.VOLUME, MountKind.BIND} and not mount.read_only


def read_tmpfs(entries: Mapping[str, Entry], context: Context) -> dict[str, str]:
    """What `tmpfs` says: from the path to the options, as `mount` takes them."""
    found: dict[str, str] = {}
    if "tmpfs" in entries:
        for text, _ in context.values.texts(entries["tmpfs"].node, "`tmpfs`"):
            target, _, options = text.partition(":")
            found[_target(target)] = options
    return dict(sorted(found.items()))


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
    mount: Mount | None
    if short.is_bind:
        mount = _bind(short.source, short.target, context)
    else:
        mount = _volume(short.source, short.target, item.place, context)
    for option in short.options:
        mount = mount and _with_option(mount, option, item.place, context)
    return mount


def _with_option(mount: Mount, option: str, place: Place, context: Context) -> Mount:
    """The mount with an option of the short syntax."""
    is_bind = mount.kind is MountKind.BIND
    if option in _IDLE_OPTIONS:
        return mount
    if option == "ro":
        return replace(mount, read_only=True)
    if option in PROPAGATIONS and option and is_bind:
        return replace(mount, propagation=option)
    if option in _SELINUX_OPTIONS and is_bind:
        return replace(mount, selinux=option)
    if option == "nocopy" and not is_bind:
        return replace(mount, no_copy=True)
    if option in _OTHER_OPTIONS:
        kind = "a bind" if is_bind else "a volume"
        context.problems.warn(place, f"`{option}` has no effect: it says nothing of {kind}")
        return mount
    remedy = did_you_mean(option, _OTHER_OPTIONS) or "Use `ro` or `rw`."
    context.problems.error(place, f"{excerpt(option)} is not an option of volumes", remedy)
    return mount


def _bind(source: str, target: str, context: Context) -> Mount:
    return Mount(kind=MountKind.BIND, source=str(context.path(source)), target=_target(target))


def _volume(source: str, target: str, place: Place, context: Context) -> Mount | None:
    if not source:
        return Mount(kind=MountKind.ANONYMOUS, target=_target(target))
    if not _VOLUME_NAME.fullmatch(source):
        context.problems.error(place, f"{excerpt(source)} is neither a path nor a volume's name")
        return None
    if source not in context.volumes:
        remedy = did_you_mean(source, context.volumes)
        remedy = remedy or f"Declare it at the top level: `volumes: {{{source}: {{}}}}`."
        context.problems.error(place, f"the volume {excerpt(source)} is not declared", remedy)
        return None
    declared = context.volumes[source]
    return Mount(
        kind=MountKind.VOLUME,
        source=source,
        target=_target(target),
        volume=None if declared == VolumeSpec(name=source) else declared,
    )


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
    source = values.optional(entries, "source", values.text) or ""
    mount = _of_kind(kind, source, target, item, context)
    if mount is None:
        return None
    read_only = values.optional(entries, "read_only", values.boolean) or False
    return _with_options(replace(mount, read_only=read_only), entries, context)


def _of_kind(
    kind: MountKind | None, source: str, target: str, item: MapNode, context: Context
) -> Mount | None:
    match kind:
        case MountKind.BIND if source:
            return _bind(source, target, context)
        case MountKind.BIND:
            context.problems.error(item.place, "a bind needs a `source`")
            return None
        case MountKind.TMPFS:
            return Mount(kind=MountKind.TMPFS, target=_target(target))
        case _:
            return _volume(source, target, item.place, context)


def _kind(node: Node, what: str, context: Context) -> MountKind | None:
    text = context.values.text(node, what)
    if text in _UNSUPPORTED_KINDS:
        context.problems.error(node.place, f"volumes of the type {text} are not supported")
        return None
    return context.values.choice(node, what, _KINDS)


def _with_options(mount: Mount, entries: Mapping[str, Entry], context: Context) -> Mount:
    """The mount with the options of its kind; those of other kinds are said to have no effect."""
    values = context.values
    sections = {"bind": BIND, "volume": VOLUME_OPTIONS, "tmpfs": TMPFS_OPTIONS}
    own = _OPTIONS_OF[mount.kind]
    found: dict[str, Entry] = {}
    for name, table in sections.items():
        if name in entries:
            section = values.section(entries[name].node, table, f"`{name}`")
            if name == own:
                found = section
            elif section:
                message = f"`{name}` has no effect on a mount of another type"
                context.problems.warn(entries[name].key_place, message)

    def text(key: str, known: tuple[str, ...]) -> str:
        words = {word: word for word in known if word}
        return values.optional(found, key, lambda n, w: values.choice(n, w, words)) or ""

    match own:
        case "bind":
            return replace(
                mount,
                propagation=text("propagation", PROPAGATIONS),
                selinux=text("selinux", SELINUX),
                recursive=text("recursive", (*RECURSIVE, "enabled")).replace("enabled", ""),
                create_host_path=values.optional(found, "create_host_path", values.boolean)
                or False,
            )
        case "volume":
            return replace(
                mount,
                no_copy=values.optional(found, "nocopy", values.boolean) or False,
                subpath=values.optional(found, "subpath", values.text) or "",
            )
        case _:
            return replace(
                mount,
                size_bytes=values.optional(found, "size", values.size_bytes) or 0,
                mode=values.optional(found, "mode", values.permissions) or 0,
            )


def _target(text: str) -> str:
    return text.rstrip("/") or "/"
