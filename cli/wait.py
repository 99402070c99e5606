"""`orbctl wait APP`: until the newest release of an app is over."""

from typing import TYPE_CHECKING, cast

import click

from cli.apply import see_through
from cli.asking import AppliedRelease, Query
from cli.naming import complete_name
from cli.scope import Scope, with_scope
from cli.timeouts import timeout_option
from orb.errors import NotFound

if TYPE_CHECKING:
    from cli.client import Client
    from orb.cluster import ReleaseView


@click.command()
@click.argument("app", shell_complete=complete_name)
@timeout_option
@with_scope
def wait(scope: Scope, *, app: str, timeout: float) -> None:
    """Wait until an app's newest release is done and healthy; exits as `apply` does."""
    environment = scope.environment

    async def work(client: "Client") -> None:
        query = Query(kind="releases", environment=environment, app=app, limit=1)
        found = cast("tuple[ReleaseView, ...]", await client.get(query))
        if not found:
            raise NotFound(
                f"there is no app {app!r} in the environment {environment!r}",
                remedy="`orbctl get services` shows the apps",
            )
        newest = AppliedRelease(app=app, release=found[0].number, changed=False)
        await see_through(client, environment, newest, timeout)

    scope.run(work)
