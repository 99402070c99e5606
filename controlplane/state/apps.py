"""Apps and their releases: what people declare, as one atomic step over all services."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from controlplane.state import (
    blobs,
    diffs,
    environments,
    events,
    externals,
    indexes,
    replicas,
    tasks,
)
from controlplane.state.commands import (
    Answer,
    Applied,
    ApplyApp,
    DeleteApp,
    OpenService,
    Refused,
    ScaleService,
    SetReleaseStatus,
)
from controlplane.state.nodes import is_amount
from controlplane.state.stamp import Stamp
from controlplane.state.tables import (
    APPS_MAX,
    RELEASES_PER_APP_MAX,
    SERVICES_MAX,
    App,
    Release,
    Service,
    State,
)
from orb.contents import FileKind, digest_of
from orb.ids import AppKey, ServiceKey
from orb.lifecycle import ReleaseStatus
from orb.spec import REPLICAS_MAX, SERVICES_PER_APP_MAX, AppSpec, ServiceSpec

REASON_CHARACTERS_MAX: Final = 1_000
"""The longest reason of a release; a longer one is refused."""


def apply_app(state: State, stamp: Stamp, command: ApplyApp) -> Answer:
    """Make the app what the spec says: one release, or nothing if it is so already."""
    key = AppKey(command.environment, command.spec.name)
    spec = externals.resolved(state, command.environment, command.spec)
    if isinstance(spec, str):
        return Refused(spec)
    refused = _objection_to_spec(state, key, spec, command.reason)
    if refused:
        return Refused(refused)
    app = state.apps.get(key)
    number = app.release if app is not None else 0
    if command.expected_release not in {None, number}:
        return Refused(f"{key.app} is at release {number}, not {command.expected_release}")
    if app is not None and diffs.same(state.releases[key][number].spec, spec):
        return _unchanged(state, stamp, state.releases[key][number])
    contents = {digest_of(content): content for content in command.contents}
    contents = {digest: contents[digest] for digest in blobs.of_app(spec) if digest in contents}
    refused = _objection_to_contents(state, key, spec, contents)
    if refused:
        return Refused(refused)
    blobs.keep(state, contents)
    return release(state, stamp, key, spec, command.reason)


def _unchanged(state: State, stamp: Stamp, release: Release) -> Answer:
    """The same spec again is no release; one that had failed is tried anew, as it was asked."""
    if release.status is not ReleaseStatus.FAILED:
        return Applied(number=release.number, changed=False)
    for name in state.services_of_app.get(release.app, ()):
        replicas.forgive(state, ServiceKey(*release.app, name))
    _set_status(state, stamp, release, ReleaseStatus.ROLLING, "")
    return Applied(number=release.number, details=("it had failed, and is tried again",))


def scale(state: State, stamp: Stamp, command: ScaleService) -> Answer:
    """Give a replicated service another count, and change nothing else."""
    service = state.services.get(command.service)
    if service is None:
        return Refused(f"there is no service {command.service.service}", missing=True)
    if service.spec.is_global:
        return Refused(f"{service.key.service} is global: it has one replica on every node")
    if not 0 <= command.replicas <= REPLICAS_MAX:
        return Refused(f"a service has 0 to {REPLICAS_MAX} replicas, not {command.replicas}")
    if len(command.reason) > REASON_CHARACTERS_MAX:
        return Refused(f"the reason has more than {REASON_CHARACTERS_MAX} characters")
    app = state.apps[service.key.owner]
    if service.spec.replicas == command.replicas:
        return Applied(number=app.release, changed=False)
    scaled = replace(service.spec, replicas=command.replicas)
    spec = state.releases[app.key][app.release].spec
    services = tuple(scaled if one.name == scaled.name else one for one in spec.services)
    return release(state, stamp, app.key, replace(spec, services=services), command.reason)


def delete(state: State, stamp: Stamp, command: DeleteApp) -> Answer:
    """Forget the app and its services at once; their tasks are told to stop."""
    app = state.apps.get(command.app)
    if app is None:
        return Refused(f"there is no app {command.app.app}", missing=True)
    for name in list(state.services_of_app.get(app.key, ())):
        _drop(state, stamp, state.services[ServiceKey(*app.key, name)], "the app was deleted")
    del state.apps[app.key]
    for release in list(state.releases[app.key].values()):
        blobs.drop_release(state, release)
    del state.releases[app.key]
    if not any(other.environment == app.key.environment for other in state.apps):
        environments.leave(state, app.key.environment)
    events.record(state, stamp, "app.deleted", f"{app.key.app} was deleted", events.of_app(app.key))
    return Applied(number=app.release)


def open_service(state: State, command: OpenService) -> Answer:
    """The dependencies of this revision have been met."""
    service = state.services.get(command.service)
    if service is None:
        return Refused(f"there is no service {command.service.service}", missing=True)
    if service.revision != command.revision:
        return Refused(f"{service.key.service} is at revision {service.revision}")
    if service.opened == command.revision:
        return Applied(changed=False)
    indexes.put_service(state, replace(service, opened=command.revision))
    return Applied(number=1)


def set_release_status(state: State, stamp: Stamp, command: SetReleaseStatus) -> Answer:
    """Say how a release stands, if it is still rolling."""
    release = state.releases.get(command.app, {}).get(command.number)
    if release is None:
        return Refused(f"{command.app.app} has no release {command.number}", missing=True)
    if release.status is not ReleaseStatus.ROLLING:
        return Refused(f"release {release.number} is {release.status.name}, not ROLLING")
    if command.status is ReleaseStatus.ROLLING:
        return Applied(number=release.number, changed=False)
    _set_status(state, stamp, release, command.status, command.message)
    return Applied(number=release.number)


def _objection_to_spec(state: State, key: AppKey, spec: AppSpec, reason: str) -> str | None:
    """What no state may hold; `orb.validate` has said all the rest to the person before."""
    if not (key.environment and key.app and all(service.name for service in spec.services)):
        return "an environment, an app and each service must have a name"
    if len(diffs.by_name(spec)) < len(spec.services):
        return f"{key.app} names a service twice"
    if len(spec.services) > SERVICES_PER_APP_MAX:
        return f"{key.app} has more than {SERVICES_PER_APP_MAX} services"
    if len(reason) > REASON_CHARACTERS_MAX:
        return f"the reason has more than {REASON_CHARACTERS_MAX} characters"
    if key not in state.apps and len(state.apps) >= APPS_MAX:
        return f"the cluster has {APPS_MAX} apps, and no room for more"
    if len(state.services) + len(spec.services) > SERVICES_MAX:
        return f"the cluster would have more than {SERVICES_MAX} services"
    if not all(_has_its_files(spec, one) for one in spec.services):
        return f"a service of {key.app} sees a config or secret that the app does not have"
    return next((why for one in spec.services if (why := _objection_to_service(one))), None)


def _has_its_files(spec: AppSpec, service: ServiceSpec) -> bool:
    known = {(FileKind.CONFIG, one.name, one.digest) for one in spec.configs}
    known |= {(FileKind.SECRET, one.name, one.digest) for one in spec.secrets}
    grants = service.task.container.files
    return all((grant.kind, grant.name, grant.digest) in known for grant in grants)


def _objection_to_contents(
    state: State, key: AppKey, spec: AppSpec, contents: Mapping[str, bytes]
) -> str | None:
    """A digest alone gives nobody a content: it must come along, be the app's own already, or be
    that of a secret which its environment stores."""
    mine = set(contents) | {secret.digest for secret in spec.secrets if secret.external}
    for release in state.releases.get(key, {}).values():
        mine.update(blobs.of_app(release.spec))
    if any(digest not in mine for digest in blobs.of_app(spec)):
        return f"the content of a config or secret of {key.app} did not come along"
    return blobs.objection(state, contents)


def _objection_to_service(spec: ServiceSpec) -> str | None:
    if not 0 <= spec.replicas <= REPLICAS_MAX:
        return f"{spec.name} has {spec.replicas} replicas; 0 to {REPLICAS_MAX} are allowed"
    if not is_amount(spec.task.reservations):
        return f"{spec.name} reserves a negative amount"
    return None


def release(state: State, stamp: Stamp, key: AppKey, spec: AppSpec, reason: str) -> Applied:
    """Make a release, which takes effect for all services at once. All must be checked before."""
    old = state.apps.get(key)
    number = _next_number(state, key, spec)
    before = None if old is None else state.releases[key][old.release]
    lines = diffs.changes(None if before is None else before.spec, spec)
    if before is not None and before.status is ReleaseStatus.ROLLING:
        _set_status(state, stamp, before, ReleaseStatus.SUPERSEDED, f"by release {number}")
    environments.have(state, stamp, key.environment)
    state.apps[key] = App(
        key=key, release=number, created_at=stamp.now if old is None else old.created_at
    )
    made = Release(
        app=key,
        number=number,
        spec=spec,
        author=stamp.author,
        at=stamp.now,
        reason=reason,
        status=ReleaseStatus.ROLLING,
        status_since=stamp.now,
        changes=lines,
    )
    blobs.put_release(state, made)
    releases = state.releases[key]
    while len(releases) > RELEASES_PER_APP_MAX:
        blobs.drop_release(state, releases[min(releases)])
    _take_effect(state, stamp, key, spec, number)
    told = f"release {number} of {key.app} by {stamp.author}: {'; '.join(lines)}"
    events.record(state, stamp, "release.made", told, events.of_app(key))
    return Applied(number=number, details=lines)


def _next_number(state: State, key: AppKey, spec: AppSpec) -> int:
    """One more than the last; of an app that was deleted, above what its old tasks still run."""
    app = state.apps.get(key)
    used = [app.release if app is not None else 0]
    for service in spec.services:
        used.extend(state.revisions_of_service.get(ServiceKey(*key, service.name), ()))
    return max(used) + 1


def _take_effect(state: State, stamp: Stamp, key: AppKey, spec: AppSpec, number: int) -> None:
    wanted = diffs.by_name(spec)
    for name in list(state.services_of_app.get(key, ())):
        if name not in wanted:
            service = state.services[ServiceKey(*key, name)]
            _drop(state, stamp, service, f"release {number} removes the service")
    for one in spec.services:
        _put(state, stamp, ServiceKey(*key, one.name), one, number)


def _put(state: State, stamp: Stamp, key: ServiceKey, spec: ServiceSpec, number: int) -> None:
    old = state.services.get(key)
    if old is not None and old.spec == spec:
        return
    same_task = old is not None and old.spec.task == spec.task
    service = Service(
        key=key,
        spec=spec,
        release=number,
        revision=old.revision if old is not None and same_task else number,
        opened=old.opened if old is not None else 0,
        created_at=old.created_at if old is not None else stamp.now,
        trace=stamp.trace,
    )
    indexes.put_service(state, service)
    if old is not None and old.spec.is_global is not spec.is_global:
        replicas.leave_home(state, key)
    if not same_task:
        replicas.forgive(state, key)


def _drop(state: State, stamp: Stamp, service: Service, reason: str) -> None:
    held = [
        task for replica in state.replicas_in(service.key) for task in state.tasks_in(replica.key)
    ]
    tasks.stop_these(state, stamp, held, reason)
    indexes.drop_service(state, service)


def _set_status(
    state: State, stamp: Stamp, release: Release, status: ReleaseStatus, message: str
) -> None:
    changed = replace(release, status=status, status_since=stamp.now, message=message)
    state.releases[release.app][release.number] = changed
    word = status.name.lower()
    why = f": {message}" if message else ""
    told = f"release {release.number} of {release.app.app} is {word}{why}"
    events.record(state, stamp, f"release.{word}", told, events.of_app(release.app))
