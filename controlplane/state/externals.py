"""External secrets: which stored one each is, who sees it, and what is in it now, as a digest."""

from dataclasses import replace

from controlplane.state.tables import State
from orb.contents import FileKind, SecretSpec
from orb.spec import AppSpec, ServiceSpec


def users(spec: AppSpec, stored: str) -> list[str]:
    """The services of an app that see the stored secret of that name."""
    names = {secret.name for secret in spec.secrets if is_stored_as(secret, stored)}
    return [
        service.name
        for service in spec.services
        if any(
            grant.kind is FileKind.SECRET and grant.name in names
            for grant in service.task.container.files
        )
    ]


def resolved(state: State, environment: str, spec: AppSpec) -> AppSpec | str:
    """The app with the digests of its external secrets as stored now; or what is missing."""
    if not any(secret.external for secret in spec.secrets):
        return spec
    digests: dict[str, str] = {}
    for secret in spec.secrets:
        if secret.external:
            stored = state.secrets.get((environment, secret.stored_name))
            if stored is None:
                where = f"the environment {environment}"
                how = f"`orbctl secret set {secret.stored_name} -e {environment}`"
                return f"{where} has no secret {secret.stored_name}: store it with {how}"
            digests[secret.name] = stored.digest
    return replace(
        spec,
        secrets=tuple(
            replace(secret, digest=digests.get(secret.name, secret.digest))
            for secret in spec.secrets
        ),
        services=tuple(_with_digests(service, digests) for service in spec.services),
    )


def _with_digests(service: ServiceSpec, digests: dict[str, str]) -> ServiceSpec:
    """The service seeing these contents; itself if it sees none of them."""
    files = tuple(
        replace(grant, digest=digests[grant.name])
        if grant.kind is FileKind.SECRET and grant.name in digests
        else grant
        for grant in service.task.container.files
    )
    if files == service.task.container.files:
        return service
    container = replace(service.task.container, files=files)
    return replace(service, task=replace(service.task, container=container))


def is_stored_as(secret: SecretSpec, stored: str) -> bool:
    """Whether it is the stored secret of that name."""
    return secret.external and secret.stored_name == stored
