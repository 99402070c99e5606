"""Secrets that are stored in an environment, and the apps that use them from there."""

from collections.abc import Iterator
from typing import Final

from controlplane.state import apps, blobs, events, externals
from controlplane.state.commands import Answer, Applied, Refused, RemoveSecret, SetSecret
from controlplane.state.stamp import Stamp
from controlplane.state.tables import SECRETS_MAX, SecretKey, State, StoredSecret
from orb.contents import digest_of
from orb.ids import AppKey
from orb.spec import AppSpec

USERS_SHOWN_MAX: Final = 10
"""Services that a refusal names; the others are counted."""


def set_secret(state: State, stamp: Stamp, command: SetSecret) -> Answer:
    """Store it. A new content is, for each app that uses the secret, a release that rolls its users
    alone."""
    key = (command.environment, command.name)
    digest = digest_of(command.content)
    contents = {digest: command.content}
    if not all(key):
        return Refused("an environment and a secret must have a name")
    if not command.content:
        return Refused("a secret must have a content")
    refused = blobs.objection(state, contents)
    if refused:
        return Refused(refused)
    old = state.secrets.get(key)
    if old is None and len(state.secrets) >= SECRETS_MAX:
        return Refused(f"the cluster stores {SECRETS_MAX} secrets, and has no room for more")
    if old is not None and old.digest == digest:
        return Applied(changed=False)
    blobs.keep(state, contents)
    secret = StoredSecret(key=key, digest=digest, changed_at=stamp.now, author=stamp.author)
    blobs.put_secret(state, secret)
    verb = "stored" if old is None else "changed"
    about = events.About(environment=command.environment)
    events.record(state, stamp, "secret.set", f"the secret {command.name} was {verb}", about)
    return _roll_users(state, stamp, key)


def remove(state: State, stamp: Stamp, command: RemoveSecret) -> Answer:
    """Forget a stored secret that no app uses now."""
    key = (command.environment, command.name)
    secret = state.secrets.get(key)
    if secret is None:
        return Refused(f"there is no secret {command.name}", missing=True)
    names = [
        f"{app.app}.{one}"
        for app, spec in _users(state, key)
        for one in externals.users(spec, key[1])
    ]
    if names:
        more = f" and {len(names) - USERS_SHOWN_MAX} more" if names[USERS_SHOWN_MAX:] else ""
        return Refused(f"{command.name} is used by {', '.join(names[:USERS_SHOWN_MAX])}{more}")
    blobs.drop_secret(state, secret)
    about = events.About(environment=command.environment)
    events.record(state, stamp, "secret.removed", f"the secret {command.name} was removed", about)
    return Applied(number=1)


def _roll_users(state: State, stamp: Stamp, key: SecretKey) -> Answer:
    environment, name = key
    lines = []
    for app, spec in list(_users(state, key)):
        changed = externals.resolved(state, environment, spec)
        if isinstance(changed, AppSpec) and changed != spec:
            made = apps.release(state, stamp, app, changed, f"secret {name} changed")
            lines.append(f"{app.app}: release {made.number}")
    return Applied(number=len(lines), details=tuple(lines))


def _users(state: State, key: SecretKey) -> Iterator[tuple[AppKey, AppSpec]]:
    """The apps whose current release uses a stored secret."""
    environment, name = key
    for app in state.apps.values():
        if app.key.environment == environment:
            spec = state.releases[app.key][app.release].spec
            if any(externals.is_stored_as(secret, name) for secret in spec.secrets):
                yield app.key, spec
