"""Configs and secrets: files that an app brings along, known everywhere by the digest of what is in
them. Specs, events and diffs hold digests only; who holds contents says ADR 0010."""

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

CONTENT_BYTES_MAX: Final = 500 * 1024
"""One config or secret; a larger one is refused."""
CONTENTS_BYTES_MAX: Final = 2 * 1024 * 1024
"""All configs and secrets of one app together, so that a release fits into one entry of the log;
more is refused."""
GRANT_MODE: Final = 0o444
"""The permissions of a file that says none."""
MODE_MAX: Final = 0o7777
ID_MAX: Final = 2**32 - 2
"""The largest number of a user or group."""


class FileKind(IntEnum):
    """What a file is."""

    CONFIG = 1
    SECRET = 2
    """It is shown to nobody, and on a node it is kept in memory only."""

    @property
    def word(self) -> str:
        """`config` or `secret`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSpec:
    """A config of an app."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSpec:
    """A secret of an app."""

    name: str
    digest: str = ""
    """Of an external one the servers fill it in, with what is stored just then."""
    external: bool = False
    """It is stored in the environment: `orbctl secret set`."""
    outside_name: str = ""
    """What an external one is called in the environment; empty: as here."""

    @property
    def stored_name(self) -> str:
        """What an external one is called in the environment."""
        return self.outside_name or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A config or secret as the tasks of a service see it: a file at *target*."""

    kind: FileKind
    name: str
    """The config's or secret's, in the app."""
    digest: str
    target: str
    """The absolute path in the container."""
    uid: int = 0
    gid: int = 0
    mode: int = GRANT_MODE


def memory_folders(user: int) -> tuple[str, ...]:
    """Where the agent of a user (by number) may keep secrets, the best first: what is in memory."""
    if user == 0:
        return ("/run/orb", "/dev/shm/orb")  # noqa: S108 - the agent checks who can write there
    return (f"/run/user/{user}/orb", f"/dev/shm/orb-{user}")  # noqa: S108 - as above


def digest_of(content: bytes) -> str:
    """What a content is known by: its SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
