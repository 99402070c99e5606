"""`configs` and `secrets`: where their contents come from, and which services see them as what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from orb.contents import (
    CONTENT_BYTES_MAX,
    CONTENTS_BYTES_MAX,
    ConfigSpec,
    FileKind,
    SecretSpec,
    digest_of,
)
from orb.manifest.diagnostics import Place, Problems, did_you_mean, excerpt
from orb.manifest.files import Files
from orb.manifest.nodes import Entry

CARRIED_NAME: Final = "file"
"""What a carried file is called in whose name no letter or digit is."""
_TOO_LARGE: Final = "Put large files into the image or a volume."
_NOT_A_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")

Key = tuple[FileKind, str]
"""A config or secret by its name."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a content comes from: a file, a variable, or (neither) the manifest itself."""

    path: str = ""
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Declared:
    """A config or secret as the manifest has it, before it is read."""

    place: Place
    entries: Mapping[str, Entry]
    external: bool = False
    outside_name: str = ""


@dataclass(slots=True)
class Given:
    """The configs and secrets of a run: declared ones, and the contents of those that are used."""

    problems: Problems
    files: Files
    declared: dict[Key, Declared] = field(default_factory=dict)
    digests: dict[Key, str] = field(default_factory=dict)
    """Of those that a service uses; empty for external ones and for those that are refused."""
    sources: dict[Key, Source] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    """By their digests."""

    def use(self, key: Key, place: Place) -> str | None:
        """The digest of what a service uses at *place*; None, and an error, if it is not there."""
        kind, name = key
        if key not in self.declared:
            known = [each for each_kind, each in self.declared if each_kind is kind]
            remedy = did_you_mean(name, known) or f"Declare it at the top level: `{kind.word}s`."
            self.problems.error(place, f"the {kind.word} {excerpt(name)} is not declared", remedy)
            return None
        return self.digests.get(key, "")

    def add(self, key: Key, content: bytes, source: Source, place: Place) -> str:
        """Take a content in; one that is too large is an error at *place*."""
        kind, name = key
        digest = digest_of(content)
        what = f"the {kind.word} {excerpt(name)}"
        if len(content) > CONTENT_BYTES_MAX:
            message = f"{what} has more than {CONTENT_BYTES_MAX} bytes"
            self.problems.error(place, message, _TOO_LARGE)
        else:
            kept = sum(map(len, self.contents.values()))
            if digest not in self.contents and kept + len(content) > CONTENTS_BYTES_MAX:
                message = f"with {what} there are more than {CONTENTS_BYTES_MAX} bytes of them"
                self.problems.error(place, message, _TOO_LARGE)
            else:
                self.contents[digest] = content
        self.digests[key] = digest
        self.sources[key] = source
        return digest

    def carry(self, path: Path, content: bytes, place: Place) -> tuple[str, str]:
        """Take a file in as a config of its own; the config's name and digest."""
        base = _NOT_A_NAME.sub("_", path.name).strip(".")[:60] or CARRIED_NAME
        digest, number = digest_of(content), 1
        key = (FileKind.CONFIG, base)
        while key in self.declared or self.digests.get(key, digest) != digest:
            number += 1
            key = (FileKind.CONFIG, f"{base}-{number}")
        self.add(key, content, Source(path=str(path)), place)
        return key[1], digest

    def configs(self) -> tuple[ConfigSpec, ...]:
        """Those that are used, by name."""
        found = sorted((n, d) for (kind, n), d in self.digests.items() if kind is FileKind.CONFIG)
        return tuple(ConfigSpec(name=name, digest=digest) for name, digest in found)

    def secrets(self) -> tuple[SecretSpec, ...]:
        """Those that are used, by name."""
        found = sorted((n, d) for (kind, n), d in self.digests.items() if kind is FileKind.SECRET)
        specs = []
        for name, digest in found:
            declared = self.declared[FileKind.SECRET, name]
            outside = "" if declared.outside_name == name else declared.outside_name
            specs.append(
                SecretSpec(
                    name=name, digest=digest, external=declared.external, outside_name=outside
                )
            )
        return tuple(specs)
