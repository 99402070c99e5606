"""Which files a manifest is made of, and their text, within bounds."""

import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from orb.manifest.diagnostics import Place, Problems

FILE_BYTES_MAX: Final = 1024 * 1024
"""One file; a larger one is refused."""
FILES_MAX: Final = 200
"""Files that one manifest may be made of, files of variables included; more are refused."""

NAMES: Final = (
    "orb.yaml", "orb.yml", "compose.yaml", "compose.yml", "docker-compose.yaml",
    "docker-compose.yml",
)  # fmt: skip
"""What a manifest is called, in the order in which a folder is searched."""
STANDARD_INPUT: Final = Path("-")


@dataclass(slots=True)
class Files:
    """Reads files, once each, and counts them."""

    problems: Problems
    _texts: dict[Path, str | None] = field(default_factory=dict)
    _contents: dict[Path, bytes | None] = field(default_factory=dict)

    def read(self, path: Path, asked_in: Place | None = None) -> str | None:
        """The text of a file; None, and an error at *asked_in*, if it cannot be had."""
        if path not in self._texts:
            self._texts[path] = self._read(path, asked_in or Place(str(path)))
        return self._texts[path]

    def _read(self, path: Path, place: Place) -> str | None:
        if len(self._texts) >= FILES_MAX:
            self.problems.error(place, f"the manifest is made of more than {FILES_MAX} files")
            return None
        try:
            content = _content(path)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            self.problems.error(place, f"cannot read {path}: {why}")
            return None
        if len(content) > FILE_BYTES_MAX:
            self.problems.error(place, f"{path} is larger than {FILE_BYTES_MAX} bytes")
            return None
        return self._decoded(content, path)

    def content(self, path: Path, asked_in: Place) -> bytes | None:
        """What is in a file, whatever it is; None, and an error at *asked_in*, if it cannot be had.

        Of one that is too large more is read than a config may have: who asked says so.
        """
        if path not in self._contents:
            if len(self._contents) >= FILES_MAX:
                message = f"the app brings along more than {FILES_MAX} files"
                self.problems.error(asked_in, message)
                return None
            try:
                self._contents[path] = _content(path)
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or str(error)
                self.problems.error(asked_in, f"cannot read {path}: {why}")
                self._contents[path] = None
        return self._contents[path]

    def _decoded(self, content: bytes, path: Path) -> str | None:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start]
            place = Place(str(path), before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
            self.problems.error(place, "the file is not UTF-8 text", "Save it as UTF-8.")
            return None


def _content(path: Path) -> bytes:
    if path == STANDARD_INPUT:
        return sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is not a file")
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX + 1)


def manifest_in(folder: Path) -> Path | None:
    """The manifest of a folder, if it has one."""
    return next((path for name in NAMES if (path := folder / name).is_file()), None)


def overrides(first: Path, environment: str, *, found: bool) -> tuple[Path, ...]:
    """The override files beside the first file: `shop.yaml` has `shop.prod.yaml` in prod.

    A manifest that was *found* rather than named has Compose's own in the default environment:
    `compose.override.yaml`.
    """
    if first == STANDARD_INPUT:
        return ()
    kinds = ["override", environment] if found and environment == "default" else [environment]
    candidates = [
        first.with_name(f"{first.stem}.{kind}{suffix}")
        for kind in kinds
        for suffix in (first.suffix, ".yaml", ".yml")
    ]
    return tuple(path for path in dict.fromkeys(candidates) if path.is_file())
