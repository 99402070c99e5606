"""`orbctl scale web=5`: another count of replicas, and stays until they are ready."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from cli.apply import announce, see_through
from cli.asking import AppliedRelease
from cli.naming import complete_name, split_scale
from cli.scope import Scope, with_scope
from cli.timeouts import timeout_option
from orb.errors import NotFound
from orb.ids import ServiceKey

if TYPE_CHECKING:
    from cli.client import Client


@click.command()
@click.argument(
    "counts", nargs=-1, required=True, metavar="SERVICE=COUNT…", shell_complete=complete_name
)
@click.option("-m", "--message", "reason", default="", help="Why; kept with the release.")
@click.option("-d", "--detach", is_flag=True, help="Return as soon as the servers have agreed.")
@timeout_option
@with_scope
def scale(
    scope: Scope, *, counts: tuple[str, ...], reason: str, detach: bool, timeout: float
) -> None:
    """Give services another count of replicas: `scale web=5 api=2`.

    Waits until every replica is ready.
    """
    wanted = [split_scale(word) for word in counts]
    environment = scope.environment

    async def work(client: "Client") -> None:
        releases = [
            await _scale_app(client, environment, app, counts_of, reason)
            for app, counts_of in (await _by_app(client, environment, wanted)).items()
        ]
        if not detach:
            for applied in releases:
                await see_through(client, environment, applied, timeout)

    scope.run(work)


async def _by_app(
    client: "Client", environment: str, wanted: list[tuple[str, int]]
) -> dict[str, dict[str, int]]:
    """The counts by app and service. Raises NotFound, InvalidInput."""
    from cli.client import find_service

    apps: dict[str, dict[str, int]] = {}
    for name, number in wanted:
        view = await find_service(client, environment, name)
        apps.setdefault(view.app, {})[view.name] = number
    return apps


async def _scale_app(
    client: "Client", environment: str, app: str, counts: dict[str, int], reason: str
) -> AppliedRelease:
    """One release for all services of the app: several counts change together, or none does."""
    if len(counts) == 1:
        [(service, number)] = counts.items()
        applied = await client.scale(ServiceKey(environment, app, service), number, reason)
    else:
        found = await client.describe(environment, app, "app")
        if found.spec is None or not found.releases:
            raise NotFound(f"there is no app {app!r} in the environment {environment!r}")
        services = tuple(
            replace(service, replicas=counts.get(service.name, service.replicas))
            for service in found.spec.services
        )
        spec = replace(found.spec, services=services)
        current = next(release.number for release in found.releases if release.current)
        applied = await client.apply(environment, spec, reason, current)
    announce(applied, environment)
    return applied
