"""`orbctl scale web=5`: another count of replicas, and stays until they are ready."""

from typing import TYPE_CHECKING

import click

from cli.apply import announce, see_through
from cli.naming import complete_name, split_scale
from cli.scope import Scope, with_scope
from cli.timeouts import timeout_option
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
        from cli.client import find_service

        found = [(await find_service(client, environment, name), n) for name, n in wanted]
        newest = {}
        for view, number in found:
            key = ServiceKey(view.environment, view.app, view.name)
            applied = await client.scale(key, number, reason)
            announce(applied)
            newest[view.app] = applied
        if not detach:
            for applied in newest.values():
                await see_through(client, environment, applied, timeout)

    scope.run(work)
