"""`orbctl apply`: makes an app what the manifest says, and stays until it is so."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.asking import AppliedRelease, StillGoing
from cli.scope import Scope, finish, with_scope
from cli.screen import Screen, note
from cli.timeouts import timeout_option
from orb.spec import DEFAULT_ENVIRONMENT

if TYPE_CHECKING:
    from cli.client import Client
    from orb.manifest import Loaded

file_option = click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A manifest, a folder with one, or -; several are merged as Compose does.",
)
project_option = click.option("-p", "--project", metavar="NAME", help="Another name for the app.")
profile_option = click.option(
    "--profile", "profiles", multiple=True, metavar="NAME", help="A Compose profile to enable."
)


@click.command()
@file_option
@project_option
@profile_option
@click.option("-m", "--message", "reason", default="", help="Why; kept with the release.")
@click.option("-d", "--detach", is_flag=True, help="Return as soon as the servers have agreed.")
@click.option(
    "--expect",
    "expected",
    type=click.IntRange(min=0),
    metavar="RELEASE",
    help="Only if this is the current release; 0: only if the app is new.",
)
@timeout_option
@with_scope
def apply(
    scope: Scope,
    *,
    files: tuple[Path, ...],
    project: str | None,
    profiles: tuple[str, ...],
    reason: str,
    detach: bool,
    expected: int | None,
    timeout: float,
) -> None:
    """Make an app what its manifest says.

    Without -f the manifest is compose.yaml or orb.yaml in this folder. Waits until every replica is
    ready, and tells why if it does not get there.
    """
    loaded = load_manifest(files, project, profiles, scope.environment)
    environment = scope.environment

    async def work(client: "Client") -> None:
        applied = await client.apply(
            environment, loaded.app, reason, expected, contents=loaded.contents
        )
        announce(applied, environment)
        if not detach:
            await see_through(client, environment, applied, timeout)

    scope.run(work)


def load_manifest(
    files: tuple[Path, ...], project: str | None, profiles: tuple[str, ...], environment: str
) -> "Loaded":
    """Read the manifest and tell its warnings. Raises InvalidInput, NotFound."""
    import os

    from orb import manifest

    loaded = manifest.load(
        files,
        environment=os.environ,
        project_name=project,
        profiles=profiles,
        target_environment=environment,
    )
    for warning in loaded.warnings:
        note(str(warning))
    return loaded


def announce(applied: AppliedRelease, environment: str) -> None:
    """Say what the servers have agreed on."""
    app = applied.app if environment == DEFAULT_ENVIRONMENT else f"{applied.app} in {environment}"
    if not applied.changed:
        click.echo(f"{app}: nothing has changed, it is at release {applied.release}")
        return
    click.echo(f"{app}: release {applied.release}")
    for line in applied.changes:
        click.echo(f"  {line}")


async def see_through(
    client: "Client", environment: str, applied: AppliedRelease, seconds: float
) -> None:
    """Stay until the release is over. Raises Failed, Conflict, StillGoing."""
    import asyncio

    from cli.rollouts import Picture, block, conclude, follow, looked

    screen = Screen()
    picture = Picture(
        environment=environment,
        app=applied.app,
        number=applied.release,
        changed=applied.changed,
    )
    what = f"release {applied.release} of {applied.app}"
    try:
        ended = await finish(follow(client, picture, screen), seconds, what)
    except StillGoing:
        for line in block(await looked(client, picture), bars=screen.live):
            screen.say(line)
        raise
    except asyncio.CancelledError:
        note(f"\nNo longer watching; {what} goes on. See `orbctl status`.")
        raise
    await conclude(client, ended, screen)
