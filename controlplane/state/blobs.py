"""The contents of configs and secrets, by digest, and how many things refer to each.

A content goes with its last reference: kept releases, task specs and stored secrets refer to it.
Refer to the new before letting go of the old, or what both use is lost.
"""

from collections.abc import Iterable, Mapping

from controlplane.state.tables import BLOBS_BYTES_MAX, Release, State, StoredSecret
from orb.contents import CONTENT_BYTES_MAX
from orb.spec import AppSpec, TaskSpec


def of_app(spec: AppSpec) -> tuple[str, ...]:
    """The digests that an app refers to, each once."""
    configs = [one.digest for one in spec.configs]
    return tuple(dict.fromkeys([*configs, *(one.digest for one in spec.secrets)]))


def of_task(spec: TaskSpec) -> tuple[str, ...]:
    """The digests that a task refers to, each once."""
    return tuple(dict.fromkeys(grant.digest for grant in spec.container.files))


def objection(state: State, contents: Mapping[str, bytes]) -> str | None:
    """Why these contents cannot be kept too, if they cannot."""
    largest = max(map(len, contents.values()), default=0)
    if largest > CONTENT_BYTES_MAX:
        return f"a config or secret has {largest} bytes; at most {CONTENT_BYTES_MAX} are allowed"
    if all(digest in state.blobs for digest in contents):
        return None
    kept = sum(map(len, state.blobs.values()))
    new = sum(len(data) for digest, data in contents.items() if digest not in state.blobs)
    if kept + new <= BLOBS_BYTES_MAX:
        return None
    return (
        f"the cluster keeps {kept} bytes of configs and secrets, those of former releases too; "
        f"with {new} more they would be over the limit of {BLOBS_BYTES_MAX}: delete apps that are "
        "not needed any more"
    )


def keep(state: State, contents: Mapping[str, bytes]) -> None:
    """Take these in. Something must refer to each of them before the entry has been applied."""
    for digest, data in contents.items():
        state.blobs.setdefault(digest, data)


def refer(state: State, digests: Iterable[str]) -> None:
    """One more thing refers to each of these."""
    for digest in digests:
        state.blob_uses[digest] = state.blob_uses.get(digest, 0) + 1


def let_go(state: State, digests: Iterable[str]) -> None:
    """One thing less refers to each of these; what nothing refers to any more is forgotten."""
    for digest in digests:
        state.blob_uses[digest] -= 1
        if not state.blob_uses[digest]:
            del state.blob_uses[digest]
            state.blobs.pop(digest, None)


def put_release(state: State, release: Release) -> None:
    """Store a release, new or changed, with what it refers to."""
    releases = state.releases.setdefault(release.app, {})
    old = releases.get(release.number)
    refer(state, of_app(release.spec))
    releases[release.number] = release
    if old is not None:
        let_go(state, of_app(old.spec))


def drop_release(state: State, release: Release) -> None:
    """Forget a release; its app's row stays."""
    del state.releases[release.app][release.number]
    let_go(state, of_app(release.spec))


def put_secret(state: State, secret: StoredSecret) -> None:
    """Store a secret, new or changed. Its content must be kept already."""
    old = state.secrets.get(secret.key)
    refer(state, (secret.digest,))
    state.secrets[secret.key] = secret
    if old is not None:
        let_go(state, (old.digest,))


def drop_secret(state: State, secret: StoredSecret) -> None:
    """Forget a stored secret."""
    del state.secrets[secret.key]
    let_go(state, (secret.digest,))


def count(state: State) -> None:
    """Count all references afresh."""
    state.blob_uses = {}
    for releases in state.releases.values():
        for release in releases.values():
            refer(state, of_app(release.spec))
    for spec in state.specs.values():
        refer(state, of_task(spec))
    for secret in state.secrets.values():
        refer(state, (secret.digest,))
