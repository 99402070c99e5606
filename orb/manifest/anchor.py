"""Relative paths of a file in another folder, written anew so that they start at the app's own."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from orb.manifest.nodes import Entry, ListNode, MapNode, Node, Scalar, is_null, text_scalar

_WORDS: Final = ("env_file", "label_file")
_Change = Callable[[Node], Node]


@dataclass(frozen=True, slots=True)
class Anchor:
    """From one folder to another."""

    origin: Path
    """Where the paths were written."""
    target: Path
    """Where they will be read."""

    def service(self, node: Node) -> Node:
        """A service with its paths written anew."""
        if not isinstance(node, MapNode) or self.origin == self.target:
            return node
        entries = dict(node.entries)
        for name in _WORDS:
            if name in entries:
                entries[name] = self._entry(entries[name], self._file)
        if "volumes" in entries:
            entries["volumes"] = self._entry(entries["volumes"], self._mount)
        return replace(node, entries=entries)

    def contents(self, root: MapNode) -> MapNode:
        """A file with the paths of its configs and secrets written anew."""
        if self.origin == self.target:
            return root
        entries = dict(root.entries)
        for kind in ("configs", "secrets"):
            section = entries.get(kind)
            if section is not None and isinstance(section.node, MapNode):
                named = {
                    name: Entry(entry.key_place, self._declared(entry.node))
                    for name, entry in section.node.entries.items()
                }
                entries[kind] = Entry(section.key_place, replace(section.node, entries=named))
        return replace(root, entries=entries)

    def _declared(self, node: Node) -> Node:
        if isinstance(node, MapNode) and "file" in node.entries:
            return self._with(node, "file")
        return node

    def _entry(self, entry: Entry, change: _Change) -> Entry:
        node = entry.node
        if isinstance(node, ListNode):
            return Entry(
                entry.key_place, replace(node, items=tuple(change(item) for item in node.items))
            )
        return Entry(entry.key_place, change(node))

    def _file(self, node: Node) -> Node:
        if isinstance(node, MapNode) and "path" in node.entries:
            return self._with(node, "path")
        if isinstance(node, Scalar) and not is_null(node) and not Path(node.text).is_absolute():
            return text_scalar(node.place, self._moved(node.text))
        return node

    def _mount(self, node: Node) -> Node:
        if isinstance(node, MapNode):
            source = node.entries.get("source")
            relative = source is not None and _is_relative(source.node)
            return self._with(node, "source") if relative else node
        if _is_relative(node) and isinstance(node, Scalar):
            source_text, colon, rest = node.text.partition(":")
            return text_scalar(node.place, self._moved(source_text) + colon + rest)
        return node

    def _with(self, node: MapNode, name: str) -> MapNode:
        entry = node.entries[name]
        moved = self._file(entry.node)
        return replace(node, entries={**node.entries, name: Entry(entry.key_place, moved)})

    def _moved(self, path: str) -> str:
        moved = os.path.relpath(self.origin.absolute() / path, self.target.absolute())
        return moved if moved.startswith("..") else f"./{moved}"


def _is_relative(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text.startswith(".")


def with_variables(node: Node, variables: Mapping[str, str]) -> Node:
    """A service whose variables without a value have those of its own folder."""
    if not isinstance(node, MapNode) or "environment" not in node.entries:
        return node
    entry = node.entries["environment"]
    inner = entry.node
    if isinstance(inner, MapNode):
        filled = {
            key: Entry(each.key_place, text_scalar(each.node.place, variables[key]))
            if is_null(each.node) and key in variables
            else each
            for key, each in inner.entries.items()
        }
        changed: Node = replace(inner, entries=filled)
    elif isinstance(inner, ListNode):
        changed = replace(inner, items=tuple(_filled(item, variables) for item in inner.items))
    else:
        return node
    return replace(node, entries={**node.entries, "environment": Entry(entry.key_place, changed)})


def _filled(item: Node, variables: Mapping[str, str]) -> Node:
    if isinstance(item, Scalar) and item.text in variables and "=" not in item.text:
        return text_scalar(item.place, f"{item.text}={variables[item.text]}")
    return item
