"""What the readers of a manifest share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orb.container import NetworkSpec
from orb.manifest.contents import Given
from orb.manifest.diagnostics import Place, Problems
from orb.manifest.files import Files
from orb.manifest.values import Values
from orb.spec import VolumeSpec

Steps = tuple[str | int, ...]
"""Where a value stands in the app: `("services", "web", "ports", 0)`."""


@dataclass(slots=True)
class Context:
    """The run: its problems, its files, its variables, and where each thing was written."""

    problems: Problems
    files: Files
    folder: Path
    """The folder of the first file: relative paths start here."""
    variables: Mapping[str, str]
    """The environment and `.env`."""
    given: Given
    """Its configs and secrets."""
    app: str = ""
    """The app's name."""
    volumes: Mapping[str, VolumeSpec] = field(default_factory=dict)
    """The volumes that the app declares."""
    networks: Mapping[str, NetworkSpec] = field(default_factory=dict)
    """The networks that it declares, and the default one."""
    links: dict[tuple[str, str], Place] = field(default_factory=dict)
    """Services that others link, with the other name, and where that was written first."""
    awaited: frozenset[str] = frozenset()
    """Services that others wait for to complete."""
    disabled: dict[str, Place] = field(default_factory=dict)
    """Services that their profiles leave out."""
    marks: dict[Steps, Place] = field(default_factory=dict)
    """For what `orb.validate` finds in the finished app."""

    @property
    def values(self) -> Values:
        """Typed readers that report to this run."""
        return Values(self.problems)

    def mark(self, place: Place, *path: str | int) -> None:
        """Remember where something was written."""
        self.marks[path] = place

    def place(self, path: Steps) -> Place:
        """Where it was written, or what it is a part of."""
        for length in range(len(path), -1, -1):
            if (place := self.marks.get(path[:length])) is not None:
                return place
        raise KeyError(path)

    def path(self, text: str) -> Path:
        """A path of the manifest as an absolute one, without following links."""
        return Path(_normal((self.folder / Path(text).expanduser()).absolute()))


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts[1:]:
        if part == "..":
            parts[-1:] = []
        else:
            parts.append(part)
    return "/" + "/".join(parts)
