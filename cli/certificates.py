"""The certificates of a cluster in one folder: made once, kept, and added to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from orb.errors import NotFound
from orb.tls import Authority, Credentials, Identity


def folder_of(directory: Path, identity: Identity) -> Path:
    """Where the certificate of *identity* lies: `servers/s1`, `nodes/n1`, `users/admin`."""
    return directory / f"{identity.kind}s" / identity.name


def authority_in(directory: Path, cluster: str) -> tuple[Authority, bool]:
    """The cluster's CA in *directory*/ca, made if there is none; True if it was made."""
    folder = directory / "ca"
    try:
        return Authority.load(folder), False
    except NotFound:
        authority = Authority.create(cluster)
        authority.save(folder)
        return authority, True


def ensure(
    directory: Path,
    authority: Authority,
    wanted: Mapping[Identity, Sequence[str]],
    *,
    renew: bool = False,
) -> list[Identity]:
    """Make the certificates that are missing (all with *renew*), each valid for its addresses.

    The answer tells which were made.
    """
    made = []
    for identity, addresses in wanted.items():
        folder = folder_of(directory, identity)
        if renew or not _is_there(folder):
            authority.issue(identity, folder, addresses)
            made.append(identity)
    return made


def _is_there(folder: Path) -> bool:
    try:
        Credentials.in_directory(folder).check()
    except NotFound:
        return False
    return True
