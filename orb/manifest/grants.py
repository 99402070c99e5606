"""Configs and secrets at the top level, and those that a service is granted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from orb.contents import CONTENT_BYTES_MAX, GRANT_MODE, ID_MAX, FileKind, Grant, digest_of
from orb.manifest.contents import Declared, Key, Source
from orb.manifest.context import Context
from orb.manifest.diagnostics import Place, excerpt
from orb.manifest.networks import read_external
from orb.manifest.nodes import Entry, MapNode, Node, is_null
from orb.manifest.other_keys import CONFIG, SECRET
from orb.manifest.service_keys import GRANT
from orb.spec import Mount, MountKind
from orb.validate.shapes import is_text

SECRETS_FOLDER: Final = "/run/secrets/"
EXECUTABLE: Final = 0o111
_UNREAD: Final = digest_of(b"")
"""Stands for the content that cannot be had, so that its absence is told once only."""
_SOURCES: Final = ("file", "content", "environment", "external")
_TABLES: Final = {FileKind.CONFIG: CONFIG, FileKind.SECRET: SECRET}

Entries = Mapping[str, Entry]


def read_declared(entries: Entries, context: Context) -> None:
    """What the top level declares; contents are read once a service uses them."""
    for kind, table in _TABLES.items():
        section = f"{kind.word}s"
        if section not in entries:
            continue
        context.mark(entries[section].key_place, section)
        named = context.values.entries(entries[section].node, f"`{section}`")
        for name, entry in named.items():
            context.mark(entry.key_place, section, name)
            found: Entries = {}
            if not is_null(entry.node):
                what = f"the {kind.word} {excerpt(name)}"
                found = context.values.section(entry.node, table, what)
            external, old_name = read_external(found, context)
            outside = old_name or context.values.optional(found, "name", context.values.text) or ""
            if outside and not external:
                message = f"`name` has no effect: the {kind.word} belongs to its app"
                context.problems.warn(found["name"].key_place, message)
                outside = ""
            declared = Declared(entry.key_place, found, external, outside)
            context.given.declared[kind, name] = declared


def read_grants(entries: Entries, context: Context) -> list[tuple[Grant, Place]]:
    """The configs and secrets that a service is granted, and where that was written."""
    found: list[tuple[Grant, Place]] = []
    for kind in FileKind:
        section = f"{kind.word}s"
        if section not in entries:
            continue
        found.extend(
            (grant, item.place)
            for item in context.values.items(entries[section].node, f"`{section}`")
            if (grant := _grant(kind, item, context)) is not None
        )
    return found


def carried(item: Node, mount: Mount, source: str, context: Context) -> Grant | None:
    """A small file beside the manifest that is bound into the container, as a config; else None."""
    path = Path(mount.source)
    if mount.kind is not MountKind.BIND or source.startswith("/"):
        return None
    try:
        status = path.stat()
        is_small = path.is_file() and status.st_size <= CONTENT_BYTES_MAX
    except OSError:
        return None
    content = context.files.content(path, item.place) if is_small else None
    if content is None:
        return None
    name, digest = context.given.carry(path, content, item.place)
    context.problems.note(
        item.place,
        f"{source} goes along as the config {name}: the container sees it as it is now and cannot "
        "write to it; a change of it is a release",
    )
    return Grant(
        kind=FileKind.CONFIG,
        name=name,
        digest=digest,
        target=mount.target,
        mode=GRANT_MODE | (status.st_mode & EXECUTABLE),
    )


def _grant(kind: FileKind, item: Node, context: Context) -> Grant | None:
    values = context.values
    found: Entries = {}
    if isinstance(item, MapNode):
        found = values.section(item, GRANT, f"a {kind.word}")
        name = values.optional(found, "source", values.text)
    else:
        name = values.text(item, f"an item of `{kind.word}s`")
    if not name:
        if isinstance(item, MapNode):
            context.problems.error(item.place, f"a {kind.word} needs a `source`")
        return None
    digest = _digest((kind, name), item.place, context)
    if digest is None:
        return None
    mode = values.optional(found, "mode", values.permissions)
    return Grant(
        kind=kind,
        name=name,
        digest=digest,
        target=_target(kind, values.optional(found, "target", values.text) or name),
        uid=_number(found, "uid", context),
        gid=_number(found, "gid", context),
        mode=GRANT_MODE if mode is None else mode,
    )


def _number(found: Entries, name: str, context: Context) -> int:
    values = context.values
    return values.optional(found, name, lambda n, w: values.integer(n, w, 0, ID_MAX)) or 0


def _target(kind: FileKind, text: str) -> str:
    if text.startswith("/"):
        return text
    return f"{SECRETS_FOLDER if kind is FileKind.SECRET else '/'}{text}"


def _digest(key: Key, place: Place, context: Context) -> str | None:
    """The digest of what a service uses; its content is read the first time."""
    given = context.given
    declared = given.declared.get(key)
    if declared is not None and key not in given.digests:
        given.digests[key] = "" if declared.external else _UNREAD
        _read(key, declared, context)
    return given.use(key, place)


def _read(key: Key, declared: Declared, context: Context) -> None:
    """Read a content into the run."""
    kind, name = key
    what = f"the {kind.word} {excerpt(name)}"
    sources = [each for each in _SOURCES if each in declared.entries]
    if "external" in sources and not declared.external:
        sources.remove("external")
    if len(sources) != 1:
        inline = ", `content`" if kind is FileKind.CONFIG else ""
        wanted = f"`file`{inline} or `environment`"
        message = f"{what} needs one of {wanted}, and has {' and '.join(sources) or 'none'}"
        context.problems.error(declared.place, message)
        return
    entry = declared.entries[sources[0]]
    if declared.external:
        return
    text = context.values.text(entry.node, f"`{sources[0]}`")
    if text is None:
        return
    content, source = _content(sources[0], text, entry.node.place, context)
    if content is not None:
        context.given.add(key, content, source, entry.node.place)


def _content(kind: str, text: str, place: Place, context: Context) -> tuple[bytes | None, Source]:
    match kind:
        case "file":
            path = context.path(text)
            return context.files.content(path, place), Source(path=str(path))
        case "environment":
            value = context.variables.get(text)
            if value is None:
                message = f"the variable {excerpt(text)} is not set"
                context.problems.error(place, message, "Set it, or take the content from a file.")
                return None, Source()
            return value.encode(errors="surrogateescape"), Source(variable=text)
        case _ if is_text(text):
            return text.encode(), Source()
        case _:
            context.problems.error(place, "the content is not text that UTF-8 can carry")
            return None, Source()
