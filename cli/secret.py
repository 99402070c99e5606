"""`orbctl secret`: stores secrets for apps that call them external, and forgets them."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli.asking import Query
from cli.output import output_option, print_views
from cli.scope import Scope, confirm, with_scope, yes_option
from orb.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from cli.client import Client

READ_BYTES_MAX: Final = 1024 * 1024
"""More is not read; the servers refuse less than that."""


@click.group()
def secret() -> None:
    """Store secrets for apps that call them `external`.

    What is stored is never shown again: only the nodes that run a user of it get it.
    """


@secret.command("set")
@click.argument("name")
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Read it from this file; without it, from the standard input.",
)
@click.option("--from-env", metavar="VARIABLE", help="Take it from this environment variable.")
@with_scope
def set_(scope: Scope, *, name: str, file: Path | None, from_env: str | None) -> None:
    """Store the secret NAME in an environment, or change it.

    A change is a release of every app that uses it, and rolls the services that do. The secret is
    never an argument: others on this machine could see it, and the shell would remember it. On a
    terminal it is asked for; a line's end is not a part of it then.
    """
    content = _content(file, from_env)
    environment = scope.environment

    async def work(client: "Client") -> tuple[str, ...] | None:
        return await client.set_secret(environment, name, content)

    made = scope.run(work)
    if made is None:
        click.echo(f"{name}: nothing to change")
        return
    click.echo(f"{name} is stored in {environment}")
    for line in made:
        click.echo(f"  {line}")


@secret.command("ls")
@output_option
@with_scope
def ls(scope: Scope, *, output: str) -> None:
    """List the secrets that are stored and those of apps: names and users, never contents."""
    query = Query(kind="secrets", environment=scope.filter_environment)
    print_views("secrets", scope.run(lambda client: client.get(query)), output)


@secret.command("rm")
@click.argument("name")
@yes_option
@with_scope
def rm(scope: Scope, *, name: str, yes: bool) -> None:
    """Forget the secret NAME. Refused while a service uses it."""
    environment = scope.environment
    confirm(f"This forgets the secret {name} of {environment}.", yes=yes)
    scope.run(lambda client: client.remove_secret(environment, name))
    click.echo(f"{name} is forgotten")


def _content(file: Path | None, variable: str | None) -> bytes:
    """What is to be stored. Raises InvalidInput, NotFound."""
    if file is not None and variable is not None:
        raise InvalidInput("the secret has two sources", remedy="give --file or --from-env")
    if variable is not None:
        found = os.environb.get(os.fsencode(variable))
        if found is None:
            raise NotFound(f"the environment variable {variable} is not set")
        return found
    if file is not None and str(file) != "-":
        try:
            with file.open("rb") as opened:
                return opened.read(READ_BYTES_MAX)
        except OSError as error:
            raise NotFound(f"cannot read {file}: {error.strerror}") from error
    if sys.stdin.isatty():
        return str(click.prompt("Secret", hide_input=True, err=True)).encode()
    return sys.stdin.buffer.read(READ_BYTES_MAX)
