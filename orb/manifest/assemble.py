"""One tree out of many files: variables put in, `include` and `extends` resolved, files merged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from orb.manifest.anchor import Anchor, with_variables
from orb.manifest.diagnostics import Place, Problems, did_you_mean, excerpt
from orb.manifest.dotenv import parse_dotenv
from orb.manifest.files import STANDARD_INPUT, Files
from orb.manifest.interpolate import Substitution, interpolate
from orb.manifest.merge import merge
from orb.manifest.nodes import Entry, MapNode, Node, Scalar, describe, is_null, same
from orb.manifest.other_keys import INCLUDE
from orb.manifest.service_keys import EXTENDS
from orb.manifest.short_form import expand, is_short
from orb.manifest.values import Values
from orb.manifest.yaml12 import parse

MODELS_MAX: Final = 100
"""Files that are included, each time they are; more are refused."""
EXTENSIONS_MAX: Final = 5_000
"""Services that extend another, each time they do; more are refused."""
EXTENDS_DEPTH_MAX: Final = 20
"""Services that extend one that extends another; a longer row is refused."""
_KINDS: Final = ("services", "volumes", "networks", "configs", "secrets", "models")
_REMOTE: Final = ("http://", "https://", "oci://", "git@", "ssh://", "git://")

Variables = Mapping[str, str]
_Step = tuple[Path, str]
"""A file, and a service in it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a tree comes from: its folder, its variables, and the files that led to it."""

    folder: Path
    variables: Variables
    chain: tuple[Path, ...]
    """Never empty; the last one is the file itself."""


@dataclass(slots=True)
class Assembly:
    """The run over all files of an app; *name* is that of the one service of a short form."""

    files: Files
    problems: Problems
    name: str = ""
    unset: dict[str, Place] = field(default_factory=dict)
    """Variables that were asked for and are not set, with the first place."""
    models: int = 0
    extensions: int = 0
    parsed: dict[Path, list[MapNode]] = field(default_factory=dict)

    def documents(self, paths: Sequence[Path], asked_in: Place | None = None) -> list[MapNode]:
        """The documents of some files, as they stand there."""
        return [root for path in paths for root in self._parsed(path, asked_in)]

    def _parsed(self, path: Path, asked_in: Place | None) -> list[MapNode]:
        if path not in self.parsed:
            text = self.files.read(path, asked_in)
            nodes = [] if text is None else parse(text, str(path), self.problems)
            self.parsed[path] = [node for node in nodes if isinstance(node, MapNode)]
            for node in nodes:
                if not isinstance(node, MapNode):
                    message = f"a manifest must be a map, not {describe(node)}"
                    self.problems.error(node.place, message)
        return self.parsed[path]

    def model(self, documents: Sequence[MapNode], origin: Origin) -> MapNode | None:
        """One tree of all documents, the later ones on top of the earlier."""
        root: Node | None = None
        for document in documents:
            filled = self._filled(document, origin)
            if is_short(filled):
                filled = expand(filled, self.name, self.problems)
            filled = self._with_included(filled, origin)
            filled = self._with_extended(filled, root, origin)
            root = filled if root is None else merge(root, filled, (), self.problems)
        return root if isinstance(root, MapNode) else None

    def _filled(self, document: MapNode, origin: Origin) -> MapNode:
        substitution = Substitution(origin.variables)
        filled = interpolate(document, substitution, self.problems)
        for name, place in substitution.unset.items():
            self.unset.setdefault(name, place)
        return filled if isinstance(filled, MapNode) else document

    # ---- include ----------------------------------------------------------------------------

    def _with_included(self, root: MapNode, origin: Origin) -> MapNode:
        if "include" not in root.entries:
            return root
        entries = {key: entry for key, entry in root.entries.items() if key != "include"}
        values = Values(self.problems)
        for item in values.items(root.entries["include"].node, "`include`"):
            if (imported := self._included(item, origin, values)) is not None:
                self._import(imported, entries)
        return replace(root, entries=entries)

    def _included(self, item: Node, origin: Origin, values: Values) -> MapNode | None:
        settings: Mapping[str, Entry] = {}
        node = item
        if isinstance(item, MapNode):
            settings = values.section(item, INCLUDE, "`include`")
            if "path" not in settings:
                self.problems.error(item.place, "an included file needs a `path`")
                return None
            node = settings["path"].node
        paths = [
            origin.folder / text
            for text, place in values.texts(node, "`include`")
            if self._is_local(text, place)
        ]
        if not paths or not self._goes_on(paths[0], node.place, origin):
            return None
        folder = paths[0].parent
        if "project_directory" in settings:
            entry = settings["project_directory"]
            folder = origin.folder / (values.text(entry.node, "`project_directory`") or "")
        variables = self._variables(settings, folder, origin, values)
        inner = Origin(folder, variables, (*origin.chain, paths[0].absolute()))
        found = self.model(self.documents(paths, node.place), inner)
        return None if found is None else self._anchored(found, inner, origin)

    def _is_local(self, text: str, place: Place) -> bool:
        if not text.startswith(_REMOTE):
            return True
        message = f"{excerpt(text)} is not a file here: remote files are not fetched"
        self.problems.error(place, message, "Copy it beside the manifest.")
        return False

    def _goes_on(self, path: Path, place: Place, origin: Origin) -> bool:
        self.models += 1
        if path.absolute() in origin.chain:
            self.problems.error(place, f"{path} includes itself", "Take one `include` out.")
            return False
        if self.models > MODELS_MAX:
            self.problems.error(place, f"more than {MODELS_MAX} files are included")
            return False
        return True

    def _variables(
        self, settings: Mapping[str, Entry], folder: Path, origin: Origin, values: Values
    ) -> Variables:
        """Those of an included file: its own `.env` or `env_file`, and all of the including one."""
        paths = [(folder / ".env", None)] if (folder / ".env").is_file() else []
        listed: list[tuple[Path, Place | None]] = list(paths)
        if "env_file" in settings:
            node = settings["env_file"].node
            listed = [(origin.folder / t, p) for t, p in values.texts(node, "`env_file`")]
        found: dict[str, str] = {}
        for path, place in listed:
            text = self.files.read(path, place)
            if text is not None:
                known = {**found, **origin.variables}
                found.update(parse_dotenv(text, str(path), known, self.problems))
        return {**found, **origin.variables}

    def _anchored(self, root: MapNode, inner: Origin, outer: Origin) -> MapNode:
        anchor = Anchor(inner.folder, outer.folder)
        root = anchor.contents(root)
        services = root.entries.get("services")
        if services is None or not isinstance(services.node, MapNode):
            return root
        moved = {
            name: Entry(
                entry.key_place, with_variables(anchor.service(entry.node), inner.variables)
            )
            for name, entry in services.node.entries.items()
        }
        node = replace(services.node, entries=moved)
        return replace(root, entries={**root.entries, "services": Entry(services.key_place, node)})

    def _import(self, imported: MapNode, entries: dict[str, Entry]) -> None:
        """Add what another file defines; a name that both define differently is refused."""
        for kind in _KINDS:
            source, target = imported.entries.get(kind), entries.get(kind)
            if source is None or not isinstance(source.node, MapNode):
                continue
            if target is None or not isinstance(target.node, MapNode):
                entries[kind] = source if target is None or is_null(target.node) else target
                continue
            named = dict(target.node.entries)
            for name, entry in source.node.entries.items():
                if name in named and not same(named[name].node, entry.node):
                    message = f"{excerpt(name)} of `{kind}` is also defined in {entry.key_place}"
                    remedy = "Rename one, or change it in an override file."
                    self.problems.error(named[name].key_place, message, remedy)
                named.setdefault(name, entry)
            entries[kind] = Entry(target.key_place, replace(target.node, entries=named))

    # ---- extends ----------------------------------------------------------------------------

    def _with_extended(self, root: MapNode, below: Node | None, origin: Origin) -> MapNode:
        services = root.entries.get("services")
        if services is None or not isinstance(services.node, MapNode):
            return root
        known = {**_services(below), **services.node.entries}
        resolved = {
            name: Entry(entry.key_place, self._extended(name, entry.node, known, origin, ()))
            for name, entry in services.node.entries.items()
        }
        node = replace(services.node, entries=resolved)
        return replace(root, entries={**root.entries, "services": Entry(services.key_place, node)})

    def _extended(
        self,
        name: str,
        node: Node,
        known: Mapping[str, Entry],
        origin: Origin,
        stack: tuple[_Step, ...],
    ) -> Node:
        """A service with what it extends under it."""
        extends = node.entries.get("extends") if isinstance(node, MapNode) else None
        if extends is None or not isinstance(node, MapNode):
            return node
        own = replace(node, entries={k: e for k, e in node.entries.items() if k != "extends"})
        here = (origin.chain[-1], name)
        self.extensions += 1
        if (why := self._too_far(here, stack)) is not None:
            self.problems.error(extends.key_place, why)
            return node
        found = self._base(extends.node, known, origin)
        if found is None:
            return node
        base_name, base, others, base_origin = found
        base = self._extended(base_name, base, others, base_origin, (*stack, here))
        base = Anchor(base_origin.folder, origin.folder).service(base)
        return merge(base, own, ("services", name), self.problems)

    def _too_far(self, here: _Step, stack: tuple[_Step, ...]) -> str | None:
        if here in stack:
            return f"the service {excerpt(here[1])} extends itself"
        if len(stack) >= EXTENDS_DEPTH_MAX:
            return f"services extend each other in a row of more than {EXTENDS_DEPTH_MAX}"
        if self.extensions > EXTENSIONS_MAX:
            return f"more than {EXTENSIONS_MAX} services extend others"
        return None

    def _base(
        self, node: Node, known: Mapping[str, Entry], origin: Origin
    ) -> tuple[str, Node, Mapping[str, Entry], Origin] | None:
        """The service that is extended, with its name, its neighbours and its origin."""
        values = Values(self.problems)
        if isinstance(node, Scalar):
            name, file = values.text(node, "`extends`"), None
        else:
            entries = values.section(node, EXTENDS, "`extends`")
            name = values.optional(entries, "service", values.text)
            file = values.optional(entries, "file", values.text)
        if name is None:
            self.problems.error(node.place, "`extends` needs a `service`")
            return None
        if file is not None:
            read = self._file_services(file, node.place, origin)
            if read is None:
                return None
            known, origin = read
        if name not in known:
            where = f" in {file}" if file else ""
            message = f"the service {excerpt(name)}, which is extended, is not there{where}"
            self.problems.error(node.place, message, did_you_mean(name, known))
            return None
        return name, known[name].node, known, origin

    def _file_services(
        self, file: str, place: Place, origin: Origin
    ) -> tuple[Mapping[str, Entry], Origin] | None:
        path = origin.folder / file
        if not self._is_local(file, place):
            return None
        inner = Origin(path.parent, origin.variables, (*origin.chain, path.absolute()))
        root: Node | None = None
        for document in self.documents([path], place):
            filled = self._filled(document, origin)
            root = filled if root is None else merge(root, filled, (), self.problems)
        return None if root is None else (_services(root), inner)


def _services(root: Node | None) -> Mapping[str, Entry]:
    entry = root.entries.get("services") if isinstance(root, MapNode) else None
    return entry.node.entries if entry is not None and isinstance(entry.node, MapNode) else {}


def folder_of(path: Path) -> Path:
    """Where the relative paths of a manifest start."""
    return Path() if path == STANDARD_INPUT else path.parent
