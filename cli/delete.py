"""`orbctl delete APP`: stops an app and forgets it."""

from typing import TYPE_CHECKING

import click

from cli.asking import Query
from cli.naming import complete_name
from cli.scope import Scope, confirm, finish, with_scope, yes_option
from cli.screen import Screen
from cli.timeouts import timeout_option
from cli.words import count
from orb.errors import NotFound

if TYPE_CHECKING:
    from cli.client import Client


@click.command()
@click.argument("app", shell_complete=complete_name)
@yes_option
@click.option("-d", "--detach", is_flag=True, help="Return as soon as the servers have agreed.")
@timeout_option
@with_scope
def delete(scope: Scope, *, app: str, yes: bool, detach: bool, timeout: float) -> None:
    """Stop an app and forget it. Named volumes stay where they are.

    Waits until everything has stopped.
    """
    environment = scope.environment
    services, replicas = scope.run(lambda client: _extent(client, environment, app))
    confirm(
        f"This stops {app} in {environment}: {count(services, 'service')} with "
        f"{count(replicas, 'replica')}. Its releases are forgotten; named volumes stay.",
        yes=yes,
    )

    async def work(client: "Client") -> None:
        tasks = await client.delete(environment, app)
        click.echo(f"{app} is deleted; {count(tasks, 'task')} told to stop")
        if tasks and not detach:
            await finish(_until_gone(client, environment, app), timeout, f"{app} is stopping")

    scope.run(work)


async def _until_gone(client: "Client", environment: str, app: str) -> None:
    screen, told = Screen(), -1
    async for views in client.watch(Query(kind="replicas", environment=environment, app=app)):
        if not views:
            screen.say("done: everything has stopped")
            return
        if len(views) != told:
            told = len(views)
            screen.draw([f"  {count(told, 'replica')} still stopping"])


async def _extent(client: "Client", environment: str, app: str) -> tuple[int, int]:
    services = await client.services(Query(kind="services", environment=environment, app=app))
    if not services:
        raise NotFound(
            f"there is no app {app!r} in the environment {environment!r}",
            remedy="`orbctl get services` shows the apps; another environment is -e ENV",
        )
    return len(services), sum(view.desired for view in services)
