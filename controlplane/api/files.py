"""Configs and secrets as people see them: names, sizes and users, never what is in them."""

from collections.abc import Iterator
from typing import Final

from controlplane.api.look import Filter, Look
from controlplane.state import externals
from controlplane.state.tables import State
from orb.cluster import FileView
from orb.contents import FileKind
from orb.ids import AppKey
from orb.spec import AppSpec

DIGEST_CHARACTERS: Final = 12
"""So much of a digest is enough to tell contents apart."""


def configs(look: Look, wanted: Filter) -> Iterator[FileView]:
    """The configs of the apps asked for, by app and name."""
    state = look.state
    for key, spec in _specs(state, wanted):
        for config in spec.configs:
            if wanted.name in {"", config.name}:
                yield FileView(
                    environment=key.environment,
                    app=key.app,
                    name=config.name,
                    digest=config.digest[:DIGEST_CHARACTERS],
                    size_bytes=_size(state, config.digest),
                    users=_users(spec, FileKind.CONFIG, config.name),
                )


def secrets(look: Look, wanted: Filter) -> Iterator[FileView]:
    """The secrets asked for: those stored in environments, then those of apps."""
    if not wanted.app:
        yield from _stored(look.state, wanted)
    for key, spec in _specs(look.state, wanted):
        for secret in spec.secrets:
            if wanted.name in {"", secret.name}:
                yield FileView(
                    environment=key.environment,
                    app=key.app,
                    name=secret.name,
                    digest="",
                    size_bytes=_size(look.state, secret.digest),
                    external=secret.external,
                    users=_users(spec, FileKind.SECRET, secret.name),
                )


def _stored(state: State, wanted: Filter) -> Iterator[FileView]:
    for (environment, name), secret in sorted(state.secrets.items()):
        if wanted.environment in {"", environment} and wanted.name in {"", name}:
            apps = [key for key in sorted(state.apps) if key.environment == environment]
            yield FileView(
                environment=environment,
                app="",
                name=name,
                digest="",
                size_bytes=_size(state, secret.digest),
                users=tuple(
                    f"{key.app}.{service}"
                    for key in apps
                    for service in externals.users(_current(state, key), name)
                ),
                changed_at=secret.changed_at,
                author=secret.author,
            )


def _specs(state: State, wanted: Filter) -> Iterator[tuple[AppKey, AppSpec]]:
    """The apps asked for; one that is deleted while others are looked at is passed over."""
    for key in wanted.apps(state):
        if key in state.apps:
            yield key, _current(state, key)


def _current(state: State, key: AppKey) -> AppSpec:
    return state.releases[key][state.apps[key].release].spec


def _size(state: State, digest: str) -> int:
    return len(state.blobs.get(digest, b""))


def _users(spec: AppSpec, kind: FileKind, name: str) -> tuple[str, ...]:
    return tuple(
        service.name
        for service in spec.services
        if any((one.kind, one.name) == (kind, name) for one in service.task.container.files)
    )
